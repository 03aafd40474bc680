//! Erasure: unsubscribes a contact from one list, erases it from all lists, or closes a list; each in one transaction.
//!
//! * Unsubscribing deletes the subscription and the data that belongs to it; with the last list the contact is deleted.
//! * Erasing deletes the contact with all its data and blocks the address on all lists.
//! * Closing a list unsubscribes all its contacts.
//!
//! Each owner of personal data has a `forget`, which this module calls. What remains is a tombstone and counts that
//! belong to no contact. The erasure log is written before the commit: after a crash between the two, the next start
//! repeats the erasure. Files and pages of the database are cleaned later (`file_erasure`, `physical_erasure`), so no
//! request waits for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::audience::address::Address;
use crate::audience::subscription::Subscriber;
use crate::audience::tombstone::{self, Digest, EVERY_LIST};
use crate::audience::{consent, contact, hard_bounce, list, mailed_link, preference, sealed_receipt, subscription};
use crate::campaign::lifecycle;
use crate::campaign::{delivery, erased_counts, model};
use crate::feedback::event::{self, NewEvent};
use crate::feedback::{returned_message, set_aside, unwritten};
use crate::infra::db::query::Query;
use crate::infra::db::store_status::WritePurpose;
use crate::infra::db::{Cells, Conn, lock_addresses_exclusive};
use crate::infra::error::Result;
use crate::infra::failpoint;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

use super::departure::Departure;
pub use super::departure::Reason;
use super::destruction::Destroyed;
use super::erasure_log::{self, ErasureRecord};
use super::subject_request;

/// Contacts unsubscribed in one transaction while a list is closed.
const CLOSE_BATCH: i64 = 200;

/// What an erasure deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// Nothing, because it was deleted before; a repeated request is not an error.
    Nothing,
    /// One subscription; the contact is still on another list.
    Subscription,
    /// The contact.
    Contact,
}

/// One contact to unsubscribe from one list.
#[derive(Debug, Clone, Copy)]
pub struct Unsubscription {
    /// The workspace of the list.
    pub workspace: Id,
    /// The contact.
    pub contact: Id,
    /// The list.
    pub list: Id,
    /// The campaign whose message brought the request; its unsubscribes are counted.
    pub campaign: Option<Id>,
}

/// Unsubscribes a contact from one list. `campaign` is the one whose message brought the request. Durable when this
/// returns.
pub async fn unsubscribe(
    installation: &Installation,
    workspace: Id,
    contact: Id,
    list: Id,
    reason: Reason,
    campaign: Option<Id>,
) -> Result<Erased> {
    let unsubscription = Unsubscription { workspace, contact, list, campaign };
    let erased = unsubscribe_many(installation, &[unsubscription], reason).await?;
    Ok(erased[0])
}

/// Unsubscribes contacts in one transaction. Returns what each of them deleted; a duplicate deletes nothing. Durable
/// when this returns.
pub async fn unsubscribe_many(
    installation: &Installation,
    unsubscriptions: &[Unsubscription],
    reason: Reason,
) -> Result<Vec<Erased>> {
    let contacts: BTreeSet<Id> = unsubscriptions.iter().map(|one| one.contact).collect();
    let contacts: Vec<Id> = contacts.into_iter().collect();
    let hits = unwritten::of_contacts(installation, &contacts).await?;
    match unsubscribe_after_hits(installation, unsubscriptions, &contacts, reason, &hits).await {
        // A hit that cannot be inserted must not prevent the erasure.
        Err(error) if !hits.is_empty() && !error.is_outage() => {
            unsubscribe_after_hits(installation, unsubscriptions, &contacts, reason, &[]).await
        }
        unsubscribed => unsubscribed,
    }
}

async fn unsubscribe_after_hits(
    installation: &Installation,
    unsubscriptions: &[Unsubscription],
    contacts: &[Id],
    reason: Reason,
    hits: &[NewEvent],
) -> Result<Vec<Erased>> {
    let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
    let mut lists: BTreeMap<(Id, Id), Vec<Id>> = BTreeMap::new();
    for one in unsubscriptions {
        lists.entry((one.workspace, one.list)).or_default().push(one.contact);
    }
    contact::lock(&mut tx, contacts).await?;
    for list in lists.keys().map(|(_, list)| *list).collect::<BTreeSet<Id>>() {
        let hits = unwritten::of_list(&mut tx, hits, Some(list)).await?;
        event::insert(&mut tx, &installation.ids, &hits).await?;
    }
    let (mut erased, mut records, mut destroyed) = (HashMap::new(), Vec::new(), Destroyed::default());
    for ((workspace, list), contacts) in lists {
        let tombstones = Tombstones { workspace, list, reason };
        let of_list = unsubscriptions.iter().filter(|one| one.list == list);
        let campaigns = of_list.filter_map(|one| Some((one.contact, one.campaign?))).collect();
        let departure = Departure { reason, day: installation.clock.today(), campaigns };
        let (contacts, of_these) = (&contacts, &mut records);
        let from = of_these.len();
        let removed = remove_from_list(installation, &mut tx, &tombstones, &departure, contacts, of_these).await?;
        destroyed.add(reason, records[from..].iter().zip(removed.iter().map(|(_, what)| *what)));
        erased.extend(removed.into_iter().map(|(contact, what)| ((contact, list), what)));
    }
    let mut counts = erased_counts::ErasedCounts::new();
    let result = |one: &Unsubscription| {
        let what = erased.remove(&(one.contact, one.list));
        if let (Some(campaign), Some(_)) = (one.campaign, what) {
            *counts.entry((campaign, erased_counts::UNSUBSCRIBED, 0)).or_default() += 1;
        }
        what.unwrap_or(Erased::Nothing)
    };
    let results = unsubscriptions.iter().map(result).collect();
    erased_counts::add_all(&mut tx, &counts).await?;
    erasure_log::append(installation, records).await?;
    destroyed.write(installation).await?;
    failpoint::hit("before-erase-commit");
    tx.commit().await?;
    failpoint::hit("after-erase-commit");
    Ok(results)
}

/// Erases a contact from all lists of the workspace and blocks the address on all of them, also when it is no contact.
pub async fn erase(
    installation: &Installation,
    workspace: Id,
    address: &Address,
    reason: Reason,
    campaign: Option<Id>,
) -> Result<Erased> {
    erase_canonical(installation, workspace, &address.canonical(), reason, campaign).await
}

/// [`erase`] for the canonical address of a contact.
pub async fn erase_known(
    installation: &Installation,
    workspace: Id,
    canonical: &str,
    reason: Reason,
) -> Result<Erased> {
    erase_canonical(installation, workspace, canonical, reason, None).await
}

/// [`erase`] for a canonical address. It reads no other value of the contact, so that a damaged row cannot prevent it.
pub(super) async fn erase_canonical(
    installation: &Installation,
    workspace: Id,
    canonical: &str,
    reason: Reason,
    campaign: Option<Id>,
) -> Result<Erased> {
    let known = find_contact(&mut *installation.db.read().await?, workspace, canonical).await?;
    let hits = unwritten::of_contacts(installation, known.as_slice()).await?;
    match erase_after_hits(installation, workspace, canonical, reason, campaign, &hits).await {
        // A hit that cannot be inserted must not prevent the erasure.
        Err(error) if !hits.is_empty() && !error.is_outage() => {
            erase_after_hits(installation, workspace, canonical, reason, campaign, &[]).await
        }
        erased => erased,
    }
}

async fn erase_after_hits(
    installation: &Installation,
    workspace: Id,
    canonical: &str,
    reason: Reason,
    campaign: Option<Id>,
    hits: &[NewEvent],
) -> Result<Erased> {
    let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
    let mut found = find_contact(&mut tx, workspace, canonical).await?;
    if found.is_none() {
        // An import may be inserting the address.
        lock_addresses_exclusive(&mut tx).await?;
        found = find_contact(&mut tx, workspace, canonical).await?;
    }
    if let Some(contact) = found
        && contact::lock_existing(&mut tx, &[contact]).await?.is_empty()
    {
        found = None;
    }
    let mut blocked = vec![canonical.to_owned()];
    if let Some(contact) = found {
        // The address may have been corrected before the contact was locked.
        blocked.extend(canonical_of(&mut tx, contact).await?.filter(|now| now != canonical));
    }
    let mut records = Vec::new();
    let tombstones = Tombstones { workspace, list: EVERY_LIST, reason };
    tombstones.set(installation, &mut tx, &blocked, &mut records).await?;
    let mut destroyed = Destroyed::default();
    if found.is_some() {
        // The address itself; an earlier one of the same person is the second record.
        destroyed.add(reason, records.iter().take(1).map(|record| (record, Erased::Contact)));
    }
    erasure_log::append(installation, records).await?;
    destroyed.write(installation).await?;
    if let Some(contact) = found {
        event::insert(&mut tx, &installation.ids, hits).await?;
        let campaigns = campaign.map(|campaign| (contact, campaign)).into_iter().collect();
        let departure = Departure { reason, day: installation.clock.today(), campaigns };
        forget(installation, &mut tx, &[contact], None, &departure).await?;
        if let Some(campaign) = campaign {
            erased_counts::add(&mut tx, campaign, erased_counts::UNSUBSCRIBED, 0, 1).await?;
        }
    }
    tx.commit().await?;
    Ok(if found.is_some() { Erased::Contact } else { Erased::Nothing })
}

async fn find_contact(conn: &mut Conn, workspace: Id, canonical: &str) -> Result<Option<Id>> {
    let row = Query::new(
        "select id
           from contact
          where workspace_id = :workspace
            and canonical = :canonical",
    )
    .bind("workspace", workspace)
    .bind("canonical", canonical)
    .fetch_optional(conn)
    .await?;
    row.map(|row| row.cell(0)).transpose()
}

/// The canonical address of a contact; `None` when the contact does not exist.
pub(super) async fn canonical_of(conn: &mut Conn, contact: Id) -> Result<Option<String>> {
    let row = Query::new("select canonical from contact where id = :contact")
        .bind("contact", contact)
        .fetch_optional(conn)
        .await?;
    Ok(row.and_then(|row| row.cell(0).ok()))
}

/// Closes a list: cancels its campaigns and unsubscribes all its contacts, in batches, so that an interrupted call can
/// be repeated. Returns the number of contacts; `progress` is called with the number so far.
pub async fn close_list(
    installation: &Installation,
    workspace: Id,
    list: Id,
    mut progress: impl FnMut(u64),
) -> Result<u64> {
    let mut tx = installation.db.write().await?;
    list::close(&mut tx, list, installation.clock.now()).await?;
    for campaign in model::list(&mut tx, workspace).await?.into_iter().filter(|campaign| campaign.list == list) {
        if !matches!(campaign.state, model::State::Finished | model::State::Cancelled) {
            lifecycle::cancel(&mut tx, &campaign, installation.clock.now()).await?;
        }
    }
    tx.commit().await?;
    let mut unsubscribed = 0;
    loop {
        let mut tx = installation.db.write().await?;
        let contacts = subscription::list_contacts(&mut tx, list, CLOSE_BATCH).await?;
        if contacts.is_empty() {
            return Ok(unsubscribed);
        }
        contact::lock(&mut tx, &contacts).await?;
        let tombstones = Tombstones { workspace, list, reason: Reason::ListClosed };
        let mut records = Vec::new();
        let departure = Departure::of(Reason::ListClosed, installation.clock.today());
        let removed = remove_from_list(installation, &mut tx, &tombstones, &departure, &contacts, &mut records).await?;
        let mut destroyed = Destroyed::default();
        destroyed.add(tombstones.reason, records.iter().zip(removed.iter().map(|(_, what)| *what)));
        // A subscription without a contact needs no tombstone.
        subscription::forget(&mut tx, &contacts, Some(list)).await?;
        unsubscribed += contacts.len() as u64;
        erasure_log::append(installation, records).await?;
        destroyed.write(installation).await?;
        tx.commit().await?;
        progress(unsubscribed);
    }
}

/// The list and the reason of tombstones to set.
pub(super) struct Tombstones {
    pub(super) workspace: Id,
    pub(super) list: Id,
    pub(super) reason: Reason,
}

impl Tombstones {
    /// Sets tombstones for canonical addresses and adds their records for the erasure log.
    pub(super) async fn set(
        &self,
        installation: &Installation,
        conn: &mut Conn,
        canonical: &[impl AsRef<str>],
        records: &mut Vec<ErasureRecord>,
    ) -> Result<()> {
        let Self { workspace, list, reason } = *self;
        let day = installation.clock.today();
        let key = &installation.keys.tombstone;
        let digests: Vec<Digest> =
            canonical.iter().map(|text| tombstone::digest_canonical(key, workspace, text.as_ref())).collect();
        let rows: Vec<_> = digests.iter().map(|digest| (workspace, list, *digest, reason.as_str(), day)).collect();
        tombstone::set_many(conn, &rows).await?;
        mailed_link::forget(conn, &installation.keys, workspace, canonical, list == EVERY_LIST).await?;
        if list == EVERY_LIST {
            subject_request::forget_addresses(conn, &installation.keys, workspace, canonical).await?;
        }
        let record = |digest| ErasureRecord { workspace, list, digest, day, reason: reason.as_str().to_owned() };
        records.extend(digests.into_iter().map(record));
        Ok(())
    }
}

/// Removes the locked contacts from the list and sets tombstones for those who were subscribed to it. Returns what was
/// deleted of these.
async fn remove_from_list(
    installation: &Installation,
    conn: &mut Conn,
    tombstones: &Tombstones,
    departure: &Departure,
    contacts: &[Id],
    records: &mut Vec<ErasureRecord>,
) -> Result<Vec<(Id, Erased)>> {
    let subscribers = subscription::subscribers(conn, tombstones.list, contacts).await?;
    let canonical: Vec<&str> = subscribers.iter().map(|one| &*one.canonical).collect();
    tombstones.set(installation, conn, &canonical, records).await?;
    let gone = subscribers.iter().filter(|one| one.on_other_list == 0).map(|one| &*one.canonical);
    let gone: Vec<&str> = gone.collect();
    mailed_link::forget(conn, &installation.keys, tombstones.workspace, &gone, true).await?;
    delete_subscribers(installation, conn, tombstones.list, &subscribers, departure).await
}

/// Deletes the data of one list of its subscribers, and all data of those on no other list.
async fn delete_subscribers(
    installation: &Installation,
    conn: &mut Conn,
    list: Id,
    subscribers: &[Subscriber],
    departure: &Departure,
) -> Result<Vec<(Id, Erased)>> {
    let (on_other, on_this): (Vec<&Subscriber>, Vec<&Subscriber>) =
        subscribers.iter().partition(|one| one.on_other_list == 1);
    let ids = |subscribers: &[&Subscriber]| subscribers.iter().map(|one| one.contact).collect::<Vec<Id>>();
    forget(installation, conn, &ids(&on_other), Some(list), departure).await?;
    forget(installation, conn, &ids(&on_this), None, departure).await?;
    let erased =
        |one: &Subscriber| (one.contact, if one.on_other_list == 1 { Erased::Subscription } else { Erased::Contact });
    Ok(subscribers.iter().map(erased).collect())
}

/// Repeats an erasure of the log in a database that lacks it.
pub(super) async fn reapply(
    installation: &Installation,
    conn: &mut Conn,
    contact: Id,
    list: Id,
    departure: &Departure,
) -> Result<()> {
    if list == EVERY_LIST {
        return forget(installation, conn, &[contact], None, departure).await;
    }
    let subscribers = subscription::subscribers(conn, list, &[contact]).await?;
    delete_subscribers(installation, conn, list, &subscribers, departure).await.map(drop)
}

/// Every table that holds personal data: `forget` deletes its rows, and physical erasure rewrites it. Table `set_aside` holds
/// ids only.
pub const PERSONAL_TABLES: &[&str] = &[
    "event",
    "delivery",
    "hard_bounce",
    "returned_message",
    "preference",
    "subject_request",
    "consent",
    "evidence",
    "subscription",
    "contact",
    "staff_user",
    "session",
    "staff_invitation",
];

/// Calls the `forget` of every owner of personal data, for one list or for all; for all lists the contacts themselves
/// are deleted too. A new table of personal data is added here and to [`PERSONAL_TABLES`]; a test over the whole schema
/// finds omissions.
async fn forget(
    installation: &Installation,
    conn: &mut Conn,
    contacts: &[Id],
    list: Option<Id>,
    departure: &Departure,
) -> Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    if list.is_none() {
        set_aside::forget(conn, contacts).await?;
    }
    event::forget(conn, contacts, list).await?;
    delivery::forget(conn, contacts, list).await?;
    sealed_receipt::seal(installation, conn, contacts, list, (departure.day, departure.reason.as_str())).await?;
    consent::forget(conn, contacts, list).await?;
    let departed = subscription::forget(conn, contacts, list).await?;
    departure.count(conn, &departed).await?;
    match list {
        Some(_) => Ok(()),
        None => {
            hard_bounce::forget(conn, contacts).await?;
            returned_message::forget(conn, contacts).await?;
            preference::forget(conn, contacts).await?;
            subject_request::forget(conn, contacts).await?;
            contact::forget(conn, contacts).await
        }
    }
}
