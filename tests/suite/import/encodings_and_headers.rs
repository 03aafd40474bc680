//! The `import` command: required flags, refusals and its report.

use clap::Parser;
use sendoff::audience::import::Request;
use sendoff::infra::i18n::Lang;
use serde_json::json;

use super::fixture::{corpus, count, file, import, key, request, set_up};
use crate::fixture::both;

both!(an_import_without_source_or_proof_or_with_a_future_date_is_refused, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let good = request(corpus("utf-8.csv"));

    let blank = Request { source: " ".to_owned(), proof: String::new(), ..good.clone() };
    let message = import(fixture, &blank).await.expect_err("refused").message();
    assert!(Lang::EN.translate(&message).contains("--source, --proof"));
    let later = Request { date: "2027-01-01".to_owned(), ..good.clone() };
    assert_eq!(key(import(fixture, &later).await), "import-date-future");
    let never = Request { date: "soon".to_owned(), ..good.clone() };
    assert_eq!(key(import(fixture, &never).await), "import-date");
    let nowhere = Request { list: "Nothing".to_owned(), ..good };
    assert_eq!(key(import(fixture, &nowhere).await), "list-unknown");
});

both!(an_unwritable_rejects_file_is_refused_before_anything_is_imported, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let path = file(fixture, "people.csv", "email\na@example.org\n");
    for (rejects, expected) in [
        (fixture.folder.path().join("no/such/folder.csv"), "io-not-found"),
        (fixture.folder.path().to_owned(), "io-is-directory"),
        (path.clone(), "import-rejects-same"),
    ] {
        let request = Request { rejects: Some(rejects), ..request(&path) };
        assert_eq!(key(import(fixture, &request).await), expected);
    }
    assert_eq!(count(fixture, "select count(*) from contact").await, 0);
    assert_eq!(std::fs::read(&path).expect("still there"), b"email\na@example.org\n");
});

#[derive(clap::Parser)]
struct ImportCommand {
    #[command(flatten)]
    args: sendoff::cli::import::Args,
}

both!(the_command_names_every_missing_flag_and_reports_in_the_users_language, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let path = corpus("messy.csv");
    let path = path.to_str().expect("a path in UTF-8");
    let type_in = async |words: &[&str]| {
        let command = ImportCommand::try_parse_from(["import", path].iter().chain(words)).expect("parses");
        sendoff::cli::import::run(&fixture.installation, &fixture.actor, command.args, Lang::RU, true).await
    };

    let refusal = type_in(&["--list", "Новости"]).await.expect_err("refused").message();
    assert!(Lang::RU.translate(&refusal).contains("--source, --basis, --proof, --date"));

    let words =
        ["--list", "Новости", "--source", "магазин", "--basis", "consent", "--proof", "анкета", "--date", "31.10.2026"];
    let wrong = type_in(&[&words[..], &["--map", "имя"]].concat()).await.expect_err("refused").message();
    assert_eq!(wrong.key, "import-map-shape");
    let report = type_in(&[&words[..], &["--dry-run", "--map", "Имя=-"]].concat()).await.expect("counted");
    assert_eq!((&report.json["new"], &report.json["dry_run"]), (&json!(7), &json!(true)));
    assert!(report.text.contains("Имя → -"), "{}", report.text);
    let report = type_in(&words).await.expect("imported");
    assert_eq!(report.json["duplicates"], json!(1));
    assert!(report.text.contains("7  новых") && report.text.contains("--rejects ФАЙЛ"), "{}", report.text);
});
