//! The second pass: people in order meet the database, some thousands in one transaction. Each
//! slice is planned by reading and then carried out, so that a dry run is the same plan left alone
//! and a killed import leaves whole slices, which the next run finds unchanged.

use std::collections::{HashMap, HashSet};

use super::external_sort::Person;
use crate::audience::consent::{self, Evidence};
use crate::audience::contact::{self, Contact, ContactRow, NewContact, NewContactIds, Values};
use crate::audience::indexed_field;
use crate::audience::list::{self, List};
use crate::audience::subscription::{self, NewSubscription, State};
use crate::audience::tombstone;
use crate::infra::clock::Millis;
use crate::infra::db::pg_copy::CopyConnection;
use crate::infra::db::{Conn, Tx, is_unique_violation, lock_addresses_shared};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::{Id, Ids};
use crate::infra::installation::Installation;

/// How often a slice is tried again when another process touched the same people.
const TRIES: u32 = 5;

/// Where people go and what proves that they may.
pub struct Goal {
    /// The workspace.
    pub workspace: Id,
    /// The list they join.
    pub list: List,
    /// The evidence of their consent.
    pub evidence: Evidence,
}

/// What a slice comes to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// People who were not known.
    pub new: i64,
    /// People who got other values or joined the list.
    pub updated: i64,
    /// People for whom nothing changes.
    pub unchanged: i64,
    /// People who left and stay away.
    pub tombstoned: i64,
}

/// What a slice would do.
#[derive(Default)]
struct Plan<'a> {
    counts: Counts,
    added: Vec<ContactRow<'a>>,
    changed: Vec<NewContact>,
    /// Known people on their way onto the list.
    joining: Vec<NewSubscription>,
    /// Known people who are changed or join, as they were when the plan was made.
    touched: Vec<(Id, Millis)>,
}

/// Says what a slice would do.
pub async fn rehearse(installation: &Installation, goal: &Goal, people: &[Person]) -> Result<Counts> {
    let mut conn = installation.db.read().await?;
    Ok(plan(&mut conn, installation, goal, people).await?.counts)
}

/// Does it, in one transaction; newcomers come in one beside it, by the loader, where there is one.
pub async fn perform(
    installation: &Installation,
    goal: &Goal,
    people: &[Person],
    loader: &mut Option<CopyConnection>,
) -> Result<Counts> {
    for _ in 0..TRIES {
        let mut tx = installation.db.write().await?;
        lock_addresses_shared(&mut tx).await?;
        let plan = plan(&mut tx, installation, goal, people).await?;
        match carry_out(&mut tx, installation, goal, &plan, loader).await {
            Ok(true) => {
                tx.commit().await?;
                return Ok(plan.counts);
            }
            Ok(false) => {}
            Err(Error::Db(error)) if is_unique_violation(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Message::new("import-contention").unavailable())
}

async fn plan<'a>(conn: &mut Conn, installation: &Installation, goal: &Goal, people: &'a [Person]) -> Result<Plan<'a>> {
    // Closed since the last slice: nobody may join what has just been emptied.
    list::need(conn, goal.workspace, &goal.list.name).await?;
    let canonical: Vec<_> = people.iter().map(|person| person.canonical()).collect();
    // People before tombstones: who is erased in between is then known and barred, never new.
    let known = contact::find_many(conn, goal.workspace, &canonical).await?;
    let barred = barred(conn, installation, goal, &canonical).await?;
    let ids: Vec<_> = known.iter().map(|contact| contact.id).collect();
    let on_list: HashSet<Id> =
        subscription::states(conn, goal.list.id, &ids).await?.into_iter().map(|(contact, _)| contact).collect();
    let known: HashMap<_, _> = known.into_iter().map(|contact| (contact.address.canonical(), contact)).collect();

    let mut plan = Plan::default();
    for person in people {
        match known.get(person.canonical()) {
            _ if barred.contains(person.canonical()) => plan.counts.tombstoned += 1,
            Some(contact) => {
                let values = serde_json::from_str(person.values()).expect("written by the first pass");
                plan.meet(contact, values, on_list.contains(&contact.id), &installation.ids);
            }
            None => plan.welcome(person),
        }
    }
    Ok(plan)
}

/// Of these addresses, those that left and stay away.
async fn barred<'a>(
    conn: &mut Conn,
    installation: &Installation,
    goal: &Goal,
    canonical: &[&'a str],
) -> Result<HashSet<&'a str>> {
    if !tombstone::is_any(conn, goal.workspace).await? {
        return Ok(HashSet::new());
    }
    let mark = |canonical: &&str| tombstone::digest_canonical(&installation.keys.tombstone, goal.workspace, canonical);
    let marks: Vec<_> = canonical.iter().map(mark).collect();
    let standing = tombstone::find_blocking(conn, goal.workspace, goal.list.id, &marks).await?;
    Ok(canonical.iter().zip(&marks).filter(|(_, mark)| standing.contains(*mark)).map(|(one, _)| *one).collect())
}

impl<'a> Plan<'a> {
    fn welcome(&mut self, person: &'a Person) {
        self.counts.new += 1;
        self.added.push(ContactRow {
            address: person.address(),
            canonical: person.canonical(),
            fields: person.values(),
            folded: person.folded(),
        });
    }

    /// Values of the file go over those there are; what the file leaves empty stays.
    fn meet(&mut self, contact: &Contact, values: Values, on_list: bool, ids: &Ids) {
        let changed = values.iter().any(|(name, value)| contact.values.get(name) != Some(value));
        if on_list && !changed {
            self.counts.unchanged += 1;
            return;
        }
        self.counts.updated += 1;
        self.touched.push((contact.id, contact.updated_at));
        if changed {
            let mut merged = contact.values.clone();
            merged.extend(values);
            self.changed.push(NewContact { id: contact.id, address: contact.address.clone(), values: merged });
        }
        if !on_list {
            self.joining.push(NewSubscription { id: ids.next(), contact: contact.id, state: State::Confirmed });
        }
    }
}

/// False when someone else changed, joined or erased one of these people since the plan was made.
async fn carry_out(
    tx: &mut Tx,
    installation: &Installation,
    goal: &Goal,
    plan: &Plan<'_>,
    loader: &mut Option<CopyConnection>,
) -> Result<bool> {
    let ids: Vec<_> = plan.touched.iter().map(|(id, _)| *id).collect();
    let held: HashSet<_> = contact::lock_existing(tx, &ids).await?.into_iter().collect();
    let joining: Vec<_> = plan.joining.iter().map(|joining| joining.contact).collect();
    let on_list = subscription::states(tx, goal.list.id, &joining).await?;
    if !on_list.is_empty() || !plan.touched.iter().all(|touched| held.contains(touched)) {
        return Ok(false);
    }
    let now = installation.clock.now();
    contact::update(tx, goal.workspace, &plan.changed, now).await?;
    if !plan.added.is_empty() {
        match loader {
            Some(loader) => load(tx, installation, goal, &plan.added, loader, now).await?,
            None => enter(tx, installation, goal, &plan.added, now).await?,
        }
    }
    if !plan.joining.is_empty() {
        let (list, evidence) =
            (goal.list.id, consent::ensure_evidence(tx, &installation.ids, goal.workspace, &goal.evidence).await?);
        subscription::join(tx, goal.workspace, list, &plan.joining, now).await?;
        consent::record(tx, &installation.ids, goal.workspace, list, &joining, evidence, now).await?;
    }
    Ok(true)
}

/// Adds newcomers in the transaction.
async fn enter(
    tx: &mut Tx,
    installation: &Installation,
    goal: &Goal,
    people: &[ContactRow<'_>],
    now: Millis,
) -> Result<()> {
    let newcomers = NewContactIds::reserve(&installation.ids, goal.workspace, people.len());
    let evidence = consent::ensure_evidence(tx, &installation.ids, goal.workspace, &goal.evidence).await?;
    contact::insert_subscribed(tx, newcomers, people, now).await?;
    subscription::insert_new(tx, goal.list.id, newcomers, now).await?;
    consent::insert_new(tx, goal.list.id, newcomers, evidence, now).await
}

/// Loads newcomers. They are there when this returns, all of them or none, whatever becomes of the
/// transaction. It holds meanwhile what they rest on and has written none of it: what is loaded
/// needs nothing of it to stay.
async fn load(
    tx: &mut Tx,
    installation: &Installation,
    goal: &Goal,
    people: &[ContactRow<'_>],
    loader: &mut CopyConnection,
    now: Millis,
) -> Result<()> {
    let newcomers = NewContactIds::reserve(&installation.ids, goal.workspace, people.len());
    let facets = indexed_field::list_writable(tx, goal.workspace).await?;
    let known = consent::find_evidence(tx, goal.workspace, &goal.evidence).await?;
    let mut load = loader.begin().await?;
    let evidence = match known {
        Some(evidence) => evidence,
        None => consent::copy_in_evidence(&mut load, &installation.ids, goal.workspace, &goal.evidence).await?,
    };
    contact::copy_in(&mut load, newcomers, &facets, people, now).await?;
    subscription::copy_in(&mut load, goal.list.id, newcomers, now).await?;
    consent::copy_in(&mut load, goal.list.id, newcomers, evidence, now).await?;
    load.commit().await
}
