//! Actions of recipients, identified by a token of their message: unsubscribe, be erased.

use super::{Action, Actor};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::token::DeliveryRef;
use crate::privacy::request_journal::{RecipientRequest, RequestJournal, RequestStatus};

/// What became of a recipient's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requested {
    /// Done, or recorded on disk until the database answers.
    pub status: RequestStatus,
    /// The contact, where the database knows it.
    pub contact: Option<Id>,
}

/// Carries out a recipient's request, or records it on disk while the database does not answer. `claim` is the
/// content of a verified token. Run it in a task of its own: a client that disconnects must not stop it.
pub async fn request(
    journal: &RequestJournal,
    actor: &Actor,
    claim: DeliveryRef,
    request: RecipientRequest,
) -> Result<Requested> {
    let permit = actor.permit(match request {
        RecipientRequest::Unsubscribe | RecipientRequest::UnsubscribeFrom(_) => Action::Unsubscribe,
        RecipientRequest::Erase => Action::EraseSelf,
    })?;
    let (status, contact) = journal.submit(claim, request).await?;
    permit.audit(contact);
    Ok(Requested { status, contact })
}
