//! Crashes during the launch of a campaign: afterwards it is launched completely or not at all.

use std::time::{Duration, Instant};

use sqlx::Row;

use crate::installation::{Installation, ProcessFaults};
use crate::kill::finish;
use crate::reconcile::compare;
use crate::relay::{Behaviour, Relay};
use crate::table::Run;

/// Carries out one run in a fresh copy of an installation whose campaign is a draft.
pub async fn run(installation: &Installation, relay: &Relay, point: &str) -> Result<Run, String> {
    relay
        .reset(&installation.accepted_log(), Behaviour::default())
        .map_err(|error| format!("the log of accepted messages: {error}"))?;
    let faults = ProcessFaults { point: Some(format!("{point}:1")), ..ProcessFaults::default() };
    let mut start = installation.start(&["campaign", "start", "autumn"], &faults)?;
    let status = start.ended(Duration::from_secs(30)).await.ok_or("the start does not end")?;
    let dead = Instant::now();
    let rows = installation.rows("select count(*) from delivery").await?;
    let planned: i64 = rows[0].get(0);
    let whole = match installation.state().await?.as_str() {
        "running" => usize::try_from(planned).is_ok_and(|planned| planned == installation.settings.recipients),
        "draft" => planned == 0,
        _ => false,
    };
    if installation.state().await? == "draft" {
        installation.call(&["campaign", "start", "autumn"])?;
    }
    relay.expect_mail();
    finish(installation, relay).await?;
    let again = relay.first_mail().map(|mail| mail.saturating_duration_since(dead)).into_iter().collect();
    let mut findings = compare(installation, relay, &[]).await?;
    findings.add_wrong(usize::from(!whole), "the campaign had begun in part");
    Ok(Run { findings, bound: 0, again, missed: status.code().is_some() })
}
