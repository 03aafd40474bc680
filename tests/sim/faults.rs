//! What befalls the world, and the order in which its parts take turns.

use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::subscription;
use sendoff::campaign::delivery::uncertain::{self, Resolution, Scope};
use sendoff::campaign::lifecycle;
use sendoff::campaign::{model, recall};
use sendoff::infra::clock::Millis;
use sendoff::infra::id::Id;
use sendoff::privacy::erasure::{self, Reason};

use crate::duty::Commit;
use crate::observations::Kept;
use crate::world::World;

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

const BLOWS: &[(usize, Blow)] = &[
    (6, Blow::Die),
    (4, Blow::DieCommitting),
    (2, Blow::Refused),
    (4, Blow::LeaseLost),
    (4, Blow::Sleep),
    (1, Blow::GoHome),
    (2, Blow::Relay),
    (4, Blow::Leave),
    (1, Blow::Restrict),
    (4, Blow::Change),
    (2, Blow::Pause),
    (6, Blow::Resume),
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
        if self.dice.chance(self.plan.storm) {
            self.strike().await?
        } else {
            self.work().await?
        }
        self.weigh_limit().await?;
        self.observe().await
    }

    /// Time passes.
    pub fn pass(&mut self, time: Millis) {
        self.uptime += time;
        self.site.installation.clock.advance(time);
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
            Blow::Refused => {
                if self.mailers[m].asleep {
                    Ok(())
                } else {
                    self.commit(m, Commit::Refused).await
                }
            }
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
        let mut tx = self.site.installation.db.write().await?;
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
        let (installation, workspace, list) = (self.site.installation.clone(), self.site.workspace, self.list);
        if self.dice.chance(50) {
            erasure::unsubscribe(&installation, workspace, person, list, Reason::Unsubscribed, None).await?;
        } else {
            let found = contact::get(&mut *installation.db.read().await?, person).await?;
            let Some(found) = found else { return Ok(()) };
            erasure::erase(&installation, workspace, &found.address, Reason::Erased, None).await?;
        }
        self.note(format!("person {at} leaves"));
        self.is_gone(person);
        Ok(())
    }

    async fn restrict(&mut self) -> Kept {
        let (at, person) = self.someone();
        let mut tx = self.site.installation.db.write().await?;
        subscription::restrict(&mut tx, person).await?;
        tx.commit().await?;
        self.note(format!("person {at} is restricted"));
        self.is_gone(person);
        Ok(())
    }

    /// The data of a person change: what was sent to them once must not.
    async fn change(&mut self) -> Kept {
        let (at, person) = self.someone();
        let installation = self.site.installation.clone();
        let mut tx = installation.db.write().await?;
        if let Some(found) = contact::get(&mut tx, person).await? {
            let city = self.dice.below(1_000);
            let values = Values::from_iter([("city".to_owned(), city.into())]);
            let changed = NewContact { id: person, address: found.address, values };
            contact::update(&mut tx, self.site.workspace, &[changed], installation.clock.now()).await?;
            self.note(format!("person {at} moves to city {city}"));
        }
        tx.commit().await?;
        Ok(())
    }

    async fn order(&mut self, blow: Blow) -> Kept {
        let campaigns = self.campaigns().await?;
        let at = self.dice.below(campaigns.len());
        let Some(campaign) = campaigns.get(at) else { return Ok(()) };
        let now = self.site.installation.clock.now();
        let mut tx = self.site.installation.db.write().await?;
        let (word, done) = match blow {
            Blow::Pause => ("paused", model::pause(&mut tx, campaign, "enough").await),
            Blow::Resume => ("resumed", model::resume(&mut tx, campaign).await),
            _ if self.dice.chance(50) => ("recalled", recall::recall(&mut tx, campaign, now).await),
            _ => ("cancelled", lifecycle::cancel(&mut tx, campaign, now).await.map(drop)),
        };
        match done {
            Ok(()) => tx.commit().await?,
            // It was in a state in which that cannot be asked.
            Err(error) if error.is_user_error() => return Ok(()),
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
        self.site.installation.clock.advance(by);
        self.facts.draws.clear();
        self.note(format!("the clock is set by {} min", by / 60_000));
    }

    /// Someone decides about the uncertain letters: to hold them, to repeat them, or by the log of the relay.
    async fn decide(&mut self) -> Kept {
        let installation = self.site.installation.clone();
        let scope = Scope { workspace: self.site.workspace, campaign: None };
        let doubts = uncertain::list(&mut *installation.db.read().await?, scope).await?;
        let ids: Vec<Id> = doubts.iter().map(|doubt| doubt.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let (now, choice) = (installation.clock.now(), self.dice.below(3));
        let mut tx = installation.db.write().await?;
        match choice {
            0 => drop(uncertain::hold(&mut tx, &ids).await?),
            1 => {
                for campaign in uncertain::resend(&mut tx, &ids, now).await?.into_keys() {
                    model::reopen(&mut tx, campaign).await?;
                    if let Some(seen) = self.facts.campaigns.get_mut(&campaign) {
                        seen.repeats = true;
                    }
                }
            }
            _ => {
                let answer =
                    |id: &Id| Resolution { id: *id, accepted: self.facts.taken.contains_key(id), reply: String::new() };
                let answers: Vec<Resolution> = ids.iter().map(answer).collect();
                let (accepted, rejected) = uncertain::resolve(&mut tx, &answers, now).await?;
                self.facts.settled += i64::try_from(accepted + rejected).expect("a few");
                self.facts.refused.extend(answers.iter().filter(|answer| !answer.accepted).map(|answer| answer.id));
            }
        }
        tx.commit().await?;
        self.note(format!("someone decides about {} uncertain letters: {choice}", ids.len()));
        Ok(())
    }
}
