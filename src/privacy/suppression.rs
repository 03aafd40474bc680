//! Suppression: keeps people out who left, complained or lost their mailbox elsewhere, as a file of another program says.
//!
//! The tombstones come first: from then on no import adds the addresses. Then those of them who are contacts are
//! unsubscribed or erased like anyone who leaves, and contacts without a mailbox are suppressed. Repeating it changes
//! nothing, so that an interrupted suppression can be run again.

use super::erasure::{self, Erased, Reason, Tombstones, Unsubscription};
use super::erasure_log;
use crate::audience::hard_bounce::{self, HardBounce};
use crate::audience::import::{ImportRow, Standing};
use crate::audience::{contact, tombstone};
use crate::infra::db::lock_addresses_exclusive;
use crate::infra::db::store_status::WritePurpose;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// People suppressed at once.
pub const SLICE: usize = 500;

/// The status of a contact whose mailbox does not exist as a file says; in place of a reply.
const BOUNCED_ELSEWHERE: &str = "import";

/// Suppresses people by their standing: who left stays off `list`, or off every list without one; who is blocked or has no
/// mailbox stays off every list. Returns the number of contacts that were unsubscribed or erased.
pub async fn suppress(
    installation: &Installation,
    workspace: Id,
    list: Option<Id>,
    people: &[ImportRow],
) -> Result<i64> {
    let mut unsubscribed = 0;
    for some in people.chunks(SLICE) {
        set_tombstones(installation, workspace, list, some).await?;
        unsubscribed += remove_contacts(installation, workspace, list, some).await?;
    }
    Ok(unsubscribed)
}

/// The list that a person is kept off: 0 for all of them.
fn scope_of(person: &ImportRow, list: Option<Id>) -> Id {
    match (person.standing, list) {
        (Standing::Left, Some(list)) => list,
        _ => tombstone::EVERY_LIST,
    }
}

async fn set_tombstones(
    installation: &Installation,
    workspace: Id,
    list: Option<Id>,
    people: &[ImportRow],
) -> Result<()> {
    let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
    lock_addresses_exclusive(&mut tx).await?;
    let canonical: Vec<&str> = people.iter().map(|person| person.canonical()).collect();
    let known = contact::find_many(&mut tx, workspace, &canonical).await?;
    let is_known = |person: &ImportRow| known.iter().any(|contact| contact.address.canonical() == person.canonical());
    let mut records = Vec::new();
    let everywhere = tombstone::EVERY_LIST;
    for (scope, reason) in [
        (list.unwrap_or(everywhere), Reason::Unsubscribed),
        (everywhere, Reason::Unsubscribed),
        (everywhere, Reason::Bounced),
    ] {
        // A contact without a mailbox stays, suppressed: what its owner agreed to is not withdrawn.
        let is_meant = |person: &&ImportRow| match (person.standing == Standing::Bounced, reason == Reason::Bounced) {
            (true, true) => !is_known(person),
            (false, false) => scope_of(person, list) == scope,
            _ => false,
        };
        let some: Vec<&str> = people.iter().filter(is_meant).map(|person| person.canonical()).collect();
        Tombstones { workspace, list: scope, reason }.set(installation, &mut tx, &some, &mut records).await?;
    }
    erasure_log::append(installation, records).await?;
    tx.commit().await
}

async fn remove_contacts(
    installation: &Installation,
    workspace: Id,
    list: Option<Id>,
    people: &[ImportRow],
) -> Result<i64> {
    let canonical: Vec<&str> = people.iter().map(|person| person.canonical()).collect();
    let known = contact::find_many(&mut *installation.db.read().await?, workspace, &canonical).await?;
    let (mut unsubscriptions, mut bounces, mut unsubscribed) = (Vec::new(), Vec::new(), 0);
    for contact in known {
        let canonical = contact.address.canonical();
        let Some(person) = people.iter().find(|person| person.canonical() == canonical) else { continue };
        match (person.standing, scope_of(person, list)) {
            (Standing::Bounced, _) => {
                bounces.push(HardBounce { contact: contact.id, status: BOUNCED_ELSEWHERE.to_owned() });
            }
            (_, tombstone::EVERY_LIST) => {
                erasure::erase_canonical(installation, workspace, &canonical, Reason::Unsubscribed, None).await?;
                unsubscribed += 1;
            }
            (_, list) => {
                unsubscriptions.push(Unsubscription { workspace, contact: contact.id, list, campaign: None });
            }
        }
    }
    if !unsubscriptions.is_empty() {
        let erased = erasure::unsubscribe_many(installation, &unsubscriptions, Reason::Unsubscribed).await?;
        unsubscribed += erased.iter().filter(|erased| **erased != Erased::Nothing).count() as i64;
    }
    if !bounces.is_empty() {
        let mut tx = installation.db.write().await?;
        let ids: Vec<Id> = bounces.iter().map(|bounce| bounce.contact).collect();
        let existing = contact::lock_existing(&mut tx, &ids).await?;
        bounces.retain(|bounce| existing.iter().any(|(id, _)| *id == bounce.contact));
        hard_bounce::record(&mut tx, &bounces, installation.clock.now()).await?;
        tx.commit().await?;
        hard_bounce::apply(&installation.db).await?;
    }
    Ok(unsubscribed)
}
