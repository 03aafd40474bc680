//! The promises, weighed against what really happened: in between, when a campaign is called
//! finished, and at the end.

use std::collections::{BTreeMap, BTreeSet};

use sendoff::campaign::delivery::{self, State};
use sendoff::campaign::erased_counts;
use sendoff::campaign::model;
use sendoff::infra::id::Id;
use sqlx::Row;

use crate::mailer::Mailer;
use crate::observations::{Broken, Kept, need};
use crate::world::World;

impl World {
    /// The kept counts are those of the rows, nobody is counted twice or not at all, and no more is
    /// uncertain than the faults explain.
    pub async fn weigh_counts(&self) -> Kept {
        let mut uncertain = 0;
        let mut conn = self.site.installation.db.read().await?;
        for (campaign, seen) in self.facts.campaigns.iter().filter(|(_, seen)| seen.planned > 0) {
            let rows = sqlx::query(
                "select state, count(*), cast(sum(resent) as bigint) from delivery where campaign_id = $1 group by state",
            )
            .bind(*campaign)
            .fetch_all(&mut *conn)
            .await?;
            let recount: BTreeMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            let kept = delivery::count(&mut conn, *campaign).await?;
            let kept: BTreeMap<String, i64> = kept.iter().map(|(state, count)| (state.to_string(), *count)).collect();
            need(kept == recount, || format!("the kept counts are {kept:?}, the rows are {recount:?}"))?;
            let gone = erased_counts::list(&mut conn, *campaign).await?;
            need(gone.values().all(|count| *count >= 0), || format!("a count of those who left is {gone:?}"))?;
            let left: i64 = State::ALL.iter().filter_map(|state| gone.get(&(state.to_string(), 0))).sum();
            let there: i64 = recount.values().sum();
            need(seen.planned == there + left, || {
                format!("{} letters were planned, {there} are there and {left} went with their people", seen.planned)
            })?;
            let word = State::Uncertain.to_string();
            uncertain += recount.get(&word).copied().unwrap_or(0) + gone.get(&(word, 0)).copied().unwrap_or(0);
            uncertain += rows.iter().map(|row| row.get::<i64, _>(2)).sum::<i64>();
        }
        let (deaths, lost, settled) = (self.facts.deaths, self.facts.lost, self.facts.settled);
        // Whoever is erased while their letter is on the wire counts as uncertain until its end is known.
        let most = deaths * self.plan.exposed() + lost + self.open_ends();
        need(uncertain + settled <= most, || {
            let settled = uncertain + settled;
            format!(
                "{settled} letters were uncertain after {deaths} deaths and {lost} lost answers; at most {most} may be"
            )
        })
    }

    /// Letters of people who are gone whose end a mailer knows or will know, and has not written down.
    fn open_ends(&self) -> i64 {
        let is_open = |id: &Id| {
            let person = self.facts.deliveries.get(id).map(|(_, person)| person);
            person.is_some_and(|person| self.facts.gone.contains_key(person))
        };
        let ids: BTreeSet<Id> = self.mailers.iter().flat_map(Mailer::marked).filter(is_open).collect();
        i64::try_from(ids.len()).expect("a few")
    }

    /// Nothing of a campaign that is called finished is open.
    pub async fn has_finished(&mut self, campaign: Id) -> Kept {
        let ordinal = self.facts.campaign(campaign);
        self.note(format!("campaign {ordinal} is finished"));
        let mut conn = self.site.installation.db.read().await?;
        let row = sqlx::query(
            "select count(*) from delivery where campaign_id = $1 and state in ('pending', 'leased', 'sending')",
        )
        .bind(campaign)
        .fetch_one(&mut *conn)
        .await?;
        let open: i64 = row.get(0);
        need(open == 0, || format!("campaign {ordinal} is called finished with {open} open letters"))
    }

    /// When all is over, every single letter has an end, and it is the true one.
    pub async fn weigh_ends(&self) -> Kept {
        for campaign in self.campaigns().await?.iter().filter(|campaign| campaign.launched_at.is_some()) {
            let over = matches!(campaign.state, model::State::Finished | model::State::Cancelled);
            need(over, || format!("campaign {} is {} at the end", self.facts.campaign(campaign.id), campaign.state))?;
            let rows = sqlx::query("select id, state from delivery where campaign_id = $1 order by id")
                .bind(campaign.id)
                .fetch_all(&mut *self.site.installation.db.read().await?)
                .await?;
            for row in &rows {
                let state: State = row.get::<String, _>(1).parse()?;
                self.weigh_end(row.get(0), state, campaign.state == model::State::Cancelled)?;
            }
            if !self.facts.repeats(campaign.id) {
                self.weigh_sum(campaign.id).await?;
            }
        }
        self.weigh_counts().await
    }

    fn weigh_end(&self, id: Id, state: State, cancelled: bool) -> Kept {
        let name = self.facts.name(id);
        let taken = self.facts.taken.get(&id).map_or(0, Vec::len);
        let (campaign, person) = self.facts.deliveries.get(&id).copied().unwrap_or_default();
        let repeats = self.facts.repeats(campaign);
        let never = taken == 0 || repeats;
        let gone = self.facts.gone.contains_key(&person);
        let refused = self.facts.refused.contains(&id);
        let truth = match state {
            State::Accepted => taken > 0,
            State::Rejected => refused && never,
            State::Uncertain => true,
            State::Suppressed => gone && never,
            State::Skipped => cancelled && never,
            State::Pending | State::Leased | State::Sending => false,
        };
        need(truth, || {
            format!(
                "{name} ends {state}; taken {taken} times, refused: {refused}, gone: {gone}, cancelled: {cancelled}"
            )
        })
    }

    /// As many as are called accepted were taken, and at most the uncertain ones more. With those who left.
    async fn weigh_sum(&self, campaign: Id) -> Kept {
        let mut conn = self.site.installation.db.read().await?;
        let gone = erased_counts::list(&mut conn, campaign).await?;
        let there: BTreeMap<State, i64> = delivery::count(&mut conn, campaign).await?.into_iter().collect();
        let sum = |state: State| {
            there.get(&state).copied().unwrap_or(0) + gone.get(&(state.to_string(), 0)).copied().unwrap_or(0)
        };
        let taken =
            self.facts.taken.keys().filter(|id| self.facts.deliveries.get(id).is_some_and(|of| of.0 == campaign));
        let taken = i64::try_from(taken.count()).map_err(|_| Broken("too many".to_owned()))?;
        let (accepted, uncertain) = (sum(State::Accepted), sum(State::Uncertain));
        need((accepted..=accepted + uncertain).contains(&taken), || {
            format!("the relay took {taken} letters; {accepted} are called accepted and {uncertain} uncertain")
        })
    }
}
