//! Actions on contacts that were chosen in a list: put them on a list, take them off one, restrict them, read them for a file.
//!
//! Keys of contacts that are gone, or of another workspace, are left out: a page may be older than an erasure.

use std::collections::HashSet;

use serde::Serialize;

use super::contact_search::{self, Contacts};
use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::consent::{self, Basis, Evidence};
use crate::audience::contact::{self, Contact};
use crate::audience::subscription::{self, NewSubscription, State};
use crate::audience::{import, list, list_rule, tombstone};
use crate::infra::db::{Conn, lock_addresses_shared};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::erasure::{self, Erased, Reason, Unsubscription};

/// The most contacts that one action takes.
pub const LIMIT: usize = 1_000;

/// A list that contacts are put on, and what they agreed to.
#[derive(Debug)]
pub struct Joining {
    /// The list.
    pub list: String,
    /// Where the data was collected.
    pub source: String,
    /// The legal basis.
    pub basis: Basis,
    /// The proof of consent.
    pub proof: String,
    /// The day of the consent, as entered.
    pub date: String,
}

/// What became of the chosen contacts.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Contacts that were changed.
    pub changed: usize,
    /// Contacts that were so already.
    pub unchanged: usize,
    /// Contacts that have left the list, and stay off it.
    pub kept_out: usize,
}

/// Puts contacts on a list with the proof of their consent. Who has left that list stays off it, and who is on it stays as
/// they are.
///
/// # Errors
/// Invalid fields, named like those of one added contact.
pub async fn join(installation: &Installation, actor: &Actor, ids: &[Id], joining: &Joining) -> Result<Changed> {
    let permit = actor.permit(installation, Action::AddContact).await?.begin(installation).await?;
    import::refuse_blank(&[
        ("--list", &joining.list),
        ("--source", &joining.source),
        ("--proof", &joining.proof),
        ("--date", &joining.date),
    ])?;
    let (workspace, now) = (permit.workspace, installation.clock.now());
    let evidence = Evidence {
        basis: joining.basis,
        channel: "command".to_owned(),
        source: joining.source.trim().to_owned(),
        wording: String::new(),
        proof: joining.proof.trim().to_owned(),
        given_at: import::consent_day(&joining.date, now)?,
    };
    let mut tx = installation.db.write().await?;
    lock_addresses_shared(&mut tx).await?;
    let list = list::need_open(&mut tx, workspace, &joining.list).await?;
    let rule = list_rule::of_list(&mut tx, list.id).await?;
    if let Some(rule) = &rule {
        rule.check_basis(&list.name, joining.basis)?;
    }
    let found = lock(&mut tx, workspace, ids).await?;
    let known = subscription::states(&mut tx, list.id, &keys(&found)).await?;
    let known: HashSet<Id> = known.into_iter().map(|(contact, _)| contact).collect();
    let digests = |address: &Address| tombstone::digests(&installation.keys.tombstone, workspace, address);
    let (mut new, mut kept_out) = (Vec::new(), 0);
    for contact in found.iter().filter(|contact| !known.contains(&contact.id)) {
        if let Some(rule) = &rule {
            contact_search::check_age(rule, &contact.values, now)?;
        }
        match tombstone::find_blocking(&mut tx, workspace, list.id, &digests(&contact.address)).await?.is_empty() {
            true => new.push(contact.id),
            false => kept_out += 1,
        }
    }
    let subscription = |contact| Ok(NewSubscription { id: installation.ids.next()?, contact, state: State::Confirmed });
    let rows = new.iter().copied().map(subscription).collect::<Result<Vec<_>>>()?;
    subscription::join(&mut tx, workspace, list.id, &rows, now).await?;
    if !new.is_empty() {
        let evidence = consent::ensure_evidence(&mut tx, installation, workspace, &evidence).await?;
        let edition = super::policy::edition_in_force(&mut tx, workspace, now).await?;
        let terms = consent::Terms::of_list(&mut tx, list.id, &edition).await?;
        consent::record(&mut tx, &installation.ids, workspace, &new, evidence, &terms, now).await?;
    }
    tx.commit().await?;
    permit.audit(list.id).await;
    Ok(Changed { changed: new.len(), unchanged: known.len(), kept_out })
}

/// Takes contacts off a list as if they had unsubscribed: they stay off it, and who is on no other list is erased.
///
/// # Errors
/// Invalid field `people` when their number was not typed.
pub async fn leave(
    installation: &Installation,
    actor: &Actor,
    ids: &[Id],
    list: &str,
    people: Option<usize>,
) -> Result<Changed> {
    let permit = actor.permit(installation, Action::EraseContact).await?.begin(installation).await?;
    let mut conn = installation.db.read().await?;
    let list = list::need(&mut conn, permit.workspace, list).await?;
    let found = contact::find_of_workspace(&mut conn, permit.workspace, at_most(ids)?).await?;
    let on_list = subscription::states(&mut conn, list.id, &keys(&found)).await?;
    drop(conn);
    if people != Some(on_list.len()) {
        let message = Message::new("contacts-leave-number").with("count", on_list.len()).with("list", &list.name);
        return Err(message.invalid_field("people"));
    }
    let leaving = |(contact, _): &(Id, State)| Unsubscription {
        workspace: permit.workspace,
        contact: *contact,
        list: list.id,
        campaign: None,
    };
    let leaving: Vec<_> = on_list.iter().map(leaving).collect();
    let erased = erasure::unsubscribe_many(installation, &leaving, Reason::Unsubscribed).await?;
    let changed = erased.iter().filter(|erased| **erased != Erased::Nothing).count();
    // What remains of the bytes stays pending and is removed in the background.
    super::contact::remove_bytes(installation, super::contact::Urgency::Usual).await;
    permit.audit(list.id).await;
    Ok(Changed { changed, unchanged: found.len() - changed.min(found.len()), kept_out: 0 })
}

/// Number of the contacts that are on a list, which [`leave`] asks for.
pub async fn count_on_list(installation: &Installation, actor: &Actor, ids: &[Id], list: &str) -> Result<usize> {
    let permit = actor.permit(installation, Action::ListContacts).await?;
    let mut conn = installation.db.read().await?;
    let list = list::need(&mut conn, permit.workspace, list).await?;
    let found = contact::find_of_workspace(&mut conn, permit.workspace, at_most(ids)?).await?;
    permit.skip_audit();
    Ok(subscription::states(&mut conn, list.id, &keys(&found)).await?.len())
}

/// Restricts the processing of contacts: the data stay and are used for nothing.
pub async fn restrict(installation: &Installation, actor: &Actor, ids: &[Id]) -> Result<Changed> {
    let permit = actor.permit(installation, Action::RestrictContact).await?.begin(installation).await?;
    let mut tx = installation.db.write().await?;
    let found = lock(&mut tx, permit.workspace, ids).await?;
    let mut changed = Changed::default();
    for contact in &found {
        match subscription::restrict(&mut tx, contact.id).await? {
            0 => changed.unchanged += 1,
            _ => changed.changed += 1,
        }
    }
    tx.commit().await?;
    permit.audit_each(found.iter().map(|contact| contact.id)).await;
    Ok(changed)
}

/// Reads contacts for a file.
pub async fn read(installation: &Installation, actor: &Actor, ids: &[Id]) -> Result<Contacts> {
    let permit = actor.permit(installation, Action::ExportContacts).await?.begin(installation).await?;
    let mut conn = installation.db.read().await?;
    let found = contact::find_of_workspace(&mut conn, permit.workspace, at_most(ids)?).await?;
    let contacts = contact_search::page(&mut conn, found, LIMIT as i64).await?;
    permit.audit(None).await;
    Ok(contacts)
}

fn at_most(ids: &[Id]) -> Result<&[Id]> {
    match ids.len() {
        0 => Err(Message::new("contacts-none-chosen").invalid_field("id")),
        count if count > LIMIT => Err(Message::new("contacts-too-many").with("limit", LIMIT).invalid_field("id")),
        _ => Ok(ids),
    }
}

/// Locks the contacts of the workspace and reads them.
async fn lock(conn: &mut Conn, workspace: Id, ids: &[Id]) -> Result<Vec<Contact>> {
    let known = contact::find_of_workspace(conn, workspace, at_most(ids)?).await?;
    let locked: HashSet<Id> =
        contact::lock_existing(conn, &keys(&known)).await?.into_iter().map(|(contact, _)| contact).collect();
    Ok(known.into_iter().filter(|contact| locked.contains(&contact.id)).collect())
}

fn keys(contacts: &[Contact]) -> Vec<Id> {
    contacts.iter().map(|contact| contact.id).collect()
}
