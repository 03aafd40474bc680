//! Growth of a list: its size on each day, and the people who joined in each month with how many of them are still there and
//! have opened or followed anything. Made from the rows that exist and the daily counts of those that are gone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::audience::daily_count::{self, DailyKind, day_of};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// A list on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DaySize {
    /// The day, by UTC.
    #[serde(serialize_with = "as_date")]
    pub day: i64,
    /// People who joined.
    pub joined: i64,
    /// People who left, were erased, or whose list was closed.
    pub left: i64,
    /// People at the end of the day.
    pub size: i64,
}

/// The people who joined in one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cohort {
    /// The first day of the month.
    #[serde(serialize_with = "as_text")]
    pub month: Date,
    /// People who joined.
    pub joined: i64,
    /// Those of them who are still on the list.
    pub here: i64,
    /// Those of them who are here and have opened a message of any campaign.
    pub opened: i64,
    /// Those of them who are here and have followed a link of any campaign.
    pub clicked: i64,
}

/// The growth of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// Each day from the first to today.
    pub days: Vec<DaySize>,
    /// The months, oldest first.
    pub cohorts: Vec<Cohort>,
}

impl Growth {
    /// Whether anybody was measured.
    pub fn is_measured(&self) -> bool {
        self.cohorts.iter().any(|cohort| cohort.opened + cohort.clicked > 0)
    }
}

/// Reads the growth of a list.
pub async fn read(conn: &mut Conn, workspace: Id, list: Id, now: Millis) -> Result<Growth> {
    let mut days: BTreeMap<i64, [i64; 2]> = BTreeMap::new();
    let mut cohorts: BTreeMap<Date, Cohort> = BTreeMap::new();
    let empty = |month| Cohort { month, joined: 0, here: 0, opened: 0, clicked: 0 };
    let here = Query::new(
        "select s.joined_at / 86400000, count(*),
                cast(sum(case when c.opened_at is not null then 1 else 0 end) as bigint),
                cast(sum(case when c.clicked_at is not null then 1 else 0 end) as bigint)
           from subscription s
           join contact c on c.id = s.contact_id
          where s.list_id = :list
          group by s.joined_at / 86400000",
    );
    for row in here.bind("list", list).fetch_all(&mut *conn).await? {
        let (day, count): (i64, i64) = (row.cell(0)?, row.cell(1)?);
        days.entry(day).or_default()[0] += count;
        if let Some(month) = month_of(day) {
            let cohort = cohorts.entry(month).or_insert_with(|| empty(month));
            cohort.joined += count;
            cohort.here += count;
            cohort.opened += row.cell::<i64>(2)?;
            cohort.clicked += row.cell::<i64>(3)?;
        }
    }
    let gone = daily_count::list(conn, workspace).await?;
    for (key, count) in gone.into_iter().filter(|(key, _)| key.list == list) {
        match key.kind {
            DailyKind::Joined => {
                days.entry(key.day).or_default()[0] += count;
                if let Some(month) = month_of(key.day) {
                    cohorts.entry(month).or_insert_with(|| empty(month)).joined += count;
                }
            }
            DailyKind::Unsubscribed | DailyKind::Erased | DailyKind::Closed => {
                days.entry(key.day).or_default()[1] += count;
            }
            DailyKind::Bounced | DailyKind::Refused | DailyKind::KeptOut => {}
        }
    }
    Ok(Growth { days: sizes(&days, day_of(now)), cohorts: cohorts.into_values().collect() })
}

/// The sizes on each day from the first one to today.
fn sizes(days: &BTreeMap<i64, [i64; 2]>, today: i64) -> Vec<DaySize> {
    let Some((first, _)) = days.first_key_value() else { return Vec::new() };
    let mut size = 0;
    let on = |day| {
        let [joined, left] = days.get(&day).copied().unwrap_or_default();
        size += joined - left;
        DaySize { day, joined, left, size }
    };
    (*first..=today).map(on).collect()
}

/// The date of a day since 1970.
pub fn date_of(day: i64) -> Option<Date> {
    let at = Timestamp::from_millisecond(day.checked_mul(DAY)?).ok()?;
    Some(at.to_zoned(TimeZone::UTC).date())
}

fn month_of(day: i64) -> Option<Date> {
    date_of(day).map(Date::first_of_month)
}

fn as_date<S: Serializer>(day: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&date_of(*day).map_or_else(String::new, |date| date.to_string()))
}

fn as_text<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_go_on_through_days_without_change() {
        let days = BTreeMap::from([(10, [5, 0]), (12, [1, 3])]);
        let sizes: Vec<_> = sizes(&days, 13).iter().map(|day| (day.day, day.size)).collect();
        assert_eq!(sizes, [(10, 5), (11, 5), (12, 3), (13, 3)]);
    }
}
