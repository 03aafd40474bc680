//! Test message of a campaign: the message that one contact would get, with links that lead straight to their destinations
//! and unsubscribe pages that change nothing.

use super::composer::Composer;
use super::delivery::Recipient;
use super::frozen_content;
use super::model::Campaign;
use crate::audience::address::Address;
use crate::audience::contact;
use crate::content::email::Tracking;
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;

/// A message that is ready to be sent.
pub struct TestMessage {
    /// Envelope sender.
    pub sender: String,
    /// Address of header From.
    pub from: Address,
    /// Relay that the campaign names.
    pub relay: Option<String>,
    /// Subject as text.
    pub subject: String,
    /// Bytes of the message.
    pub bytes: Vec<u8>,
}

/// Composes a test message to an address. The field values are those of the contact `persona`, else of the contact with
/// the address, else of the first subscriber of the list.
///
/// # Errors
/// Not found when `persona` is no contact.
pub async fn compose(
    installation: &Installation,
    campaign: &Campaign,
    to: &Address,
    persona: Option<&Address>,
) -> Result<TestMessage> {
    let mut conn = installation.db.read().await?;
    let found = contact::find(&mut conn, campaign.workspace, persona.unwrap_or(to)).await?;
    let contact = match (found, persona) {
        (Some(found), _) => Some(found),
        (None, Some(unknown)) => return Err(Message::new("contact-unknown").with("address", unknown).not_found()),
        (None, None) => contact::first_subscriber(&mut conn, campaign.list).await?,
    };
    let mut frozen = frozen_content::current(&mut conn, campaign).await?;
    frozen.draft.tracking = Tracking::None;
    frozen.draft.subject.insert_str(0, "[Test] ");
    let composer = Composer::compile(installation, frozen)?;
    let values = contact.map(|contact| contact.values).unwrap_or_default();
    let fields = serde_json::to_string(&values).map_err(|_| Message::new("skipped-fields").internal())?;
    let recipient = Recipient { delivery: 0, address: to.expose(), fields };
    let rendered = composer.render(&recipient).map_err(Message::invalid)?;
    let bytes = composer.write(&recipient, to, &rendered, installation.clock.now()).map_err(Message::invalid)?;
    let (from, relay) = (composer.from().clone(), composer.relay().map(str::to_owned));
    Ok(TestMessage { sender: composer.sender().to_owned(), from, relay, subject: rendered.subject.to_string(), bytes })
}
