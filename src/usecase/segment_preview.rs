//! An expression that is not saved yet: how many contacts it has, and some of them. Also the contacts of a segment.

use std::time::Duration;

use tokio::time::timeout;

use super::contact_search::{self, Contacts};
use super::{Action, Actor};
use crate::audience::segment;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// How long a page waits for an exact count.
const COUNT_LIMIT: Duration = Duration::from_millis(300);

/// Contacts of a preview that are shown.
const SAMPLE: i64 = 5;

/// What an expression would select.
#[derive(Debug)]
pub struct Preview {
    /// How many contacts it has; `None` while even an estimate takes too long.
    pub count: Option<i64>,
    /// Whether the count is an estimate.
    pub is_estimate: bool,
    /// Some of the contacts; empty where the actor may not see addresses.
    pub sample: Option<Contacts>,
}

/// Counts the contacts of an expression and shows some of them.
///
/// # Errors
/// Invalid for an expression that is wrong, with the place of the mistake.
pub async fn preview(installation: &Installation, actor: &Actor, expression: &str) -> Result<Preview> {
    let permit = actor.permit(installation, Action::ReadSegment).await?;
    let estimate = segment::estimate_expression(installation, permit.workspace, expression).await?;
    let is_estimate = estimate.is_some();
    let count = match estimate {
        Some(count) => Some(count),
        None => timeout(COUNT_LIMIT, segment::count_expression(installation, permit.workspace, expression))
            .await
            .ok()
            .transpose()?,
    };
    let sample = match Action::ListContacts.is_permitted_to(actor.role) {
        true => timeout(COUNT_LIMIT, select(installation, permit.workspace, expression, 0, SAMPLE))
            .await
            .ok()
            .transpose()?,
        false => None,
    };
    permit.skip_audit();
    Ok(Preview { count, is_estimate, sample })
}

/// Lists the contacts of a saved segment behind the key `after`.
pub async fn members(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    after: Id,
    limit: i64,
) -> Result<Contacts> {
    let permit = actor.permit(installation, Action::ListContacts).await?;
    let saved = segment::need(&mut *installation.db.read().await?, permit.workspace, name).await?;
    let contacts = select(installation, permit.workspace, &saved.expression, after, limit).await?;
    permit.audit(saved.id).await;
    Ok(contacts)
}

async fn select(
    installation: &Installation,
    workspace: Id,
    expression: &str,
    after: Id,
    limit: i64,
) -> Result<Contacts> {
    let mut conn = installation.db.read().await?;
    let now = installation.clock.now();
    let found = segment::select(&mut conn, workspace, expression, now, after, limit + 1).await?;
    contact_search::page(&mut conn, found, limit).await
}
