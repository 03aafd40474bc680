//! Shapes of files that Excel, pandas, Google and other programs write: what is read of each, and what is asked.

use sendoff::audience::cell_format::{DateOrder, DateReading, NumberStyle};
use sendoff::audience::import::{Delimiter, Reading, Request};
use sendoff::infra::i18n::Lang;
use serde_json::{Value, json};

use super::fixture::{counts, file, find, import, key, request, set_up};
use crate::fixture::{Fixture, both};

fn map(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(column, field)| ((*column).to_owned(), (*field).to_owned())).collect()
}

async fn values(fixture: &Fixture, address: &str) -> Value {
    find(fixture, address).await.map_or(Value::Null, |contact| contact.values.into())
}

both!(files_of_any_shape_give_the_same_people, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let long = "x".repeat(100_000);
    let ann = json!({"имя": "Ann"});
    let none = json!({});
    for (index, (text, pairs, first, second)) in [
        ("email,имя\na@x.test,Ann,\nb@x.test,Ann,,,\n", &[][..], &ann, &ann),
        (",email,имя\n0,a@x.test,Ann\n1,b@x.test,\n", &[], &ann, &none),
        ("email,,имя\na@x.test,7,Ann\nb@x.test,,\n", &[("", "-")], &ann, &none),
        ("\"sep=;\"\r\nemail;имя\r\na@x.test;Ann\r\nb@x.test;\r\n", &[], &ann, &none),
        ("SEP=;\nemail;имя\na@x.test;Ann\nb@x.test;\n", &[], &ann, &none),
        ("sep=|\nemail|имя\na@x.test|Ann\nb@x.test|\n", &[], &ann, &none),
        ("email|имя\na@x.test|Ann\nb@x.test|\n", &[], &ann, &none),
        ("Customers, as of 5 May 2026\n\nИмя;E-mail\nAnn;a@x.test\n;b@x.test\n", &[], &ann, &none),
        ("имя,E-mail 1 - Label,E-mail 1 - Value\nAnn,Home,a@x.test\n,,b@x.test\n", &[("*", "-")], &ann, &none),
        ("CustomerEmail,имя,Address\na@x.test,Ann,Main Street\nb@x.test,,\n", &[("Address", "-")], &ann, &none),
        ("em\u{200b}ail,\u{feff}имя\na@x.test,Ann\nb@x.test,\n", &[], &ann, &none),
        ("email,имя,Имя\na@x.test,Ann,Ann\nb@x.test,,\n", &[], &ann, &none),
        ("email,имя,Имя\na@x.test,Ann,Eve\nb@x.test,,\n", &[("#3", "-")], &ann, &none),
        (&format!("email,имя,notes\na@x.test,Ann,{long}\nb@x.test,,\n"), &[("notes", "-")], &ann, &none),
        ("email,имя\n\u{202a}a@x.test\u{202c},\u{3000}Ann\u{200b}\n\"b@x.test\n\",\u{a0}\u{feff}\n", &[], &ann, &none),
        ("email,имя\na@x.test, \"Ann\"\nb@x.test,\u{200e}\u{202f}\n", &[], &ann, &none),
    ]
    .into_iter()
    .enumerate()
    {
        let path = file(fixture, &format!("shape-{index}.csv"), text);
        let outcome = import(fixture, &Request { map: map(pairs), ..request(path) }).await.expect(text);
        assert_eq!(outcome.rows, 2, "{text}");
        assert_eq!(counts(&outcome)[3..], [0, 0, 0], "{text}");
        assert_eq!(
            [values(fixture, "a@x.test").await, values(fixture, "b@x.test").await],
            [first.clone(), second.clone()],
            "{text}"
        );
        for address in ["a@x.test", "b@x.test"] {
            let contact = sendoff::audience::address::Address::parse(address).expect(address);
            let workspace = fixture.workspace.id;
            sendoff::privacy::erasure::erase(
                &fixture.installation,
                workspace,
                &contact,
                sendoff::privacy::erasure::Reason::Erased,
                None,
            )
            .await
            .expect("erased");
        }
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        sendoff::infra::db::Query::new("delete from tombstone").execute(&mut tx).await.expect("deleted");
        tx.commit().await.expect("committed");
    }
});

both!(a_file_without_a_header_never_loses_its_first_person, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let bad = file(fixture, "bad.csv", "a.x.test,Ann\nb@x.test,Bob\n");
    assert_eq!(key(import(fixture, &request(bad)).await), "import-no-header");
    let plain = file(fixture, "plain.csv", "a@x.test\nb@x.test\n");
    let names = file(fixture, "names.csv", "Ann,a@x.test\nBob,b@x.test\n");
    for (path, line) in [(&plain, "#1=email"), (&names, "#2=email")] {
        for pairs in [&[][..], &[("a@x.test", "email")]] {
            let message =
                import(fixture, &Request { map: map(pairs), ..request(path) }).await.expect_err("asked").message();
            let said = Lang::EN.translate(&message);
            assert!(message.key == "import-no-header" && said.contains("--no-header") && said.contains(line), "{said}");
        }
    }
    let reading = Reading { no_header: true, ..Reading::default() };
    assert_eq!(
        counts(&import(fixture, &Request { reading, ..request(&plain) }).await.expect("read")),
        [2, 0, 0, 0, 0, 0]
    );
    assert_eq!(key(import(fixture, &Request { reading, ..request(&names) }).await), "import-undeclared");
    let named = Request { reading, map: map(&[("#1", "имя")]), ..request(&names) };
    assert_eq!(counts(&import(fixture, &named).await.expect("read")), [0, 2, 0, 0, 0, 0]);
    assert_eq!(values(fixture, "a@x.test").await, json!({"имя": "Ann"}));
});

both!(an_open_quotation_mark_costs_its_own_row, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let text = "email,имя\na@x.test,\"Bob\nb@x.test,Eve\nc@x.test,\"Joe\"\nd@x.test,Dan\n\
                e@x.test,\"The Rock\" Johnson\nf@x.test,\"two\nlines\"\n";
    let outcome = import(fixture, &request(file(fixture, "quotes.csv", text))).await.expect("imported");
    assert_eq!((counts(&outcome), outcome.invalid["quote-open"]), ([5, 0, 0, 0, 0, 1], 1));
    assert_eq!(values(fixture, "a@x.test").await, Value::Null);
    for (address, name) in
        [("b@x.test", "Eve"), ("c@x.test", "Joe"), ("e@x.test", "The Rock Johnson"), ("f@x.test", "two\nlines")]
    {
        assert_eq!(values(fixture, address).await, json!({ "имя": name }));
    }
});

both!(dates_and_numbers_are_read_by_column, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let text = "email,клиент_с,возраст\na@x.test,12/31/1990,\"1,200\"\nb@x.test,07/04/1985,\"$12,345.50\"\nc@x.test,02/30/1990,x\n";
    let outcome = import(fixture, &request(file(fixture, "proven.csv", text))).await.expect("imported");
    assert_eq!((counts(&outcome), outcome.left_out_total(), outcome.incomplete), ([3, 0, 0, 0, 0, 0], 2, 1));
    assert!(!outcome.is_mostly_wrong());
    assert_eq!(values(fixture, "a@x.test").await, json!({"возраст": 1200, "клиент_с": "1990-12-31"}));
    assert_eq!(values(fixture, "b@x.test").await, json!({"возраст": 12345.5, "клиент_с": "1985-07-04"}));
    assert_eq!(values(fixture, "c@x.test").await, json!({}));

    let dates = request(file(fixture, "dates.csv", "email,клиент_с\na@x.test,07/04/1985\n"));
    let message = import(fixture, &dates).await.expect_err("asked").message();
    assert_eq!((message.key, message.text("values")), ("import-dates-unclear", "07/04/1985"));
    let reading = Reading {
        dates: DateReading { order: Some(DateOrder::MonthFirst), ..DateReading::default() },
        ..Reading::default()
    };
    import(fixture, &Request { reading, ..dates }).await.expect("imported");
    let numbers = request(file(fixture, "numbers.csv", "email,возраст\na@x.test,\"1,200\"\nb@x.test,\"12,345\"\n"));
    let message = import(fixture, &numbers).await.expect_err("asked").message();
    assert!(Lang::RU.translate(&message).contains("--numbers 1,234.5"), "{}", Lang::RU.translate(&message));
    let reading = Reading { numbers: Some(NumberStyle::Comma), ..Reading::default() };
    import(fixture, &Request { reading, ..numbers }).await.expect("imported");
    assert_eq!(values(fixture, "a@x.test").await, json!({"возраст": 1.2, "клиент_с": "1985-07-04"}));
});

both!(dates_of_months_by_name_short_years_and_day_numbers_are_read_or_asked_about, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let named = "email,клиент_с\na@x.test,5 мая 1990\nb@x.test,\"May 5, 1990\"\nc@x.test,5 мая\n";
    let outcome = import(fixture, &request(file(fixture, "named.csv", named))).await.expect("imported");
    assert_eq!((counts(&outcome), outcome.left_out_total()), ([3, 0, 0, 0, 0, 0], 1));
    for address in ["a@x.test", "b@x.test"] {
        assert_eq!(values(fixture, address).await, json!({"клиент_с": "1990-05-05"}));
    }

    let short = request(file(fixture, "short.csv", "email,клиент_с\nd@x.test,05-May-90\ne@x.test,31/12/04\n"));
    let message = import(fixture, &short).await.expect_err("asked").message();
    assert_eq!((message.key, message.text("values")), ("import-years-unclear", "05-May-90; 31/12/04"));
    let said = Lang::EN.translate(&message);
    assert!(said.contains("--years 1927 if they lie in 1927–2026") && said.contains("--years 1976 if"), "{said}");
    let dates = DateReading { years: Some(1927), ..DateReading::default() };
    import(fixture, &Request { reading: Reading { dates, ..Reading::default() }, ..short }).await.expect("imported");
    assert_eq!(values(fixture, "d@x.test").await, json!({"клиент_с": "1990-05-05"}));
    assert_eq!(values(fixture, "e@x.test").await, json!({"клиент_с": "2004-12-31"}));

    let numbers = request(file(fixture, "excel.csv", "email,клиент_с\nf@x.test,45000\ng@x.test,32874\n"));
    let message = import(fixture, &numbers).await.expect_err("asked").message();
    assert_eq!((message.key, message.text("first")), ("import-dates-numbers", "--dates excel"));
    let dates = DateReading { day_numbers: true, ..DateReading::default() };
    import(fixture, &Request { reading: Reading { dates, ..Reading::default() }, ..numbers }).await.expect("imported");
    assert_eq!(values(fixture, "f@x.test").await, json!({"клиент_с": "2023-03-15"}));
});

both!(a_delimiter_that_is_named_is_used, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let text = "email;имя,с запятой;x\na@x.test;Анна,Мария;1\n";
    let semicolon = Reading { delimiter: Some(Delimiter::Semicolon), ..Reading::default() };
    let pairs = map(&[("имя,с запятой", "имя"), ("x", "-")]);
    let path = file(fixture, "named.csv", text);
    import(fixture, &Request { reading: semicolon, map: pairs, ..request(path.clone()) }).await.expect("imported");
    assert_eq!(values(fixture, "a@x.test").await, json!({"имя": "Анна,Мария"}));
    let comma = Reading { delimiter: Some(Delimiter::Comma), ..Reading::default() };
    assert!(import(fixture, &Request { reading: comma, ..request(path) }).await.is_err());
});

both!(a_rejects_file_that_is_mended_is_imported, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let rejects = fixture.folder.path().join("rejects.csv");
    let text =
        "Name|E-mail|имя|Birthday\n=1+1|a.x.test|+44 1|04/05\nEve|b@x.test|-5a|04/05\nDan|c@x.test|'tis|31.12.1990\n";
    let pairs = map(&[("Name", "город"), ("Birthday", "клиент_с")]);
    let first =
        Request { map: pairs.clone(), rejects: Some(rejects.clone()), ..request(file(fixture, "in.csv", text)) };
    let outcome = import(fixture, &first).await.expect("imported");
    assert_eq!((counts(&outcome), outcome.left_out_total()), ([2, 0, 0, 0, 0, 1], 1));
    assert!(outcome.is_mostly_wrong());
    let written = std::fs::read_to_string(&rejects).expect("written");
    assert!(written.contains("|'=1+1|a.x.test|'+44 1|04/05\n"), "{written}");

    let mended = written.replace("a.x.test", "a@x.test").replace("04/05", "04.05.1991");
    let again = Request { map: pairs, ..request(file(fixture, "mended.csv", mended)) };
    let outcome = import(fixture, &again).await.expect("imported");
    assert_eq!((counts(&outcome), outcome.left_out_total()), ([1, 1, 0, 0, 0, 0], 0));
    let a = json!({"город": "=1+1", "имя": "+44 1", "клиент_с": "1991-05-04"});
    assert_eq!(values(fixture, "a@x.test").await, a);
    assert_eq!(values(fixture, "b@x.test").await, json!({"город": "Eve", "имя": "-5a", "клиент_с": "1991-05-04"}));
});

both!(a_dry_run_shows_people_as_they_were_read, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let rows: String = (0..5).map(|n| format!("p{n}@x.test,Ann\n")).collect();
    let path = file(fixture, "people.csv", format!("email,имя\n{rows}q@x.test,Zoë\n"));
    let outcome = import(fixture, &Request { dry_run: true, ..request(path) }).await.expect("counted");
    let people = outcome.json()["people"].clone();
    assert_eq!(people.as_array().map(Vec::len), Some(3));
    assert!(people.to_string().contains("Zoë"), "{people}");
});
