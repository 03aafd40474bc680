//! A look at how everything stands, for programs that watch us. It is taken at most once a second,
//! however many ask, and is ready within two seconds, whatever hangs.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::app::App;
use crate::infra::disk::{self, Room};
use crate::report::stats::{self, Standing};

/// How long a look is good enough for the next who asks.
const FRESH: Duration = Duration::from_secs(1);

/// How everything stood.
#[derive(Debug)]
pub struct Look {
    at: Instant,
    /// What the database tells; `None` while it is away.
    pub standing: Option<Standing>,
    /// What the disk tells; `None` while it hangs.
    pub disk: Option<OnDisk>,
}

/// What lies in the data folder.
#[derive(Debug)]
pub struct OnDisk {
    /// Requests to leave that wait for the database.
    pub goodbyes: u64,
    /// Opens and clicks that wait for the database.
    pub spilled: u64,
    /// What is left, where the system tells.
    pub room: Option<Room>,
}

impl App {
    /// How everything stands, at most a second old.
    pub async fn look(&self) -> Arc<Look> {
        let mut last = self.look.lock().await;
        match last.as_ref().filter(|look| look.at.elapsed() < FRESH) {
            Some(look) => look.clone(),
            None => last.insert(Arc::new(self.look_anew().await)).clone(),
        }
    }

    async fn look_anew(&self) -> Look {
        let installation = &self.installation;
        let asked = self.ask(async |conn| stats::read(conn, &installation.db, installation.clock.now()).await);
        let (journal, recorder, data) = (self.journal.clone(), self.recorder.clone(), installation.config.data.clone());
        let walked = spawn_blocking(move || OnDisk {
            goodbyes: journal.waiting(),
            spilled: recorder.spilled(),
            room: disk::room(&data),
        });
        let (standing, disk) = tokio::join!(asked, self.wait(async { Ok(walked.await.ok()) }));
        Look { at: Instant::now(), standing: standing.ok(), disk: disk.ok().flatten() }
    }
}
