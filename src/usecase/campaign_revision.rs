//! The revisions of a campaign's file: list them, compare one with another, and restore one, which makes a new one.

use serde::Serialize;

use super::campaign::{self, Added, Saving, Source};
use super::line_diff::{self, Line};
use super::output::time;
use super::{Action, Actor};
use crate::access::user;
use crate::campaign::model::{self, Campaign, content};
use crate::campaign::revision::{self, Revision};
use crate::content::email::Format;
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// A revision of the list.
#[derive(Debug, Serialize)]
pub struct RevisionRow {
    /// Its key.
    pub revision: Id,
    /// When it was saved.
    #[serde(serialize_with = "time")]
    pub saved: Millis,
    /// The name of who saved it; `None` for the command line and for somebody who is no user any more.
    pub by: Option<String>,
    /// Whether the page saved it by itself.
    pub automatic: bool,
    /// Characters of its text.
    pub length: i64,
    /// Whether it is what the campaign is now.
    pub current: bool,
}

/// The revisions of a campaign.
#[derive(Debug, Serialize)]
pub struct Revisions {
    /// The campaign.
    pub name: String,
    /// Newest first.
    pub revisions: Vec<RevisionRow>,
    /// Whether one can be restored.
    #[serde(skip)]
    pub editable: bool,
}

/// Lists the revisions of a campaign.
///
/// # Errors
/// `NotFound` for a campaign of another workspace.
pub async fn list(installation: &Installation, actor: &Actor, id: Id) -> Result<Revisions> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let campaign = need(model::find(&mut conn, id).await?, permit.workspace)?;
    let stored = revision::list(&mut conn, id).await?;
    let current = content::read_source(&mut conn, id).await?;
    let mut revisions = Vec::new();
    for Revision { id: key, saved_at, saved_by, is_automatic, length } in stored.into_iter().rev() {
        let by = match saved_by {
            Some(by) => user::find(installation, &mut conn, by).await?.map(|user| user.name),
            None => None,
        };
        // Only the newest can be what the campaign is now; after a field was renamed, none is.
        let is_first = revisions.is_empty();
        let is_current = is_first && revision::read(&mut conn, id, key).await?.is_some_and(|one| one == current);
        revisions.push(RevisionRow {
            revision: key,
            saved: saved_at,
            by,
            automatic: is_automatic,
            length,
            current: is_current,
        });
    }
    permit.audit(id).await;
    Ok(Revisions { editable: campaign.is_startable(), name: campaign.name, revisions })
}

/// Compares a revision with another one; without `to` with what the campaign is now.
///
/// # Errors
/// `NotFound` for a campaign of another workspace, and for a revision that is there no more.
pub async fn compare(
    installation: &Installation,
    actor: &Actor,
    id: Id,
    from: Option<Id>,
    to: Option<Id>,
) -> Result<Vec<Line>> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    need(model::find(&mut conn, id).await?, permit.workspace)?;
    let old = match from {
        Some(from) => revision::read(&mut conn, id, from).await?.ok_or_else(gone)?.text,
        None => String::new(),
    };
    let new = match to {
        Some(to) => revision::read(&mut conn, id, to).await?.ok_or_else(gone)?.text,
        None => content::read_source(&mut conn, id).await?.text,
    };
    permit.audit(id).await;
    Ok(line_diff::compare(&old, &new))
}

/// Makes a campaign what it was in a revision. What it is now stays as a revision.
///
/// # Errors
/// `NotFound` as for [`compare`], and what [`campaign::add`] refuses, as after a field was renamed.
pub async fn restore(installation: &Installation, actor: &Actor, id: Id, from: Id) -> Result<Added> {
    let permit = actor.permit(installation, Action::AddCampaign).await?;
    let source = {
        let mut conn = installation.db.read().await?;
        need(model::find(&mut conn, id).await?, permit.workspace)?;
        revision::read(&mut conn, id, from).await?.ok_or_else(gone)?
    };
    // Adding it is audited.
    permit.skip_audit();
    let format: Format = source.format.parse()?;
    campaign::save(installation, actor, &Source { text: source.text, format }, Saving::ByHand).await
}

fn need(found: Option<Campaign>, workspace: Id) -> Result<Campaign> {
    let found = found.filter(|campaign| campaign.workspace == workspace);
    found.ok_or_else(|| Message::new("campaign-gone").not_found())
}

fn gone() -> Error {
    Message::new("revision-gone").not_found()
}
