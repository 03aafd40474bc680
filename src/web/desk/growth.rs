//! The growth of a list on its page: a chart of its size, its months, and the days as a file. Counting a large list takes
//! longer than a page, so what was counted is shown for some minutes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::DeskState;
use super::chart::{self, Chart};
use super::listing::{self, Shape};
use super::visit::{Key, Visit};
use crate::content::Locale;
use crate::infra::error::Message;
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::report::list_growth::{Cohort, DaySize, Growth, date_of};
use crate::usecase::list_growth;
use crate::web::refusal::Refusal;

/// How long a count is shown.
const KEPT: Duration = Duration::from_secs(30);

/// Days of the table on the page; the file has all of them.
const DAYS_SHOWN: usize = 60;

/// The growth on the page.
pub struct GrowthView {
    pub(super) chart: Option<Chart>,
    pub(super) description: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) measured: bool,
    pub(super) cohorts: Vec<CohortView>,
    /// The newest days: date, joined, left, size.
    pub(super) days: Vec<(String, i64, i64, i64)>,
}

/// A month on the page.
pub struct CohortView {
    pub(super) month: String,
    pub(super) joined: i64,
    pub(super) here: i64,
    pub(super) here_share: String,
    pub(super) opened: i64,
    pub(super) opened_share: String,
    pub(super) clicked: i64,
    pub(super) clicked_share: String,
}

/// The growth of a list; `None` while it is counted.
pub async fn view(desk: &DeskState, visit: &Visit, list: Id) -> Option<GrowthView> {
    let (installation, actor) = (desk.installation.clone(), visit.actor);
    let count = || async move { list_growth::read(&installation, &actor, list).await };
    let growth = desk.growths.get(list, KEPT, count).await?;
    Some(shown(visit.frame.lang, &growth))
}

/// `GET /lists/{id}/growth.csv`
pub async fn file(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    shape: Shape,
) -> Result<Response, Refusal> {
    let growth = list_growth::read(&desk.installation, &visit.actor, id).await?;
    Ok(listing::file(&visit, shape, "days", &growth).unwrap_or_else(|| Refusal::unknown().into_response()))
}

fn shown(lang: Lang, growth: &Growth) -> GrowthView {
    let locale = Locale::of(lang);
    let date = |day: i64| date_of(day).map_or_else(String::new, |date| date.to_string());
    let edge = |day: Option<&DaySize>| day.map_or_else(String::new, |day| date(day.day));
    let sizes: Vec<i64> = growth.days.iter().map(|day| day.size).collect();
    let chart = chart::line(&sizes);
    let (first, last) = (edge(growth.days.first()), edge(growth.days.last()));
    let description = chart.as_ref().map(|chart| {
        let message = Message::new("desk-growth-desc").with("first", &first).with("last", &last);
        lang.translate(&message.with("begin", sizes[0]).with("end", chart.last).with("most", chart.most))
    });
    let share = |part: i64, whole: i64| match whole {
        0 => String::new(),
        _ => format!("{} %", (part as f64 / whole as f64 * 100.0).round()),
    };
    let cohort = |cohort: &Cohort| CohortView {
        month: locale.date(cohort.month, "F Y"),
        joined: cohort.joined,
        here: cohort.here,
        here_share: share(cohort.here, cohort.joined),
        opened: cohort.opened,
        opened_share: share(cohort.opened, cohort.here),
        clicked: cohort.clicked,
        clicked_share: share(cohort.clicked, cohort.here),
    };
    let days = growth.days.iter().rev().take(DAYS_SHOWN);
    GrowthView {
        chart,
        description: description.unwrap_or_default(),
        first,
        last,
        measured: growth.is_measured(),
        cohorts: growth.cohorts.iter().rev().map(cohort).collect(),
        days: days.map(|day| (date(day.day), day.joined, day.left, day.size)).collect(),
    }
}
