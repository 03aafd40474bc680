//! Series of campaigns: list, stop, resume.

use serde::Serialize;

use super::localize::StoredMessage;
use super::output::optional_time;
use super::{Action, Actor};
use crate::campaign::model::{self, content};
use crate::campaign::series::{self, State};
use crate::infra::clock::Millis;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// A series.
#[derive(Debug, Serialize)]
pub struct SeriesRow {
    /// The key of the draft, for pages.
    #[serde(skip)]
    pub id: Id,
    /// The draft that its campaigns are made from.
    pub name: String,
    /// running, asking or stopped.
    #[serde(serialize_with = "state")]
    pub state: State,
    /// The time of its next occurrence, while it runs.
    #[serde(serialize_with = "optional_time")]
    pub next: Option<Millis>,
    /// Why it does not run.
    pub reason: Option<StoredMessage>,
    /// The time zone of its occurrences.
    #[serde(skip)]
    pub zone: String,
}

fn state<S: serde::Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.as_str())
}

/// Lists the series.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Vec<SeriesRow>> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    permit.audit(None).await;
    read(installation, permit.workspace).await
}

/// Stops a series: it makes no more campaigns; those it made continue. Returns all series.
pub async fn stop(installation: &Installation, actor: &Actor, draft: &str) -> Result<Vec<SeriesRow>> {
    let permit = actor.permit(installation, Action::StopSeries).await?;
    let mut tx = installation.db.write().await?;
    let draft = model::find_by_name(&mut tx, permit.workspace, draft).await?;
    let series = series::find(&mut tx, &draft).await?;
    series::stop(&mut tx, series.id, State::Stopped, None).await?;
    tx.commit().await?;
    permit.audit(series.id).await;
    read(installation, permit.workspace).await
}

/// Resumes a series with its next occurrence, or with the one that was missed. Returns all series.
pub async fn resume(
    installation: &Installation,
    actor: &Actor,
    draft: &str,
    send_missed: bool,
) -> Result<Vec<SeriesRow>> {
    let permit = actor.permit(installation, Action::ResumeSeries).await?;
    let mut tx = installation.db.write().await?;
    let draft = model::find_by_name(&mut tx, permit.workspace, draft).await?;
    let series = series::find(&mut tx, &draft).await?;
    series::resume(installation, &mut tx, &series, send_missed).await?;
    tx.commit().await?;
    permit.audit(series.id).await;
    read(installation, permit.workspace).await
}

async fn read(installation: &Installation, workspace: Id) -> Result<Vec<SeriesRow>> {
    let mut conn = installation.db.read().await?;
    let now = installation.clock.now();
    let mut rows = Vec::new();
    for series in series::list(&mut conn, workspace).await? {
        let Some(draft) = model::find(&mut conn, series.draft).await? else { continue };
        // A draft that no longer has a recurrence has no next occurrence.
        let next = match series.state {
            State::Running => series::next(&mut conn, &series, now).await.ok().map(|occurrence| occurrence.at),
            _ => None,
        };
        let file = content::read_file(&mut conn, draft.id).await;
        rows.push(SeriesRow {
            id: draft.id,
            zone: file.map_or_else(|_| "UTC".to_owned(), |file| file.schedule.zone().to_owned()),
            name: draft.name,
            state: series.state,
            next,
            reason: series.reason.map(StoredMessage),
        });
    }
    Ok(rows)
}
