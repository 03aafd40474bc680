//! Feeder of a send round: claims due deliveries and hands them to the queues of relays.
//!
//! Each lane has its own task, so that a slow lane does not hold up another. A task draws tokens of every limit,
//! claims as many deliveries, and spreads them over the relays by weight.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::relay_queue::RelayQueue;
use crate::campaign::composer::Composer;
use crate::campaign::delivery;
use crate::campaign::delivery::open_lanes::{self, OpenLane};
use crate::campaign::delivery::orphan_repair;
use crate::campaign::model::Campaign;
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::Id;
use crate::mailer::keyed_tasks::KeyedTasks;
use crate::mailer::limits::{LaneLimit, Limits};
use crate::mailer::mailer_context::MailerContext;
use crate::mailer::queue::compose::CampaignComposer;
use crate::mailer::relay::Relay;
use crate::mailer::relay_selection::{self, WeightedRoundRobin};
use crate::mailer::shutdown::{or_stopped, stopped};

/// How often a round reads campaigns, limits and settings again.
pub const REFRESH_INTERVAL: Duration = Duration::from_millis(500);

/// How often the feeder looks for lanes with due deliveries.
const FEED_INTERVAL: Duration = Duration::from_millis(100);

/// A running campaign and the relays that may carry it.
pub(super) struct ActiveCampaign {
    pub(super) campaign: Campaign,
    pub(super) composer: Arc<CampaignComposer>,
    /// Positions in [`Feeder::relays`].
    pub(super) eligible: Vec<usize>,
}

/// The feeder of one send round.
pub(super) struct Feeder {
    pub(super) mailer: Arc<MailerContext>,
    workspace: Id,
    pub(super) relays: Vec<RelayQueue>,
    pub(super) limits: Arc<Limits>,
    pub(super) round_over: watch::Receiver<bool>,
    pub(super) balancer: Mutex<WeightedRoundRobin>,
    active: RwLock<Arc<Vec<ActiveCampaign>>>,
}

/// Feeds the relays until nothing can be sent any more or the round is over.
pub(super) async fn run(feeder: Arc<Feeder>) -> Result<()> {
    let mut lanes = KeyedTasks::default();
    let mut probes = JoinSet::new();
    let mut refreshed = None::<Instant>;
    while !feeder.is_over() {
        if refreshed.is_none_or(|at| at.elapsed() >= REFRESH_INTERVAL) || !feeder.limits.tripped().is_empty() {
            feeder.refresh().await?;
            refreshed = Some(Instant::now());
        }
        feeder.pause_undeliverable().await?;
        feeder.probe_relays(&mut probes);
        for lane in feeder.lanes_to_feed().await? {
            if !lanes.has(&lane) {
                lanes.spawn(lane.clone(), feed_lane(feeder.clone(), lane));
            }
        }
        // A delivery that a connection holds may come back and go to another relay.
        if lanes.is_empty() && feeder.is_idle() {
            break;
        }
        let pause = if lanes.is_empty() { FEED_INTERVAL / 4 } else { FEED_INTERVAL };
        tokio::select! {
            biased;
            () = sleep(pause) => {}
            () = stopped(feeder.round_over.clone()) => {}
            () = feeder.limits.alarm.notified() => {}
            Some((_, result)) = lanes.join_next() => {
                result?;
                // A delivery that a connection holds looks due until it is marked: without a pause its lane would be
                // started again and again.
                let _ = or_stopped(&feeder.round_over, sleep(FEED_INTERVAL / 4)).await;
            }
        }
    }
    while let Some((_, result)) = lanes.join_next().await {
        result?;
    }
    Ok(())
}

/// Feeds the deliveries of one lane until none is due, or none may be sent for longer than a moment.
async fn feed_lane(feeder: Arc<Feeder>, lane: String) -> Result<()> {
    failpoint::panic_if(Bug::PanicInLane, &lane);
    let limit = feeder.limits.lane(&lane);
    loop {
        let active = feeder.active();
        let (mut found, mut throttled) = (false, false);
        for campaign in active.iter() {
            if feeder.is_over() || limit.is_closed() {
                return Ok(());
            }
            let room = limit.claim_limit().min(feeder.queue_length(campaign));
            let share = (room / i64::try_from(active.len()).unwrap_or(1)).max(1);
            let drawn = feeder.draw(&limit, campaign, share).await?;
            if drawn.is_empty() {
                throttled |= feeder.is_due(campaign, &lane).await? && feeder.blocked(&limit, campaign).is_none();
                continue;
            }
            let claimed = feeder.claim(campaign, &lane, drawn.len()).await?;
            feeder.refund(&limit, &drawn[claimed.len()..]);
            found |= !claimed.is_empty();
            feeder.hand_over(&limit, campaign, claimed, &drawn).await;
        }
        if !found && !throttled {
            return Ok(());
        }
        if !found {
            sleep(FEED_INTERVAL / 2).await;
        }
    }
}

impl Feeder {
    /// A feeder of these relays.
    pub(super) fn new(
        mailer: Arc<MailerContext>,
        workspace: Id,
        relays: Vec<RelayQueue>,
        limits: Arc<Limits>,
        round_over: watch::Receiver<bool>,
    ) -> Self {
        let (balancer, active) = (Mutex::default(), RwLock::default());
        Self { mailer, workspace, relays, limits, round_over, balancer, active }
    }

    fn is_over(&self) -> bool {
        *self.round_over.borrow() || !(self.mailer.send_gate)()
    }

    fn is_idle(&self) -> bool {
        self.relays.iter().all(RelayQueue::is_idle)
    }

    fn active(&self) -> Arc<Vec<ActiveCampaign>> {
        self.active.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn now(&self) -> Millis {
        self.mailer.installation.clock.now()
    }

    /// Reads campaigns and limits again. Pauses the campaigns that were stopped.
    async fn refresh(&self) -> Result<()> {
        for (campaign, reason) in self.limits.tripped() {
            self.pause(campaign, &reason).await?;
            self.limits.forget_tripped(campaign);
        }
        let before = self.active();
        let mut active = Vec::new();
        let campaigns = self.mailer.running_campaigns(self.workspace).await?;
        let ids = campaigns.iter().map(|campaign| campaign.id).collect();
        let started = self.mailer.newly_running(self.workspace, ids);
        for campaign in campaigns {
            let known = before.iter().find(|active| active.campaign.id == campaign.id);
            let composer = match known {
                Some(known) => Ok(known.composer.clone()),
                None => self.compile(&campaign).await,
            };
            let composer = match composer {
                Ok(composer) => composer,
                Err(error) => {
                    self.pause(campaign.id, &error.message()).await?;
                    continue;
                }
            };
            let relays: Vec<Relay> = self.relays.iter().map(|queue| queue.relay.clone()).collect();
            let (bound, from) = (composer.composer().relay(), composer.composer().from());
            let eligible = relay_selection::eligible_relays(&relays, bound, from);
            if started.contains(&campaign.id) {
                self.reset_breakers(&eligible);
            }
            active.push(ActiveCampaign { campaign, composer, eligible });
        }
        let mut conn = self.mailer.installation.db.read().await?;
        self.limits.refresh(&mut conn).await?;
        for campaign in &active {
            self.limits.watch(&mut conn, campaign.campaign.id).await?;
        }
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(active);
        Ok(())
    }

    async fn compile(&self, campaign: &Campaign) -> Result<Arc<CampaignComposer>> {
        let mut conn = self.mailer.installation.db.read().await?;
        let composer = Composer::load(&self.mailer.installation, &mut conn, campaign).await?;
        Ok(Arc::new(CampaignComposer::new(composer, self.mailer.compose_pool.clone())))
    }

    /// A campaign starts or is resumed: if all its relays are cooling down, they are tried now.
    fn reset_breakers(&self, eligible: &[usize]) {
        if eligible.iter().all(|at| !self.relays[*at].is_available()) {
            for at in eligible {
                self.relays[*at].context.breaker.reset();
            }
        }
    }

    /// Pauses the campaigns for which no relay is left.
    async fn pause_undeliverable(&self) -> Result<()> {
        let active = self.active();
        let mut paused = HashSet::new();
        for campaign in active.iter() {
            let breakers = campaign.eligible.iter().map(|at| &self.relays[*at].context.breaker);
            let Some(reasons) = breakers.map(|breaker| breaker.open_reason()).collect::<Option<Vec<_>>>() else {
                continue;
            };
            paused.insert(campaign.campaign.id);
            match reasons.first() {
                Some(reason) => self.mailer.pause(campaign.campaign.id, reason).await?,
                None => self.pause(campaign.campaign.id, &no_relay(campaign.composer.composer())).await?,
            }
        }
        if !paused.is_empty() {
            self.refresh().await?;
        }
        Ok(())
    }

    async fn pause(&self, campaign: Id, reason: &Message) -> Result<()> {
        self.mailer.pause(campaign, &reason.pack()).await
    }

    /// Probes the relays whose cooldown is over.
    fn probe_relays(&self, probes: &mut JoinSet<()>) {
        for queue in &self.relays {
            if queue.context.breaker.start_probe() {
                let context = queue.context.clone();
                probes.spawn(async move {
                    if context.is_reachable().await {
                        context.breaker.half_open();
                    }
                });
            }
        }
    }

    /// The lanes with due deliveries that may be sent. Records the campaigns whose deliveries all wait.
    async fn lanes_to_feed(&self) -> Result<BTreeSet<String>> {
        let mut open = BTreeSet::new();
        let mut conn = self.mailer.installation.db.read().await?;
        for campaign in self.active().iter() {
            let id = campaign.campaign.id;
            let (mut free, mut until) = (false, Vec::new());
            for lane in self.open_lanes(&mut conn, id).await? {
                if lane.next_due > self.now() {
                    continue;
                }
                match self.blocked(&self.limits.lane(&lane.name), campaign) {
                    None => {
                        free = true;
                        open.insert(lane.name);
                    }
                    Some(blocked) => until.push(blocked),
                }
            }
            match free || until.is_empty() {
                true => self.mailer.clear_waiting(id),
                false => self.mailer.set_waiting(id, until.into_iter().flatten().min()),
            }
        }
        Ok(open)
    }

    /// The lanes with pending deliveries of a campaign. Deliveries that cannot be read are skipped.
    async fn open_lanes(&self, conn: &mut Conn, campaign: Id) -> Result<Vec<OpenLane>> {
        match open_lanes::list(conn, campaign).await {
            Err(error) if !error.is_outage() => {
                let mut tx = self.mailer.installation.db.write().await?;
                let skipped = orphan_repair::skip_unreadable_pending(&mut tx, campaign, self.now()).await?;
                tx.commit().await?;
                tracing::error!(campaign.id = campaign, skipped, "deliveries that cannot be read were skipped");
                open_lanes::list(conn, campaign).await
            }
            lanes => lanes,
        }
    }

    /// Whether the deliveries of a campaign in a lane wait for longer than a moment: `Some(Some(time))` until a time,
    /// `Some(None)` until the lane is resumed.
    fn blocked(&self, lane: &LaneLimit, campaign: &ActiveCampaign) -> Option<Option<Millis>> {
        if lane.is_closed() {
            return Some(None);
        }
        let quota = [self.limits.all.exhausted_until(), lane.tokens.exhausted_until()].into_iter().flatten().max();
        let relays = campaign.eligible.iter().map(|at| &self.relays[*at]).filter(|queue| queue.is_available());
        let relays: Option<Vec<Millis>> = relays.map(|queue| queue.context.tokens.exhausted_until()).collect();
        let relays = relays.and_then(|until| until.into_iter().min());
        [quota, relays, self.busy_until(campaign)].into_iter().flatten().max().map(Some)
    }

    /// When the first relay of a campaign takes sessions again, if none does now.
    fn busy_until(&self, campaign: &ActiveCampaign) -> Option<Millis> {
        let queues = || campaign.eligible.iter().map(|at| &self.relays[*at]);
        if queues().any(RelayQueue::is_available) {
            return None;
        }
        let wait = queues().filter_map(|queue| queue.context.breaker.busy_for()).min()?;
        Some(self.now() + Millis::try_from(wait.as_millis()).unwrap_or(Millis::MAX / 2))
    }

    async fn is_due(&self, campaign: &ActiveCampaign, lane: &str) -> Result<bool> {
        let mut conn = self.mailer.installation.db.read().await?;
        let next = delivery::next_due_in_lane(&mut conn, campaign.campaign.id, lane).await?;
        Ok(next.is_some_and(|at| at <= self.now()))
    }
}

/// Why no relay is eligible for a campaign.
fn no_relay(composer: &Composer) -> Message {
    match composer.relay() {
        Some(name) => Message::new("relay-gone").with("name", name),
        None => Message::new("relay-for-others"),
    }
}
