//! One transaction of a mailer: records results, releases deliveries, runs the final eligibility check and marks
//! deliveries.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::audience::hard_bounce::{self, HardBounce};
use crate::campaign::delivery::{self, DeliveryResult, Mark, Marked, ResultBatch};
use crate::infra::clock::Millis;
use crate::infra::db::store_status::WritePurpose;
use crate::infra::db::{Conn, Script};
use crate::infra::error::Result;
use crate::infra::failpoint;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::metric;
use crate::mailer::lease;

/// Commits results, releases and marks in one transaction under the mailer's lease. Returns, for each delivery that
/// may be sent, what its message is made from.
///
/// Results come before marks: a connection that requests its next mark has recorded its last result, and both are
/// committed together. When a row of one of the deliveries cannot be read, each is committed alone, so that it stops itself
/// only.
pub async fn commit(
    installation: &Installation,
    mailer: Id,
    marks: &[Mark],
    releases: &[Id],
    results: &[DeliveryResult],
) -> Result<HashMap<Id, Marked>> {
    match commit_together(installation, mailer, marks, releases, results).await {
        Err(error) if !error.is_outage() => {
            tracing::warn!(error = error.message().key, "a commit of deliveries failed; they are committed one by one");
            commit_apart(installation, mailer, marks, releases, results).await
        }
        committed => committed,
    }
}

async fn commit_together(
    installation: &Installation,
    mailer: Id,
    marks: &[Mark],
    releases: &[Id],
    results: &[DeliveryResult],
) -> Result<HashMap<Id, Marked>> {
    let (now, began) = (installation.clock.now(), Instant::now());
    let (batch, mut written) = (ResultBatch::of(results), 0);
    let write = |script: &mut Script, _: &Conn| {
        lease::push_lock(script, &installation.db, mailer, marks.is_empty());
        written = batch.push_statements(script, mailer, now);
        delivery::prepare_mark(script, mailer, marks, now);
    };
    let (mut tx, mut done) = installation.db.write_with(WritePurpose::Regular, write).await?;
    lease::check_lock(&done.remove(0))?;
    let (recorded, marked_rows) = done.split_at(written);
    batch.correct(&mut tx, mailer, recorded).await?;
    let has_bounces = record_bounces(&mut tx, results, now).await?;
    delivery::release(&mut tx, mailer, releases, now).await?;
    let marked = delivery::collect_marked(&mut tx, mailer, marks, marked_rows, now).await?;
    if !marked.is_empty() {
        failpoint::hit("before-mark-commit");
    }
    tx.commit().await?;
    installation.mailer_status.count_commit();
    metric::observe_commit(began.elapsed());
    if !results.is_empty() {
        failpoint::hit("after-result-commit");
    }
    if has_bounces && let Err(error) = hard_bounce::apply(&installation.db).await {
        tracing::warn!(error = error.message().key, "bounced contacts are suppressed later");
    }
    Ok(marked)
}

/// The same, each result and each mark in a transaction of its own. A delivery whose row cannot be read is
/// skipped; a result that cannot be recorded is left to the recovery of uncertain deliveries.
///
/// # Errors
/// Those that concern every delivery, as when the database does not answer.
async fn commit_apart(
    installation: &Installation,
    mailer: Id,
    marks: &[Mark],
    releases: &[Id],
    results: &[DeliveryResult],
) -> Result<HashMap<Id, Marked>> {
    for result in results {
        match commit_together(installation, mailer, &[], &[], std::slice::from_ref(result)).await {
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                tracing::error!(delivery.id = result.id, why = error.message().key, "a result could not be recorded");
            }
            Ok(_) => {}
        }
    }
    for release in releases {
        match commit_together(installation, mailer, &[], &[*release], &[]).await {
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                tracing::error!(delivery.id = release, why = error.message().key, "a delivery could not be released");
            }
            Ok(_) => {}
        }
    }
    let mut marked = HashMap::with_capacity(marks.len());
    for mark in marks {
        match commit_together(installation, mailer, std::slice::from_ref(mark), &[], &[]).await {
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                tracing::error!(delivery.id = mark.id, why = error.message().key, "a delivery cannot be read; skipped");
                let mut tx = installation.db.write().await?;
                delivery::skip_unreadable(&mut tx, mailer, mark, installation.clock.now()).await?;
                tx.commit().await?;
            }
            Ok(one) => marked.extend(one),
        }
    }
    Ok(marked)
}

/// Records the hard bounces among the results, in the transaction that records the results. True when there are any.
async fn record_bounces(conn: &mut Conn, results: &[DeliveryResult], now: Millis) -> Result<bool> {
    let is_bounce = |result: &&DeliveryResult| {
        result.state == delivery::State::Rejected && result.reason.as_deref() == Some(delivery::BOUNCE)
    };
    let bounced: HashMap<Id, String> =
        results.iter().filter(is_bounce).map(|result| (result.id, status(result))).collect();
    if bounced.is_empty() {
        return Ok(false);
    }
    let ids: Vec<Id> = bounced.keys().copied().collect();
    let contacts = delivery::contacts_of(conn, &ids).await?;
    let bounces: Vec<HardBounce> =
        contacts.into_iter().map(|(id, contact)| HardBounce { contact, status: bounced[&id].clone() }).collect();
    hard_bounce::record(conn, &bounces, now).await?;
    Ok(true)
}

/// The code of a result's reply and its enhanced code, without the text, which may name the recipient.
fn status(result: &DeliveryResult) -> String {
    let enhanced = result.reply.split(' ').next().unwrap_or_default();
    let is_enhanced = enhanced.starts_with("5.") && enhanced.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    if is_enhanced { format!("{} {enhanced}", result.code) } else { result.code.to_string() }
}
