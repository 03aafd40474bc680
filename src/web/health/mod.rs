//! Health endpoints: whether this process is alive, and whether it can do its work, with reasons, as JSON. The reasons name
//! nobody, since the public listener answers too.

pub mod metrics;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;
use tokio::sync::Mutex;

use super::page::{Frame, KeptBody};
use crate::feedback::recorder::Recorder;
use crate::infra::installation::Installation;
use crate::privacy::request_journal::RequestJournal;
use crate::usecase::health::{HealthSnapshot, Problem};

/// How long a snapshot answers further requests.
const SNAPSHOT_LIFETIME: Duration = Duration::from_secs(1);

/// State of the handlers of health and metrics.
pub struct HealthState {
    installation: Installation,
    journal: RequestJournal,
    recorder: Recorder,
    last: Mutex<Option<Arc<HealthSnapshot>>>,
}

impl HealthState {
    /// State over these services.
    pub fn new(installation: Installation, journal: RequestJournal, recorder: Recorder) -> Self {
        Self { installation, journal, recorder, last: Mutex::default() }
    }

    /// A snapshot that is at most a second old, however many requests come.
    async fn snapshot(&self) -> Arc<HealthSnapshot> {
        let mut last = self.last.lock().await;
        match last.as_ref().filter(|snapshot| snapshot.taken_at.elapsed() < SNAPSHOT_LIFETIME) {
            Some(snapshot) => snapshot.clone(),
            None => {
                let taken = HealthSnapshot::take(&self.installation, &self.journal, &self.recorder).await;
                last.insert(Arc::new(taken)).clone()
            }
        }
    }

    /// The reasons of `/healthz`, read now.
    pub async fn reasons(&self) -> Vec<String> {
        let taken = HealthSnapshot::take(&self.installation, &self.journal, &self.recorder).await;
        self.problems(&taken).iter().map(|problem| reason(problem).to_owned()).collect()
    }

    fn problems(&self, snapshot: &HealthSnapshot) -> Vec<Problem> {
        snapshot.problems(&self.installation, &self.recorder)
    }
}

/// `GET /healthz/live`: this process answers.
pub async fn live() -> Response {
    (Extension(KeptBody), Json(json!({ "live": true }))).into_response()
}

/// `GET /healthz` and `GET /healthz/ready`: 200 when this process can do its work, else 503.
pub async fn ready(State(state): State<Arc<HealthState>>, frame: Frame) -> Response {
    let problems = state.problems(&*state.snapshot().await);
    let is_ready = !problems.iter().any(|problem| problem.blocks);
    let described = |problem: &Problem| json!({ "reason": reason(problem), "blocks": problem.blocks, "message": frame.lang.translate(&problem.message) });
    let body = Json(json!({ "ready": is_ready, "reasons": problems.iter().map(described).collect::<Vec<_>>() }));
    match is_ready {
        true => (Extension(KeptBody), body).into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, Extension(KeptBody), [(RETRY_AFTER, "10")], body).into_response(),
    }
}

fn reason(problem: &Problem) -> &'static str {
    problem.message.key.trim_start_matches("health-")
}
