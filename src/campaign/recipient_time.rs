//! When each letter may leave: at once, after a hold, or when the clock of its recipient shows the
//! hour. The zones that an audience lives in are few, so they are asked for once, and one expression
//! in the statement that freezes the audience gives everyone their moment.

use futures_util::StreamExt;
use sqlx::Row;

use super::model::Campaign;
use super::preflight::{self, Preflight};
use super::schedule::LocalStart;
use super::zoned_time::ZonedTime;
use crate::audience::field;
use crate::audience::segment::Expression;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Db, Sql};
use crate::infra::error::{Message, Result};

/// When the letters of a campaign may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Nothing leaves before it; 0 when nothing has to wait.
    pub earliest: Millis,
    /// The moments by the recipients' own clocks.
    pub mornings: Option<RecipientTimes>,
}

/// The moments at which the clocks of an audience show the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientTimes {
    field: String,
    /// Zones in lower case, each with its moment and the people who live there.
    zones: Vec<(String, Millis, i64)>,
    /// By the campaign's own zone.
    otherwise: Millis,
    /// People without a value.
    missing: i64,
    /// People whose value names no zone.
    unknown: i64,
}

impl Due {
    /// Appends the moment for contact alias `c`.
    pub fn write(&self, sql: &mut Sql) {
        let Some(mornings) = self.mornings.as_ref().filter(|mornings| !mornings.zones.is_empty()) else {
            let at = self.mornings.as_ref().map_or(self.earliest, |mornings| mornings.otherwise.max(self.earliest));
            sql.push("cast(").bind(at).push(" as bigint)");
            return;
        };
        sql.push("case (json(c.folded) ->> ").bind(mornings.field.clone()).push(")");
        for (zone, at, _) in &mornings.zones {
            sql.push(" when ")
                .bind(zone.clone())
                .push(" then cast(")
                .bind((*at).max(self.earliest))
                .push(" as bigint)");
        }
        sql.push(" else cast(").bind(mornings.otherwise.max(self.earliest)).push(" as bigint) end");
    }
}

impl RecipientTimes {
    /// Asks where the audience lives. `zone` is where people live whose own zone is not known.
    pub async fn ask(
        conn: &mut Conn,
        db: &Db,
        campaign: &Campaign,
        condition: Option<&Expression>,
        local: &LocalStart,
        zone: &str,
        now: Millis,
    ) -> Result<Self> {
        let otherwise = ZonedTime::from_local(local.time, zone)?.at;
        let mut mornings = Self { field: local.field.clone(), zones: Vec::new(), otherwise, missing: 0, unknown: 0 };
        let mut sql = Sql::new("select coalesce(json(c.folded) ->> ");
        sql.bind(local.field.clone()).push(", ''), count(*) ");
        sql.push("from subscription s join contact c on c.id = s.contact_id where ");
        preflight::audience(&mut sql, db, campaign, condition, now);
        sql.push(" group by 1");
        let mut rows = sql.stream(conn);
        while let Some(row) = rows.next().await {
            let row = row?;
            let (zone, people): (String, i64) = (row.get(0), row.get(1));
            match ZonedTime::from_local(local.time, &zone) {
                _ if zone.trim().is_empty() => mornings.missing += people,
                Ok(moment) => mornings.zones.push((zone, moment.at, people)),
                Err(_) => mornings.unknown += people,
            }
        }
        Ok(mornings)
    }

    /// Puts on the sheet whose zone is not known, and who cannot be written to at the hour.
    pub fn judge(&self, now: Millis, until: Option<Millis>, sheet: &mut Preflight) {
        let everyone = || {
            self.zones
                .iter()
                .map(|(_, at, people)| (*at, *people))
                .chain([(self.otherwise, self.missing + self.unknown)])
        };
        let people = |wrong: &dyn Fn(Millis) -> bool| {
            everyone().filter(|(at, _)| wrong(*at)).map(|(_, people)| people).sum::<i64>()
        };
        let notes = [
            ("preflight-zone-missing", self.missing),
            ("preflight-zone-unknown", self.unknown),
            ("preflight-zone-past", people(&|at| at <= now)),
            ("preflight-zone-late", people(&|at| until.is_some_and(|until| until <= at))),
        ];
        for (key, count) in notes.into_iter().filter(|(_, count)| *count > 0) {
            sheet.warnings.push(Message::new(key).with("field", &self.field).with("count", count));
        }
    }
}

/// Looks at the recipients' clocks before the start.
pub async fn examine(
    conn: &mut Conn,
    db: &Db,
    campaign: &Campaign,
    condition: Option<&Expression>,
    now: Millis,
    sheet: &mut Preflight,
) -> Result<()> {
    let schedule = campaign.file()?.schedule;
    let Some(local) = schedule.local() else { return Ok(()) };
    if !field::all(conn, campaign.workspace).await?.iter().any(|field| field.name == local.field) {
        sheet.problems.push(Message::new("preflight-zone-field").with("field", &local.field));
        return Ok(());
    }
    let mornings = RecipientTimes::ask(conn, db, campaign, condition, local, schedule.zone(), now).await?;
    mornings.judge(now, campaign.until_at.or(schedule.until()), sheet);
    Ok(())
}
