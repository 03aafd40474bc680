//! Resource limits of a running process: open files and memory. The process reports what is missing, answers unsubscribe
//! requests for as long as it runs, and loses nothing. The limit of files is lifted while it runs.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::installation::{Installation, ProcessFaults, Running};
use crate::reconcile::compare;
use crate::relay::{Act, Behaviour, Relay};
use crate::table::Run;
use crate::unsubscribe::{open, retry_unconfirmed, subscribers, wait_for_messages, wait_until_finished};

/// What runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceLimit {
    /// No more files than some of those that are open (`RLIMIT_NOFILE`).
    Files,
    /// Little more memory than is in use (`RLIMIT_AS`).
    Memory,
}

impl ResourceLimit {
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
pub async fn run(installation: &Installation, relay: &Relay, lack: ResourceLimit, seed: u64) -> Result<Run, String> {
    let closing = Act::Reply("421 4.3.0 closing".to_owned());
    let slow = Behaviour { delay: Duration::from_millis(25), at_dot: Some((5, closing)), ..Behaviour::default() };
    relay
        .reset(&installation.accepted_log(), slow)
        .map_err(|error| format!("the log of accepted messages: {error}"))?;
    let subscribers = subscribers(installation, seed).await?;
    let mut serve = open(installation, &ProcessFaults::default())?;
    let pages = installation.public_address().await?;
    wait_for_messages(relay, 30).await?;
    lack.impose(serve.process_id(), seed)?;
    let mut requests = Vec::new();
    for subscriber in &subscribers {
        requests.push(subscriber.unsubscribe(&pages).await);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let mut ended = serve.ended(Duration::from_secs(1)).await.is_some();
    let left = requests.iter().filter(|request| request.confirmed.is_some()).count();
    let lacked = Instant::now();
    relay.set_behaviour(Behaviour::default());
    relay.expect_mail();
    if lack == ResourceLimit::Files && !ended {
        limits(serve.process_id(), "--nofile=1024:1024")?;
        wait_until_finished(installation, Duration::from_secs(30)).await?;
        ended = installation.state().await? != "finished";
    }
    let pages = if lack == ResourceLimit::Files && !ended { pages } else { again(installation, &mut serve).await? };
    let unconfirmed = retry_unconfirmed(&pages, &subscribers, &mut requests).await;
    wait_until_finished(installation, Duration::from_secs(60)).await?;
    serve.stop().await.ok_or("serve does not stop")?;
    let again = relay.first_mail().map(|mail| mail.saturating_duration_since(lacked)).into_iter().collect();
    let mut findings = compare(installation, relay, &requests).await?;
    findings.add_wrong(unconfirmed, "unsubscribe requests were not confirmed when the limit was lifted");
    if lack == ResourceLimit::Files {
        findings.add_wrong(usize::from(left == 0), "no unsubscribe request succeeded while files were short");
        findings.add_wrong(usize::from(ended), "it did not go on by itself when there were files again");
    }
    findings.add_wrong(usize::from(installation.log().contains("panicked")), "the process panicked");
    let missed = match lack {
        ResourceLimit::Files => !installation.log().contains("smtp-files"),
        ResourceLimit::Memory => installation.log().is_empty(),
    };
    Ok(Run { findings, bound: installation.settings.bound(), again, missed })
}

/// Another process in the place of this one, with all it needs.
async fn again(installation: &Installation, serve: &mut Running) -> Result<String, String> {
    serve.kill();
    *serve = open(installation, &ProcessFaults::default())?;
    installation.public_address().await
}
