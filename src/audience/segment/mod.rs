//! Table `segment`: a saved expression over people, such as
//! `city in ("Москва", "Казань") and age >= 18 and not opened(any, 90 days)`.
//!
//! Text becomes words (`token`), words a tree (`parse`), names in it a field, list or campaign of
//! the workspace (`resolve`), and the typed tree a condition with bound values (`compile`). The
//! expression is kept as text and resolved anew at every use.

mod compile;
mod cursor;
mod explain;
mod fault;
mod parse;
mod phrase;
mod resolve;
mod token;
mod tree;

use std::fmt;

use sqlx::Row;
use sqlx::any::AnyRow;

pub use explain::{Explanation, Finding, Standing, explain};
pub use fault::shorten;
pub use parse::{DEEPEST, MOST_CONDITIONS, MOST_VALUES};
pub use tree::Tree;

use super::address::is_hidden;
use super::subscription::State;
use compile::Writer;
use fault::{listed, nearest};
use resolve::Names;
use tree::Test;

use crate::ground::clock::Millis;
use crate::ground::db::{Conn, Db, Sql};
use crate::ground::error::{Message, Result};
use crate::ground::id::Id;
use crate::ground::installation::Installation;

/// The longest expression, in bytes.
pub const LONGEST: usize = 256 * 1024;

/// A saved expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its key.
    pub id: Id,
    /// Its name in the workspace.
    pub name: String,
    /// Whom it takes.
    pub expression: String,
}

/// An expression that was understood. Prints as an expression of the same meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Tree<Test>);

impl Condition {
    /// Appends a condition over a row `c` of `contact`, in parentheses. It names no other table of
    /// the statement around it. It does not ask for the workspace, nor whether letters may go out
    /// at all: see [`reachable`].
    pub fn compile(&self, sql: &mut Sql, db: &Db, now: Millis) {
        sql.push("(");
        Writer::new(sql, db, now).tree(&self.0);
        sql.push(")");
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Appends the condition that a row `c` of `contact` is a person whom letters may reach: on a list,
/// confirmed, and restricted nowhere. No segment has others.
pub fn reachable(sql: &mut Sql) {
    sql.push("exists (select 1 from subscription member where member.contact_id = c.id and member.state = ")
        .bind(State::Confirmed.to_string())
        .push(") and not exists (select 1 from subscription member where member.contact_id = c.id and member.state = ")
        .bind(State::Restricted.to_string())
        .push(")");
}

/// Understands an expression with the fields, lists and campaigns of a workspace.
pub async fn resolve(conn: &mut Conn, workspace: Id, expression: &str) -> Result<Condition> {
    if expression.len() > LONGEST {
        return Err(Message::new("segment-long").with("limit", LONGEST / 1024).misuse());
    }
    let phrases = parse::parse(expression).map_err(|fault| fault.show(expression))?;
    let names = Names::load(conn, workspace).await?;
    names.resolve(phrases).map(Condition).map_err(|fault| fault.show(expression))
}

/// Saves an expression that can be understood; a segment of this name gets it in place of its own.
pub async fn save(home: &Installation, workspace: Id, name: &str, expression: &str) -> Result<Segment> {
    let (name, expression) = (name.trim(), expression.trim());
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(is_hidden) {
        return Err(Message::new("segment-name").misuse());
    }
    let mut tx = home.db.write().await?;
    resolve(&mut tx, workspace, expression).await?;
    let row = sqlx::query(
        "insert into segment (id, workspace_id, name, expression, created_at) values ($1, $2, $3, $4, $5) \
         on conflict (workspace_id, name) do update set expression = excluded.expression returning id",
    )
    .bind(home.ids.next())
    .bind(workspace)
    .bind(name)
    .bind(expression)
    .bind(home.clock.now())
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Segment { id: row.get(0), name: name.to_owned(), expression: expression.to_owned() })
}

fn read(row: &AnyRow) -> Segment {
    Segment { id: row.get(0), name: row.get(1), expression: row.get(2) }
}

/// A segment by its key.
pub async fn get(conn: &mut Conn, id: Id) -> Result<Option<Segment>> {
    let row =
        sqlx::query("select id, name, expression from segment where id = $1").bind(id).fetch_optional(conn).await?;
    Ok(row.map(|row| Segment { id: row.get(0), name: row.get(1), expression: row.get(2) }))
}

/// Finds a segment by name.
pub async fn find(conn: &mut Conn, workspace: Id, name: &str) -> Result<Option<Segment>> {
    let row = sqlx::query("select id, name, expression from segment where workspace_id = $1 and name = $2")
        .bind(workspace)
        .bind(name)
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(read))
}

/// All segments of a workspace by name.
pub async fn all(conn: &mut Conn, workspace: Id) -> Result<Vec<Segment>> {
    let rows = sqlx::query("select id, name, expression from segment where workspace_id = $1 order by name")
        .bind(workspace)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// A segment by name, or a refusal that suggests one.
pub async fn need(conn: &mut Conn, workspace: Id, name: &str) -> Result<Segment> {
    if let Some(found) = find(conn, workspace, name).await? {
        return Ok(found);
    }
    let all = all(conn, workspace).await?;
    let names = all.iter().map(|segment| segment.name.as_str());
    let refusal = match nearest(name, names.clone()) {
        Some(near) => Message::new("segment-unknown-near").with("near", near),
        None => Message::new("segment-unknown").with("known", listed(names)),
    };
    Err(refusal.with("name", name).misuse())
}

/// How many people a saved segment has now.
pub async fn count(home: &Installation, workspace: Id, name: &str) -> Result<i64> {
    let mut conn = home.db.read().await?;
    let segment = need(&mut conn, workspace, name).await?;
    let condition = resolve(&mut conn, workspace, &segment.expression).await?;
    let row = matching(home, workspace, &condition, home.clock.now()).first(&mut conn).await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// The statement that counts the people of a workspace who are in a segment.
fn matching(home: &Installation, workspace: Id, condition: &Condition, now: Millis) -> Sql {
    let mut sql = Sql::new("select count(*) from contact c where c.workspace_id = ");
    sql.bind(workspace).push(" and ");
    reachable(&mut sql);
    sql.push(" and ");
    condition.compile(&mut sql, &home.db, now);
    sql
}
