//! Leaving and erasing, each one transaction. It stands above the owners of the tables and calls
//! the `forget` of each; what remains is a tombstone and numbers that link to no one.
//!
//! * Leaving a list removes the subscription and everything that hangs on it; the last list left
//!   removes the person.
//! * Erasing a person removes them from every list and keeps them out of all.
//! * Closing a list lets everyone on it leave.
//!
//! The log that survives a restored backup (`replay`) is written before the commit: after a crash
//! between the two, the next start carries the erasure out. The log is also the debt of the folders
//! and the pages, which `scrub` pays: nobody who leaves waits for a folder to be searched.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::audience::address::Address;
use crate::audience::subscription::Subscriber;
use crate::audience::tombstone::{self, Digest, EVERY_LIST};
use crate::audience::{consent, contact, list, subscription};
use crate::campaign::{delivery, erased_counts, model};
use crate::feedback::event;
use crate::infra::db::store_status::WritePurpose;
use crate::infra::db::{Conn, lock_addresses_exclusive};
use crate::infra::error::Result;
use crate::infra::failpoint;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

use super::erasure_log;

/// Why someone is no longer there; kept with the tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// They left a list.
    Unsubscribed,
    /// They, or an operator for them, asked for everything to be deleted.
    Erased,
    /// The list ceased.
    ListClosed,
}

impl Reason {
    /// The word in the tombstone.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribed => "left",
            Self::Erased => "erased",
            Self::ListClosed => "closed",
        }
    }
}

/// What an erasure took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// Nothing was there any more: asking twice is not an error.
    Nothing,
    /// One subscription; the person is still on another list.
    Subscription,
    /// The person.
    Contact,
}

/// Someone who leaves a list.
#[derive(Debug, Clone, Copy)]
pub struct Unsubscription {
    /// The customer whose list it is.
    pub workspace: Id,
    /// Who.
    pub person: Id,
    /// Which list.
    pub list: Id,
    /// The campaign whose letter brought the request, for its count of unsubscribes.
    pub through: Option<Id>,
}

/// Takes a person off one list. `through` is the campaign whose letter brought the request, for its
/// count of unsubscribes. When this returns, it is on disk.
pub async fn unsubscribe(
    installation: &Installation,
    workspace: Id,
    person: Id,
    list: Id,
    reason: Reason,
    through: Option<Id>,
) -> Result<Erased> {
    let gone = unsubscribe_many(installation, &[Unsubscription { workspace, person, list, through }], reason).await?;
    Ok(gone[0])
}

/// Takes people off their lists in one transaction, and says what each of them took away: the same
/// twice is nothing the second time. When this returns, all of it is on disk.
pub async fn unsubscribe_many(
    installation: &Installation,
    leavers: &[Unsubscription],
    reason: Reason,
) -> Result<Vec<Erased>> {
    let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
    let mut lists: BTreeMap<(Id, Id), Vec<Id>> = BTreeMap::new();
    for leaver in leavers {
        lists.entry((leaver.workspace, leaver.list)).or_default().push(leaver.person);
    }
    let everyone: BTreeSet<Id> = leavers.iter().map(|leaver| leaver.person).collect();
    contact::lock(&mut tx, &everyone.into_iter().collect::<Vec<_>>()).await?;
    let (mut gone, mut entries) = (HashMap::new(), Vec::new());
    for ((workspace, list), people) in lists {
        let grave = Grave { workspace, list, reason };
        for (person, what) in leave_within(installation, &mut tx, &grave, &people, &mut entries).await? {
            gone.insert((person, list), what);
        }
    }
    let mut counts = erased_counts::ErasedCounts::new();
    let took = |leaver: &Unsubscription| {
        let took = gone.remove(&(leaver.person, leaver.list));
        if let (Some(campaign), Some(_)) = (leaver.through, took) {
            *counts.entry((campaign, erased_counts::UNSUBSCRIBED, 0)).or_default() += 1;
        }
        took.unwrap_or(Erased::Nothing)
    };
    let took = leavers.iter().map(took).collect();
    erased_counts::add_all(&mut tx, &counts).await?;
    erasure_log::append(installation, entries).await?;
    failpoint::hit("before-erase-commit");
    tx.commit().await?;
    failpoint::hit("after-erase-commit");
    Ok(took)
}

/// Erases a person from every list of the workspace and keeps the address out of all of them.
/// An address that is not here is kept out all the same.
pub async fn erase(
    installation: &Installation,
    workspace: Id,
    address: &Address,
    reason: Reason,
    through: Option<Id>,
) -> Result<Erased> {
    let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
    let mut found = contact::find(&mut tx, workspace, address).await?;
    if found.is_none() {
        // They may be on their way in.
        lock_addresses_exclusive(&mut tx).await?;
        found = contact::find(&mut tx, workspace, address).await?;
    }
    if let Some(person) = &found
        && contact::lock_existing(&mut tx, &installation.db, &[person.id]).await?.is_empty()
    {
        found = None;
    }
    let grave = Grave { workspace, list: EVERY_LIST, reason };
    let mut entries = Vec::new();
    grave.dig(installation, &mut tx, &[address.canonical()], &mut entries).await?;
    erasure_log::append(installation, entries).await?;
    if let Some(person) = &found {
        forget(&mut tx, &[person.id], None).await?;
        if let Some(campaign) = through {
            erased_counts::add(&mut tx, campaign, erased_counts::UNSUBSCRIBED, 0, 1).await?;
        }
    }
    tx.commit().await?;
    Ok(if found.is_some() { Erased::Contact } else { Erased::Nothing })
}

/// Lets a list cease: its campaigns stop, and everyone on it leaves. Works through the list in
/// slices, so that it can be stopped and called again. Returns how many left.
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
            model::cancel(&mut tx, &campaign, installation.clock.now()).await?;
        }
    }
    tx.commit().await?;
    let mut left = 0;
    loop {
        let mut tx = installation.db.write().await?;
        let people = subscription::list_contacts(&mut tx, list, 200).await?;
        if people.is_empty() {
            return Ok(left);
        }
        contact::lock(&mut tx, &people).await?;
        let (grave, mut entries) = (Grave { workspace, list, reason: Reason::ListClosed }, Vec::new());
        leave_within(installation, &mut tx, &grave, &people, &mut entries).await?;
        // A subscription without its person: nothing to remember, only to remove.
        subscription::forget(&mut tx, &people, Some(list)).await?;
        left += people.len() as u64;
        erasure_log::append(installation, entries).await?;
        tx.commit().await?;
        progress(left);
    }
}

/// Where tombstones are to stand, and why.
struct Grave {
    workspace: Id,
    list: Id,
    reason: Reason,
}

impl Grave {
    /// Sets tombstones for these addresses and adds the lines of the log that say so.
    async fn dig(
        &self,
        installation: &Installation,
        conn: &mut Conn,
        canonical: &[impl AsRef<str>],
        entries: &mut Vec<erasure_log::ErasureRecord>,
    ) -> Result<()> {
        let (reason, day) = (self.reason.as_str(), installation.clock.today());
        let mark = |text: &str| tombstone::digest_canonical(&installation.keys.tombstone, self.workspace, text);
        let marks: Vec<Digest> = canonical.iter().map(|text| mark(text.as_ref())).collect();
        let graves: Vec<_> = marks.iter().map(|mark| (self.workspace, self.list, *mark, reason, day)).collect();
        tombstone::set_many(conn, &graves).await?;
        let Self { workspace, list, .. } = *self;
        let entry = |mark| erasure_log::ErasureRecord { workspace, list, mark, day, reason: reason.to_owned() };
        entries.extend(marks.into_iter().map(entry));
        Ok(())
    }
}

/// Takes people, whom the transaction holds, off the list of the grave, and digs it for those who
/// were on it. Returns what became of these.
async fn leave_within(
    installation: &Installation,
    conn: &mut Conn,
    grave: &Grave,
    people: &[Id],
    entries: &mut Vec<erasure_log::ErasureRecord>,
) -> Result<Vec<(Id, Erased)>> {
    let members = subscription::subscribers(conn, grave.list, people).await?;
    let canonical: Vec<&str> = members.iter().map(|member| &*member.canonical).collect();
    grave.dig(installation, conn, &canonical, entries).await?;
    take_off(conn, grave.list, &members).await
}

/// Removes what hangs on one list from people who are on it, and those altogether for whom it was
/// the last.
async fn take_off(conn: &mut Conn, list: Id, members: &[Subscriber]) -> Result<Vec<(Id, Erased)>> {
    let (staying, going): (Vec<&Subscriber>, Vec<&Subscriber>) =
        members.iter().partition(|member| member.on_other_list == 1);
    let keys = |members: &[&Subscriber]| members.iter().map(|member| member.contact).collect::<Vec<Id>>();
    forget(conn, &keys(&staying), Some(list)).await?;
    forget(conn, &keys(&going), None).await?;
    let gone = |member: &Subscriber| {
        (member.contact, if member.on_other_list == 1 { Erased::Subscription } else { Erased::Contact })
    };
    Ok(members.iter().map(gone).collect())
}

/// Carries out a line of the log in a database that had missed it.
pub(super) async fn reapply(conn: &mut Conn, person: Id, list: Id) -> Result<()> {
    if list == EVERY_LIST {
        return forget(conn, &[person], None).await;
    }
    let members = subscription::subscribers(conn, list, &[person]).await?;
    take_off(conn, list, &members).await.map(drop)
}

/// Every table that holds something of a person; those that `forget` empties and that are
/// rewritten afterwards (`scrub`).
pub const PERSONAL_TABLES: &[&str] = &["event", "delivery", "consent", "evidence", "subscription", "contact"];

/// Calls the `forget` of every owner of personal data, for one list or for all; with all of them the
/// people go too. Who adds such a table adds it here and above; a test over the whole schema finds
/// who does not.
async fn forget(conn: &mut Conn, people: &[Id], list: Option<Id>) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    event::forget(conn, people, list).await?;
    delivery::forget(conn, people, list).await?;
    consent::forget(conn, people, list).await?;
    subscription::forget(conn, people, list).await?;
    match list {
        Some(_) => Ok(()),
        None => contact::forget(conn, people).await,
    }
}
