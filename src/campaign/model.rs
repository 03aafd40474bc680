//! Table `campaign`: a campaign's name, list, segment, times and state, as a light row. The campaign file and the
//! frozen content are in table `campaign_content` ([`content`]).
//!
//! ```text
//! draft ⇄ scheduled ─► running ⇄ paused ─► finished
//!   └──────────┴───────────┴─────────┴────► cancelled
//! ```
//!
//! A scheduled campaign can be paused too; until it is resumed it does not start ([`Campaign::is_launched`]).
//!
//! Changes of state are in [`transition`].

use sqlx::any::AnyRow;

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

pub mod content;
pub mod delivery_range;
pub mod expiry;
pub mod occurrence;
pub mod transition;

crate::text_enum! {
    /// State of a campaign.
    State {
        /// Can still be changed.
        Draft = "draft",
        /// Starts at `starts_at`.
        Scheduled = "scheduled",
        /// The audience is frozen; messages are being sent.
        Running = "running",
        /// Stopped with a reason; can be resumed.
        Paused = "paused",
        /// Every delivery is in a final state.
        Finished = "finished",
        /// Stopped for good; unsent deliveries are skipped.
        Cancelled = "cancelled",
    }
}

impl State {
    /// Catalogue key of the state's name.
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

/// A row of table `campaign`.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Key of the campaign; part of every token in its messages.
    pub id: Id,
    /// Workspace of the campaign.
    pub workspace: Id,
    /// Name, unique in the workspace.
    pub name: String,
    /// List the campaign is sent to.
    pub list: Id,
    /// Segment that narrows the list.
    pub segment: Option<Id>,
    /// Current state.
    pub state: State,
    /// Why the campaign is paused or went back to draft: a packed message.
    pub reason: Option<String>,
    /// Time of the start.
    pub starts_at: Option<Millis>,
    /// The wall-clock time in `zone` from which `starts_at` was computed.
    pub starts_local: Option<String>,
    /// IANA time zone of the campaign's times.
    pub zone: Option<String>,
    /// No message is sent from this time on.
    pub until_at: Option<Millis>,
    /// No message is sent before this time.
    pub holds_until: Option<Millis>,
    /// Series that created the campaign.
    pub series: Option<Id>,
    /// Day of the occurrence in that series, `2026-12-01`.
    pub occurrence: Option<String>,
    /// When the audience was frozen.
    pub launched_at: Option<Millis>,
    /// When the last delivery reached a final state.
    pub finished_at: Option<Millis>,
}

impl Campaign {
    /// True once the audience is frozen; false also for a scheduled campaign that is paused.
    pub fn is_launched(&self) -> bool {
        self.launched_at.is_some()
    }

    /// True while it can be edited, scheduled and started.
    pub fn is_startable(&self) -> bool {
        match self.state {
            State::Draft | State::Scheduled => true,
            State::Paused => !self.is_launched(),
            State::Running | State::Finished | State::Cancelled => false,
        }
    }

    /// Time zone of the campaign's times; UTC without one.
    pub fn zone(&self) -> &str {
        self.zone.as_deref().unwrap_or("UTC")
    }

    /// True from `until_at` on.
    pub fn is_late(&self, now: Millis) -> bool {
        self.until_at.is_some_and(|until| until <= now)
    }

    /// Milliseconds until the hold of a running or paused campaign ends; `None` when it does not hold.
    pub fn held_for(&self, now: Millis) -> Option<Millis> {
        let running = matches!(self.state, State::Running | State::Paused);
        self.holds_until.map(|until| until.saturating_sub(now)).filter(|left| running && *left > 0)
    }
}

/// A draft to be saved.
#[derive(Debug, Clone)]
pub struct NewCampaign<'a> {
    /// Key to use when the name is new.
    pub id: Id,
    /// Name of the campaign.
    pub name: &'a str,
    /// `md` or `html`.
    pub format: &'a str,
    /// Text of the campaign file.
    pub source: &'a str,
    /// List the campaign is sent to.
    pub list: Id,
    /// Segment that narrows the list.
    pub segment: Option<Id>,
}

/// Condition of [`Campaign::is_startable`] over a row of `campaign`.
const IS_STARTABLE: &str =
    "(campaign.state in ('draft', 'scheduled') or campaign.state = 'paused' and campaign.launched_at is null)";

/// A select of light rows; `{which}` begins with `where`.
const SELECT: &str = "
    select id, workspace_id, name, list_id, segment_id, state, reason, starts_at, starts_local, zone,
           until_at, holds_until, series_id, occurrence, launched_at, finished_at
      from campaign
    {which}";

fn from_row(row: &AnyRow) -> Result<Campaign> {
    Ok(Campaign {
        id: row.cell(0)?,
        workspace: row.cell(1)?,
        name: row.cell(2)?,
        list: row.cell(3)?,
        segment: row.cell(4)?,
        state: row.cell::<String>(5)?.parse()?,
        reason: row.cell(6)?,
        starts_at: row.cell(7)?,
        starts_local: row.cell(8)?,
        zone: row.cell(9)?,
        until_at: row.cell(10)?,
        holds_until: row.cell(11)?,
        series: row.cell(12)?,
        occurrence: row.cell(13)?,
        launched_at: row.cell(14)?,
        finished_at: row.cell(15)?,
    })
}

async fn select(conn: &mut Conn, which: Query) -> Result<Vec<Campaign>> {
    let rows = Query::new(SELECT).fragment("which", which).fetch_all(conn).await?;
    Ok(read_each("campaign", &rows, from_row))
}

/// Saves a draft and its file. Replaces the file of a campaign of the same name that has not started; a scheduled one stays
/// scheduled.
///
/// # Errors
/// A conflict when the campaign of this name has started.
pub async fn save_draft(conn: &mut Conn, workspace: Id, new: &NewCampaign<'_>, now: Millis) -> Result<Id> {
    let saved = Query::new(
        "insert into campaign (id, workspace_id, name, format, list_id, segment_id, state, created_at)
         values (:id, :workspace, :name, :format, :list, :segment, 'draft', :now)
         on conflict (workspace_id, name) do update
            set format = excluded.format, list_id = excluded.list_id, segment_id = excluded.segment_id,
                until_at = null
          where {is_startable}
         returning id",
    )
    .fragment("is_startable", IS_STARTABLE)
    .bind("id", new.id)
    .bind("workspace", workspace)
    .bind("name", new.name)
    .bind("format", new.format)
    .bind("list", new.list)
    .bind("segment", new.segment)
    .bind("now", now)
    .fetch_optional(conn)
    .await?;
    let conflict = || Message::new("campaign-not-draft").with("name", new.name).conflict();
    let id = saved.ok_or_else(conflict)?.cell(0)?;
    content::save_source(conn, id, new.source).await?;
    Ok(id)
}

/// Removes a campaign that was never launched, with its file.
///
/// # Errors
/// A conflict for one that was launched: the links in its messages need it.
pub async fn remove(conn: &mut Conn, campaign: &Campaign) -> Result<()> {
    let removed = Query::new(
        "delete from campaign where id = :id and launched_at is null and state in ('draft', 'scheduled', 'paused', 'cancelled')",
    );
    if removed.bind("id", campaign.id).execute(&mut *conn).await? == 0 {
        return Err(Message::new("campaign-remove-launched").with("name", &campaign.name).conflict());
    }
    content::remove(conn, campaign.id).await
}

/// The campaign of a name.
///
/// # Errors
/// Not found, with the names that exist.
pub async fn find_by_name(conn: &mut Conn, workspace: Id, name: &str) -> Result<Campaign> {
    let all = list(conn, workspace).await?;
    let known: Vec<_> = all.iter().map(|campaign| campaign.name.clone()).collect();
    all.into_iter().find(|campaign| campaign.name == name).ok_or_else(|| {
        let known = if known.is_empty() { "—".to_owned() } else { known.join(", ") };
        Message::new("campaign-unknown").with("name", name).with("known", known).not_found()
    })
}

/// The campaign of a key.
pub async fn find(conn: &mut Conn, id: Id) -> Result<Option<Campaign>> {
    let of_id = Query::new("where id = :id").bind("id", id);
    let row = Query::new(SELECT).fragment("which", of_id).fetch_optional(conn).await?;
    row.as_ref().map(from_row).transpose()
}

/// All campaigns of a workspace, newest first.
pub async fn list(conn: &mut Conn, workspace: Id) -> Result<Vec<Campaign>> {
    select(conn, Query::new("where workspace_id = :workspace order by id desc").bind("workspace", workspace)).await
}

/// Campaigns of all workspaces in a state, oldest first.
pub async fn list_in_state(conn: &mut Conn, state: State) -> Result<Vec<Campaign>> {
    select(conn, Query::new("where state = :state order by id").bind("state", state.as_str())).await
}

/// Scheduled campaigns whose time has come, oldest first.
pub async fn list_startable(conn: &mut Conn, now: Millis) -> Result<Vec<Campaign>> {
    select(conn, Query::new("where state = 'scheduled' and starts_at <= :now order by id").bind("now", now)).await
}

/// Running campaigns whose latest time has passed.
pub async fn list_late(conn: &mut Conn, now: Millis) -> Result<Vec<Campaign>> {
    select(conn, Query::new("where state = 'running' and until_at <= :now").bind("now", now)).await
}

/// Condition over a row with column `campaign_id`: its campaign goes to this list; true for all without a list.
pub fn is_of_list(list: Option<Id>) -> Query {
    match list {
        // `+ 0` stops SQLite from walking all rows of the campaigns: the contacts are few.
        Some(list) => {
            Query::new("campaign_id + 0 in (select id from campaign where list_id = :list)").bind("list", list)
        }
        None => Query::new("1 = 1"),
    }
}
