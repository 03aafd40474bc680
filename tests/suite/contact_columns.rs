//! Every table with a column `contact_id` is empty of a contact after its erasure; the tables are those of the migrated
//! database.

use std::collections::BTreeMap;

use sendoff::infra::db::{Query, Sql};
use sendoff::privacy::erasure::{Erased, PERSONAL_TABLES};
use sqlx::Row;

use crate::canary;
use crate::erasure::erase;
use crate::fixture::{Fixture, Kind, both};

/// The tables with the names and types of their columns.
async fn tables(fixture: &Fixture) -> BTreeMap<String, Vec<(String, String)>> {
    let query = match fixture.kind {
        Kind::Sqlite => Query::new(
            "select t.name, c.name, lower(c.type)
               from sqlite_schema t join pragma_table_info(t.name) c
              where t.type = 'table'",
        ),
        Kind::Postgres => Query::new(
            "select cast(table_name as text), cast(column_name as text), cast(data_type as text)
               from information_schema.columns
              where table_schema = 'public'",
        ),
    };
    let mut tables: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    for row in query.fetch_all(&mut conn).await.expect("the schema") {
        tables.entry(row.get(0)).or_default().push((row.get(1), row.get(2)));
    }
    tables
}

both!(erasure_empties_every_table_with_a_contact_column, |fixture| {
    let list = canary::list(fixture, "News").await;
    let person = canary::person(fixture, &list, "anna@example.org").await;
    let mut with_people = tables(fixture).await;
    with_people.retain(|_, columns| columns.iter().any(|(name, _)| name == "contact_id"));
    assert_eq!(
        with_people.len(),
        8,
        "delivery, event, consent, hard_bounce, preference, returned_message, subject_request, subscription: {with_people:?}"
    );
    for (table, columns) in &with_people {
        assert!(PERSONAL_TABLES.contains(&table.as_str()), "{table} is not rewritten after an erasure");
        let mut sql = Sql::new("insert into ");
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        sql.push(table).push(" (").push(&names.join(", ")).push(") values (");
        for (index, (name, kind)) in columns.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " });
            match (name.as_str(), kind.as_str()) {
                ("contact_id", _) => drop(sql.bind(person)),
                ("state", _) => drop(sql.bind("accepted".to_owned())),
                ("kind", _) => drop(sql.bind("open".to_owned())),
                (_, "integer") => drop(sql.bind(7)),
                (_, "bigint") => drop(sql.bind(7_i64)),
                (_, "bytea") => drop(sql.bind(vec![7_u8; 32])),
                (_, "text") => drop(sql.bind("planted".to_owned())),
                other => panic!("{table}: {other:?}"),
            }
        }
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        sql.push(")").run(&mut tx).await.expect(table);
        tx.commit().await.expect("committed");
    }

    assert_eq!(erase(fixture, "anna@example.org").await, Erased::Contact);

    for table in with_people.keys() {
        let mut sql = Sql::new("select 1 from ");
        sql.push(table).push(" where contact_id = ").bind(person);
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        assert!(sql.first(&mut conn).await.expect(table).is_none(), "{table} still names the person");
    }
});
