//! Claims deliveries for relays: draws tokens of every limit and picks a relay first, so that nothing is claimed that
//! may not be sent.

use std::sync::PoisonError;

use super::feeder::{ActiveCampaign, Feeder};
use super::relay_queue::RelayQueue;
use crate::campaign::delivery::{self, Claim, Claimed, Marked};
use crate::infra::error::Result;
use crate::infra::failpoint::{self, Bug};
use crate::mailer::lease;
use crate::mailer::limits::LaneLimit;
use crate::mailer::queue::job::Job;
use crate::mailer::shutdown::or_stopped;

impl Feeder {
    /// Jobs that the queues of a campaign's relays accept.
    pub(super) fn queue_length(&self, campaign: &ActiveCampaign) -> i64 {
        let length: usize = campaign.eligible.iter().map(|at| self.relays[*at].length()).sum();
        i64::try_from(length).unwrap_or(i64::MAX)
    }

    /// Draws up to `want` tokens of the workspace, of the lane and of relays; returns the relay of each message.
    pub(super) async fn draw(&self, lane: &LaneLimit, campaign: &ActiveCampaign, want: i64) -> Result<Vec<usize>> {
        let of_workspace = self.limits.all.draw(want).await?;
        let of_lane = match failpoint::has_bug(Bug::SkipTokenDraw) {
            true => of_workspace,
            false => lane.tokens.draw(of_workspace).await?,
        };
        self.limits.all.refund(of_workspace - of_lane);
        let mut available = self.available_relays(campaign);
        let mut drawn = Vec::new();
        while i64::try_from(drawn.len()).is_ok_and(|count| count < of_lane) {
            let relay = self.balancer.lock().unwrap_or_else(PoisonError::into_inner).pick(&available);
            let Some(relay) = relay else { break };
            match self.relays[relay].context.tokens.draw(1).await? {
                0 => available.retain(|(at, _)| *at != relay),
                _ => drawn.push(relay),
            }
        }
        self.limits.refund(&lane.name, of_lane - i64::try_from(drawn.len()).unwrap_or(of_lane));
        Ok(drawn)
    }

    /// The relays that may carry a campaign now, with their weights: spare relays only if no other is available, and
    /// stuck ones only if all are.
    fn available_relays(&self, campaign: &ActiveCampaign) -> Vec<(usize, u32)> {
        let mut available: Vec<usize> = campaign.eligible.clone();
        let exclusions: [fn(&RelayQueue) -> bool; 3] =
            [|queue| !queue.is_available(), |queue| queue.relay.spare, RelayQueue::is_stuck];
        for is_excluded in exclusions {
            let left: Vec<usize> = available.iter().copied().filter(|at| !is_excluded(&self.relays[*at])).collect();
            if !left.is_empty() || available.iter().all(|at| !self.relays[*at].is_available()) {
                available = left;
            }
        }
        available.into_iter().map(|at| (at, self.relays[at].relay.weight)).collect()
    }

    /// Claims up to `limit` due deliveries: in memory if this mailer is the only one, otherwise in the rows.
    pub(super) async fn claim(&self, campaign: &ActiveCampaign, lane: &str, limit: usize) -> Result<Vec<Claimed>> {
        let mailer = &self.mailer;
        let wanted = Claim { mailer: mailer.lease, campaign: campaign.campaign.id, lane, limit, now: self.now() };
        let db = &mailer.installation.db;
        let mut conn = db.read().await?;
        let claimed = match !db.is_shared() || lease::is_only_mailer(&mut conn, mailer.lease).await? {
            true => delivery::claim(&mut conn, &mailer.in_flight, &wanted).await?,
            false => {
                drop(conn);
                let scan = mailer.in_flight.begin_scan().await;
                let mut tx = db.write().await?;
                lease::lock_row(&mut tx, db, mailer.lease).await?;
                let claimed = delivery::claim::lease(&mut tx, scan, &wanted).await?;
                tx.commit().await?;
                claimed
            }
        };
        failpoint::hit("after-claim");
        Ok(claimed)
    }

    /// Returns the tokens of messages that were drawn and not claimed.
    pub(super) fn refund(&self, lane: &LaneLimit, drawn: &[usize]) {
        self.limits.refund(&lane.name, i64::try_from(drawn.len()).unwrap_or(0));
        for relay in drawn {
            self.relays[*relay].context.tokens.refund(1);
        }
    }

    /// Hands claimed deliveries to the relays that were drawn for them, at the rate of the lane. When the round ends,
    /// the lane is paused or its rate changes, the rest is released.
    pub(super) async fn hand_over(
        &self,
        lane: &LaneLimit,
        campaign: &ActiveCampaign,
        claimed: Vec<Claimed>,
        drawn: &[usize],
    ) {
        let (rate, only) = (lane.rate(), campaign.eligible.len() < 2);
        for (claimed, relay) in claimed.into_iter().zip(drawn) {
            let queue = &self.relays[*relay];
            let unchecked = self.read_without_mark(&claimed).await;
            let mut job = Job { claimed, composer: campaign.composer.clone(), lane_slot: None, unchecked };
            let may_go = !lane.is_closed() && lane.rate() == rate && !*self.round_over.borrow() && queue.is_available();
            let pushed = match may_go {
                true => match or_stopped(&self.round_over, lane.wait_for_turn()).await {
                    Some(slot) => {
                        job.lane_slot = slot;
                        queue.push(job, only, &self.round_over).await
                    }
                    None => Err(job),
                },
                false => Err(job),
            };
            if let Err(job) = pushed {
                queue.context.release(&job.claimed).await;
            }
        }
    }

    /// With the bug `SkipFinalCheck`: what the message is made from, without a mark.
    async fn read_without_mark(&self, claimed: &Claimed) -> Option<Marked> {
        if !failpoint::has_bug(Bug::SkipFinalCheck) {
            return None;
        }
        let mut conn = self.mailer.installation.db.read().await.ok()?;
        delivery::peek(&mut conn, claimed.id, self.now()).await.ok().flatten()
    }
}
