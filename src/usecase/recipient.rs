//! Actions of recipients, identified by a token of their message: read stored data, view the message, unsubscribe, be
//! erased.

use super::{Action, Actor};
use crate::audience::{contact, list};
use crate::campaign::composer_cache::ComposerCache;
use crate::campaign::{delivery, launch};
use crate::infra::db::query::Query;
use crate::infra::db::{Cells, Conn};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::token::DeliveryRef;
use crate::privacy::request_journal::{RecipientRequest, RequestJournal, RequestStatus};
use crate::privacy::subject_access::{self, SubjectData};

/// The delivery id in the tokens of test messages.
pub const TEST_DELIVERY: Id = 0;

/// What became of a recipient's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requested {
    /// Done, or recorded on disk until the database answers.
    pub status: RequestStatus,
    /// The contact, where the database knows it.
    pub contact: Option<Id>,
}

/// The data stored about a recipient.
#[derive(Debug)]
pub struct StoredData {
    /// The data.
    pub data: SubjectData,
    /// The workspace.
    pub workspace: Id,
    /// A delivery whose tokens lead to the recipient: the given one or, when that was deleted with its list, the latest.
    pub delivery: Option<DeliveryRef>,
}

/// Carries out a recipient's request, or records it on disk while the database does not answer. `delivery` is the
/// content of a verified token. Run it in a task of its own: a client that disconnects must not stop it.
pub async fn request(
    installation: &Installation,
    journal: &RequestJournal,
    actor: &Actor,
    delivery: DeliveryRef,
    request: RecipientRequest,
) -> Result<Requested> {
    let action = match request {
        RecipientRequest::Unsubscribe | RecipientRequest::UnsubscribeFrom(_) => Action::Unsubscribe,
        RecipientRequest::Erase => Action::EraseSelf,
    };
    let permit = actor.permit(installation, action).await?;
    let (status, contact) = journal.submit(delivery, request).await?;
    permit.audit(contact).await;
    Ok(Requested { status, contact })
}

/// Finds the recipient of a delivery; `None` when the contact was erased.
pub async fn find(installation: &Installation, actor: &Actor, delivery: DeliveryRef) -> Result<Option<Id>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    let found = delivery::contact_of(&mut *installation.db.read().await?, delivery.delivery).await?;
    let contact = found.map(|(contact, _)| contact);
    permit.skip_audit();
    Ok(contact)
}

/// The masked address of the recipient of a delivery; `None` when the contact was erased.
pub async fn masked_address(
    installation: &Installation,
    actor: &Actor,
    delivery: DeliveryRef,
) -> Result<Option<String>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    let mut conn = installation.db.read().await?;
    let Some((id, _)) = delivery::contact_of(&mut conn, delivery.delivery).await? else { return Ok(None) };
    let found = contact::get(&mut conn, id).await?;
    permit.skip_audit();
    Ok(found.map(|contact| contact.address.to_string()))
}

/// Reads the data stored about a contact, who is or was the recipient of `delivery`; `None` when the contact was erased.
pub async fn stored_data(
    installation: &Installation,
    actor: &Actor,
    contact: Id,
    delivery: DeliveryRef,
) -> Result<Option<StoredData>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    let mut conn = installation.db.read().await?;
    let Some(found) = contact::get(&mut conn, contact).await? else { return Ok(None) };
    let workspace = workspace_of(&mut conn, contact).await?;
    let stored = StoredData {
        data: subject_access::collect(installation, &mut conn, workspace, &found).await?,
        workspace,
        delivery: match delivery::contact_of(&mut conn, delivery.delivery).await? {
            Some(_) => Some(delivery),
            None => latest_delivery(&mut conn, contact).await?,
        },
    };
    permit.audit(contact).await;
    Ok(Some(stored))
}

/// A delivery whose tokens lead to the contact; `None` when none is stored.
pub async fn find_delivery(installation: &Installation, actor: &Actor, contact: Id) -> Result<Option<DeliveryRef>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    let found = latest_delivery(&mut *installation.db.read().await?, contact).await?;
    permit.skip_audit();
    Ok(found)
}

/// The name of a list.
pub async fn list_name(installation: &Installation, actor: &Actor, list: Id) -> Result<Option<String>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    let found = list::get(&mut *installation.db.read().await?, list).await?;
    permit.skip_audit();
    Ok(found.map(|list| list.name))
}

/// The message of a delivery as HTML, for reading in a browser; `None` when the contact was erased. Compiled campaigns are
/// kept in `composers`.
pub async fn view_message(
    installation: &Installation,
    actor: &Actor,
    composers: &ComposerCache,
    delivery: DeliveryRef,
) -> Result<Option<String>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    let html = launch::view_in_browser(installation, composers, delivery.campaign, delivery.delivery).await?;
    permit.audit(None).await;
    Ok(html)
}

pub(super) async fn workspace_of(conn: &mut Conn, contact: Id) -> Result<Id> {
    let row = Query::new("select workspace_id from contact where id = :contact")
        .bind("contact", contact)
        .fetch_optional(conn)
        .await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

async fn latest_delivery(conn: &mut Conn, contact: Id) -> Result<Option<DeliveryRef>> {
    let row = Query::new(
        "select campaign_id, id
           from delivery
          where contact_id = :contact
          order by id desc
          limit 1",
    )
    .bind("contact", contact)
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok(DeliveryRef { campaign: row.cell(0)?, delivery: row.cell(1)? })).transpose()
}
