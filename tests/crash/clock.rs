//! Clocks that jump: while letters go out the wall clock of the process is set forward and back by an
//! hour (libfaketime). Nobody is lost or written to twice, and nothing leaves before its time.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use sqlx::Row;

use crate::goodbye::{open, settled};
use crate::installation::{Harm, Kind, Site};
use crate::reconcile::compare;
use crate::relay::{Act, Manner, Relay};
use crate::table::Run;

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

/// Carries out one run in a fresh copy of an installation whose campaign has begun. Some letters are
/// put off on the way; a second campaign has its time an hour and a half from now.
pub async fn run(site: &Site, relay: &Relay, seed: u64) -> Result<Run, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let later = Act::Say("451 4.3.0 later".to_owned());
    let manner = Manner { delay: Duration::from_millis(25), at_dot: Some((11, later)), ..Manner::default() };
    relay.begin(&site.ledger(), manner).map_err(|error| format!("the ledger: {error}"))?;
    schedule(site)?;
    let clock = Clock { file: site.folder.join("clock") };
    clock.set("+0")?;
    let mut serve = open(site, &Harm { environment: clock.environment(), ..Harm::default() })?;
    site.doors().await?;
    let mut jumps = ["+1h", "-1h", "+0"];
    jumps.shuffle(&mut random);
    let mut stood = 0;
    for jump in jumps {
        stood += usize::from(!goes_on(relay, random.random_range(20..50)).await);
        clock.set(jump)?;
    }
    stood += usize::from(!goes_on(relay, 20).await);
    // What was put off by a clock that was ahead waits until the true one has caught up.
    clock.set("+65m")?;
    settled(site, Duration::from_secs(60)).await?;
    serve.stop().await.ok_or("serve does not stop")?;
    let mut verdict = compare(site, relay, &[]).await?;
    verdict.blame(stood, "a campaign that was running stood still after a jump");
    let early = site.rows("select count(*) from campaign where name = 'winter' and state <> 'scheduled'").await?;
    verdict.blame(usize::from(early[0].get::<i64, _>(0) > 0), "a campaign began before its time");
    // Where the lease goes by the same clock, a leap of an hour ends it.
    let missed = site.kind == Kind::Sqlite && !site.said_all().contains("scheduler ended early");
    Ok(Run { verdict, bound: 0, again: Vec::new(), missed })
}

/// True when so many more letters come in.
async fn goes_on(relay: &Relay, letters: u64) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    let wanted = relay.seen().accepted.load(Ordering::SeqCst) + letters;
    while relay.seen().accepted.load(Ordering::SeqCst) < wanted {
        if Instant::now() > until {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    true
}

fn schedule(site: &Site) -> Result<(), String> {
    let at = Timestamp::now() + SignedDuration::from_mins(90);
    let letter = format!(
        "+++\nname = \"winter\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Winter is near\"\n\
         at = \"{}\"\n+++\n# Hello\n",
        at.strftime("%Y-%m-%d %H:%M")
    );
    site.write("winter.md", &letter)?;
    site.call(&["campaign", "add", &site.folder.join("winter.md").display().to_string()])?;
    site.call(&["campaign", "schedule", "winter"]).map(drop)
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
