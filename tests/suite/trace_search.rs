//! Tests of trace search: nothing is left after an erasure, and what is left is found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::campaign::delivery::State;
use sendoff::cli;
use sendoff::infra::db::Sql;
use sendoff::infra::i18n::Lang;
use sendoff::privacy::erasure::{self, Reason};
use sendoff::privacy::physical_erasure;
use sendoff::privacy::trace_search::encodings;
use sendoff::report::export::table_writer::Format;
use sendoff::report::export::{self, Export};
use sqlx::Row;

use crate::canary;
use crate::fixture::{Fixture, Kind, NOW, both};

/// Every file that may hold bytes of the database, and the data folder.
async fn files(fixture: &Fixture) -> Vec<PathBuf> {
    let mut folders = vec![fixture.installation.config.data.clone()];
    if fixture.kind == Kind::Postgres
        && let Some(data) = fixture.installation.db.data_path().await.expect("asked")
    {
        let own = fixture.installation.db.database_folder().await.expect("asked").expect("a server of many");
        folders.extend(["base/pgsql_tmp", "global", "pg_wal", "pg_stat", "pg_stat_tmp"].map(|name| data.join(name)));
        folders.push(data.join("base").join(own));
    }
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    files
}

/// Counts a word in the bytes of all files, without the code under test.
async fn bytes_with(fixture: &Fixture, word: &str) -> Vec<(PathBuf, usize)> {
    let count = |path: &Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        let first = word.as_bytes()[0];
        let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == first);
        starts.filter(|(at, _)| bytes[*at..].starts_with(word.as_bytes())).count()
    };
    files(fixture).await.into_iter().map(|path| (path.clone(), count(&path))).filter(|(_, count)| *count > 0).collect()
}

fn with_fields(word: &str) -> Values {
    Values::from_iter([("note".to_owned(), format!("{word} likes {}", "long emails ".repeat(20)).into())])
}

both!(erasing_thousands_leaves_no_byte_of_them, |fixture| {
    let (ceases, goes_on) = (canary::list(fixture, "Ceases").await, canary::list(fixture, "Goes on").await);
    let (gone, stays) = (canary::word(), canary::word());
    // In random order, so that index pages are split and rebuilt.
    let person = |word: &str, index: u32| {
        (canary::address(&format!("{:05}{word}@example.org", index * 7_919 % 10_007)), Values::new())
    };
    let people: Vec<_> = (0..4_500).map(|index| person(if index % 3 == 0 { &stays } else { &gone }, index)).collect();
    let (staying, leaving): (Vec<_>, Vec<_>) =
        people.iter().cloned().partition(|(address, _)| address.local().ends_with(&stays));
    canary::join(fixture, &ceases, &people).await;
    canary::join(fixture, &goes_on, &staying).await;
    grow(fixture).await;
    canary::join(fixture, &goes_on, &leaving[..30]).await;
    let (campaign, planned) = canary::launch(fixture, &ceases, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    let ends: Vec<_> = taken.values().map(|id| (*id, State::Accepted)).collect();
    canary::end(fixture, &campaign, &ends).await;
    if fixture.kind == Kind::Postgres {
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        for statement in ["analyze", "checkpoint"] {
            sqlx::raw_sql(statement).execute(&mut *conn).await.expect(statement);
        }
    }
    assert!(!bytes_with(fixture, &gone).await.is_empty());

    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    for (address, _) in &leaving[..30] {
        erasure::erase(installation, workspace, address, Reason::Erased, None).await.expect("erased");
    }
    for (address, _) in &leaving[30..60] {
        let person = canary::id(fixture, &address.expose()).await.expect("there");
        erasure::unsubscribe(installation, workspace, person, ceases.id, Reason::Unsubscribed, Some(campaign.id))
            .await
            .expect("left");
    }
    erasure::close_list(installation, workspace, ceases.id, |_| {}).await.expect("closed");
    assert!(physical_erasure::run(installation).await.expect("rewritten"));

    assert_eq!(bytes_with(fixture, &gone).await, []);
    assert!(!bytes_with(fixture, &stays).await.is_empty(), "the other contact is still stored");
    let after = canary::summary(fixture, &campaign).await;
    assert_eq!((after.planned, after.accepted, after.unsubscribed), (planned, 4_500, 30));
});

/// Gives every contact a note of another length: growing rows leave copies in the slack of pages.
async fn grow(fixture: &Fixture) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let rows = Sql::new("select id, address from contact order by id").all(&mut tx).await.expect("asked");
    let grown: Vec<NewContact> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| NewContact {
            id: row.get(0),
            address: canary::address(row.get(1)),
            values: Values::from_iter([("note".to_owned(), "x".repeat(index * 37 % 300).into())]),
        })
        .collect();
    contact::update(&mut tx, fixture.workspace.id, &grown, NOW).await.expect("changed");
    tx.commit().await.expect("committed");
}

both!(contact_in_every_table_and_folder_is_found_and_then_erased_by_every_action, |fixture| {
    for (round, way) in ["leave", "erase", "close"].into_iter().enumerate() {
        let list = canary::list(fixture, way).await;
        let word = canary::word();
        let text = format!("{word}.иванов@почта.рф");
        let longer = format!("{word}.ивановский@почта.рф");
        canary::join(fixture, &list, &[(canary::address(&text), with_fields(&word))]).await;
        let person = canary::id(fixture, &text).await.expect("joined");
        let (campaign, planned) = canary::launch(fixture, &list, way).await;
        let taken = canary::take(fixture, &campaign).await;
        canary::end(fixture, &campaign, &[(taken[&text], State::Rejected)]).await;
        reply(fixture, taken[&text], &format!("550 <{text}> unknown")).await;
        let person_row = canary::summary(fixture, &campaign).await;
        let config = &fixture.installation.config;
        let message = format!("To: <{text}>\r\nContent-Transfer-Encoding: base64\r\n\r\n{}", folded(&text));
        std::fs::write(config.capture_dir().join("1.eml"), message).expect("written");
        for (kind, format) in [(export::Kind::Deliveries, Format::Csv), (export::Kind::Subscriptions, Format::Ndjson)] {
            let wanted = Export::new(kind, format, fixture.workspace.id);
            let path = config.export_dir().join(format!("{kind}.{format}"));
            export::to_file(&fixture.installation, &wanted, &path, &mut |_, _| {}).await.expect("exported");
        }

        let found = canary::search(fixture, &text).await;
        let places: Vec<&str> = found.traces.iter().map(|finding| finding.place.as_str()).collect();
        for place in
            ["contact.address", "contact.canonical", "delivery.reply", "capture/1.eml", "export/deliveries.csv"]
        {
            assert!(places.contains(&place), "{way}: {place} in {places:?}");
        }

        let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
        let address = canary::address(&text);
        match way {
            "leave" => drop(
                erasure::unsubscribe(installation, workspace, person, list.id, Reason::Unsubscribed, None)
                    .await
                    .expect(way),
            ),
            "erase" => drop(erasure::erase(installation, workspace, &address, Reason::Erased, None).await.expect(way)),
            _ => drop(erasure::close_list(installation, workspace, list.id, |_| {}).await.expect(way)),
        }
        assert!(physical_erasure::run(installation).await.expect("rewritten"));

        assert_eq!(canary::search(fixture, &text).await.traces, [], "{way}");
        assert_eq!(canary::search(fixture, &longer).await.traces, [], "{way}");
        assert_eq!(bytes_with(fixture, &word).await, [], "{way}");
        let after = canary::summary(fixture, &campaign).await;
        assert_eq!((after.planned, after.rejected), (planned, person_row.rejected), "{way}");
        assert_eq!(canary::number(fixture, "select count(*) from tombstone").await, round as i64 + 1);
    }
});

async fn reply(fixture: &Fixture, delivery: i64, text: &str) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let mut sql = Sql::new("update delivery set reply = ");
    sql.bind(text.to_owned()).push(" where id = ").bind(delivery).run(&mut tx).await.expect("set");
    tx.commit().await.expect("committed");
}

fn folded(text: &str) -> String {
    let encoded = STANDARD.encode(format!("Hello {text}, this is for you"));
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(20).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    lines.join("\r\n")
}

both!(every_encoding_is_found_in_a_file_and_in_a_table, |fixture| {
    let given = format!("{}.Ёлкин@Почта.рф", canary::word());
    let forms = encodings::all(&given, &canary::address(&given));
    let names: BTreeSet<_> = forms.iter().map(|form| form.name).collect();
    assert_eq!(names.len(), 12, "{names:?}");
    assert_eq!(canary::search(fixture, &given).await.traces, []);
    let file = fixture.installation.config.data.join("planted.bin");
    for name in names {
        let form = forms.iter().rfind(|form| form.name == name).expect("named by one");
        std::fs::write(&file, [b"before ", form.bytes.as_slice(), b" after"].concat()).expect("written");
        plant(fixture, &form.bytes).await;

        let found = canary::search(fixture, &given).await;

        for place in ["planted.bin", "setting.value", "tombstone.digest"] {
            // A text column takes no bytes that are not text.
            if place != "setting.value" || std::str::from_utf8(&form.bytes).is_ok() && !form.bytes.contains(&0) {
                let here = found.traces.iter().any(|one| one.place == place && one.form == name);
                assert!(here, "{name} in {place}: {:?}", found.traces);
            }
        }
    }
});

/// In a text and in a bytea column.
async fn plant(fixture: &Fixture, bytes: &[u8]) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    for statement in ["delete from setting", "delete from tombstone"] {
        sqlx::query(statement).execute(&mut *tx).await.expect(statement);
    }
    let text = String::from_utf8_lossy(bytes).replace('\0', " ");
    let mut sql = Sql::new("insert into setting (name, value) values ('planted', ");
    sql.bind(format!("before {text} after")).push(")").run(&mut tx).await.expect("planted");
    let mut sql = Sql::new("insert into tombstone (workspace_id, list_id, digest, reason, day) values (1, 0, ");
    sql.bind(bytes.to_vec()).push(", 'left', 1)").run(&mut tx).await.expect("planted");
    tx.commit().await.expect("committed");
}

both!(contact_with_a_longer_address_is_not_a_trace, |fixture| {
    let list = canary::list(fixture, "News").await;
    let word = canary::word();
    for text in [format!("jo{word}@example.org"), format!("{word}@example.org.uk"), format!("{word}@example.org")] {
        canary::person(fixture, &list, &text).await;
    }
    let text = format!("{word}@example.org");
    assert!(canary::search(fixture, &text).await.hits >= 2);

    erasure::erase(&fixture.installation, fixture.workspace.id, &canary::address(&text), Reason::Erased, None)
        .await
        .expect("erased");
    assert!(physical_erasure::run(&fixture.installation).await.expect("rewritten"));

    assert_eq!(canary::search(fixture, &text).await.traces, []);
    assert!(canary::search(fixture, &format!("jo{word}@example.org")).await.hits >= 2);
});

both!(command_looks_first_and_cleans_and_looks_again_when_asked, |fixture| {
    let list = canary::list(fixture, "News").await;
    let text = format!("{}@example.org", canary::word());
    canary::person(fixture, &list, &text).await;
    let ask =
        |clean| cli::trace_search::Command { address: text.to_uppercase(), clean, backups: Vec::new(), identity: None };
    let run = async |clean, lang| {
        cli::trace_search::run(&fixture.installation, &fixture.actor, ask(clean), lang).await.expect("searched")
    };

    let before = run(false, Lang::EN).await;
    erasure::erase(&fixture.installation, fixture.workspace.id, &canary::address(&text), Reason::Erased, None)
        .await
        .expect("erased");
    let pending = run(false, Lang::EN).await;
    let cleaned = run(true, Lang::RU).await;
    let after = run(false, Lang::EN).await;

    assert!(before.failed && before.json["hits"].as_u64().is_some_and(|hits| hits > 0));
    assert!(before.json["where"].as_array().is_some_and(|places| !places.is_empty()));
    assert_eq!(before.json["pending"], false);
    assert!(!before.text.contains(&text), "the address is masked");
    assert_eq!(pending.json["pending"], true, "a search alone removes nothing");
    assert!(pending.text.contains("--clean"));
    // Where the files of the database can be read, its WAL still has the rows.
    if fixture.kind == Kind::Sqlite {
        assert!(pending.failed && cleaned.json["hits"].as_u64().is_some_and(|hits| hits > 0));
    }
    assert_eq!((cleaned.failed, cleaned.json["after"]["hits"].as_u64()), (false, Some(0)));
    assert!(!after.failed && after.json["after"].is_null());
    assert_eq!((after.json["hits"].as_u64(), after.json["where"].as_array().map(Vec::len)), (Some(0), Some(0)));
    let refusal =
        cli::trace_search::Command { address: "nonsense".to_owned(), clean: true, backups: Vec::new(), identity: None };
    assert_eq!(
        cli::trace_search::run(&fixture.installation, &fixture.actor, refusal, Lang::RU)
            .await
            .expect_err("no address")
            .exit_code(),
        2
    );
});

both!(physical_erasure_waits_for_an_old_snapshot, |fixture| {
    let list = canary::list(fixture, "News").await;
    let text = format!("{}@example.org", canary::word());
    canary::person(fixture, &list, &text).await;
    let mut looking = fixture.installation.db.read().await.expect("a connection");
    if fixture.kind == Kind::Postgres {
        sqlx::raw_sql("begin isolation level repeatable read").execute(&mut *looking).await.expect("begun");
        sqlx::raw_sql("select count(*) from contact").execute(&mut *looking).await.expect("a snapshot");
    }
    erasure::erase(&fixture.installation, fixture.workspace.id, &canary::address(&text), Reason::Erased, None)
        .await
        .expect("erased");

    let scrubbing = physical_erasure::run(&fixture.installation);
    let ending = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        if fixture.kind == Kind::Postgres {
            sqlx::raw_sql("commit").execute(&mut *looking).await.expect("committed");
        }
        drop(looking);
    };
    let (clean, ()) = tokio::join!(scrubbing, ending);

    assert!(clean.expect("rewritten"));
    assert_eq!(canary::search(fixture, &text).await.traces, []);
});
