//! Comparison of campaigns: their numbers and rates side by side.

use serde::Serialize;

use super::output::optional_time;
use super::{Action, Actor};
use crate::campaign::{headline, model};
use crate::infra::clock::Millis;
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::report::rates::Rates;
use crate::report::summary::{self, Summary};

/// A campaign among others.
#[derive(Debug, Serialize)]
pub struct ComparedCampaign {
    /// When its audience was frozen.
    #[serde(serialize_with = "optional_time")]
    pub launched_at: Option<Millis>,
    /// Its subject, with merge tags.
    pub subject: Option<String>,
    /// Whether opens and clicks are measured.
    pub measured: bool,
    /// Its rates.
    pub rates: Rates,
    /// Its numbers.
    #[serde(flatten)]
    pub summary: Summary,
}

/// Reads campaigns in the order of their names.
pub async fn compare(installation: &Installation, actor: &Actor, names: &[String]) -> Result<Vec<ComparedCampaign>> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let mut compared = Vec::with_capacity(names.len());
    for name in names {
        let campaign = model::find_by_name(&mut conn, permit.workspace, name).await?;
        let headline = headline::read(&mut conn, &campaign).await?;
        let measured = headline.as_ref().is_some_and(|headline| headline.measured);
        let summary = summary::read(&mut conn, &campaign).await?;
        compared.push(ComparedCampaign {
            launched_at: campaign.launched_at,
            subject: headline.map(|headline| headline.subject),
            measured,
            rates: Rates::of(&summary, measured),
            summary,
        });
    }
    permit.audit(None).await;
    Ok(compared)
}
