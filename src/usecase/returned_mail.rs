//! Mail that comes back: says what a message is, and does what follows from it. Only a signed token in a message moves a
//! subscriber, and what a report says suppresses and erases nothing.

use serde::Serialize;

use super::{Action, Actor, recipient};
use crate::audience::address::Address;
use crate::audience::contact;
use crate::audience::hard_bounce::{self, HardBounce};
use crate::campaign::delivery;
use crate::campaign::model;
use crate::feedback::returned_message::{self, ReturnedMessage};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::Tx;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::privacy::request_journal::{RecipientRequest, RequestJournal};
use crate::returned_mail::{self, Effect, Reading};

pub use crate::feedback::returned_message::ReturnedCount;
pub use crate::returned_mail::MAX_BYTES;

/// Days with a temporary failure within [`PERIOD`] after which a contact is suppressed.
const SOFT_DAYS: i64 = 5;
/// Within which time temporary failures add up.
const PERIOD: Millis = 30 * DAY;

/// What a message is that came back.
#[derive(Debug, Clone, Serialize)]
pub struct ReadMessage {
    /// `bounce`, `complaint`, `unsubscribe`, `auto-reply` or `unknown`.
    pub kind: &'static str,
    /// `hard`, `soft`, `policy`, `message`, `full` or `none`.
    pub class: &'static str,
    /// The status code of RFC 3463.
    pub status: Option<String>,
    /// Why it was read so.
    pub reason: Message,
    /// Whether a token of this installation says whom it concerns.
    pub recipient_token_valid: bool,
    /// `suppress`, `count`, `unsubscribe`, `erase`, `ask-operator` or `none`: what follows, or was done.
    pub action: &'static str,
}

impl ReadMessage {
    fn new(reading: &Reading) -> Self {
        Self {
            kind: reading.kind.as_str(),
            class: reading.class.as_str(),
            status: reading.status.clone(),
            reason: Message::new(reading.reason),
            recipient_token_valid: reading.recipient_token_valid,
            action: reading.action.as_str(),
        }
    }

    fn without_effect(self, reason: &'static str) -> Self {
        Self { reason: Message::new(reason), action: Effect::None.as_str(), ..self }
    }
}

/// Says what a raw message is. Changes nothing.
pub async fn read(installation: &Installation, actor: &Actor, raw: &[u8]) -> Result<ReadMessage> {
    let permit = actor.permit(installation, Action::ReadReturnedMail).await?;
    let reading = returned_mail::read(raw, &installation.signer);
    permit.skip_audit();
    Ok(ReadMessage::new(&reading))
}

/// Takes a raw message that came back and does what follows from it. The same message counts once.
///
/// # Errors
/// Unavailable while the database does not answer: give the message again.
pub async fn take(
    installation: &Installation,
    journal: &RequestJournal,
    actor: &Actor,
    raw: &[u8],
) -> Result<ReadMessage> {
    let permit = actor.permit(installation, Action::TakeReturnedMail).await?;
    let reading = returned_mail::read(raw, &installation.signer);
    let said = ReadMessage::new(&reading);
    let digest = returned_message::digest(&installation.keys, raw);
    if returned_message::is_known(&mut *installation.db.read().await?, &digest).await? {
        permit.skip_audit();
        return Ok(said.without_effect("returned-known"));
    }
    let permit = permit.begin(installation).await?;
    let concerned = concerned(installation, &reading).await?;
    let (said, contact) = match (concerned, reading.action) {
        (None, Effect::None | Effect::Ask) => (said, None),
        (None, _) => (said.without_effect("returned-nobody"), None),
        (Some(concerned), _) => {
            let done = act(installation, journal, &reading, &concerned, said).await?;
            (done, Some(concerned))
        }
    };
    let mut tx = installation.db.write().await?;
    let row = ReturnedMessage {
        id: installation.ids.next()?,
        digest,
        workspace: contact.as_ref().map_or(0, |concerned| concerned.workspace),
        campaign: contact.as_ref().map(|concerned| concerned.campaign),
        contact: still_there(&mut tx, contact.as_ref()).await?,
        kind: said.kind,
        class: said.class,
        status: said.status.clone().unwrap_or_default(),
        action: said.action,
        received_at: installation.clock.now(),
    };
    returned_message::record(&mut tx, &row).await?;
    let suppressed = match row.contact.filter(|_| row.action == Effect::Count.as_str()) {
        Some(contact) => suppress_after_days(installation, &mut tx, contact, &row.status).await?,
        None => false,
    };
    tx.commit().await?;
    if suppressed {
        hard_bounce::apply(&installation.db).await?;
    }
    permit.audit(row.contact).await;
    match suppressed {
        true => {
            Ok(ReadMessage { reason: Message::new("returned-many-days"), action: Effect::Suppress.as_str(), ..said })
        }
        false => Ok(said),
    }
}

/// Whom a message concerns.
struct Concerned {
    contact: Id,
    address: Address,
    campaign: Id,
    workspace: Id,
}

/// The contact of the delivery that the token names; `None` without a token, after an erasure and for test messages.
async fn concerned(installation: &Installation, reading: &Reading) -> Result<Option<Concerned>> {
    let Some(named) = reading.delivery else { return Ok(None) };
    let mut conn = installation.db.read().await?;
    let Some((contact, campaign)) = delivery::contact_of(&mut conn, named.delivery).await? else { return Ok(None) };
    if campaign != named.campaign {
        return Ok(None);
    }
    let (Some(contact), Some(campaign)) =
        (contact::get(&mut conn, contact).await?, model::find(&mut conn, campaign).await?)
    else {
        return Ok(None);
    };
    Ok(Some(Concerned {
        contact: contact.id,
        address: contact.address,
        campaign: campaign.id,
        workspace: campaign.workspace,
    }))
}

async fn act(
    installation: &Installation,
    journal: &RequestJournal,
    reading: &Reading,
    concerned: &Concerned,
    said: ReadMessage,
) -> Result<ReadMessage> {
    let Some(delivery) = reading.delivery else { return Ok(said) };
    let request = match reading.action {
        Effect::Suppress if !names(reading, &concerned.address) => {
            // Behind a redirection another mailbox failed; the one we wrote to exists.
            return Ok(ReadMessage {
                reason: Message::new("returned-other-address"),
                action: Effect::Count.as_str(),
                ..said
            });
        }
        Effect::Suppress => {
            let status = reading.status.clone().unwrap_or_default();
            let mut tx = installation.db.write().await?;
            let bounce = HardBounce { contact: concerned.contact, status };
            hard_bounce::record(&mut tx, &[bounce], installation.clock.now()).await?;
            tx.commit().await?;
            hard_bounce::apply(&installation.db).await?;
            return Ok(said);
        }
        Effect::Unsubscribe => RecipientRequest::Unsubscribe,
        Effect::Erase => RecipientRequest::Erase,
        Effect::Count | Effect::Ask | Effect::None => return Ok(said),
    };
    recipient::request(installation, journal, &Actor::recipient(), delivery, request).await?;
    Ok(said)
}

/// Whether a report is about this address. One that names no address is.
fn names(reading: &Reading, address: &Address) -> bool {
    let canonical = address.canonical();
    reading.addresses.is_empty()
        || reading.addresses.iter().any(|named| Address::parse(named).is_ok_and(|named| named.canonical() == canonical))
}

/// The contact of a message, unless the message has just ended their data.
async fn still_there(tx: &mut Tx, concerned: Option<&Concerned>) -> Result<Option<Id>> {
    let Some(concerned) = concerned else { return Ok(None) };
    contact::lock(tx, &[concerned.contact]).await?;
    Ok(contact::get(tx, concerned.contact).await?.map(|contact| contact.id))
}

/// Suppresses a contact whose mailbox has refused on many days.
async fn suppress_after_days(installation: &Installation, tx: &mut Tx, contact: Id, status: &str) -> Result<bool> {
    let now = installation.clock.now();
    let days = returned_message::count_days(tx, contact, Effect::Count.as_str(), now - PERIOD).await?;
    if days < SOFT_DAYS {
        return Ok(false);
    }
    hard_bounce::record(tx, &[HardBounce { contact, status: status.to_owned() }], now).await?;
    Ok(true)
}

/// Whether mail to an address comes back to this installation: a return path of it, or its mailbox for unsubscribing.
pub async fn is_mailbox(installation: &Installation, address: &str) -> Result<bool> {
    let Some((local, domain)) = address.rsplit_once('@') else { return Ok(false) };
    if installation.signer.verify_return_path(local).is_some() {
        // Campaigns keep the domain that was set when they began.
        return Ok(true);
    }
    let mut conn = installation.db.read().await?;
    let mailbox = setting::get(&mut conn, Setting::UnsubscribeMailbox).await?;
    let own = local.split('+').next().unwrap_or_default();
    Ok(!mailbox.is_empty() && mailbox.eq_ignore_ascii_case(&format!("{own}@{domain}")))
}

/// What came back within the last thirty days.
#[derive(Debug, Clone, Serialize)]
pub struct Counts {
    /// The most frequent first.
    pub counts: Vec<ReturnedCount>,
}

/// Counts what came back to the workspace within the last thirty days.
pub async fn counts(installation: &Installation, actor: &Actor) -> Result<Counts> {
    let permit = actor.permit(installation, Action::ReadReturnedMail).await?;
    let since = installation.clock.now() - PERIOD;
    let counts = returned_message::counts(&mut *installation.db.read().await?, permit.workspace, since).await?;
    permit.skip_audit();
    Ok(Counts { counts })
}
