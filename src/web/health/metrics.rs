//! Metrics endpoint: counters of this process and the state of the installation, in the text format of Prometheus. It
//! exposes no names of workspaces, campaigns or contacts.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::HealthState;
use crate::infra::metric::{self, Exposition};
use crate::report::stats::{Backlog, Stats};
use crate::usecase::health::{DiskStatus, HealthSnapshot};
use crate::web::page::KeptBody;

/// Exposition format 0.0.4.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A gauge of each workspace: name, help, value.
type WorkspaceGauge = (&'static str, &'static str, fn(&Backlog) -> f64);

const WORKSPACE_GAUGES: &[WorkspaceGauge] = &[
    ("queue_age_seconds", "How long the oldest unsent delivery has been due.", |backlog| backlog.age as f64 / 1e3),
    ("oldest_unsent_seconds", "Age of the oldest campaign with unsent deliveries, since its launch.", |backlog| {
        backlog.oldest as f64 / 1e3
    }),
    ("uncertain", "Deliveries whose result only the relay knows.", |backlog| backlog.uncertain as f64),
    ("sending", "Messages on the wire.", |backlog| backlog.sending as f64),
];

/// `GET /metrics`
pub async fn show(State(state): State<Arc<HealthState>>) -> Response {
    let snapshot = state.snapshot().await;
    (Extension(KeptBody), [(CONTENT_TYPE, FORMAT)], text(&state, &snapshot)).into_response()
}

fn text(state: &HealthState, snapshot: &HealthSnapshot) -> String {
    let mut out = Exposition::default();
    out.gauge("build_info", "The version of this program.");
    out.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let is_ready = !state.problems(snapshot).iter().any(|problem| problem.blocks);
    gauge(&mut out, "ready", "Whether this process can do its work.", f64::from(is_ready));
    gauge(&mut out, "database_up", "Whether the database answers.", f64::from(snapshot.stats.is_some()));
    metric::write(&mut out);
    gauge(&mut out, "events_queued", "Opens and clicks that wait in memory.", state.recorder.queued() as f64);
    out.counter("events_lost_total", "Opens and clicks that could not be stored.");
    out.sample("events_lost_total", &[], state.recorder.lost() as f64);
    let (away, fast) = state.recorder.spilled_since_start();
    out.counter("events_spilled_total", "Opens and clicks that went to disk first, by reason.");
    out.sample("events_spilled_total", &[("reason", "database_away")], away as f64);
    out.sample("events_spilled_total", &[("reason", "too_fast")], fast as f64);
    let (events, requests) = snapshot.set_aside;
    out.gauge("set_aside", "Lines of the journals that cannot be processed.");
    out.sample("set_aside", &[("queue", "event")], events as f64);
    out.sample("set_aside", &[("queue", "request")], requests as f64);
    let accesses = state.installation.db.accesses();
    out.counter("database_accesses_total", "Uses of the database by this process.");
    out.sample("database_accesses_total", &[("kind", "read")], accesses.reads() as f64);
    out.sample("database_accesses_total", &[("kind", "write")], accesses.writes() as f64);
    let left = snapshot.erasure.map_or(f64::INFINITY, |due| (due.latest - state.installation.clock.now()) as f64 / 1e3);
    let help =
        "Time until which the bytes of erased contacts must have left the files of the database; infinite without any.";
    gauge(&mut out, "erasure_due_seconds", help, left);
    if let Some(disk) = &snapshot.disk {
        write_disk(&mut out, disk);
    }
    if let Some(stats) = &snapshot.stats {
        write_stats(&mut out, stats);
    }
    out.into_text()
}

fn write_disk(out: &mut Exposition, disk: &DiskStatus) {
    let pending = disk.pending_requests as f64;
    gauge(out, "unsubscribes_pending", "Unsubscribe requests that wait on disk for the database.", pending);
    gauge(out, "events_spilled", "Opens and clicks that wait on disk for the database.", disk.spilled_events as f64);
    if let Some(space) = disk.space {
        gauge(out, "disk_free_bytes", "Free space on the file system of the data folder.", space.free as f64);
        gauge(out, "disk_size_bytes", "Size of the file system of the data folder.", space.size as f64);
    }
}

fn write_stats(out: &mut Exposition, stats: &Stats) {
    gauge(out, "mailers_alive", "Mailers with a valid lease, on all machines.", stats.mailers as f64);
    gauge(out, "campaigns_halted", "Campaigns paused by an error.", stats.paused_by_engine as f64);
    out.gauge("campaigns", "Campaigns by state.");
    for (state, count) in &stats.campaigns {
        out.sample("campaigns", &[("state", state)], *count as f64);
    }
    for (name, help, value) in WORKSPACE_GAUGES {
        out.gauge(name, help);
        for (workspace, backlog) in &stats.backlogs {
            out.sample(name, &[("workspace", &workspace.to_string())], value(backlog));
        }
    }
}

fn gauge(out: &mut Exposition, name: &str, help: &str, value: f64) {
    out.gauge(name, help);
    out.sample(name, &[], value);
}
