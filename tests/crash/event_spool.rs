//! Opens while the database keeps everybody waiting: they are written down beside it, and what was
//! written down is counted once, although the process dies.

use std::fs;
use std::time::{Duration, Instant};

use sendoff::infra::token::TokenPurpose;
use sqlx::Row;

use crate::goodbye::{doors_of, get, hold, open};
use crate::installation::{Harm, Site};
use crate::kill::finish;
use crate::reconcile::compare;
use crate::relay::{Manner, Relay};
use crate::table::Run;

/// Carries out one run in a fresh copy of an installation whose campaign has begun.
pub async fn run(site: &Site, relay: &Relay, seed: u64) -> Result<Run, String> {
    relay.begin(&site.ledger(), Manner::default()).map_err(|error| format!("the ledger: {error}"))?;
    let readers = doors_of(site, seed, "/o/", TokenPurpose::Open).await?;
    finish(site, relay).await?;
    let harm = Harm { point: Some(format!("after-spool-write:{}", 1 + seed % 2)), ..Harm::default() };
    let mut serve = open(site, &harm)?;
    let doors = site.doors().await?;
    let lock = hold(site).await?;
    // A statement that waits for others is given up after half a minute.
    let until = Instant::now() + Duration::from_secs(75);
    let mut died = false;
    for reader in readers.iter().cycle() {
        died = serve.ended(Duration::from_millis(50)).await.is_some();
        if died || Instant::now() > until {
            break;
        }
        get(&doors, &format!("{}.gif", reader.path)).await;
    }
    drop(lock);
    serve.kill();
    let journal = site.data().join("journal");
    let waiting =
        || ["events.log", "events.taken"].map(|name| fs::read_to_string(journal.join(name)).unwrap_or_default());
    let kept: usize = waiting().iter().map(|text| text.lines().filter(|line| !line.is_empty()).count()).sum();
    let mut serve = open(site, &Harm::default())?;
    site.doors().await?;
    let until = Instant::now() + Duration::from_secs(20);
    while waiting().iter().any(|text| !text.is_empty()) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    serve.stop().await.ok_or("serve does not stop")?;
    let counted: i64 = site.rows("select count(*) from event where kind = 'open'").await?[0].get(0);
    let mut verdict = compare(site, relay, &[]).await?;
    let differs = usize::try_from(counted).unwrap_or(0).abs_diff(kept);
    verdict.blame(differs, "opens were written down and not counted, or counted twice");
    Ok(Run { verdict, bound: 0, again: Vec::new(), missed: !died || kept == 0 })
}
