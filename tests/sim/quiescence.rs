//! After the storm: nothing breaks any more, and everything must come to its end.

use sendoff::campaign::deadline;
use sendoff::campaign::model::{self, Campaign, State};
use sendoff::campaign::series;
use sendoff::infra::clock::DAY;

use crate::duty::Commit;
use crate::mailer::Mailer;
use crate::observations::{Broken, Kept};
use crate::plan::{Manner, Start};
use crate::world::World;

impl World {
    /// The weather clears: nothing breaks any more, and everything must come to its end.
    pub async fn clear_up(&mut self) -> Kept {
        self.note("the weather clears");
        self.plan.manner = Manner { later: 0, never: 0, swallowed: 0, dropped: 0, cut: 0 };
        for mailer in &mut self.mailers {
            mailer.asleep = false;
        }
        self.stop_series().await?;
        for _ in 0..200 {
            self.pass(1_000);
            self.weigh_limit().await?;
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
            if self.mailers.iter().all(Mailer::is_idle) {
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
            self.fill(m, l).await?;
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
            let mut tx = self.site.installation.db.write().await?;
            let all = series::list(&mut tx, self.site.workspace).await?;
            for series in all {
                series::stop(&mut tx, series.id, series::State::Stopped, None).await?;
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
        let mut tx = self.site.installation.db.write().await?;
        deadline::set_until(&mut tx, campaign.id, None).await?;
        model::resume(&mut tx, campaign).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn is_over(&self) -> Kept<bool> {
        let open = |campaign: &Campaign| matches!(campaign.state, State::Scheduled | State::Running | State::Paused);
        let row = sqlx::query("select count(*) from delivery where state in ('pending', 'leased', 'sending')")
            .fetch_one(&mut *self.site.installation.db.read().await?)
            .await?;
        let left: i64 = sqlx::Row::get(&row, 0);
        let idle = self.mailers.iter().all(Mailer::is_idle);
        Ok(idle && left == 0 && !self.campaigns().await?.iter().any(open))
    }
}
