//! Lanes: list, set, reset, resume.

use serde::Serialize;

use super::limits::{Change, LimitChange, LimitView, Today};
use super::localize::StoredMessage;
use super::output::optional_time;
use super::{Action, Actor};
use crate::campaign::delivery;
use crate::campaign::lane::{self, ALL, Lane};
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, lock_configuration};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::limits::lane_backoff::{self, LaneBackoff};
use crate::mailer::limits::rate_account::{self, LimitKey};
use crate::report::lanes::LaneStatus;

/// What to change of a lane.
#[derive(Debug, Default)]
pub struct LaneChange {
    /// Its domains instead of those it has, separated by commas; `example.*` is any ending.
    pub domains: Option<String>,
    /// Messages of the lane in flight at a time.
    pub connections: Change<u32>,
    /// Its limits.
    pub limits: LimitChange,
}

/// A lane with its limits and its state.
#[derive(Debug, Serialize)]
pub struct LaneView {
    /// Its name.
    pub name: String,
    /// Its domains.
    pub domains: Vec<String>,
    /// Messages in flight at a time.
    pub connections: Option<u32>,
    /// Its limits.
    #[serde(flatten)]
    pub limits: LimitView,
    /// What was sent today.
    pub today: Today,
    /// Messages a second while it is slowed by back-off.
    pub pace: Option<f64>,
    /// paused or open.
    pub state: &'static str,
    /// Why it is paused.
    pub reason: Option<StoredMessage>,
    /// How many deliveries changed their lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<u64>,
    /// The lane as stored.
    #[serde(skip)]
    pub lane: Lane,
}

impl LaneView {
    async fn read(
        installation: &Installation,
        conn: &mut Conn,
        workspace: Id,
        lane: Lane,
        backoff: Option<&LaneBackoff>,
    ) -> Result<Self> {
        let now = installation.clock.now();
        let account = rate_account::load(conn, workspace, &LimitKey::Lane(lane.name.clone())).await?;
        let reason = backoff.and_then(|backoff| backoff.reason.clone()).map(StoredMessage);
        Ok(Self {
            name: lane.name.clone(),
            domains: lane.domains.clone(),
            connections: lane.connections,
            limits: lane.rate_limit.into(),
            today: account.today(&lane.rate_limit, now).into(),
            pace: backoff.and_then(|backoff| backoff.rate(now)),
            state: if reason.is_some() { "paused" } else { "open" },
            reason,
            moved: None,
            lane,
        })
    }
}

/// The deliveries of a campaign that wait in a lane.
#[derive(Debug, Serialize)]
pub struct LaneWaiting {
    /// The lane.
    pub lane: String,
    /// Deliveries that wait.
    pub pending: i64,
    /// paused, spent, slowed or open.
    pub state: &'static str,
    /// Messages a second while it is slowed by back-off.
    pub pace: Option<f64>,
    /// When the next quota begins, while the one of today is spent.
    #[serde(serialize_with = "optional_time")]
    pub opens_at: Option<Millis>,
    /// Why it is paused.
    pub reason: Option<StoredMessage>,
}

impl From<&LaneStatus> for LaneWaiting {
    fn from(status: &LaneStatus) -> Self {
        Self {
            lane: status.lane.clone(),
            pending: status.pending,
            state: status.state(),
            pace: status.rate,
            opens_at: status.opens_at,
            reason: status.paused.clone().map(StoredMessage),
        }
    }
}

/// A lane that was reset to its defaults.
#[derive(Debug, Serialize)]
pub struct Reset {
    /// Its name.
    pub lane: String,
    /// Always true.
    pub removed: bool,
    /// How many deliveries changed their lane.
    pub moved: u64,
}

/// A lane whose back-off was ended.
#[derive(Debug, Serialize)]
pub struct Resumed {
    /// Its name.
    pub lane: String,
    /// Always open.
    pub state: &'static str,
}

/// Lists the lanes with their limits and states.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Vec<LaneView>> {
    let permit = actor.permit(installation, Action::ListLanes).await?;
    let mut conn = installation.db.read().await?;
    let backoffs = lane_backoff::list(&mut conn, permit.workspace).await?;
    let mut lanes = Vec::new();
    for lane in lane::list(&mut conn, permit.workspace).await? {
        let backoff = backoffs.iter().find(|(name, _)| *name == lane.name).map(|(_, backoff)| backoff);
        lanes.push(LaneView::read(installation, &mut conn, permit.workspace, lane, backoff).await?);
    }
    permit.audit(None).await;
    Ok(lanes)
}

/// Changes a lane, or adds one with domains. `all` limits every message of the workspace.
pub async fn set(installation: &Installation, actor: &Actor, name: &str, change: &LaneChange) -> Result<LaneView> {
    let permit = actor.permit(installation, Action::ChangeLane).await?;
    let mut tx = installation.db.write().await?;
    lock_configuration(&mut tx).await?;
    let before = lane::list(&mut tx, permit.workspace).await?.into_iter().find(|lane| lane.name == name);
    if before.is_none() && change.domains.is_none() && name != ALL {
        return Err(Message::new("lane-unknown").with("name", name).not_found());
    }
    let before = before.unwrap_or_else(|| Lane::new(name, ""));
    let lane = Lane {
        domains: change.domains.as_deref().map_or(Ok(before.domains), lane::parse_domains)?,
        connections: change.connections.apply(before.connections),
        rate_limit: change.limits.apply(before.rate_limit),
        name: before.name,
    };
    lane::set(&mut tx, permit.workspace, &lane).await?;
    let moved = match change.domains {
        Some(_) => reassign(&mut tx, permit.workspace).await?,
        None => 0,
    };
    tx.commit().await?;
    permit.audit(None).await;
    let mut conn = installation.db.read().await?;
    let view = LaneView::read(installation, &mut conn, permit.workspace, lane, None).await?;
    Ok(LaneView { moved: Some(moved), ..view })
}

/// Resets a lane to its defaults; one that was added is removed.
pub async fn reset(installation: &Installation, actor: &Actor, name: &str) -> Result<Reset> {
    let permit = actor.permit(installation, Action::ChangeLane).await?;
    let mut tx = installation.db.write().await?;
    lock_configuration(&mut tx).await?;
    if !lane::reset(&mut tx, permit.workspace, name).await? {
        return Err(Message::new("lane-not-set").with("name", name).not_found());
    }
    let moved = reassign(&mut tx, permit.workspace).await?;
    tx.commit().await?;
    permit.audit(None).await;
    Ok(Reset { lane: name.to_owned(), removed: true, moved })
}

/// Ends the back-off of a lane that is paused or slowed.
pub async fn resume(installation: &Installation, actor: &Actor, name: &str) -> Result<Resumed> {
    let permit = actor.permit(installation, Action::ChangeLane).await?;
    let mut tx = installation.db.write().await?;
    if !lane_backoff::reset(&mut tx, permit.workspace, name).await? {
        return Err(Message::new("lane-not-limited").with("name", name).conflict());
    }
    tx.commit().await?;
    permit.audit(None).await;
    Ok(Resumed { lane: name.to_owned(), state: "open" })
}

async fn reassign(conn: &mut Conn, workspace: Id) -> Result<u64> {
    let lanes = lane::list(conn, workspace).await?;
    delivery::reassign_lanes(conn, workspace, &lanes).await
}
