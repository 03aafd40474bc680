//! Consent of a contact: its receipts and what they said at any moment, withdrawal by an operator, and the proof of what an
//! erased person had agreed to.

use serde::Serialize;

use super::contact::{Urgency, find, parse, remove_bytes};
use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::consent::ledger::{self, Agreement, NO_LIST, NewReceipt};
use crate::audience::consent::{self, Basis, Evidence, Kind, MAILING, MEASUREMENT, chain, journal};
use crate::audience::sealed_receipt::{self, Sealed};
use crate::audience::{contact, list, subscription};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::erasure::{self, Reason};
use crate::privacy::policy;
use crate::privacy::subject_access::{self, ConsentData};

/// The receipts of a contact.
#[derive(Debug, Serialize)]
pub struct History {
    /// What the contact had agreed to at the moment.
    pub agreements: Vec<AgreementRow>,
    /// All receipts until the moment, oldest first.
    pub receipts: Vec<ConsentData>,
    /// Receipts that were changed, or follow one that was changed or removed.
    pub broken: usize,
    /// The moment, in ms.
    #[serde(skip)]
    pub at: Millis,
}

/// What a contact had agreed to for one purpose on one list.
#[derive(Debug, Serialize)]
pub struct AgreementRow {
    /// The list; `None` for a purpose that concerns no list.
    pub list: Option<String>,
    /// The purpose.
    pub purpose: String,
    /// The legal basis.
    pub basis: String,
    /// True while it holds.
    pub given: bool,
    /// Since when, in ms.
    #[serde(skip)]
    pub since: Millis,
    /// Since when.
    #[serde(rename = "since")]
    pub since_text: String,
}

/// Which consent a person takes back, and how they said so.
#[derive(Debug, Clone)]
pub struct Withdrawal {
    /// The purpose.
    pub purpose: String,
    /// One list; all without.
    pub list: Option<String>,
    /// The way it came in, such as `post` or `phone`.
    pub channel: String,
    /// What is filed about it, such as a number in the post book.
    pub note: String,
}

/// A consent that was withdrawn.
#[derive(Debug, Serialize)]
pub struct Withdrawn {
    /// The purpose.
    pub purpose: String,
    /// The lists that the person is no longer on.
    pub left: Vec<String>,
    /// True when the person was on no other list, so that nothing of them is stored any more.
    pub erased: bool,
    /// What is to be said about bytes that remain for a while.
    #[serde(skip)]
    pub pending: Option<Message>,
    /// The address; prints masked.
    #[serde(skip)]
    pub address: Address,
}

/// What is stored and what is sealed about the consent of an address.
#[derive(Debug, Serialize)]
pub struct Proof {
    /// True when the person is a contact now: `contact consents` shows their receipts.
    pub is_contact: bool,
    /// What was sealed at each erasure, oldest first.
    pub sealed: Vec<Sealed>,
}

/// The receipts of a contact until a day, and what they add up to; until now without one.
pub async fn history(installation: &Installation, actor: &Actor, address: &str, day: Option<&str>) -> Result<History> {
    let permit = actor.permit(installation, Action::ShowContact).await?;
    let at = match day {
        Some(day) => end_of(day)?,
        None => installation.clock.now(),
    };
    let address = parse(address)?;
    let mut conn = installation.db.read().await?;
    let contact = find(&mut conn, permit.workspace, &address).await?;
    let receipts = consent::of_contact(&mut conn, contact.id).await?;
    let mut agreements = Vec::new();
    for agreement in ledger::at(&receipts, at) {
        agreements.push(row(&mut conn, agreement).await?);
    }
    let mut shown = subject_access::consents(&mut conn, contact.id).await?;
    shown.retain(|receipt| receipt.given_at <= at);
    permit.audit(contact.id).await;
    Ok(History { agreements, receipts: shown, broken: chain::broken(contact.id, &receipts).len(), at })
}

async fn row(conn: &mut Conn, agreement: Agreement) -> Result<AgreementRow> {
    Ok(AgreementRow {
        list: list::get(conn, agreement.list).await?.map(|list| list.name),
        purpose: agreement.purpose,
        basis: agreement.basis.as_str().to_owned(),
        given: agreement.kind == Kind::Given,
        since: agreement.since,
        since_text: subject_access::rfc3339(agreement.since),
    })
}

/// The last moment of a day in UTC.
fn end_of(day: &str) -> Result<Millis> {
    let date: jiff::civil::Date =
        day.trim().parse().map_err(|_| Message::new("consent-day").with("day", day).invalid_field("at"))?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).map(|at| at.timestamp().as_millisecond());
    start.map(|start| start + DAY - 1).map_err(|_| Message::new("consent-day").with("day", day).invalid_field("at"))
}

/// Records that a person has taken a consent back by post, by phone or in another way, with the effect that the link in an
/// email has: for emails of a list they are unsubscribed from it, and their data for it is erased.
///
/// # Errors
/// `NotFound` when the person has no such consent.
pub async fn withdraw(
    installation: &Installation,
    actor: &Actor,
    address: &str,
    withdrawal: &Withdrawal,
) -> Result<Withdrawn> {
    let permit = actor.permit(installation, Action::WithdrawConsent).await?.begin(installation).await?;
    let address = parse(address)?;
    let (workspace, now) = (permit.workspace, installation.clock.now());
    let mut tx = installation.db.write().await?;
    let contact = find(&mut tx, workspace, &address).await?;
    let receipts = consent::of_contact(&mut tx, contact.id).await?;
    let only = match &withdrawal.list {
        Some(name) => Some(list::need(&mut tx, workspace, name).await?.id),
        None => None,
    };
    let subscriptions = subscription::of_contact(&mut tx, contact.id).await?;
    let policy = policy::current(&mut tx, workspace).await?;
    // A purpose of the policy is that of its lists.
    let serves = |list: &str| {
        let purpose = policy.as_ref().and_then(|policy| policy.purpose_of_list(list));
        withdrawal.purpose == MAILING || purpose.is_some_and(|purpose| purpose.name == withdrawal.purpose)
    };
    let is_mailing = subscriptions.iter().any(|one| serves(&one.list_name));
    let concerned = |list: Id| only.is_none_or(|only| only == list);
    let lists: Vec<Id> = match is_mailing {
        true => {
            let served = subscriptions.iter().filter(|one| serves(&one.list_name) && concerned(one.list));
            served.map(|one| one.list).collect()
        }
        // Whoever never said yes to measurement may still say no.
        false if withdrawal.purpose == MEASUREMENT => vec![NO_LIST],
        false => {
            let given = ledger::at(&receipts, now).into_iter();
            let given = given.filter(|one| one.purpose == withdrawal.purpose && one.kind == Kind::Given);
            given.map(|one| one.list).filter(|list| concerned(*list) || *list == NO_LIST).collect()
        }
    };
    if lists.is_empty() {
        let mut known: Vec<&str> = receipts.iter().map(|receipt| receipt.purpose.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let known = if known.is_empty() { "-".to_owned() } else { known.join(", ") };
        return Err(Message::new("consent-none").with("purpose", &withdrawal.purpose).with("known", known).not_found());
    }
    let evidence = Evidence {
        basis: Basis::Consent,
        channel: withdrawal.channel.clone(),
        source: "withdrawal".to_owned(),
        wording: String::new(),
        proof: withdrawal.note.clone(),
        given_at: now,
    };
    let edition = super::policy::edition_in_force(&mut tx, workspace, now).await?;
    for list in &lists {
        let of_list = consent::purpose_of_list(&mut tx, *list).await?;
        let purpose = if is_mailing { of_list.as_str() } else { withdrawal.purpose.as_str() };
        let kind = Kind::Withdrawn;
        let new = NewReceipt {
            workspace,
            contact: contact.id,
            list: *list,
            purpose,
            kind,
            edition: &edition,
            evidence: &evidence,
        };
        ledger::append(&mut tx, installation, &new, now).await?;
    }
    if withdrawal.purpose == MEASUREMENT {
        contact::set_measured(&mut tx, contact.id, Some(false)).await?;
    }
    tx.commit().await?;
    let (mut left, mut pending, mut erased) = (Vec::new(), None, false);
    if is_mailing {
        for list in &lists {
            let what =
                erasure::unsubscribe(installation, workspace, contact.id, *list, Reason::Unsubscribed, None).await?;
            erased |= what == erasure::Erased::Contact;
            left.extend(subscriptions.iter().find(|one| one.list == *list).map(|one| one.list_name.clone()));
        }
        pending = remove_bytes(installation, Urgency::Usual).await;
    }
    permit.audit(contact.id).await;
    Ok(Withdrawn { purpose: withdrawal.purpose.clone(), left, erased, pending, address })
}

/// The receipts of a workspace compared with the journal of consent.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// Single receipts and evidence that were compared.
    pub rows: usize,
    /// Those that the journal of this machine does not know.
    pub unknown: usize,
    /// What is wrong with the journal itself.
    pub problems: Vec<Message>,
}

/// Compares every single receipt and every evidence with the journal of consent, and checks the journal.
pub async fn verify(installation: &Installation, actor: &Actor) -> Result<Verified> {
    let permit = actor.permit(installation, Action::ProveConsent).await?;
    let mut conn = installation.db.read().await?;
    let journal::Checked { rows, unknown } = journal::check(installation, &mut conn, permit.workspace).await?;
    let problems = installation.consent_log.verify()?.problems;
    permit.audit(None).await;
    Ok(Verified { rows, unknown, problems })
}

/// What an address had consented to before it was erased. Nothing can be read without the address.
pub async fn prove(installation: &Installation, actor: &Actor, address: &str) -> Result<Proof> {
    let permit = actor.permit(installation, Action::ProveConsent).await?;
    let address = parse(address)?;
    let mut conn = installation.db.read().await?;
    let is_contact = contact::find(&mut conn, permit.workspace, &address).await?.is_some();
    let sealed = sealed_receipt::of_address(&mut conn, &installation.keys, permit.workspace, &address).await?;
    permit.audit(None).await;
    Ok(Proof { is_contact, sealed })
}
