//! Table `campaign`: content, audience and schedule, and the states a campaign goes through.
//!
//! ```text
//! draft ─► scheduled ─► running ⇄ paused ─► finished
//!   └──────────┴───────────┴─────────┴────► cancelled
//! ```
//!
//! "Finished" is derived from the delivery rows (`delivery::is_settled`), never from a cursor.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::delivery::{self, orphan_repair::Stray, uncertain::UncertainPolicy};
use super::file::File;
use super::schedule::StartTime;
use crate::content::email::Format;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;

pub mod deadline;
pub mod delivery_range;
pub mod occurrence;
pub mod recall;

crate::text_enum! {
    /// Where a campaign stands.
    State {
        /// Written, changeable.
        Draft = "draft",
        /// Waits for its time.
        Scheduled = "scheduled",
        /// Audience frozen, letters go out.
        Running = "running",
        /// Stands still, with a reason; nothing is lost.
        Paused = "paused",
        /// Every delivery has an end.
        Finished = "finished",
        /// Stopped for good; what was not sent is skipped.
        Cancelled = "cancelled",
    }
}

impl State {
    /// The key of the word that readers know it by.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Draft => "desk-draft",
            Self::Scheduled => "desk-scheduled",
            Self::Running => "desk-running",
            Self::Paused => "desk-paused",
            Self::Finished => "desk-finished",
            Self::Cancelled => "desk-cancelled",
        }
    }
}

/// A campaign as it lies in the database.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Its key; part of every token of its letters.
    pub id: Id,
    /// The customer it belongs to.
    pub workspace: Id,
    /// Its name on the command line.
    pub name: String,
    /// `md` or `html`.
    pub format: String,
    /// The campaign file as it came.
    pub source: String,
    /// The list it is sent to.
    pub list: Id,
    /// The segment that narrows the list.
    pub segment: Option<Id>,
    /// Where it stands.
    pub state: State,
    /// Why it was paused: a catalogue key, or what an operator said.
    pub reason: Option<String>,
    /// When it is to start.
    pub starts_at: Option<Millis>,
    /// The wall-clock time that was asked for when that was set.
    pub starts_local: Option<String>,
    /// The zone of its times.
    pub zone: Option<String>,
    /// From then on nothing leaves.
    pub until_at: Option<Millis>,
    /// Nothing leaves before.
    pub holds_until: Option<Millis>,
    /// The series that made it.
    pub series: Option<Id>,
    /// Its day in that series.
    pub slot: Option<String>,
    /// Everything its letters are made from, fixed at launch (JSON of `file::FrozenContent`).
    pub frozen: Option<String>,
    /// When its audience was frozen.
    pub launched_at: Option<Millis>,
    /// When its last delivery ended.
    pub finished_at: Option<Millis>,
}

impl Campaign {
    /// Its file, read.
    pub fn file(&self) -> Result<File> {
        let format = if self.format == "html" { Format::Html } else { Format::Md };
        File::parse(&self.source, format)
    }
}

/// A campaign to be written.
#[derive(Debug, Clone)]
pub struct NewCampaign<'a> {
    /// A fresh key, used when the name is new.
    pub id: Id,
    /// Its name.
    pub name: &'a str,
    /// `md` or `html`.
    pub format: &'a str,
    /// The campaign file.
    pub source: &'a str,
    /// The list it is sent to.
    pub list: Id,
    /// The segment that narrows the list.
    pub segment: Option<Id>,
}

const SELECT: &str = "select id, workspace_id, name, format, source, list_id, segment_id, state, reason, starts_at, frozen, \
                      launched_at, finished_at, starts_local, zone, until_at, holds_until, series_id, slot from campaign";

fn read(row: &AnyRow) -> Result<Campaign> {
    Ok(Campaign {
        id: row.get(0),
        workspace: row.get(1),
        name: row.get(2),
        format: row.get(3),
        source: row.get(4),
        list: row.get(5),
        segment: row.get(6),
        state: row.get::<String, _>(7).parse()?,
        reason: row.get(8),
        starts_at: row.get(9),
        frozen: row.get(10),
        launched_at: row.get(11),
        finished_at: row.get(12),
        starts_local: row.get(13),
        zone: row.get(14),
        until_at: row.get(15),
        holds_until: row.get(16),
        series: row.get(17),
        slot: row.get(18),
    })
}

/// Writes a draft; a draft of the same name is replaced, anything further along is refused.
pub async fn save_draft(conn: &mut Conn, workspace: Id, new: &NewCampaign<'_>, now: Millis) -> Result<Id> {
    let written = sqlx::query(
        "insert into campaign (id, workspace_id, name, format, source, list_id, segment_id, state, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, 'draft', $8) on conflict (workspace_id, name) do update \
         set format = excluded.format, source = excluded.source, list_id = excluded.list_id, segment_id = excluded.segment_id, \
         until_at = null where campaign.state = 'draft' returning id",
    )
    .bind(new.id)
    .bind(workspace)
    .bind(new.name)
    .bind(new.format)
    .bind(new.source)
    .bind(new.list)
    .bind(new.segment)
    .bind(now)
    .fetch_optional(conn)
    .await?;
    written.map(|row| row.get(0)).ok_or_else(|| Message::new("campaign-not-draft").with("name", new.name).conflict())
}

/// A campaign by name, or a refusal that names those there are.
pub async fn find_by_name(conn: &mut Conn, workspace: Id, name: &str) -> Result<Campaign> {
    let all = list(conn, workspace).await?;
    let known: Vec<_> = all.iter().map(|campaign| campaign.name.clone()).collect();
    all.into_iter().find(|campaign| campaign.name == name).ok_or_else(|| {
        let known = if known.is_empty() { "—".to_owned() } else { known.join(", ") };
        Message::new("campaign-unknown").with("name", name).with("known", known).not_found()
    })
}

/// A campaign by key.
pub async fn find(conn: &mut Conn, id: Id) -> Result<Option<Campaign>> {
    let row = crate::infra::db::Sql::new(SELECT).push(" where id = ").bind(id).first(conn).await?;
    row.as_ref().map(read).transpose()
}

/// All campaigns of a workspace, newest first.
pub async fn list(conn: &mut Conn, workspace: Id) -> Result<Vec<Campaign>> {
    let mut sql = crate::infra::db::Sql::new(SELECT);
    sql.push(" where workspace_id = ").bind(workspace).push(" order by id desc");
    sql.all(conn).await?.iter().map(read).collect()
}

/// Campaigns of all workspaces in a state, oldest first.
pub async fn list_in_state(conn: &mut Conn, state: State) -> Result<Vec<Campaign>> {
    let mut sql = crate::infra::db::Sql::new(SELECT);
    sql.push(" where state = ").bind(state.to_string()).push(" order by id");
    sql.all(conn).await?.iter().map(read).collect()
}

/// Appends, behind a condition on people, that a row is of a campaign to this list.
pub fn push_list_filter(sql: &mut Sql, list: Option<Id>) {
    if let Some(list) = list {
        // `+ 0` keeps SQLite from walking whole campaigns instead of looking up the people.
        sql.push(" and campaign_id + 0 in (select id from campaign where list_id = ").bind(list).push(")");
    }
}

/// Gives a draft its time, or another time to one that waits.
pub async fn schedule(conn: &mut Conn, campaign: &Campaign, beginning: &StartTime) -> Result<()> {
    let moved = sqlx::query(
        "update campaign set state = 'scheduled', starts_at = $1, starts_local = $2, zone = $3, reason = null \
         where id = $4 and state in ('draft', 'scheduled')",
    )
    .bind(beginning.at)
    .bind(&beginning.local)
    .bind(&beginning.zone)
    .bind(campaign.id)
    .execute(conn)
    .await?;
    changed(moved.rows_affected(), campaign, "schedule")
}

/// Fixes what letters are made from and lets the campaign run. False when it runs already, or was
/// given another time meanwhile: two starts at once are one start, and none is before its time.
pub async fn set_running(conn: &mut Conn, campaign: &Campaign, frozen: &str, now: Millis) -> Result<bool> {
    let moved = sqlx::query(
        "update campaign set state = 'running', frozen = $1, launched_at = $2, reason = null \
         where id = $3 and state in ('draft', 'scheduled') and coalesce(starts_at, -1) = $4",
    )
    .bind(frozen)
    .bind(now)
    .bind(campaign.id)
    .bind(campaign.starts_at.unwrap_or(-1))
    .execute(&mut *conn)
    .await?;
    if moved.rows_affected() == 1 {
        return Ok(true);
    }
    let current = find(conn, campaign.id).await?.ok_or_else(|| Error::Internal(Message::new("campaign-gone")))?;
    let elsewhere = current.state == State::Running || current.starts_at != campaign.starts_at;
    if elsewhere { Ok(false) } else { Err(refusal(&current, "start")) }
}

/// Fixes what becomes of its letters whose answer is lost.
pub async fn set_uncertain_policy(conn: &mut Conn, campaign: Id, fate: UncertainPolicy) -> Result<()> {
    sqlx::query("update campaign set fate = $1 where id = $2").bind(fate.as_str()).bind(campaign).execute(conn).await?;
    Ok(())
}

/// Lets a finished campaign run again, because letters of it are to be repeated.
pub async fn reopen(conn: &mut Conn, campaign: Id) -> Result<()> {
    sqlx::query("update campaign set state = 'running', finished_at = null where id = $1 and state = 'finished'")
        .bind(campaign)
        .execute(conn)
        .await?;
    Ok(())
}

/// Lets a running campaign stand still. What is in flight ends; nothing new starts.
pub async fn pause(conn: &mut Conn, campaign: &Campaign, reason: &str) -> Result<()> {
    let moved = sqlx::query("update campaign set state = 'paused', reason = $1 where id = $2 and state = 'running'")
        .bind(reason)
        .bind(campaign.id)
        .execute(conn)
        .await?;
    changed(moved.rows_affected(), campaign, "pause")
}

/// Takes a scheduled campaign that cannot begin out of the queue: a draft again, with the reason.
pub async fn return_to_draft(conn: &mut Conn, campaign: &Campaign, reason: &str) -> Result<()> {
    let moved = sqlx::query("update campaign set state = 'draft', reason = $1 where id = $2 and state = 'scheduled'")
        .bind(reason)
        .bind(campaign.id)
        .execute(conn)
        .await?;
    changed(moved.rows_affected(), campaign, "start")
}

/// Lets a paused campaign go on.
pub async fn resume(conn: &mut Conn, campaign: &Campaign) -> Result<()> {
    let moved = sqlx::query("update campaign set state = 'running', reason = null where id = $1 and state = 'paused'")
        .bind(campaign.id)
        .execute(conn)
        .await?;
    changed(moved.rows_affected(), campaign, "resume")
}

/// Stops a campaign for good; what was not sent is skipped, so that the numbers still add up.
pub async fn cancel(conn: &mut Conn, campaign: &Campaign, now: Millis) -> Result<u64> {
    let moved = sqlx::query(
        "update campaign set state = 'cancelled', finished_at = $1 where id = $2 \
         and state in ('draft', 'scheduled', 'running', 'paused')",
    )
    .bind(now)
    .bind(campaign.id)
    .execute(&mut *conn)
    .await?;
    changed(moved.rows_affected(), campaign, "cancel")?;
    delivery::skip_pending(conn, campaign.id, "cancelled", now).await
}

/// Ends a running campaign whose deliveries have all ended. Returns whether it has. What is
/// uncertain has ended when the campaign holds it, or was repeated as often as it may be.
pub async fn finish(conn: &mut Conn, id: Id, now: Millis) -> Result<bool> {
    if delivery::uncertain::resend_due(conn, Some(id), now).await? > 0 || !delivery::is_settled(conn, id).await? {
        return Ok(false);
    }
    match delivery::orphan_repair::take_in(conn, id, now).await? {
        Stray::None => {}
        Stray::TakenIn if delivery::is_settled(conn, id).await? => {}
        Stray::TakenIn => return Ok(false),
        Stray::Unknown(word) => {
            let reason = Message::new("paused-stray").with("word", word);
            if let Some(campaign) = find(conn, id).await?.filter(|campaign| campaign.state == State::Running) {
                pause(conn, &campaign, &reason.pack()).await?;
            }
            return Ok(true);
        }
    }
    sqlx::query("update campaign set state = 'finished', finished_at = $1 where id = $2 and state = 'running'")
        .bind(now)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(true)
}

fn changed(rows: u64, campaign: &Campaign, verb: &'static str) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err(refusal(campaign, verb)) }
}

/// Why a campaign in its state cannot do what the verb asks.
pub fn refusal(campaign: &Campaign, verb: &'static str) -> Error {
    Message::new("campaign-state")
        .with("name", &campaign.name)
        .with("state", campaign.state)
        .with("verb", verb)
        .conflict()
}
