//! Limits of a send round: rate limits, quotas and connections of lanes and of the workspace, lane back-off, stop
//! rules.
//!
//! A connection asks before it begins a message and records the reply; everything else follows from that.

pub mod lane_backoff;
pub mod lane_limit;
pub mod rate_account;
pub mod relay_breaker;
pub mod throttle;
pub mod token_reserve;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::relay::Relay;
use super::smtp::reply::Reply;
use super::smtp::reply_class::{self, Class};
use crate::campaign::delivery::Claimed;
use crate::campaign::lane::{self, ALL, Lane};
use crate::campaign::stop_rule::{self, Stop, StopRule};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use lane_backoff::LaneBackoff;
pub use lane_limit::{LaneLimit, MAX_LANE_REFUSALS};
use rate_account::LimitKey;
use token_reserve::TokenReserve;

/// The limits of a workspace, shared by the relays of a send round.
pub struct Limits {
    installation: Installation,
    /// The workspace's id.
    pub workspace: Id,
    /// Tokens of the limit for all lanes together.
    pub all: TokenReserve,
    lanes: Mutex<BTreeMap<String, Arc<LaneLimit>>>,
    stop_rules: Mutex<HashMap<Id, StopRule>>,
    /// Campaigns to be paused, with the reason.
    tripped: Mutex<BTreeMap<Id, Message>>,
    /// Notified when a stop rule has tripped or a lane was closed.
    pub alarm: Notify,
}

impl Limits {
    /// The limits of a workspace as they are now.
    pub async fn open(installation: &Installation, conn: &mut Conn, workspace: Id) -> Result<Self> {
        let all = LimitKey::Lane(ALL.to_owned());
        let limits = Self {
            installation: installation.clone(),
            workspace,
            all: TokenReserve::new(installation, workspace, all, Default::default()),
            lanes: Mutex::default(),
            stop_rules: Mutex::default(),
            tripped: Mutex::default(),
            alarm: Notify::new(),
        };
        limits.refresh(conn).await?;
        Ok(limits)
    }

    /// Reads lanes and back-offs again: an operator or another mailer may have changed them.
    pub async fn refresh(&self, conn: &mut Conn) -> Result<()> {
        let lanes = lane::list(conn, self.workspace).await?;
        let backoffs: HashMap<String, LaneBackoff> =
            lane_backoff::list(conn, self.workspace).await?.into_iter().collect();
        let (now, no_backoff) = (self.installation.clock.now(), LaneBackoff::default());
        let all = lanes.iter().find(|lane| lane.name == ALL).map_or_else(Default::default, |lane| lane.rate_limit);
        self.all.set_rate_limit(all);
        for lane in &lanes {
            drop(self.lane(&lane.name));
        }
        for (name, limit) in locked(&self.lanes).iter() {
            let backoff = backoffs.get(name).unwrap_or(&no_backoff);
            let unlimited = Lane::new(name, "");
            let lane = lanes.iter().find(|lane| lane.name == *name).unwrap_or(&unlimited);
            limit.tokens.set_rate_limit(lane.rate_limit.at_most(backoff.rate(now)));
            limit.set_closed(backoff.reason.is_some());
            limit.set_connections(lane.connections);
        }
        Ok(())
    }

    /// Tokens of a relay's limit.
    pub fn relay_tokens(&self, relay: &Relay) -> TokenReserve {
        TokenReserve::new(&self.installation, self.workspace, LimitKey::Relay(relay.id), relay.rate_limit)
    }

    /// The limits of a lane.
    pub fn lane(&self, name: &str) -> Arc<LaneLimit> {
        let mut lanes = locked(&self.lanes);
        if let Some(limit) = lanes.get(name) {
            return limit.clone();
        }
        let limit = Arc::new(LaneLimit::new(&self.installation, self.workspace, name));
        lanes.insert(name.to_owned(), limit.clone());
        limit
    }

    /// Starts to watch the results of a campaign, unless it is watched already.
    pub async fn watch(&self, conn: &mut Conn, campaign: Id) -> Result<()> {
        if !locked(&self.stop_rules).contains_key(&campaign) {
            let rule = StopRule::load(conn, campaign).await?;
            locked(&self.stop_rules).insert(campaign, rule);
        }
        Ok(())
    }

    /// True when neither the lane nor the campaign of a delivery is stopped.
    pub fn is_open(&self, claimed: &Claimed) -> bool {
        !self.lane(&claimed.lane).is_closed() && !locked(&self.tripped).contains_key(&claimed.campaign)
    }

    /// The campaigns that are to be paused, with the reason.
    pub fn tripped(&self) -> Vec<(Id, Message)> {
        locked(&self.tripped).iter().map(|(campaign, reason)| (*campaign, reason.clone())).collect()
    }

    /// Stops a campaign: none of its messages is begun until it is paused.
    pub fn stop(&self, campaign: Id, reason: Message) {
        locked(&self.tripped).entry(campaign).or_insert(reason);
        self.alarm.notify_one();
    }

    /// True when a relay has accepted a message of a campaign that is watched.
    pub fn has_accepted(&self, campaign: Id) -> bool {
        locked(&self.stop_rules).get(&campaign).is_some_and(StopRule::has_accepted)
    }

    /// Stops watching a campaign that was paused.
    pub fn forget_tripped(&self, campaign: Id) {
        locked(&self.tripped).remove(&campaign);
        locked(&self.stop_rules).remove(&campaign);
    }

    /// Records a reply to a message: it may slow down or pause the lane, or trip the campaign's stop rule.
    pub async fn record_reply(&self, claimed: &Claimed, reply: &Reply, class: Class) {
        let lane = self.lane(&claimed.lane);
        let measured = lane.count_reply();
        let (db, now) = (&self.installation.db, self.installation.clock.now());
        if let Some(fault) = reply_class::sender_fault(reply) {
            match lane_backoff::record_sender_fault(db, self.workspace, &lane.name, (fault, reply), now).await {
                Ok(Some(_)) if !lane.set_closed(true) => {
                    tracing::warn!(lane = lane.name, reply = %reply, "lane paused: provider reports a sender fault");
                    self.alarm.notify_one();
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(error = %error, "sender fault could not be recorded"),
            }
            return;
        }
        if reply_class::is_too_fast(reply) {
            match lane_backoff::slow_down(db, self.workspace, &lane.name, measured, now).await {
                Ok(Some(rate)) => {
                    lane.tokens.set_rate_limit(lane.tokens.rate_limit().at_most(Some(rate)));
                    tracing::info!(lane = lane.name, reply = %reply, rate, "lane slowed down at the provider's request");
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(error = %error, "lane could not be slowed down"),
            }
        }
        if reply.is_transient() {
            return;
        }
        let stopped = locked(&self.stop_rules).get_mut(&claimed.campaign).and_then(|rule| match class {
            Class::Accepted => rule.count_accepted(),
            Class::NoMailbox => rule.count_bounce(),
            _ => rule.count_refusal(),
        });
        match class {
            Class::Accepted => lane.reset_refusals(),
            Class::NoMailbox => {}
            _ if stopped.is_some() => lane.reset_refusals(),
            _ if lane.count_refusal() => self.pause_refused(&lane, reply, class).await,
            _ => {}
        }
        let reason = match stopped {
            None => return,
            Some(Stop::Bounces) => Message::new("breaker-bounces")
                .with("most", stop_rule::MAX_HARD_BOUNCES)
                .with("first", stop_rule::WATCHED_RESULTS),
            Some(Stop::Refusals(count)) => {
                Message::new("campaign-refused").with("class", class).with("reply", reply).with("count", count)
            }
        };
        self.stop(claimed.campaign, reason);
    }

    /// Pauses a lane whose servers refuse one message after another, while other lanes accept the same campaign.
    async fn pause_refused(&self, lane: &LaneLimit, reply: &Reply, class: Class) {
        let reason = Message::new("lane-refused").with("lane", &lane.name).with("class", class).with("reply", reply);
        let reason = reason.with("count", MAX_LANE_REFUSALS);
        match lane_backoff::pause(&self.installation.db, self.workspace, &lane.name, &reason).await {
            Ok(()) if !lane.set_closed(true) => {
                lane.reset_refusals();
                tracing::warn!(lane = lane.name, reply = %reply, "lane paused: its servers refuse one message after another");
                self.alarm.notify_one();
            }
            Ok(()) => {}
            Err(error) => tracing::warn!(error = %error, "a lane could not be paused"),
        }
    }

    /// Returns the tokens of the lane and the workspace for messages that were not sent.
    pub fn refund(&self, lane: &str, count: i64) {
        self.all.refund(count);
        self.lane(lane).tokens.refund(count);
    }

    /// Returns all unused tokens to the database.
    pub async fn close(&self) -> Result<()> {
        self.all.close().await?;
        let lanes: Vec<_> = locked(&self.lanes).values().cloned().collect();
        for lane in lanes {
            lane.tokens.close().await?;
        }
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
