//! Files in every encoding and delimiter, rejected rows, and refused files.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, Contact};
use sendoff::audience::field::{self, Field};
use sendoff::audience::import::{self, Delimiter, ImportProgress, Phase, Request};
use sendoff::audience::{list, workspace};
use sendoff::infra::i18n::Lang;
use serde_json::{Value, json};

use super::fixture::{corpus, count, counts, file, find, import, import_into, key, request, set_up};
use crate::fixture::both;

both!(every_encoding_and_delimiter_gives_the_same_contacts, |fixture| {
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
        let workspace = workspace::ensure(&fixture.installation, name).await.expect("a workspace").id;
        set_up(fixture, workspace).await;

        let outcome = import_into(fixture, workspace, &request(corpus(name))).await.expect(name);

        assert_eq!(counts(&outcome), [4, 0, 0, 0, 0, 0], "{name}");
        assert_eq!((outcome.encoding.as_str(), outcome.delimiter), (encoding, delimiter), "{name}");
        let mut conn = fixture.installation.db.read().await.expect("a connection");
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

both!(every_row_is_counted_once_and_every_rejected_row_is_listed, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let rejects = fixture.folder.path().join("rejects.csv");
    let request = Request { rejects: Some(rejects.clone()), ..request(corpus("messy.csv")) };

    let outcome = import(fixture, &request).await.expect("imported");

    assert_eq!(counts(&outcome), [7, 0, 0, 1, 0, 9]);
    assert_eq!(outcome.rows, 17);
    assert_eq!(outcome.invalid["address-shape"], 2);
    assert_eq!(outcome.invalid.len(), 7);
    let json = outcome.json();
    assert_eq!((&json["invalid"], &json["invalid_by_reason"]["quote-open"]), (&json!(9), &json!(1)));
    assert_eq!((&json["left_out"], &json["incomplete"]), (&json!(4), &json!(4)));
    let number = json!({"column": "Возраст", "reason": "value-number", "values": 1, "first_line": 11});
    assert!(json["left_out_values"].as_array().expect("a list").contains(&number), "{json}");
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').flexible(true).from_path(&rejects).expect("opens");
    let header: Vec<_> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    assert_eq!(header[..5], ["sendoff_line", "sendoff_reason", "sendoff_schema", "email", "Имя"].map(str::to_owned));
    let mut seen: Vec<Vec<String>> =
        reader.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect();
    seen.sort_by_key(|row| row[0].parse::<u64>().expect("a line"));
    let lines: Vec<_> = seen.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(lines, ["3", "4", "5", "6", "7", "9", "10", "11", "12", "13", "14", "15", "19", "20"]);
    assert_eq!(seen[4][3], "crlf@example.org\r\nBcc: other@example.org");
    assert_eq!(seen[7][1], "imported without a value: Возраст: not a number");
    assert_eq!(seen[12][1], "the address is already in line 2");
    assert_eq!(seen[12][3..], ["GOOD@EXAMPLE.ORG", "Другая Анна", "99"].map(str::to_owned));
    assert_eq!(seen[13][3..], ["quote@example.org", "\"Анна", "30"].map(str::to_owned));
    assert_eq!(
        find(fixture, "bytes@example.org").await.expect("taken").values,
        json!({}).as_object().cloned().expect("none")
    );
    assert_eq!(find(fixture, "last@example.org").await.expect("taken").values["город"], json!("Тверь"));
    assert_eq!(find(fixture, "good@example.org").await.expect("taken").values["имя"], json!("Анна"));
});

both!(line_breaks_and_quotes_inside_cells_are_imported, |fixture| {
    set_up(fixture, fixture.workspace.id).await;

    import(fixture, &request(corpus("windows-1251.csv"))).await.expect("imported");

    let note = |contact: Option<Contact>| contact.expect("taken").values["заметка"].clone();
    assert_eq!(note(find(fixture, "иван@почта.пример").await), json!("первая строка\nвторая строка"));
    assert_eq!(note(find(fixture, "юлия.щукина@example.com").await), json!("сказала: \"да\"; и ушла"));
});

both!(a_file_that_is_no_table_is_refused, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    for (name, expected) in [
        ("empty.csv", "import-empty"),
        ("blank.csv", "import-empty"),
        ("header-only.csv", "import-no-rows"),
        ("no-address.csv", "import-no-address"),
        ("nul-header.csv", "import-binary"),
        ("workbook.xlsx", "import-binary"),
        ("undeclared.csv", "import-undeclared"),
        ("missing.csv", "io-not-found"),
        ("", "io-is-directory"),
    ] {
        assert_eq!(key(import(fixture, &request(corpus(name))).await), expected, "{name}");
    }
    let wrong = Request { encoding: Some("utf-8".to_owned()), ..request(corpus("windows-1251.csv")) };
    assert_eq!(key(import(fixture, &wrong).await), "import-header-encoding");
    let unknown = Request { encoding: Some("klingon".to_owned()), ..request(corpus("utf-8.csv")) };
    assert_eq!(key(import(fixture, &unknown).await), "import-encoding-unknown");
    assert_eq!(count(fixture, "select count(*) from contact").await, 0);
});

both!(an_undeclared_column_is_refused_with_the_command_that_declares_it, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let request = request(corpus("undeclared.csv"));

    let refusal = import(fixture, &request).await.expect_err("refused").message();
    let sentence = Lang::RU.translate(&refusal);
    assert!(sentence.contains("Любимый цвет, Был у нас"), "{sentence}");
    assert!(sentence.contains("sendoff field add любимый_цвет text\n"), "{sentence}");
    assert!(sentence.contains("sendoff field add был_у_нас date\n"), "{sentence}");
    assert!(sentence.contains("--map 'Любимый цвет=-'"), "{sentence}");

    let map = [("любимый цвет", "-"), ("Был у нас", "клиент_с")].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
    let outcome = import(fixture, &Request { map, ..request }).await.expect("imported");
    assert_eq!(outcome.new, 2);
    assert_eq!(outcome.json()["columns"]["Любимый цвет"], "-");
    assert_eq!(find(fixture, "b@example.org").await.expect("taken").values["клиент_с"], json!("2026-01-15"));
});

#[cfg(target_os = "linux")]
both!(an_endless_line_is_refused_quickly, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let huge = file(fixture, "huge.csv", "email,имя\n");
    std::fs::File::options().write(true).open(&huge).expect("opens").set_len(2 << 30).expect("a sparse file");
    let long = file(fixture, "long.csv", "x".repeat(3 << 20));
    let began = Instant::now();

    for (path, expected) in
        [(Path::new("/dev/zero"), "import-binary"), (&huge, "import-line-endless"), (&long, "import-line-endless")]
    {
        assert_eq!(key(import(fixture, &request(path)).await), expected, "{}", path.display());
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
});

both!(the_example_is_imported_except_for_its_invalid_rows, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    list::add(installation, workspace, "Новости").await.expect("a list");
    for (name, kind) in [
        ("first_name", "text"),
        ("last_name", "text"),
        ("city", "text"),
        ("age", "number"),
        ("birthday", "date"),
        ("vip", "flag"),
    ] {
        field::add(installation, workspace, &Field::declare(name, kind).expect("a field")).await.expect("declared");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/contacts.csv");
    let merged = AtomicU64::new(0);
    let mut watch = |progress: ImportProgress| {
        assert_eq!(progress.bytes_read, progress.bytes_total);
        if progress.phase == Phase::Merging {
            assert_eq!(progress.rows, progress.rows_total);
            merged.store(progress.rows, Ordering::SeqCst);
        }
    };

    let outcome = import::run(installation, workspace, &request(path), Lang::EN, &mut watch).await.expect("imported");

    assert_eq!(counts(&outcome), [1_176, 0, 0, 8, 0, 16]);
    assert_eq!(outcome.rows, 1_200);
    assert_eq!(merged.into_inner(), 1_184);
    let cyrillic = count(fixture, "select count(*) from contact where canonical like '%@%xn--%'").await;
    assert!(cyrillic > 100, "{cyrillic}");
});
