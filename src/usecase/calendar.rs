//! The calendar of campaigns: for each day of a month what was sent, what is scheduled, and the coming occurrences of series.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Serialize, Serializer};

use super::{Action, Actor};
use crate::campaign::model::{self, Campaign, State};
use crate::campaign::series;
use crate::campaign::zoned_time::{ZonedTime, time_zone};
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Occurrences of one series that a month shows at most: one a day.
const MAX_OCCURRENCES: usize = 50;

/// What a day has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A campaign that was started then.
    Sent,
    /// A campaign that will start then.
    Scheduled,
    /// A series that will make a campaign then.
    Occurrence,
}

/// A campaign on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The campaign, or the draft of the series.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Sent, scheduled or an occurrence.
    pub what: What,
    /// The time of day in the zone of the calendar.
    pub time: String,
    /// The state of the campaign.
    #[serde(skip)]
    pub state: State,
    #[serde(skip)]
    at: Millis,
}

/// A day with its campaigns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The date.
    #[serde(serialize_with = "date")]
    pub day: Date,
    /// Whether it belongs to the month, and not to the weeks at its edges.
    pub in_month: bool,
    /// Whether it is today.
    pub today: bool,
    /// Its campaigns in order of time.
    pub campaigns: Vec<Entry>,
}

/// The weeks that a month touches, from Monday to Sunday.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Calendar {
    /// The first day of the month.
    #[serde(serialize_with = "date")]
    pub month: Date,
    /// The zone of its days and times.
    pub zone: String,
    /// The days.
    pub days: Vec<Day>,
}

fn date<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

/// Reads a month, such as `2026-12`; this one without a month. Without a zone it is that of the newest campaign that has one.
///
/// # Errors
/// Invalid field `month` or `zone`.
pub async fn read(installation: &Installation, actor: &Actor, month: &str, zone: &str) -> Result<Calendar> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let campaigns = model::list(&mut conn, permit.workspace).await?;
    let newest = campaigns.iter().filter(|campaign| campaign.zone.is_some()).max_by_key(|campaign| campaign.id);
    let zone = match zone {
        "" => newest.map_or("UTC", Campaign::zone),
        zone => zone,
    };
    let rules = time_zone(zone)?;
    let zone = rules.iana_name().unwrap_or(zone).to_owned();
    let now = installation.clock.now();
    let today = local(now, &rules).ok_or_else(wrong_month)?.date();
    let month = match month {
        "" => today.first_of_month(),
        month => format!("{month}-01").parse().map_err(|_| wrong_month())?,
    };
    let days = days_around(month).ok_or_else(wrong_month)?;
    let (first, last) = (days[0], days[days.len() - 1]);
    let end = ZonedTime::from_local(
        last.tomorrow().map_err(|_| wrong_month())?.to_datetime(jiff::civil::Time::midnight()),
        &zone,
    )?;

    let mut entries: Vec<Entry> = campaigns.iter().filter_map(|campaign| entry(campaign, &rules)).collect();
    for series in series::list(&mut conn, permit.workspace).await? {
        let Some(draft) = campaigns.iter().find(|campaign| campaign.id == series.draft) else { continue };
        if series.state != series::State::Running {
            continue;
        }
        // A draft that no longer has a recurrence has no occurrences.
        let Ok(recurrence) = series::recurrence(&mut conn, &series).await else { continue };
        let mut behind = now;
        for _ in 0..MAX_OCCURRENCES {
            let at = recurrence.next(behind)?.at;
            if at >= end.at {
                break;
            }
            entries.extend(made(draft, What::Occurrence, at, &rules));
            behind = at;
        }
    }
    entries.sort_by_key(|entry| (entry.at, entry.id));
    let mut days: Vec<Day> = days
        .into_iter()
        .map(|day| Day { day, in_month: day.month() == month.month(), today: day == today, campaigns: Vec::new() })
        .collect();
    for entry in entries {
        let Some(date) = local(entry.at, &rules).map(jiff::civil::DateTime::date) else { continue };
        if date < first || date > last {
            continue;
        }
        if let Some(day) = days.iter_mut().find(|day| day.day == date) {
            day.campaigns.push(entry);
        }
    }
    permit.skip_audit();
    Ok(Calendar { month, zone, days })
}

fn wrong_month() -> crate::infra::error::Error {
    Message::new("calendar-month").invalid_field("month")
}

/// The wall-clock time of a moment.
fn local(at: Millis, rules: &TimeZone) -> Option<jiff::civil::DateTime> {
    Some(rules.to_datetime(Timestamp::from_millisecond(at).ok()?))
}

/// The days from the Monday of the first week of a month to the Sunday of its last one.
fn days_around(month: Date) -> Option<Vec<Date>> {
    let back = month.weekday().since(Weekday::Monday);
    let mut day = month.checked_sub(i32::from(back).days()).ok()?;
    let mut days = Vec::new();
    while day <= month.last_of_month() || days.len() % 7 != 0 {
        days.push(day);
        day = day.tomorrow().ok()?;
    }
    Some(days)
}

/// The place of a campaign in the calendar; none for a draft and for one that was cancelled before its start.
fn entry(campaign: &Campaign, rules: &TimeZone) -> Option<Entry> {
    match (campaign.launched_at, campaign.state) {
        (Some(at), _) => made(campaign, What::Sent, at, rules),
        (None, State::Scheduled | State::Paused) => made(campaign, What::Scheduled, campaign.starts_at?, rules),
        (None, _) => None,
    }
}

fn made(campaign: &Campaign, what: What, at: Millis, rules: &TimeZone) -> Option<Entry> {
    let time = local(at, rules)?.strftime("%H:%M").to_string();
    Some(Entry { id: campaign.id, name: campaign.name.clone(), what, time, state: campaign.state, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_shown_in_whole_weeks() {
        for (month, first, last, weeks) in [
            ("2026-11-01", "2026-10-26", "2026-12-06", 6),
            ("2027-02-01", "2027-02-01", "2027-02-28", 4),
            ("2024-02-01", "2024-01-29", "2024-03-03", 5),
        ] {
            let days = days_around(month.parse().expect("a date")).expect("days");
            assert_eq!((days[0].to_string(), days[days.len() - 1].to_string()), (first.to_owned(), last.to_owned()));
            assert_eq!(days.len(), weeks * 7);
        }
    }
}
