//! Table `facet`: fields that segments look at, copied into columns of `contact` that an index can
//! serve. JSON stays the truth; a facet is a shorter way to it, and a field without one is read
//! from the JSON.
//!
//! ```text
//!             every person has it           no segment names it     an hour later
//!   filling ─────────────────────► ready ──────────────────► leaving ─────────► clearing ─► gone
//! ```
//!
//! Whoever writes a person fills the facets in every state but the last. So a reader who found a
//! facet ready may use it for as long as the hour lasts.

use std::collections::BTreeSet;

use sqlx::Row;

use super::contact;
use super::field::{self, Field, Kind};
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql, Tx, for_share, for_update};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// How long a facet that nobody needs any more is kept for those who are still reading it.
const GRACE: Millis = 3_600_000;

/// Characters of a text that a facet keeps: one more than [`LONGEST`], so that a value which goes on
/// differs from one that ends there. Eight of these fit into an index entry of PostgreSQL.
pub const KEPT: usize = 65;

/// Characters of a text that can be compared with a facet.
pub const LONGEST: usize = 64;

/// Columns of `contact` for texts, choices and days.
pub const TEXTS: [&str; 8] = ["text_1", "text_2", "text_3", "text_4", "text_5", "text_6", "text_7", "text_8"];

/// Columns of `contact` for numbers and flags.
pub const NUMBERS: [&str; 8] =
    ["number_1", "number_2", "number_3", "number_4", "number_5", "number_6", "number_7", "number_8"];

crate::text_enum! {
    /// How far a facet is.
    State {
        /// New people get it; those who were here before are given theirs.
        Filling = "filling",
        /// Everyone has it.
        Ready = "ready",
        /// Nobody begins to read it.
        Leaving = "leaving",
        /// It is being emptied.
        Clearing = "clearing",
    }
}

/// A field that stands in a column of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedField {
    /// The column: one of [`TEXTS`] or [`NUMBERS`].
    pub place: &'static str,
    /// The field.
    pub field: String,
    /// How far it is.
    pub state: State,
    /// Whether it stays though no segment names it.
    pub pinned: bool,
    changed_at: Millis,
}

impl IndexedField {
    /// Whether the column is a number.
    pub fn is_number(&self) -> bool {
        NUMBERS.contains(&self.place)
    }
}

/// The columns that a field of this kind may stand in.
fn places(kind: Kind) -> &'static [&'static str; 8] {
    match kind {
        Kind::Text | Kind::Choice | Kind::Date => &TEXTS,
        Kind::Number | Kind::Flag => &NUMBERS,
    }
}

/// The facets of a workspace.
pub async fn all(conn: &mut Conn, workspace: Id) -> Result<Vec<IndexedField>> {
    let rows =
        sqlx::query("select place, field, state, pinned, changed_at from facet where workspace_id = $1 order by place")
            .bind(workspace)
            .fetch_all(conn)
            .await?;
    let mut facets = Vec::with_capacity(rows.len());
    for row in rows {
        let name: String = row.get(0);
        if let Some(place) = TEXTS.iter().chain(&NUMBERS).copied().find(|place| *place == name) {
            let (state, pinned) = (row.get::<String, _>(2).parse()?, row.get::<i32, _>(3) == 1);
            facets.push(IndexedField { place, field: row.get(1), state, pinned, changed_at: row.get(4) });
        }
    }
    Ok(facets)
}

/// The facets that whoever writes a person fills. None is begun or cleared until the transaction ends.
pub async fn list_writable(conn: &mut Conn, workspace: Id) -> Result<Vec<IndexedField>> {
    let share = for_share(conn);
    guard(conn, workspace, share).await?;
    let mut facets = all(conn, workspace).await?;
    facets.retain(|facet| facet.state != State::Clearing);
    Ok(facets)
}

/// The facets that conditions may use.
pub async fn list_readable(conn: &mut Conn, workspace: Id) -> Result<Vec<IndexedField>> {
    let mut facets = all(conn, workspace).await?;
    facets.retain(|facet| facet.state == State::Ready);
    Ok(facets)
}

/// Writers of people share the workspace, and whoever begins or clears a facet has it alone: else a
/// person written by a transaction that began before would never get theirs.
async fn guard(conn: &mut Conn, workspace: Id, lock: &str) -> Result<()> {
    if !lock.is_empty() {
        Sql::new("select 1 from workspace where id = ").bind(workspace).push(lock).all(conn).await?;
    }
    Ok(())
}

async fn alone(installation: &Installation, workspace: Id) -> Result<Tx> {
    let mut tx = installation.db.write().await?;
    let hold = for_update(&tx);
    guard(&mut tx, workspace, hold).await?;
    Ok(tx)
}

/// Keeps a facet of a field whether or not a segment names it, or no longer. False when all columns
/// for its kind are taken.
pub async fn pin(installation: &Installation, workspace: Id, field: &Field, pinned: bool) -> Result<bool> {
    let mut tx = alone(installation, workspace).await?;
    let placed = !pinned || claim(installation, &mut tx, workspace, field).await?;
    sqlx::query("update facet set pinned = $1 where workspace_id = $2 and field = $3")
        .bind(i32::from(pinned))
        .bind(workspace)
        .bind(field.name.as_str())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(placed)
}

/// Makes facets of the fields that segments name, as far as there are columns, and lets go of those
/// that none names. What a killed process began is carried on. Sending goes on meanwhile: people get
/// theirs some thousands at a time. `progress` is told how many people were walked past.
pub async fn reconcile(
    installation: &Installation,
    workspace: Id,
    named: &BTreeSet<String>,
    mut progress: impl FnMut(u64),
) -> Result<()> {
    let fields = field::all(&mut *installation.db.read().await?, workspace).await?;
    let mut tx = alone(installation, workspace).await?;
    release(installation, &mut tx, workspace, named).await?;
    tx.commit().await?;
    clear(installation, workspace, in_state(installation, workspace, State::Clearing).await?).await?;
    let mut tx = alone(installation, workspace).await?;
    for field in fields.iter().filter(|field| named.contains(&field.name)) {
        claim(installation, &mut tx, workspace, field).await?;
    }
    tx.commit().await?;
    index(installation, workspace).await?;
    fill(installation, workspace, in_state(installation, workspace, State::Filling).await?, &mut progress).await
}

async fn in_state(installation: &Installation, workspace: Id, state: State) -> Result<Vec<IndexedField>> {
    let mut facets = all(&mut *installation.db.read().await?, workspace).await?;
    facets.retain(|facet| facet.state == state);
    Ok(facets)
}

/// Finds a column for a field that has none. False when there is none left.
async fn claim(installation: &Installation, conn: &mut Conn, workspace: Id, field: &Field) -> Result<bool> {
    let facets = all(conn, workspace).await?;
    match facets.iter().find(|facet| facet.field == field.name) {
        Some(facet) if facet.state == State::Clearing => return Ok(false),
        // It may have begun to leave before everyone had it.
        Some(facet) if facet.state == State::Leaving => {
            enter(conn, workspace, facet, State::Filling, installation.clock.now()).await?;
            return Ok(true);
        }
        Some(_) => return Ok(true),
        None => {}
    }
    let free = |place: &&&str| !facets.iter().any(|facet| facet.place == **place);
    let Some(place) = places(field.kind).iter().find(free) else { return Ok(false) };
    let made = sqlx::query(
        "insert into facet (workspace_id, place, field, state, pinned, changed_at) values ($1, $2, $3, 'filling', 0, $4) \
         on conflict do nothing",
    )
    .bind(workspace)
    .bind(*place)
    .bind(field.name.as_str())
    .bind(installation.clock.now())
    .execute(conn)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Moves facets that no segment names towards their end.
async fn release(installation: &Installation, conn: &mut Conn, workspace: Id, named: &BTreeSet<String>) -> Result<()> {
    let now = installation.clock.now();
    for facet in all(conn, workspace).await? {
        let needed = facet.pinned || named.contains(&facet.field);
        match facet.state {
            State::Filling | State::Ready if !needed => enter(conn, workspace, &facet, State::Leaving, now).await?,
            State::Leaving if !needed && facet.changed_at + GRACE <= now => {
                enter(conn, workspace, &facet, State::Clearing, now).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn enter(conn: &mut Conn, workspace: Id, facet: &IndexedField, state: State, now: Millis) -> Result<()> {
    // Another process may have moved it on in the meantime.
    let statement =
        "update facet set state = $1, changed_at = $2 where workspace_id = $3 and place = $4 and state = $5";
    sqlx::query(statement)
        .bind(state.as_str())
        .bind(now)
        .bind(workspace)
        .bind(facet.place)
        .bind(facet.state.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// An index is made while its column is empty, which takes a moment, and grows with it. A store that
/// the installation has moved to has the columns already and lacks the indexes.
async fn index(installation: &Installation, workspace: Id) -> Result<()> {
    for facet in all(&mut *installation.db.read().await?, workspace).await? {
        if matches!(facet.state, State::Filling | State::Ready) {
            let mut tx = installation.db.write().await?;
            contact::create_index(&mut tx, facet.place).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

async fn fill(
    installation: &Installation,
    workspace: Id,
    facets: Vec<IndexedField>,
    progress: &mut impl FnMut(u64),
) -> Result<()> {
    walk(installation, workspace, &facets, true, progress).await?;
    let mut tx = installation.db.write().await?;
    for facet in &facets {
        enter(&mut tx, workspace, facet, State::Ready, installation.clock.now()).await?;
    }
    tx.commit().await
}

async fn clear(installation: &Installation, workspace: Id, facets: Vec<IndexedField>) -> Result<()> {
    walk(installation, workspace, &facets, false, &mut |_| {}).await?;
    let mut tx = installation.db.write().await?;
    for facet in &facets {
        sqlx::query("delete from facet where workspace_id = $1 and place = $2")
            .bind(workspace)
            .bind(facet.place)
            .execute(&mut *tx)
            .await?;
        let used = sqlx::query("select 1 from facet where place = $1 limit 1").bind(facet.place);
        if used.fetch_optional(&mut *tx).await?.is_none() {
            contact::drop_index(&mut tx, facet.place).await?;
        }
    }
    tx.commit().await
}

async fn walk(
    installation: &Installation,
    workspace: Id,
    facets: &[IndexedField],
    filled: bool,
    progress: &mut impl FnMut(u64),
) -> Result<()> {
    let (mut after, mut walked) = (0, 0);
    while !facets.is_empty() {
        let mut tx = installation.db.write().await?;
        let Some((last, people)) = contact::backfill(&mut tx, workspace, facets, filled, after).await? else { break };
        tx.commit().await?;
        after = last;
        walked += people;
        progress(walked);
    }
    Ok(())
}
