//! A look at how everything stands, for programs that watch us. It is taken at most once a second,
//! however many ask, and is ready within two seconds, whatever hangs.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::state::WebState;
use crate::infra::disk::{self, DiskSpace};
use crate::report::stats::{self, Stats};

/// How long a look is good enough for the next who asks.
const FRESH: Duration = Duration::from_secs(1);

/// How everything stood.
#[derive(Debug)]
pub struct HealthSnapshot {
    at: Instant,
    /// What the database tells; `None` while it is away.
    pub standing: Option<Stats>,
    /// What the disk tells; `None` while it hangs.
    pub disk: Option<DiskStatus>,
}

/// What lies in the data folder.
#[derive(Debug)]
pub struct DiskStatus {
    /// Requests to leave that wait for the database.
    pub goodbyes: u64,
    /// Opens and clicks that wait for the database.
    pub spilled: u64,
    /// What is left, where the system tells.
    pub room: Option<DiskSpace>,
}

impl WebState {
    /// How everything stands, at most a second old.
    pub async fn look(&self) -> Arc<HealthSnapshot> {
        let mut last = self.look.lock().await;
        match last.as_ref().filter(|look| look.at.elapsed() < FRESH) {
            Some(look) => look.clone(),
            None => last.insert(Arc::new(self.look_anew().await)).clone(),
        }
    }

    async fn look_anew(&self) -> HealthSnapshot {
        let installation = &self.installation;
        let asked = self.ask(async |conn| stats::read(conn, &installation.db, installation.clock.now()).await);
        let (journal, recorder, data) = (self.journal.clone(), self.recorder.clone(), installation.config.data.clone());
        let walked = spawn_blocking(move || DiskStatus {
            goodbyes: journal.count_pending(),
            spilled: recorder.spilled(),
            room: disk::space(&data),
        });
        let (standing, disk) = tokio::join!(asked, self.wait(async { Ok(walked.await.ok()) }));
        HealthSnapshot { at: Instant::now(), standing: standing.ok(), disk: disk.ok().flatten() }
    }
}
