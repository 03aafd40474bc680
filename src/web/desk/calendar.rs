//! Page of the calendar of campaigns: a month in weeks, on a phone a list of the days that have something.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::ToSpan;

use super::DeskState;
use super::listing::{self, Shape};
use super::visit::{Params, Visit};
use crate::content::Locale;
use crate::usecase::Action;
use crate::usecase::calendar::{self, Calendar, Entry, What};
use crate::web::page::long_date;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/calendar.html")]
struct CalendarPage {
    visit: Visit,
    title: String,
    /// Months before and after, as in the address.
    before: String,
    after: String,
    zone: String,
    zone_query: String,
    month: String,
    weekdays: Vec<String>,
    days: Vec<DayView>,
}

/// A day of the calendar.
struct DayView {
    /// As in `datetime`.
    date: String,
    number: i8,
    /// As people write it.
    long: String,
    in_month: bool,
    today: bool,
    campaigns: Vec<Entry>,
}

/// `GET /campaigns/calendar?month=&zone=`
pub async fn read(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    let calendar = calendar::read(&desk.installation, &visit.actor, params.get("month"), params.get("zone")).await?;
    if let Some(file) = listing::file(&visit, shape, "days", &calendar) {
        return Ok(file);
    }
    let page = page(visit, calendar);
    Ok(page.visit.show(&page))
}

fn page(visit: Visit, calendar: Calendar) -> CalendarPage {
    let lang = visit.frame.lang;
    let locale = Locale::of(lang);
    let month = |months: i32| {
        let day = calendar.month.checked_add(months.months()).unwrap_or(calendar.month);
        day.strftime("%Y-%m").to_string()
    };
    let title = locale.date(calendar.month, "F Y");
    let weekdays = calendar.days.iter().take(7).map(|day| locale.date(day.day, "D")).collect();
    CalendarPage {
        title: capitalized(&title),
        before: month(-1),
        after: month(1),
        month: month(0),
        zone_query: url::form_urlencoded::byte_serialize(calendar.zone.as_bytes()).collect(),
        zone: calendar.zone,
        weekdays,
        days: calendar
            .days
            .into_iter()
            .map(|day| DayView {
                date: day.day.to_string(),
                number: day.day.day(),
                long: long_date(lang, day.day),
                in_month: day.in_month,
                today: day.today,
                campaigns: day.campaigns,
            })
            .collect(),
        visit,
    }
}

/// The name of a month at the beginning of a title.
fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}
