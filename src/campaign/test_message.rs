//! A test letter: what one person would get, with links that lead straight to their destinations and
//! doors that change nothing.

use super::composer::Composer;
use super::delivery::Recipient;
use super::launch;
use super::model::Campaign;
use crate::audience::address::Address;
use crate::audience::contact;
use crate::content::email::Tracking;
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;

/// A message ready to be handed in.
pub struct TestMessage {
    /// The envelope sender.
    pub sender: String,
    /// Who writes.
    pub from: Address,
    /// The relay that the campaign names.
    pub relay: Option<String>,
    /// Its subject.
    pub subject: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The letter of a campaign to an address, filled with the values of `persona`, of the addressee
/// where they are known here, or of anyone on the list.
pub async fn compose(
    installation: &Installation,
    campaign: &Campaign,
    to: &Address,
    persona: Option<&Address>,
) -> Result<TestMessage> {
    let mut conn = installation.db.read().await?;
    let found = contact::find(&mut conn, campaign.workspace, persona.unwrap_or(to)).await?;
    let someone = match (found, persona) {
        (Some(found), _) => Some(found),
        (None, Some(unknown)) => return Err(Message::new("contact-unknown").with("address", unknown).not_found()),
        (None, None) => contact::first_subscriber(&mut conn, campaign.list).await?,
    };
    let mut frozen = launch::current_content(&mut conn, campaign).await?;
    frozen.draft.tracking = Tracking::None;
    frozen.draft.subject.insert_str(0, "[Test] ");
    let composer = Composer::compile(installation, frozen)?;
    let values = someone.map(|someone| someone.values).unwrap_or_default();
    let fields = serde_json::to_string(&values).map_err(|_| Message::new("skipped-fields").internal())?;
    let recipient = Recipient { delivery: 0, address: to.expose(), fields };
    let rendered = composer.render(&recipient).map_err(Message::invalid)?;
    let bytes = composer.write(&recipient, to, &rendered, installation.clock.now());
    let (from, relay) = (composer.from().clone(), composer.relay().map(str::to_owned));
    Ok(TestMessage { sender: composer.sender().to_owned(), from, relay, subject: rendered.subject.to_string(), bytes })
}
