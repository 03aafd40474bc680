//! Brings letters to the connections of a round. Each lane has a feeder of its own, so that one that
//! must go slowly holds up no other: it draws what its limits allow, claims as many letters, and
//! deals them out to the relays by weight.

mod enqueue;

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::campaign::composer::Composer;
use crate::campaign::delivery;
use crate::campaign::model::Campaign;
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::mailer::keyed_tasks::KeyedTasks;
use crate::mailer::limits::{LaneLimit, Limits};
use crate::mailer::queue::job::Job;
use crate::mailer::relay::Relay;
use crate::mailer::relay_context::RelayContext;
use crate::mailer::relay_selection::{self, WeightedRoundRobin};
use crate::mailer::scheduler::Scheduler;
use crate::mailer::send_round::{self, LOOK};
use crate::mailer::shutdown::stopped;

/// How long a feeder waits for its limits to allow another letter, and the feed between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A relay with its connections and the queue before them.
pub struct RelayQueue {
    relay: Relay,
    bench: Arc<RelayContext>,
    hand: mpsc::Sender<Job>,
    /// True while its connections take nothing.
    stuck: AtomicBool,
}

/// A campaign that runs, with the relays that may carry it.
struct ActiveCampaign {
    campaign: Campaign,
    composer: Arc<Composer>,
    carriers: Vec<usize>,
}

/// One round of sending.
pub struct SendRound {
    shift: Arc<Scheduler>,
    workspace: Id,
    docks: Vec<RelayQueue>,
    limits: Arc<Limits>,
    over: watch::Receiver<bool>,
    wheel: Mutex<WeightedRoundRobin>,
    running: RwLock<Arc<Vec<ActiveCampaign>>>,
}

/// Feeds until nothing can be sent any more or the round is over.
pub async fn run(round: Arc<SendRound>) -> Result<()> {
    let mut feeders = KeyedTasks::default();
    let mut probes = JoinSet::new();
    let mut looked = None::<Instant>;
    while !round.is_over() {
        if looked.is_none_or(|at| at.elapsed() >= LOOK) || !round.limits.tripped_campaigns().is_empty() {
            round.look().await?;
            looked = Some(Instant::now());
        }
        round.pause_the_stranded().await?;
        round.probe(&mut probes);
        for lane in round.lanes_to_feed().await? {
            if !feeders.has(&lane) {
                feeders.start(lane.clone(), feed(round.clone(), lane));
            }
        }
        // What a connection has in hand may come back, for another to send.
        if feeders.is_empty() && round.is_idle() {
            break;
        }
        let pause = if feeders.is_empty() { PAUSE / 4 } else { PAUSE };
        tokio::select! {
            biased;
            () = stopped(round.over.clone()) => {}
            () = round.limits.alarm.notified() => {}
            Some((_, fed)) = feeders.ended() => fed?,
            () = sleep(pause) => {}
        }
    }
    while let Some((_, fed)) = feeders.ended().await {
        fed?;
    }
    Ok(())
}

/// Feeds the letters of one lane until none is due, or none may leave for longer than a moment.
async fn feed(round: Arc<SendRound>, lane: String) -> Result<()> {
    let gate = round.limits.gate(&lane);
    loop {
        let running = round.running();
        let (mut found, mut held) = (false, false);
        for sending in running.iter() {
            if round.is_over() || gate.is_closed() {
                return Ok(());
            }
            let share = (gate.chunk().min(round.room(sending)) / i64::try_from(running.len()).unwrap_or(1)).max(1);
            let seats = round.draw(&gate, sending, share).await?;
            if seats.is_empty() {
                held |= round.is_due(sending, &lane).await? && round.blocked(&gate, sending).is_none();
                continue;
            }
            let claimed = round.claim(sending, &lane, seats.len()).await?;
            round.put_back(&gate, &seats[claimed.len()..]);
            found |= !claimed.is_empty();
            round.hand_over(&gate, sending, claimed, &seats).await;
        }
        if !found && !held {
            return Ok(());
        }
        if !found {
            sleep(PAUSE / 2).await;
        }
    }
}

impl RelayQueue {
    /// A relay whose connections wait at the far end of `hand`.
    pub fn new(relay: Relay, bench: Arc<RelayContext>, hand: mpsc::Sender<Job>) -> Self {
        Self { relay, bench, hand, stuck: AtomicBool::default() }
    }

    fn is_open(&self) -> bool {
        !self.bench.trouble.is_serious()
    }

    fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed) && self.hand.capacity() == 0
    }

    fn is_idle(&self) -> bool {
        self.hand.capacity() == self.hand.max_capacity() && self.bench.is_idle()
    }
}

impl SendRound {
    /// A round over these relays.
    pub fn new(
        shift: Arc<Scheduler>,
        workspace: Id,
        docks: Vec<RelayQueue>,
        limits: Arc<Limits>,
        over: watch::Receiver<bool>,
    ) -> Self {
        Self { shift, workspace, docks, limits, over, wheel: Mutex::default(), running: RwLock::default() }
    }

    fn is_over(&self) -> bool {
        *self.over.borrow() || !(self.shift.gate)()
    }

    fn is_idle(&self) -> bool {
        self.docks.iter().all(RelayQueue::is_idle)
    }

    fn running(&self) -> Arc<Vec<ActiveCampaign>> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn now(&self) -> Millis {
        self.shift.installation.clock.now()
    }

    /// Takes in what has changed: campaigns that run, limits, lanes that were resumed. Stops campaigns
    /// that bounce too much.
    async fn look(&self) -> Result<()> {
        for campaign in self.limits.tripped_campaigns() {
            let why = Message::new("breaker-bounces").with("most", crate::campaign::stop_rule::MAX_HARD_BOUNCES);
            self.pause(campaign, &why.with("first", crate::campaign::stop_rule::WATCHED_RESULTS)).await?;
            self.limits.stopped(campaign);
        }
        let before = self.running();
        let mut running = Vec::new();
        let campaigns = send_round::running(&self.shift, self.workspace).await?;
        let begun = self.shift.see(self.workspace, campaigns.iter().map(|campaign| campaign.id).collect());
        for campaign in campaigns {
            let known = before.iter().find(|sending| sending.campaign.id == campaign.id);
            let composer =
                match known.map(|sending| Ok(sending.composer.clone())).unwrap_or_else(|| self.composer(&campaign)) {
                    Ok(composer) => composer,
                    Err(error) => {
                        self.pause(campaign.id, &error.message()).await?;
                        continue;
                    }
                };
            let relays: Vec<Relay> = self.docks.iter().map(|dock| dock.relay.clone()).collect();
            let carriers = relay_selection::eligible_relays(&relays, composer.relay(), composer.from());
            if begun.contains(&campaign.id) {
                self.try_anew(&carriers);
            }
            running.push(ActiveCampaign { campaign, composer, carriers });
        }
        let mut conn = self.shift.installation.db.read().await?;
        self.limits.refresh(&mut conn).await?;
        for sending in &running {
            self.limits.watch(&mut conn, sending.campaign.id).await?;
        }
        *self.running.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(running);
        Ok(())
    }

    fn composer(&self, campaign: &Campaign) -> Result<Arc<Composer>> {
        Ok(Arc::new(Composer::open(&self.shift.installation, campaign)?))
    }

    /// A campaign begins to run, or goes on because someone said so: if all its relays rest, they are
    /// tried now.
    fn try_anew(&self, carriers: &[usize]) {
        if carriers.iter().all(|at| !self.docks[*at].is_open()) {
            for at in carriers {
                self.docks[*at].bench.trouble.forgive();
            }
        }
    }

    /// Pauses the campaigns that no relay is left to carry.
    async fn pause_the_stranded(&self) -> Result<()> {
        let running = self.running();
        let mut stranded = HashSet::new();
        for sending in running.iter() {
            let verdicts: Vec<_> = sending.carriers.iter().map(|at| self.docks[*at].bench.trouble.verdict()).collect();
            let Some(reason) = verdicts.iter().cloned().collect::<Option<Vec<_>>>() else { continue };
            stranded.insert(sending.campaign.id);
            match reason.first() {
                Some(reason) => send_round::pause(&self.shift, sending.campaign.id, reason).await?,
                None => self.pause(sending.campaign.id, &nobody(&sending.composer)).await?,
            }
        }
        if !stranded.is_empty() {
            self.look().await?;
        }
        Ok(())
    }

    async fn pause(&self, campaign: Id, why: &Message) -> Result<()> {
        send_round::pause(&self.shift, campaign, &why.pack()).await
    }

    /// Sees whether relays that have rested answer again.
    fn probe(&self, probes: &mut JoinSet<()>) {
        for dock in &self.docks {
            if dock.bench.trouble.is_rested() {
                let bench = dock.bench.clone();
                probes.spawn(async move {
                    if bench.answers().await {
                        bench.trouble.come_back();
                    }
                });
            }
        }
    }

    /// The lanes in which letters are due that may leave. Campaigns whose letters all must wait are
    /// noted, with the time when they go on.
    async fn lanes_to_feed(&self) -> Result<BTreeSet<String>> {
        let mut open = BTreeSet::new();
        let mut conn = self.shift.installation.db.read().await?;
        for sending in self.running().iter() {
            let (mut free, mut until) = (false, Vec::new());
            for lane in delivery::lanes_due(&mut conn, sending.campaign.id).await? {
                if delivery::next_due_in(&mut conn, sending.campaign.id, &lane).await?.is_none_or(|at| at > self.now())
                {
                    continue;
                }
                match self.blocked(&self.limits.gate(&lane), sending) {
                    None => {
                        free = true;
                        open.insert(lane);
                    }
                    Some(blocked) => until.push(blocked),
                }
            }
            match free || until.is_empty() {
                true => self.shift.note_free(sending.campaign.id),
                false => self.shift.note_wait(sending.campaign.id, until.into_iter().flatten().min()),
            }
        }
        Ok(open)
    }

    /// Whether letters of a campaign in a lane must wait for longer than a moment: until a time, or
    /// until someone resumes the lane.
    fn blocked(&self, gate: &LaneLimit, sending: &ActiveCampaign) -> Option<Option<Millis>> {
        if gate.is_closed() {
            return Some(None);
        }
        let shut = [self.limits.all.shut_until(), gate.purse.shut_until()].into_iter().flatten().max();
        let carriers = sending.carriers.iter().map(|at| &self.docks[*at]).filter(|dock| dock.is_open());
        let relays: Option<Vec<Millis>> = carriers.map(|dock| dock.bench.purse.shut_until()).collect();
        let relays = relays.and_then(|until| until.into_iter().min());
        [shut, relays].into_iter().flatten().max().map(Some)
    }

    async fn is_due(&self, sending: &ActiveCampaign, lane: &str) -> Result<bool> {
        let mut conn = self.shift.installation.db.read().await?;
        let next = delivery::next_due_in(&mut conn, sending.campaign.id, lane).await?;
        Ok(next.is_some_and(|at| at <= self.now()))
    }
}

/// Why no relay carries a campaign.
fn nobody(composer: &Composer) -> Message {
    match composer.relay() {
        Some(name) => Message::new("relay-gone").with("name", name),
        None => Message::new("relay-for-others"),
    }
}
