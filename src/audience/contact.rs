//! Table `contact`: a person in a workspace, their address and field values. Values are kept twice:
//! as given, and the texts folded to lower case, so that comparison is the same on both databases.
//! What segments look at often stands in columns of its own besides (`shelf`).

use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::address::Address;
use super::facet;
use crate::ground::clock::Millis;
use crate::ground::db::{Conn, Db, Sql};
use crate::ground::error::{Message, Result};
use crate::ground::id::Id;

mod shelf;

pub use shelf::{index, restate, shelve, unindex};

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

/// Rows a statement: 24 values each at most, below the limit of bound values and large enough to be cheap.
const ROWS: usize = 500;

/// Reads a contact from columns `id, address, fields, created_at, updated_at`.
pub fn read(row: &AnyRow) -> Result<Contact> {
    let id = row.get(0);
    let broken = |column: &str| {
        Message::new("row-broken").with("table", "contact").with("column", column).with("id", id).failed()
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
pub async fn any_on(conn: &mut Conn, list: Id) -> Result<Option<Contact>> {
    let row = sqlx::query(
        "select c.id, c.address, c.fields, c.created_at, c.updated_at from subscription s join contact c on c.id = s.contact_id \
         where s.list_id = $1 and s.state = 'confirmed' order by s.contact_id limit 1",
    )
    .bind(list)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
}

/// How many people a workspace has.
pub async fn count(conn: &mut Conn, workspace: Id) -> Result<i64> {
    let row =
        sqlx::query("select count(*) from contact where workspace_id = $1").bind(workspace).fetch_one(conn).await?;
    Ok(row.get(0))
}

/// People by the canonical forms of their addresses, in no order; at most 30,000 forms a call.
pub async fn find_many(conn: &mut Conn, workspace: Id, canonical: &[String]) -> Result<Vec<Contact>> {
    if canonical.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select id, address, fields, created_at, updated_at from contact where workspace_id = ");
    sql.bind(workspace).push(" and canonical in (").bind_all(canonical.iter().cloned()).push(")");
    sql.all(conn).await?.iter().map(read).collect()
}

/// Adds people whose addresses the workspace does not have yet. They are out of reach until they
/// join a list.
pub async fn add(conn: &mut Conn, workspace: Id, people: &[NewContact], now: Millis) -> Result<()> {
    let facets = facet::to_write(conn, workspace).await?;
    for some in people.chunks(ROWS) {
        let mut sql = Sql::new(
            "insert into contact (id, workspace_id, address, canonical, fields, folded, created_at, updated_at",
        );
        for facet in &facets {
            sql.push(", ").push(facet.place);
        }
        sql.push(") values ");
        for (index, person) in some.iter().enumerate() {
            sql.push(if index == 0 { "(" } else { ", (" });
            sql.bind(person.id).push(", ").bind(workspace).push(", ");
            sql.bind_all(texts(person)).push(", ").bind(now).push(", ").bind(now);
            facets.iter().for_each(|facet| shelf::bind(sql.push(", "), facet, &person.values));
            sql.push(")");
        }
        sql.run(conn).await?;
    }
    Ok(())
}

/// Replaces the address spelling and the values of people who are there already.
pub async fn change(conn: &mut Conn, workspace: Id, people: &[NewContact], now: Millis) -> Result<()> {
    let facets = facet::to_write(conn, workspace).await?;
    for some in people.chunks(ROWS) {
        let mut sql = Sql::new("update contact set updated_at = ");
        sql.bind(now).push(", address = new.column2, canonical = new.column3, fields = new.column4, ");
        sql.push("folded = new.column5");
        for (index, facet) in facets.iter().enumerate() {
            sql.push(", ").push(facet.place).push(&format!(" = new.column{}", index + 6));
        }
        sql.push(" from (values ");
        for (index, person) in some.iter().enumerate() {
            sql.push(if index == 0 { "(" } else { ", (" }).bind(person.id).push(", ").bind_all(texts(person));
            facets.iter().for_each(|facet| shelf::bind(sql.push(", "), facet, &person.values));
            sql.push(")");
        }
        sql.push(") as new where contact.id = new.column1").run(conn).await?;
    }
    Ok(())
}

/// Address, canonical form, values and folded values, as their columns hold them.
fn texts(person: &NewContact) -> [String; 4] {
    [person.address.expose(), person.address.canonical(), json(&person.values), json(&fold(&person.values))]
}

/// Keeps others from changing or removing these people until the transaction ends. Returns those
/// who are still there and when they last changed.
pub async fn hold(conn: &mut Conn, db: &Db, ids: &[Id]) -> Result<Vec<(Id, Millis)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select id, updated_at from contact where id in (");
    let rows = sql.bind_all(ids.iter().copied()).push(") order by id").push(db.hold()).all(conn).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Removes the row. The caller removes what hangs on it in the same transaction.
pub async fn forget(conn: &mut Conn, id: Id) -> Result<()> {
    sqlx::query("delete from contact where id = $1").bind(id).execute(conn).await?;
    Ok(())
}

/// Keeps an `add` or a `correct` from taking another person's address.
pub async fn ensure_free(conn: &mut Conn, workspace: Id, address: &Address, but: Id) -> Result<()> {
    match find(conn, workspace, address).await? {
        Some(other) if other.id != but => Err(Message::new("contact-exists").with("address", address).misuse()),
        _ => Ok(()),
    }
}

fn json(values: &Values) -> String {
    serde_json::to_string(values).expect("a map of values always serialises")
}
