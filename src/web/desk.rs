//! The desk's first page: campaigns with their numbers, lists with their sizes. Read-only. While a
//! campaign runs the page asks for itself again, so that bar, rate and end stay true without scripts.

use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::page::{Frame, Refusal, show};
use super::state::WebState;
use crate::audience::{list, subscription, workspace};
use crate::campaign::model::{self, Campaign, State as Stage};
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::Result as Outcome;
use crate::infra::id::Id;
use crate::mailer::limits::lane_backoff;
use crate::report::progress::{self, Progress};

/// How often the page of a running campaign is asked for at most, in seconds; where counting takes
/// the database longer, it rests ten times as long.
const REFRESH: u64 = 5;

#[derive(Template)]
#[template(path = "desk/overview.html")]
struct Overview {
    frame: Frame,
    title: String,
    workspaces: Vec<Room>,
    /// Seconds until the page asks for itself again.
    refresh: Option<u64>,
}

/// A workspace on the page.
struct Room {
    name: String,
    campaigns: Vec<Card>,
    /// Why lanes are paused.
    lanes: Vec<String>,
    lists: Vec<(String, i64)>,
}

/// A campaign on the page.
struct Card {
    name: String,
    state: String,
    progress: Progress,
    /// Rate, end and whatever else is worth a sentence.
    notes: Vec<String>,
}

/// `GET /` of the desk.
pub async fn overview(State(app): State<Arc<WebState>>, frame: Frame) -> Result<Response, Refusal> {
    let began = Instant::now();
    let mut conn = app.installation.db.read().await?;
    let (now, mut runs, mut rooms) = (app.installation.clock.now(), false, Vec::new());
    for workspace in workspace::all(&mut conn).await? {
        let mut campaigns = Vec::new();
        for campaign in model::list(&mut conn, workspace.id).await? {
            let asked = progress::read(&mut conn, &campaign, now).await?;
            let progress = app.pace(campaign.id, |pace| asked.with_rate(pace, now));
            let remarks = remarks(frame, &campaign, &progress, now);
            runs |= campaign.state == Stage::Running;
            campaigns.push(Card {
                state: frame.tr(campaign.state.key()),
                name: campaign.name,
                progress,
                notes: remarks,
            });
        }
        let lanes = lane_backoff::list(&mut conn, workspace.id).await?.into_iter().filter_map(|(lane, reception)| {
            reception.reason.map(|reason| format!("{lane}: {}", frame.lang.translate_packed(&reason)))
        });
        let lanes = lanes.collect();
        rooms.push(Room { campaigns, lanes, lists: sizes(&mut conn, workspace.id).await?, name: workspace.name });
    }
    let refresh = runs.then(|| REFRESH.max(began.elapsed().as_secs() * 10));
    Ok(show(&Overview { frame, title: frame.tr("desk-title"), workspaces: rooms, refresh }))
}

async fn sizes(conn: &mut Conn, workspace: Id) -> Outcome<Vec<(String, i64)>> {
    let mut sizes = Vec::new();
    for list in list::all(conn, workspace).await?.into_iter().filter(|list| !list.closed) {
        let people = subscription::count(conn, list.id).await?.into_iter().map(|(_, count)| count).sum();
        sizes.push((list.name, people));
    }
    Ok(sizes)
}

fn remarks(frame: Frame, campaign: &Campaign, progress: &Progress, now: Millis) -> Vec<String> {
    let sentences = [progress.speed(now), progress.uncertain_note()].into_iter().flatten();
    let mut remarks: Vec<String> = sentences.map(|sentence| frame.lang.translate(&sentence)).collect();
    remarks.extend(progress.by_lane(now, frame.lang));
    remarks.extend(campaign.reason.as_deref().map(|reason| frame.lang.translate_packed(reason)));
    remarks
}
