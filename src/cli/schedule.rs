//! `sendoff campaign schedule | start --until | resume | recall`: what a campaign has to do with time.

use serde_json::{Map, Value, json};

use super::campaign::{Allowed, check, need, refuse};
use super::print::{Output, time};
use crate::campaign::model::{self, Campaign, State, deadline, recall};
use crate::campaign::schedule::{LocalStart, Schedule, Start, StartTime, Until};
use crate::campaign::series;
use crate::campaign::zoned_time::{self, ZonedTime, format_local};
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::report::summary;

/// Gives a campaign its time, or lets a series begin. `at` and `zone` come before what the file says.
pub async fn set(
    installation: &Installation,
    workspace: Id,
    name: &str,
    at: Option<&str>,
    zone: Option<&str>,
    lang: Lang,
) -> Result<Output> {
    let campaign = need(installation, workspace, name).await?;
    let file = campaign.file()?.schedule;
    let start = match at {
        Some(text) => Start::At(ZonedTime::parse(text, zone.or(file.zone.as_deref()))?),
        None => file.start.clone().ok_or_else(|| Message::new("campaign-no-time").invalid_field("at"))?,
    };
    let now = installation.clock.now();
    let beginning = match &start {
        Start::At(moment) if moment.at <= now => return Err(past(&StartTime::from(moment), name)),
        Start::At(moment) => Some(StartTime::from(moment)),
        Start::Local(local) => Some(first(local, file.zone(), name, now)?),
        Start::Every(_) => None,
    };
    refuse(&check(installation, &campaign, false, lang).await?, &Allowed::default(), lang)?;
    let mut tx = installation.db.write().await?;
    let (said, at) = match (&start, &beginning) {
        (Start::Every(recurrence), _) => {
            let slot = series::start(&mut tx, &campaign, recurrence, installation.ids.next(), now).await?;
            let next = zoned_time::format_in_zone(slot.at, &recurrence.zone);
            (Message::new("series-begun").with("name", name).with("next", next), slot.at)
        }
        (_, Some(beginning)) => {
            model::schedule(&mut tx, &campaign, beginning).await?;
            (scheduled(&start, beginning, name), beginning.at)
        }
        (_, None) => return Err(Message::new("campaign-no-time").invalid_field("at")),
    };
    tx.commit().await?;
    let notes: Vec<String> = notes(&start, &file).iter().map(|note| lang.translate(note)).collect();
    let lines: Vec<String> = [lang.translate(&said)].into_iter().chain(notes.iter().cloned()).collect();
    Ok(Output {
        json: json!({
            "name": name, "state": if beginning.is_some() { "scheduled" } else { "series" }, "at": time(at),
            "local": beginning.as_ref().map(|beginning| &beginning.local),
            "zone": beginning.as_ref().map(|beginning| &beginning.zone), "notes": notes,
        }),
        text: lines.join("\n"),
        failed: false,
    })
}

/// When the audience of a campaign by local time is frozen; at once when it is morning somewhere.
fn first(local: &LocalStart, zone: &str, name: &str, now: Millis) -> Result<StartTime> {
    let beginning =
        StartTime { at: local.first()?.max(now + 1), local: format_local(local.time), zone: zone.to_owned() };
    if local.last()? <= now { Err(past(&beginning, name)) } else { Ok(beginning) }
}

fn past(beginning: &StartTime, name: &str) -> Error {
    Message::new("campaign-past").with("time", &beginning.local).with("name", name).invalid_field("at")
}

fn scheduled(start: &Start, beginning: &StartTime, name: &str) -> Message {
    let message = match start {
        Start::Local(local) => Message::new("campaign-scheduled-local").with("field", &local.field),
        _ => Message::new("campaign-scheduled").with("said", beginning.say()),
    };
    message
        .with("name", name)
        .with("time", time(beginning.at))
        .with("local", &beginning.local)
        .with("zone", &beginning.zone)
}

/// What is to be said of clocks that are changed at the times of a campaign.
fn notes(start: &Start, file: &Schedule) -> Vec<Message> {
    let start = if let Start::At(moment) = start { moment.note() } else { None };
    let until = if let Some(Until::At(moment)) = &file.until { moment.note() } else { None };
    start.into_iter().chain(until).collect()
}

/// When a campaign of this schedule would begin, as far as its file says.
pub fn begins(schedule: &Schedule, now: Millis) -> Option<Millis> {
    match schedule.start.as_ref()? {
        Start::At(moment) => Some(moment.at),
        Start::Local(local) => local.first().ok(),
        Start::Every(recurrence) => recurrence.next(now).ok().map(|slot| slot.at),
    }
}

/// The latest time that a start is given.
pub fn until(campaign: &Campaign, text: Option<&str>, now: Millis) -> Result<Option<Millis>> {
    match text {
        Some(_) if !matches!(campaign.state, State::Draft | State::Scheduled) => Err(model::refusal(campaign, "start")),
        Some(text) => read_until(text, campaign, now).map(Some),
        None => Ok(None),
    }
}

/// Lets a campaign go on. One that is late goes on with another latest time, or without any.
pub async fn resume(installation: &Installation, workspace: Id, name: &str, until: Option<&str>) -> Result<()> {
    let campaign = need(installation, workspace, name).await?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    match until {
        Some("never") => deadline::set_until(&mut tx, campaign.id, None).await?,
        Some(text) => {
            let until = read_until(text, &campaign, now)?;
            deadline::set_until(&mut tx, campaign.id, Some(until)).await?;
        }
        None if campaign.state == State::Paused && campaign.is_late(now) => {
            return Err(Message::new("campaign-late").with("name", name).conflict());
        }
        None => {}
    }
    model::resume(&mut tx, &campaign).await?;
    tx.commit().await
}

fn read_until(text: &str, campaign: &Campaign, now: Millis) -> Result<Millis> {
    let file = campaign.file()?.schedule;
    let moment = ZonedTime::parse(text, campaign.zone.as_deref().or(file.zone.as_deref()))?;
    if moment.at <= now {
        let until = StartTime::from(&moment).say();
        return Err(Message::new("campaign-until-past")
            .with("until", until)
            .with("name", &campaign.name)
            .invalid_field("until"));
    }
    Ok(moment.at)
}

/// Takes back what has not left and says what became of every letter.
pub async fn recall(installation: &Installation, workspace: Id, name: &str, lang: Lang) -> Result<Output> {
    let campaign = need(installation, workspace, name).await?;
    let mut tx = installation.db.write().await?;
    recall::recall(&mut tx, &campaign, installation.clock.now()).await?;
    let campaign = model::find(&mut tx, campaign.id).await?.ok_or_else(|| Message::new("campaign-gone").internal())?;
    let recalled = recall::count_recalled(&mut tx, &campaign).await?;
    let summary = summary::read(&mut tx, &campaign).await?;
    tx.commit().await?;
    let uncertain = summary.uncertain - summary.sending;
    let said = Message::new("campaign-recalled")
        .with("name", name)
        .with("recalled", recalled)
        .with("accepted", summary.accepted)
        .with("uncertain", uncertain)
        .with("sending", summary.sending)
        .with("planned", summary.planned);
    Ok(Output {
        json: json!({ "name": name, "state": campaign.state.as_str(), "planned": summary.planned,
                      "accepted": summary.accepted, "recalled": recalled, "uncertain": uncertain,
                      "sending": summary.sending, "rejected": summary.rejected, "suppressed": summary.suppressed }),
        text: lang.translate(&said),
        failed: false,
    })
}

/// The times of a campaign for programs.
pub fn json(campaign: &Campaign, now: Millis) -> Map<String, Value> {
    let held = campaign.held_for(now).map(seconds);
    [
        ("starts_at", json!(campaign.starts_at.map(time))),
        ("starts_local", json!(campaign.starts_local)),
        ("zone", json!(campaign.zone)),
        ("until", json!(campaign.until_at.map(time))),
        ("held_seconds", json!(held)),
        ("slot", json!(campaign.slot)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect()
}

/// The times of a campaign that still matter, one a line.
pub fn lines(campaign: &Campaign, now: Millis, lang: Lang) -> Vec<String> {
    let open = !matches!(campaign.state, State::Finished | State::Cancelled);
    let starts = campaign.starts_at.filter(|_| campaign.state == State::Scheduled);
    let starts = starts.map(|at| {
        Message::new("show-starts").with("at", zoned_time::format_in_zone(at, campaign.zone())).with("utc", time(at))
    });
    let until = campaign.until_at.filter(|_| open);
    let until = until.map(|at| Message::new("show-until").with("at", zoned_time::format_in_zone(at, campaign.zone())));
    let times = [starts, until].into_iter().flatten().map(|line| format!("  {}", lang.translate(&line)));
    times.chain(held(campaign, now, lang)).collect()
}

/// How long a campaign still holds.
pub fn held(campaign: &Campaign, now: Millis, lang: Lang) -> Option<String> {
    let left = campaign.held_for(now).map(seconds)?;
    Some(format!("  {}", lang.translate(&Message::new("show-held").with("count", left).with("name", &campaign.name))))
}

/// Whole seconds, the last one counted until it is over.
fn seconds(left: Millis) -> Millis {
    (left + 999) / 1_000
}
