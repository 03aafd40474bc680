//! The start of a campaign from a page: above some people their number has to be typed, so that nobody writes to thousands by
//! one click.

use super::campaign::{self, StartOptions, Started};
use super::preflight;
use super::{Action, Actor};
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;

/// People up to whom a start needs no typed number.
const UNCONFIRMED_PEOPLE: i64 = 50;

/// Whether a start for so many people needs their number.
pub fn needs_number(recipients: i64) -> bool {
    recipients > UNCONFIRMED_PEOPLE
}

/// Starts a campaign. `people` is the number of recipients as the user typed it. `progress` is called with the recipients
/// checked so far and all of them.
///
/// # Errors
/// Invalid field `people` when the number is needed and another one was typed; `Conflict` as for [`campaign::start`].
pub async fn start(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    people: Option<i64>,
    options: &StartOptions,
    mut progress: impl FnMut(u64, u64),
) -> Result<Started> {
    let permit = actor.permit(Action::StartCampaign)?;
    // The start itself is audited.
    permit.skip_audit();
    let found = preflight::preflight(installation, actor, name, &mut progress).await?;
    if needs_number(found.recipients) && people != Some(found.recipients) {
        return Err(Message::new("campaign-start-number").with("count", found.recipients).invalid_field("people"));
    }
    campaign::start(installation, actor, name, options, progress).await
}
