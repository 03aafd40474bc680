//! Contacts and their rights: show what is stored, correct, restrict, erase.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::contact::{self, Contact, NewContact};
use crate::audience::field::{self, Field};
use crate::audience::list_rule::{self, ListRule};
use crate::audience::{hard_bounce, subscription, tombstone};
use crate::campaign::delivery;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, is_unique_violation, lock_addresses_shared};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::erasure::{self, Erased, Reason};
pub use crate::privacy::physical_erasure::Urgency;
use crate::privacy::{correction_log, file_erasure, physical_erasure, subject_access};

/// What to change of a contact.
#[derive(Debug, Default)]
pub struct Correction {
    /// Fields and their new values; an empty value removes the field.
    pub set: Vec<(String, String)>,
    /// The new address, as typed.
    pub address: Option<String>,
}

/// A contact that was corrected.
#[derive(Debug, Serialize)]
pub struct Corrected {
    /// Always true.
    pub corrected: bool,
    /// False when the old bytes may still be in free pages or files.
    pub scrubbed: bool,
    /// What is to be said about them.
    #[serde(skip)]
    pub pending: Option<Message>,
    /// The address afterwards; prints masked.
    #[serde(skip)]
    pub address: Address,
}

/// A contact whose processing was restricted, or is no longer.
#[derive(Debug, Serialize)]
pub struct Restricted {
    /// True when the contact is restricted now.
    pub restricted: bool,
    /// How many subscriptions changed.
    pub subscriptions: u64,
    /// The address; prints masked.
    #[serde(skip)]
    pub address: Address,
}

/// A contact whose suppression was lifted.
#[derive(Debug, Serialize)]
pub struct Unsuppressed {
    /// False when the contact was not suppressed.
    pub unsuppressed: bool,
    /// The address; prints masked.
    #[serde(skip)]
    pub address: Address,
}

/// What an erasure did.
#[derive(Debug, Serialize)]
pub struct ErasedContact {
    /// True when the contact existed.
    pub erased: bool,
    /// How many rows of each kind were deleted.
    pub removed: BTreeMap<&'static str, i64>,
    /// Always true: a tombstone keeps the address out.
    pub kept_out: bool,
    /// Files of the data folder that cannot be searched for the address, such as archives.
    pub unsearchable_files: Vec<String>,
    /// False when bytes of the contact may still be in free pages or files; the next run removes them.
    pub scrubbed: bool,
    /// What is to be said about them.
    #[serde(skip)]
    pub pending: Option<Message>,
    /// The address; prints masked.
    #[serde(skip)]
    pub address: Address,
}

/// Shows everything that is stored about a contact, as one JSON object (the right of access, GDPR article 15).
pub async fn show(installation: &Installation, actor: &Actor, address: &str) -> Result<Value> {
    let permit = actor.permit(installation, Action::ShowContact).await?;
    let address = parse_known(installation, permit.workspace, address).await?;
    let mut conn = installation.db.read().await?;
    let contact = find(&mut conn, permit.workspace, &address).await?;
    let stored = stored_json(installation, &mut conn, permit.workspace, &contact).await?;
    permit.audit(contact.id).await;
    Ok(stored)
}

/// Everything that is stored about a contact, as one JSON object.
pub(super) async fn stored_json(
    installation: &Installation,
    conn: &mut Conn,
    workspace: Id,
    contact: &Contact,
) -> Result<Value> {
    let mut stored = serde_json::json!(subject_access::collect(installation, conn, workspace, contact).await?);
    for flag in field::all(conn, workspace).await?.iter().filter(|field| field.kind == field::Kind::Flag) {
        if let Some(value) = stored["fields"].get_mut(&flag.name) {
            *value = (*value == 1).into();
        }
    }
    Ok(stored)
}

/// Corrects the data of a contact (GDPR article 16).
///
/// # Errors
///
/// `Conflict` when the new address belongs to another contact or is under a tombstone.
pub async fn correct(
    installation: &Installation,
    actor: &Actor,
    address: &str,
    correction: &Correction,
) -> Result<Corrected> {
    let permit = actor.permit(installation, Action::CorrectContact).await?.begin(installation).await?;
    let address = parse_known(installation, permit.workspace, address).await?;
    let (contact, address) = correct_found(installation, permit.workspace, &address, correction).await?;
    let pending = remove_bytes(installation, Urgency::Usual).await;
    permit.audit(contact).await;
    Ok(Corrected { corrected: true, scrubbed: pending.is_none(), pending, address })
}

/// Corrects the data of the contact with this address. Returns its key and its address afterwards.
pub(super) async fn correct_found(
    installation: &Installation,
    workspace: Id,
    address: &Address,
    correction: &Correction,
) -> Result<(Id, Address)> {
    let new = correction.address.as_deref().map(parse).transpose()?;
    if correction.set.is_empty() && new.is_none() {
        return Err(Message::new("contact-correct-nothing").invalid());
    }
    let mut tx = installation.db.write().await?;
    // Before the rows: an erasure of the new address waits until the contact has it.
    lock_addresses_shared(&mut tx).await?;
    let contact = find_locked(&mut tx, workspace, address).await?;
    let mut changed = NewContact { id: contact.id, address: contact.address.clone(), values: contact.values };
    let fields = field::all_locked(&mut tx, workspace).await?;
    for (name, value) in &correction.set {
        match read_value(&fields, name, value)? {
            Some(value) => drop(changed.values.insert(name.clone(), value)),
            None => drop(changed.values.remove(name)),
        }
    }
    check_policy(&mut tx, contact.id, &correction.set, &changed.values, installation.clock.now()).await?;
    if let Some(new) = &new {
        contact::ensure_free(&mut tx, workspace, new, contact.id).await?;
        ensure_not_erased(installation, &mut tx, workspace, new, contact.id).await?;
        changed.address = new.clone();
    }
    let updated = contact::update(&mut tx, workspace, std::slice::from_ref(&changed), installation.clock.now()).await;
    match updated {
        // An import has added the address at the same moment.
        Err(Error::Db(error)) if is_unique_violation(&error) => {
            return Err(Message::new("contact-exists").with("address", &changed.address).conflict());
        }
        updated => updated?,
    }
    delivery::forget::forget_snapshots(&mut tx, &[contact.id]).await?;
    let old = Some(&contact.address).filter(|old| old.canonical() != changed.address.canonical());
    if old.is_some() {
        // The bounce was that of the old address.
        hard_bounce::lift(&mut tx, contact.id).await?;
    }
    // A later erasure searches files for the new address alone.
    correction_log::record(installation, &mut tx, workspace, old).await?;
    tx.commit().await?;
    Ok((contact.id, changed.address))
}

/// Refuses values of fields that no purpose of the contact's lists names, and the date of birth of somebody too young.
async fn check_policy(
    conn: &mut Conn,
    contact: Id,
    set: &[(String, String)],
    values: &contact::Values,
    now: Millis,
) -> Result<()> {
    let rules: Option<Vec<ListRule>> = list_rule::of_contact(conn, contact).await?.into_iter().collect();
    // A list without a rule: the workspace has no policy.
    let Some(rules) = rules else { return Ok(()) };
    for (name, _) in set.iter().filter(|(name, _)| values.contains_key(name)) {
        if !rules.is_empty() && rules.iter().all(|rule| !rule.others([name.as_str()]).is_empty()) {
            let purposes: Vec<_> = rules.iter().filter_map(|rule| Some(rule.purpose.as_ref()?.0.as_str())).collect();
            let message = Message::new("policy-other-field-of-contact").with("field", name);
            return Err(message.with("purposes", purposes.join(", ")).invalid_field(name));
        }
        if let Some(value) = values.get(name).and_then(Value::as_str) {
            rules.iter().try_for_each(|rule| rule.check_age(name, value, now))?;
        }
    }
    Ok(())
}

/// Restricts the processing of a contact (GDPR article 18): the data stay and are used for nothing.
pub async fn restrict(installation: &Installation, actor: &Actor, address: &str) -> Result<Restricted> {
    set_restriction(installation, actor, address, true).await
}

/// Ends the restriction of a contact.
pub async fn unrestrict(installation: &Installation, actor: &Actor, address: &str) -> Result<Restricted> {
    set_restriction(installation, actor, address, false).await
}

/// Lifts the suppression of a contact whose mailbox did not exist. Nothing changes for a contact that is not suppressed.
pub async fn unsuppress(installation: &Installation, actor: &Actor, address: &str) -> Result<Unsuppressed> {
    let permit = actor.permit(installation, Action::UnsuppressContact).await?.begin(installation).await?;
    let address = parse(address)?;
    let mut tx = installation.db.write().await?;
    let contact = find(&mut tx, permit.workspace, &address).await?;
    let unsuppressed = hard_bounce::lift(&mut tx, contact.id).await?;
    tx.commit().await?;
    permit.audit(contact.id).await;
    Ok(Unsuppressed { unsuppressed, address })
}

async fn set_restriction(
    installation: &Installation,
    actor: &Actor,
    address: &str,
    restricted: bool,
) -> Result<Restricted> {
    let action = if restricted { Action::RestrictContact } else { Action::UnrestrictContact };
    let permit = actor.permit(installation, action).await?.begin(installation).await?;
    let address = parse_known(installation, permit.workspace, address).await?;
    let mut tx = installation.db.write().await?;
    let contact = find_locked(&mut tx, permit.workspace, &address).await?;
    let subscriptions = match restricted {
        true => subscription::restrict(&mut tx, contact.id).await?,
        false => subscription::unrestrict(&mut tx, contact.id).await?,
    };
    tx.commit().await?;
    permit.audit(contact.id).await;
    Ok(Restricted { restricted, subscriptions, address })
}

/// Erases a contact from every list (GDPR article 17) and keeps the address out of the workspace, whether the
/// contact existed or not.
pub async fn erase(
    installation: &Installation,
    actor: &Actor,
    address: &str,
    urgency: Urgency,
) -> Result<ErasedContact> {
    let permit = actor.permit(installation, Action::EraseContact).await?.begin(installation).await?;
    let address = parse_known(installation, permit.workspace, address).await?;
    let began = installation.clock.now();
    let (mut id, mut removed) = (None, BTreeMap::new());
    if let Some(contact) = contact::find(&mut *installation.db.read().await?, permit.workspace, &address).await? {
        id = Some(contact.id);
        removed.extend(subject_access::count_rows(&mut *installation.db.read().await?, contact.id).await?);
    }
    let erased = erasure::erase(installation, permit.workspace, &address, Reason::Erased, None).await?;
    let pending = remove_bytes(installation, urgency).await;
    tracing::info!(milliseconds = installation.clock.now() - began, "a contact was erased");
    permit.audit(id).await;
    let scrubbed = pending.is_none();
    let unsearchable_files = file_erasure::list_unsearchable(installation);
    let erased = erased == Erased::Contact;
    Ok(ErasedContact { erased, removed, kept_out: true, unsearchable_files, scrubbed, pending, address })
}

/// Removes the bytes of what was deleted. Returns what is to be said when some remain. An error is logged: the contact is
/// erased or corrected all the same, and the bytes stay pending.
pub(super) async fn remove_bytes(installation: &Installation, urgency: Urgency) -> Option<Message> {
    match physical_erasure::run_for_command(installation, urgency).await {
        Ok(pending) => pending,
        Err(error) => {
            tracing::error!(error = %error, "physical erasure failed and stays pending");
            Some(Message::new("scrub-unfinished"))
        }
    }
}

/// The address of a contact that may have been stored by an earlier version, whose rules were laxer.
async fn parse_known(installation: &Installation, workspace: Id, text: &str) -> Result<Address> {
    match parse(text) {
        Ok(address) => Ok(address),
        Err(refused) => {
            let stored = Address::parse_stored(text.trim());
            let found = contact::find(&mut *installation.db.read().await?, workspace, &stored).await?;
            found.map(|contact| contact.address).ok_or(refused)
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Address> {
    Address::parse(text).map_err(|fault| {
        Message::new("trace-address").with_message("why", Message::new(fault.key())).invalid_field("address")
    })
}

pub(super) async fn find(conn: &mut Conn, workspace: Id, address: &Address) -> Result<Contact> {
    let found = contact::find(conn, workspace, address).await?;
    found.ok_or_else(|| Message::new("contact-unknown").with("address", address).not_found())
}

/// [`find`], and locks the contact before it is read.
async fn find_locked(conn: &mut Conn, workspace: Id, address: &Address) -> Result<Contact> {
    let found = find(conn, workspace, address).await?;
    contact::lock_existing(conn, &[found.id]).await?;
    find(conn, workspace, address).await
}

/// The value of a field as typed; `None` for a blank one.
pub(super) fn read_value(fields: &[Field], name: &str, value: &str) -> Result<Option<Value>> {
    if name == "email" {
        return Err(Message::new("contact-correct-address").invalid_field(name));
    }
    let field = fields.iter().find(|field| field.name == name).ok_or_else(|| {
        let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        Message::new("contact-correct-field").with("name", name).with("known", known.join(", ")).invalid_field(name)
    })?;
    field.read(value).map_err(|reason| {
        let why = Message::new(value_error_key(reason)).with("limit", field::MAX_TEXT_BYTES);
        Message::new("contact-correct-value").with("name", name).with_message("why", why).invalid_field(name)
    })
}

/// The catalogue key for the reason a value was refused.
fn value_error_key(reason: &str) -> &'static str {
    match reason {
        "value-long" => "invalid-value-long",
        "value-number" => "invalid-value-number",
        "value-number-unclear" => "invalid-value-number-unclear",
        "value-date" => "invalid-value-date",
        "value-flag" => "invalid-value-flag",
        _ => "invalid-value-choice",
    }
}

/// Refuses an address under a tombstone: only the double opt-in of its owner may bring it back.
async fn ensure_not_erased(
    installation: &Installation,
    conn: &mut Conn,
    workspace: Id,
    address: &Address,
    contact: Id,
) -> Result<()> {
    let digests = tombstone::digests(&installation.keys.tombstone, workspace, address);
    let mut lists: Vec<_> = subscription::of_contact(conn, contact).await?.iter().map(|one| one.list).collect();
    lists.push(tombstone::EVERY_LIST);
    for list in lists {
        if !tombstone::find_blocking(conn, workspace, list, &digests).await?.is_empty() {
            return Err(Message::new("contact-erased-before").with("address", address).conflict());
        }
    }
    Ok(())
}
