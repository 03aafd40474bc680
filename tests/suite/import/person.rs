//! Imported rows as contacts, subscriptions and receipts.

use sendoff::audience::address::Address;
use sendoff::audience::consent::{self, Basis};
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::import::{Request, Summary};
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::audience::{field, field_indexing, indexed_field, list, tombstone};
use sendoff::infra::db::Sql;
use serde_json::{Value, json};
use sqlx::Row;

use super::fixture::{corpus, count, counts, dump, file, find, import, request, set_up};
use crate::fixture::{NOW, both};

both!(importing_a_file_again_changes_nothing, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let request = request(corpus("utf-8.csv"));
    import(fixture, &request).await.expect("imported");
    let before = dump(fixture).await;
    fixture.installation.clock.advance(86_400_000);

    let outcome = import(fixture, &request).await.expect("imported");

    assert_eq!(counts(&outcome), [0, 0, 4, 0, 0, 0]);
    assert_eq!(dump(fixture).await, before);
    assert!(before.len() > 12);
});

both!(every_imported_subscription_has_a_consent_receipt, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let request = Request { basis: Basis::Contract, date: "01.02.2020".to_owned(), ..request(corpus("utf-8.csv")) };

    import(fixture, &request).await.expect("imported");

    let anna = find(fixture, "anna@example.org").await.expect("taken");
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let lists = subscription::of_contact(&mut conn, anna.id).await.expect("lists");
    assert_eq!(lists.iter().map(|one| one.state).collect::<Vec<_>>(), [State::Confirmed]);
    let receipts = consent::of_contact(&mut conn, anna.id).await.expect("receipts");
    assert_eq!(receipts.len(), 1);
    assert_eq!((receipts[0].purpose.as_str(), receipts[0].recorded_at), (consent::MAILING, NOW));
    let evidence = &receipts[0].evidence;
    assert_eq!((evidence.basis, evidence.given_at), (Basis::Contract, 1_580_515_200_000));
    assert_eq!((evidence.source.as_str(), evidence.proof.as_str()), ("shop.example", "answers of form 17"));
    drop(conn);
    assert_eq!(count(fixture, "select count(*) from evidence").await, 1);
    assert_eq!(count(fixture, "select count(*) from consent").await, 4);
});

both!(a_dry_run_counts_the_same_and_writes_nothing, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let first = file(fixture, "first.csv", "email,имя\na@example.org,Анна\nb@example.org,Борис\n");
    import(fixture, &request(first)).await.expect("imported");
    let path = file(
        fixture,
        "second.csv",
        "email,имя\na@example.org,Анна\nb@example.org,Боря\nc@example.org,Вера\nc@example.org,Вера\nd@,x\n",
    );
    let before = dump(fixture).await;

    let counted = import(fixture, &Request { dry_run: true, ..request(&path) }).await.expect("counted");

    assert_eq!(dump(fixture).await, before);
    assert_eq!(counts(&counted), [1, 1, 1, 1, 0, 1]);
    let done = import(fixture, &request(&path)).await.expect("imported");
    assert_eq!(Summary { dry_run: false, ..counted }, done);
});

both!(empty_cells_and_missing_columns_keep_existing_values, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let first = "email,имя,город,возраст,vip,тариф\nAnna@example.org,Анна,Москва,31,да,pro\n";
    import(fixture, &request(file(fixture, "first.csv", first))).await.expect("imported");
    fixture.installation.clock.advance(1_000);

    let second = file(fixture, "second.csv", "email,имя,возраст\nANNA@EXAMPLE.ORG,,32\n");
    let outcome = import(fixture, &request(second)).await.expect("imported");

    assert_eq!(counts(&outcome), [0, 1, 0, 0, 0, 0]);
    let anna = find(fixture, "anna@example.org").await.expect("known");
    let expected = json!({"имя": "Анна", "город": "Москва", "возраст": 32, "vip": 1, "тариф": "Pro"});
    assert_eq!(Value::from(anna.values), expected);
    assert_eq!((anna.created_at, anna.updated_at), (NOW, NOW + 1_000));
    assert_eq!(anna.address.expose(), "Anna@example.org", "the spelling of the last file");
});

both!(a_tombstoned_address_is_not_imported, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    set_up(fixture, workspace).await;
    let news = list::add(installation, workspace, "Новости").await.expect("the list").id;
    let digest =
        |text: &str| tombstone::digest(&installation.keys.tombstone, workspace, &Address::parse(text).expect(text));
    let mut tx = installation.db.write().await.expect("a transaction");
    let everywhere = tombstone::EVERY_LIST;
    tombstone::set(&mut tx, workspace, everywhere, digest("gone@почта.пример"), "erased", 1).await.expect("set");
    let twice = [(workspace, news, digest("left@example.org"), "left", 1); 2];
    tombstone::set_many(&mut tx, &twice).await.expect("set");
    tombstone::set(&mut tx, workspace, news + 1, digest("other@example.org"), "left", 1).await.expect("set");
    tx.commit().await.expect("committed");
    let text = "email\nGone@xn--80a1acny.xn--e1afmkfd\nLEFT@example.org\nother@example.org\n";

    let outcome = import(fixture, &request(file(fixture, "all.csv", text))).await.expect("imported");

    assert_eq!(counts(&outcome), [1, 0, 0, 0, 2, 0]);
    assert!(find(fixture, "gone@почта.пример").await.is_none());
    assert!(find(fixture, "left@example.org").await.is_none());
    assert!(find(fixture, "other@example.org").await.is_some());
});

both!(an_import_neither_confirms_a_pending_nor_lifts_a_restricted_subscription, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    set_up(fixture, workspace).await;
    let news = list::add(installation, workspace, "Новости").await.expect("the list").id;
    let other = list::add(installation, workspace, "Акции").await.expect("a list").id;
    let mut tx = installation.db.write().await.expect("a transaction");
    let mut ids = Vec::new();
    for (text, list, state) in
        [("pending@example.org", news, State::Pending), ("paused@example.org", other, State::Restricted)]
    {
        let address = Address::parse(text).expect(text);
        let person = NewContact { id: installation.ids.next().expect("an id"), address, values: Values::new() };
        contact::insert(&mut tx, workspace, std::slice::from_ref(&person), NOW).await.expect("added");
        let joining = NewSubscription { id: installation.ids.next().expect("an id"), contact: person.id, state };
        subscription::join(&mut tx, workspace, list, &[joining], NOW).await.expect("joined");
        ids.push(person.id);
    }
    tx.commit().await.expect("committed");
    let text = "email\npending@example.org\npaused@example.org\n";

    let outcome = import(fixture, &request(file(fixture, "both.csv", text))).await.expect("imported");

    assert_eq!(counts(&outcome), [0, 1, 1, 0, 0, 0]);
    let mut conn = installation.db.read().await.expect("a connection");
    let mut states = subscription::states(&mut conn, news, &ids).await.expect("states");
    states.sort();
    assert_eq!(states, [(ids[0], State::Pending), (ids[1], State::Restricted)]);
});

both!(indexed_columns_of_new_contacts_match_their_values, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    set_up(fixture, workspace).await;
    for field in field::all(&mut installation.db.read().await.expect("a connection"), workspace).await.expect("read") {
        assert!(field_indexing::pin(installation, workspace, &field, true).await.expect("asked"), "{}", field.name);
    }
    let long = "Ё".repeat(100);
    let text = format!(
        "email,имя,город,возраст,клиент_с,заметка,vip,тариф\n\
         a@example.org,АННА,{long},0.1,2020-02-29,\"\"\"\\,;\",да,pro\nb@example.org,,,,,,,\nc@example.org,x,,-1e3,,İ,no,\n"
    );

    import(fixture, &request(file(fixture, "people.csv", text))).await.expect("imported");

    let columns = async || {
        let texts = indexed_field::TEXT_COLUMNS.map(|text| format!("coalesce({text}, '-')"));
        let numbers = indexed_field::NUMBER_COLUMNS.map(|number| format!("coalesce(cast({number} as text), '-')"));
        let columns = texts.into_iter().chain(numbers).collect::<Vec<_>>().join(", ");
        let mut sql = Sql::new(&format!("select {columns} from contact order by canonical"));
        let rows = sql.all(&mut installation.db.read().await.expect("a connection")).await.expect("read");
        rows.iter().map(|row| (0..16).map(|index| row.get(index)).collect()).collect::<Vec<Vec<String>>>()
    };
    let loaded = columns().await;
    assert_eq!(loaded[0].iter().filter(|cell| *cell != "-").count(), 7, "{loaded:?}");
    let all =
        indexed_field::all(&mut installation.db.read().await.expect("a connection"), workspace).await.expect("read");
    let mut tx = installation.db.write().await.expect("a transaction");
    contact::backfill(&mut tx, workspace, &all, true, 0, 100).await.expect("backfilled").expect("three contacts");
    tx.commit().await.expect("committed");
    assert_eq!(columns().await, loaded);
});
