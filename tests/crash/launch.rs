//! Deaths while a campaign is launched: afterwards it has begun whole, or not at all.

use std::time::{Duration, Instant};

use sqlx::Row;

use crate::installation::{Harm, Site};
use crate::kill::finish;
use crate::reconcile::compare;
use crate::relay::{Manner, Relay};
use crate::table::Run;

/// Carries out one run in a fresh copy of an installation whose campaign is a draft.
pub async fn run(site: &Site, relay: &Relay, point: &str) -> Result<Run, String> {
    relay.begin(&site.ledger(), Manner::default()).map_err(|error| format!("the ledger: {error}"))?;
    let harm = Harm { point: Some(format!("{point}:1")), ..Harm::default() };
    let mut start = site.start(&["campaign", "start", "autumn"], &harm)?;
    let status = start.ended(Duration::from_secs(30)).await.ok_or("the start does not end")?;
    let dead = Instant::now();
    let rows = site.rows("select count(*) from delivery").await?;
    let planned: i64 = rows[0].get(0);
    let whole = match site.state().await?.as_str() {
        "running" => usize::try_from(planned).is_ok_and(|planned| planned == site.terms.people),
        "draft" => planned == 0,
        _ => false,
    };
    if site.state().await? == "draft" {
        site.call(&["campaign", "start", "autumn"])?;
    }
    relay.expect_mail();
    finish(site, relay).await?;
    let again = relay.first_mail().map(|mail| mail.saturating_duration_since(dead)).into_iter().collect();
    let mut verdict = compare(site, relay, &[]).await?;
    verdict.blame(usize::from(!whole), "the campaign had begun in part");
    Ok(Run { verdict, bound: 0, again, missed: status.code().is_some() })
}
