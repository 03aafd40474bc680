//! `/healthz`: whether this process lives, and whether it can do its work, with reasons. Answers are
//! JSON for programs; what they say names no one, since the public listener answers, too.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::health_snapshot::HealthSnapshot;
use super::page::{ForPrograms, Frame};
use super::state::WebState;
use crate::infra::error::Message;

const MIB: u64 = 1 << 20;

/// With less than this a database or a journal may be refused its next write.
const FULL: u64 = 64 * MIB;

/// With less than this someone should look.
const SCARCE: u64 = 1_024 * MIB;

/// Why a process is not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A sentence of the catalogue; the word for programs is its key without `health-`.
    pub message: Message,
    /// Whether it keeps this process from its work.
    pub blocks: bool,
}

/// `GET /healthz/live`: this process answers.
pub async fn live() -> Response {
    (Extension(ForPrograms), Json(json!({ "live": true }))).into_response()
}

/// `GET /healthz` and `GET /healthz/ready`: 200 when this process can do its work, else 503.
pub async fn ready(State(app): State<Arc<WebState>>, frame: Frame) -> Response {
    let look = app.look().await;
    let reasons = reasons(&app, &look);
    let ready = !reasons.iter().any(|reason| reason.blocks);
    let told: Vec<_> = reasons
        .iter()
        .map(|reason| {
            let word = reason.message.key.trim_start_matches("health-");
            json!({ "reason": word, "blocks": reason.blocks, "message": frame.lang.translate(&reason.message) })
        })
        .collect();
    let body = Json(json!({ "ready": ready, "reasons": told }));
    match ready {
        true => (Extension(ForPrograms), body).into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, Extension(ForPrograms), [(RETRY_AFTER, "10")], body).into_response(),
    }
}

/// Everything that is not well, what blocks first.
pub fn reasons(app: &WebState, look: &HealthSnapshot) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut tell = |blocks, message| reasons.push(Reason { message, blocks });
    match &look.standing {
        None => tell(true, Message::new("health-database-away")),
        Some(standing) if standing.newer => tell(true, Message::new("health-database-newer")),
        Some(_) => {}
    }
    let duty = &app.installation.mailer_status;
    if let Some(cause) = duty.exit_reason() {
        tell(true, Message::new("health-mailer-ended").with("cause", cause));
    } else if duty.mailers.get() > 0 && duty.leases.get() == 0 {
        tell(true, Message::new("health-lease-lost"));
    }
    match look.disk.as_ref().map(|disk| disk.room.map(|room| room.free)) {
        None => tell(true, Message::new("health-disk-away")),
        Some(Some(free)) if free < FULL => tell(true, Message::new("health-disk-full").with("mib", free / MIB)),
        Some(Some(free)) if free < SCARCE => tell(false, Message::new("health-disk-scarce").with("mib", free / MIB)),
        Some(_) => {}
    }
    if let Some(disk) = &look.disk {
        if disk.goodbyes > 0 {
            tell(false, Message::new("health-goodbyes-waiting").with("count", disk.goodbyes));
        }
        if disk.spilled > 0 {
            tell(false, Message::new("health-events-waiting").with("count", disk.spilled));
        }
    }
    if app.recorder.lost() > 0 {
        tell(false, Message::new("health-events-lost").with("count", app.recorder.lost()));
    }
    if let Some(standing) = &look.standing {
        if standing.halted > 0 {
            let halted = Message::new("health-campaigns-halted");
            tell(false, halted.with("count", standing.halted).with("causes", standing.halts.join(", ")));
        }
        if standing.mailers == 0 && standing.queues.values().any(|queue| queue.age > 0) {
            tell(false, Message::new("health-mailers-away"));
        }
    }
    reasons
}
