//! One seed: an installation in virtual time, its contacts, campaigns and mailers, and the relay they send to.

use std::sync::Arc;

use sendoff::audience::list;
use sendoff::campaign::delivery::uncertain::UncertainPolicy;
use sendoff::campaign::lane::{self, Lane};
use sendoff::campaign::model::transition;
use sendoff::campaign::model::{self, Campaign, NewCampaign, State, content};
use sendoff::campaign::recurrence::Recurrence;
use sendoff::campaign::schedule::StartTime;
use sendoff::campaign::{launch, series};
use sendoff::infra::clock::Millis;
use sendoff::infra::failpoint;
use sendoff::infra::id::Id;
use sendoff::infra::installation::Installation;
use sendoff::mailer::relay::{self, RelayKind};
use sendoff::mailer::smtp::endpoint::Endpoint;
use sqlx::Row;

use crate::driver;
use crate::installation::{LIST_SIZES, SeedInstallation};
use crate::launches::learn_launch;
use crate::mailer::{Mailer, lease_file};
use crate::observations::{Checked, ObservedCampaign, Shared, Violation};
use crate::plan::{Mistake, Plan, Start};
use crate::relay::Relay;
use crate::rng::Rng;

/// A seed that runs.
pub struct Simulation {
    /// Its installation.
    pub seed: SeedInstallation,
    /// What it has decided.
    pub plan: Plan,
    /// The mistake that it is to find.
    pub mistake: Option<Mistake>,
    /// Decides what happens next.
    pub rng: Rng,
    /// The mailers.
    pub mailers: Vec<Mailer>,
    /// The relay.
    pub relay: Arc<Relay>,
    /// What happened.
    pub observations: Shared,
    /// The list of the campaign.
    pub list: Id,
    /// The contacts on it.
    pub contacts: Vec<Id>,
}

impl Simulation {
    /// Everything before the first step.
    pub async fn start(
        seed: SeedInstallation,
        (plan, mut rng): (Plan, Rng),
        observations: Shared,
        mistake: Option<Mistake>,
    ) -> Checked<Self> {
        failpoint::inject(mistake.and_then(Mistake::bug));
        observations.lock().trace.push(format!("{plan:?}"));
        let installation = seed.installation.clone();
        let (list, contacts) = {
            let mut conn = installation.db.read().await?;
            let list = list::need(&mut conn, seed.workspace, &format!("of {}", LIST_SIZES[plan.list])).await?;
            let rows = sqlx::query(
                "select c.id, c.address from contact c join subscription s on s.contact_id = c.id
                 where s.list_id = $1 order by c.id",
            )
            .bind(list.id)
            .fetch_all(&mut *conn)
            .await?;
            let mut observations = observations.lock();
            for row in &rows {
                observations.contacts.insert(row.get(1), row.get(0));
            }
            (list.id, rows.iter().map(|row| row.get(0)).collect())
        };
        let relay = Relay::new(observations.clone(), installation.clone(), &plan, rng.fork());
        driver::set(|conditions| conditions.delays = Some(rng.fork()));
        let mut simulation =
            Self { seed, plan, mistake, rng, mailers: Vec::new(), relay, observations, list, contacts };
        simulation.set_relay(0).await?;
        simulation.create_campaign().await?;
        for m in 0..simulation.plan.mailers {
            let machine = simulation.seed.machine(m);
            let network = simulation.relay.network(m, lease_file(&machine));
            let machine = Installation { network, ..machine };
            simulation.mailers.push(Mailer::start(machine));
        }
        simulation.observe().await?;
        Ok(simulation)
    }

    /// Sets the relay and the limit of the lane. Another `version` is a changed relay, with which rounds start anew.
    pub async fn set_relay(&mut self, version: u16) -> Checked {
        let installation = &self.seed.installation;
        let target = Endpoint::parse(&format!("smtp://relay.example:{}/mail.shop.example", 2_500 + version))?;
        let mut relay = relay::Relay::to(RelayKind::Smtp(Box::new(target)));
        (relay.connections, relay.ahead) = (self.plan.connections, self.plan.ahead);
        let mut tx = installation.db.write().await?;
        relay::save(installation, &mut tx, self.seed.workspace, &relay).await?;
        if !self.plan.limit.is_unlimited() {
            let lane = Lane { rate_limit: self.plan.limit, ..Lane::new(lane::REST, "") };
            lane::set(&mut tx, self.seed.workspace, &lane).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Drafts the campaign of the plan and starts it as planned.
    async fn create_campaign(&mut self) -> Checked {
        let installation = self.seed.installation.clone();
        let (source, now) = (self.plan.file(), installation.clock.now());
        let new = NewCampaign {
            id: installation.ids.next().expect("an id"),
            name: "news",
            format: "md",
            source: &source,
            list: self.list,
            segment: None,
        };
        let mut tx = installation.db.write().await?;
        let id = model::save_draft(&mut tx, self.seed.workspace, &new, now).await?;
        let draft = model::find(&mut tx, id).await?.ok_or_else(|| Violation("a draft vanished".to_owned()))?;
        let schedule = content::read_file(&mut tx, draft.id).await?.schedule;
        match self.plan.start {
            Start::Scheduled => {
                let at = now + 60_000;
                let start = StartTime { at, local: "2026-11-21 10:01".to_owned(), zone: "UTC".to_owned() };
                transition::schedule(&mut tx, &draft, &start).await?;
            }
            Start::Daily => {
                let recurrence: Option<&Recurrence> = schedule.recurrence();
                let recurrence = recurrence.ok_or_else(|| Violation("a series has no recurrence".to_owned()))?;
                series::start(&mut tx, &draft, recurrence, installation.ids.next().expect("an id"), now).await?;
            }
            Start::Now | Start::Hold => {}
        }
        tx.commit().await?;
        if matches!(self.plan.start, Start::Now | Start::Hold) {
            launch::start(&installation, &draft).await?;
        }
        Ok(())
    }

    /// The campaigns as they are now, oldest first.
    pub async fn campaigns(&self) -> Checked<Vec<Campaign>> {
        let mut all = model::list(&mut *self.seed.installation.db.read().await?, self.seed.workspace).await?;
        all.reverse();
        Ok(all)
    }

    /// Observes every campaign: those that are new, stopped, or finished.
    pub async fn observe(&mut self) -> Checked {
        // Not the whole rows: this is asked after every step.
        let rows = sqlx::query("select id, state, holds_until, launched_at from campaign order by id")
            .fetch_all(&mut *self.seed.installation.db.read().await?)
            .await?;
        for row in &rows {
            let (id, state): (Id, State) = (row.get(0), row.get::<String, _>(1).parse()?);
            if row.get::<Option<Millis>, _>(3).is_some() {
                learn_launch(&self.seed.installation, &self.observations, id).await?;
            }
            let is_new_end = {
                let mut observations = self.observations.lock();
                let (before, now) = (observations.campaigns.get(&id).copied(), observations.uptime());
                let since = before.and_then(|seen| seen.stopped).unwrap_or(now);
                // A scheduled campaign starts by itself between two observations.
                let stopped = Some(since).filter(|_| !matches!(state, State::Running | State::Scheduled));
                let repeats = before.map_or(self.plan.uncertain == UncertainPolicy::Resend, |seen| seen.repeats);
                let seen = ObservedCampaign { state, stopped, repeats, holds_until: row.get(2) };
                observations.campaigns.insert(id, seen);
                state == State::Finished && before.is_some_and(|seen| seen.state != State::Finished)
            };
            if is_new_end {
                self.check_finished(id).await?;
            }
        }
        self.make_mistakes().await?;
        let violation = self.observations.lock().violation.clone();
        violation.map_or(Ok(()), Err)
    }

    /// Makes the mistakes that are none of the program's: between two steps, as if a mailer had.
    async fn make_mistakes(&mut self) -> Checked {
        let text = match self.mistake {
            Some(Mistake::FinishedEarly) => {
                "update campaign set state = 'finished' where state = 'running' and not exists
                 (select 1 from delivery d where d.campaign_id = campaign.id and d.state = 'pending' and d.due_at <= $1)"
            }
            Some(Mistake::SnapshotForgotten) => {
                "update delivery set snapshot_address = null, snapshot_fields = null
                 where state = 'pending' and $1 > 0"
            }
            _ => return Ok(()),
        };
        let now = self.seed.installation.clock.now();
        let mut tx = self.seed.installation.db.write().await?;
        sqlx::query(text).bind(now).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}
