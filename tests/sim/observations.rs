//! Facts that the program never sees: which messages the relay accepted, since when a contact may not be mailed, since
//! when a campaign is stopped. The invariants compare the database with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sendoff::campaign::model::State;
use sendoff::infra::clock::Millis;
use sendoff::infra::id::Id;
use tokio::time::Instant;

/// A broken invariant, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

impl From<sendoff::infra::error::Error> for Violation {
    fn from(error: sendoff::infra::error::Error) -> Self {
        Self(format!("an error that no fault explains: {error:?}"))
    }
}

impl From<sqlx::Error> for Violation {
    fn from(error: sqlx::Error) -> Self {
        Self(format!("an error that no fault explains: {error:?}"))
    }
}

/// A step that kept all invariants, or the one it broke.
pub type Checked<T = ()> = Result<T, Violation>;

/// An error unless the invariant holds.
pub fn ensure(holds: bool, why: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Violation(why())) }
}

/// A small count as SQL has it.
pub fn whole(count: usize) -> i64 {
    i64::try_from(count).expect("a few")
}

/// A campaign as it was observed last.
#[derive(Debug, Clone, Copy)]
pub struct ObservedCampaign {
    /// Its state.
    pub state: State,
    /// Since when nothing of it may be sent, by the uptime.
    pub stopped: Option<Millis>,
    /// Whether the operator had uncertain messages of it sent again.
    pub repeats: bool,
    /// No message leaves before, by the wall clock.
    pub holds_until: Option<Millis>,
}

/// What happened, in virtual time.
#[derive(Debug)]
pub struct Observations {
    began: Instant,
    /// Every step, for whoever reads the history of a seed.
    pub trace: Vec<String>,
    /// The first invariant that was broken.
    pub violation: Option<Violation>,
    /// Number of deliveries of each launched campaign.
    pub planned: BTreeMap<Id, i64>,
    /// Contact and campaign of each delivery.
    pub deliveries: BTreeMap<Id, (Id, Id)>,
    /// The delivery of each Message-ID.
    pub message_ids: HashMap<String, Id>,
    /// The contact of each address.
    pub contacts: HashMap<String, Id>,
    /// How often the relay accepted each delivery.
    pub accepted: BTreeMap<Id, i64>,
    /// The first body of each delivery, whatever became of it.
    pub bodies: BTreeMap<Id, Vec<u8>>,
    /// Deliveries that the relay rejected, or the operator found rejected in its log.
    pub rejected: BTreeSet<Id>,
    /// Contacts that the relay rejected, with some delivery: an envelope does not name its campaign.
    pub rejected_contacts: BTreeSet<Id>,
    /// How often the relay deferred each contact.
    pub deferred: BTreeMap<Id, usize>,
    /// When each contact was last offered to the relay, by the uptime.
    pub offered: BTreeMap<Id, Millis>,
    /// When the lease of a mailer last expired, by the uptime, and its id.
    pub expired_leases: BTreeMap<usize, (Millis, Id)>,
    /// Since when contacts may not be mailed, by the uptime.
    pub gone: BTreeMap<Id, Millis>,
    /// The campaigns.
    pub campaigns: BTreeMap<Id, ObservedCampaign>,
    /// Mailers that died or lost their lease.
    pub deaths: i64,
    /// Bodies that reached the relay as a whole.
    pub bodies_sent: i64,
    /// Bodies whose reply no mailer read.
    pub replies_lost: i64,
    /// Uncertain deliveries that were resolved by the log of the relay.
    pub resolved: i64,
    /// Tokens drawn under the rate limit, by day.
    pub drawn: BTreeMap<i64, i64>,
    /// When all machines last stood still, by the uptime.
    pub stalled_at: Millis,
    /// Sums of `drawn` with their time by the uptime, since the wall clock was set or the machines stood still.
    pub draws: Vec<(Millis, i64)>,
    /// Whether the wall clock was ever put back.
    pub clock_put_back: bool,
}

/// The observations of a seed, which the relay and the simulation share.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<Observations>>);

impl Shared {
    /// Nothing is observed yet.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Observations {
            began: Instant::now(),
            trace: Vec::new(),
            violation: None,
            planned: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            message_ids: HashMap::new(),
            contacts: HashMap::new(),
            accepted: BTreeMap::new(),
            bodies: BTreeMap::new(),
            rejected: BTreeSet::new(),
            rejected_contacts: BTreeSet::new(),
            deferred: BTreeMap::new(),
            offered: BTreeMap::new(),
            expired_leases: BTreeMap::new(),
            gone: BTreeMap::new(),
            campaigns: BTreeMap::new(),
            deaths: 0,
            bodies_sent: 0,
            replies_lost: 0,
            resolved: 0,
            drawn: BTreeMap::new(),
            stalled_at: 0,
            draws: Vec::new(),
            clock_put_back: false,
        })))
    }

    /// The observations, for a moment without an `await`.
    pub fn lock(&self) -> MutexGuard<'_, Observations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observations {
    /// Milliseconds since the seed began. It never jumps.
    pub fn uptime(&self) -> Millis {
        Millis::try_from(self.began.elapsed().as_millis()).expect("a few days")
    }

    /// Writes a step into the trace.
    pub fn note(&mut self, text: impl AsRef<str>) {
        self.trace.push(format!("{:>7} ms  {}", self.uptime(), text.as_ref()));
    }

    /// Keeps the first violation.
    pub fn check(&mut self, checked: Checked) {
        if let Err(violation) = checked {
            self.violation.get_or_insert(violation);
        }
    }

    /// A delivery without its key, which differs from run to run.
    pub fn name(&self, delivery: Id) -> String {
        let (contact, campaign) = self.deliveries.get(&delivery).copied().unwrap_or_default();
        format!("message {}.{}", self.campaign_number(campaign), self.contact_number(contact))
    }

    /// A campaign without its key.
    pub fn campaign_number(&self, campaign: Id) -> usize {
        self.campaigns.keys().take_while(|other| **other < campaign).count()
    }

    /// A contact without its key.
    pub fn contact_number(&self, contact: Id) -> usize {
        self.contacts.values().filter(|other| **other < contact).count()
    }

    /// Whether messages of a campaign may be sent more than once.
    pub fn repeats(&self, campaign: Id) -> bool {
        self.campaigns.get(&campaign).is_some_and(|seen| seen.repeats)
    }

    /// Records that a contact may not be mailed from now on.
    pub fn contact_gone(&mut self, contact: Id) {
        let now = self.uptime();
        self.gone.entry(contact).or_insert(now);
    }
}
