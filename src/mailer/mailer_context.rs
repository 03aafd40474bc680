//! Context of one mailer while it holds its lease: what its send rounds and connections share.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::begun_bodies::BegunBodies;
use super::lease::{Lease, Work};
use super::lease_freshness::LeaseFreshness;
use super::limits::relay_breaker::RelayBreaker;
use super::queue::compose::ComposePool;
use super::queue::group_commit::GroupCommit;
use super::relay::Relay;
use crate::audience::workspace::end;
use crate::campaign::delivery::claim::InFlight;
use crate::campaign::model::transition;
use crate::campaign::model::{self, Campaign, State};
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Tells whether messages may be sent at this moment; false while unsubscribe requests wait to be applied.
pub type SendGate = Arc<dyn Fn() -> bool + Send + Sync>;

/// How long a workspace waits after a send round that panicked, and the rounds in a row after which its campaigns are
/// paused.
const PANIC_COOLDOWN: Duration = Duration::from_secs(2);
const MAX_PANICS: u32 = 3;

/// How long a campaign counts as waiting before it is looked at again: limits may change at any time.
const WAIT_TTL: Duration = Duration::from_secs(2);

/// What the send rounds and connections of one mailer share.
pub struct MailerContext {
    /// The installation.
    pub installation: Installation,
    /// Whether messages may be sent at this moment.
    pub send_gate: SendGate,
    /// Deliveries that this mailer has claimed and not marked.
    pub in_flight: Arc<InFlight>,
    /// The id of the lease, under which the mailer holds rows.
    pub lease: Id,
    /// Names the deliveries whose body has begun.
    pub begun: Option<Arc<BegunBodies>>,
    /// Whether the lease still holds.
    pub freshness: LeaseFreshness,
    /// Whether this mailer has something to send.
    pub work: Work,
    /// Threads that compose expensive messages.
    pub compose_pool: ComposePool,
    breakers: Mutex<HashMap<Id, (Relay, Arc<RelayBreaker>)>>,
    /// The campaigns that were running at the last look, by workspace.
    running: Mutex<HashMap<Id, HashSet<Id>>>,
    waits: Mutex<HashMap<Id, Wait>>,
    /// Send rounds of a workspace that panicked in a row, and when the last one did.
    panics: Mutex<HashMap<Id, (u32, Instant)>>,
}

/// What the scheduler of a mailer gives to its send rounds. While a clone lives the group commit goes on.
#[derive(Clone)]
pub struct Mailer {
    /// The context.
    pub context: Arc<MailerContext>,
    /// Commits marks and results.
    pub group_commit: GroupCommit,
    /// Takes the connections that a round leaves behind.
    pub draining: Arc<DrainingConnections>,
}

/// Connections of earlier send rounds with a message still on the wire. Dropping it aborts them.
#[derive(Default)]
pub struct DrainingConnections(Mutex<Vec<JoinSet<()>>>);

impl DrainingConnections {
    /// Keeps the connections of a round that is over until their messages have ended.
    pub fn add(&self, connections: JoinSet<()>) {
        locked(&self.0).push(connections);
        self.is_empty();
    }

    /// True when the messages of all connections have ended.
    pub fn is_empty(&self) -> bool {
        let mut all = locked(&self.0);
        all.retain_mut(|connections| {
            while connections.try_join_next().is_some() {}
            !connections.is_empty()
        });
        all.is_empty()
    }
}

/// Every due delivery of a campaign waits: for the next day's quota, or for a paused lane.
struct Wait {
    noted: Instant,
    /// When the wait ends; `None` until an operator acts.
    until: Option<Millis>,
}

impl MailerContext {
    /// The context of a mailer that has just acquired its lease.
    pub fn new(installation: &Installation, lease: &Lease, in_flight: Arc<InFlight>, send_gate: SendGate) -> Self {
        Self {
            installation: installation.clone(),
            send_gate: if failpoint::has_bug(Bug::SkipFinalCheck) { Arc::new(|| true) } else { send_gate },
            in_flight,
            lease: lease.id,
            begun: lease.begun.clone(),
            freshness: lease.freshness(),
            work: lease.work(),
            compose_pool: ComposePool::new(installation.panics.clone()),
            breakers: Mutex::default(),
            running: Mutex::default(),
            waits: Mutex::default(),
            panics: Mutex::default(),
        }
    }

    /// The circuit breaker of a relay. It outlives a send round, because a round that ends for lack of deliveries does
    /// not mean that the relay works. A relay that was changed gets a new breaker.
    pub fn breaker(&self, relay: &Relay) -> Arc<RelayBreaker> {
        let mut breakers = locked(&self.breakers);
        match breakers.get(&relay.id) {
            Some((known, breaker)) if known == relay => breaker.clone(),
            _ => {
                let breaker = Arc::<RelayBreaker>::default();
                breakers.insert(relay.id, (relay.clone(), breaker.clone()));
                breaker
            }
        }
    }

    /// The running campaigns of a workspace that may send now: those whose latest time has not passed.
    pub async fn running_campaigns(&self, workspace: Id) -> Result<Vec<Campaign>> {
        let now = self.installation.clock.now();
        let mut conn = self.installation.db.read().await?;
        if end::is_reached(&mut conn, workspace, now).await? {
            return Ok(Vec::new());
        }
        let all = model::list_in_state(&mut conn, State::Running).await?;
        Ok(all.into_iter().filter(|campaign| campaign.workspace == workspace && !campaign.is_late(now)).collect())
    }

    /// Remembers which campaigns of a workspace run; returns those that did not run at the last call.
    pub fn newly_running(&self, workspace: Id, running: HashSet<Id>) -> HashSet<Id> {
        let before = locked(&self.running).insert(workspace, running.clone()).unwrap_or_default();
        running.difference(&before).copied().collect()
    }

    /// Pauses a campaign, unless it has stopped meanwhile. `reason` is a packed message.
    pub async fn pause(&self, campaign: Id, reason: &str) -> Result<()> {
        let mut tx = self.installation.db.write().await?;
        match model::find(&mut tx, campaign).await? {
            Some(found) if found.state == State::Running => transition::pause(&mut tx, &found, reason).await?,
            _ => return Ok(()),
        }
        tx.commit().await?;
        tracing::warn!(campaign.id = campaign, reason, "campaign paused");
        Ok(())
    }

    /// Pauses every running campaign of a workspace that cannot send at all. Other workspaces are not affected.
    pub async fn pause_all(&self, workspace: Id, reason: &Message) -> Result<()> {
        for campaign in self.running_campaigns(workspace).await? {
            self.pause(campaign.id, &reason.pack()).await?;
        }
        Ok(())
    }

    /// Counts a panic of a workspace's send round, or ends the count when it ended otherwise. True while the round is to be
    /// started again.
    pub fn count_panic(&self, workspace: Id, is_panic: bool) -> bool {
        let mut panics = locked(&self.panics);
        if !is_panic {
            panics.remove(&workspace);
            return false;
        }
        let (count, at) = panics.entry(workspace).or_insert_with(|| (0, Instant::now()));
        (*count, *at) = (*count + 1, Instant::now());
        *count < MAX_PANICS
    }

    /// True for a moment after the send round of a workspace has panicked.
    pub fn is_cooling_down(&self, workspace: Id) -> bool {
        locked(&self.panics).get(&workspace).is_some_and(|(_, at)| at.elapsed() < PANIC_COOLDOWN)
    }

    /// True while any workspace cools down after a panic.
    pub fn is_any_cooling_down(&self) -> bool {
        locked(&self.panics).values().any(|(_, at)| at.elapsed() < PANIC_COOLDOWN)
    }

    /// Records that every due delivery of a campaign waits: until a time, or until an operator acts.
    pub fn set_waiting(&self, campaign: Id, until: Option<Millis>) {
        locked(&self.waits).insert(campaign, Wait { noted: Instant::now(), until });
    }

    /// Records that a campaign has deliveries that may be sent.
    pub fn clear_waiting(&self, campaign: Id) {
        locked(&self.waits).remove(&campaign);
    }

    /// True while a recent [`set_waiting`](Self::set_waiting) holds.
    pub fn is_waiting(&self, campaign: Id) -> bool {
        locked(&self.waits).get(&campaign).is_some_and(|wait| wait.noted.elapsed() < WAIT_TTL)
    }

    /// The end of a campaign's wait: `None` if it does not wait, `Some(None)` if it waits until an operator acts.
    pub fn waits_until(&self, campaign: Id) -> Option<Option<Millis>> {
        locked(&self.waits).get(&campaign).map(|wait| wait.until)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
