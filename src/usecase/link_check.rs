//! Check of the links of a campaign's email over the network.

use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::{Action, Actor};
use crate::campaign::composer::Composer;
use crate::campaign::{frozen_content, model};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::link_check::{self, Outcome};

/// Links that are asked.
const MAX_LINKS: usize = 40;
/// Links that are asked at once.
const AT_ONCE: usize = 4;

/// What became of a link.
#[derive(Debug, Serialize)]
pub struct CheckedLink {
    /// Where it leads.
    pub link: String,
    /// The sentence about it.
    pub found: Message,
    /// Whether it is fine.
    pub fine: bool,
}

/// The links of a campaign.
#[derive(Debug, Serialize)]
pub struct CheckedLinks {
    /// The campaign.
    pub name: String,
    /// Those that were asked.
    pub links: Vec<CheckedLink>,
    /// How many were not: links with values of a recipient, and those above the limit.
    pub unchecked: usize,
}

/// Asks the server of each link of an email whether it is there. Links with values of a recipient are not asked.
///
/// # Errors
/// `NotFound` for a campaign of another workspace, and what stops its email from being compiled.
pub async fn check(installation: &Installation, actor: &Actor, id: Id) -> Result<CheckedLinks> {
    let permit = actor.permit(installation, Action::PreflightCampaign).await?;
    let (campaign, content) = {
        let mut conn = installation.db.read().await?;
        let found = model::find(&mut conn, id).await?.filter(|campaign| campaign.workspace == permit.workspace);
        let campaign = found.ok_or_else(|| Message::new("campaign-gone").not_found())?;
        let content = frozen_content::current(&mut conn, &campaign, installation.clock.now()).await?;
        (campaign, content)
    };
    let composer = Composer::compile(installation, content)?;
    let all = composer.email().links();
    let mut links: Vec<String> = Vec::new();
    for link in all.iter().filter(|link| !link.is_personal) {
        if links.len() < MAX_LINKS && !links.contains(&link.destination) {
            links.push(link.destination.clone());
        }
    }
    let unchecked = all.iter().filter(|link| !links.contains(&link.destination)).count();
    let ask = |link: String| async move {
        let (outcome, status) = link_check::check(&link).await;
        let found = Message::new(key(outcome)).with("status", status.unwrap_or(0));
        CheckedLink { link, found, fine: outcome == Outcome::Reached }
    };
    let links = stream::iter(links).map(ask).buffered(AT_ONCE).collect().await;
    permit.audit(id).await;
    Ok(CheckedLinks { name: campaign.name, links, unchecked })
}

/// Catalogue key of an outcome.
const fn key(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Reached => "link-reached",
        Outcome::Refused => "link-refused",
        Outcome::Unresolved => "link-unresolved",
        Outcome::Silent => "link-silent",
        Outcome::Certificate => "link-certificate",
        Outcome::Private => "link-private",
    }
}
