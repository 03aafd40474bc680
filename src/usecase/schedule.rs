//! Times of campaigns: schedule, recall, deadlines.

use serde::Serialize;

use super::campaign_view::CampaignView;
use super::output::{time, utc};
use super::preflight::{check, refuse_problems};
use super::{Action, Actor};
use crate::campaign::model::transition;
use crate::campaign::model::{self, Campaign, content};
use crate::campaign::recall;
use crate::campaign::schedule::{LocalStart, Schedule, Start, StartTime, Until};
use crate::campaign::series;
use crate::campaign::zoned_time::{self, ZonedTime, format_local};
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;
use crate::report::summary;

/// A campaign that was scheduled, or a series that was started.
#[derive(Debug, Serialize)]
pub struct Scheduled {
    /// Its name.
    pub name: String,
    /// scheduled or series.
    pub state: &'static str,
    /// When the campaign, or the first of the series, starts.
    #[serde(serialize_with = "time")]
    pub at: Millis,
    /// The same as the user wrote it.
    pub local: Option<String>,
    /// Its time zone.
    pub zone: Option<String>,
    /// Notes on times that a change of clocks affects.
    pub notes: Vec<Message>,
    /// What was done.
    #[serde(skip)]
    pub message: Message,
}

/// What a recall did.
#[derive(Debug, Serialize)]
pub struct Recalled {
    /// The campaign.
    pub name: String,
    /// Its state afterwards.
    pub state: &'static str,
    /// Its deliveries.
    pub planned: i64,
    /// Those that the relay had accepted.
    pub accepted: i64,
    /// Those that were recalled.
    pub recalled: i64,
    /// Those that are uncertain.
    pub uncertain: i64,
    /// Those in flight.
    pub sending: i64,
    /// Those that the relay had rejected.
    pub rejected: i64,
    /// Those that were suppressed.
    pub suppressed: i64,
}

/// Schedules a campaign, or starts a series. `at` and `zone` take precedence over the file. `progress` is called with
/// the recipients checked so far and all of them.
///
/// # Errors
///
/// `Conflict` with every problem of the preflight, or when the campaign is in another state.
pub async fn set(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    at: Option<&str>,
    zone: Option<&str>,
    progress: impl FnMut(u64, u64),
) -> Result<Scheduled> {
    let permit = actor.permit(installation, Action::ScheduleCampaign).await?;
    let campaign = model::find_by_name(&mut *installation.db.read().await?, permit.workspace, name).await?;
    let schedule = content::read_file(&mut *installation.db.read().await?, campaign.id).await?.schedule;
    let start = match at {
        Some(text) => Start::At(ZonedTime::parse(text, zone.or(schedule.zone.as_deref()))?),
        None => schedule.start.clone().ok_or_else(|| Message::new("campaign-no-time").invalid_field("at"))?,
    };
    let now = installation.clock.now();
    let start_time = match &start {
        Start::At(at) if at.at <= now => return Err(is_past(&StartTime::from(at), name)),
        Start::At(at) => Some(StartTime::from(at)),
        Start::Local(local) => Some(first_of_zones(local, schedule.zone(), name, now)?),
        Start::Every(_) => None,
    };
    refuse_problems(&check(installation, &campaign, false, progress).await?, false)?;
    let mut tx = installation.db.write().await?;
    let (message, at) = match (&start, &start_time) {
        (Start::Every(recurrence), _) => {
            let occurrence = series::start(&mut tx, &campaign, recurrence, installation.ids.next()?, now).await?;
            let next = zoned_time::format_in_zone(occurrence.at, &recurrence.zone);
            (Message::new("series-begun").with("name", name).with("next", next), occurrence.at)
        }
        (_, Some(start_time)) => {
            transition::schedule(&mut tx, &campaign, start_time).await?;
            (describe(&start, start_time, name), start_time.at)
        }
        (_, None) => return Err(Message::new("campaign-no-time").invalid_field("at")),
    };
    tx.commit().await?;
    permit.audit(campaign.id).await;
    let state = if start_time.is_some() { "scheduled" } else { "series" };
    let (local, zone) = start_time.map(|start| (start.local, start.zone)).unzip();
    Ok(Scheduled { name: name.to_owned(), state, at, local, zone, notes: notes(&start, &schedule), message })
}

/// Makes a scheduled campaign a draft again.
pub async fn unschedule(installation: &Installation, actor: &Actor, name: &str) -> Result<CampaignView> {
    let permit = actor.permit(installation, Action::ScheduleCampaign).await?;
    let mut tx = installation.db.write().await?;
    let campaign = model::find_by_name(&mut tx, permit.workspace, name).await?;
    transition::unschedule(&mut tx, &campaign).await?;
    tx.commit().await?;
    permit.audit(campaign.id).await;
    CampaignView::of(installation, campaign.id).await
}

/// Recalls the deliveries of a campaign that are not sent yet, and counts what became of each.
pub async fn recall(installation: &Installation, actor: &Actor, name: &str) -> Result<Recalled> {
    let permit = actor.permit(installation, Action::RecallCampaign).await?;
    let mut tx = installation.db.write().await?;
    let campaign = model::find_by_name(&mut tx, permit.workspace, name).await?;
    recall::recall(&mut tx, &campaign, installation.clock.now()).await?;
    let campaign = model::find(&mut tx, campaign.id).await?.ok_or_else(|| Message::new("campaign-gone").internal())?;
    let recalled = recall::count_recalled(&mut tx, &campaign).await?;
    let summary = summary::read(&mut tx, &campaign).await?;
    tx.commit().await?;
    permit.audit(campaign.id).await;
    Ok(Recalled {
        state: campaign.state.as_str(),
        name: campaign.name,
        planned: summary.planned,
        accepted: summary.accepted,
        recalled,
        uncertain: summary.uncertain,
        sending: summary.sending,
        rejected: summary.rejected,
        suppressed: summary.suppressed,
    })
}

/// When a campaign of this schedule would start, as far as its file says.
pub(super) fn first_start(schedule: &Schedule, now: Millis) -> Option<Millis> {
    match schedule.start.as_ref()? {
        Start::At(at) => Some(at.at),
        Start::Local(local) => local.first().ok(),
        Start::Every(recurrence) => recurrence.next(now).ok().map(|occurrence| occurrence.at),
    }
}

/// Parses a deadline in the zone of the campaign; refuses one that has passed.
pub(super) async fn read_until(conn: &mut Conn, text: &str, campaign: &Campaign, now: Millis) -> Result<Millis> {
    let schedule = content::read_file(conn, campaign.id).await?.schedule;
    let until = ZonedTime::parse(text, campaign.zone.as_deref().or(schedule.zone.as_deref()))?;
    if until.at <= now {
        let message = Message::new("campaign-until-past").with("until", StartTime::from(&until).format());
        return Err(message.with("name", &campaign.name).invalid_field("until"));
    }
    Ok(until.at)
}

/// When the audience of a campaign by local time is frozen: at the earliest zone, or now where that has passed.
fn first_of_zones(local: &LocalStart, zone: &str, name: &str, now: Millis) -> Result<StartTime> {
    let start = StartTime { at: local.first()?.max(now + 1), local: format_local(local.time), zone: zone.to_owned() };
    if local.last()? <= now { Err(is_past(&start, name)) } else { Ok(start) }
}

fn is_past(start: &StartTime, name: &str) -> Error {
    Message::new("campaign-past").with("time", &start.local).with("name", name).invalid_field("at")
}

fn describe(start: &Start, start_time: &StartTime, name: &str) -> Message {
    let message = match start {
        Start::Local(local) => Message::new("campaign-scheduled-local").with("field", &local.field),
        _ => Message::new("campaign-scheduled").with("said", start_time.format()),
    };
    message
        .with("name", name)
        .with("time", utc(start_time.at))
        .with("local", &start_time.local)
        .with("zone", &start_time.zone)
}

/// Notes on a start or a deadline that a change of clocks affects.
fn notes(start: &Start, schedule: &Schedule) -> Vec<Message> {
    let start = if let Start::At(at) = start { at.warning() } else { None };
    let until = if let Some(Until::At(until)) = &schedule.until { until.warning() } else { None };
    start.into_iter().chain(until).collect()
}
