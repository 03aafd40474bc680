//! Means that run out under a process that is sending: files, and memory. It says what it lacks, lets
//! people leave as long as it lives, and nothing is lost. Files it gets back while it runs.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::goodbye::{insist, leavers, open, settled, wait_for_letters};
use crate::installation::{Harm, Running, Site};
use crate::reconcile::compare;
use crate::relay::{Act, Manner, Relay};
use crate::table::Run;

/// What runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// No more files than some of those that are open (`RLIMIT_NOFILE`).
    Files,
    /// Little more memory than is in use (`RLIMIT_AS`).
    Memory,
}

impl Lack {
    pub const ALL: &'static [Self] = &[Self::Files, Self::Memory];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "files run out",
            Self::Memory => "memory runs out",
        }
    }

    /// Why it cannot be tried here.
    pub fn obstacle() -> Option<&'static str> {
        let works = Command::new("prlimit").arg("--version").output().is_ok_and(|done| done.status.success());
        (!works).then_some("means that run out: prlimit is not installed (Debian: util-linux)")
    }

    /// Leaves a process so little.
    fn impose(self, process: u32, seed: u64) -> Result<(), String> {
        let limit = match self {
            Self::Files => {
                let open = fs::read_dir(format!("/proc/{process}/fd")).map_err(|error| error.to_string())?.count();
                format!("--nofile={}:1024", open.saturating_sub(8 + seed as usize % 6))
            }
            Self::Memory => {
                let status = fs::read_to_string(format!("/proc/{process}/statm")).map_err(|error| error.to_string())?;
                let pages: u64 = status.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
                format!("--as={}", pages * 4_096 + (seed % 8) * 65_536)
            }
        };
        limits(process, &limit)
    }
}

fn limits(process: u32, limit: &str) -> Result<(), String> {
    let done = Command::new("prlimit").args(["--pid", &process.to_string(), limit]).output();
    match done {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Carries out one run in a fresh copy of an installation whose campaign has begun. The relay closes
/// many connections, so that new ones are needed.
pub async fn run(site: &Site, relay: &Relay, lack: Lack, seed: u64) -> Result<Run, String> {
    let closing = Act::Say("421 4.3.0 closing".to_owned());
    let slow = Manner { delay: Duration::from_millis(25), at_dot: Some((5, closing)), ..Manner::default() };
    relay.begin(&site.ledger(), slow).map_err(|error| format!("the ledger: {error}"))?;
    let leavers = leavers(site, seed).await?;
    let mut serve = open(site, &Harm::default())?;
    let doors = site.doors().await?;
    wait_for_letters(relay, 30).await?;
    lack.impose(serve.number(), seed)?;
    let mut goodbyes = Vec::new();
    for leaver in &leavers {
        goodbyes.push(leaver.leave(&doors).await);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let mut ended = serve.ended(Duration::from_secs(1)).await.is_some();
    let left = goodbyes.iter().filter(|goodbye| goodbye.confirmed.is_some()).count();
    let lacked = Instant::now();
    relay.behave(Manner::default());
    relay.expect_mail();
    if lack == Lack::Files && !ended {
        limits(serve.number(), "--nofile=1024:1024")?;
        settled(site, Duration::from_secs(30)).await?;
        ended = site.state().await? != "finished";
    }
    let doors = if lack == Lack::Files && !ended { doors } else { again(site, &mut serve).await? };
    let unheard = insist(&doors, &leavers, &mut goodbyes).await;
    settled(site, Duration::from_secs(60)).await?;
    serve.stop().await.ok_or("serve does not stop")?;
    let again = relay.first_mail().map(|mail| mail.saturating_duration_since(lacked)).into_iter().collect();
    let mut verdict = compare(site, relay, &goodbyes).await?;
    verdict.blame(unheard, "goodbyes were not confirmed when the means were back");
    if lack == Lack::Files {
        verdict.blame(usize::from(left == 0), "nobody could leave while files were short");
        verdict.blame(usize::from(ended), "it did not go on by itself when there were files again");
    }
    verdict.blame(usize::from(site.said_all().contains("panicked")), "the process panicked");
    let missed = match lack {
        Lack::Files => !site.said_all().contains("smtp-files"),
        Lack::Memory => site.said_all().is_empty(),
    };
    Ok(Run { verdict, bound: site.terms.bound(), again, missed })
}

/// Another process in the place of this one, with all it needs.
async fn again(site: &Site, serve: &mut Running) -> Result<String, String> {
    serve.kill();
    *serve = open(site, &Harm::default())?;
    site.doors().await
}
