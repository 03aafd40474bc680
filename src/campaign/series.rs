//! Table `series`: a draft from which every occurrence of a recurrence becomes a campaign.
//!
//! A unique index gives each occurrence one campaign (`model::occurrence`), not the clock: several mailers may look, their
//! clocks may disagree or go back. `checked_day` only detects occurrences missed while no mailer ran. It follows the clock
//! in both directions, so that a clock that was a year ahead for a moment does not stop a series for a year.

use std::collections::HashMap;
use std::time::Duration;

use jiff::civil::Date;
use sqlx::any::AnyRow;
use tokio::time::Instant;

use super::model::content::{self, CampaignSource};
use super::model::occurrence::{self, NewOccurrence};
use super::model::transition;
use super::model::{self, Campaign};
use super::recurrence::{MissedPolicy, Occurrence, Recurrence};
use super::unfinished_draft;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

crate::text_enum! {
    /// State of a series.
    State {
        /// Each occurrence becomes a campaign.
        Running = "running",
        /// An occurrence was missed; an operator has to decide.
        Asking = "asking",
        /// No occurrence becomes a campaign.
        Stopped = "stopped",
    }
}

/// A row of table `series`.
#[derive(Debug, Clone)]
pub struct Series {
    /// Key of the series.
    pub id: Id,
    /// Draft that the campaigns are copies of.
    pub draft: Id,
    /// Current state.
    pub state: State,
    /// Why the series does not run: a packed message.
    pub reason: Option<String>,
    /// Occurrences up to this time do not belong to the series.
    pub began_at: Millis,
    /// Day of the last occurrence that was checked.
    pub checked_day: Date,
}

/// An occurrence is missed when it is older than this, in ms. A restart of the mailer takes less.
pub const LATE_AFTER: Millis = 300_000;

/// A select of series; `{which}` begins with `where`.
const SELECT: &str = "select id, campaign_id, state, reason, began_at, checked_day from series {which}";

fn from_row(row: &AnyRow) -> Result<Series> {
    let checked_day: String = row.cell(5)?;
    Ok(Series {
        id: row.cell(0)?,
        draft: row.cell(1)?,
        state: row.cell::<String>(2)?.parse()?,
        reason: row.cell(3)?,
        began_at: row.cell(4)?,
        checked_day: checked_day.parse().map_err(|_| Message::new("series-clock").internal())?,
    })
}

async fn select(conn: &mut Conn, which: Query) -> Result<Vec<AnyRow>> {
    Query::new(SELECT).fragment("which", which).fetch_all(conn).await
}

/// All series of a workspace, oldest first.
pub async fn list(conn: &mut Conn, workspace: Id) -> Result<Vec<Series>> {
    let which = Query::new("where workspace_id = :workspace order by id").bind("workspace", workspace);
    Ok(read_each("series", &select(conn, which).await?, from_row))
}

/// The series of a draft.
///
/// # Errors
/// Not found when the draft has none.
pub async fn find(conn: &mut Conn, draft: &Campaign) -> Result<Series> {
    let rows = select(conn, Query::new("where campaign_id = :draft").bind("draft", draft.id)).await?;
    let none = || Message::new("series-unknown").with("name", &draft.name).not_found();
    rows.first().map(from_row).transpose()?.ok_or_else(none)
}

/// Removes the series of a draft that is removed, if it has one.
///
/// # Errors
/// A conflict when the series is not stopped.
pub async fn remove_stopped(conn: &mut Conn, draft: &Campaign) -> Result<()> {
    let rows = select(conn, Query::new("where campaign_id = :draft").bind("draft", draft.id)).await?;
    let Some(series) = rows.first().map(from_row).transpose()? else { return Ok(()) };
    if series.state != State::Stopped {
        return Err(Message::new("campaign-remove-series").with("name", &draft.name).conflict());
    }
    Query::new("delete from series where id = :id").bind("id", series.id).execute(conn).await.map(drop)
}

/// Starts a series, or starts a stopped one again. Returns its first occurrence.
pub async fn start(
    conn: &mut Conn,
    draft: &Campaign,
    recurrence: &Recurrence,
    id: Id,
    now: Millis,
) -> Result<Occurrence> {
    if draft.state != model::State::Draft || draft.series.is_some() {
        return Err(transition::refusal(draft, "schedule"));
    }
    Query::new(
        "insert into series (id, workspace_id, campaign_id, state, began_at, checked_day)
         values (:id, :workspace, :draft, 'running', :now, :day)
         on conflict (campaign_id) do update
            set state = 'running', reason = null, began_at = excluded.began_at, checked_day = excluded.checked_day
          where series.state <> 'running'",
    )
    .bind("id", id)
    .bind("workspace", draft.workspace)
    .bind("draft", draft.id)
    .bind("now", now)
    .bind("day", recurrence.latest(now)?.day.to_string())
    .execute(conn)
    .await?;
    recurrence.next(now)
}

/// Stops a series, or lets it ask. Campaigns that it created go on.
pub async fn stop(conn: &mut Conn, series: Id, state: State, reason: Option<&Message>) -> Result<()> {
    Query::new("update series set state = :state, reason = :reason where id = :series")
        .bind("state", state.as_str())
        .bind("reason", reason.map(Message::pack))
        .bind("series", series)
        .execute(conn)
        .await?;
    Ok(())
}

/// Resumes a series from its next occurrence. With `send_missed`, a series that asks first sends its latest occurrence.
pub async fn resume(
    installation: &Installation,
    conn: &mut Conn,
    series: &Series,
    send_missed: bool,
) -> Result<Occurrence> {
    let now = installation.clock.now();
    let template = Template::read(conn, series).await?;
    let latest = template.recurrence.latest(now)?;
    if send_missed && series.state == State::Asking {
        create_campaign(installation, conn, series, &template, latest).await?;
    }
    Query::new(
        "update series
            set state = 'running', reason = null, began_at = :now, checked_day = :day
          where id = :series",
    )
    .bind("now", now)
    .bind("day", latest.day.to_string())
    .bind("series", series.id)
    .execute(conn)
    .await?;
    template.recurrence.next(now)
}

/// When a series sends, as its draft says now.
pub async fn recurrence(conn: &mut Conn, series: &Series) -> Result<Recurrence> {
    Ok(Template::read(conn, series).await?.recurrence)
}

/// The next occurrence of a series.
pub async fn next(conn: &mut Conn, series: &Series, now: Millis) -> Result<Occurrence> {
    Template::read(conn, series).await?.recurrence.next(now)
}

/// How long a recurrence is taken as it was read: after this time a changed file counts.
const RECURRENCE_TTL: Duration = Duration::from_secs(10);

/// The recurrences of running series, by series, with the time when they were read.
#[derive(Debug, Default)]
pub struct RecurrenceCache(HashMap<Id, (Instant, Recurrence)>);

impl RecurrenceCache {
    fn get(&self, series: Id) -> Option<&Recurrence> {
        let (read_at, recurrence) = self.0.get(&series)?;
        (read_at.elapsed() < RECURRENCE_TTL).then_some(recurrence)
    }
}

/// Creates the campaigns of the occurrences that are due. A series that cannot go on is stopped with its reason, so that
/// it does not block the others.
pub async fn run_due(installation: &Installation, recurrences: &mut RecurrenceCache) -> Result<()> {
    let running = Query::new("where state = 'running' order by id");
    let running = select(&mut *installation.db.read().await?, running).await?;
    for row in &running {
        let checked = match from_row(row) {
            Ok(series) => check(installation, &series, recurrences).await,
            Err(error) => Err(error),
        };
        match checked {
            Ok(()) => {}
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                let mut tx = installation.db.write().await?;
                let series: Id = row.cell(0)?;
                stop_broken(&mut tx, series, &error.message()).await?;
                tx.commit().await?;
                tracing::warn!(series.id = series, why = error.message().key, "series stopped");
            }
        }
    }
    Ok(())
}

/// Stops a series that cannot go on. Replaces an unreadable `checked_day`, so that the series is listed with its reason
/// and can be resumed.
async fn stop_broken(conn: &mut Conn, series: Id, why: &Message) -> Result<()> {
    stop(conn, series, State::Stopped, Some(why)).await?;
    let rows = select(conn, Query::new("where id = :series").bind("series", series)).await?;
    if rows.first().is_some_and(|row| from_row(row).is_err()) {
        Query::new("update series set checked_day = :never where id = :series")
            .bind("never", Date::ZERO.to_string())
            .bind("series", series)
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Checks the latest occurrence of a running series: creates its campaign, asks, or skips it.
async fn check(installation: &Installation, series: &Series, recurrences: &mut RecurrenceCache) -> Result<()> {
    let now = installation.clock.now();
    let is_checked = |latest: Occurrence| latest.day == series.checked_day || latest.at <= series.began_at;
    if let Some(known) = recurrences.get(series.id)
        && is_checked(known.latest(now)?)
    {
        return Ok(());
    }
    let template = Template::read(&mut *installation.db.read().await?, series).await?;
    let recurrence = &template.recurrence;
    recurrences.0.insert(series.id, (Instant::now(), recurrence.clone()));
    let latest = recurrence.latest(now)?;
    if is_checked(latest) {
        return Ok(());
    }
    let mut tx = installation.db.write().await?;
    if !set_checked(&mut tx, series, latest).await? {
        return Ok(());
    }
    let (is_on_time, is_new) = (now - latest.at < LATE_AFTER, latest.day > series.checked_day);
    if is_on_time || (is_new && recurrence.missed == MissedPolicy::SendLatest) {
        create_campaign(installation, &mut tx, series, &template, latest).await?;
    } else if is_new
        && recurrence.missed == MissedPolicy::Ask
        && !occurrence::exists(&mut tx, series.id, latest).await?
    {
        let missed = Message::new("series-missed").with("name", &template.draft.name).with("day", latest.day);
        stop(&mut tx, series.id, State::Asking, Some(&missed)).await?;
    }
    tx.commit().await
}

/// Stores that an occurrence is checked. Returns false when another mailer was faster, or the series was stopped.
async fn set_checked(conn: &mut Conn, series: &Series, occurrence: Occurrence) -> Result<bool> {
    let moved = Query::new(
        "update series
            set checked_day = :day
          where id = :series and checked_day = :before and state = 'running'",
    )
    .bind("day", occurrence.day.to_string())
    .bind("series", series.id)
    .bind("before", series.checked_day.to_string())
    .execute(conn)
    .await?;
    Ok(moved == 1)
}

async fn create_campaign(
    installation: &Installation,
    conn: &mut Conn,
    series: &Series,
    template: &Template,
    occurrence: Occurrence,
) -> Result<()> {
    let Template { draft, source, recurrence } = template;
    unfinished_draft::refuse(conn, draft).await?;
    let until = source.parse()?.schedule.until_of(recurrence, occurrence)?;
    let (id, zone) = (installation.ids.next()?, &recurrence.zone);
    let new = NewOccurrence { id, series: series.id, draft, source, occurrence, zone, until };
    if occurrence::insert(conn, &new, installation.clock.now()).await? {
        tracing::info!(series.id = series.id, campaign.id = new.id, "campaign of an occurrence created");
    } else if !occurrence::exists(conn, series.id, occurrence).await? {
        return Err(Message::new("series-name-taken").with("name", new.name()).conflict());
    }
    Ok(())
}

/// What the campaigns of a series are made from, as it is now.
struct Template {
    draft: Campaign,
    source: CampaignSource,
    recurrence: Recurrence,
}

impl Template {
    async fn read(conn: &mut Conn, series: &Series) -> Result<Self> {
        let draft = model::find(conn, series.draft).await?.filter(|draft| draft.state == model::State::Draft);
        let draft = draft.ok_or_else(|| Message::new("series-draft-gone").conflict())?;
        let source = content::read_source(conn, draft.id).await?;
        let recurrence = source.parse()?.schedule.recurrence().cloned();
        let recurrence =
            recurrence.ok_or_else(|| Message::new("series-no-recurrence").with("name", &draft.name).conflict())?;
        Ok(Self { draft, source, recurrence })
    }
}
