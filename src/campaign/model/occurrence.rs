//! The campaign of one slot of a series.

use sqlx::Row;

use crate::campaign::model::Campaign;
use crate::campaign::recurrence::Occurrence;
use crate::campaign::zoned_time;
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::id::Id;

/// A slot that is to become a campaign.
#[derive(Debug, Clone, Copy)]
pub struct NewOccurrence<'a> {
    /// A fresh key.
    pub id: Id,
    /// The series.
    pub series: Id,
    /// The draft that it is a copy of.
    pub pattern: &'a Campaign,
    /// The day and the moment.
    pub slot: Occurrence,
    /// The zone of the series.
    pub zone: &'a str,
    /// From when on nothing may leave.
    pub until: Option<Millis>,
}

impl NewOccurrence<'_> {
    /// The campaign's name: that of the series and the day.
    pub fn name(&self) -> String {
        format!("{}-{}", self.pattern.name, self.slot.day)
    }
}

/// Makes the campaign of a slot, scheduled for its moment. False when the slot has one, or the name
/// is taken: see [`exists`].
pub async fn add(conn: &mut Conn, new: &NewOccurrence<'_>, now: Millis) -> Result<bool> {
    let local = zoned_time::format_in_zone(new.slot.at, new.zone);
    let written = sqlx::query(
        "insert into campaign (id, workspace_id, name, format, source, list_id, segment_id, state, created_at, \
         starts_at, starts_local, zone, until_at, series_id, slot) \
         values ($1, $2, $3, $4, $5, $6, $7, 'scheduled', $8, $9, $10, $11, $12, $13, $14) on conflict do nothing",
    )
    .bind(new.id)
    .bind(new.pattern.workspace)
    .bind(new.name())
    .bind(&new.pattern.format)
    .bind(&new.pattern.source)
    .bind(new.pattern.list)
    .bind(new.pattern.segment)
    .bind(now)
    .bind(new.slot.at)
    .bind(local.strip_suffix(new.zone).unwrap_or(&local).trim_end())
    .bind(new.zone)
    .bind(new.until)
    .bind(new.series)
    .bind(new.slot.day.to_string())
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Whether a slot has its campaign.
pub async fn exists(conn: &mut Conn, series: Id, slot: Occurrence) -> Result<bool> {
    let row = sqlx::query("select count(*) from campaign where series_id = $1 and slot = $2")
        .bind(series)
        .bind(slot.day.to_string())
        .fetch_one(conn)
        .await?;
    Ok(row.get::<i64, _>(0) > 0)
}
