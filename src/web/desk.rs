//! The desk's first page: campaigns with their numbers, lists with their sizes. Read-only.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::app::App;
use super::page::{Frame, Refusal, show};
use crate::audience::{list, subscription, workspace};
use crate::campaign::state;
use crate::ground::db::Conn;
use crate::ground::error::Result as Outcome;
use crate::ground::id::Id;
use crate::report::summary::{self, Summary};

#[derive(Template)]
#[template(path = "desk/overview.html")]
struct Overview {
    frame: Frame,
    title: String,
    rooms: Vec<Room>,
}

/// A workspace on the page.
struct Room {
    name: String,
    campaigns: Vec<Card>,
    lists: Vec<(String, i64)>,
}

/// A campaign on the page.
struct Card {
    name: String,
    state: String,
    /// Letters whose fate is known.
    settled: i64,
    numbers: Summary,
}

/// `GET /` of the desk.
pub async fn overview(State(app): State<Arc<App>>, frame: Frame) -> Result<Response, Refusal> {
    let mut conn = app.home.db.read().await?;
    let mut rooms = Vec::new();
    for workspace in workspace::all(&mut conn).await? {
        let mut campaigns = Vec::new();
        for campaign in state::all(&mut conn, workspace.id).await? {
            let numbers = summary::of(&mut conn, &campaign).await?;
            let settled = numbers.planned - numbers.pending - numbers.sending;
            campaigns.push(Card { state: frame.tr(campaign.state.key()), name: campaign.name, settled, numbers });
        }
        rooms.push(Room { campaigns, lists: sizes(&mut conn, workspace.id).await?, name: workspace.name });
    }
    Ok(show(&Overview { frame, title: frame.tr("desk-title"), rooms }))
}

async fn sizes(conn: &mut Conn, workspace: Id) -> Outcome<Vec<(String, i64)>> {
    let mut sizes = Vec::new();
    for list in list::all(conn, workspace).await?.into_iter().filter(|list| !list.closed) {
        let people = subscription::count(conn, list.id).await?.into_iter().map(|(_, count)| count).sum();
        sizes.push((list.name, people));
    }
    Ok(sizes)
}
