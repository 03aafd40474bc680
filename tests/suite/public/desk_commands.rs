//! "The same as commands" on every page of the desk, and that these commands exist.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use clap::CommandFactory as _;
use sendoff::cli::args::Cli;
use sendoff::web::desk::command::{COMMANDS, WITHOUT};
use sendoff::web::desk::routes;

use super::fixture::{WebFixture, send};
use crate::fixture::both;

#[test]
fn commands_of_pages_exist_with_their_options() {
    let mut cli = Cli::command();
    // Options of a command are known after this.
    cli.build();
    for (path, commands) in COMMANDS {
        assert!(!commands.is_empty(), "{path}");
        for line in *commands {
            let mut words = line.split(' ');
            assert_eq!(words.next(), Some("sendoff"), "{path}");
            let mut command = &cli;
            let mut rest = Vec::new();
            for word in words {
                match command.find_subcommand(word).filter(|_| rest.is_empty()) {
                    Some(found) => command = found,
                    None => rest.push(word),
                }
            }
            assert!(command.get_name() != "sendoff", "{line}");
            for option in rest.iter().filter_map(|word| word.strip_prefix("--")) {
                let is_known = command.get_arguments().any(|argument| argument.get_long() == Some(option));
                assert!(is_known, "{line}: --{option}");
            }
            let is_group = command.get_subcommands().next().is_some();
            let is_word = |word: &str| word.chars().all(|c| c.is_ascii_lowercase());
            assert!(!is_group || !rest.first().is_some_and(|word| is_word(word)), "{line}: no such command");
        }
    }
}

both!(every_page_names_its_commands_or_why_it_has_none, |fixture| {
    let site = WebFixture::new(fixture).await;
    let headers = [("host", "127.0.0.1:8025"), ("accept-language", "en")];
    let (mut pages, mut shown) = (Vec::new(), 0);
    for route in routes::all() {
        if route.path.contains('.') {
            continue;
        }
        let path = route.path.replace("{id}", &site.campaign.to_string()).replace("{kind}", "links");
        let path = format!("/w/main{}", path.replace("{page}", "start").replace("{month}", "2026-11"));
        let reply = send(site.desk(), Method::GET, &path, &headers, Body::empty()).await;
        let kind = reply.header("content-type").unwrap_or_default().to_owned();
        if reply.status == StatusCode::METHOD_NOT_ALLOWED || (reply.status.is_success() && !kind.contains("html")) {
            continue;
        }
        // Files of a key, which are no pages.
        if ["/media/file", "/exports/{kind}"].contains(&route.path) {
            continue;
        }
        pages.push(route.path);
        let commands = COMMANDS.iter().find(|(path, _)| *path == route.path);
        let is_without = WITHOUT.iter().any(|(path, _)| *path == route.path);
        assert!(commands.is_some() != is_without, "{}: commands, or the reason why there are none", route.path);
        if reply.status == StatusCode::OK && reply.body.contains("id=\"main\"") && commands.is_some() {
            assert!(reply.body.contains("The same as commands"), "{path} ({}): {}", route.path, reply.body);
            assert!(reply.body.contains("sendoff "), "{path}");
            shown += 1;
        }
    }
    let known = COMMANDS.iter().map(|(path, _)| path).chain(WITHOUT.iter().map(|(path, _)| path));
    for path in known {
        assert!(pages.contains(path), "{path} is no page");
    }
    assert!(shown > 25, "{shown} pages were looked at");
});
