//! After the faults: the relay works, users leave everything alone, and every campaign must end.

use std::time::Duration;

use sendoff::campaign::deadline;
use sendoff::campaign::model::transition;
use sendoff::campaign::model::{Campaign, State};
use sendoff::campaign::series;
use sendoff::infra::clock::DAY;
use sqlx::Row;
use tokio::time::sleep;

use crate::driver;
use crate::observations::{Checked, Violation};
use crate::plan::Start;
use crate::simulation::Simulation;

impl Simulation {
    /// Lets the mailers end every campaign, then stops them.
    pub async fn drain(&mut self) -> Checked {
        self.observations.lock().note("the faults end");
        self.relay.end_faults();
        driver::set(|conditions| (conditions.delays, conditions.refuse) = (None, 0));
        self.stop_series().await?;
        for _ in 0..300 {
            sleep(Duration::from_millis(700)).await;
            self.check_limit().await?;
            self.check_mailers()?;
            self.resume_all().await?;
            self.observe().await?;
            let (waiting, held) = self.open_deliveries().await?;
            let is_open =
                |campaign: &Campaign| matches!(campaign.state, State::Scheduled | State::Running | State::Paused);
            if waiting + held == 0 && !self.campaigns().await?.iter().any(is_open) {
                for m in 0..self.mailers.len() {
                    self.stop(m).await?;
                }
                return self.observe().await;
            }
            // What waits for its hour must not wait for ours.
            if held == 0 {
                self.seed.installation.clock.advance(DAY / 4);
                self.observations.lock().draws.clear();
            }
        }
        Err(Violation("the campaigns do not end".to_owned()))
    }

    /// Deliveries that are pending, and those that mailers hold.
    async fn open_deliveries(&self) -> Checked<(i64, i64)> {
        let row = sqlx::query(
            "select count(case when state = 'pending' then 1 end), count(case when state <> 'pending' then 1 end)
             from delivery where state in ('pending', 'leased', 'sending')",
        )
        .fetch_one(&mut *self.seed.installation.db.read().await?)
        .await?;
        Ok((row.get(0), row.get(1)))
    }

    async fn stop_series(&mut self) -> Checked {
        if self.plan.start == Start::Daily {
            let mut tx = self.seed.installation.db.write().await?;
            for series in series::list(&mut tx, self.seed.workspace).await? {
                series::stop(&mut tx, series.id, series::State::Stopped, None).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    async fn resume_all(&mut self) -> Checked {
        for campaign in self.campaigns().await?.iter().filter(|campaign| campaign.state == State::Paused) {
            let mut tx = self.seed.installation.db.write().await?;
            deadline::set_until(&mut tx, campaign.id, None).await?;
            transition::resume(&mut tx, campaign).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}
