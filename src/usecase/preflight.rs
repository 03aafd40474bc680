//! Preflight of a campaign: what would be sent, to whom it would not, and what must be mended first.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Action, Actor, relay_check};
use crate::campaign::model::{self, Campaign};
use crate::campaign::preflight::{self, Preflight};
use crate::campaign::unfinished_draft;
use crate::content::email::Tracking;
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;

/// The problems that `--skip-missing` accepts: recipients without a message are counted as skipped.
const SKIPPABLE: [&str; 2] = ["preflight-missing", "preflight-broken"];

/// What a preflight found.
#[derive(Debug, Serialize)]
pub struct PreflightView {
    /// How many recipients.
    pub recipients: i64,
    /// How many subscribers are excluded, by the key of the reason.
    pub excluded: BTreeMap<&'static str, i64>,
    /// How many recipients lack the value of a field that the email needs.
    pub missing: BTreeMap<String, i64>,
    /// The size of the largest message.
    pub largest_bytes: usize,
    /// Some messages.
    pub samples: Vec<SampleView>,
    /// What is measured: `none` or `individual`.
    pub tracking: &'static str,
    /// What may go wrong.
    pub warnings: Vec<Message>,
    /// What must be mended first.
    pub problems: Vec<Message>,
    /// True when there is no problem.
    pub ready: bool,
    /// The campaign.
    #[serde(skip)]
    pub name: String,
}

/// A message of a preflight.
#[derive(Debug, Serialize)]
pub struct SampleView {
    /// The recipient, masked.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The preheader.
    pub preheader: String,
    /// The plain text.
    pub text: String,
    /// The size.
    pub bytes: usize,
}

/// Composes every message of a campaign without sending it. `progress` is called with the recipients checked so far
/// and all of them.
pub async fn preflight(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    progress: impl FnMut(u64, u64),
) -> Result<PreflightView> {
    let permit = actor.permit(installation, Action::PreflightCampaign).await?;
    let campaign = model::find_by_name(&mut *installation.db.read().await?, permit.workspace, name).await?;
    let found = check(installation, &campaign, false, progress).await?;
    permit.audit(campaign.id).await;
    let samples = found.samples.into_iter().map(|sample| SampleView {
        to: sample.to,
        subject: sample.subject,
        preheader: sample.preheader,
        text: sample.text,
        bytes: sample.bytes,
    });
    Ok(PreflightView {
        recipients: found.recipients,
        excluded: found.excluded,
        missing: found.missing,
        largest_bytes: found.largest,
        samples: samples.collect(),
        ready: found.problems.is_empty(),
        tracking: found.tracking.unwrap_or(Tracking::None).as_str(),
        warnings: found.warnings,
        problems: found.problems,
        name: campaign.name,
    })
}

/// The preflight of a campaign.
pub(super) async fn check(
    installation: &Installation,
    campaign: &Campaign,
    local: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<Preflight> {
    let report = |done: i64, total: i64| progress(done.unsigned_abs(), total.unsigned_abs());
    let mut found = preflight::check(installation, campaign, local, report).await?;
    relay_check::add_findings(installation, campaign.workspace, &mut found).await?;
    found.problems.extend(unfinished_draft::problem(&mut *installation.db.read().await?, campaign).await?);
    Ok(found)
}

/// Refuses with the problems of a preflight, without those that `skip_missing` accepts.
pub(super) fn refuse_problems(found: &Preflight, skip_missing: bool) -> Result<()> {
    let is_accepted = |problem: &&Message| skip_missing && SKIPPABLE.contains(&problem.key);
    let problems: Vec<Message> = found.problems.iter().filter(|problem| !is_accepted(problem)).cloned().collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Message::new("preflight-refused").with_list("problems", problems).conflict())
}
