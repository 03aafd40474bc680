//! Opens while the database is locked: they are spooled to disk, and each spooled event is counted once even if the process
//! dies.

use std::fs;
use std::time::{Duration, Instant};

use sendoff::infra::token::TokenPurpose;
use sqlx::Row;

use crate::installation::{Installation, ProcessFaults};
use crate::kill::finish;
use crate::reconcile::compare;
use crate::relay::{Behaviour, Relay};
use crate::table::Run;
use crate::unsubscribe::{get, lock_database, open, pick_recipients};

/// Carries out one run in a fresh copy of an installation whose campaign has begun.
pub async fn run(installation: &Installation, relay: &Relay, seed: u64) -> Result<Run, String> {
    relay
        .reset(&installation.accepted_log(), Behaviour::default())
        .map_err(|error| format!("the log of accepted messages: {error}"))?;
    let readers = pick_recipients(installation, seed, "/o/", TokenPurpose::Open).await?;
    finish(installation, relay).await?;
    let faults =
        ProcessFaults { point: Some(format!("after-spool-write:{}", 1 + seed % 2)), ..ProcessFaults::default() };
    let mut serve = open(installation, &faults)?;
    let pages = installation.public_address().await?;
    let lock = lock_database(installation).await?;
    // A statement that waits for others is given up after half a minute.
    let until = Instant::now() + Duration::from_secs(75);
    let mut died = false;
    for reader in readers.iter().cycle() {
        died = serve.ended(Duration::from_millis(50)).await.is_some();
        if died || Instant::now() > until {
            break;
        }
        get(&pages, &format!("{}.gif", reader.path)).await;
    }
    drop(lock);
    serve.kill();
    let journal = installation.data().join("journal");
    let waiting =
        || ["events.log", "events.taken"].map(|name| fs::read_to_string(journal.join(name)).unwrap_or_default());
    let kept: usize = waiting().iter().map(|text| text.lines().filter(|line| !line.is_empty()).count()).sum();
    let mut serve = open(installation, &ProcessFaults::default())?;
    installation.public_address().await?;
    let until = Instant::now() + Duration::from_secs(20);
    while waiting().iter().any(|text| !text.is_empty()) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    serve.stop().await.ok_or("serve does not stop")?;
    let counted: i64 = installation.rows("select count(*) from event where kind = 'open'").await?[0].get(0);
    let mut findings = compare(installation, relay, &[]).await?;
    let differs = usize::try_from(counted).unwrap_or(0).abs_diff(kept);
    findings.add_wrong(differs, "opens were spooled and not counted, or counted twice");
    Ok(Run { findings, bound: 0, again: Vec::new(), missed: !died || kept == 0 })
}
