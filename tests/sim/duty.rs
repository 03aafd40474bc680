//! What a mailer does away from its connections: it begins under a lease, claims, commits what its
//! connections have said, looks at the clock, and ends.

use std::collections::VecDeque;
use std::sync::Arc;

use sendoff::campaign::delivery::claim::{self, InFlight};
use sendoff::campaign::delivery::{self, Claim, DeliveryResult, Mark, Marked};
use sendoff::campaign::launch;
use sendoff::campaign::lifecycle;
use sendoff::campaign::model::{self, State};
use sendoff::infra::clock::Millis;
use sendoff::infra::error::Error;
use sendoff::infra::id::Id;
use sendoff::mailer::lease::{self, Lease};
use sendoff::mailer::limits::rate_account::LimitKey;
use sendoff::mailer::limits::token_reserve::TokenReserve;
use sendoff::mailer::queue::commit::commit;

use crate::mailer::{Line, Mailer, Note};
use crate::observations::Kept;
use crate::plan::Breach;
use crate::world::World;

/// A lease that lasts longer than any seed, by the real clock that the database goes by.
const LONG: Millis = 3_600_000;

/// The lane that everyone's domain belongs to.
pub const LANE: &str = "rest";

fn whole(count: usize) -> i64 {
    i64::try_from(count).expect("a few")
}

fn count(whole: i64) -> usize {
    usize::try_from(whole).expect("a few")
}

/// How a commit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// As it should.
    Whole,
    /// The mailer dies on the way to the disk: nothing is written.
    DieBefore,
    /// It dies when everything is written and nobody was told.
    DieAfter,
    /// The database refuses it.
    Refused,
}

impl World {
    /// A mailer comes to work: takes a lease and settles what dead ones left.
    pub async fn hire(&mut self) -> Kept<Mailer> {
        let installation = self.site.installation.clone();
        let (lease, id) = if self.plan.shared {
            let id = installation.ids.next();
            self.put_lease(id).await?;
            self.settle().await?;
            (None, id)
        } else {
            self.forget_marks().await?;
            let (lease, _) = Lease::acquire(&installation).await?;
            let id = lease.id;
            (Some(lease), id)
        };
        let lines = (0..self.plan.lines).map(|_| Line::default()).collect();
        let (queue, notes) = (VecDeque::new(), VecDeque::new());
        let relay = self.relay;
        let (fresh, asleep, halted, hand) = (true, false, false, Arc::<InFlight>::default());
        let purse =
            TokenReserve::new(&installation, self.site.workspace, LimitKey::Lane(LANE.to_owned()), self.plan.cap);
        Ok(Mailer { lease, id, fresh, asleep, halted, hand, queue, notes, lines, relay, purse })
    }

    /// Writes the lease of a mailer, if it is not there.
    pub async fn put_lease(&self, id: Id) -> Kept {
        let installation = &self.site.installation;
        let mut tx = installation.db.write().await?;
        let now = installation.db.now();
        let text = format!("insert into lease (id, until) values ($1, {now} + {LONG}) on conflict (id) do nothing");
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes the lease of a mailer away.
    pub async fn take_lease(&self, id: Id) -> Kept {
        let mut tx = self.site.installation.db.write().await?;
        sqlx::query("delete from lease where id = $1").bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Settles what mailers without a lease hold.
    pub async fn settle(&mut self) -> Kept {
        self.forget_marks().await?;
        let mut tx = self.site.installation.db.write().await?;
        lease::recover_expired(&mut tx, &self.site.installation).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Marked letters of the dead become pending, where that promise is broken.
    async fn forget_marks(&self) -> Kept {
        if self.breach == Some(Breach::MarksForgotten) {
            let mut tx = self.site.installation.db.write().await?;
            sqlx::query(
                "update delivery set state = 'pending', mailer_id = null where state = 'sending' \
                 and mailer_id not in (select id from lease)",
            )
            .execute(&mut *tx)
            .await?;
            if !self.plan.shared {
                sqlx::query("update delivery set state = 'pending', mailer_id = null where state = 'sending'")
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// One look around: what is due is started, what is done is ended.
    pub async fn tick(&mut self) -> Kept {
        let installation = self.site.installation.clone();
        launch::run_due(&installation).await?;
        for campaign in self.campaigns().await?.into_iter().filter(|campaign| campaign.state == State::Running) {
            let now = installation.clock.now();
            if delivery::is_due(&mut *installation.db.read().await?, campaign.id, now).await? {
                continue;
            }
            let mut tx = installation.db.write().await?;
            if self.breach == Some(Breach::FinishedEarly) {
                sqlx::query("update campaign set state = 'finished' where id = $1")
                    .bind(campaign.id)
                    .execute(&mut *tx)
                    .await?;
            } else {
                lifecycle::finish(&mut tx, campaign.id, now).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// Claims some due letters of a campaign that runs.
    pub async fn claim(&mut self, m: usize) -> Kept {
        let installation = self.site.installation.clone();
        let now = installation.clock.now();
        let running: Vec<Id> = {
            let mut conn = installation.db.read().await?;
            let all = model::list_in_state(&mut conn, State::Running).await?;
            all.iter().filter(|campaign| !campaign.is_late(now)).map(|campaign| campaign.id).collect()
        };
        let Some(campaign) = self.dice.pick(&running) else { return Ok(()) };
        let want = self.dice.between(1, 4);
        let drawn = match self.breach {
            Some(Breach::NotDrawn) => want,
            _ => count(self.mailers[m].purse.draw(whole(want)).await?),
        };
        if drawn == 0 {
            return Ok(());
        }
        if self.breach == Some(Breach::MadeAfresh) {
            let mut tx = installation.db.write().await?;
            sqlx::query("update delivery set snapshot_address = null, snapshot_fields = null where state = 'pending'")
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
        }
        let wanted = Claim { mailer: self.mailers[m].id, campaign, lane: LANE, limit: drawn, now };
        // One that is alone claims in memory, and others may come at any moment.
        let claimed = if self.plan.shared && self.dice.chance(80) {
            let revived = self.revive(m).await?;
            let hand = self.mailers[m].hand.clone();
            let look = hand.begin_scan().await;
            let mut tx = installation.db.write().await?;
            match lease::lock_row(&mut tx, &installation.db, wanted.mailer).await {
                Ok(()) => {}
                Err(Error::Fenced) => {
                    drop(tx);
                    return self.fenced(m).await;
                }
                Err(error) => return Err(error.into()),
            }
            let claimed = claim::lease(&mut tx, look, &wanted).await?;
            tx.commit().await?;
            self.bury(m, revived).await?;
            claimed
        } else {
            claim::claim(&mut *installation.db.read().await?, &self.mailers[m].hand, &wanted).await?
        };
        self.mailers[m].purse.refund(whole(drawn - claimed.len()));
        if !claimed.is_empty() {
            let names: Vec<_> = claimed.iter().map(|claimed| self.facts.name(claimed.id)).collect();
            self.note(format!("mailer {m} claims {}", names.join(", ")));
        }
        self.mailers[m].queue.extend(claimed);
        Ok(())
    }

    /// Commits some of what the writer was told, oldest first.
    pub async fn commit(&mut self, m: usize, how: Commit) -> Kept {
        let waiting = self.mailers[m].notes.len();
        if waiting == 0 {
            return Ok(());
        }
        let taken = if how == Commit::Whole { self.dice.between(1, waiting) } else { waiting };
        let notes: Vec<Note> = self.mailers[m].notes.drain(..taken).collect();
        let (mut marks, mut releases, mut results) = (Vec::new(), Vec::new(), Vec::new());
        for note in notes {
            match note {
                Note::Mark(mark) => marks.push(mark),
                Note::Release(id) => releases.push(id),
                Note::Result(outcome) => results.push(outcome),
            }
        }
        self.note(format!(
            "mailer {m} commits {} marks, {} releases, {} results: {how:?}",
            marks.len(),
            releases.len(),
            results.len()
        ));
        match how {
            Commit::DieBefore => self.die(m).await,
            Commit::Refused => self.refused(m, &marks, &results).await,
            Commit::Whole | Commit::DieAfter => self.write(m, &marks, &releases, &results, how).await,
        }
    }

    async fn write(
        &mut self,
        m: usize,
        marks: &[Mark],
        releases: &[Id],
        results: &[DeliveryResult],
        how: Commit,
    ) -> Kept {
        let installation = self.site.installation.clone();
        let revived = self.revive(m).await?;
        // A writer that has failed once begins nothing any more.
        let (asked, back): (&[Mark], &[Id]) = if self.mailers[m].halted { (&[], &[]) } else { (marks, releases) };
        let written = commit(&installation, self.mailers[m].id, asked, back, results).await;
        self.bury(m, revived).await?;
        let mut marked = match written {
            Ok(marked) => marked,
            Err(Error::Fenced) => return self.fenced(m).await,
            Err(error) => return Err(error.into()),
        };
        if how == Commit::DieAfter {
            return self.die(m).await;
        }
        for mark in marks {
            self.answer(m, mark.id, marked.remove(&mark.id)).await?;
        }
        let gone: Vec<Id> = marks.iter().map(|mark| mark.id).chain(releases.iter().copied()).collect();
        self.mailers[m].hand.remove(&gone);
        Ok(())
    }

    /// The database refused a commit: no mark is given, results are saved by themselves, and nothing
    /// more is begun.
    async fn refused(&mut self, m: usize, marks: &[Mark], results: &[DeliveryResult]) -> Kept {
        self.mailers[m].halted = true;
        for mark in marks {
            self.answer(m, mark.id, None).await?;
        }
        match commit(&self.site.installation.clone(), self.mailers[m].id, &[], &[], results).await {
            Ok(_) => Ok(()),
            Err(Error::Fenced) => self.fenced(m).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Tells a connection what became of its question.
    async fn answer(&mut self, m: usize, delivery: Id, marked: Option<Marked>) -> Kept {
        self.mailers[m].purse.refund(i64::from(marked.is_none()));
        let said = match marked {
            None if self.breach == Some(Breach::NoGate) => self.peek(delivery).await?,
            marked => marked,
        };
        for line in &mut self.mailers[m].lines {
            for asked in line.asked.iter_mut().filter(|asked| asked.claimed.id == delivery && asked.answer.is_none()) {
                asked.answer = Some(said.clone());
            }
        }
        self.give_back(m);
        Ok(())
    }

    /// A mailer finds its lease gone: it writes nothing, forgets everything and begins anew.
    async fn fenced(&mut self, m: usize) -> Kept {
        self.note(format!("mailer {m} is fenced"));
        self.replace(m).await
    }

    /// A mailer dies, and another takes its place.
    pub async fn die(&mut self, m: usize) -> Kept {
        self.note(format!("mailer {m} dies"));
        self.facts.deaths += 1;
        let dead = self.mailers[m].id;
        if self.plan.shared {
            self.take_lease(dead).await?;
        }
        self.replace(m).await
    }

    async fn replace(&mut self, m: usize) -> Kept {
        // The lock of its folder goes with the lease.
        self.mailers[m].lease = None;
        self.mailers[m] = self.hire().await?;
        Ok(())
    }

    /// A mailer goes home in order, with nothing on the wire. Returns whether it could.
    pub async fn go_home(&mut self, m: usize) -> Kept<bool> {
        if self.mailers[m].lines.iter().any(|line| line.wire.is_some()) {
            return Ok(false);
        }
        self.put_down_everything(m);
        let id = self.mailers[m].id;
        while !self.mailers[m].notes.is_empty() && self.mailers[m].id == id {
            self.commit(m, Commit::Whole).await?;
        }
        if self.mailers[m].id != id {
            return Ok(true);
        }
        self.note(format!("mailer {m} goes home"));
        self.mailers[m].purse.close().await?;
        match self.mailers[m].lease.take() {
            Some(lease) => drop(lease.release(&self.site.installation).await?),
            None => {
                self.take_lease(id).await?;
                self.settle().await?;
            }
        }
        self.mailers[m] = self.hire().await?;
        Ok(true)
    }

    /// Gives a mailer back the lease that it has lost, where no fence is to be; true when it had none.
    async fn revive(&mut self, m: usize) -> Kept<bool> {
        if self.breach != Some(Breach::NoFence) || !self.plan.shared || self.mailers[m].fresh {
            return Ok(false);
        }
        self.put_lease(self.mailers[m].id).await?;
        Ok(true)
    }

    async fn bury(&mut self, m: usize, revived: bool) -> Kept {
        if revived { self.take_lease(self.mailers[m].id).await } else { Ok(()) }
    }
}
