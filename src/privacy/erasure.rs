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

use crate::audience::address::Address;
use crate::audience::tombstone::{self, EVERY_LIST};
use crate::audience::{consent, contact, list, subscription};
use crate::campaign::{delivery, state, tally};
use crate::feedback::event;
use crate::ground::db::Conn;
use crate::ground::error::Result;
use crate::ground::failpoint;
use crate::ground::id::Id;
use crate::ground::installation::Installation;

use super::replay;

/// Why someone is no longer there; kept with the tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// They left a list.
    Left,
    /// They, or an operator for them, asked for everything to be deleted.
    Erased,
    /// The list ceased.
    Closed,
}

impl Reason {
    /// The word in the tombstone.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Erased => "erased",
            Self::Closed => "closed",
        }
    }
}

/// What an erasure took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Nothing was there any more: asking twice is not an error.
    Nothing,
    /// One subscription; the person is still on another list.
    Subscription,
    /// The person.
    Person,
}

/// Takes a person off one list. `through` is the campaign whose letter brought the request, for its
/// count of unsubscribes. When this returns, it is on disk.
pub async fn leave(
    home: &Installation,
    workspace: Id,
    person: Id,
    list: Id,
    reason: Reason,
    through: Option<Id>,
) -> Result<Gone> {
    let mut tx = home.db.write().await?;
    let Some(found) = contact::get(&mut tx, person).await? else {
        return Ok(Gone::Nothing);
    };
    if contact::hold(&mut tx, &home.db, &[person]).await?.is_empty() {
        return Ok(Gone::Nothing);
    }
    let grave = Grave { workspace, list, address: &found.address, reason };
    let gone = leave_within(home, &mut tx, person, &grave).await?;
    if gone != Gone::Nothing {
        replay::note(home, &[grave.entry(home)])?;
    }
    if let (Some(campaign), true) = (through, gone != Gone::Nothing) {
        tally::add(&mut tx, campaign, tally::UNSUBSCRIBED, 0, 1).await?;
    }
    failpoint::reach("erasing");
    tx.commit().await?;
    failpoint::reach("erased");
    Ok(gone)
}

/// Erases a person from every list of the workspace and keeps the address out of all of them.
/// An address that is not here is kept out all the same.
pub async fn erase(
    home: &Installation,
    workspace: Id,
    address: &Address,
    reason: Reason,
    through: Option<Id>,
) -> Result<Gone> {
    let mut tx = home.db.write().await?;
    let mut found = contact::find(&mut tx, workspace, address).await?;
    if let Some(person) = &found
        && contact::hold(&mut tx, &home.db, &[person.id]).await?.is_empty()
    {
        found = None;
    }
    let grave = Grave { workspace, list: EVERY_LIST, address, reason };
    grave.dig(home, &mut tx).await?;
    replay::note(home, &[grave.entry(home)])?;
    if let Some(person) = &found {
        forget_person(&mut tx, person.id).await?;
        if let Some(campaign) = through {
            tally::add(&mut tx, campaign, tally::UNSUBSCRIBED, 0, 1).await?;
        }
    }
    tx.commit().await?;
    Ok(if found.is_some() { Gone::Person } else { Gone::Nothing })
}

/// Lets a list cease: its campaigns stop, and everyone on it leaves. Works through the list in
/// slices, so that it can be stopped and called again. Returns how many left.
pub async fn close(home: &Installation, workspace: Id, list: Id, mut progress: impl FnMut(u64)) -> Result<u64> {
    let mut tx = home.db.write().await?;
    list::close(&mut tx, list, home.clock.now()).await?;
    for campaign in state::all(&mut tx, workspace).await?.into_iter().filter(|campaign| campaign.list == list) {
        if !matches!(campaign.state, state::State::Finished | state::State::Cancelled) {
            state::cancel(&mut tx, &campaign, home.clock.now()).await?;
        }
    }
    tx.commit().await?;
    let mut left = 0;
    loop {
        let mut tx = home.db.write().await?;
        let people = subscription::some_of(&mut tx, list, 200).await?;
        if people.is_empty() {
            return Ok(left);
        }
        let mut entries = Vec::with_capacity(people.len());
        for person in people {
            match contact::get(&mut tx, person).await? {
                Some(found) if !contact::hold(&mut tx, &home.db, &[person]).await?.is_empty() => {
                    let grave = Grave { workspace, list, address: &found.address, reason: Reason::Closed };
                    leave_within(home, &mut tx, person, &grave).await?;
                    entries.push(grave.entry(home));
                }
                // A subscription without its person: nothing to remember, only to remove.
                _ => drop(subscription::forget(&mut tx, person, Some(list)).await?),
            }
            left += 1;
        }
        replay::note(home, &entries)?;
        tx.commit().await?;
        progress(left);
    }
}

/// Where a tombstone is to stand, and for whom.
struct Grave<'a> {
    workspace: Id,
    list: Id,
    address: &'a Address,
    reason: Reason,
}

impl Grave<'_> {
    fn entry(&self, home: &Installation) -> replay::Entry {
        replay::Entry {
            workspace: self.workspace,
            list: self.list,
            mark: tombstone::mark(&home.keys.tombstone, self.workspace, self.address),
            day: home.clock.today(),
            reason: self.reason.as_str().to_owned(),
        }
    }

    async fn dig(&self, home: &Installation, conn: &mut Conn) -> Result<()> {
        let entry = self.entry(home);
        tombstone::set(conn, entry.workspace, entry.list, entry.mark, &entry.reason, entry.day).await
    }
}

async fn leave_within(home: &Installation, conn: &mut Conn, person: Id, grave: &Grave<'_>) -> Result<Gone> {
    let gone = forget_on(conn, person, grave.list).await?;
    if gone != Gone::Nothing {
        grave.dig(home, conn).await?;
    }
    if gone == Gone::Person {
        forget_person(conn, person).await?;
    }
    Ok(gone)
}

/// Removes what hangs on one list; `Gone::Person` when it was the last and the rest is to follow.
async fn forget_on(conn: &mut Conn, person: Id, list: Id) -> Result<Gone> {
    if subscription::forget(conn, person, Some(list)).await? == 0 {
        return Ok(Gone::Nothing);
    }
    event::forget(conn, person, Some(list)).await?;
    delivery::forget(conn, person, Some(list)).await?;
    consent::forget(conn, person, Some(list)).await?;
    let others = subscription::of_contact(conn, person).await?;
    Ok(if others.is_empty() { Gone::Person } else { Gone::Subscription })
}

/// Carries out a line of the log in a database that had missed it.
pub(super) async fn repeat(conn: &mut Conn, person: Id, list: Id) -> Result<()> {
    if list == EVERY_LIST || forget_on(conn, person, list).await? == Gone::Person {
        forget_person(conn, person).await?;
    }
    Ok(())
}

/// Every table that holds something of a person; those that `forget_person` empties and that are
/// rewritten afterwards (`scrub`).
pub const PERSONAL: &[&str] = &["event", "delivery", "consent", "evidence", "subscription", "contact"];

/// Calls the `forget` of every owner of personal data. Who adds such a table adds it here and above;
/// a test over the whole schema finds who does not.
async fn forget_person(conn: &mut Conn, person: Id) -> Result<()> {
    event::forget(conn, person, None).await?;
    delivery::forget(conn, person, None).await?;
    consent::forget(conn, person, None).await?;
    subscription::forget(conn, person, None).await?;
    contact::forget(conn, person).await
}
