//! What really happened: what the relay took, who left when, which campaign stood still since when.
//! The product never sees this; the oaths are weighed against it.

use std::collections::{BTreeMap, BTreeSet};

use sendoff::campaign::model::State;
use sendoff::infra::clock::Millis;
use sendoff::infra::id::Id;

/// A promise that was not kept, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(pub String);

impl From<sendoff::infra::error::Error> for Broken {
    fn from(error: sendoff::infra::error::Error) -> Self {
        Self(format!("an error that no fault explains: {error:?}"))
    }
}

impl From<sqlx::Error> for Broken {
    fn from(error: sqlx::Error) -> Self {
        Self(format!("an error that no fault explains: {error:?}"))
    }
}

/// A step that kept all promises, or the one it broke.
pub type Kept<T = ()> = Result<T, Broken>;

/// Breaks off when a promise is not kept.
pub fn need(kept: bool, why: impl FnOnce() -> String) -> Kept {
    if kept { Ok(()) } else { Err(Broken(why())) }
}

/// A campaign as it was seen last.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Its state.
    pub state: State,
    /// Since when it does not run, by the uptime.
    pub stopped: Option<Millis>,
    /// How many letters were planned; 0 before it is launched.
    pub planned: i64,
    /// True when someone had uncertain letters of it repeated.
    pub repeats: bool,
    /// Nothing leaves before, by the wall clock.
    pub holds_until: Option<Millis>,
}

/// What really happened.
#[derive(Debug, Default)]
pub struct Facts {
    /// Whom each delivery goes to, and of which campaign it is.
    pub deliveries: BTreeMap<Id, (Id, Id)>,
    /// What each text was made from that the relay took responsibility for.
    pub taken: BTreeMap<Id, Vec<String>>,
    /// What the first text of each delivery was made from, whatever became of it.
    pub texts: BTreeMap<Id, String>,
    /// Deliveries that the relay refused for good, or put off too often.
    pub refused: BTreeSet<Id>,
    /// Since when people may not be written to, by the uptime.
    pub gone: BTreeMap<Id, Millis>,
    /// The campaigns.
    pub campaigns: BTreeMap<Id, Seen>,
    /// Mailers that died or lost their lease.
    pub deaths: i64,
    /// Texts that were answered, or whose answer was lost.
    pub left: i64,
    /// Letters drawn under the limit, by the day that they were drawn for.
    pub drawn: BTreeMap<i64, i64>,
    /// How many were drawn in all, by the uptime, since the clock was set.
    pub draws: Vec<(Millis, i64)>,
    /// Answers that were lost.
    pub lost: i64,
    /// Uncertain letters that were settled from the log of the relay.
    pub settled: i64,
    /// True once the wall clock was put back.
    pub clock_fell: bool,
}

impl Facts {
    /// A delivery without its key, which differs from run to run.
    pub fn name(&self, delivery: Id) -> String {
        let (campaign, person) = self.deliveries.get(&delivery).copied().unwrap_or_default();
        let people: BTreeSet<Id> =
            self.deliveries.values().filter(|(of, _)| *of == campaign).map(|(_, person)| *person).collect();
        format!("letter {}.{}", self.campaign(campaign), people.iter().take_while(|other| **other < person).count())
    }

    /// A campaign without its key.
    pub fn campaign(&self, campaign: Id) -> usize {
        self.campaigns.keys().take_while(|other| **other < campaign).count()
    }

    /// True when letters of a campaign may go out more than once.
    pub fn repeats(&self, campaign: Id) -> bool {
        self.campaigns.get(&campaign).is_some_and(|seen| seen.repeats)
    }
}
