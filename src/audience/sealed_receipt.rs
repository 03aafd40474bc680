//! Table `sealed_receipt`: what an erased person had consented to, as proof for whoever presents the address.
//!
//! A row is found by `HMAC(key, workspace ‖ canonical address)`. Its content is encrypted with a key that is derived from the
//! installation's own key and the address, so that neither the database nor the operator can read it or list whose it is
//! without the address. Rows expire by their day.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use super::address::Address;
use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::hex;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::secret::Keyring;

/// Days for which sealed receipts are kept: the three years within which claims are usually brought.
pub const KEPT_DAYS: i64 = 1_096;

/// One receipt within a sealed row. Times are in ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedConsent {
    /// The name of the list; `None` when the receipt concerned no list.
    pub list: Option<String>,
    /// What the data might be used for.
    pub purpose: String,
    /// `given` or `withdrawn`.
    pub kind: String,
    /// The edition of the policy in force.
    pub edition: String,
    /// How it was given.
    pub channel: String,
    /// Where it was collected.
    pub source: String,
    /// The text that was agreed to.
    pub wording: String,
    /// The proof.
    pub proof: String,
    /// When it was given or withdrawn.
    pub given_at: i64,
    /// When the receipt was written.
    pub recorded_at: i64,
}

/// What was sealed when a person left one list or all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Day of the erasure since 1970 UTC.
    pub day: i64,
    /// Why the data was erased.
    pub reason: String,
    /// The receipts, oldest first.
    pub consents: Vec<SealedConsent>,
}

/// Columns of [`seal`]'s select: contact, workspace and canonical address, then the fields of [`SealedConsent`].
const COLUMNS: &str = "contact, workspace, canonical, list, purpose, kind, edition, channel, source, wording, proof, given_at, \
                       recorded_at";

/// Seals the receipts of consent of contacts that are about to lose them: those of one list, or all. `day` and `reason` are
/// those of the erasure.
pub async fn seal(
    installation: &Installation,
    conn: &mut Conn,
    contacts: &[Id],
    list: Option<Id>,
    (day, reason): (i64, &str),
) -> Result<()> {
    let of_list = match list {
        Some(list) => Query::new("c.list_id + 0 = :list").bind("list", list),
        None => Query::new("1 = 1"),
    };
    let query = Query::new(
        "select c.contact_id as contact, c.workspace_id as workspace, p.canonical, l.name as list, c.purpose, c.kind,
                c.edition, e.channel, e.source, e.wording, e.proof, e.given_at, c.recorded_at
           from consent c
           join evidence e on e.id = c.evidence_id
           join contact p on p.id = c.contact_id
           left join list l on l.id = c.list_id
          where c.contact_id in :contacts and {of_list} and e.basis = 'consent'
          order by c.contact_id, c.id",
    );
    let query = query.bind_ids("contacts", contacts).fragment("of_list", of_list);
    let found: Vec<Vec<Value>> = match query.fetch_json(conn, COLUMNS).await {
        Err(error) if !error.is_outage() => {
            // A damaged row must not prevent the erasure.
            tracing::warn!(error = error.message().key, "receipts could not be sealed");
            return Ok(());
        }
        found => found?,
    };
    let mut people: BTreeMap<Id, (Id, String, Vec<SealedConsent>)> = BTreeMap::new();
    for row in found {
        let Some((contact, workspace, canonical, consent)) = read(row) else { continue };
        people.entry(contact).or_insert_with(|| (workspace, canonical, Vec::new())).2.push(consent);
    }
    if people.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(people.len());
    for (workspace, canonical, consents) in people.into_values() {
        let sealed = json!(Sealed { day, reason: reason.to_owned(), consents }).to_string();
        let content = installation.keys.seal_for(&parts(&workspace.to_be_bytes(), &canonical), &sealed);
        let lookup = lookup(&installation.keys, workspace, &canonical);
        rows.push(json!([installation.ids.next()?, workspace, lookup, STANDARD.encode(content)]));
    }
    let insert = Query::new(
        "insert into sealed_receipt (id, workspace_id, lookup, day, content)
         select {id}, {workspace}, {lookup}, :day, {content}
           from :rows as given",
    );
    insert
        .fragment("id", whole(0))
        .fragment("workspace", whole(1))
        .fragment("lookup", column(2))
        .fragment("content", column(3))
        .bind("day", day)
        .bind_rows("rows", &rows)
        .execute(conn)
        .await
        .map(drop)
}

/// A row of [`seal`]'s select; `None` when the values that find the person are damaged.
fn read(row: Vec<Value>) -> Option<(Id, Id, String, SealedConsent)> {
    let text = |at: usize| row.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |at: usize| row.get(at).and_then(Value::as_i64);
    let consent = SealedConsent {
        list: row.get(3).and_then(Value::as_str).map(str::to_owned),
        purpose: text(4),
        kind: text(5),
        edition: text(6),
        channel: text(7),
        source: text(8),
        wording: text(9),
        proof: text(10),
        given_at: number(11).unwrap_or(0),
        recorded_at: number(12).unwrap_or(0),
    };
    Some((number(0)?, number(1)?, row.get(2)?.as_str()?.to_owned(), consent))
}

/// Everything that is sealed for an address, oldest first.
pub async fn of_address(conn: &mut Conn, keys: &Keyring, workspace: Id, address: &Address) -> Result<Vec<Sealed>> {
    let forms: Vec<String> = [Some(address.canonical()), address.earlier_canonical()].into_iter().flatten().collect();
    let mut sealed = Vec::new();
    for canonical in forms {
        let query = Query::new(
            "select content
               from sealed_receipt
              where workspace_id = :workspace and lookup = :lookup
              order by id",
        );
        let lookup = lookup(keys, workspace, &canonical);
        let rows = query.bind("workspace", workspace).bind("lookup", lookup).fetch_all(conn).await?;
        let workspace = workspace.to_be_bytes();
        let open = |row: &AnyRow| {
            let content = STANDARD.decode(row.cell::<String>(0).ok()?).ok()?;
            serde_json::from_str(&keys.open_for(&parts(&workspace, &canonical), &content)?).ok()
        };
        sealed.extend(rows.iter().filter_map(open));
    }
    Ok(sealed)
}

/// Number of sealed rows of a workspace.
pub async fn count(conn: &mut Conn, workspace: Id) -> Result<i64> {
    let query = Query::new("select count(*) from sealed_receipt where workspace_id = :workspace");
    let row = query.bind("workspace", workspace).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// Deletes what was sealed in a workspace before a day. Returns the number of rows.
pub async fn expire(conn: &mut Conn, workspace: Id, before: i64) -> Result<u64> {
    let query = Query::new("delete from sealed_receipt where workspace_id = :workspace and day < :before");
    query.bind("workspace", workspace).bind("before", before).execute(conn).await
}

/// Deletes what was sealed in a workspace.
pub async fn remove_all(conn: &mut Conn, workspace: Id) -> Result<()> {
    let query = Query::new("delete from sealed_receipt where workspace_id = :workspace");
    query.bind("workspace", workspace).execute(conn).await.map(drop)
}

fn parts<'a>(workspace: &'a [u8; 8], canonical: &'a str) -> [&'a [u8]; 3] {
    [b"sealed receipt", workspace, canonical.as_bytes()]
}

fn lookup(keys: &Keyring, workspace: Id, canonical: &str) -> String {
    hex::encode(&keys.tombstone.mac(&parts(&workspace.to_be_bytes(), canonical)))
}
