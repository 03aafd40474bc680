//! What befalls the world, and the order in which its parts take turns.

use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::subscription;
use sendoff::campaign::delivery::uncertain::{self, Answer, Scope};
use sendoff::campaign::state::{self, Campaign, State, deadline, recall};
use sendoff::ground::clock::{DAY, Millis};
use sendoff::ground::error::Error;
use sendoff::ground::id::Id;
use sendoff::privacy::erasure::{self, Reason};

use crate::duty::Commit;
use crate::facts::{Broken, Kept};
use crate::plan::{Breach, Start};
use crate::world::World;

/// One step of a mailer.
#[derive(Debug, Clone, Copy)]
enum Work {
    Tick,
    Claim,
    Fill,
    Send,
    Hear,
    Commit,
    Settle,
}

/// One blow.
#[derive(Debug, Clone, Copy)]
enum Blow {
    Die,
    DieCommitting,
    Refused,
    LeaseLost,
    Sleep,
    GoHome,
    Relay,
    Leave,
    Restrict,
    Change,
    Pause,
    Resume,
    End,
    Clock,
    Operator,
}

const WORK: &[(usize, Work)] = &[
    (2, Work::Tick),
    (3, Work::Claim),
    (6, Work::Fill),
    (6, Work::Send),
    (6, Work::Hear),
    (5, Work::Commit),
    (1, Work::Settle),
];

const BLOWS: &[(usize, Blow)] = &[
    (4, Blow::Die),
    (4, Blow::DieCommitting),
    (2, Blow::Refused),
    (4, Blow::LeaseLost),
    (4, Blow::Sleep),
    (1, Blow::GoHome),
    (2, Blow::Relay),
    (5, Blow::Leave),
    (2, Blow::Restrict),
    (3, Blow::Change),
    (3, Blow::Pause),
    (5, Blow::Resume),
    (1, Blow::End),
    (2, Blow::Clock),
    (3, Blow::Operator),
];

impl World {
    /// Time passes, and someone does something.
    pub async fn step(&mut self) -> Kept {
        let pause = self.dice.weighed(&[(10, 0), (6, 40), (4, 400), (1, 3_000), (1, 70_000)]);
        let pause = Millis::try_from(self.dice.below(pause + 1)).expect("seconds");
        self.pass(pause);
        if self.dice.chance(self.plan.storm) { self.strike().await? } else { self.work().await? }
        self.observe().await
    }

    fn pass(&mut self, time: Millis) {
        self.uptime += time;
        self.site.home.clock.advance(time);
    }

    async fn work(&mut self) -> Kept {
        let m = self.dice.below(self.mailers.len());
        if self.mailers[m].asleep {
            self.mailers[m].asleep = self.dice.chance(80);
            return Ok(());
        }
        let l = self.dice.below(self.plan.lines);
        let work = self.dice.weighed(WORK);
        match work {
            Work::Tick => self.tick().await,
            Work::Claim if self.mailers[m].halted => self.go_home(m).await.map(drop),
            Work::Claim => self.claim(m).await,
            Work::Fill => {
                self.fill(m, l);
                Ok(())
            }
            Work::Send => self.send(m, l).await,
            Work::Hear => {
                self.hear(m, l);
                Ok(())
            }
            Work::Commit => self.commit(m, Commit::Whole).await,
            Work::Settle if self.plan.shared => self.settle().await,
            Work::Settle => Ok(()),
        }
    }

    async fn strike(&mut self) -> Kept {
        let m = self.dice.below(self.mailers.len());
        let blow = self.dice.weighed(BLOWS);
        match blow {
            Blow::Die => self.die(m).await,
            Blow::DieCommitting => {
                let how = if self.dice.chance(50) { Commit::DieBefore } else { Commit::DieAfter };
                if self.mailers[m].asleep { Ok(()) } else { self.commit(m, how).await }
            }
            Blow::Refused => if self.mailers[m].asleep { Ok(()) } else { self.commit(m, Commit::Refused).await },
            Blow::LeaseLost => self.lose_lease(m).await,
            Blow::Sleep => {
                self.note(format!("mailer {m} is stopped"));
                self.mailers[m].asleep = true;
                Ok(())
            }
            Blow::GoHome => self.go_home(m).await.map(drop),
            Blow::Relay => {
                self.relay += 1;
                self.note("the relay is changed");
                (0..self.mailers.len()).for_each(|m| self.put_down_everything(m));
                Ok(())
            }
            Blow::Leave => self.leave().await,
            Blow::Restrict => self.restrict().await,
            Blow::Change => self.change().await,
            Blow::Pause | Blow::Resume | Blow::End => self.order(blow).await,
            Blow::Clock => {
                self.jump();
                Ok(())
            }
            Blow::Operator => self.decide().await,
        }
    }

    /// The lease of a mailer runs out: the process was stopped, or the database out of reach.
    async fn lose_lease(&mut self, m: usize) -> Kept {
        if !self.plan.shared || !self.mailers[m].fresh {
            return Ok(());
        }
        self.note(format!("the lease of mailer {m} runs out"));
        self.facts.deaths += 1;
        self.mailers[m].fresh = false;
        let mut tx = self.site.home.db.write().await?;
        sqlx::query("update lease set until = 0 where id = $1").bind(self.mailers[m].id).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    fn someone(&mut self) -> (usize, Id) {
        let at = self.dice.below(self.people.len());
        (at, self.people[at])
    }

    fn is_gone(&mut self, person: Id) {
        self.facts.gone.entry(person).or_insert(self.uptime);
    }

    async fn leave(&mut self) -> Kept {
        let (at, person) = self.someone();
        let (home, workspace, list) = (self.site.home.clone(), self.site.workspace, self.list);
        if self.dice.chance(50) {
            erasure::leave(&home, workspace, person, list, Reason::Left, None).await?;
        } else {
            let found = contact::get(&mut *home.db.read().await?, person).await?;
            let Some(found) = found else { return Ok(()) };
            erasure::erase(&home, workspace, &found.address, Reason::Erased, None).await?;
        }
        self.note(format!("person {at} leaves"));
        self.is_gone(person);
        Ok(())
    }

    async fn restrict(&mut self) -> Kept {
        let (at, person) = self.someone();
        let mut tx = self.site.home.db.write().await?;
        subscription::restrict(&mut tx, person).await?;
        tx.commit().await?;
        self.note(format!("person {at} is restricted"));
        self.is_gone(person);
        Ok(())
    }

    /// The data of a person change: what was sent to them once must not.
    async fn change(&mut self) -> Kept {
        let (at, person) = self.someone();
        let home = self.site.home.clone();
        let mut tx = home.db.write().await?;
        if let Some(found) = contact::get(&mut tx, person).await? {
            let city = self.dice.below(1_000);
            let values = Values::from_iter([("city".to_owned(), city.into())]);
            let changed = NewContact { id: person, address: found.address, values };
            contact::change(&mut tx, &[changed], home.clock.now()).await?;
            self.note(format!("person {at} moves to city {city}"));
        }
        if self.breach == Some(Breach::MadeAfresh) {
            sqlx::query("update delivery set snapshot = null where state = 'pending'").execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn order(&mut self, blow: Blow) -> Kept {
        let campaigns = self.campaigns().await?;
        let at = self.dice.below(campaigns.len());
        let Some(campaign) = campaigns.get(at) else { return Ok(()) };
        let now = self.site.home.clock.now();
        let mut tx = self.site.home.db.write().await?;
        let (word, done) = match blow {
            Blow::Pause => ("paused", state::pause(&mut tx, campaign, "enough").await),
            Blow::Resume => ("resumed", state::resume(&mut tx, campaign).await),
            _ if self.dice.chance(50) => ("recalled", recall::recall(&mut tx, campaign, now).await),
            _ => ("cancelled", state::cancel(&mut tx, campaign, now).await.map(drop)),
        };
        match done {
            Ok(()) => tx.commit().await?,
            // It was in a state in which that cannot be asked.
            Err(Error::Misuse(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.note(format!("campaign {at} is {word}"));
        Ok(())
    }

    /// The wall clock is set, by minutes or by days, forth or back.
    fn jump(&mut self) {
        let by = Millis::try_from(self.dice.between(1, 90)).expect("minutes") * 60_000;
        let by = if self.dice.chance(15) { by * 48 } else { by };
        let by = if self.dice.chance(40) { -by } else { by };
        self.facts.clock_fell |= by < 0;
        self.site.home.clock.advance(by);
        self.note(format!("the clock is set by {} min", by / 60_000));
    }

    /// Someone decides about the uncertain letters: to hold them, to repeat them, or by the log of the relay.
    async fn decide(&mut self) -> Kept {
        let home = self.site.home.clone();
        let scope = Scope { workspace: self.site.workspace, campaign: None };
        let doubts = uncertain::list(&mut *home.db.read().await?, scope).await?;
        let ids: Vec<Id> = doubts.iter().map(|doubt| doubt.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let (now, choice) = (home.clock.now(), self.dice.below(3));
        let mut tx = home.db.write().await?;
        match choice {
            0 => drop(uncertain::hold(&mut tx, &ids).await?),
            1 => {
                for campaign in uncertain::resend(&mut tx, &ids, now).await?.into_keys() {
                    state::reopen(&mut tx, campaign).await?;
                    if let Some(seen) = self.facts.campaigns.get_mut(&campaign) {
                        seen.repeats = true;
                    }
                }
            }
            _ => {
                let answer = |id: &Id| Answer { id: *id, accepted: self.facts.taken.contains_key(id), reply: String::new() };
                let answers: Vec<Answer> = ids.iter().map(answer).collect();
                let (accepted, rejected) = uncertain::answer(&mut tx, &answers, now).await?;
                self.facts.settled += i64::try_from(accepted + rejected).expect("a few");
                self.facts.refused.extend(answers.iter().filter(|answer| !answer.accepted).map(|answer| answer.id));
            }
        }
        tx.commit().await?;
        self.note(format!("someone decides about {} uncertain letters: {choice}", ids.len()));
        Ok(())
    }

    /// The weather clears: nothing breaks any more, and everything must come to its end.
    pub async fn clear_up(&mut self) -> Kept {
        self.note("the weather clears");
        self.plan.manner = crate::plan::Manner { later: 0, never: 0, swallowed: 0, dropped: 0, cut: 0 };
        for mailer in &mut self.mailers {
            mailer.asleep = false;
        }
        self.stop_series().await?;
        for _ in 0..200 {
            self.pass(1_000);
            self.resume_all().await?;
            self.tick().await?;
            self.observe().await?;
            for m in 0..self.mailers.len() {
                self.labour(m).await?;
            }
            if self.is_over().await? {
                return Ok(());
            }
            // What waits for its time must not wait for ours.
            if self.mailers.iter().all(crate::mailer::Mailer::is_idle) {
                self.pass(DAY / 4);
            }
        }
        Err(Broken("it does not come to an end".to_owned()))
    }

    /// A mailer does everything that it can do.
    async fn labour(&mut self, m: usize) -> Kept {
        if self.mailers[m].halted || !self.mailers[m].fresh {
            (0..self.plan.lines).for_each(|l| self.hear(m, l));
            return self.go_home(m).await.map(drop);
        }
        self.claim(m).await?;
        for l in 0..self.plan.lines {
            self.fill(m, l);
        }
        self.commit(m, Commit::Whole).await?;
        for l in 0..self.plan.lines {
            self.send(m, l).await?;
            self.hear(m, l);
        }
        self.commit(m, Commit::Whole).await?;
        self.observe().await
    }

    async fn stop_series(&mut self) -> Kept {
        if self.plan.start == Start::Daily {
            let mut tx = self.site.home.db.write().await?;
            let all = sendoff::campaign::series::all(&mut tx, self.site.workspace).await?;
            for series in all {
                sendoff::campaign::series::stop(&mut tx, series.id, sendoff::campaign::series::State::Stopped, None).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    async fn resume_all(&mut self) -> Kept {
        for campaign in self.campaigns().await?.iter().filter(|campaign| campaign.state == State::Paused) {
            self.let_go_on(campaign).await?;
        }
        Ok(())
    }

    async fn let_go_on(&mut self, campaign: &Campaign) -> Kept {
        let mut tx = self.site.home.db.write().await?;
        deadline::set_until(&mut tx, campaign.id, None).await?;
        state::resume(&mut tx, campaign).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn is_over(&self) -> Kept<bool> {
        let open = |campaign: &Campaign| matches!(campaign.state, State::Scheduled | State::Running | State::Paused);
        let row = sqlx::query("select count(*) from delivery where state in ('pending', 'leased', 'sending')")
            .fetch_one(&mut *self.site.home.db.read().await?)
            .await?;
        let left: i64 = sqlx::Row::get(&row, 0);
        let idle = self.mailers.iter().all(crate::mailer::Mailer::is_idle);
        Ok(idle && left == 0 && !self.campaigns().await?.iter().any(open))
    }
}
