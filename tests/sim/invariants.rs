//! The invariants: no delivery is lost or sent twice, the counts reconcile, the rate limit holds, and no more is
//! uncertain than the faults explain.

use std::collections::BTreeMap;

use sendoff::campaign::delivery::{self, State};
use sendoff::campaign::erased_counts;
use sendoff::campaign::lane;
use sendoff::campaign::model;
use sendoff::infra::clock::Millis;
use sendoff::infra::id::Id;
use sqlx::Row;

use crate::observations::{Checked, ensure, whole};
use crate::simulation::Simulation;

/// Deferrals of a contact after which a delivery may be given up.
const MANY_DEFERRALS: usize = 20;

/// The longest time between the moment for which tokens are drawn and their transaction, without a stall, in ms.
const SLOW_DRAW: Millis = 1_000;

impl Simulation {
    /// The kept counts are those of the rows, every planned delivery is counted once, and the uncertain are few.
    pub async fn check_counts(&self, at_end: bool) -> Checked {
        let mut uncertain = 0;
        let planned = self.observations.lock().planned.clone();
        for (campaign, planned) in planned {
            let mut conn = self.seed.installation.db.read().await?;
            let rows = sqlx::query(
                "select state, count(*), cast(sum(resent) as bigint) from delivery
                 where campaign_id = $1 group by state",
            )
            .bind(campaign)
            .fetch_all(&mut *conn)
            .await?;
            let counted: BTreeMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            let kept = delivery::count(&mut conn, campaign).await?;
            let kept: BTreeMap<String, i64> = kept.iter().map(|(state, count)| (state.to_string(), *count)).collect();
            ensure(kept == counted, || format!("the kept counts are {kept:?}, the rows are {counted:?}"))?;
            let erased = erased_counts::list(&mut conn, campaign).await?;
            ensure(erased.values().all(|count| *count >= 0), || format!("a count of the erased is {erased:?}"))?;
            let gone: i64 = State::ALL.iter().filter_map(|state| erased.get(&(state.to_string(), 0))).sum();
            let there: i64 = counted.values().sum();
            ensure(planned == there + gone, || {
                format!("{planned} messages were planned, {there} are there and {gone} were erased")
            })?;
            let state = State::Uncertain.to_string();
            uncertain += counted.get(&state).copied().unwrap_or(0) + erased.get(&(state, 0)).copied().unwrap_or(0);
            uncertain += rows.iter().map(|row| row.get::<i64, _>(2)).sum::<i64>();
        }
        let observations = self.observations.lock();
        let (deaths, lost, resolved) = (observations.deaths, observations.replies_lost, observations.resolved);
        // A contact that is erased while the message is on the wire counts as uncertain until its result is known.
        let exposed = self.plan.exposed();
        let erased_in_flight = (whole(self.mailers.len()) * exposed).min(whole(observations.gone.len()));
        let most = deaths * exposed + lost + if at_end { 0 } else { erased_in_flight };
        ensure(uncertain + resolved <= most, || {
            let uncertain = uncertain + resolved;
            format!(
                "{uncertain} messages were uncertain after {deaths} deaths and {lost} lost replies; at most {most} may be"
            )
        })
    }

    /// No day has more messages than its quota, no stretch of time more than its rate, and none left without a token.
    /// To be called before the clock is set.
    pub async fn check_limit(&mut self) -> Checked {
        let limit = self.plan.limit;
        if limit.is_unlimited() {
            return Ok(());
        }
        let row = sqlx::query("select day, used from rate_account where lane = $1")
            .bind(lane::REST)
            .fetch_optional(&mut *self.seed.installation.db.read().await?)
            .await?;
        let mut observations = self.observations.lock();
        if let Some(row) = row {
            let (day, used): (i64, i64) = (row.get(0), row.get(1));
            let most = limit.daily;
            ensure(most.is_none_or(|most| used <= most), || format!("{used} messages of one day, of {most:?}"))?;
            if let Some((before, seen)) = observations.drawn.last_key_value().map(|(before, seen)| (*before, *seen))
                && before < day
            {
                // The last draws of a day may be overwritten by the first of the next before anyone looks.
                let unseen = match (limit.daily, limit.rate) {
                    (Some(daily), _) => daily - seen,
                    (None, rate) => whole(self.mailers.len()) * rate.unwrap_or(0.0).ceil() as i64,
                };
                observations.drawn.insert(before, seen + unseen);
                observations.draws.clear();
            }
            observations.drawn.insert(day, used);
        }
        let (drawn, sent, now) =
            (observations.drawn.values().sum::<i64>(), observations.bodies_sent, observations.uptime());
        ensure(sent <= drawn, || format!("{sent} messages left, {drawn} tokens were drawn"))?;
        // A draw takes the time before it waits for its transaction: what was waiting in a stall comes late.
        if now - observations.stalled_at < SLOW_DRAW {
            observations.draws.clear();
        }
        observations.draws.push((now, drawn));
        let Some(rate) = limit.rate else { return Ok(()) };
        for (since, before) in &observations.draws {
            let time = (now - since + SLOW_DRAW) as f64 / 1_000.0;
            let most = time * rate + rate.max(1.0) + 1.0;
            let count = drawn - before;
            ensure(count as f64 <= most, || format!("{count} tokens drawn in {time} s at {rate} a second"))?;
        }
        Ok(())
    }

    /// No delivery of a finished campaign is open.
    pub async fn check_finished(&self, campaign: Id) -> Checked {
        let number = {
            let mut observations = self.observations.lock();
            let number = observations.campaign_number(campaign);
            observations.note(format!("campaign {number} is finished"));
            number
        };
        let row = sqlx::query(
            "select count(*) from delivery where campaign_id = $1 and state in ('pending', 'leased', 'sending')",
        )
        .bind(campaign)
        .fetch_one(&mut *self.seed.installation.db.read().await?)
        .await?;
        let open: i64 = row.get(0);
        ensure(open == 0, || format!("campaign {number} is finished with {open} open deliveries"))
    }

    /// At the end every delivery has a final state, and it is the true one.
    pub async fn check_ends(&self) -> Checked {
        for campaign in self.campaigns().await?.iter().filter(|campaign| campaign.launched_at.is_some()) {
            let number = self.observations.lock().campaign_number(campaign.id);
            let ended = matches!(campaign.state, model::State::Finished | model::State::Cancelled);
            ensure(ended, || format!("campaign {number} is {} at the end", campaign.state))?;
            let rows = sqlx::query("select id, state from delivery where campaign_id = $1 order by id")
                .bind(campaign.id)
                .fetch_all(&mut *self.seed.installation.db.read().await?)
                .await?;
            for row in &rows {
                let state: State = row.get::<String, _>(1).parse()?;
                self.check_end(row.get(0), state, campaign.state == model::State::Cancelled)?;
            }
            if !self.observations.lock().repeats(campaign.id) {
                self.check_sum(campaign.id).await?;
            }
        }
        self.check_counts(true).await
    }

    fn check_end(&self, id: Id, state: State, cancelled: bool) -> Checked {
        let observations = self.observations.lock();
        let accepted = observations.accepted.get(&id).copied().unwrap_or(0);
        let (contact, campaign) = observations.deliveries.get(&id).copied().unwrap_or_default();
        let repeats = observations.repeats(campaign);
        let never = accepted == 0 || repeats;
        let gone = observations.gone.contains_key(&contact);
        let deferrals = observations.deferred.get(&contact).copied().unwrap_or(0);
        let rejected = observations.rejected.contains(&id)
            || observations.rejected_contacts.contains(&contact)
            || deferrals >= MANY_DEFERRALS;
        let is_true = match state {
            State::Accepted => accepted > 0,
            State::Rejected => rejected && never,
            State::Uncertain => true,
            State::Suppressed => gone && never,
            State::Skipped => cancelled && never,
            State::Pending | State::Leased | State::Sending => false,
        };
        ensure(is_true, || {
            let name = observations.name(id);
            format!(
                "{name} ends {state}; accepted {accepted} times, rejected: {rejected}, gone: {gone}, cancelled: {cancelled}"
            )
        })
    }

    /// As many as are recorded accepted were accepted, and at most the uncertain ones more, the erased included.
    async fn check_sum(&self, campaign: Id) -> Checked {
        let mut conn = self.seed.installation.db.read().await?;
        let erased = erased_counts::list(&mut conn, campaign).await?;
        let there: BTreeMap<State, i64> = delivery::count(&mut conn, campaign).await?.into_iter().collect();
        let sum = |state: State| {
            there.get(&state).copied().unwrap_or(0) + erased.get(&(state.to_string(), 0)).copied().unwrap_or(0)
        };
        let observations = self.observations.lock();
        let of_campaign = |id: &&Id| observations.deliveries.get(*id).is_some_and(|of| of.1 == campaign);
        let sent = whole(observations.accepted.keys().filter(of_campaign).count());
        let (accepted, uncertain) = (sum(State::Accepted), sum(State::Uncertain));
        ensure((accepted..=accepted + uncertain).contains(&sent), || {
            format!("the relay accepted {sent} messages; {accepted} are recorded accepted and {uncertain} uncertain")
        })
    }
}
