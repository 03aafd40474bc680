//! Table `contact`: a person in a workspace, their address and field values. Values are kept twice:
//! as given, and the texts folded to lower case, so that comparison is the same on both databases.
//! What segments look at often stands in columns of its own besides (`shelf`).

use serde::Serialize;
use serde_json::{Map, Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::address::Address;
use super::eligibility;
use super::indexed_field::{self, IndexedField};
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::pg_copy::{CopyRows, CopyTransaction};
use crate::infra::db::value::Value::{Integer, Text};
use crate::infra::db::{Conn, Db, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::id::{Id, Ids, STEP};

mod derived_columns;

pub use derived_columns::{
    backfill, create_activity_index, create_index, drop_index, lock, recompute_activity, recompute_reachable,
    record_activity,
};

/// Field values by field name.
pub type Values = Map<String, Value>;

/// A person in a workspace.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Their key.
    pub id: Id,
    /// Their address as they spell it.
    pub address: Address,
    /// Their field values.
    pub values: Values,
    /// When they came.
    pub created_at: Millis,
    /// When their data last changed.
    pub updated_at: Millis,
}

/// A person to be added.
#[derive(Debug, Clone)]
pub struct NewContact {
    /// A fresh key.
    pub id: Id,
    /// Their address.
    pub address: Address,
    /// Their field values.
    pub values: Values,
}

/// Reads a contact from columns `id, address, fields, created_at, updated_at`.
pub fn read(row: &AnyRow) -> Result<Contact> {
    let id = row.get(0);
    let broken = |column: &str| {
        Message::new("row-broken").with("table", "contact").with("column", column).with("id", id).internal()
    };
    Ok(Contact {
        id,
        address: Address::parse(row.get(1)).map_err(|_| broken("address"))?,
        values: serde_json::from_str(row.get(2)).map_err(|_| broken("fields"))?,
        created_at: row.get(3),
        updated_at: row.get(4),
    })
}

/// The texts of the values in lower case: what segments compare.
pub fn fold(values: &Values) -> Values {
    let folded = |value: &Value| value.as_str().map(|text| Value::from(text.to_lowercase()));
    values.iter().filter_map(|(name, value)| Some((name.clone(), folded(value)?))).collect()
}

/// Finds a person by the canonical form of an address.
pub async fn find(conn: &mut Conn, workspace: Id, address: &Address) -> Result<Option<Contact>> {
    let row = sqlx::query(
        "select id, address, fields, created_at, updated_at from contact where workspace_id = $1 and canonical = $2",
    )
    .bind(workspace)
    .bind(address.canonical())
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
}

/// A person by key.
pub async fn get(conn: &mut Conn, id: Id) -> Result<Option<Contact>> {
    let row = sqlx::query("select id, address, fields, created_at, updated_at from contact where id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Someone on a list whom letters go to; the one who came first.
pub async fn first_subscriber(conn: &mut Conn, list: Id) -> Result<Option<Contact>> {
    let mut sql = Sql::new(
        "select c.id, c.address, c.fields, c.created_at, c.updated_at from subscription s join contact c on c.id = s.contact_id \
         where s.list_id = ",
    );
    sql.bind(list).push(" and ").push(&eligibility::mailable("s")).push(" order by s.contact_id limit 1");
    let row = sql.first(conn).await?;
    row.as_ref().map(read).transpose()
}

/// How many people a workspace has.
pub async fn count(conn: &mut Conn, workspace: Id) -> Result<i64> {
    let row =
        sqlx::query("select count(*) from contact where workspace_id = $1").bind(workspace).fetch_one(conn).await?;
    Ok(row.get(0))
}

/// People by the canonical forms of their addresses, in no order.
pub async fn find_many(
    conn: &mut Conn,
    workspace: Id,
    canonical: &[impl AsRef<str> + serde::Serialize],
) -> Result<Vec<Contact>> {
    let texts = || canonical.iter().map(AsRef::as_ref);
    let (Some(first), Some(last)) = (texts().min(), texts().max()) else { return Ok(Vec::new()) };
    let any =
        sqlx::query("select 1 from contact where workspace_id = $1 and canonical >= $2 and canonical <= $3 limit 1");
    if any.bind(workspace).bind(first).bind(last).fetch_optional(&mut *conn).await?.is_none() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select id, address, fields, created_at, updated_at from contact where workspace_id = ");
    sql.bind(workspace).push(" and canonical").among_texts(conn, canonical);
    sql.all(conn).await?.iter().map(read).collect()
}

/// A person to be added, as the columns hold them: what an import has at hand.
#[derive(Debug, Clone, Copy)]
pub struct ContactRow<'a> {
    /// The address as spelled.
    pub address: &'a str,
    /// Its canonical form.
    pub canonical: &'a str,
    /// The field values as JSON.
    pub fields: &'a str,
    /// The texts among them in lower case.
    pub folded: &'a str,
}

/// Adds people whose addresses the workspace does not have yet. They are out of reach until they
/// join a list.
pub async fn insert(conn: &mut Conn, workspace: Id, people: &[NewContact], now: Millis) -> Result<()> {
    let rows: Vec<_> = people.iter().map(row).collect();
    insert_rows(conn, workspace, &rows, false, now).await
}

/// People added in one go: their keys lie in a row, with room for what follows from each, so that
/// subscriptions and receipts are made from the rows and need not travel.
#[derive(Debug, Clone, Copy)]
pub struct NewContactIds {
    workspace: Id,
    first: Id,
    last: Id,
}

/// Keys a newcomer takes: their own, then those of their subscription and of their receipt.
const KEYS: i64 = 3;

impl NewContactIds {
    /// Keys for so many people, at least one.
    pub fn number(ids: &Ids, workspace: Id, count: usize) -> Self {
        let count = count as i64;
        let first = ids.reserve(KEYS * count);
        Self { workspace, first, last: first + (KEYS * count - 1) * STEP }
    }

    /// The key of each.
    pub fn keys(&self) -> impl Iterator<Item = Id> {
        (self.first..self.last).step_by((KEYS * STEP) as usize)
    }

    /// Their workspace.
    pub fn workspace(&self) -> Id {
        self.workspace
    }

    /// Appends the condition that a row `c` of `contact` is one of them. Keys of other processes may
    /// lie in between; they differ in the remainder.
    pub fn only(&self, sql: &mut Sql) {
        sql.push("c.id >= ").bind(self.first).push(" and c.id <= ").bind(self.last).push(" and c.id % ");
        sql.push(&STEP.to_string()).push(" = ").bind(self.first % STEP).push(" and +c.workspace_id = ");
        sql.bind(self.workspace);
    }
}

/// Adds people who join a list in the same transaction and are confirmed there.
pub async fn insert_subscribed<'a>(
    conn: &mut Conn,
    newcomers: NewContactIds,
    people: &[ContactRow<'a>],
    now: Millis,
) -> Result<()> {
    let row = |(id, one): (Id, &ContactRow<'a>)| (id, one.address, one.canonical, one.fields, one.folded);
    let rows: Vec<_> = newcomers.keys().zip(people).map(row).collect();
    insert_rows(conn, newcomers.workspace, &rows, true, now).await
}

/// Loads people who join a list in the same load and are confirmed there. `facets` are those of
/// [`indexed_field::list_writable`], in a transaction that goes on until the load has ended.
pub async fn copy_in(
    load: &mut CopyTransaction<'_>,
    newcomers: NewContactIds,
    facets: &[IndexedField],
    people: &[ContactRow<'_>],
    now: Millis,
) -> Result<()> {
    let mut columns = COLUMNS.to_vec();
    columns.extend(facets.iter().map(|facet| facet.place));
    let rows = newcomers.keys().zip(people).map(|(id, one)| {
        let texts = [one.address, one.canonical, one.fields, one.folded].map(|text| Text(text.to_owned()));
        let mut row = Vec::with_capacity(columns.len());
        row.extend([Integer(id), Integer(newcomers.workspace)]);
        row.extend(texts);
        row.extend([now, now, 1].map(Integer));
        if !facets.is_empty() {
            let [fields, folded] =
                [one.fields, one.folded].map(|text| serde_json::from_str(text).expect("values are JSON"));
            row.extend(facets.iter().map(|facet| derived_columns::facet_in(facet, &fields, &folded)));
        }
        row
    });
    load.copy_in(&CopyRows::new("contact", &columns, rows)?).await
}

/// What is known of a person when they are added, before the facets.
const COLUMNS: [&str; 9] =
    ["id", "workspace_id", "address", "canonical", "fields", "folded", "created_at", "updated_at", "reachable"];

async fn insert_rows(
    conn: &mut Conn,
    workspace: Id,
    rows: &[impl Serialize],
    reachable: bool,
    now: Millis,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let facets = indexed_field::list_writable(conn, workspace).await?;
    let mut sql = Sql::new("insert into contact (");
    sql.push(&COLUMNS.join(", "));
    for facet in &facets {
        sql.push(", ").push(facet.place);
    }
    sql.push(") select ").push(&whole(0)).push(", ").bind(workspace).push(", ");
    sql.push(&[1, 2, 3, 4].map(column).join(", ")).push(", ").bind(now).push(", ").bind(now);
    sql.push(if reachable { ", 1" } else { ", 0" });
    for facet in &facets {
        derived_columns::facet_of(sql.push(", "), facet, &column(3), &column(4));
    }
    sql.push(" from ").table(conn, rows).run(conn).await?;
    Ok(())
}

/// Replaces the address spelling and the values of people who are there already.
pub async fn update(conn: &mut Conn, workspace: Id, people: &[NewContact], now: Millis) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let facets = indexed_field::list_writable(conn, workspace).await?;
    let rows: Vec<_> = people.iter().map(row).collect();
    let mut sql = Sql::new("update contact set updated_at = ");
    sql.bind(now);
    for (index, name) in ["address", "canonical", "fields", "folded"].iter().enumerate() {
        sql.push(", ").push(name).push(" = ").push(&column(index + 1));
    }
    for facet in &facets {
        sql.push(", ").push(facet.place).push(" = ");
        derived_columns::facet_of(&mut sql, facet, &column(3), &column(4));
    }
    sql.push(" from ").table(conn, &rows).push(" where contact.id = ").push(&whole(0)).run(conn).await?;
    Ok(())
}

/// Key, address, canonical form, values and folded values, as their columns hold them.
fn row(person: &NewContact) -> Value {
    let address = &person.address;
    json!([person.id, address.expose(), address.canonical(), text(&person.values), text(&fold(&person.values))])
}

/// Keeps others from changing or removing these people until the transaction ends. Returns those
/// who are still there and when they last changed.
pub async fn lock_existing(conn: &mut Conn, db: &Db, ids: &[Id]) -> Result<Vec<(Id, Millis)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select id, updated_at from contact where id");
    sql.among(conn, ids).push(" order by id").push(db.hold()).gathered(conn, "id, updated_at").await
}

/// Removes the rows. The caller removes what hangs on them in the same transaction.
pub async fn forget(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    Sql::new("delete from contact where id").among(conn, ids).run(conn).await?;
    Ok(())
}

/// Keeps an `add` or a `correct` from taking another person's address.
pub async fn ensure_free(conn: &mut Conn, workspace: Id, address: &Address, but: Id) -> Result<()> {
    match find(conn, workspace, address).await? {
        Some(other) if other.id != but => Err(Message::new("contact-exists").with("address", address).conflict()),
        _ => Ok(()),
    }
}

fn text(values: &Values) -> String {
    serde_json::to_string(values).expect("a map of values always serialises")
}
