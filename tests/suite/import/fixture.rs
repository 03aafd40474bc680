//! Fixture of the import tests: fields, files, and the rows that an import wrote.

use std::path::{Path, PathBuf};

use sendoff::audience::address::Address;
use sendoff::audience::consent::Basis;
use sendoff::audience::contact::{self, Contact};
use sendoff::audience::field::{self, Field};
use sendoff::audience::import::{self, Reading, Request, Summary};
use sendoff::audience::list;
use sendoff::infra::error::Result;
use sendoff::infra::i18n::Lang;
use sendoff::infra::id::Id;
use sqlx::Row;

use crate::fixture::Fixture;

pub const FIELDS: &[(&str, &str)] = &[
    ("имя", "text"),
    ("город", "text"),
    ("возраст", "number"),
    ("клиент_с", "date"),
    ("заметка", "text"),
    ("vip", "flag"),
    ("тариф", "choice:Free,Pro"),
];

pub fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/import").join(name)
}

pub fn request(path: impl Into<PathBuf>) -> Request {
    Request {
        id: None,
        path: path.into(),
        list: "Новости".to_owned(),
        source: "shop.example".to_owned(),
        basis: Basis::Consent,
        proof: "answers of form 17".to_owned(),
        date: "2026-10-31".to_owned(),
        map: Vec::new(),
        encoding: None,
        reading: Reading::default(),
        dry_run: false,
        rejects: None,
    }
}

pub async fn set_up(fixture: &Fixture, workspace: Id) {
    list::add(&fixture.installation, workspace, "Новости").await.expect("a list");
    for (name, kind) in FIELDS {
        let field = Field::declare(name, kind).expect("a field");
        field::add(&fixture.installation, workspace, &field).await.expect("declared");
    }
}

pub async fn import_into(fixture: &Fixture, workspace: Id, request: &Request) -> Result<Summary> {
    import::run(&fixture.installation, workspace, request, Lang::EN, &mut |_| {}).await
}

pub async fn import(fixture: &Fixture, request: &Request) -> Result<Summary> {
    import_into(fixture, fixture.workspace.id, request).await
}

pub fn file(fixture: &Fixture, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = fixture.folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    path
}

pub async fn rows(fixture: &Fixture, query: &'static str) -> Vec<String> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let rows = sqlx::query(query).fetch_all(&mut *conn).await.expect(query);
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = (0..row.len()).map(|index| row.get(index)).collect();
            cells.join("|")
        })
        .collect()
}

/// Every row of every table that an import writes, with keys and times.
pub async fn dump(fixture: &Fixture) -> Vec<String> {
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
        all.extend(rows(fixture, query).await);
    }
    all
}

/// Contacts of each workspace with list, state and evidence, without keys.
pub async fn people(fixture: &Fixture) -> Vec<String> {
    rows(
        fixture,
        "select w.name, c.canonical, c.address, c.fields, c.folded, cast(c.created_at as text), l.name, s.state, \
         e.source, e.proof, cast(e.given_at as text) from contact c join workspace w on w.id = c.workspace_id \
         join subscription s on s.contact_id = c.id join list l on l.id = s.list_id \
         join consent r on r.contact_id = c.id and r.list_id = l.id join evidence e on e.id = r.evidence_id \
         order by w.name, c.canonical",
    )
    .await
}

pub async fn count(fixture: &Fixture, query: &'static str) -> i64 {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    sqlx::query(query).fetch_one(&mut *conn).await.expect(query).get(0)
}

pub async fn find(fixture: &Fixture, address: &str) -> Option<Contact> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let address = Address::parse(address).expect(address);
    contact::find(&mut conn, fixture.workspace.id, &address).await.expect("asked")
}

pub fn counts(outcome: &Summary) -> [i64; 6] {
    let Summary { new, updated, unchanged, duplicates, tombstoned, .. } = outcome;
    [*new, *updated, *unchanged, *duplicates, *tombstoned, outcome.invalid_total()]
}

pub fn key(outcome: Result<Summary>) -> &'static str {
    match outcome.expect_err("refused") {
        error if error.is_user_error() => {
            assert_eq!(error.exit_code(), 2);
            error.message().key
        }
        error => error.message().key,
    }
}
