//! Dependencies: licences, bans and sources against `deny.toml`, without network.

use std::fs;
use std::path::Path;
use std::process::Command;

fn rules() -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    fs::read_to_string(path).expect("deny.toml").parse().expect("TOML")
}

/// The parts of an SPDX expression between occurrences of `word` outside parentheses.
fn split<'a>(expression: &'a str, word: &str) -> Vec<&'a str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in expression.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ' ' if depth == 0 && at >= start && expression[at..].starts_with(word) => {
                parts.push(&expression[start..at]);
                start = at + word.len();
            }
            _ => {}
        }
    }
    parts.push(&expression[start..]);
    parts
}

/// Whether an SPDX expression has an alternative whose licences are all allowed. The old form `A/B` means `A OR B`.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.trim();
    if allowed.contains(&expression) {
        return true;
    }
    let (any, all) = (split(expression, " OR "), split(expression, " AND "));
    let inner = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    match (any.len(), all.len(), inner) {
        (2.., _, _) => any.into_iter().any(|part| is_allowed(part, allowed)),
        (_, 2.., _) => all.into_iter().all(|part| is_allowed(part, allowed)),
        (_, _, Some(inner)) => is_allowed(inner, allowed),
        _ => expression.contains('/') && expression.split('/').any(|part| is_allowed(part, allowed)),
    }
}

#[test]
fn licences_of_all_dependencies_are_allowed() {
    let rules = rules();
    let allowed: Vec<&str> =
        rules["licenses"]["allow"].as_array().expect("a list").iter().filter_map(|l| l.as_str()).collect();
    let args = ["tree", "--offline", "--locked", "--all-features", "--prefix", "none", "--format", "{p}|{l}"];
    let output =
        Command::new(env!("CARGO")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.lines().count() > 100, "{}", String::from_utf8_lossy(&output.stderr));

    let wrong: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('|'))
        .filter(|(_, licence)| !is_allowed(licence.trim_end_matches(" (*)"), &allowed))
        .collect();

    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn dependencies_come_from_the_registry_and_none_is_banned() {
    let rules = rules();
    let banned: Vec<&str> =
        rules["bans"]["deny"].as_array().expect("a list").iter().filter_map(|ban| ban["name"].as_str()).collect();
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).expect("Cargo.lock");
    let lock: toml::Table = lock.parse().expect("TOML");
    for package in lock["package"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        let source = package.get("source").and_then(|source| source.as_str());
        assert!(!banned.contains(&name), "{name} is banned");
        assert!(
            ["sendoff", "sink"].contains(&name)
                || source == Some("registry+https://github.com/rust-lang/crates.io-index"),
            "{name} comes from {source:?}"
        );
    }
}

#[test]
fn licence_expressions_need_one_allowed_alternative() {
    let allowed = ["MIT", "Unicode-3.0", "Apache-2.0"];

    for good in ["MIT", "MIT/Apache-2.0", "GPL-2.0-only OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert!(is_allowed(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "(MIT OR Apache-2.0) AND GPL-3.0-only"] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}
