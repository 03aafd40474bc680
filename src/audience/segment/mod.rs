//! Table `segment`: a saved expression over people, such as
//! `city in ("Москва", "Казань") and age >= 18 and not opened(any, 90 days)`.
//!
//! Text becomes words (`token`), words a tree (`parse`), names in it a field, list or campaign of
//! the workspace (`resolve`), and the typed tree a condition with bound values (`compile`). The
//! expression is kept as text and resolved anew at every use.

mod ast;
mod compile;
mod cursor;
mod explain;
mod lexer;
mod parse;
mod parse_error;
mod resolve;
mod typed_expr;

use std::collections::BTreeSet;
use std::fmt;

use sqlx::Row;
use sqlx::any::AnyRow;

pub use explain::{ConditionResult, Explanation, Reachability, explain};
pub use parse::{MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES};
pub use parse_error::shorten;
pub use typed_expr::Tree;

use super::address::is_hidden;
use super::contact;
use super::indexed_field::{self, IndexedField};
use compile::Writer;
use parse_error::{listed, nearest};
use resolve::Names;
use typed_expr::{Activity, Subject, Condition};

use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Db, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::id::{Id, STEP};
use crate::infra::installation::Installation;

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// People that an estimate looks at.
const SAMPLE: i64 = 10_000;

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
pub struct Expression {
    tree: Tree<Condition>,
    /// The fields that need not be read from JSON.
    indexed: Vec<IndexedField>,
}

impl Expression {
    /// Appends a condition over a row `c` of `contact`, in parentheses. It names no other table of
    /// the statement around it. It does not ask for the workspace, nor whether letters may go out
    /// at all: that is `c.reachable`.
    pub fn compile(&self, sql: &mut Sql, db: &Db, now: Millis) {
        sql.push("(");
        Writer::new(sql, db, &self.indexed, now).tree(&self.tree);
        sql.push(")");
    }
}

impl Expression {
    /// The fields it names.
    fn fields(&self) -> Vec<String> {
        let field = |test: &Condition| match test {
            Condition::Compare(Subject::Field(name, _), ..) => Some(name.clone()),
            _ => None,
        };
        self.tree.leaves().into_iter().filter_map(field).collect()
    }

    /// Whether it asks who opened or clicked anything at all.
    fn asks_who_was_seen(&self) -> bool {
        self.tree.leaves().iter().any(|test| matches!(test, Condition::Activity(Activity::Opened | Activity::Clicked, None, _)))
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree.fmt(f)
    }
}

/// Understands an expression with the fields, lists and campaigns of a workspace.
pub async fn resolve(conn: &mut Conn, workspace: Id, expression: &str) -> Result<Expression> {
    if expression.len() > MAX_BYTES {
        return Err(Message::new("segment-long").with("limit", MAX_BYTES / 1024).invalid_field("expression"));
    }
    let phrases = parse::parse(expression).map_err(|error| error.into_error(expression))?;
    let names = Names::load(conn, workspace).await?;
    let tree = names.resolve(phrases).map_err(|error| error.into_error(expression))?;
    Ok(Expression { tree, indexed: indexed_field::list_readable(conn, workspace).await? })
}

/// Saves an expression that can be understood; a segment of this name gets it in span of its own.
pub async fn save(installation: &Installation, workspace: Id, name: &str, expression: &str) -> Result<Segment> {
    let (name, expression) = (name.trim(), expression.trim());
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(is_hidden) {
        return Err(Message::new("segment-name").invalid_field("name"));
    }
    let mut tx = installation.db.write().await?;
    resolve(&mut tx, workspace, expression).await?;
    let row = sqlx::query(
        "insert into segment (id, workspace_id, name, expression, created_at) values ($1, $2, $3, $4, $5) \
         on conflict (workspace_id, name) do update set expression = excluded.expression returning id",
    )
    .bind(installation.ids.next())
    .bind(workspace)
    .bind(name)
    .bind(expression)
    .bind(installation.clock.now())
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
    Err(refusal.with("name", name).not_found())
}

/// Gives the fields that the segments of a workspace name columns of their own, and takes them from
/// those that none names any more. To be called after [`save`]; `progress` as in [`indexed_field::reconcile`].
pub async fn reconcile_indexes(installation: &Installation, workspace: Id, progress: impl FnMut(u64)) -> Result<()> {
    let (mut named, mut seen) = (BTreeSet::new(), false);
    let mut conn = installation.db.read().await?;
    for segment in all(&mut conn, workspace).await? {
        // One that is not understood any more, because a campaign it names is gone, keeps nothing.
        if let Ok(condition) = resolve(&mut conn, workspace, &segment.expression).await {
            named.extend(condition.fields());
            seen |= condition.asks_who_was_seen();
        }
    }
    drop(conn);
    if seen {
        let mut tx = installation.db.write().await?;
        contact::create_activity_index(&mut tx).await?;
        tx.commit().await?;
    }
    indexed_field::reconcile(installation, workspace, &named, progress).await
}

/// How many people a saved segment has now.
pub async fn count(installation: &Installation, workspace: Id, name: &str) -> Result<i64> {
    let mut conn = installation.db.read().await?;
    let segment = need(&mut conn, workspace, name).await?;
    let condition = resolve(&mut conn, workspace, &segment.expression).await?;
    let row = matching(installation, workspace, &condition, installation.clock.now()).first(&mut conn).await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// About how many people a saved segment has, from some thousands of them; `None` where there are so
/// few that the count itself takes no longer.
pub async fn estimate(installation: &Installation, workspace: Id, name: &str) -> Result<Option<i64>> {
    let mut conn = installation.db.read().await?;
    let segment = need(&mut conn, workspace, name).await?;
    let condition = resolve(&mut conn, workspace, &segment.expression).await?;
    let people = contact::count(&mut conn, workspace).await?;
    if people < 2 * SAMPLE {
        return Ok(None);
    }
    // Keys lie in rows, and what people have may repeat in the same step: hence numbers from a
    // multiplicative generator, of which a share below a bound is taken.
    let bound = 65_521 * SAMPLE / people;
    let each = format!(" and c.id / {STEP} % 1000003 * 48271 % 65521 <= {bound}");
    let mut looked_at = Sql::new("select count(*) from contact c where c.workspace_id = ");
    looked_at.bind(workspace).push(&each);
    let mut found = matching(installation, workspace, &condition, installation.clock.now());
    found.push(&each);
    let looked_at: i64 = looked_at.first(&mut conn).await?.map_or(0, |row| row.get(0));
    let found: i64 = found.first(&mut conn).await?.map_or(0, |row| row.get(0));
    Ok((looked_at > 0).then(|| rounded(found as f64 / looked_at as f64 * people as f64)))
}

/// To three digits: more would promise too much.
fn rounded(count: f64) -> i64 {
    let unit = 10_f64.powf((count.max(1.0).log10().floor() - 2.0).max(0.0));
    ((count / unit).round() * unit) as i64
}

/// The statement that counts the people of a workspace who are in a segment.
fn matching(installation: &Installation, workspace: Id, condition: &Expression, now: Millis) -> Sql {
    let mut sql = Sql::new("select count(*) from contact c where c.workspace_id = ");
    sql.bind(workspace).push(" and c.reachable = 1 and ");
    condition.compile(&mut sql, &installation.db, now);
    sql
}
