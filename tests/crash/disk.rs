//! Sick disks and scarce means: syncs and writes that fail, a disk that is full, too few files, too
//! little memory. Sending and goodbyes go on as long as they can; after the repair all is finished.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::goodbye::{insist, leavers, open, settled};
use crate::installation::{Harm, Site, copy_folder};
use crate::reconcile::{Goodbye, compare};
use crate::relay::{Manner, Relay};
use crate::table::Run;

/// What is wrong with the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ill {
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

impl Ill {
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

    fn harm(self, seed: u64) -> Harm {
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
        Harm { wrapper, ..Harm::default() }
    }
}

/// Carries out one run in a fresh copy of an installation whose campaign has begun.
pub async fn run(site: &Site, relay: &Relay, ill: Ill, seed: u64) -> Result<Run, String> {
    let slow = Manner { delay: Duration::from_millis(15), ..Manner::default() };
    relay.begin(&site.ledger(), slow).map_err(|error| format!("the ledger: {error}"))?;
    let leavers = leavers(site, seed).await?;
    let small = if ill == Ill::Full { Some(Small::under(site)?) } else { None };
    let mut serve = open(site, &ill.harm(seed))?;
    let doors = site.doors().await.ok();
    let mut goodbyes = Vec::new();
    for leaver in &leavers {
        goodbyes.push(match &doors {
            Some(doors) => leaver.leave(doors).await,
            None => Goodbye { address: leaver.address.clone(), confirmed: None },
        });
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let mut ended = serve.ended(Duration::from_millis(500)).await;
    let dead = Instant::now();
    relay.behave(Manner::default());
    relay.expect_mail();
    let mut stuck = false;
    match &small {
        // Room is made under the running process: it goes on by itself.
        Some(small) => {
            small.make_room()?;
            if ended.is_none() {
                settled(site, Duration::from_secs(30)).await?;
                stuck = site.state().await? != "finished";
                ended = serve.stop().await;
            }
        }
        None => serve.kill(),
    }
    let said = site.said_all();
    let left = goodbyes.iter().filter(|goodbye| goodbye.confirmed.is_some()).count();
    let mut serve = open(site, &Harm::default())?;
    let unheard = insist(&site.doors().await?, &leavers, &mut goodbyes).await;
    settled(site, Duration::from_secs(60)).await?;
    serve.stop().await.ok_or("serve does not stop")?;
    let again = relay.first_mail().map(|mail| mail.saturating_duration_since(dead)).into_iter().collect();
    let mut verdict = compare(site, relay, &goodbyes).await?;
    verdict.blame(unheard, "goodbyes were not confirmed after the repair");
    verdict.blame(usize::from(ill == Ill::Write && left == 0), "nobody could leave while writes failed");
    verdict.blame(usize::from(stuck), "it did not go on by itself when the disk had room again");
    if said.contains("panicked") {
        verdict.blame(1, "the process panicked");
    }
    if ill == Ill::Sync && said.contains("fsync") && ended.is_none_or(|status| status.success()) {
        verdict.blame(1, "the process went on after a sync had failed");
    }
    let missed = said.is_empty() || (ill == Ill::Sync && !said.contains("fsync"));
    Ok(Run { verdict, bound: 2 * site.terms.bound(), again, missed })
}

/// A data folder on a small disk that is full.
struct Small {
    ballast: std::path::PathBuf,
    folder: std::path::PathBuf,
}

impl Small {
    /// Moves the data folder to a disk with room for a few hundred pages more.
    fn under(site: &Site) -> Result<Self, String> {
        let (data, was) = (site.data(), site.folder.join("data.was"));
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

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.folder).status();
    }
}
