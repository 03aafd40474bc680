//! Changes of a campaign's state, times and policy. Each function changes one row and refuses a transition that the state
//! does not allow. What a transition means for deliveries is in `campaign::lifecycle`, `campaign::recall` and
//! `campaign::deadline`.

use super::{Campaign, IS_STARTABLE, State, content, find};
use crate::campaign::schedule::StartTime;
use crate::campaign::uncertain_policy::UncertainPolicy;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Query};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;

/// Schedules a draft, or moves the start of a scheduled campaign.
pub async fn schedule(conn: &mut Conn, campaign: &Campaign, start: &StartTime) -> Result<()> {
    let moved = Query::new(
        "update campaign
            set state = 'scheduled', starts_at = :at, starts_local = :local, zone = :zone, reason = null
          where id = :id and {is_startable}",
    )
    .fragment("is_startable", IS_STARTABLE)
    .bind("at", start.at)
    .bind("local", &start.local)
    .bind("zone", &start.zone)
    .bind("id", campaign.id)
    .execute(conn)
    .await?;
    expect_changed(moved, campaign, "schedule")
}

/// Makes a scheduled campaign, paused or not, a draft without a time of start.
pub async fn unschedule(conn: &mut Conn, campaign: &Campaign) -> Result<()> {
    let moved = Query::new(
        "update campaign
            set state = 'draft', starts_at = null, starts_local = null, reason = null
          where id = :id and state <> 'draft' and {is_startable}",
    )
    .fragment("is_startable", IS_STARTABLE)
    .bind("id", campaign.id)
    .execute(conn)
    .await?;
    expect_changed(moved, campaign, "unschedule")
}

/// Stores the frozen content (JSON) and sets the campaign running. Returns false when the campaign runs already or its
/// start was moved meanwhile: two concurrent starts are one start.
pub async fn set_running(
    conn: &mut Conn,
    campaign: &Campaign,
    frozen: &str,
    language: Lang,
    now: Millis,
) -> Result<bool> {
    let moved = Query::new(
        "update campaign
            set state = 'running', launched_at = :now, reason = null, language = :language
          where id = :id and state = :state and {is_startable} and coalesce(starts_at, -1) = :starts_at",
    )
    .bind("state", campaign.state.as_str())
    .fragment("is_startable", IS_STARTABLE)
    .bind("now", now)
    .bind("language", language.as_str())
    .bind("id", campaign.id)
    .bind("starts_at", campaign.starts_at.unwrap_or(-1))
    .execute(conn)
    .await?;
    if moved == 1 {
        content::save_frozen(conn, campaign.id, frozen).await?;
        return Ok(true);
    }
    let current = find(conn, campaign.id).await?.ok_or_else(|| Message::new("campaign-gone").internal())?;
    let moved = current.is_startable() && (current.state, current.starts_at) != (campaign.state, campaign.starts_at);
    let meanwhile = current.state == State::Running || moved;
    if meanwhile { Ok(false) } else { Err(refusal(&current, "start")) }
}

/// Sets what happens to deliveries whose reply was lost.
pub async fn set_uncertain_policy(conn: &mut Conn, campaign: Id, policy: UncertainPolicy) -> Result<()> {
    Query::new("update campaign set uncertain_policy = :policy where id = :id")
        .bind("policy", policy.as_str())
        .bind("id", campaign)
        .execute(conn)
        .await?;
    Ok(())
}

/// Sets or removes the latest time.
pub async fn set_until(conn: &mut Conn, campaign: Id, until: Option<Millis>) -> Result<()> {
    Query::new("update campaign set until_at = :until where id = :id")
        .bind("until", until)
        .bind("id", campaign)
        .execute(conn)
        .await?;
    Ok(())
}

/// The times that bound a running campaign, fixed at launch.
pub struct TimeBounds<'a> {
    /// No message is sent from this time on.
    pub until: Option<Millis>,
    /// No message is sent before this time.
    pub hold: Option<Millis>,
    /// Zone of the campaign file, used when the campaign has none.
    pub zone: &'a str,
}

/// Stores the time bounds of a campaign.
pub async fn set_time_bounds(conn: &mut Conn, campaign: Id, bounds: &TimeBounds<'_>) -> Result<()> {
    Query::new(
        "update campaign
            set until_at = :until, holds_until = :hold, zone = coalesce(zone, :zone)
          where id = :id",
    )
    .bind("until", bounds.until)
    .bind("hold", bounds.hold)
    .bind("zone", bounds.zone)
    .bind("id", campaign)
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets a finished campaign running again, because deliveries of it are to be resent.
pub async fn reopen(conn: &mut Conn, campaign: Id) -> Result<()> {
    Query::new("update campaign set state = 'running', finished_at = null where id = :id and state = 'finished'")
        .bind("id", campaign)
        .execute(conn)
        .await?;
    Ok(())
}

/// Pauses a running campaign: messages in flight are finished, no new one is sent. A scheduled campaign does not start
/// while it is paused.
pub async fn pause(conn: &mut Conn, campaign: &Campaign, reason: &str) -> Result<()> {
    let moved = Query::new(
        "update campaign set state = 'paused', reason = :reason where id = :id and state in ('running', 'scheduled')",
    )
    .bind("reason", reason)
    .bind("id", campaign.id)
    .execute(conn)
    .await?;
    expect_changed(moved, campaign, "pause")
}

/// Pauses a running campaign whose latest time has passed; returns false when that time was changed meanwhile.
pub async fn pause_late(conn: &mut Conn, campaign: Id, reason: &str, now: Millis) -> Result<bool> {
    let moved = Query::new(
        "update campaign
            set state = 'paused', reason = :reason
          where id = :id and state = 'running' and until_at <= :now",
    )
    .bind("reason", reason)
    .bind("id", campaign)
    .bind("now", now)
    .execute(conn)
    .await?;
    Ok(moved == 1)
}

/// Makes a scheduled campaign that cannot start a draft again, with the reason.
pub async fn return_to_draft(conn: &mut Conn, campaign: &Campaign, reason: &str) -> Result<()> {
    let moved =
        Query::new("update campaign set state = 'draft', reason = :reason where id = :id and state = 'scheduled'")
            .bind("reason", reason)
            .bind("id", campaign.id)
            .execute(conn)
            .await?;
    expect_changed(moved, campaign, "start")
}

/// Resumes a paused campaign: one that was scheduled is scheduled again.
pub async fn resume(conn: &mut Conn, campaign: &Campaign) -> Result<()> {
    let moved = Query::new(
        "update campaign
            set state = case when launched_at is null then 'scheduled' else 'running' end, reason = null
          where id = :id and state = 'paused'",
    )
    .bind("id", campaign.id)
    .execute(conn)
    .await?;
    expect_changed(moved, campaign, "resume")
}

/// Sets a campaign cancelled. The caller skips its deliveries.
pub async fn set_cancelled(conn: &mut Conn, campaign: &Campaign, now: Millis) -> Result<()> {
    let moved = Query::new(
        "update campaign
            set state = 'cancelled', finished_at = :now
          where id = :id and state in ('draft', 'scheduled', 'running', 'paused')",
    )
    .bind("now", now)
    .bind("id", campaign.id)
    .execute(conn)
    .await?;
    expect_changed(moved, campaign, "cancel")
}

/// Sets a campaign that was started or scheduled cancelled with a reason; returns false in any other state.
pub async fn set_recalled(conn: &mut Conn, campaign: Id, reason: &str, now: Millis) -> Result<bool> {
    let moved = Query::new(
        "update campaign
            set state = 'cancelled', reason = :reason, finished_at = :now
          where id = :id and state in ('scheduled', 'running', 'paused')",
    )
    .bind("reason", reason)
    .bind("now", now)
    .bind("id", campaign)
    .execute(conn)
    .await?;
    Ok(moved == 1)
}

/// Sets a running campaign finished.
pub async fn set_finished(conn: &mut Conn, campaign: Id, now: Millis) -> Result<()> {
    Query::new("update campaign set state = 'finished', finished_at = :now where id = :id and state = 'running'")
        .bind("now", now)
        .bind("id", campaign)
        .execute(conn)
        .await?;
    Ok(())
}

fn expect_changed(rows: u64, campaign: &Campaign, verb: &'static str) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err(refusal(campaign, verb)) }
}

/// The conflict of a campaign whose state does not allow an action.
pub fn refusal(campaign: &Campaign, verb: &'static str) -> Error {
    Message::new("campaign-state")
        .with("name", &campaign.name)
        .with("state", campaign.state)
        .with("verb", verb)
        .conflict()
}
