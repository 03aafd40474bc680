//! Table `series`: a draft that becomes a campaign again and again, one a slot.
//!
//! That a slot has one campaign is the index's doing (`model::slot`), not the clock's: mailers may
//! look twice, machines may disagree on the hour, clocks may go back. `seen` only says up to where
//! slots were looked at, so that those missed while nothing ran are known, and it follows the clock
//! both ways: one that was a year ahead for a moment does not silence a series for a year.

use jiff::civil::Date;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::model::occurrence::{self, NewOccurrence};
use super::model::{self, Campaign};
use super::recurrence::{MissedPolicy, Occurrence, Recurrence};
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

crate::text_enum! {
    /// Where a series stands.
    State {
        /// Each slot becomes a campaign.
        Running = "running",
        /// A slot was missed; someone has to decide.
        Asking = "asking",
        /// No slot becomes a campaign.
        Stopped = "stopped",
    }
}

/// A series as it lies in the database.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its key.
    pub id: Id,
    /// The draft that its campaigns are copies of.
    pub draft: Id,
    /// Where it stands.
    pub state: State,
    /// Why it does not run, as a packed message.
    pub reason: Option<String>,
    /// Slots up to then are none of its own.
    pub began_at: Millis,
    /// The last slot that was looked at.
    pub seen: Date,
}

/// A slot that began less than this many ms ago is not late: a restart of the mailer is no miss.
pub const PATIENCE: Millis = 300_000;

const SELECT: &str = "select id, campaign_id, state, reason, began_at, seen from series";

fn read(row: &AnyRow) -> Result<Series> {
    let seen: String = row.get(5);
    Ok(Series {
        id: row.get(0),
        draft: row.get(1),
        state: row.get::<String, _>(2).parse()?,
        reason: row.get(3),
        began_at: row.get(4),
        seen: seen.parse().map_err(|_| Message::new("series-clock").internal())?,
    })
}

/// The series of a workspace, oldest first.
pub async fn list(conn: &mut Conn, workspace: Id) -> Result<Vec<Series>> {
    let mut sql = Sql::new(SELECT);
    sql.push(" where workspace_id = ").bind(workspace).push(" order by id");
    sql.all(conn).await?.iter().map(read).collect()
}

/// The series that a campaign is the draft of.
pub async fn find(conn: &mut Conn, pattern: &Campaign) -> Result<Series> {
    let row = Sql::new(SELECT).push(" where campaign_id = ").bind(pattern.id).first(conn).await?;
    let none = || Message::new("series-unknown").with("name", &pattern.name).not_found();
    row.as_ref().map(read).transpose()?.ok_or_else(none)
}

/// Lets a draft become a campaign at each slot from now on. Returns the first.
pub async fn start(
    conn: &mut Conn,
    pattern: &Campaign,
    recurrence: &Recurrence,
    id: Id,
    now: Millis,
) -> Result<Occurrence> {
    if pattern.state != model::State::Draft || pattern.series.is_some() {
        return Err(model::refusal(pattern, "schedule"));
    }
    sqlx::query(
        "insert into series (id, workspace_id, campaign_id, state, began_at, seen) values ($1, $2, $3, 'running', $4, $5) \
         on conflict (campaign_id) do update set state = 'running', reason = null, began_at = excluded.began_at, \
         seen = excluded.seen where series.state <> 'running'",
    )
    .bind(id)
    .bind(pattern.workspace)
    .bind(pattern.id)
    .bind(now)
    .bind(recurrence.latest(now)?.day.to_string())
    .execute(conn)
    .await?;
    recurrence.next(now)
}

/// Makes no more campaigns. Those that were made go on.
pub async fn stop(conn: &mut Conn, series: Id, state: State, reason: Option<&Message>) -> Result<()> {
    sqlx::query("update series set state = $1, reason = $2 where id = $3")
        .bind(state.as_str())
        .bind(reason.map(Message::pack))
        .bind(series)
        .execute(conn)
        .await?;
    Ok(())
}

/// Lets a series go on from its next slot. With `missed`, one that asks sends its latest slot first.
pub async fn resume(installation: &Installation, conn: &mut Conn, series: &Series, missed: bool) -> Result<Occurrence> {
    let now = installation.clock.now();
    let (pattern, recurrence) = recurrence_of(conn, series).await?;
    let latest = recurrence.latest(now)?;
    if missed && series.state == State::Asking {
        make(installation, conn, series, &pattern, &recurrence, latest).await?;
    }
    sqlx::query("update series set state = 'running', reason = null, began_at = $1, seen = $2 where id = $3")
        .bind(now)
        .bind(latest.day.to_string())
        .bind(series.id)
        .execute(conn)
        .await?;
    recurrence.next(now)
}

/// The next slot of a series that runs.
pub async fn next(conn: &mut Conn, series: &Series, now: Millis) -> Result<Occurrence> {
    recurrence_of(conn, series).await?.1.next(now)
}

/// Makes the campaigns of the slots whose time has come. A series that cannot go on is stopped with
/// its reason, so that it does not stand in the way of others.
pub async fn run_due(installation: &Installation) -> Result<()> {
    let mut sql = Sql::new(SELECT);
    sql.push(" where state = ").bind(State::Running.to_string()).push(" order by id");
    let running = sql.all(&mut *installation.db.read().await?).await?;
    for row in &running {
        let looked = match read(row) {
            Ok(series) => look(installation, &series).await,
            Err(error) => Err(error),
        };
        match looked {
            Ok(()) => {}
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                let mut tx = installation.db.write().await?;
                give_up(&mut tx, row.get(0), &error.message()).await?;
                tx.commit().await?;
                tracing::warn!(series.id = row.get::<Id, _>(0), why = error.message().key, "a series could not go on");
            }
        }
    }
    Ok(())
}

/// Stops a series that cannot go on. What was seen of it becomes readable again where it was not, so that
/// it is listed with its reason and can be resumed.
async fn give_up(conn: &mut Conn, series: Id, why: &Message) -> Result<()> {
    stop(conn, series, State::Stopped, Some(why)).await?;
    let row = Sql::new(SELECT).push(" where id = ").bind(series).first(&mut *conn).await?;
    if row.is_some_and(|row| read(&row).is_err()) {
        let never = Date::ZERO.to_string();
        sqlx::query("update series set seen = $1 where id = $2").bind(never).bind(series).execute(conn).await?;
    }
    Ok(())
}

async fn look(installation: &Installation, series: &Series) -> Result<()> {
    let (pattern, recurrence) = recurrence_of(&mut *installation.db.read().await?, series).await?;
    let now = installation.clock.now();
    let slot = recurrence.latest(now)?;
    if slot.day == series.seen || slot.at <= series.began_at {
        return Ok(());
    }
    let mut tx = installation.db.write().await?;
    if !see(&mut tx, series, slot).await? {
        return Ok(());
    }
    let (is_on_time, is_new) = (now - slot.at < PATIENCE, slot.day > series.seen);
    if is_on_time || (is_new && recurrence.late == MissedPolicy::SendLatest) {
        make(installation, &mut tx, series, &pattern, &recurrence, slot).await?;
    } else if is_new && recurrence.late == MissedPolicy::Ask && !occurrence::exists(&mut tx, series.id, slot).await? {
        let missed = Message::new("series-missed").with("name", &pattern.name).with("day", slot.day);
        stop(&mut tx, series.id, State::Asking, Some(&missed)).await?;
    }
    tx.commit().await
}

/// Notes that a slot is being looked at. False when someone else was faster, or stopped the series.
async fn see(conn: &mut Conn, series: &Series, slot: Occurrence) -> Result<bool> {
    let moved = sqlx::query("update series set seen = $1 where id = $2 and seen = $3 and state = 'running'")
        .bind(slot.day.to_string())
        .bind(series.id)
        .bind(series.seen.to_string())
        .execute(conn)
        .await?;
    Ok(moved.rows_affected() == 1)
}

async fn make(
    installation: &Installation,
    conn: &mut Conn,
    series: &Series,
    pattern: &Campaign,
    recurrence: &Recurrence,
    slot: Occurrence,
) -> Result<()> {
    let until = pattern.file()?.schedule.until_of(recurrence, slot)?;
    let new =
        NewOccurrence { id: installation.ids.next(), series: series.id, pattern, slot, zone: &recurrence.zone, until };
    if occurrence::add(conn, &new, installation.clock.now()).await? {
        tracing::info!(series.id = series.id, campaign.id = new.id, "a slot of a series became a campaign");
    } else if !occurrence::exists(conn, series.id, slot).await? {
        return Err(Message::new("series-name-taken").with("name", new.name()).conflict());
    }
    Ok(())
}

/// The draft of a series and what its file says of the recurrence, as they are now.
async fn recurrence_of(conn: &mut Conn, series: &Series) -> Result<(Campaign, Recurrence)> {
    let pattern = model::find(conn, series.draft).await?.filter(|pattern| pattern.state == model::State::Draft);
    let pattern = pattern.ok_or_else(|| Message::new("series-draft-gone").conflict())?;
    let recurrence = pattern.file()?.schedule.recurrence().cloned();
    let recurrence =
        recurrence.ok_or_else(|| Message::new("series-no-recurrence").with("name", &pattern.name).conflict())?;
    Ok((pattern, recurrence))
}
