//! Second pass of an import: merges sorted rows with the database, some thousands per transaction.
//!
//! Each slice is planned by reading and then executed. So a dry run is the plan alone, and a killed import
//! leaves whole slices, which the next run finds unchanged.

use std::collections::{HashMap, HashSet};

use super::added_range;
use super::import_row::ImportRow;
use crate::audience::address::Address;
use crate::audience::consent::{self, Evidence, Terms};
use crate::audience::contact::{self, Contact, ContactRow, NewContactIds, Values};
use crate::audience::daily_count::{self, DailyCounts, DailyKey, DailyKind, day_of};
use crate::audience::field::{self, Field};
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

/// Attempts per slice when other processes change the same contacts.
const MAX_ATTEMPTS: u32 = 5;

/// The list that contacts join, and the evidence of their consent.
pub struct Destination {
    /// The workspace.
    pub workspace: Id,
    /// The import, where what it adds is remembered.
    pub import: Option<Id>,
    /// The list.
    pub list: List,
    /// The evidence.
    pub evidence: Evidence,
    /// What the consent is for.
    pub terms: Terms,
    /// The fields as the file is read.
    pub fields: Vec<Field>,
}

impl Destination {
    /// Refuses to go on when a field was renamed or removed since the file was read. None is until the transaction ends.
    async fn ensure_fields(&self, conn: &mut Conn) -> Result<()> {
        let declared = field::all_locked(conn, self.workspace).await?;
        let is_gone =
            |field: &&Field| !declared.iter().any(|known| (&known.name, known.kind) == (&field.name, field.kind));
        match self.fields.iter().find(is_gone) {
            Some(gone) => Err(Message::new("import-field-gone").with("name", &gone.name).conflict()),
            None => Ok(()),
        }
    }
}

/// Numbers of rows of a slice by what happens to them.
#[derive(Debug, Clone, Copy, Default)]
pub struct SliceCounts {
    /// New contacts.
    pub new: i64,
    /// Known contacts that got other values or joined the list.
    pub updated: i64,
    /// Known contacts that stay as they are.
    pub unchanged: i64,
    /// Addresses that a tombstone blocks.
    pub tombstoned: i64,
}

/// The changes that a slice makes.
#[derive(Default)]
struct Plan<'a> {
    counts: SliceCounts,
    new: Vec<ContactRow<'a>>,
    /// Known contacts with other values.
    changed: Vec<(Id, Values)>,
    /// Known contacts that join the list.
    joining: Vec<NewSubscription>,
    /// Known contacts that change or join, and when each was last updated as the plan was made.
    versions: Vec<(Id, Millis)>,
}

/// Counts what a slice would change.
pub async fn dry_run(
    installation: &Installation,
    destination: &Destination,
    rows: &[ImportRow],
) -> Result<SliceCounts> {
    let mut conn = installation.db.read().await?;
    Ok(plan(&mut conn, installation, destination, rows).await?.counts)
}

/// Merges a slice in one transaction. Where there is a connection for COPY, new contacts are copied in by a
/// transaction of its own.
pub async fn apply(
    installation: &Installation,
    destination: &Destination,
    rows: &[ImportRow],
    copy: &mut Option<CopyConnection>,
) -> Result<SliceCounts> {
    for _ in 0..MAX_ATTEMPTS {
        let mut tx = installation.db.write().await?;
        lock_addresses_shared(&mut tx).await?;
        list::need_open(&mut tx, destination.workspace, &destination.list.name).await?;
        destination.ensure_fields(&mut tx).await?;
        let plan = plan(&mut tx, installation, destination, rows).await?;
        match execute(&mut tx, installation, destination, &plan, copy).await {
            Ok(true) => {
                count_kept_out(&mut tx, installation, destination, plan.counts.tombstoned).await?;
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

/// Counts the rows of people who stay out, without anyone's identity.
async fn count_kept_out(tx: &mut Tx, installation: &Installation, destination: &Destination, count: i64) -> Result<()> {
    let Destination { workspace, list, .. } = destination;
    let day = day_of(installation.clock.now());
    let key = DailyKey { workspace: *workspace, list: list.id, campaign: 0, day, kind: DailyKind::KeptOut };
    let counts = DailyCounts::from_iter((count > 0).then_some((key, count)));
    daily_count::add_all(tx, &counts).await
}

async fn plan<'a>(
    conn: &mut Conn,
    installation: &Installation,
    destination: &Destination,
    rows: &'a [ImportRow],
) -> Result<Plan<'a>> {
    // The list may have been closed since the last slice.
    list::need(conn, destination.workspace, &destination.list.name).await?;
    let canonical: Vec<_> = rows.iter().map(|row| row.canonical()).collect();
    // Contacts before tombstones: a contact erased in between is then known and tombstoned, never new.
    let known = contact::find_many(conn, destination.workspace, &canonical).await?;
    let tombstoned = tombstoned(conn, installation, destination, rows).await?;
    let ids: Vec<_> = known.iter().map(|contact| contact.id).collect();
    let on_list: HashSet<Id> =
        subscription::states(conn, destination.list.id, &ids).await?.into_iter().map(|(contact, _)| contact).collect();
    let known: HashMap<_, _> = known.into_iter().map(|contact| (contact.address.canonical(), contact)).collect();

    let mut plan = Plan::default();
    for row in rows {
        match known.get(row.canonical()) {
            _ if tombstoned.contains(row.canonical()) => plan.counts.tombstoned += 1,
            Some(contact) => {
                let values = serde_json::from_str(row.values()).expect("written by the first pass");
                plan.add_known(contact, values, on_list.contains(&contact.id), &installation.ids)?;
            }
            None => plan.add_new(row),
        }
    }
    Ok(plan)
}

/// The canonical addresses of those of these rows that a tombstone blocks, also one of an earlier version.
async fn tombstoned<'a>(
    conn: &mut Conn,
    installation: &Installation,
    destination: &Destination,
    rows: &'a [ImportRow],
) -> Result<HashSet<&'a str>> {
    let Destination { workspace, list, .. } = destination;
    if !tombstone::is_any(conn, *workspace).await? {
        return Ok(HashSet::new());
    }
    let key = &installation.keys.tombstone;
    let earlier = |row: &ImportRow| {
        let escaped = row.address().contains('\\').then(|| Address::parse_stored(row.address()))?;
        Some(tombstone::digest_canonical(key, *workspace, &escaped.earlier_canonical()?))
    };
    let digests = rows.iter().flat_map(|row| {
        let digest = tombstone::digest_canonical(key, *workspace, row.canonical());
        [Some(digest), earlier(row)].into_iter().flatten().map(|digest| (row.canonical(), digest))
    });
    let (canonical, digests): (Vec<_>, Vec<_>) = digests.unzip();
    let blocking = tombstone::find_blocking(conn, *workspace, list.id, &digests).await?;
    Ok(canonical.iter().zip(&digests).filter(|(_, digest)| blocking.contains(*digest)).map(|(one, _)| *one).collect())
}

impl<'a> Plan<'a> {
    fn add_new(&mut self, row: &'a ImportRow) {
        self.counts.new += 1;
        self.new.push(ContactRow {
            address: row.address(),
            canonical: row.canonical(),
            fields: row.values(),
            folded: row.folded(),
        });
    }

    /// Values of the file replace those of the contact; cells that are empty in the file change nothing.
    fn add_known(&mut self, contact: &Contact, values: Values, on_list: bool, ids: &Ids) -> Result<()> {
        let changed = values.iter().any(|(name, value)| contact.values.get(name) != Some(value));
        if on_list && !changed {
            self.counts.unchanged += 1;
            return Ok(());
        }
        self.counts.updated += 1;
        self.versions.push((contact.id, contact.updated_at));
        if changed {
            let mut merged = contact.values.clone();
            merged.extend(values);
            self.changed.push((contact.id, merged));
        }
        if !on_list {
            self.joining.push(NewSubscription { id: ids.next()?, contact: contact.id, state: State::Confirmed });
        }
        Ok(())
    }
}

/// Executes a plan. Returns false when another process changed, subscribed or erased one of its contacts
/// since it was made.
async fn execute(
    tx: &mut Tx,
    installation: &Installation,
    destination: &Destination,
    plan: &Plan<'_>,
    copy: &mut Option<CopyConnection>,
) -> Result<bool> {
    let ids: Vec<_> = plan.versions.iter().map(|(id, _)| *id).collect();
    let locked: HashSet<_> = contact::lock_existing(tx, &ids).await?.into_iter().collect();
    let joining: Vec<_> = plan.joining.iter().map(|joining| joining.contact).collect();
    let on_list = subscription::states(tx, destination.list.id, &joining).await?;
    if !on_list.is_empty() || !plan.versions.iter().all(|version| locked.contains(version)) {
        return Ok(false);
    }
    let now = installation.clock.now();
    let Destination { workspace, list, evidence, .. } = destination;
    contact::update_values(tx, *workspace, &plan.changed, now).await?;
    if !plan.new.is_empty() {
        match copy {
            Some(copy) => copy_in_new(tx, installation, destination, &plan.new, copy, now).await?,
            None => insert_new(tx, installation, destination, &plan.new, now).await?,
        }
    }
    if !plan.joining.is_empty() {
        let evidence = consent::ensure_evidence(tx, installation, *workspace, evidence).await?;
        subscription::join(tx, *workspace, list.id, &plan.joining, now).await?;
        consent::record(tx, &installation.ids, *workspace, &joining, evidence, &destination.terms, now).await?;
    }
    Ok(true)
}

/// Inserts new contacts in the transaction.
async fn insert_new(
    tx: &mut Tx,
    installation: &Installation,
    destination: &Destination,
    contacts: &[ContactRow<'_>],
    now: Millis,
) -> Result<()> {
    let Destination { workspace, list, evidence, .. } = destination;
    let ids = NewContactIds::reserve(&installation.ids, *workspace, contacts.len())?;
    remember(tx, destination, ids, now).await?;
    let evidence = consent::ensure_evidence(tx, installation, *workspace, evidence).await?;
    contact::insert_subscribed(tx, ids, contacts, now).await?;
    subscription::insert_new(tx, list.id, ids, now).await?;
    consent::insert_new(tx, ids, evidence, &destination.terms, now).await
}

/// Remembers what the import adds.
async fn remember(tx: &mut Tx, destination: &Destination, ids: NewContactIds, now: Millis) -> Result<()> {
    match destination.import {
        Some(import) => added_range::record(tx, import, destination.list.id, ids, now).await,
        None => Ok(()),
    }
}

/// Copies in new contacts by a COPY transaction of its own, which commits here. `tx` meanwhile locks the rows that the
/// contacts depend on, and writes none of them: the contacts are valid whether or not `tx` commits. If it does not, they are
/// not removed by an undo.
async fn copy_in_new(
    tx: &mut Tx,
    installation: &Installation,
    destination: &Destination,
    contacts: &[ContactRow<'_>],
    copy: &mut CopyConnection,
    now: Millis,
) -> Result<()> {
    let Destination { workspace, list, evidence, .. } = destination;
    let ids = NewContactIds::reserve(&installation.ids, *workspace, contacts.len())?;
    remember(tx, destination, ids, now).await?;
    let indexed = indexed_field::list_writable(tx, *workspace).await?;
    let known_evidence = consent::find_evidence(tx, *workspace, evidence).await?;
    let mut copy = copy.begin().await?;
    let evidence = match known_evidence {
        Some(evidence) => evidence,
        None => consent::copy_in_evidence(&mut copy, installation, *workspace, evidence).await?,
    };
    contact::copy_in(&mut copy, ids, &indexed, contacts, now).await?;
    subscription::copy_in(&mut copy, list.id, ids, now).await?;
    consent::copy_in(&mut copy, ids, evidence, &destination.terms, now).await?;
    copy.commit().await
}
