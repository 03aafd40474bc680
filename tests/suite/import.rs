//! Files of people: what each row comes to, what a second run changes, and what no file may do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use sendoff::audience::address::Address;
use sendoff::audience::consent::{self, Basis};
use sendoff::audience::contact::{self, Contact, NewContact, Values};
use sendoff::audience::field::{self, Field};
use sendoff::audience::import::{self, Delimiter, Outcome, Phase, Progress, Request};
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::audience::{list, tombstone, workspace};
use sendoff::ground::error::{Error, Result};
use sendoff::ground::id::Id;
use sendoff::ground::text::Lang;
use serde_json::{Value, json};
use sqlx::Row;
use tokio::sync::Notify;

use crate::house::{House, NOW, both};

const FIELDS: &[(&str, &str)] = &[
    ("имя", "text"),
    ("город", "text"),
    ("возраст", "number"),
    ("клиент_с", "date"),
    ("заметка", "text"),
    ("vip", "flag"),
    ("тариф", "choice:Free,Pro"),
];

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/import").join(name)
}

fn request(path: impl Into<PathBuf>) -> Request {
    Request {
        path: path.into(),
        list: "Новости".to_owned(),
        source: "shop.example".to_owned(),
        basis: Basis::Consent,
        proof: "answers of form 17".to_owned(),
        date: "2026-10-31".to_owned(),
        map: Vec::new(),
        encoding: None,
        dry_run: false,
        rejects: None,
    }
}

async fn furnish(house: &House, workspace: Id) {
    list::add(&house.home, workspace, "Новости").await.expect("a list");
    for (name, kind) in FIELDS {
        let field = Field::declare(name, kind).expect("a field");
        field::add(&house.home, workspace, &field).await.expect("declared");
    }
}

async fn import_into(house: &House, workspace: Id, request: &Request) -> Result<Outcome> {
    import::run(&house.home, workspace, request, Lang::En, &mut |_| {}).await
}

async fn import(house: &House, request: &Request) -> Result<Outcome> {
    import_into(house, house.workspace.id, request).await
}

fn file(house: &House, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = house.folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    path
}

async fn rows(house: &House, query: &'static str) -> Vec<String> {
    let mut conn = house.home.db.read().await.expect("a connection");
    let rows = sqlx::query(query).fetch_all(&mut *conn).await.expect(query);
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = (0..row.len()).map(|index| row.get(index)).collect();
            cells.join("|")
        })
        .collect()
}

/// Every row of every table an import writes, with keys and times.
async fn dump(house: &House) -> Vec<String> {
    let mut all = Vec::new();
    for query in [
        "select cast(id as text), address, canonical, fields, folded, cast(created_at as text), \
         cast(updated_at as text) from contact order by id",
        "select cast(id as text), cast(contact_id as text), cast(list_id as text), state, cast(joined_at as text) \
         from subscription order by id",
        "select cast(id as text), basis, channel, source, wording, proof, cast(given_at as text) from evidence order by id",
        "select cast(id as text), cast(contact_id as text), purpose, cast(evidence_id as text), \
         cast(recorded_at as text) from consent order by id",
        "select cast(list_id as text), reason, cast(day as text) from tombstone order by digest",
    ] {
        all.extend(rows(house, query).await);
    }
    all
}

/// What people in each workspace came to, without keys.
async fn people(house: &House) -> Vec<String> {
    rows(
        house,
        "select w.name, c.canonical, c.address, c.fields, c.folded, cast(c.created_at as text), l.name, s.state, \
         e.source, e.proof, cast(e.given_at as text) from contact c join workspace w on w.id = c.workspace_id \
         join subscription s on s.contact_id = c.id join list l on l.id = s.list_id \
         join consent r on r.contact_id = c.id and r.list_id = l.id join evidence e on e.id = r.evidence_id \
         order by w.name, c.canonical",
    )
    .await
}

async fn count(house: &House, query: &'static str) -> i64 {
    let mut conn = house.home.db.read().await.expect("a connection");
    sqlx::query(query).fetch_one(&mut *conn).await.expect(query).get(0)
}

async fn find(house: &House, address: &str) -> Option<Contact> {
    let mut conn = house.home.db.read().await.expect("a connection");
    let address = Address::parse(address).expect(address);
    contact::find(&mut conn, house.workspace.id, &address).await.expect("asked")
}

fn counts(outcome: &Outcome) -> [i64; 6] {
    let Outcome { new, updated, unchanged, duplicates, tombstoned, .. } = outcome;
    [*new, *updated, *unchanged, *duplicates, *tombstoned, outcome.invalid_total()]
}

fn key(outcome: Result<Outcome>) -> &'static str {
    match outcome.expect_err("refused") {
        error @ Error::Misuse(_) => {
            assert_eq!(error.exit_code(), 2);
            error.message().key
        }
        error => error.message().key,
    }
}

both!(the_same_people_come_out_of_every_encoding_and_delimiter, |house| {
    use Delimiter::{Comma, Semicolon, Tab};
    let mut seen: Vec<Vec<Value>> = Vec::new();
    for (name, encoding, delimiter) in [
        ("utf-8.csv", "utf-8", Comma),
        ("old-mac.csv", "utf-8", Comma),
        ("utf-8-bom.csv", "utf-8", Semicolon),
        ("utf-16le-bom.csv", "utf-16le", Tab),
        ("utf-16be.csv", "utf-16be", Semicolon),
        ("windows-1251.csv", "windows-1251", Semicolon),
        ("koi8-r.csv", "koi8-r", Tab),
        ("sep-line.csv", "windows-1251", Semicolon),
    ] {
        let workspace = workspace::ensure(&house.home, name).await.expect("a workspace").id;
        furnish(house, workspace).await;

        let outcome = import_into(house, workspace, &request(corpus(name))).await.expect(name);

        assert_eq!(counts(&outcome), [4, 0, 0, 0, 0, 0], "{name}");
        assert_eq!((outcome.encoding.as_str(), outcome.delimiter), (encoding, delimiter), "{name}");
        let mut conn = house.home.db.read().await.expect("a connection");
        let addresses = ["anna@example.org", "иван@почта.пример", "юлия.щукина@example.com", "petr@почта.example"];
        let canonical = addresses.map(|address| Address::parse(address).expect(address).canonical());
        let mut found = contact::find_many(&mut conn, workspace, &canonical).await.expect("found");
        found.sort_by_key(|contact| contact.address.canonical());
        assert_eq!(found.len(), 4, "{name}");
        seen.push(
            found
                .iter()
                .map(|contact| {
                    let mut values = contact.values.clone();
                    // KOI8-R has no guillemets, and an old Mac has no other line end than the one we drop.
                    if let Some(Value::String(note)) = values.get_mut("заметка") {
                        *note = note.replace(['«', '»', '\n'], "");
                    }
                    json!({"address": contact.address.expose(), "values": values})
                })
                .collect(),
        );
    }
    assert_eq!(
        seen[0][0],
        json!({"address": "anna@example.org", "values": {
            "имя": "Анна", "город": "Москва", "возраст": 31, "клиент_с": "2021-03-05", "заметка": "любит осень, и дождь",
        }})
    );
    for other in &seen {
        assert_eq!(other, &seen[0]);
    }
});

both!(every_row_is_counted_once_and_every_refusal_has_its_line, |house| {
    furnish(house, house.workspace.id).await;
    let rejects = house.folder.path().join("rejects.csv");
    let request = Request { rejects: Some(rejects.clone()), ..request(corpus("messy.csv")) };

    let outcome = import(house, &request).await.expect("imported");

    assert_eq!(counts(&outcome), [3, 0, 0, 1, 0, 13]);
    assert_eq!(outcome.rows, 17);
    assert_eq!(outcome.invalid["address-shape"], 2);
    assert_eq!(outcome.invalid.len(), 11);
    let json = outcome.json();
    assert_eq!((&json["invalid"], &json["invalid_by_reason"]["encoding"]), (&json!(13), &json!(1)));
    let mut reader = csv::Reader::from_path(&rejects).expect("opens");
    let mut seen: Vec<(u64, String, String, String)> =
        reader.deserialize().map(|row| row.expect("a row of rejects")).collect();
    seen.sort();
    let words: Vec<_> = seen.iter().map(|(line, reason, ..)| (*line, reason.as_str())).collect();
    assert_eq!(
        words,
        [
            (3, "address-shape"),
            (4, "address-shape"),
            (5, "address-empty"),
            (6, "address-control"),
            (7, "address-control"),
            (9, "address-local"),
            (10, "address-domain"),
            (11, "value-number"),
            (12, "value-date"),
            (13, "too-many-cells"),
            (14, "encoding"),
            (15, "nul"),
            (19, "duplicate"),
            (20, "quote-open"),
        ]
    );
    assert_eq!(seen[4].3, "\"crlf@example.org\r\nBcc: other@example.org\";Анна");
    assert_eq!(seen[7].2, "Возраст: not a number");
    assert_eq!(seen[12].2, "the address stands in line 2 already");
    assert_eq!(seen[12].3, "GOOD@EXAMPLE.ORG;Другая Анна;99");
    assert_eq!(seen[13].3, "quote@example.org;\"Анна;30");
    assert_eq!(find(house, "last@example.org").await.expect("taken").values["город"], json!("Тверь"));
    assert_eq!(find(house, "good@example.org").await.expect("taken").values["имя"], json!("Анна"));
});

both!(line_breaks_and_quotes_inside_cells_arrive, |house| {
    furnish(house, house.workspace.id).await;

    import(house, &request(corpus("windows-1251.csv"))).await.expect("imported");

    let note = |contact: Option<Contact>| contact.expect("taken").values["заметка"].clone();
    assert_eq!(note(find(house, "иван@почта.пример").await), json!("первая строка\nвторая строка"));
    assert_eq!(note(find(house, "юлия.щукина@example.com").await), json!("сказала: \"да\"; и ушла"));
});

both!(the_same_file_twice_changes_nothing, |house| {
    furnish(house, house.workspace.id).await;
    let request = request(corpus("utf-8.csv"));
    import(house, &request).await.expect("imported");
    let before = dump(house).await;
    house.home.clock.advance(86_400_000);

    let outcome = import(house, &request).await.expect("imported");

    assert_eq!(counts(&outcome), [0, 0, 4, 0, 0, 0]);
    assert_eq!(dump(house).await, before);
    assert!(before.len() > 12);
});

both!(a_receipt_stands_behind_every_subscription, |house| {
    furnish(house, house.workspace.id).await;
    let request = Request { basis: Basis::Contract, date: "01.02.2020".to_owned(), ..request(corpus("utf-8.csv")) };

    import(house, &request).await.expect("imported");

    let anna = find(house, "anna@example.org").await.expect("taken");
    let mut conn = house.home.db.read().await.expect("a connection");
    let lists = subscription::of_contact(&mut conn, anna.id).await.expect("lists");
    assert_eq!(lists.iter().map(|one| one.state).collect::<Vec<_>>(), [State::Confirmed]);
    let receipts = consent::of_contact(&mut conn, anna.id).await.expect("receipts");
    assert_eq!(receipts.len(), 1);
    assert_eq!((receipts[0].purpose.as_str(), receipts[0].recorded_at), (consent::MAILING, NOW));
    let evidence = &receipts[0].evidence;
    assert_eq!((evidence.basis, evidence.given_at), (Basis::Contract, 1_580_515_200_000));
    assert_eq!((evidence.source.as_str(), evidence.proof.as_str()), ("shop.example", "answers of form 17"));
    drop(conn);
    assert_eq!(count(house, "select count(*) from evidence").await, 1);
    assert_eq!(count(house, "select count(*) from consent").await, 4);
});

both!(a_rehearsal_counts_the_same_and_writes_nothing, |house| {
    furnish(house, house.workspace.id).await;
    let first = file(house, "first.csv", "email,имя\na@example.org,Анна\nb@example.org,Борис\n");
    import(house, &request(first)).await.expect("imported");
    let path = file(
        house,
        "second.csv",
        "email,имя\na@example.org,Анна\nb@example.org,Боря\nc@example.org,Вера\nc@example.org,Вера\nd@,x\n",
    );
    let before = dump(house).await;

    let rehearsed = import(house, &Request { dry_run: true, ..request(&path) }).await.expect("rehearsed");

    assert_eq!(dump(house).await, before);
    assert_eq!(counts(&rehearsed), [1, 1, 1, 1, 0, 1]);
    let done = import(house, &request(&path)).await.expect("imported");
    assert_eq!(Outcome { dry_run: false, ..rehearsed }, done);
});

both!(empty_cells_and_missing_columns_leave_what_is_there, |house| {
    furnish(house, house.workspace.id).await;
    let first = "email,имя,город,возраст,vip,тариф\nAnna@example.org,Анна,Москва,31,да,pro\n";
    import(house, &request(file(house, "first.csv", first))).await.expect("imported");
    house.home.clock.advance(1_000);

    let second = file(house, "second.csv", "email,имя,возраст\nANNA@EXAMPLE.ORG,,32\n");
    let outcome = import(house, &request(second)).await.expect("imported");

    assert_eq!(counts(&outcome), [0, 1, 0, 0, 0, 0]);
    let anna = find(house, "anna@example.org").await.expect("known");
    let expected = json!({"имя": "Анна", "город": "Москва", "возраст": 32, "vip": 1, "тариф": "Pro"});
    assert_eq!(Value::from(anna.values), expected);
    assert_eq!((anna.created_at, anna.updated_at), (NOW, NOW + 1_000));
    assert_eq!(anna.address.expose(), "Anna@example.org", "the spelling is the person's");
});

both!(who_left_stays_away, |house| {
    let (home, workspace) = (&house.home, house.workspace.id);
    furnish(house, workspace).await;
    let news = list::add(home, workspace, "Новости").await.expect("the list").id;
    let mark = |text: &str| tombstone::mark(&home.keys.tombstone, workspace, &Address::parse(text).expect(text));
    let mut tx = home.db.write().await.expect("a transaction");
    let everywhere = tombstone::EVERY_LIST;
    tombstone::set(&mut tx, workspace, everywhere, mark("gone@почта.пример"), "erased", 1).await.expect("set");
    tombstone::set(&mut tx, workspace, news, mark("left@example.org"), "left", 1).await.expect("set");
    tombstone::set(&mut tx, workspace, news + 1, mark("other@example.org"), "left", 1).await.expect("set");
    tx.commit().await.expect("committed");
    let text = "email\nGone@xn--80a1acny.xn--e1afmkfd\nLEFT@example.org\nother@example.org\n";

    let outcome = import(house, &request(file(house, "all.csv", text))).await.expect("imported");

    assert_eq!(counts(&outcome), [1, 0, 0, 0, 2, 0]);
    assert!(find(house, "gone@почта.пример").await.is_none());
    assert!(find(house, "left@example.org").await.is_none());
    assert!(find(house, "other@example.org").await.is_some());
});

both!(import_raises_no_pending_and_frees_no_restricted_subscription, |house| {
    let (home, workspace) = (&house.home, house.workspace.id);
    furnish(house, workspace).await;
    let news = list::add(home, workspace, "Новости").await.expect("the list").id;
    let other = list::add(home, workspace, "Акции").await.expect("a list").id;
    let mut tx = home.db.write().await.expect("a transaction");
    let mut ids = Vec::new();
    for (text, list, state) in
        [("pending@example.org", news, State::Pending), ("paused@example.org", other, State::Restricted)]
    {
        let address = Address::parse(text).expect(text);
        let person = NewContact { id: home.ids.next(), address, values: Values::new() };
        contact::add(&mut tx, workspace, std::slice::from_ref(&person), NOW).await.expect("added");
        let joining = NewSubscription { id: home.ids.next(), contact: person.id, state };
        subscription::join(&mut tx, workspace, list, &[joining], NOW).await.expect("joined");
        ids.push(person.id);
    }
    tx.commit().await.expect("committed");
    let text = "email\npending@example.org\npaused@example.org\n";

    let outcome = import(house, &request(file(house, "both.csv", text))).await.expect("imported");

    assert_eq!(counts(&outcome), [0, 1, 1, 0, 0, 0]);
    let mut conn = home.db.read().await.expect("a connection");
    let mut states = subscription::states(&mut conn, news, &ids).await.expect("states");
    states.sort();
    assert_eq!(states, [(ids[0], State::Pending), (ids[1], State::Restricted)]);
});

/// A file of `count` people in an order that is not that of their addresses.
fn crowd(house: &House, count: u64) -> PathBuf {
    let mut text = "email,имя,возраст\n".to_owned();
    for index in 0..count {
        let number = index * 7919 % count;
        text += &format!("person{number}@example.org,Человек {number},{}\n", 18 + number % 60);
    }
    file(house, "crowd.csv", text)
}

both!(an_import_killed_half_way_and_run_again_ends_as_one_clean_run, |house| {
    furnish(house, house.workspace.id).await;
    let request = request(crowd(house, 20_000));
    for stop in [Phase::Reading, Phase::Merging] {
        let reached = Arc::new(Notify::new());
        let mut watch = {
            let (reached, mut seen) = (reached.clone(), 0);
            move |progress: Progress| {
                seen += u32::from(progress.phase == stop);
                if seen == 2 || (stop == Phase::Reading && seen == 1) {
                    reached.notify_one();
                }
            }
        };
        tokio::select! {
            biased;
            () = reached.notified() => {}
            done = import::run(&house.home, house.workspace.id, &request, Lang::En, &mut watch) => {
                panic!("not killed: {done:?}");
            }
        }
    }
    let half = count(house, "select count(*) from contact").await;
    assert!((8_000..20_000).contains(&half), "{half}");

    let outcome = import(house, &request).await.expect("imported");

    assert_eq!(outcome.new + outcome.unchanged, 20_000);
    assert!(outcome.unchanged >= half);
    let twin = workspace::ensure(&house.home, "twin").await.expect("a workspace").id;
    furnish(house, twin).await;
    assert_eq!(counts(&import_into(house, twin, &request).await.expect("imported")), [20_000, 0, 0, 0, 0, 0]);
    let people = people(house).await;
    let (main, twin) = people.split_at(20_000);
    let nameless = |all: &[String]| all.iter().map(|one| one.split_once('|').expect("cells").1.to_owned()).collect();
    let (main, twin): (Vec<String>, Vec<String>) = (nameless(main), nameless(twin));
    assert_eq!(main, twin);
    let staged = std::fs::read_dir(house.home.config.staging()).expect("a folder");
    let folders = staged.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count();
    assert_eq!(folders, 0);
});

both!(a_list_closed_meanwhile_takes_nobody_more, |house| {
    furnish(house, house.workspace.id).await;
    let news = list::add(&house.home, house.workspace.id, "Новости").await.expect("the list").id;
    let (home, runtime) = (house.home.clone(), tokio::runtime::Handle::current());
    let mut closed = false;
    let mut watch = move |progress: Progress| {
        if progress.phase == Phase::Merging && !closed {
            closed = true;
            tokio::task::block_in_place(|| {
                runtime.block_on(async {
                    let mut tx = home.db.write().await.expect("a transaction");
                    list::close(&mut tx, news, NOW).await.expect("closed");
                    tx.commit().await.expect("committed");
                });
            });
        }
    };

    let request = request(crowd(house, 10_000));
    let outcome = import::run(&house.home, house.workspace.id, &request, Lang::En, &mut watch).await;

    assert_eq!(key(outcome), "list-closed");
    assert_eq!(count(house, "select count(*) from subscription").await, 8_000);
});

both!(two_imports_at_once_end_as_one_after_the_other, |house| {
    furnish(house, house.workspace.id).await;
    list::add(&house.home, house.workspace.id, "Акции").await.expect("a list");
    let one = request(crowd(house, 6_000));
    let two = Request { list: "Акции".to_owned(), ..one.clone() };

    let (first, second, third) = tokio::join!(import(house, &one), import(house, &one), import(house, &two));

    let (first, second, third) = (first.expect("one"), second.expect("two"), third.expect("three"));
    assert_eq!(first.new + second.new + third.new, 6_000);
    assert_eq!(first.new + first.updated + second.new + second.updated, 6_000);
    assert_eq!(count(house, "select count(*) from contact").await, 6_000);
    assert_eq!(count(house, "select count(*) from subscription").await, 12_000);
    assert_eq!(count(house, "select count(*) from consent").await, 12_000);
});

both!(a_file_that_is_no_table_is_refused_by_name, |house| {
    furnish(house, house.workspace.id).await;
    for (name, expected) in [
        ("empty.csv", "import-empty"),
        ("blank.csv", "import-empty"),
        ("header-only.csv", "import-no-rows"),
        ("no-address.csv", "import-no-address"),
        ("twice-named.csv", "import-column-twice"),
        ("unnamed.csv", "import-column-unnamed"),
        ("nul-header.csv", "import-binary"),
        ("workbook.xlsx", "import-binary"),
        ("undeclared.csv", "import-undeclared"),
        ("missing.csv", "io-not-found"),
        ("", "io-is-directory"),
    ] {
        assert_eq!(key(import(house, &request(corpus(name))).await), expected, "{name}");
    }
    let wrong = Request { encoding: Some("utf-8".to_owned()), ..request(corpus("windows-1251.csv")) };
    assert_eq!(key(import(house, &wrong).await), "import-header-encoding");
    let unknown = Request { encoding: Some("klingon".to_owned()), ..request(corpus("utf-8.csv")) };
    assert_eq!(key(import(house, &unknown).await), "import-encoding-unknown");
    assert_eq!(count(house, "select count(*) from contact").await, 0);
});

both!(an_undeclared_column_is_refused_with_the_command_that_declares_it, |house| {
    furnish(house, house.workspace.id).await;
    let request = request(corpus("undeclared.csv"));

    let refusal = import(house, &request).await.expect_err("refused").message();
    let sentence = Lang::Ru.say(&refusal);
    assert!(sentence.contains("Любимый цвет, Был у нас"), "{sentence}");
    assert!(sentence.contains("sendoff field add любимый_цвет text\n"), "{sentence}");
    assert!(sentence.contains("sendoff field add был_у_нас date\n"), "{sentence}");
    assert!(sentence.contains("--map 'Любимый цвет=-'"), "{sentence}");

    let map = [("любимый цвет", "-"), ("Был у нас", "клиент_с")].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
    let outcome = import(house, &Request { map, ..request }).await.expect("imported");
    assert_eq!(outcome.new, 2);
    assert_eq!(outcome.json()["columns"]["Любимый цвет"], "-");
    assert_eq!(find(house, "b@example.org").await.expect("taken").values["клиент_с"], json!("2026-01-15"));
});

both!(an_import_without_source_or_proof_or_with_a_date_to_come_is_refused, |house| {
    furnish(house, house.workspace.id).await;
    let good = request(corpus("utf-8.csv"));

    let blank = Request { source: " ".to_owned(), proof: String::new(), ..good.clone() };
    let message = import(house, &blank).await.expect_err("refused").message();
    assert!(Lang::En.say(&message).contains("--source, --proof"));
    let later = Request { date: "2027-01-01".to_owned(), ..good.clone() };
    assert_eq!(key(import(house, &later).await), "import-date-future");
    let never = Request { date: "soon".to_owned(), ..good.clone() };
    assert_eq!(key(import(house, &never).await), "import-date");
    let nowhere = Request { list: "Nothing".to_owned(), ..good };
    assert_eq!(key(import(house, &nowhere).await), "list-unknown");
});

both!(a_place_where_rejects_cannot_be_written_is_found_before_anything_is_imported, |house| {
    furnish(house, house.workspace.id).await;
    let path = file(house, "people.csv", "email\na@example.org\n");
    for (rejects, expected) in [
        (house.folder.path().join("no/such/folder.csv"), "io-not-found"),
        (house.folder.path().to_owned(), "io-is-directory"),
        (path.clone(), "import-rejects-same"),
    ] {
        let request = Request { rejects: Some(rejects), ..request(&path) };
        assert_eq!(key(import(house, &request).await), expected);
    }
    assert_eq!(count(house, "select count(*) from contact").await, 0);
    assert_eq!(std::fs::read(&path).expect("still there"), b"email\na@example.org\n");
});

#[cfg(target_os = "linux")]
both!(an_endless_line_ends_soon_with_one_sentence, |house| {
    furnish(house, house.workspace.id).await;
    let huge = file(house, "huge.csv", "email,имя\n");
    std::fs::File::options().write(true).open(&huge).expect("opens").set_len(2 << 30).expect("a sparse file");
    let long = file(house, "long.csv", "x".repeat(3 << 20));
    let began = Instant::now();

    for (path, expected) in
        [(Path::new("/dev/zero"), "import-binary"), (&huge, "import-line-endless"), (&long, "import-line-endless")]
    {
        assert_eq!(key(import(house, &request(path)).await), expected, "{}", path.display());
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
});

both!(the_example_is_imported_but_for_its_bad_rows, |house| {
    let (home, workspace) = (&house.home, house.workspace.id);
    list::add(home, workspace, "Новости").await.expect("a list");
    for (name, kind) in [
        ("first_name", "text"),
        ("last_name", "text"),
        ("city", "text"),
        ("age", "number"),
        ("birthday", "date"),
        ("vip", "flag"),
    ] {
        field::add(home, workspace, &Field::declare(name, kind).expect("a field")).await.expect("declared");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/contacts.csv");
    let merged = AtomicU64::new(0);
    let mut watch = |progress: Progress| {
        assert_eq!(progress.bytes_read, progress.bytes_total);
        if progress.phase == Phase::Merging {
            assert_eq!(progress.rows, progress.rows_total);
            merged.store(progress.rows, Ordering::SeqCst);
        }
    };

    let outcome = import::run(home, workspace, &request(path), Lang::En, &mut watch).await.expect("imported");

    assert_eq!(counts(&outcome), [1_162, 0, 0, 8, 0, 30]);
    assert_eq!(outcome.rows, 1_200);
    assert_eq!(merged.into_inner(), 1_170);
    let cyrillic = count(house, "select count(*) from contact where canonical like '%@%xn--%'").await;
    assert!(cyrillic > 100, "{cyrillic}");
});

#[derive(clap::Parser)]
struct Door {
    #[command(flatten)]
    args: sendoff::cli::import::Args,
}

both!(the_command_names_every_missing_flag_and_reports_in_the_readers_language, |house| {
    furnish(house, house.workspace.id).await;
    let path = corpus("messy.csv");
    let path = path.to_str().expect("a path in UTF-8");
    let type_in = async |words: &[&str]| {
        let door = Door::try_parse_from(["import", path].iter().chain(words)).expect("parses");
        sendoff::cli::import::run(&house.home, &house.workspace, door.args, Lang::Ru, true).await
    };

    let refusal = type_in(&["--list", "Новости"]).await.expect_err("refused").message();
    assert!(Lang::Ru.say(&refusal).contains("--source, --basis, --proof, --date"));

    let words =
        ["--list", "Новости", "--source", "магазин", "--basis", "consent", "--proof", "анкета", "--date", "31.10.2026"];
    let wrong = type_in(&[&words[..], &["--map", "имя"]].concat()).await.expect_err("refused").message();
    assert_eq!(wrong.key, "import-map-shape");
    let report = type_in(&[&words[..], &["--dry-run", "--map", "Имя=-"]].concat()).await.expect("rehearsed");
    assert_eq!((&report.json["new"], &report.json["dry_run"]), (&json!(3), &json!(true)));
    assert!(report.text.contains("Имя → -"), "{}", report.text);
    let report = type_in(&words).await.expect("imported");
    assert_eq!(report.json["duplicates"], json!(1));
    assert!(report.text.contains("3  новых") && report.text.contains("--rejects ФАЙЛ"), "{}", report.text);
});
