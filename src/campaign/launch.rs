//! Launch of a campaign: one transaction fixes the content and the audience. After it neither a changed brand nor a changed
//! segment alters the campaign.

use super::audience;
use super::composer::Composer;
use super::composer_cache::ComposerCache;
use super::delivery::{self, freeze::NewDeliveries};
use super::model::transition;
use super::model::transition::TimeBounds;
use super::model::{self, Campaign, State, content};
use super::recipient_time::{SendTimes, ZoneTimes};
use super::schedule::Schedule;
use super::unfinished_draft;
use super::{
    deadline, frozen_content, lane, launch_count, link, link::Link, purpose_check, recall, series, zoned_time,
};
use crate::audience::workspace::end;
use crate::audience::{contact, list, subscription};
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::failpoint;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::infra::setting::{self, Setting};

pub use super::frozen_content::current as current_content;

/// Number of keys reserved beyond the size of the list, for contacts that subscribe between the count and the freeze.
const KEY_MARGIN: i64 = 100_000;

/// Starts a campaign: freezes content and audience and sets it running. Returns the number of planned deliveries; `None`
/// when the campaign runs already.
///
/// # Errors
/// A conflict when its list is closed or it is the draft of a series; invalid when its latest time has passed.
pub async fn start(installation: &Installation, campaign: &Campaign) -> Result<Option<u64>> {
    let (source, content, file, condition, size) = {
        let mut conn = installation.db.read().await?;
        if end::is_reached(&mut conn, campaign.workspace, installation.clock.now()).await? {
            return Err(Message::new("workspace-ended").conflict());
        }
        let list = list::get(&mut conn, campaign.list).await?;
        if list.is_none_or(|list| list.closed) {
            return Err(Message::new("campaign-list-gone").conflict());
        }
        unfinished_draft::refuse(&mut conn, campaign).await?;
        let size: i64 = subscription::count(&mut conn, campaign.list).await?.iter().map(|(_, count)| count).sum();
        let content = frozen_content::current(&mut conn, campaign, installation.clock.now()).await?;
        let source = content::read_source(&mut conn, campaign.id).await?;
        let file = source.parse()?;
        (source, content, file, audience::segment_condition(&mut conn, campaign).await?, size)
    };
    let (frozen, language) = (content.to_json(campaign)?, content.frame.lang);
    let composer = Composer::compile(installation, content)?;
    let refused = {
        let mut conn = installation.db.read().await?;
        let (content, fields) = (composer.content(), composer.email().fields());
        Box::pin(purpose_check::problems(&mut conn, campaign, content, fields, condition.as_ref())).await?
    };
    if !refused.is_empty() {
        return Err(Message::new("preflight-refused").with_list("problems", refused).conflict());
    }
    let links = links(&composer);
    let now = installation.clock.now();
    let schedule = file.schedule;
    let until = until(campaign, &schedule, now)?;
    let first = installation.ids.reserve_many(size + KEY_MARGIN).await?;
    let mut tx = installation.db.write().await?;
    if !transition::set_running(&mut tx, campaign, &frozen, language, now).await? {
        return Ok(None);
    }
    // The row is locked now.
    let locked = model::find(&mut tx, campaign.id).await?;
    let is_same = locked.is_some_and(|now| (now.list, now.segment) == (campaign.list, campaign.segment));
    if !is_same || content::read_source(&mut tx, campaign.id).await? != source {
        // The file was replaced after it was read, and cannot be any more.
        drop(tx);
        let current = model::find(&mut *installation.db.read().await?, campaign.id).await?;
        let current = current.ok_or_else(|| Message::new("campaign-gone").internal())?;
        return Box::pin(start(installation, &current)).await;
    }
    unfinished_draft::refuse(&mut tx, campaign).await?;
    transition::set_uncertain_policy(&mut tx, campaign.id, file.uncertain_policy).await?;
    link::insert(&mut tx, campaign.id, &links).await?;
    let db = installation.db.clone();
    let earliest = match hold(&mut tx, campaign, &schedule, now).await? {
        0 => 0,
        hold => now + hold,
    };
    let bounds = TimeBounds { until, hold: Some(earliest).filter(|at| *at > 0), zone: schedule.zone() };
    transition::set_time_bounds(&mut tx, campaign.id, &bounds).await?;
    let by_zone = match schedule.local() {
        Some(local) => {
            Some(ZoneTimes::read(&mut tx, &db, campaign, condition.as_ref(), local, schedule.zone(), now).await?)
        }
        None => None,
    };
    let mut lane = Sql::default();
    lane::write_classifier(&mut lane, &lane::list(&mut tx, campaign.workspace).await?, "member.domain", db.position());
    let deliveries = NewDeliveries {
        workspace: campaign.workspace,
        campaign: campaign.id,
        first,
        now,
        is_member: audience::is_member(&db, campaign, condition.as_ref(), now),
        domain: lane::domain_of("c.canonical", db.position()),
        lane,
        due_at: SendTimes { earliest, by_zone }.expression(),
    };
    let planned = delivery::freeze(&mut tx, deliveries).await?;
    launch_count::record(&mut tx, campaign, planned).await?;
    failpoint::hit("before-freeze-commit");
    tx.commit().await?;
    failpoint::hit("after-freeze-commit");
    Ok(Some(planned))
}

fn links(composer: &Composer) -> Vec<Link> {
    let position = |of: usize| i32::try_from(of).expect("an email of 1 MiB has fewer links");
    let links = composer.email().links().iter();
    links
        .map(|link| Link {
            position: position(link.position),
            destination: link.shown.clone(),
            personal: link.is_personal,
        })
        .collect()
}

/// True when the campaign was scheduled for this time: no operator is waiting for the start.
fn is_scheduled_start(campaign: &Campaign, now: Millis) -> bool {
    campaign.state == State::Scheduled && campaign.starts_at.is_some_and(|at| at <= now)
}

/// Latest time of the campaign. A manual start after it is refused; a scheduled campaign that is late starts and is then
/// paused (`campaign::deadline`).
fn until(campaign: &Campaign, schedule: &Schedule, now: Millis) -> Result<Option<Millis>> {
    if campaign.series.is_none() && schedule.recurrence().is_some() {
        return Err(Message::new("series-start").with("name", &campaign.name).conflict());
    }
    let until = campaign.until_at.or(schedule.until());
    match until.filter(|until| *until <= now && !is_scheduled_start(campaign, now)) {
        Some(passed) => Err(Message::new("campaign-until-past")
            .with("until", zoned_time::format_in_zone(passed, schedule.zone()))
            .with("name", &campaign.name)
            .invalid_field("until")),
        None => Ok(until),
    }
}

/// Milliseconds between the start and the first message.
async fn hold(conn: &mut Conn, campaign: &Campaign, schedule: &Schedule, now: Millis) -> Result<Millis> {
    if is_scheduled_start(campaign, now) {
        return Ok(0);
    }
    let seconds = match schedule.hold {
        Some(seconds) => seconds,
        None => setting::get(conn, Setting::Hold).await?.parse().unwrap_or(0),
    };
    Ok(Millis::from(seconds) * 1_000)
}

/// Does everything that is due by the clock: creates campaigns of series, starts scheduled campaigns, pauses late ones,
/// and skips deliveries that returned to a recalled campaign.
pub async fn run_due(installation: &Installation) -> Result<()> {
    DueWork::default().run(installation).await
}

/// The same again and again: remembers for a while when series recur, so that their files are not read each time.
#[derive(Debug, Default)]
pub struct DueWork {
    recurrences: series::RecurrenceCache,
}

impl DueWork {
    /// [`run_due`]. Writes nothing where nothing is due.
    pub async fn run(&mut self, installation: &Installation) -> Result<()> {
        series::run_due(installation, &mut self.recurrences).await?;
        start_scheduled(installation).await?;
        deadline::pause_late_campaigns(installation).await?;
        recall::skip_returned(installation).await
    }
}

/// Starts the scheduled campaigns whose time has come. One that cannot start becomes a draft with the reason, so that it
/// does not block the others.
async fn start_scheduled(installation: &Installation) -> Result<()> {
    let now = installation.clock.now();
    let due = model::list_startable(&mut *installation.db.read().await?, now).await?;
    for campaign in due {
        let started = panic::catch_async(Box::pin(start(installation, &campaign))).await.flatten();
        if started.as_ref().is_err_and(panic::is_panic) {
            installation.panics.record("start");
        }
        match started {
            Ok(planned) => tracing::info!(campaign.id = campaign.id, planned, "scheduled campaign started"),
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                let mut tx = installation.db.write().await?;
                match transition::return_to_draft(&mut tx, &campaign, &error.message().pack()).await {
                    Ok(()) => tx.commit().await?,
                    // It was cancelled meanwhile.
                    Err(error) if error.is_user_error() => continue,
                    Err(error) => return Err(error),
                }
                tracing::warn!(
                    campaign.id = campaign.id,
                    why = error.message().key,
                    "scheduled campaign could not start"
                );
            }
        }
    }
    Ok(())
}

/// The message of a delivery as HTML for the browser; `None` when the delivery or its contact does not exist any more.
pub async fn view_in_browser(
    installation: &Installation,
    composers: &ComposerCache,
    campaign: Id,
    delivery: Id,
) -> Result<Option<String>> {
    let mut conn = installation.db.read().await?;
    let Some((contact, of)) = delivery::contact_of(&mut conn, delivery).await? else { return Ok(None) };
    let (Some(contact), Some(campaign)) =
        (contact::get(&mut conn, contact).await?, model::find(&mut conn, campaign).await?)
    else {
        return Ok(None);
    };
    if of != campaign.id {
        return Ok(None);
    }
    let fields = serde_json::to_string(&contact.values).map_err(|_| Message::new("skipped-fields").internal())?;
    let measured = contact::measured(&mut conn, contact.id).await?;
    let recipient = delivery::Recipient { delivery, address: contact.address.expose(), fields, measured };
    // A field may have been renamed since the campaign was compiled: then it is compiled again.
    for _ in 0..2 {
        match composers
            .get_or_load(installation, &mut conn, &campaign)
            .await
            .map(|composer| composer.render(&recipient))
        {
            Ok(Ok(rendered)) => return Ok(Some(rendered.html)),
            Ok(Err(_)) => composers.forget(campaign.id),
            Err(error) => {
                tracing::error!(campaign.id = of, why = error.message().key, "frozen content cannot be compiled");
                return Ok(None);
            }
        }
    }
    Ok(None)
}
