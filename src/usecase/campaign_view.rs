//! Campaigns as use cases return them: a row of a list, one with its numbers, and one with its progress.

use std::collections::BTreeMap;

use serde::Serialize;

use super::lane::LaneWaiting;
use super::localize::StoredMessage;
use super::output::{optional_time, time};
use crate::campaign::delivery;
use crate::campaign::headline;
use crate::campaign::model::{self, Campaign, content};
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::machine;
use crate::report::lanes::{self, LaneStatus};
use crate::report::progress::{self, Progress, RateEstimator};
use crate::report::rates::Rates;
use crate::report::summary::{self, Summary};

/// A campaign of a list.
#[derive(Debug, Serialize)]
pub struct CampaignRow {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: &'static str,
    /// Its deliveries.
    pub planned: i64,
    /// Those that the relay accepted.
    pub accepted: i64,
    /// The campaign as stored.
    #[serde(skip)]
    pub campaign: Campaign,
    /// Its numbers, without opens, clicks and links.
    #[serde(skip)]
    pub summary: Summary,
}

impl CampaignRow {
    pub(super) fn new(campaign: Campaign, summary: Summary) -> Self {
        Self {
            name: campaign.name.clone(),
            state: campaign.state.as_str(),
            planned: summary.planned,
            accepted: summary.accepted,
            campaign,
            summary,
        }
    }
}

/// A campaign with its numbers, times and lanes.
#[derive(Debug, Serialize)]
pub struct CampaignView {
    /// When it starts, while it is scheduled, or started.
    #[serde(serialize_with = "optional_time")]
    pub starts_at: Option<Millis>,
    /// The same as the user wrote it.
    pub starts_local: Option<String>,
    /// The time on each recipient's own clock, for a campaign that is sent by it.
    pub recipient_local: Option<String>,
    /// The time zone of its times.
    pub zone: Option<String>,
    /// From when on nothing is sent.
    #[serde(serialize_with = "optional_time")]
    pub until: Option<Millis>,
    /// Seconds for which it still holds before the first message.
    pub held_seconds: Option<i64>,
    /// The occurrence of its series.
    pub slot: Option<String>,
    /// Why it is in its state.
    pub reason: Option<StoredMessage>,
    /// When its audience was frozen.
    #[serde(serialize_with = "optional_time")]
    pub launched_at: Option<Millis>,
    /// When its last delivery was settled.
    #[serde(serialize_with = "optional_time")]
    pub finished_at: Option<Millis>,
    /// Its numbers.
    #[serde(flatten)]
    pub summary: Summary,
    /// Whether opens and clicks are measured.
    pub measured: bool,
    /// Its rates, each with the name of its denominator.
    pub rates: Rates,
    /// The number of deliveries without a message for each reason; the other skipped ones are of a cancelled or recalled
    /// campaign.
    pub skip_reasons: BTreeMap<&'static str, i64>,
    /// The machines that sending waits for after an older copy of the database was put back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub awaited: Vec<String>,
    /// The lanes in which its deliveries wait.
    pub lanes: Vec<LaneWaiting>,
    /// The campaign as stored.
    #[serde(skip)]
    pub campaign: Campaign,
    /// The lanes as read.
    #[serde(skip)]
    pub lane_status: Vec<LaneStatus>,
    /// When it was read.
    #[serde(skip)]
    pub now: Millis,
}

impl CampaignView {
    /// Reads the campaign as it is now.
    pub(super) async fn of(installation: &Installation, id: Id) -> Result<Self> {
        let mut conn = installation.db.read().await?;
        let campaign = model::find(&mut conn, id).await?.ok_or_else(|| Message::new("campaign-gone").internal())?;
        Self::read(&mut conn, campaign, installation.clock.now()).await
    }

    pub(super) async fn read(conn: &mut Conn, campaign: Campaign, now: Millis) -> Result<Self> {
        let summary = summary::read(conn, &campaign).await?;
        Self::of_summary(conn, campaign, summary, now).await
    }

    /// The campaign with numbers that are known.
    pub(super) async fn of_summary(conn: &mut Conn, campaign: Campaign, summary: Summary, now: Millis) -> Result<Self> {
        let lane_status = lanes::list(conn, &campaign, now).await?;
        let skip_reasons = match summary.skipped {
            0 => BTreeMap::new(),
            _ => delivery::count_by_reason(conn, campaign.id).await?,
        };
        let file = content::read_file(conn, campaign.id).await.ok();
        let recipient_local =
            file.and_then(|file| Some(file.schedule.local()?.time.strftime("%Y-%m-%d %H:%M").to_string()));
        let measured = headline::read(conn, &campaign).await?.is_some_and(|headline| headline.measured);
        Ok(Self {
            rates: Rates::of(&summary, measured),
            measured,
            starts_at: campaign.starts_at,
            starts_local: campaign.starts_local.clone(),
            recipient_local,
            zone: campaign.zone.clone(),
            until: campaign.until_at,
            held_seconds: campaign.held_for(now).map(whole_seconds),
            slot: campaign.occurrence.clone(),
            reason: campaign.reason.clone().map(StoredMessage),
            launched_at: campaign.launched_at,
            finished_at: campaign.finished_at,
            summary,
            skip_reasons,
            awaited: machine::list_awaited(conn).await?.into_iter().map(|machine| machine.name).collect(),
            lanes: lane_status.iter().map(LaneWaiting::from).collect(),
            campaign,
            lane_status,
            now,
        })
    }
}

/// Whole seconds, rounded up.
fn whole_seconds(left: Millis) -> i64 {
    (left + 999) / 1_000
}

/// How far a campaign is.
#[derive(Debug, Serialize)]
pub struct ProgressView {
    /// When it was read.
    #[serde(serialize_with = "time")]
    pub at: Millis,
    /// The name of the campaign.
    pub name: String,
    /// Its state.
    pub state: &'static str,
    /// Why it is in its state.
    pub reason: Option<StoredMessage>,
    /// Its deliveries.
    pub planned: i64,
    /// Those with a result.
    pub settled: i64,
    /// Accepted by the relay.
    pub accepted: i64,
    /// Rejected by the relay.
    pub rejected: i64,
    /// Uncertain.
    pub uncertain: i64,
    /// In flight.
    pub sending: i64,
    /// Not sent yet.
    pub pending: i64,
    /// Those of them that wait for a retry.
    pub deferred: i64,
    /// Suppressed.
    pub suppressed: i64,
    /// Skipped.
    pub skipped: i64,
    /// Deliveries settled a second.
    pub rate: Option<f64>,
    /// When it will be finished at this rate.
    #[serde(serialize_with = "optional_time")]
    pub ends_at: Option<Millis>,
    /// When the next retry is due, while all deliveries wait for one.
    #[serde(serialize_with = "optional_time")]
    pub next_at: Option<Millis>,
    /// The lanes in which its deliveries wait.
    pub lanes: Vec<LaneWaiting>,
    /// The campaign as stored.
    #[serde(skip)]
    pub campaign: Campaign,
    /// The progress as read.
    #[serde(skip)]
    pub progress: Progress,
}

impl ProgressView {
    pub(super) async fn read(
        conn: &mut Conn,
        campaign: Campaign,
        rate: &mut RateEstimator,
        now: Millis,
    ) -> Result<Self> {
        let progress = progress::read(conn, &campaign, now).await?.with_rate(rate, now);
        let numbers = &progress.numbers;
        Ok(Self {
            at: now,
            name: campaign.name.clone(),
            state: campaign.state.as_str(),
            reason: campaign.reason.clone().map(StoredMessage),
            planned: numbers.planned,
            settled: progress.settled,
            accepted: numbers.accepted,
            rejected: numbers.rejected,
            uncertain: progress.uncertain(),
            sending: numbers.sending,
            pending: numbers.pending,
            deferred: numbers.deferred,
            suppressed: numbers.suppressed,
            skipped: numbers.skipped,
            rate: progress.rate,
            ends_at: progress.ends_at,
            next_at: progress.next_at,
            lanes: progress.lanes.iter().map(LaneWaiting::from).collect(),
            campaign,
            progress,
        })
    }
}
