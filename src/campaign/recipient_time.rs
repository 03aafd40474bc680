//! Send times of an audience: at once, after a hold, or at the same wall-clock time in each recipient's own zone. The zones
//! of an audience are few: one query reads them, and one SQL expression in the freeze gives every delivery its time.

use futures_util::StreamExt;

use super::audience;
use super::model::{Campaign, content};
use super::schedule::LocalStart;
use super::zoned_time::ZonedTime;
use crate::audience::field;
use crate::audience::segment::Expression;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Db, Query, Sql};
use crate::infra::error::{Message, Result};

/// When the messages of a campaign may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendTimes {
    /// No message is sent before it, in ms; 0 without a hold.
    pub earliest: Millis,
    /// Times in the recipients' own zones.
    pub by_zone: Option<ZoneTimes>,
}

/// The point in time of one wall-clock time in each zone of an audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneTimes {
    /// Contact field that names the zone.
    field: String,
    zones: Vec<Zone>,
    /// Time of recipients without a known zone, in the campaign's zone.
    fallback: Millis,
    /// Recipients without a value in the field.
    missing: i64,
    /// Recipients whose value is no zone.
    unknown: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Zone {
    /// Lower-case name.
    name: String,
    at: Millis,
    recipients: i64,
}

impl SendTimes {
    /// The SQL expression for the send time of contact `c`. It is built: one branch per zone.
    pub fn expression(&self) -> Sql {
        let mut sql = Sql::default();
        match self.by_zone.as_ref().filter(|by_zone| !by_zone.zones.is_empty()) {
            None => {
                let at = self.by_zone.as_ref().map_or(self.earliest, |by_zone| by_zone.fallback.max(self.earliest));
                sql.push("cast(").bind(at).push(" as bigint)");
            }
            Some(by_zone) => {
                sql.push("case (json(c.folded) ->> ").bind(&by_zone.field).push(")");
                for zone in &by_zone.zones {
                    sql.push(" when ").bind(&zone.name);
                    sql.push(" then cast(").bind(zone.at.max(self.earliest)).push(" as bigint)");
                }
                sql.push(" else cast(").bind(by_zone.fallback.max(self.earliest)).push(" as bigint) end");
            }
        }
        sql
    }
}

impl ZoneTimes {
    /// Reads the zones of an audience. `fallback_zone` applies to recipients without a known zone.
    pub async fn read(
        conn: &mut Conn,
        db: &Db,
        campaign: &Campaign,
        condition: Option<&Expression>,
        local: &LocalStart,
        fallback_zone: &str,
        now: Millis,
    ) -> Result<Self> {
        let fallback = ZonedTime::from_local(local.time, fallback_zone)?.at;
        let mut times = Self { field: local.field.clone(), zones: Vec::new(), fallback, missing: 0, unknown: 0 };
        let mut rows = Query::new(
            "select coalesce(json(c.folded) ->> :field, ''), count(*)
               from subscription s
               join contact c on c.id = s.contact_id
              where {is_member}
              group by 1",
        )
        .bind("field", &local.field)
        .fragment("is_member", audience::is_member(db, campaign, condition, now))
        .fetch(conn);
        while let Some(row) = rows.next().await {
            let row = row?;
            let (name, recipients): (String, i64) = (row.cell(0)?, row.cell(1)?);
            match ZonedTime::from_local(local.time, &name) {
                _ if name.trim().is_empty() => times.missing += recipients,
                Ok(time) => times.zones.push(Zone { name, at: time.at, recipients }),
                Err(_) => times.unknown += recipients,
            }
        }
        Ok(times)
    }

    /// Warnings of a preflight: recipients without a known zone, and recipients whose time has passed or comes too late.
    fn warnings(&self, now: Millis, until: Option<Millis>) -> Vec<Message> {
        let recipients = |is_wrong: &dyn Fn(Millis) -> bool| {
            let known = self.zones.iter().map(|zone| (zone.at, zone.recipients));
            let all = known.chain([(self.fallback, self.missing + self.unknown)]);
            all.filter(|(at, _)| is_wrong(*at)).map(|(_, recipients)| recipients).sum::<i64>()
        };
        let warnings = [
            ("preflight-zone-missing", self.missing),
            ("preflight-zone-unknown", self.unknown),
            ("preflight-zone-past", recipients(&|at| at <= now)),
            ("preflight-zone-late", recipients(&|at| until.is_some_and(|until| until <= at))),
        ];
        let counted = warnings.into_iter().filter(|(_, count)| *count > 0);
        counted.map(|(key, count)| Message::new(key).with("field", &self.field).with("count", count)).collect()
    }
}

/// Findings of a preflight about send times.
#[derive(Debug, Default)]
pub struct Findings {
    /// What must be fixed before the start.
    pub problems: Vec<Message>,
    /// What should be looked at.
    pub warnings: Vec<Message>,
}

/// Checks the send times of a campaign that starts by the recipients' own zones.
pub async fn check(
    conn: &mut Conn,
    db: &Db,
    campaign: &Campaign,
    condition: Option<&Expression>,
    now: Millis,
) -> Result<Findings> {
    let schedule = content::read_file(conn, campaign.id).await?.schedule;
    let mut findings = Findings::default();
    let Some(local) = schedule.local() else { return Ok(findings) };
    if !field::all(conn, campaign.workspace).await?.iter().any(|field| field.name == local.field) {
        findings.problems.push(Message::new("preflight-zone-field").with("field", &local.field));
        return Ok(findings);
    }
    let times = ZoneTimes::read(conn, db, campaign, condition, local, schedule.zone(), now).await?;
    findings.warnings = times.warnings(now, campaign.until_at.or(schedule.until()));
    Ok(findings)
}
