//! Mailers: the real scheduler, feeder and connections as tasks of the simulation's runtime, each on a machine of its
//! own. A mailer dies when its task is dropped, whatever it is doing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sendoff::infra::clock::Millis;
use sendoff::infra::error::Result;
use sendoff::infra::id::Id;
use sendoff::infra::installation::Installation;
use sendoff::mailer::lease;
use sendoff::mailer::scheduler::{self, Mode};
use tokio::sync::watch;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use crate::installation::LEASE_TERM;
use crate::observations::{Checked, Violation, ensure};
use crate::plan::Mistake;
use crate::simulation::Simulation;

/// The longest time for which a mailer that is told to stop may go on.
const SHUTDOWN: Duration = Duration::from_secs(180);

/// A mailer that runs.
pub struct Mailer {
    machine: Installation,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<Option<Millis>>>,
}

/// Where a mailer on this machine writes the id of its lease.
pub fn lease_file(machine: &Installation) -> PathBuf {
    machine.config.data.join("mailer.lease")
}

/// The id of a lease, from its file.
pub fn read_lease(file: &Path) -> Option<Id> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

impl Mailer {
    /// Starts a mailer on its machine.
    pub fn start(machine: Installation) -> Self {
        let (stop, stopped) = watch::channel(false);
        let installation = machine.clone();
        let task = tokio::spawn(async move {
            Box::pin(scheduler::run(&installation, Mode::Forever, Arc::new(|| true), stopped)).await
        });
        Self { machine, stop, task }
    }

    /// The lease of a mailer that shares its database, from its data folder.
    fn lease(&self) -> Option<Id> {
        read_lease(&lease_file(&self.machine))
    }

    /// Ends every task of the mailer at once.
    async fn abort(&mut self) -> Checked {
        self.task.abort();
        match (&mut self.task).await {
            Err(error) if error.is_cancelled() => {}
            ended => return Err(Violation(format!("a mailer ended by itself: {ended:?}"))),
        }
        // Tasks that it had started end at their next turn.
        for _ in 0..16 {
            yield_now().await;
        }
        Ok(())
    }
}

impl Simulation {
    /// A mailer dies, and another starts on its machine.
    pub async fn kill(&mut self, m: usize) -> Checked {
        {
            let mut observations = self.observations.lock();
            observations.note(format!("mailer {m} dies"));
            observations.deaths += 1;
        }
        self.mailers[m].abort().await?;
        self.forget_marks(m).await?;
        self.mailers[m] = Mailer::start(self.mailers[m].machine.clone());
        Ok(())
    }

    /// All mailers die in the middle of a commit.
    pub async fn kill_all(&mut self) -> Checked {
        for m in 0..self.mailers.len() {
            self.kill(m).await?;
        }
        Ok(())
    }

    /// A mailer ends in order, and another starts on its machine.
    pub async fn restart(&mut self, m: usize) -> Checked {
        self.observations.lock().note(format!("mailer {m} is stopped"));
        self.stop(m).await?;
        self.observations.lock().note(format!("mailer {m} starts again"));
        self.mailers[m] = Mailer::start(self.mailers[m].machine.clone());
        Ok(())
    }

    /// Stops a mailer and waits for its end.
    pub async fn stop(&mut self, m: usize) -> Checked {
        let mailer = &mut self.mailers[m];
        mailer.stop.send_replace(true);
        match timeout(SHUTDOWN, &mut mailer.task).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(ended) => Err(Violation(format!("mailer {m} ends with an error: {ended:?}"))),
            Err(_) => Err(Violation(format!("mailer {m} does not stop"))),
        }
    }

    /// The machine of a mailer is suspended for longer than its lease; the others' time goes on by as much. Mostly
    /// another mailer recovers what it held before it wakes up.
    pub async fn expire_lease(&mut self, m: usize) -> Checked {
        let Some(id) = self.mailers[m].lease() else { return Ok(()) };
        if !self.plan.shared {
            return Ok(());
        }
        let db = &self.seed.installation.db;
        let mut tx = db.write().await?;
        sqlx::query("update lease set until = 0 where id = $1").bind(id).execute(&mut *tx).await?;
        if self.rng.chance(70) {
            lease::recover_expired(&mut tx, &self.seed.installation).await?;
        }
        tx.commit().await?;
        self.mailers[m].machine.clock.suspend(2_000 * LEASE_TERM);
        let mut observations = self.observations.lock();
        observations.note(format!("the lease of mailer {m} expires"));
        let now = observations.uptime();
        observations.expired_leases.insert(m, (now, id));
        observations.deaths += 1;
        Ok(())
    }

    /// Makes marked deliveries of a dead mailer pending, where that is the mistake.
    async fn forget_marks(&self, m: usize) -> Checked {
        if self.mistake != Some(Mistake::MarksForgotten) {
            return Ok(());
        }
        let mut tx = self.seed.installation.db.write().await?;
        let lease = self.mailers[m].lease().unwrap_or_default();
        sqlx::query(
            "update delivery set state = 'pending', mailer_id = null
             where state = 'sending' and (mailer_id = $1 or $2)",
        )
        .bind(lease)
        .bind(!self.plan.shared)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// No mailer ends by itself, and no task of one panics.
    pub fn check_mailers(&self) -> Checked {
        for (m, mailer) in self.mailers.iter().enumerate() {
            ensure(!mailer.task.is_finished(), || format!("mailer {m} ended by itself"))?;
        }
        ensure(!crate::runner::has_panicked(), || "a task of a mailer panicked".to_owned())
    }
}
