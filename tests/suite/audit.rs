//! The audit log: every action is a line, without addresses; changed and missing lines are found; a workspace sees its own.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sendoff::infra::error::Kind;
use sendoff::infra::hex;
use sendoff::privacy::physical_erasure::Urgency;
use sendoff::usecase::audit_log::{self, Filter};
use sendoff::usecase::contact::Correction;
use sendoff::usecase::{Action, Actor, NO_WORKSPACE, Role, contact, list, workspace};
use sha2::{Digest, Sha256};

use crate::fixture::both;

const OPERATOR: Actor = Actor::operator(NO_WORKSPACE);

fn filter() -> Filter {
    Filter { limit: 100, ..Filter::default() }
}

both!(looking_changing_and_refusals_are_lines_without_addresses, |fixture| {
    let installation = &fixture.installation;
    fixture.subscribe("News", &["anna@x.example", "boris@x.example"]).await;
    let anna = fixture.contact_id("anna@x.example").await.expect("imported");
    let owner = Actor::member(fixture.workspace.id, Role::Owner, 4_711);
    let analyst = Actor::member(fixture.workspace.id, Role::Analyst, 4_712);
    contact::show(installation, &owner, "anna@x.example").await.expect("shown");
    let refused = contact::show(installation, &analyst, "anna@x.example").await.expect_err("no addresses");
    assert_eq!(refused.kind(), Kind::Forbidden);
    contact::erase(installation, &fixture.actor, "anna@x.example", Urgency::Usual).await.expect("erased");

    let page = audit_log::list(installation, &owner, &filter()).await.expect("listed");

    let found = |action: &str, outcome: &str, user: Option<i64>| {
        page.entries
            .iter()
            .any(|entry| entry["action"] == action && entry["outcome"] == outcome && entry["user"].as_i64() == user)
    };
    assert!(found("show_contact", "done", Some(4_711)), "{page:#?}");
    assert!(found("show_contact", "refused", Some(4_712)));
    assert!(found("erase_contact", "done", None));
    let of_anna = Filter { subject: Some(anna), ..filter() };
    let of_anna = audit_log::list(installation, &owner, &of_anna).await.expect("listed");
    assert!(of_anna.entries.len() >= 2, "{of_anna:#?}");
    let readers = Filter { action: Some("read_audit_log".to_owned()), ..filter() };
    let readers = audit_log::list(installation, &owner, &readers).await.expect("listed");
    assert_eq!(readers.entries.len(), 2, "who reads the log is in it");

    for file in installation.audit_log.files().expect("files") {
        let text = fs::read_to_string(file).expect("read");
        assert!(!text.contains("anna") && !text.contains("x.example"), "{text}");
    }
});

both!(a_workspace_sees_its_own_entries_and_the_operator_all, |fixture| {
    let installation = &fixture.installation;
    workspace::add(installation, &OPERATOR, "other").await.expect("added");
    let other = workspace::find(installation, "other").await.expect("there");
    list::add(installation, &Actor::operator(other.id), "Theirs").await.expect("added");
    let owner = Actor::member(fixture.workspace.id, Role::Owner, 1);
    let auditor = Actor::member(other.id, Role::Auditor, 2);

    let own = audit_log::list(installation, &owner, &filter()).await.expect("listed");
    let theirs = audit_log::list(installation, &auditor, &filter()).await.expect("listed");
    let all = audit_log::list(installation, &OPERATOR, &filter()).await.expect("listed");

    assert!(own.entries.iter().all(|entry| entry["workspace"] == fixture.workspace.id));
    assert!(theirs.entries.iter().any(|entry| entry["action"] == "add_list"));
    assert!(theirs.entries.iter().all(|entry| entry["workspace"] == other.id));
    assert!(all.entries.iter().any(|entry| entry["action"] == "add_workspace"));
    for role in [Role::Marketer, Role::Analyst, Role::Support] {
        let refused = audit_log::list(installation, &Actor::member(other.id, role, 3), &filter()).await;
        assert_eq!(refused.expect_err("not their business").kind(), Kind::Forbidden, "{role}");
    }
});

both!(a_removed_line_is_found_and_an_export_can_be_checked, |fixture| {
    let installation = &fixture.installation;
    for name in ["A", "B", "C"] {
        list::add(installation, &fixture.actor, name).await.expect("added");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let exported = audit_log::export(installation, &OPERATOR, &filter(), &file).await.expect("written");
    let mut previous = "0".repeat(64);
    let mut lines = 0;
    for line in fs::read_to_string(&file).expect("read").lines() {
        let (members, rest) = line.rsplit_once(",\"hash\":\"").expect("a hash");
        let hash = hex::encode(&Sha256::digest(format!("{members}}}").as_bytes()));
        assert_eq!(rest, format!("{hash}\"}}"));
        assert!(members.ends_with(&format!(",\"previous\":\"{previous}\"")), "{line}");
        (previous, lines) = (hash, lines + 1);
    }
    assert_eq!(lines, exported.entries);
    let again = audit_log::export(installation, &OPERATOR, &filter(), &file).await.expect_err("it exists");
    assert_eq!(again.message().key, "audit-to-exists");
    assert!(audit_log::verify(installation, &OPERATOR).await.expect("checked").iter().all(|check| check.intact));

    let log = installation.audit_log.files().expect("files").remove(0);
    let text = fs::read_to_string(&log).expect("read");
    let second: String =
        text.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| format!("{line}\n")).collect();
    fs::write(&log, second).expect("written");
    let checks = audit_log::verify(installation, &OPERATOR).await.expect("checked");
    let keys: Vec<_> = checks[0].problems.iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["log-line-missing"]);
});

both!(a_wrong_filter_is_refused, |fixture| {
    let wrong = Filter { action: Some("walk".to_owned()), ..filter() };
    let refused = audit_log::list(&fixture.installation, &OPERATOR, &wrong).await.expect_err("unknown");
    assert_eq!(refused.message().key, "audit-action-unknown");
    let wrong = Filter { from: Some("yesterday".to_owned()), ..filter() };
    let refused = audit_log::list(&fixture.installation, &OPERATOR, &wrong).await.expect_err("no day");
    assert_eq!(refused.message().key, "audit-from");
});

/// The entries of the log with an outcome, of the process that asks.
async fn outcomes(fixture: &crate::fixture::Fixture, outcome: &str) -> Vec<serde_json::Value> {
    let page = audit_log::list(&fixture.installation, &OPERATOR, &filter()).await.expect("listed");
    page.entries.into_iter().filter(|entry| entry["outcome"] == outcome).collect()
}

both!(an_export_whose_process_is_killed_is_in_the_log, |fixture| {
    // More than a pipe and the buffers before it hold.
    let people: Vec<String> = (0..1_500).map(|n| format!("{}-{n}@many.example", "person".repeat(9))).collect();
    fixture.subscribe("News", &people.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let config = &fixture.installation.config;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
    command.arg("--data").arg(&config.data);
    if let Some(database) = &config.database {
        command.arg("--database").arg(database);
    }
    command.args(["export", "subscriptions", "--out", "-"]).stdout(Stdio::piped()).stderr(Stdio::null());
    // Nobody reads its output, so it stops in the middle.
    let mut child = command.spawn().expect("the program starts");
    let is_begun = || {
        fs::read_dir(config.journal_dir()).expect("listed").flatten().any(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            name.starts_with("intents-") && file.metadata().is_ok_and(|data| data.len() > 0)
        })
    };
    let until = Instant::now() + Duration::from_secs(60);
    while !is_begun() {
        assert!(Instant::now() < until, "the export does not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    audit_log::verify(&fixture.installation, &OPERATOR).await.expect("checked");
    assert_eq!(outcomes(fixture, "unknown").await.len(), 0, "it is still at work");
    child.kill().expect("killed");
    child.wait().expect("ended");

    let checks = audit_log::verify(&fixture.installation, &OPERATOR).await.expect("checked");

    assert!(checks.iter().all(|check| check.intact), "{checks:?}");
    let unknown = outcomes(fixture, "unknown").await;
    assert_eq!(unknown.len(), 1, "{unknown:#?}");
    assert_eq!(
        (unknown[0]["action"].as_str(), unknown[0]["channel"].as_str()),
        (Some("export_contacts"), Some("command_line"))
    );
    assert!(unknown[0]["begun_at"].as_str().is_some());
    assert!(!is_begun(), "the file of the process is gone");
    audit_log::verify(&fixture.installation, &OPERATOR).await.expect("checked");
    assert_eq!(outcomes(fixture, "unknown").await.len(), 1, "once");
});

both!(an_action_that_ends_without_its_entry_gets_one, |fixture| {
    let installation = &fixture.installation;
    fixture.subscribe("News", &["anna@x.example"]).await;
    let correction = Correction { set: vec![("city".to_owned(), "Tver".to_owned())], address: None };
    let missing = contact::correct(installation, &fixture.actor, "nobody@x.example", &correction).await;
    assert_eq!(missing.expect_err("unknown").kind(), Kind::NotFound);
    // The client goes away.
    let permit = fixture.actor.permit(installation, Action::ExportContacts).await.expect("permitted");
    drop(permit.begin(installation).await.expect("begun"));
    let permit = fixture.actor.permit(installation, Action::RestrictContact).await.expect("permitted");
    permit.begin(installation).await.expect("begun").audit_each([7, 8]).await;

    let until = Instant::now() + Duration::from_secs(20);
    let mut found = Vec::new();
    while found.len() < 2 && Instant::now() < until {
        found = outcomes(fixture, "unfinished").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let mut actions: Vec<_> = found.iter().filter_map(|entry| entry["action"].as_str()).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["correct_contact", "export_contacts"]);
    let done = outcomes(fixture, "done").await;
    let restricted = done.iter().filter(|entry| entry["action"] == "restrict_contact");
    assert_eq!(restricted.filter_map(|entry| entry["subject"].as_i64()).collect::<Vec<_>>(), [8, 7]);
});
