//! A small world with its own time: people, campaigns, mailers, a relay, and a scheduler that lets
//! them take turns in an order that the seed decides.

use sendoff::audience::list;
use sendoff::campaign::delivery::uncertain::UncertainPolicy;
use sendoff::campaign::model::{self, Campaign, NewCampaign, State, content};
use sendoff::campaign::recurrence::Recurrence;
use sendoff::campaign::schedule::StartTime;
use sendoff::campaign::{launch, series};
use sendoff::infra::clock::Millis;
use sendoff::infra::id::Id;
use sqlx::Row;

use crate::mailer::Mailer;
use crate::observations::{Broken, Facts, Kept, Seen, need};
use crate::plan::{Breach, Plan, Start};
use crate::rng::Dice;
use crate::site::{SIZES, Site};

/// The world of a seed.
pub struct World {
    /// The installation.
    pub site: Site,
    /// What the seed has decided.
    pub plan: Plan,
    /// The promise that is broken on purpose.
    pub breach: Option<Breach>,
    /// What it decides next.
    pub dice: Dice,
    /// Milliseconds since the world began. It never jumps.
    pub uptime: Millis,
    /// The mailers.
    pub mailers: Vec<Mailer>,
    /// What really happened.
    pub facts: Facts,
    /// The list that the campaign goes to.
    pub list: Id,
    /// The people on the lists.
    pub people: Vec<Id>,
    /// The number of the relay.
    pub relay: Id,
    /// What was done, step by step.
    pub trace: Vec<String>,
}

impl World {
    /// The world of a seed, before its first step.
    pub async fn begin(site: Site, seed: u64, breach: Option<Breach>) -> Kept<Self> {
        let mut dice = Dice::new(seed);
        let plan = Plan::of(&mut dice);
        let (list, people) = {
            let mut conn = site.installation.db.read().await?;
            let list = list::need(&mut conn, site.workspace, &format!("of {}", SIZES[plan.size])).await?;
            let rows = sqlx::query("select contact_id from subscription where list_id = $1 order by contact_id")
                .bind(list.id)
                .fetch_all(&mut *conn)
                .await?;
            (list.id, rows.iter().map(|row| row.get(0)).collect())
        };
        let trace = vec![format!("{plan:?}")];
        let (facts, mailers) = (Facts::default(), Vec::new());
        let mut world = Self { site, plan, breach, dice, uptime: 0, mailers, facts, list, people, relay: 1, trace };
        world.compose().await?;
        for _ in 0..world.plan.mailers {
            let mailer = world.hire().await?;
            world.mailers.push(mailer);
        }
        world.observe().await?;
        Ok(world)
    }

    /// Writes down a step.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.trace.push(format!("{:>7} ms  {text}", self.uptime));
    }

    /// The campaign of the plan: drafted, and begun as it is to begin.
    async fn compose(&mut self) -> Kept {
        let installation = self.site.installation.clone();
        let (source, now) = (self.plan.file(), installation.clock.now());
        let new = NewCampaign {
            id: installation.ids.next(),
            name: "news",
            format: "md",
            source: &source,
            list: self.list,
            segment: None,
        };
        let mut tx = installation.db.write().await?;
        let id = model::save_draft(&mut tx, self.site.workspace, &new, now).await?;
        let draft = model::find(&mut tx, id).await?.ok_or_else(|| Broken("a draft vanished".to_owned()))?;
        let schedule = content::read_file(&mut tx, draft.id).await?.schedule;
        match self.plan.start {
            Start::Scheduled => {
                let at = now + 60_000;
                let beginning = StartTime { at, local: "2026-11-21 10:01".to_owned(), zone: "UTC".to_owned() };
                model::schedule(&mut tx, &draft, &beginning).await?;
            }
            Start::Daily => {
                let recurrence: &Recurrence = schedule.recurrence().ok_or_else(|| Broken("no rhythm".to_owned()))?;
                series::start(&mut tx, &draft, recurrence, installation.ids.next(), now).await?;
            }
            Start::Now | Start::Hold => {}
        }
        tx.commit().await?;
        if matches!(self.plan.start, Start::Now | Start::Hold) {
            launch::start(&installation, &draft).await?;
        }
        Ok(())
    }

    /// The campaigns as they are now.
    pub async fn campaigns(&self) -> Kept<Vec<Campaign>> {
        let mut all = model::list(&mut *self.site.installation.db.read().await?, self.site.workspace).await?;
        all.reverse();
        Ok(all)
    }

    /// Looks at every campaign: what is new, what stands still, what has ended.
    pub async fn observe(&mut self) -> Kept {
        // Not the whole rows: this is asked after every step.
        let rows = sqlx::query("select id, state, launched_at, holds_until from campaign order by id")
            .fetch_all(&mut *self.site.installation.db.read().await?)
            .await?;
        for row in &rows {
            let (id, state): (Id, State) = (row.get(0), row.get::<String, _>(1).parse()?);
            let before = self.facts.campaigns.get(&id).copied();
            let planned = match before.map_or(0, |seen| seen.planned) {
                0 if row.get::<Option<Millis>, _>(2).is_some() => self.meet(id).await?,
                planned => planned,
            };
            let since = before.and_then(|seen| seen.stopped).unwrap_or(self.uptime);
            let stopped = Some(since).filter(|_| state != State::Running);
            let repeats = before.map_or(self.plan.fate == UncertainPolicy::Resend, |seen| seen.repeats);
            let seen = Seen { state, stopped, planned, repeats, holds_until: row.get(3) };
            self.facts.campaigns.insert(id, seen);
            if state == State::Finished && before.is_some_and(|seen| seen.state != State::Finished) {
                self.has_finished(id).await?;
            }
        }
        Ok(())
    }

    /// A campaign was launched: everyone who may be written to has a letter of it.
    async fn meet(&mut self, campaign: Id) -> Kept<i64> {
        let mut conn = self.site.installation.db.read().await?;
        let rows = sqlx::query("select id, contact_id from delivery where campaign_id = $1")
            .bind(campaign)
            .fetch_all(&mut *conn)
            .await?;
        for row in &rows {
            self.facts.deliveries.insert(row.get(0), (campaign, row.get(1)));
        }
        let audience = sqlx::query("select count(*) from subscription where list_id = $1 and state = 'confirmed'")
            .bind(self.list)
            .fetch_one(&mut *conn)
            .await?;
        let (planned, audience) = (i64::try_from(rows.len()).expect("a few"), audience.get::<i64, _>(0));
        need(planned == audience, || format!("{audience} people may be written to, {planned} letters are planned"))?;
        Ok(planned)
    }
}
