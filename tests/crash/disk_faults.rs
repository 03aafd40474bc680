//! Disk faults and limits from the start: failing syncs and writes, a full disk, too few files, too little memory. Sending and
//! unsubscribing go on as long as possible; after the repair everything is finished.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::installation::{Installation, ProcessFaults, copy_folder};
use crate::reconcile::{UnsubscribeRequest, compare};
use crate::relay::{Behaviour, Relay};
use crate::table::Run;
use crate::unsubscribe::{open, retry_unconfirmed, subscribers, wait_until_finished};

/// A fault of the disk, or a limit from the start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// A sync fails now and then (libfiu).
    Sync,
    /// A write fails now and then (libfiu).
    Write,
    /// The disk is full (a small tmpfs).
    Full,
    /// Too many files are open (`ulimit -n`).
    Files,
    /// Memory ends (`ulimit -v`).
    Memory,
}

impl DiskFault {
    pub const ALL: &'static [Self] = &[Self::Sync, Self::Write, Self::Full, Self::Files, Self::Memory];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => "failing fsync",
            Self::Write => "EIO on write",
            Self::Full => "full disk",
            Self::Files => "too few files from the start",
            Self::Memory => "too little memory from the start",
        }
    }

    /// Why it cannot be tried here.
    pub fn obstacle(self) -> Option<&'static str> {
        let works =
            |words: &[&str]| Command::new(words[0]).args(&words[1..]).output().is_ok_and(|done| done.status.success());
        match self {
            Self::Sync | Self::Write if !works(&["fiu-run", "-x", "true"]) => {
                Some("failing fsync and write: fiu-run is not installed (Debian: fiu-utils)")
            }
            Self::Full if !works(&["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]) => {
                Some("full disk: mounting a tmpfs needs root")
            }
            _ => None,
        }
    }

    fn faults(self, seed: u64) -> ProcessFaults {
        let fiu = |name: &str, chance: f64| {
            let command = format!("enable_random name={name},probability={chance},failinfo=5");
            ["fiu-run", "-x", "-f", "", "-c", &command].map(str::to_owned).to_vec()
        };
        let limit =
            |words: &str| ["sh", "-c", &format!("ulimit {words}; exec \"$@\""), "sh"].map(str::to_owned).to_vec();
        let wrapper = match self {
            Self::Sync => fiu("posix/io/sync/*", 0.03),
            Self::Write => fiu("posix/io/rw/pwrite*", 0.01),
            Self::Full => Vec::new(),
            Self::Files => limit(&format!("-n {}", 26 + seed % 8)),
            Self::Memory => limit(&format!("-v {}", 190_000 + seed % 5 * 8_000)),
        };
        ProcessFaults { wrapper, ..ProcessFaults::default() }
    }
}

/// Carries out one run in a fresh copy of an installation whose campaign has begun.
pub async fn run(installation: &Installation, relay: &Relay, ill: DiskFault, seed: u64) -> Result<Run, String> {
    let slow = Behaviour { delay: Duration::from_millis(15), ..Behaviour::default() };
    relay
        .reset(&installation.accepted_log(), slow)
        .map_err(|error| format!("the log of accepted messages: {error}"))?;
    let subscribers = subscribers(installation, seed).await?;
    let small = if ill == DiskFault::Full { Some(SmallDisk::under(installation)?) } else { None };
    let mut serve = open(installation, &ill.faults(seed))?;
    let pages = installation.public_address().await.ok();
    let mut requests = Vec::new();
    for subscriber in &subscribers {
        requests.push(match &pages {
            Some(pages) => subscriber.unsubscribe(pages).await,
            None => UnsubscribeRequest { address: subscriber.address.clone(), confirmed: None },
        });
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let mut ended = serve.ended(Duration::from_millis(500)).await;
    let dead = Instant::now();
    relay.set_behaviour(Behaviour::default());
    relay.expect_mail();
    let mut stuck = false;
    match &small {
        // Room is made under the running process: it goes on by itself.
        Some(small) => {
            small.make_room()?;
            if ended.is_none() {
                wait_until_finished(installation, Duration::from_secs(30)).await?;
                stuck = installation.state().await? != "finished";
                ended = serve.stop().await;
            }
        }
        None => serve.kill(),
    }
    let said = installation.log();
    let left = requests.iter().filter(|request| request.confirmed.is_some()).count();
    let mut serve = open(installation, &ProcessFaults::default())?;
    let unconfirmed = retry_unconfirmed(&installation.public_address().await?, &subscribers, &mut requests).await;
    wait_until_finished(installation, Duration::from_secs(60)).await?;
    serve.stop().await.ok_or("serve does not stop")?;
    let again = relay.first_mail().map(|mail| mail.saturating_duration_since(dead)).into_iter().collect();
    let mut findings = compare(installation, relay, &requests).await?;
    findings.add_wrong(unconfirmed, "unsubscribe requests were not confirmed after the repair");
    findings.add_wrong(
        usize::from(ill == DiskFault::Write && left == 0),
        "no unsubscribe request succeeded while writes failed",
    );
    findings.add_wrong(usize::from(stuck), "it did not go on by itself when the disk had room again");
    if said.contains("panicked") {
        findings.add_wrong(1, "the process panicked");
    }
    if ill == DiskFault::Sync && said.contains("fsync") && ended.is_none_or(|status| status.success()) {
        findings.add_wrong(1, "the process went on after a sync had failed");
    }
    let missed = said.is_empty() || (ill == DiskFault::Sync && !said.contains("fsync"));
    Ok(Run { findings, bound: 2 * installation.settings.bound(), again, missed })
}

/// A data folder on a small disk that is full.
struct SmallDisk {
    ballast: std::path::PathBuf,
    folder: std::path::PathBuf,
}

impl SmallDisk {
    /// Moves the data folder to a disk with room for a few hundred pages more.
    fn under(installation: &Installation) -> Result<Self, String> {
        let (data, was) = (installation.data(), installation.folder.join("data.was"));
        let text = |error: std::io::Error| format!("the small disk: {error}");
        fs::rename(&data, &was).map_err(text)?;
        fs::create_dir(&data).map_err(text)?;
        let size = "size=8m";
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(&data).status();
        if !mounted.is_ok_and(|status| status.success()) {
            return Err("the small disk: mount failed".to_owned());
        }
        copy_folder(&was, &data).map_err(text)?;
        let small = Self { ballast: data.join("ballast"), folder: data };
        // All that is left but half a megabyte: the journal of the database fills that within a second.
        let used = Command::new("df").args(["--output=avail", "-k"]).arg(&small.folder).output().map_err(text)?;
        let free: usize =
            String::from_utf8_lossy(&used.stdout).lines().nth(1).and_then(|n| n.trim().parse().ok()).unwrap_or(0);
        fs::write(&small.ballast, vec![0; free.saturating_sub(512) * 1024]).map_err(text)?;
        Ok(small)
    }

    fn make_room(&self) -> Result<(), String> {
        fs::remove_file(&self.ballast).map_err(|error| format!("the small disk: {error}"))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.folder).status();
    }
}
