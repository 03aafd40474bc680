//! Contacts one by one: list, find, add.

use serde::Serialize;
use serde_json::Value;

use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::consent::ledger::{self, NewReceipt};
use crate::audience::consent::{self, Basis, Evidence, Kind};
use crate::audience::contact::{self, Contact, NewContact, Order, Values};
use crate::audience::list_rule::{self, ListRule};
use crate::audience::subscription::{self, NewSubscription, State, Subscription};
use crate::audience::{field, import, list, tombstone};
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, is_unique_violation, lock_addresses_shared};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Contacts that are shown at once unless the user asks for another number.
pub const USUAL_LIMIT: i64 = 50;

/// The longest list that is shown at once.
const MAX_LIMIT: i64 = 10_000;

/// A contact with its lists.
#[derive(Debug, Serialize)]
pub struct ContactRow {
    /// The contact, for the next page.
    pub id: Id,
    /// The address.
    pub email: String,
    /// When it was added, for pages.
    #[serde(skip)]
    pub added_at: Millis,
    /// The field values.
    pub fields: Value,
    /// The lists with the state of each subscription.
    pub lists: Vec<Membership>,
}

/// A list that a contact is on.
#[derive(Debug, Serialize)]
pub struct Membership {
    /// The list.
    pub list: String,
    /// How far the subscription is.
    pub state: &'static str,
}

/// Some contacts.
#[derive(Debug, Serialize)]
pub struct Contacts {
    /// The rows, the oldest contact first.
    pub contacts: Vec<ContactRow>,
    /// The id to continue behind; none when all are shown.
    pub next: Option<Id>,
}

/// A contact to add.
#[derive(Debug)]
pub struct Addition {
    /// The address, as typed.
    pub address: String,
    /// The list.
    pub list: String,
    /// Fields and their values.
    pub set: Vec<(String, String)>,
    /// Where the data was collected.
    pub source: String,
    /// The legal basis.
    pub basis: Basis,
    /// The proof of consent.
    pub proof: String,
    /// The day of the consent, as entered.
    pub date: String,
}

/// A contact that was added to a list.
#[derive(Debug, Serialize)]
pub struct Added {
    /// True when the contact was not known before.
    pub new: bool,
    /// The list.
    pub list: String,
}

/// Which contacts are listed.
#[derive(Debug)]
pub struct Browse<'a> {
    /// The list; all contacts without one.
    pub list: Option<&'a str>,
    /// The state of the subscription to the list.
    pub state: Option<State>,
    /// The order.
    pub order: Order,
    /// The last contact of the page before; 0 for the first page.
    pub after: Id,
    /// The number of contacts.
    pub limit: i64,
}

/// Lists contacts behind the id `after`, of one list or of all.
pub async fn list(
    installation: &Installation,
    actor: &Actor,
    on: Option<&str>,
    after: Id,
    limit: i64,
) -> Result<Contacts> {
    let permit = actor.permit(installation, Action::ListContacts).await?;
    let browse = Browse { list: on, state: None, order: Order::Oldest, after, limit };
    // Browsing is audited.
    permit.skip_audit();
    self::browse(installation, actor, &browse).await
}

/// Lists contacts of one list or of all, in an order.
pub async fn browse(installation: &Installation, actor: &Actor, browse: &Browse<'_>) -> Result<Contacts> {
    let permit = actor.permit(installation, Action::ListContacts).await?;
    let mut conn = installation.db.read().await?;
    let list = match browse.list {
        Some(name) => Some(list::need(&mut conn, permit.workspace, name).await?.id),
        None => None,
    };
    let limit = browse.limit.clamp(1, MAX_LIMIT);
    let Browse { state, order, after, .. } = *browse;
    let page = contact::Page { list, state, order, after, limit: limit + 1 };
    let found = contact::page(&mut conn, permit.workspace, page).await?;
    let contacts = self::page(&mut conn, found, limit).await?;
    permit.audit(None).await;
    Ok(contacts)
}

/// Finds contacts whose address or a text of whose fields contains `text`, in any case.
pub async fn find(installation: &Installation, actor: &Actor, text: &str, limit: i64) -> Result<Contacts> {
    let permit = actor.permit(installation, Action::ListContacts).await?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Message::new("contact-find-blank").invalid_field("text"));
    }
    let limit = limit.clamp(1, MAX_LIMIT);
    let mut conn = installation.db.read().await?;
    let found = contact::search(&mut conn, permit.workspace, text, limit + 1).await?;
    let contacts = page(&mut conn, found, limit).await?;
    permit.audit(None).await;
    Ok(contacts)
}

/// The contacts as rows, at most `limit`; one more says that there is a next page.
pub(super) async fn page(conn: &mut Conn, mut found: Vec<Contact>, limit: i64) -> Result<Contacts> {
    let has_more = found.len() as i64 > limit;
    found.truncate(limit as usize);
    let next = found.last().map(|contact| contact.id).filter(|_| has_more);
    let mut contacts = Vec::with_capacity(found.len());
    for contact in found {
        let lists = subscription::of_contact(conn, contact.id).await?;
        let membership = |one: Subscription| Membership { list: one.list_name, state: one.state.as_str() };
        contacts.push(ContactRow {
            id: contact.id,
            email: contact.address.expose(),
            added_at: contact.created_at,
            fields: contact.values.into(),
            lists: lists.into_iter().map(membership).collect(),
        });
    }
    Ok(Contacts { contacts, next })
}

/// Adds a contact to a list with the proof of its consent, or puts a known one on the list.
///
/// # Errors
///
/// `Conflict` for an address under a tombstone, or one that is on the list.
pub async fn add(installation: &Installation, actor: &Actor, addition: &Addition) -> Result<Added> {
    let permit = actor.permit(installation, Action::AddContact).await?.begin(installation).await?;
    import::refuse_blank(&[
        ("--list", &addition.list),
        ("--source", &addition.source),
        ("--proof", &addition.proof),
        ("--date", &addition.date),
    ])?;
    let address = Address::parse(&addition.address).map_err(|fault| {
        Message::new("address-wrong").with_message("why", Message::new(fault.key())).invalid_field("address")
    })?;
    let (workspace, now) = (permit.workspace, installation.clock.now());
    let evidence = Evidence {
        basis: addition.basis,
        channel: "command".to_owned(),
        source: addition.source.trim().to_owned(),
        wording: String::new(),
        proof: addition.proof.trim().to_owned(),
        given_at: import::consent_day(&addition.date, now)?,
    };
    let mut tx = installation.db.write().await?;
    lock_addresses_shared(&mut tx).await?;
    let list = list::need_open(&mut tx, workspace, &addition.list).await?;
    let digests = tombstone::digests(&installation.keys.tombstone, workspace, &address);
    if !tombstone::find_blocking(&mut tx, workspace, list.id, &digests).await?.is_empty() {
        return Err(Message::new("contact-add-erased").with("list", &list.name).conflict());
    }
    let values = values(&mut tx, workspace, &addition.set).await?;
    if let Some(rule) = list_rule::of_list(&mut tx, list.id).await? {
        rule.check_basis(&list.name, addition.basis)?;
        rule.check_fields(&list.name, values.keys().map(String::as_str))?;
        check_age(&rule, &values, now)?;
    }
    let known = contact::find(&mut tx, workspace, &address).await?;
    let new = known.is_none();
    let id = match known {
        None => {
            let id = installation.ids.next()?;
            let added = contact::insert(&mut tx, workspace, &[NewContact { id, address, values }], now).await;
            match added {
                // Another process added it at the same moment.
                Err(Error::Db(error)) if is_unique_violation(&error) => {
                    return Err(Message::new("import-contention").unavailable());
                }
                added => added?,
            }
            id
        }
        Some(known) => {
            contact::lock_existing(&mut tx, &[known.id]).await?;
            if !subscription::states(&mut tx, list.id, &[known.id]).await?.is_empty() {
                return Err(Message::new("contact-add-known").with("list", &list.name).conflict());
            }
            let mut merged = known.values;
            merged.extend(values);
            if let Some(rule) = list_rule::of_list(&mut tx, list.id).await? {
                check_age(&rule, &merged, now)?;
            }
            let changed = NewContact { id: known.id, address: known.address, values: merged };
            contact::update(&mut tx, workspace, &[changed], now).await?;
            known.id
        }
    };
    let joining = NewSubscription { id: installation.ids.next()?, contact: id, state: State::Confirmed };
    subscription::join(&mut tx, workspace, list.id, &[joining], now).await?;
    let (purpose, kind) = (consent::purpose_of_list(&mut tx, list.id).await?, Kind::Given);
    let purpose = purpose.as_str();
    let edition = super::policy::edition_in_force(&mut tx, workspace, now).await?;
    let edition = edition.as_str();
    let receipt = NewReceipt { workspace, contact: id, list: list.id, purpose, kind, edition, evidence: &evidence };
    ledger::append(&mut tx, installation, &receipt, now).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(Added { new, list: list.name })
}

/// Refuses somebody who is too young for the policy, by their date of birth.
pub(super) fn check_age(rule: &ListRule, values: &Values, now: Millis) -> Result<()> {
    let mut texts = values.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    texts.try_for_each(|(name, value)| rule.check_age(name, value, now))
}

async fn values(conn: &mut Conn, workspace: Id, set: &[(String, String)]) -> Result<Values> {
    let fields = field::all_locked(conn, workspace).await?;
    let mut values = Values::new();
    for (name, value) in set {
        if let Some(value) = super::contact::read_value(&fields, name, value)? {
            values.insert(name.clone(), value);
        }
    }
    Ok(values)
}
