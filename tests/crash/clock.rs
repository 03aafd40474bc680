//! Clock jumps: during sending the wall clock of the process is set forward and back by an hour (libfaketime). No message is
//! lost, sent twice, or sent before its time.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use sqlx::Row;

use crate::installation::{Installation, ProcessFaults, Store};
use crate::reconcile::compare;
use crate::relay::{Act, Behaviour, Relay};
use crate::table::Run;
use crate::unsubscribe::{open, wait_until_finished};

/// Why it cannot be tried here.
pub fn obstacle() -> Option<&'static str> {
    match library().exists() {
        true => None,
        false => Some("clocks that jump: libfaketime is not installed (Debian: faketime)"),
    }
}

fn library() -> PathBuf {
    PathBuf::from(format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH))
}

/// Carries out one run in a fresh copy of an installation whose campaign has begun. Some messages are
/// defers on the way; a second campaign has its time an hour and a half from now.
pub async fn run(installation: &Installation, relay: &Relay, seed: u64) -> Result<Run, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let later = Act::Reply("451 4.3.0 later".to_owned());
    let behaviour = Behaviour { delay: Duration::from_millis(25), at_dot: Some((11, later)), ..Behaviour::default() };
    relay
        .reset(&installation.accepted_log(), behaviour)
        .map_err(|error| format!("the log of accepted messages: {error}"))?;
    schedule(installation)?;
    let clock = Clock { file: installation.folder.join("clock") };
    clock.set("+0")?;
    let mut serve =
        open(installation, &ProcessFaults { environment: clock.environment(), ..ProcessFaults::default() })?;
    installation.public_address().await?;
    let mut jumps = ["+1h", "-1h", "+0"];
    jumps.shuffle(&mut random);
    let mut stood = 0;
    for jump in jumps {
        stood += usize::from(!accepts_more(relay, random.random_range(20..50)).await);
        clock.set(jump)?;
    }
    stood += usize::from(!accepts_more(relay, 20).await);
    // What was defers by a clock that was ahead waits until the true one has caught up.
    clock.set("+65m")?;
    wait_until_finished(installation, Duration::from_secs(60)).await?;
    serve.stop().await.ok_or("serve does not stop")?;
    let mut findings = compare(installation, relay, &[]).await?;
    findings.add_wrong(stood, "a campaign that was running stopped after a clock jump");
    let early =
        installation.rows("select count(*) from campaign where name = 'winter' and state <> 'scheduled'").await?;
    findings.add_wrong(usize::from(early[0].get::<i64, _>(0) > 0), "a campaign started before its time");
    // Where the lease goes by the same clock, a leap of an hour ends it.
    let missed = installation.kind == Store::Sqlite && !installation.log().contains("scheduler ended early");
    Ok(Run { findings, bound: 0, again: Vec::new(), missed })
}

/// True when so many more messages come in.
async fn accepts_more(relay: &Relay, messages: u64) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    let wanted = relay.seen().accepted.load(Ordering::SeqCst) + messages;
    while relay.seen().accepted.load(Ordering::SeqCst) < wanted {
        if Instant::now() > until {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    true
}

fn schedule(installation: &Installation) -> Result<(), String> {
    let at = Timestamp::now() + SignedDuration::from_mins(90);
    let message = format!(
        "+++\nname = \"winter\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Winter is near\"\n\
         at = \"{}\"\n+++\n# Hello\n",
        at.strftime("%Y-%m-%d %H:%M")
    );
    installation.write("winter.md", &message)?;
    installation.call(&["campaign", "add", &installation.folder.join("winter.md").display().to_string()])?;
    installation.call(&["campaign", "schedule", "winter"]).map(drop)
}

/// The wall clock of one process.
struct Clock {
    file: PathBuf,
}

impl Clock {
    /// Sets it so far from the true time.
    fn set(&self, offset: &str) -> Result<(), String> {
        let new = self.file.with_extension("new");
        let written = fs::write(&new, format!("{offset}\n")).and_then(|()| fs::rename(&new, &self.file));
        written.map_err(|error| format!("the clock: {error}"))
    }

    fn environment(&self) -> Vec<(String, String)> {
        let words = [
            ("LD_PRELOAD", library().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // Only the wall clock jumps; what measures durations goes on.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        words.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }
}
