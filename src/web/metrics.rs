//! `/metrics`: what this process counted and how everything stands, for Prometheus. Names of
//! workspaces, campaigns and people do not occur.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::health;
use super::health_snapshot::{DiskStatus, HealthSnapshot};
use super::page::ForPrograms;
use super::state::WebState;
use crate::infra::metric::{self, Exposition};
use crate::report::stats::{Backlog, Stats};

/// Exposition format 0.0.4.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is told of each workspace: name, explanation, value.
type Column = (&'static str, &'static str, fn(&Backlog) -> f64);

const QUEUES: &[Column] = &[
    ("queue_age_seconds", "How long the oldest unsent letter has been due.", |queue| queue.age as f64 / 1e3),
    ("oldest_unsent_seconds", "Since the launch of the oldest campaign with unsent letters.", |queue| {
        queue.oldest as f64 / 1e3
    }),
    ("uncertain", "Letters whose fate the relay alone knows.", |queue| queue.uncertain as f64),
    ("sending", "Letters on the wire.", |queue| queue.sending as f64),
];

/// `GET /metrics`
pub async fn show(State(app): State<Arc<WebState>>) -> Response {
    let look = app.look().await;
    (Extension(ForPrograms), [(CONTENT_TYPE, FORMAT)], text(&app, &look)).into_response()
}

/// The exposition.
pub fn text(app: &WebState, look: &HealthSnapshot) -> String {
    let mut sheet = Exposition::default();
    sheet.gauge("build_info", "The version of this program.");
    sheet.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let ready = !health::reasons(app, look).iter().any(|reason| reason.blocks);
    one(&mut sheet, "ready", "Whether this process can do its work.", f64::from(ready));
    one(&mut sheet, "database_up", "Whether the database answers.", f64::from(look.standing.is_some()));
    metric::write(&mut sheet);
    one(&mut sheet, "events_queued", "Opens and clicks that wait in memory.", app.recorder.queued() as f64);
    sheet.counter("events_lost_total", "Opens and clicks that could be kept nowhere.");
    sheet.sample("events_lost_total", &[], app.recorder.lost() as f64);
    if let Some(disk) = &look.disk {
        on_disk(&mut sheet, disk);
    }
    if let Some(standing) = &look.standing {
        in_database(&mut sheet, standing);
    }
    sheet.into_text()
}

fn on_disk(sheet: &mut Exposition, disk: &DiskStatus) {
    one(sheet, "goodbyes_waiting", "Requests to leave that wait for the database.", disk.goodbyes as f64);
    one(sheet, "events_spilled", "Opens and clicks that wait on disk.", disk.spilled as f64);
    if let Some(room) = disk.room {
        one(sheet, "disk_free_bytes", "Room that is left where the data lies.", room.free as f64);
        one(sheet, "disk_size_bytes", "Size of the file system where the data lies.", room.size as f64);
    }
}

fn in_database(sheet: &mut Exposition, standing: &Stats) {
    one(sheet, "mailers_alive", "Mailers whose lease holds, on all machines.", standing.mailers as f64);
    one(sheet, "campaigns_halted", "CampaignCache that stand still for a fault.", standing.halted as f64);
    sheet.gauge("campaigns", "CampaignCache by state.");
    for (state, count) in &standing.campaigns {
        sheet.sample("campaigns", &[("state", state)], *count as f64);
    }
    for (name, help, value) in QUEUES {
        sheet.gauge(name, help);
        for (workspace, queue) in &standing.queues {
            sheet.sample(name, &[("workspace", &workspace.to_string())], value(queue));
        }
    }
}

fn one(sheet: &mut Exposition, name: &str, help: &str, value: f64) {
    sheet.gauge(name, help);
    sheet.sample(name, &[], value);
}
