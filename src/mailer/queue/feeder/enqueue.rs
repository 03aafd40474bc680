//! Dealing letters out: each is drawn from every limit it stands under and has its relay before it
//! is claimed, so that nothing is claimed which may not leave.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::{ActiveCampaign, RelayQueue, SendRound};
use crate::campaign::delivery::{self, Claim, Claimed, Marked};
use crate::infra::error::Result;
use crate::infra::failpoint::{self, Bug};
use crate::mailer::limits::LaneLimit;
use crate::mailer::queue::job::Job;
use crate::mailer::shutdown::or_stopped;
use crate::mailer::{lease, send_round};

/// How long a relay may leave its queue full before others take over.
const STUCK: Duration = Duration::from_secs(2);

impl SendRound {
    /// Letters that the queues of a campaign's relays take.
    pub(super) fn room(&self, sending: &ActiveCampaign) -> i64 {
        let room: usize = sending.carriers.iter().map(|at| self.docks[*at].hand.max_capacity()).sum();
        i64::try_from(room).unwrap_or(i64::MAX)
    }

    /// Draws up to `want` letters from every limit they stand under; returns a relay for each.
    pub(super) async fn draw(&self, gate: &LaneLimit, sending: &ActiveCampaign, want: i64) -> Result<Vec<usize>> {
        let all = self.limits.all.take(want).await?;
        let lane = if failpoint::has_bug(Bug::SkipTokenDraw) { all } else { gate.purse.take(all).await? };
        self.limits.all.put_back(all - lane);
        let mut among = self.open_carriers(sending);
        let mut seats = Vec::new();
        while i64::try_from(seats.len()).is_ok_and(|count| count < lane) {
            let chosen = self.wheel.lock().unwrap_or_else(PoisonError::into_inner).pick(&among);
            let Some(chosen) = chosen else { break };
            match self.docks[chosen].bench.purse.take(1).await? {
                0 => among.retain(|(at, _)| *at != chosen),
                _ => seats.push(chosen),
            }
        }
        self.limits.put_back(&gate.name, lane - i64::try_from(seats.len()).unwrap_or(lane));
        Ok(seats)
    }

    /// The relays that may carry a campaign now, with their weights: spares only where no other can,
    /// and those that take nothing only where all do.
    fn open_carriers(&self, sending: &ActiveCampaign) -> Vec<(usize, u32)> {
        let mut among: Vec<usize> = sending.carriers.clone();
        for leave_out in
            [|dock: &RelayQueue| !dock.is_open(), |dock: &RelayQueue| dock.relay.spare, RelayQueue::is_stuck]
        {
            let left: Vec<usize> = among.iter().copied().filter(|at| !leave_out(&self.docks[*at])).collect();
            if !left.is_empty() || among.iter().all(|at| !self.docks[*at].is_open()) {
                among = left;
            }
        }
        among.into_iter().map(|at| (at, self.docks[at].relay.weight)).collect()
    }

    pub(super) async fn claim(&self, sending: &ActiveCampaign, lane: &str, limit: usize) -> Result<Vec<Claimed>> {
        let wanted = Claim { mailer: self.shift.lease(), campaign: sending.campaign.id, lane, limit, now: self.now() };
        let (db, hand) = (&self.shift.installation.db, &self.shift.hand);
        let mut conn = db.read().await?;
        let claimed = match !db.is_shared() || lease::is_only_mailer(&mut conn, self.shift.lease()).await? {
            true => delivery::claim(&mut conn, hand, &wanted).await?,
            false => {
                drop(conn);
                let look = hand.begin_scan().await;
                let mut tx = db.write().await?;
                lease::lock_row(&mut tx, db, self.shift.lease()).await?;
                let claimed = delivery::claim::lease(&mut tx, db, look, &wanted).await?;
                tx.commit().await?;
                claimed
            }
        };
        failpoint::hit("after-claim");
        Ok(claimed)
    }

    pub(super) fn put_back(&self, gate: &LaneLimit, seats: &[usize]) {
        self.limits.put_back(&gate.name, i64::try_from(seats.len()).unwrap_or(0));
        for at in seats {
            self.docks[*at].bench.purse.put_back(1);
        }
    }

    /// Hands claimed letters to the relays that were drawn for them, at the pace of the lane. When the
    /// round ends, the lane is paused or its pace falls, those that are left go back.
    pub(super) async fn hand_over(
        &self,
        gate: &LaneLimit,
        sending: &ActiveCampaign,
        claimed: Vec<Claimed>,
        seats: &[usize],
    ) {
        let rate = gate.rate();
        for (claimed, at) in claimed.into_iter().zip(seats) {
            let dock = &self.docks[*at];
            let known = self.known(&claimed).await;
            let mut job = Job { claimed, composer: sending.composer.clone(), seat: None, known };
            let keeps = !gate.is_closed() && gate.rate() == rate && !*self.over.borrow() && dock.is_open();
            let left = match keeps {
                true => match or_stopped(&self.over, gate.pass()).await {
                    Some(seat) => {
                        job.seat = seat;
                        self.enqueue(dock, sending, job).await
                    }
                    None => Err(job),
                },
                false => Err(job),
            };
            if let Err(job) = left {
                send_round::give_back(&dock.bench, &job).await;
            }
        }
    }

    async fn known(&self, claimed: &Claimed) -> Option<Marked> {
        if !failpoint::has_bug(Bug::SkipFinalCheck) {
            return None;
        }
        let mut conn = self.shift.installation.db.read().await.ok()?;
        delivery::peek(&mut conn, claimed.id, self.now()).await.ok().flatten()
    }

    /// Puts a letter into the queue of a relay; gives it back when the round ends first, or the relay
    /// takes nothing and there are others.
    async fn enqueue(&self, dock: &RelayQueue, sending: &ActiveCampaign, job: Job) -> std::result::Result<(), Job> {
        let alone = sending.carriers.len() < 2;
        if !alone && dock.is_stuck() {
            return Err(job);
        }
        loop {
            let Some(place) = or_stopped(&self.over, timeout(STUCK, dock.hand.reserve())).await else {
                return Err(job);
            };
            match place {
                Ok(Ok(place)) => {
                    dock.stuck.store(false, Ordering::Relaxed);
                    place.send(job);
                    return Ok(());
                }
                Ok(Err(_)) => return Err(job),
                Err(_) if alone && dock.is_open() => {}
                Err(_) => {
                    dock.stuck.store(true, Ordering::Relaxed);
                    return Err(job);
                }
            }
        }
    }
}
