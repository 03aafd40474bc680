//! Campaigns that a policy does not allow: those that would run or run already are stopped when it is applied, and do not resume.

use crate::campaign::composer::Composer;
use crate::campaign::model::{self, Campaign, State, transition};
use crate::campaign::{audience, frozen_content, purpose_check};
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// What the rules of its list forbid about a campaign. One whose content or segment cannot be read has no other mistake here: its
/// start finds that.
pub(in crate::usecase) async fn problems(
    installation: &Installation,
    conn: &mut Conn,
    campaign: &Campaign,
    now: Millis,
) -> Result<Vec<Message>> {
    let content = match campaign.is_launched() {
        true => frozen_content::read(conn, campaign).await,
        false => frozen_content::current(conn, campaign, now).await,
    };
    let (Ok(content), Ok(segment)) = (content, audience::segment_condition(conn, campaign).await) else {
        return Ok(Vec::new());
    };
    let Ok(composer) = Composer::compile(installation, content) else { return Ok(Vec::new()) };
    let fields = composer.email().fields();
    purpose_check::problems(conn, campaign, composer.content(), fields, segment.as_ref()).await
}

/// The running and scheduled campaigns that the rules of their lists forbid, each with the first reason.
pub(super) async fn find(
    installation: &Installation,
    conn: &mut Conn,
    workspace: Id,
    now: Millis,
) -> Result<Vec<(Campaign, Message)>> {
    let mut found = Vec::new();
    for campaign in model::list(conn, workspace).await? {
        if !matches!(campaign.state, State::Running | State::Scheduled) {
            continue;
        }
        if let Some(problem) = problems(installation, conn, &campaign, now).await?.into_iter().next() {
            found.push((campaign, problem));
        }
    }
    Ok(found)
}

/// Pauses them, with the reason. Returns their names.
pub(super) async fn stop(conn: &mut Conn, unlawful: &[(Campaign, Message)], policy: i64) -> Result<Vec<String>> {
    for (campaign, problem) in unlawful {
        let reason = Message::new("paused-policy").with("number", policy).with_message("why", problem.clone());
        transition::pause(conn, campaign, &reason.pack()).await?;
    }
    Ok(unlawful.iter().map(|(campaign, _)| campaign.name.clone()).collect())
}
