//! Test message of a campaign: the message that one contact would get, with links that lead straight to their destinations
//! and unsubscribe pages that change nothing.

use serde_json::json;

use super::composer::Composer;
use super::delivery::Recipient;
use super::frozen_content;
use super::model::Campaign;
use crate::audience::address::Address;
use crate::audience::contact::{self, Values};
use crate::audience::field::{self, Field, Kind};
use crate::audience::tombstone;
use crate::content::email::Tracking;
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;

/// The header of a test message that was made with the values of a contact: the digest of the contact's address in
/// hexadecimal digits, by which an erasure finds the message.
pub const CONTACT_HEADER: &str = "X-Sendoff-Contact";

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
/// the address, else invented ones: those of another contact would outlive that contact in the message.
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
    let values = match (&found, persona) {
        (Some(found), _) => found.values.clone(),
        (None, Some(unknown)) => return Err(Message::new("contact-unknown").with("address", unknown).not_found()),
        (None, None) => invented_values(&field::all(&mut conn, campaign.workspace).await?),
    };
    let mut frozen = frozen_content::current(&mut conn, campaign, installation.clock.now()).await?;
    frozen.draft.tracking = Tracking::None;
    frozen.draft.subject.insert_str(0, "[Test] ");
    let composer = Composer::compile(installation, frozen)?;
    let fields = serde_json::to_string(&values).map_err(|_| Message::new("skipped-fields").internal())?;
    let recipient = Recipient { delivery: 0, address: to.expose(), fields, measured: None };
    let rendered = composer.render(&recipient).map_err(Message::invalid)?;
    let mut bytes = composer.write(&recipient, to, &rendered, installation.clock.now()).map_err(Message::invalid)?;
    if let Some(contact) = &found {
        let digest = tombstone::digest(&installation.keys.tombstone, campaign.workspace, &contact.address);
        let header = format!("{CONTACT_HEADER}: {}\r\n", tombstone::hex(&digest));
        bytes.splice(0..0, header.into_bytes());
    }
    let (from, relay) = (composer.from().clone(), composer.relay().map(str::to_owned));
    Ok(TestMessage { sender: composer.sender().to_owned(), from, relay, subject: rendered.subject.to_string(), bytes })
}

/// A value for each field that shows where it stands: the field's name in brackets, the first choice, a round number.
pub fn invented_values(fields: &[Field]) -> Values {
    let value = |field: &Field| match field.kind {
        Kind::Text => json!(format!("[{}]", field.name)),
        Kind::Choice => json!(field.choices.first().cloned().unwrap_or_else(|| format!("[{}]", field.name))),
        Kind::Date => json!("2000-01-31"),
        Kind::Number => json!(100),
        Kind::Flag => json!(1),
    };
    fields.iter().map(|field| (field.name.clone(), value(field))).collect()
}
