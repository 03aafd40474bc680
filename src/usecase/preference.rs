//! The preference centre: what a recipient reads and changes about themselves, reached by the token of a message or by a link
//! that they asked for at their address.

use super::contact::{Correction, correct_found, remove_bytes, stored_json};
use super::preference_link::read_content;
use super::{Action, Actor, contact_copy};
use crate::audience::consent::ledger::{self, NO_LIST, NewReceipt};
use crate::audience::consent::{self, Basis, Evidence, Kind, MEASUREMENT};
use crate::audience::contact::{self, Contact};
use crate::audience::list::{self, List};
use crate::audience::mailed_link::{self, LinkKind};
use crate::audience::preference::{self, Frequency, LONGEST_PAUSE, Preference};
use crate::audience::subscription::{self, NewSubscription, State};
use crate::audience::{field, list_rule};
use crate::campaign::delivery;
use crate::content::brand::{self, Brand};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Conn, lock_addresses_exclusive};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::token::DeliveryRef;
use crate::privacy::erasure::{self, Erased, Reason};
use crate::privacy::lifting;
use crate::privacy::policy::{self, Policy};
use crate::privacy::subject_access::{self, SubjectData};

/// How a recipient came to the page.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// By the token of a message.
    Delivery(DeliveryRef),
    /// By the token of a link that they asked for.
    Link(&'a str),
}

/// A recipient at their page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The workspace.
    pub workspace: Id,
    /// The contact.
    pub contact: Id,
}

/// What the page shows besides the stored data.
#[derive(Debug)]
pub struct Center {
    /// How often emails are wanted.
    pub preference: Preference,
    /// The moment of the page.
    pub now: Millis,
    /// Open lists that the recipient may join.
    pub topics: Vec<List>,
    /// The brand of the sender.
    pub brand: Brand,
    /// The declared fields.
    pub fields: Vec<field::Field>,
    /// The answer whether opens and clicks are recorded; `None` when nothing was said.
    pub measured: Option<bool>,
    /// The policy of the workspace.
    pub policy: Option<Policy>,
}

/// Who came to the page; `None` for an erased contact and for a link that is not valid any more.
pub async fn find(installation: &Installation, actor: &Actor, entry: Entry<'_>) -> Result<Option<Subject>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    permit.skip_audit();
    let mut conn = installation.db.read().await?;
    match entry {
        Entry::Delivery(delivery) => {
            let found = delivery::contact_of(&mut conn, delivery.delivery).await?;
            let Some((contact, _)) = found else { return Ok(None) };
            let workspace = super::recipient::workspace_of(&mut conn, contact).await?;
            Ok(Some(Subject { workspace, contact }))
        }
        Entry::Link(token) => {
            let Some(link) = mailed_link::open(installation, &mut conn, LinkKind::Preferences, token).await? else {
                return Ok(None);
            };
            let Some(content) = read_content(&link) else { return Ok(None) };
            let found = contact::get_of_workspace(&mut conn, link.workspace, content.contact).await?;
            Ok(found.map(|contact| Subject { workspace: link.workspace, contact: contact.id }))
        }
    }
}

pub(super) async fn need(conn: &mut Conn, subject: Subject) -> Result<Contact> {
    let found = contact::get_of_workspace(conn, subject.workspace, subject.contact).await?;
    found.ok_or_else(|| Message::new("data-none").not_found())
}

/// Everything that is stored about the recipient.
pub async fn stored(installation: &Installation, actor: &Actor, subject: Subject) -> Result<SubjectData> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    let mut conn = installation.db.read().await?;
    let contact = need(&mut conn, subject).await?;
    let data = subject_access::collect(installation, &mut conn, subject.workspace, &contact).await?;
    permit.audit(subject.contact).await;
    Ok(data)
}

/// What the page shows besides the stored data.
pub async fn read(installation: &Installation, actor: &Actor, subject: Subject) -> Result<Center> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    permit.skip_audit();
    let mut conn = installation.db.read().await?;
    let on: Vec<Id> = subscription::of_contact(&mut conn, subject.contact).await?.iter().map(|one| one.list).collect();
    let mut topics = list::all(&mut conn, subject.workspace).await?;
    topics.retain(|list| list.public && !list.closed && !on.contains(&list.id));
    Ok(Center {
        preference: preference::get(&mut conn, subject.contact).await?,
        now: installation.clock.now(),
        topics,
        brand: brand::get(&mut conn, subject.workspace).await?,
        fields: field::all(&mut conn, subject.workspace).await?,
        measured: contact::measured(&mut conn, subject.contact).await?,
        policy: policy::current(&mut conn, subject.workspace).await?,
    })
}

/// Chooses how often emails are wanted, and until which day none; a blank day ends a pause.
///
/// # Errors
/// Invalid for a day that is past or more than a year ahead.
pub async fn set_schedule(
    installation: &Installation,
    actor: &Actor,
    subject: Subject,
    frequency: &str,
    pause: &str,
) -> Result<()> {
    let permit = actor.permit(installation, Action::ChangeSelf).await?.begin(installation).await?;
    let now = installation.clock.now();
    let frequency: Frequency = frequency.parse()?;
    let paused_until = match pause.trim() {
        "" => 0,
        day => {
            let wrong = || Message::new("preference-day").with("day", day).invalid_field("pause");
            let date: jiff::civil::Date = day.parse().map_err(|_| wrong())?;
            let start = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?.timestamp().as_millisecond();
            if start <= now || start > now + LONGEST_PAUSE {
                return Err(wrong());
            }
            start
        }
    };
    let mut tx = installation.db.write().await?;
    need(&mut tx, subject).await?;
    contact::lock_existing(&mut tx, &[subject.contact]).await?;
    preference::set(&mut tx, subject.workspace, subject.contact, &Preference { frequency, paused_until }, now).await?;
    if paused_until > 0 {
        delivery::skip_paused(&mut tx, subject.contact, now).await?;
    }
    tx.commit().await?;
    permit.audit(subject.contact).await;
    Ok(())
}

/// Agrees that opens and clicks are recorded, or takes that back, also for messages that were sent before. Emails go on.
pub async fn set_measured(
    installation: &Installation,
    actor: &Actor,
    subject: Subject,
    agreed: bool,
    wording: &str,
) -> Result<()> {
    let permit = actor.permit(installation, Action::ChangeSelf).await?.begin(installation).await?;
    let (workspace, now) = (subject.workspace, installation.clock.now());
    let mut tx = installation.db.write().await?;
    need(&mut tx, subject).await?;
    contact::lock_existing(&mut tx, &[subject.contact]).await?;
    contact::set_measured(&mut tx, subject.contact, Some(agreed)).await?;
    let evidence = Evidence {
        basis: Basis::Consent,
        channel: "preferences".to_owned(),
        source: "preferences page".to_owned(),
        wording: wording.to_owned(),
        proof: "button on the page behind a link that was mailed to the address".to_owned(),
        given_at: now,
    };
    let edition = super::policy::edition_in_force(&mut tx, workspace, now).await?;
    let new = NewReceipt {
        workspace,
        contact: subject.contact,
        list: NO_LIST,
        purpose: MEASUREMENT,
        kind: if agreed { Kind::Given } else { Kind::Withdrawn },
        edition: &edition,
        evidence: &evidence,
    };
    ledger::append(&mut tx, installation, &new, now).await?;
    tx.commit().await?;
    permit.audit(subject.contact).await;
    Ok(())
}

/// Puts the recipient on another open list. `wording` is the text of the button. Who had left the list comes back by this
/// choice.
///
/// # Errors
/// `NotFound` for a list that is not offered.
pub async fn join(installation: &Installation, actor: &Actor, subject: Subject, list: Id, wording: &str) -> Result<()> {
    let permit = actor.permit(installation, Action::ChangeSelf).await?.begin(installation).await?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    lock_addresses_exclusive(&mut tx).await?;
    let contact = need(&mut tx, subject).await?;
    let found = list::all(&mut tx, subject.workspace).await?.into_iter().find(|one| one.id == list && one.public);
    let list = found.ok_or_else(|| Message::new("refusal-request").not_found())?;
    let list = list::need_open(&mut tx, subject.workspace, &list.name).await?;
    if let Some(rule) = list_rule::of_list(&mut tx, list.id).await? {
        rule.check_basis(&list.name, Basis::Consent)?;
        rule.check_fields(&list.name, contact.values.keys().map(String::as_str))?;
    }
    lifting::lift(installation, &mut tx, subject.workspace, list.id, &contact.address, now / DAY).await?;
    let id = installation.ids.next()?;
    let joining = NewSubscription { id, contact: contact.id, state: State::Confirmed };
    subscription::join(&mut tx, subject.workspace, list.id, &[joining], now).await?;
    let evidence = Evidence {
        basis: Basis::Consent,
        channel: "preferences".to_owned(),
        source: "preferences page".to_owned(),
        wording: wording.to_owned(),
        proof: "the recipient chose the list on the page behind a link that was mailed to the address".to_owned(),
        given_at: now,
    };
    let edition = super::policy::edition_in_force(&mut tx, subject.workspace, now).await?;
    let purpose = consent::purpose_of_list(&mut tx, list.id).await?;
    let new = NewReceipt {
        workspace: subject.workspace,
        contact: contact.id,
        list: list.id,
        purpose: &purpose,
        kind: Kind::Given,
        edition: &edition,
        evidence: &evidence,
    };
    ledger::append(&mut tx, installation, &new, now).await?;
    tx.commit().await?;
    permit.audit(contact.id).await;
    Ok(())
}

/// Corrects fields, with the rules of `contact correct`. The address is not corrected here: a request to the operator is.
///
/// # Errors
/// Invalid for a value that the field does not take.
pub async fn correct(
    installation: &Installation,
    actor: &Actor,
    subject: Subject,
    set: Vec<(String, String)>,
) -> Result<()> {
    let permit = actor.permit(installation, Action::ChangeSelf).await?;
    if set.is_empty() {
        permit.skip_audit();
        return Ok(());
    }
    let permit = permit.begin(installation).await?;
    let address = need(&mut *installation.db.read().await?, subject).await?.address;
    let correction = Correction { set, address: None };
    correct_found(installation, subject.workspace, &address, &correction).await?;
    remove_bytes(installation, super::contact::Urgency::Usual).await;
    permit.audit(subject.contact).await;
    Ok(())
}

/// A copy of everything that is stored about the recipient, as files with their names: JSON and a table in CSV for each kind.
pub async fn copy(installation: &Installation, actor: &Actor, subject: Subject) -> Result<Vec<(String, Vec<u8>)>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    let mut conn = installation.db.read().await?;
    let contact = need(&mut conn, subject).await?;
    let stored = stored_json(installation, &mut conn, subject.workspace, &contact).await?;
    permit.audit(subject.contact).await;
    contact_copy::files(&stored)
}

/// Unsubscribes the recipient from a list, for whoever came by a link; a token of a message goes through the request journal.
pub async fn unsubscribe(installation: &Installation, actor: &Actor, subject: Subject, list: Id) -> Result<Erased> {
    let permit = actor.permit(installation, Action::Unsubscribe).await?.begin(installation).await?;
    let Subject { workspace, contact } = subject;
    need(&mut *installation.db.read().await?, subject).await?;
    let erased = erasure::unsubscribe(installation, workspace, contact, list, Reason::Unsubscribed, None).await?;
    permit.audit(contact).await;
    Ok(erased)
}

/// Unsubscribes the recipient from every list, which erases their data.
pub async fn leave_all(installation: &Installation, actor: &Actor, subject: Subject) -> Result<()> {
    let permit = actor.permit(installation, Action::Unsubscribe).await?.begin(installation).await?;
    let Subject { workspace, contact } = subject;
    let subscriptions = subscription::of_contact(&mut *installation.db.read().await?, contact).await?;
    for one in subscriptions {
        erasure::unsubscribe(installation, workspace, contact, one.list, Reason::Unsubscribed, None).await?;
    }
    permit.audit(contact).await;
    Ok(())
}

/// Erases the recipient, for whoever came by a link.
pub async fn erase(installation: &Installation, actor: &Actor, subject: Subject) -> Result<()> {
    let permit = actor.permit(installation, Action::EraseSelf).await?.begin(installation).await?;
    let address = need(&mut *installation.db.read().await?, subject).await?.address;
    erasure::erase(installation, subject.workspace, &address, Reason::Erased, None).await?;
    permit.audit(subject.contact).await;
    Ok(())
}
