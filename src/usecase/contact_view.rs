//! One contact by its key, for pages that link to it without its address.

use super::{Action, Actor};
use crate::audience::contact;
use crate::audience::subscription::State;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::subject_access::{self, SubjectData};

/// Reads everything that is stored about a contact.
///
/// # Errors
/// `NotFound` when the workspace has no such contact.
pub async fn read(installation: &Installation, actor: &Actor, id: Id) -> Result<SubjectData> {
    let permit = actor.permit(installation, Action::ShowContact).await?;
    let mut conn = installation.db.read().await?;
    let found = contact::get_of_workspace(&mut conn, permit.workspace, id).await?;
    let found = found.ok_or_else(|| Message::new("desk-person-gone").not_found())?;
    let data = subject_access::collect(installation, &mut conn, permit.workspace, &found).await?;
    permit.audit(id).await;
    Ok(data)
}

/// Whether the processing of the contact is restricted.
pub fn is_restricted(data: &SubjectData) -> bool {
    data.subscriptions.iter().any(|one| one.state == State::Restricted)
}

/// Checks that an address was typed again before the contact is erased.
///
/// # Errors
/// Invalid field `confirm` for another text.
pub fn confirm(address: &str, typed: &str) -> Result<()> {
    if typed.trim().to_lowercase() == address.to_lowercase() {
        return Ok(());
    }
    Err(Message::new("desk-person-erase-other").invalid_field("confirm"))
}
