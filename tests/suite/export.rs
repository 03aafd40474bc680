//! Exports: every row once, no formulas, only the rows of the workspace, numbers that reconcile.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Parser;
use sendoff::audience::contact::Values;
use sendoff::audience::field::{self, Field};
use sendoff::audience::{subscription, workspace};
use sendoff::campaign::delivery::State;
use sendoff::campaign::erased_counts;
use sendoff::campaign::model::Campaign;
use sendoff::cli;
use sendoff::cli::args::{Cli, Command};
use sendoff::infra::i18n::Lang;
use sendoff::privacy::erasure::{self, Reason};
use sendoff::privacy::physical_erasure;
use sendoff::report::export::table_writer::Format;
use sendoff::report::export::{self, Excel, Export, Kind};
use serde_json::Value;

use crate::canary;
use crate::fixture::{Fixture, NOW, both};

async fn rows(fixture: &Fixture, kind: Kind, campaign: Option<&Campaign>) -> Vec<Value> {
    let path = fixture.installation.config.export_dir().join(format!("{kind}.ndjson"));
    let wanted = Export::new(kind, Format::Ndjson, fixture.workspace.id).of(campaign);
    let written = export::to_file(&fixture.installation, &wanted, &path, &mut |_, _| {}).await.expect("exported");
    let text = std::fs::read_to_string(&path).expect("read");
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(rows.len() as u64, written.rows + written.remainder);
    rows
}

async fn csv(fixture: &Fixture, kind: Kind) -> Vec<Vec<String>> {
    let path = fixture.installation.config.export_dir().join(format!("{kind}.csv"));
    let wanted = Export::new(kind, Format::Csv, fixture.workspace.id);
    export::to_file(&fixture.installation, &wanted, &path, &mut |_, _| {}).await.expect("exported");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).expect("opened");
    reader.records().map(|record| record.expect("CSV").iter().map(str::to_owned).collect()).collect()
}

/// Deliveries or events of a kind, those in remainder rows included.
fn sum(rows: &[Value], name: &str, value: &str) -> i64 {
    with(rows, name, value).iter().filter_map(|row| row["count"].as_i64()).sum()
}

fn with<'a>(rows: &'a [Value], name: &str, value: &str) -> Vec<&'a Value> {
    rows.iter().filter(|row| row[name] == value).collect()
}

/// Three deliveries: accepted with events, rejected and pending.
async fn three_deliveries(fixture: &Fixture) -> (sendoff::audience::list::List, Campaign) {
    let list = canary::list(fixture, "News").await;
    for text in ["a@example.org", "б@почта.рф", "c@example.org"] {
        canary::person(fixture, &list, text).await;
    }
    let (campaign, _) = canary::launch(fixture, &list, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    let ends = [("a@example.org", State::Accepted), ("б@почта.рф", State::Rejected), ("c@example.org", State::Pending)];
    canary::end(fixture, &campaign, &ends.map(|(text, state)| (taken[text], state))).await;
    canary::react(fixture, taken["a@example.org"]).await;
    (list, campaign)
}

both!(exports_reconcile_before_and_after_an_erasure, |fixture| {
    let (_, campaign) = three_deliveries(fixture).await;
    let before = rows(fixture, Kind::Summary, Some(&campaign)).await;
    let deliveries = rows(fixture, Kind::Deliveries, Some(&campaign)).await;
    for state in ["accepted", "rejected", "pending"] {
        assert_eq!(before[0][state], with(&deliveries, "state", state).len(), "{state}");
    }
    assert_eq!(before[0]["planned"], deliveries.len());
    assert_eq!(with(&deliveries, "state", "rejected")[0]["code"], 550);
    assert_eq!(with(&deliveries, "state", "accepted")[0]["dated_at"], "2026-11-21T10:00:00.000Z");
    let events = rows(fixture, Kind::Events, None).await;
    let count = |kind| with(&events, "kind", kind).len();
    assert_eq!((count("open"), count("click"), count("bounce")), (1, 3, 1));
    assert_eq!(with(&events, "kind", "bounce")[0]["address"], "б@почта.рф");
    assert_eq!(with(&events, "kind", "open")[0]["destination"], Value::Null);
    let links = rows(fixture, Kind::Links, None).await;
    assert_eq!(links.iter().map(|link| link["clicks"].as_i64()).collect::<Vec<_>>(), [Some(1), Some(1)]);

    let address = canary::address("a@example.org");
    erasure::erase(&fixture.installation, fixture.workspace.id, &address, Reason::Erased, None).await.expect("erased");

    assert_eq!(rows(fixture, Kind::Summary, Some(&campaign)).await, before);
    assert_eq!(rows(fixture, Kind::Links, None).await, links);
    let (left, events) = (rows(fixture, Kind::Deliveries, None).await, rows(fixture, Kind::Events, None).await);
    assert_eq!((left.len(), with(&left, "remainder", "erased").len()), (3, 1));
    for state in ["accepted", "rejected", "pending"] {
        assert_eq!(before[0][state], sum(&left, "state", state), "{state}");
    }
    assert_eq!(
        (sum(&events, "kind", "open"), sum(&events, "kind", "click"), sum(&events, "kind", "bounce")),
        (1, 3, 1)
    );
    assert_eq!((&before[0]["opens_total"], &before[0]["clicks_total"]), (&1.into(), &3.into()));
    assert!(left.iter().chain(&events).all(|row| (row["remainder"] == Value::Null) == row["address"].is_string()));
});

both!(an_event_of_an_unknown_kind_is_exported_and_never_stops_an_erasure, |fixture| {
    let (_, campaign) = three_deliveries(fixture).await;
    let before = rows(fixture, Kind::Summary, Some(&campaign)).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::query(
        "insert into event (id, workspace_id, campaign_id, delivery_id, contact_id, kind, position, at) \
         select id + 1, workspace_id, campaign_id, id, contact_id, 'future', 0, 1795255200000 from delivery \
         where state = 'accepted'",
    )
    .execute(&mut *tx)
    .await
    .expect("inserted");
    tx.commit().await.expect("committed");

    let events = rows(fixture, Kind::Events, None).await;
    assert_eq!(with(&events, "kind", "future")[0]["address"], "a@example.org");
    assert_eq!(rows(fixture, Kind::Summary, Some(&campaign)).await, before);

    let address = canary::address("a@example.org");
    erasure::erase(&fixture.installation, fixture.workspace.id, &address, Reason::Erased, None).await.expect("erased");

    assert_eq!(rows(fixture, Kind::Summary, Some(&campaign)).await, before);
    let future = rows(fixture, Kind::Events, None).await;
    assert!(
        with(&future, "kind", "future").iter().all(|row| row["remainder"] == "erased" && row["address"] == Value::Null)
    );
    assert_eq!(sum(&future, "kind", "future"), 1);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let erased = erased_counts::list(&mut conn, campaign.id).await.expect("listed");
    assert_eq!(erased.get(&("event:future".to_owned(), 0)), Some(&1));
});

both!(subscriptions_show_consent_activity_and_reachability, |fixture| {
    let (list, campaign) = three_deliveries(fixture).await;
    let other = canary::list(fixture, "Sales").await;
    canary::person(fixture, &other, "a@example.org").await;

    let all = rows(fixture, Kind::Subscriptions, None).await;
    let of_campaign = rows(fixture, Kind::Subscriptions, Some(&campaign)).await;

    assert_eq!((all.len(), of_campaign.len()), (4, 3));
    let cells = |row: &Value| {
        let cell = |name: &str| row[name].clone();
        (cell("opened"), cell("opened_at"), cell("clicked"), cell("reachable"))
    };
    let at = Value::from("2026-11-21T10:00:00.000Z");
    let first = with(&of_campaign, "address", "a@example.org")[0];
    assert_eq!(cells(first), (1.into(), at.clone(), 1.into(), "yes".into()));
    assert_eq!((&first["joined_at"], &first["given_at"]), (&at, &at));
    assert_eq!((first["list"].as_str(), first["basis"].as_str()), (Some(list.name.as_str()), Some("consent")));
    let elsewhere = with(&all, "list", "Sales")[0];
    assert_eq!(cells(elsewhere), (0.into(), Value::Null, 0.into(), Value::Null));
    assert_eq!(with(&all, "address", "б@почта.рф")[0]["reachable"], "no");
});

both!(formulas_are_disarmed_and_numbers_kept, |fixture| {
    let list = canary::list(fixture, "=cmd").await;
    for (name, kind) in [("note", "text"), ("balance", "number"), ("state", "text")] {
        let field = Field::declare(name, kind).expect("a field");
        field::add(&fixture.installation, fixture.workspace.id, &field).await.expect("declared");
    }
    let values = [("note", Value::from("＝1+1")), ("balance", Value::from(-5)), ("state", Value::from("@home"))];
    let values = Values::from_iter(values.map(|(name, value)| (name.to_owned(), value)));
    canary::join(fixture, &list, &[(canary::address("+7900@example.org"), values)]).await;

    let table = csv(fixture, Kind::Subscriptions).await;
    let cell = |name: &str| {
        let column = table[0].iter().position(|column| column == name).expect("a column");
        table[1][column].as_str()
    };

    assert_eq!((cell("list"), cell("address"), cell("note")), ("'=cmd", "'+7900@example.org", "'＝1+1"));
    assert_eq!((cell("balance"), cell("state"), cell("field_state")), ("-5", "confirmed", "'@home"));
    assert_eq!(rows(fixture, Kind::Subscriptions, None).await[0]["note"], "＝1+1");
});

both!(restricted_contacts_and_other_workspaces_are_left_out, |fixture| {
    let (_, campaign) = three_deliveries(fixture).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let person = canary::id(fixture, "a@example.org").await.expect("there");
    subscription::restrict(&mut tx, person).await.expect("restricted");
    tx.commit().await.expect("committed");
    let other = workspace::ensure(&fixture.installation, "other").await.expect("a workspace");

    for kind in [Kind::Deliveries, Kind::Events, Kind::Subscriptions] {
        let rows = rows(fixture, kind, Some(&campaign)).await;
        assert!(!rows.is_empty() && with(&rows, "address", "a@example.org").is_empty(), "{kind}: {rows:?}");
        let hidden: i64 = with(&rows, "remainder", "restricted").iter().filter_map(|row| row["count"].as_i64()).sum();
        let expected = match kind {
            Kind::Deliveries => 1,
            Kind::Events => 4,
            _ => 0,
        };
        assert_eq!(hidden, expected, "{kind}: {rows:?}");
    }
    for kind in Kind::ALL {
        let path = fixture.installation.config.export_dir().join("other.ndjson");
        let wanted = Export::new(*kind, Format::Ndjson, other.id);
        let written = export::to_file(&fixture.installation, &wanted, &path, &mut |_, _| {}).await.expect("exported");
        assert_eq!(written, Default::default(), "{kind}");
    }
});

both!(a_delivery_has_ids_domain_relay_message_id_and_its_events, |fixture| {
    let (_, campaign) = three_deliveries(fixture).await;
    let deliveries = rows(fixture, Kind::Deliveries, Some(&campaign)).await;
    let events = rows(fixture, Kind::Events, Some(&campaign)).await;
    let people = rows(fixture, Kind::People, None).await;

    let accepted = with(&deliveries, "state", "accepted")[0];
    assert_eq!((&accepted["opens"], &accepted["clicks"]), (&1.into(), &3.into()));
    assert_eq!(
        (&accepted["opened_at"], &accepted["domain"]),
        (&"2026-11-21T10:00:00.000Z".into(), &"example.org".into())
    );
    assert_eq!(with(&deliveries, "state", "rejected")[0]["domain"], "xn--80a1acny.xn--p1ai");
    let person = with(&people, "address", "a@example.org")[0];
    assert_eq!((&person["contact_id"], &person["lists"]), (&accepted["contact_id"], &"News".into()));
    let open = with(&events, "kind", "open")[0];
    for id in ["contact_id", "delivery_id", "campaign_id"] {
        assert_eq!(open[id], accepted[id], "{id}");
        assert!(accepted[id].as_str().is_some_and(|id| id.len() == 14), "{accepted}");
    }
    let ids: BTreeSet<_> = events.iter().filter_map(|row| row["event_id"].as_str()).collect();
    assert_eq!(ids.len(), 4, "opens and clicks");
    let links = rows(fixture, Kind::Links, None).await;
    let counts = |row: &Value| (row["clicks"].as_i64(), row["clicks_total"].as_i64());
    assert_eq!(links.iter().map(counts).collect::<Vec<_>>(), [(Some(1), Some(1)), (Some(1), Some(2))]);
    assert_eq!(with(&events, "link_id", links[1]["link_id"].as_str().expect("an id")).len(), 2);
});

both!(people_are_exported_once_and_come_back_unchanged, |fixture| {
    for (name, kind) in [("note", "text"), ("phone", "text"), ("zip", "text"), ("balance", "number"), ("state", "text")]
    {
        let field = Field::declare(name, kind).expect("a field");
        field::add(&fixture.installation, fixture.workspace.id, &field).await.expect("declared");
    }
    let (news, sales) = (canary::list(fixture, "News").await, canary::list(fixture, "Sales").await);
    let values = |note: &str| {
        let all = [("note", note), ("phone", "+44 1"), ("zip", "007"), ("state", "-5a")];
        let mut values = Values::from_iter(all.map(|(name, value)| (name.to_owned(), Value::from(value))));
        values.insert("balance".to_owned(), Value::from(-1.5));
        values
    };
    let notes = ["=x", "'=x", "''", "'tis", "＝1", "a\"b;c,d\ne", "@home"];
    let addresses: Vec<_> = (0..notes.len()).map(|index| canary::address(&format!("+{index}@example.org"))).collect();
    let people: Vec<_> = addresses.iter().cloned().zip(notes.map(values)).collect();
    canary::join(fixture, &news, &people).await;
    canary::join(fixture, &sales, &people[..2]).await;
    let before = rows(fixture, Kind::People, None).await;
    assert_eq!(before.len(), notes.len());
    assert_eq!(with(&before, "address", "+0@example.org")[0]["lists"], "News; Sales");

    for (kind, excel) in [
        (Kind::People, None),
        (Kind::Subscriptions, None),
        (Kind::People, Some(Excel::of(Lang::EN))),
        (Kind::People, Some(Excel::of(Lang::RU))),
    ] {
        let path = fixture.installation.config.export_dir().join("back.csv");
        let wanted = Export { excel, ..Export::new(kind, Format::Csv, fixture.workspace.id) };
        export::to_file(&fixture.installation, &wanted, &path, &mut |_, _| {}).await.expect("exported");
        let bytes = std::fs::read(&path).expect("read");
        assert_eq!(bytes.starts_with("\u{feff}".as_bytes()), excel.is_some());
        let file = path.display().to_string();
        let line = ["sendoff", "import", &file, "--list", "News", "--source", "our export", "--basis", "consent"];
        let line = line.into_iter().chain(["--proof", "file 18", "--date", "2026-10-01"]);
        let Ok(Command::Import(args)) = Cli::try_parse_from(line).map(|cli| cli.command) else { panic!("an import") };
        let imported =
            cli::import::run(&fixture.installation, &fixture.actor, args, Lang::EN, true).await.expect("imported").json;
        let count = |name: &str| imported[name].as_i64();
        assert_eq!(
            (count("new"), count("updated"), count("invalid")),
            (Some(0), Some(0), Some(0)),
            "{kind}: {imported}"
        );
    }

    assert_eq!(rows(fixture, Kind::People, None).await, before);
});

both!(each_of_many_rows_is_exported_once, |fixture| {
    let (list, other) = (canary::list(fixture, "News").await, canary::list(fixture, "Sales").await);
    let people: Vec<_> =
        (0..2_500).map(|index| (canary::address(&format!("p{index}@example.org")), Values::new())).collect();
    canary::join(fixture, &list, &people).await;
    canary::join(fixture, &other, &people[..100]).await;
    let (before, _) = canary::launch(fixture, &other, "before").await;
    let (campaign, planned) = canary::launch(fixture, &list, "autumn").await;
    canary::launch(fixture, &other, "after").await;

    let all = rows(fixture, Kind::Deliveries, Some(&campaign)).await;

    let addresses: BTreeSet<_> = all.iter().map(|row| row["address"].as_str()).collect();
    assert_eq!((all.len() as i64, addresses.len()), (planned, 2_500));
    assert_eq!(rows(fixture, Kind::Deliveries, Some(&before)).await.len(), 100);
    assert_eq!(rows(fixture, Kind::Deliveries, None).await.len(), 2_700);
});

both!(the_command_writes_a_complete_file_or_reports_why_not, |fixture| {
    three_deliveries(fixture).await;
    let folder = fixture.installation.config.export_dir();
    let run = |out: &Path, what: &str, campaign: Option<&str>| {
        let command = cli::export::Command {
            what: what.to_owned(),
            profile: None,
            campaign: campaign.map(str::to_owned),
            format: "csv".to_owned(),
            excel: false,
            since: None,
            out: out.display().to_string(),
        };
        cli::export::run(&fixture.installation, &fixture.actor, command, Lang::EN)
    };

    let report = run(&folder.join("a.csv"), "deliveries", Some("autumn")).await.expect("exported");
    assert_eq!(report.json["rows"], 3);
    let text = std::fs::read_to_string(folder.join("a.csv")).expect("read");
    assert!(text.starts_with("\"campaign\",\"address\",\"state\""), "no byte order mark: {text}");

    for (out, what, campaign, key, code) in [
        (folder.clone(), "events", None, "io-is-directory", 1),
        (folder.join("missing/a.csv"), "events", None, "io-not-found", 1),
        (folder.join("b.csv"), "everything", None, "unknown-option-word", 2),
        (folder.join("b.csv"), "events", Some("spring"), "campaign-unknown", 2),
    ] {
        let refusal = run(&out, what, campaign).await.expect_err(key);
        assert_eq!((refusal.message().key, refusal.exit_code()), (key, code));
    }
    let left: Vec<_> = std::fs::read_dir(&folder).expect("listed").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["a.csv"]);
});

both!(a_contact_erased_during_an_export_is_removed_from_the_file, |fixture| {
    let (_, campaign) = three_deliveries(fixture).await;
    let path = fixture.installation.config.export_dir().join("a.csv");
    let wanted = Export::new(Kind::Deliveries, Format::Csv, fixture.workspace.id).of(Some(&campaign));
    let log = sendoff::privacy::erasure_log::length(&fixture.installation);
    export::to_file(&fixture.installation, &wanted, &path, &mut |_, _| {}).await.expect("exported");
    let late = fixture.folder.path().join("moved.csv");
    std::fs::rename(&path, &late).expect("moved");
    let address = canary::address("б@почта.рф");
    erasure::erase(&fixture.installation, fixture.workspace.id, &address, Reason::Erased, None).await.expect("erased");

    sendoff::privacy::file_erasure::erase_from_file(&fixture.installation, &late, log).await.expect("erased");

    let text = std::fs::read_to_string(&late).expect("read");
    assert!(!text.contains("б@почта.рф") && text.contains("a@example.org") && text.contains("c@example.org"));
    assert_eq!(text.lines().count(), 3);
});

both!(a_contact_is_shown_corrected_and_erased, |fixture| {
    let (list, _) = three_deliveries(fixture).await;
    let old = format!("{}@example.org", canary::word());
    canary::person(fixture, &list, &old).await;
    let age = Field::declare("age", "number").expect("a field");
    field::add(&fixture.installation, fixture.workspace.id, &age).await.expect("declared");
    let run = |command| cli::contact::run(&fixture.installation, &fixture.actor, command, Lang::RU);
    use cli::contact::Command;
    let address = || "A@example.org".to_owned();
    erasure::erase(&fixture.installation, fixture.workspace.id, &canary::address("erased@x.org"), Reason::Erased, None)
        .await
        .expect("kept out");

    for (set, new, key) in [
        (vec!["age=old".to_owned()], None, "contact-correct-value"),
        (vec!["city=Казань".to_owned()], None, "contact-correct-field"),
        (vec![], None, "contact-correct-nothing"),
        (vec![], Some("c@example.org"), "contact-exists"),
        (vec![], Some("Erased@X.org"), "contact-erased-before"),
    ] {
        let command = Command::Correct { address: address(), set, new: new.map(str::to_owned) };
        assert_eq!(run(command).await.expect_err(key).message().key, key);
    }
    let set = vec!["age=41".to_owned()];
    run(Command::Correct { address: address(), set, new: Some("anna@example.org".to_owned()) })
        .await
        .expect("corrected");
    let shown = run(Command::Show { address: "anna@example.org".to_owned() }).await.expect("shown").json;
    assert_eq!((&shown["fields"]["age"], shown["address"].as_str()), (&Value::from(41), Some("anna@example.org")));
    assert_eq!(
        (shown["deliveries"].as_array().map(Vec::len), shown["events"].as_array().map(Vec::len)),
        (Some(1), Some(4))
    );
    assert_eq!(shown["consents"][0]["proof"], "file 17");
    let command = Command::Correct { address: old.clone(), set: vec![], new: Some("new@example.org".to_owned()) };
    run(command).await.expect("corrected");
    physical_erasure::run(&fixture.installation).await.expect("removed");
    assert_eq!(canary::search(fixture, &old).await.traces, [], "nothing of the old address is left");

    let erased = run(Command::Erase { address: "anna@example.org".to_owned(), now: false }).await.expect("erased");
    assert_eq!((&erased.json["erased"], &erased.json["removed"]["events"]), (&true.into(), &4.into()));
    assert_eq!(run(Command::Show { address: "anna@example.org".to_owned() }).await.expect_err("gone").exit_code(), 2);
    assert!(erased.text.contains("anna@example.org") && fixture.installation.clock.now() == NOW);
});
