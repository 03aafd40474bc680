//! Table `segment`: saved expressions over contacts, such as
//! `city in ("Москва", "Казань") and age >= 18 and not opened(any, 90 days)`.
//!
//! The text is split into tokens (`lexer`), parsed to a tree (`parse`), its names are looked up among the fields,
//! lists and campaigns of the workspace (`resolve`), and the typed tree is compiled to an SQL condition with bound
//! values (`compile`). The expression is stored as text and resolved again at every use.

mod ast;
mod compile;
mod cursor;
mod explain;
mod lexer;
mod parse;
mod parse_error;
mod resolve;
mod rewrite;
pub mod rows;
mod template_condition;
mod typed_expr;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use sqlx::any::AnyRow;

pub use explain::{ConditionResult, Explanation, Reachability, explain};
pub use parse::{MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES};
pub use parse_error::shorten;
pub use rewrite::{names_with_field, remove, remove_all, rename_field, rename_list};
pub use typed_expr::Tree;

use super::address::is_hidden;
use super::contact::{self, Contact};
use super::field_indexing;
use super::indexed_field::{self, IndexedField};
use compile::Compiler;
use parse_error::{listed, nearest};
use resolve::Names;
use typed_expr::{Activity, Condition, Subject};

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Db, Query, Sql, read_each};
use crate::infra::error::{Message, Result};
use crate::infra::id::{Id, STEP};
use crate::infra::installation::Installation;

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// Characters that a name may have.
const MAX_NAME_CHARS: usize = 100;

/// Contacts that an estimate looks at, at most.
const SAMPLE: i64 = 10_000;

/// A pseudo-random number of contact `c`, as in index `contact_sample`: keys are consecutive, and values may repeat in the
/// same rhythm. The index has the contacts whose number is below its limit.
const SAMPLE_NUMBER: &str = "c.id / 1024 % 1000003 * 48271 % 65521";
const SAMPLE_NUMBERS: i64 = 65_521;
const SAMPLE_LIMIT: i64 = 8_192;
const _: () = assert!(STEP == 1_024);

/// A saved expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Primary key.
    pub id: Id,
    /// Its name in the workspace.
    pub name: String,
    /// The expression as saved.
    pub expression: String,
}

/// An expression whose names and values were checked. Prints as an expression of the same meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    tree: Tree<Condition>,
    /// The fields whose columns it may read instead of the JSON.
    indexed: Vec<IndexedField>,
}

/// What an expression names.
#[derive(Debug, Default)]
pub struct Named {
    /// Fields.
    pub fields: Vec<String>,
    /// Lists with their names.
    pub lists: Vec<(Id, String)>,
    /// Campaigns with their names.
    pub campaigns: Vec<(Id, String)>,
}

impl Expression {
    /// The same as a condition of an email; `None` where it asks for more than fields.
    pub fn email_condition(&self) -> Option<String> {
        template_condition::of(&self.tree)
    }

    /// The SQL condition over a row `c` of `contact`. It reads no other table of the statement around it. It
    /// does not ask for the workspace, nor whether the contact may be mailed (`c.reachable`).
    pub fn condition(&self, now: Millis) -> Query {
        Compiler::new(&self.indexed, now).tree(&self.tree)
    }

    /// Appends [`Expression::condition`] in parentheses to a statement that is built piece by piece.
    pub fn compile(&self, sql: &mut Sql, db: &Db, now: Millis) {
        Query::new("({condition})").fragment("condition", self.condition(now)).append_to(db, sql);
    }

    /// Everything that it names: fields, lists and campaigns.
    pub fn named(&self) -> Named {
        let mut named = Named::default();
        for condition in self.tree.leaves() {
            match condition {
                Condition::Compare(Subject::Field(name, _), ..) => named.fields.push(name.clone()),
                Condition::Compare(Subject::Joined(list), ..) | Condition::OnList(list, _) => {
                    named.lists.push((list.id, list.name.clone()));
                }
                Condition::Activity(_, Some(campaign), _) => named.campaigns.push((campaign.id, campaign.name.clone())),
                Condition::Compare(Subject::Email, ..) | Condition::Activity(_, None, _) | Condition::Reachable => {}
            }
        }
        named
    }

    /// The names of the fields that it compares in a way that a column can serve.
    fn fields(&self) -> Vec<String> {
        let field = |condition: &Condition| match condition {
            Condition::Compare(Subject::Field(name, _), op, values) if compile::can_use_column(*op, values) => {
                Some(name.clone())
            }
            _ => None,
        };
        self.tree.leaves().into_iter().filter_map(field).collect()
    }

    /// Whether it contains `opened(any)` or `clicked(any)`.
    fn has_any_activity(&self) -> bool {
        let is_any = |condition: &&Condition| {
            matches!(condition, Condition::Activity(Activity::Opened | Activity::Clicked, None, _))
        };
        self.tree.leaves().iter().any(is_any)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree.fmt(f)
    }
}

/// Checks an expression against the fields, lists and campaigns of a workspace. The error shows the mistake
/// at its place.
pub async fn resolve(conn: &mut Conn, workspace: Id, expression: &str) -> Result<Expression> {
    if expression.len() > MAX_BYTES {
        return Err(Message::new("segment-long").with("limit", MAX_BYTES / 1024).invalid_field("expression"));
    }
    let parsed = parse::parse(expression).map_err(|error| error.into_error(expression))?;
    let names = Names::load(conn, workspace).await?;
    let tree = names.resolve(parsed).map_err(|error| error.into_error(expression))?;
    Ok(Expression { tree, indexed: indexed_field::list_readable(conn, workspace).await? })
}

/// Saves a valid expression under a name; an existing segment of this name gets the new expression.
pub async fn save(installation: &Installation, workspace: Id, name: &str, expression: &str) -> Result<Segment> {
    let (name, expression) = (name.trim(), expression.trim());
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(is_hidden) {
        return Err(Message::new("segment-name").with("limit", MAX_NAME_CHARS).invalid_field("name"));
    }
    let mut tx = installation.db.write().await?;
    resolve(&mut tx, workspace, expression).await?;
    let upsert = Query::new(
        "insert into segment (id, workspace_id, name, expression, created_at)
         values (:id, :workspace, :name, :expression, :now)
             on conflict (workspace_id, name) do update set expression = excluded.expression
         returning id, name, expression",
    );
    let rows = upsert
        .bind("id", installation.ids.next()?)
        .bind("workspace", workspace)
        .bind("name", name)
        .bind("expression", expression)
        .bind("now", installation.clock.now())
        .fetch_all(&mut tx)
        .await?;
    tx.commit().await?;
    read(&rows[0])
}

fn read(row: &AnyRow) -> Result<Segment> {
    Ok(Segment { id: row.cell(0)?, name: row.cell(1)?, expression: row.cell(2)? })
}

/// Finds a segment by key.
pub async fn get(conn: &mut Conn, id: Id) -> Result<Option<Segment>> {
    let query = Query::new("select id, name, expression from segment where id = :id");
    query.bind("id", id).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// Finds a segment by name.
pub async fn find(conn: &mut Conn, workspace: Id, name: &str) -> Result<Option<Segment>> {
    let query = Query::new("select id, name, expression from segment where workspace_id = :workspace and name = :name");
    let row = query.bind("workspace", workspace).bind("name", name).fetch_optional(conn).await?;
    row.as_ref().map(read).transpose()
}

/// All segments of a workspace, by name.
pub async fn all(conn: &mut Conn, workspace: Id) -> Result<Vec<Segment>> {
    let query = Query::new(
        "select id, name, expression
           from segment
          where workspace_id = :workspace
          order by name{bytewise}",
    );
    Ok(read_each("segment", &query.bind("workspace", workspace).fetch_all(conn).await?, read))
}

/// A segment by name; the error for an unknown name suggests a similar one or lists the known ones.
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

/// Creates the indexes that the segments of a workspace can use and retires those that none uses. To be called after
/// [`save`]; `limit`, `progress` and the result as in [`field_indexing::reconcile`].
pub async fn reconcile_indexes(
    installation: &Installation,
    workspace: Id,
    limit: Option<Duration>,
    progress: impl FnMut(u64),
) -> Result<bool> {
    let (mut named, mut any_activity) = (BTreeSet::new(), false);
    let mut conn = installation.db.read().await?;
    for segment in all(&mut conn, workspace).await? {
        // A segment that no longer resolves, because its campaign is gone, needs no index.
        if let Ok(expression) = resolve(&mut conn, workspace, &segment.expression).await {
            named.extend(expression.fields());
            any_activity |= expression.has_any_activity();
        }
    }
    drop(conn);
    if any_activity {
        let mut tx = installation.db.write().await?;
        contact::create_activity_index(&mut tx).await?;
        tx.commit().await?;
    }
    field_indexing::reconcile(installation, workspace, &named, limit, progress).await
}

/// Number of contacts in a saved segment now.
pub async fn count(installation: &Installation, workspace: Id, name: &str) -> Result<i64> {
    let segment = need(&mut *installation.db.read().await?, workspace, name).await?;
    count_expression(installation, workspace, &segment.expression).await
}

/// Number of contacts that an expression selects now.
pub async fn count_expression(installation: &Installation, workspace: Id, expression: &str) -> Result<i64> {
    let mut conn = installation.db.read().await?;
    let expression = resolve(&mut conn, workspace, expression).await?;
    let query = Query::new("select count(*) from contact c where {members}");
    let query = query.fragment("members", members(workspace, &expression, installation.clock.now()));
    query.fetch_optional(&mut conn).await?.map_or(Ok(0), |row| row.cell(0))
}

/// About how many contacts a saved segment has, from a sample of some thousands; `None` where the workspace has
/// so few that an exact count takes no longer.
pub async fn estimate(installation: &Installation, workspace: Id, name: &str) -> Result<Option<i64>> {
    let segment = need(&mut *installation.db.read().await?, workspace, name).await?;
    estimate_expression(installation, workspace, &segment.expression).await
}

/// About how many contacts an expression selects, as [`estimate`].
pub async fn estimate_expression(installation: &Installation, workspace: Id, expression: &str) -> Result<Option<i64>> {
    let mut conn = installation.db.read().await?;
    let expression = resolve(&mut conn, workspace, expression).await?;
    let contacts = contact::count(&mut conn, workspace).await?;
    if contacts < 2 * SAMPLE {
        return Ok(None);
    }
    // The limit stands in the statement as in the index, which is not used otherwise.
    let bound = (SAMPLE_NUMBERS * SAMPLE / contacts).min(SAMPLE_LIMIT);
    let sample = format!("{SAMPLE_NUMBER} < {SAMPLE_LIMIT} and {SAMPLE_NUMBER} < {bound}");
    let query = Query::new(
        "select count(*), coalesce(sum(case when {members} then 1 else 0 end), 0)
           from contact c
          where c.workspace_id = :workspace and {sample}",
    );
    let query = query
        .fragment("members", members(workspace, &expression, installation.clock.now()))
        .bind("workspace", workspace)
        .fragment("sample", sample);
    let Some(row) = query.fetch_optional(&mut conn).await? else { return Ok(None) };
    let (sampled, matching): (i64, i64) = (row.cell(0)?, row.cell(1)?);
    Ok((sampled > 0).then(|| rounded(matching as f64 / sampled as f64 * contacts as f64)))
}

/// Up to `limit` contacts behind a key that an expression selects, in the order of their keys.
pub async fn select(
    conn: &mut Conn,
    workspace: Id,
    expression: &str,
    now: Millis,
    after: Id,
    limit: i64,
) -> Result<Vec<Contact>> {
    let expression = resolve(conn, workspace, expression).await?;
    let query = Query::new(
        "select c.id, c.address, c.fields, c.created_at, c.updated_at
           from contact c
          where {members} and c.id > :after
          order by c.id
          limit :limit",
    );
    let query = query.fragment("members", members(workspace, &expression, now)).bind("after", after);
    query.bind("limit", limit).fetch_all(conn).await?.iter().map(contact::read).collect()
}

/// Rounds to three digits: more would promise too much.
fn rounded(count: f64) -> i64 {
    let unit = 10_f64.powf((count.max(1.0).log10().floor() - 2.0).max(0.0));
    ((count / unit).round() * unit) as i64
}

/// The condition that a row `c` of `contact` is in a segment: of the workspace, mailable on some list, and meeting the
/// expression.
fn members(workspace: Id, expression: &Expression, now: Millis) -> Query {
    Query::new("c.workspace_id = :workspace and c.reachable = 1 and ({expression})")
        .bind("workspace", workspace)
        .fragment("expression", expression.condition(now))
}
