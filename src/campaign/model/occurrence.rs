//! Campaigns that a series creates: one per occurrence.

use super::content::{self, CampaignSource};
use crate::campaign::model::Campaign;
use crate::campaign::recurrence::Occurrence;
use crate::campaign::zoned_time;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// An occurrence that becomes a campaign.
#[derive(Debug, Clone, Copy)]
pub struct NewOccurrence<'a> {
    /// Key of the new campaign.
    pub id: Id,
    /// Series of the occurrence.
    pub series: Id,
    /// Draft of the series; the new campaign is a copy of it.
    pub draft: &'a Campaign,
    /// File of the draft.
    pub source: &'a CampaignSource,
    /// Day and time.
    pub occurrence: Occurrence,
    /// Zone of the series.
    pub zone: &'a str,
    /// No message is sent from this time on.
    pub until: Option<Millis>,
}

impl NewOccurrence<'_> {
    /// Name of the campaign: name of the series and the day.
    pub fn name(&self) -> String {
        format!("{}-{}", self.draft.name, self.occurrence.day)
    }
}

/// Inserts the campaign of an occurrence, scheduled for its time. Returns false when the occurrence has a campaign or the
/// name is taken: see [`exists`].
pub async fn insert(conn: &mut Conn, new: &NewOccurrence<'_>, now: Millis) -> Result<bool> {
    let local = zoned_time::format_in_zone(new.occurrence.at, new.zone);
    let inserted = Query::new(
        "insert into campaign
                (id, workspace_id, name, format, list_id, segment_id, state, created_at,
                 starts_at, starts_local, zone, until_at, series_id, occurrence)
         values (:id, :workspace, :name, :format, :list, :segment, 'scheduled', :now,
                 :starts_at, :starts_local, :zone, :until, :series, :day)
         on conflict do nothing",
    )
    .bind("id", new.id)
    .bind("workspace", new.draft.workspace)
    .bind("name", new.name())
    .bind("format", &new.source.format)
    .bind("list", new.draft.list)
    .bind("segment", new.draft.segment)
    .bind("now", now)
    .bind("starts_at", new.occurrence.at)
    .bind("starts_local", local.strip_suffix(new.zone).unwrap_or(&local).trim_end())
    .bind("zone", new.zone)
    .bind("until", new.until)
    .bind("series", new.series)
    .bind("day", new.occurrence.day.to_string())
    .execute(conn)
    .await?;
    if inserted == 1 {
        content::save_source(conn, new.id, &new.source.text).await?;
    }
    Ok(inserted == 1)
}

/// True when an occurrence has its campaign.
pub async fn exists(conn: &mut Conn, series: Id, occurrence: Occurrence) -> Result<bool> {
    let row = Query::new("select 1 from campaign where series_id = :series and occurrence = :day")
        .bind("series", series)
        .bind("day", occurrence.day.to_string())
        .fetch_optional(conn)
        .await?;
    Ok(row.is_some())
}
