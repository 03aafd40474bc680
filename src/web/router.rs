//! Routers and listeners. The public listener is for recipients; the desk is for the staff, who sign in; a third listener serves health and metrics.

use std::any::Any;
use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::Either;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::{Service, ServiceExt as _, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::timeout::TimeoutLayer;

use super::entering::{self, gate};
use super::listener::{self, Limits};
use super::page::{self, Frame, Notice, show};
use super::public::{
    erasure_receipt, invitation, picture, policy, preference_center, preferences, prove, sign_up, track, unsubscribe,
    view,
};
use super::refusal::Refusal;
use super::state::WebState;
use super::{asset, desk, health};
use crate::infra::error::{Error, Result};

/// The largest form, in bytes.
const FORM_LIMIT: usize = 64 * 1024;
/// The largest form of the desk, in bytes: an email of a megabyte, escaped.
const DESK_FORM_LIMIT: usize = 4 * 1024 * 1024;
/// How long a request of a recipient may take, with the form that is sent.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long open requests may take after the shutdown signal.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The routes of recipients.
pub fn public(state: WebState) -> Router {
    let unsubscribe = || get(unsubscribe::ask).post(unsubscribe::unsubscribe);
    let preferences = || get(preferences::read).post(preferences::change);
    let routes = Router::new()
        .route("/", get(welcome))
        .merge(health_routes())
        .route("/robots.txt", get(async || "User-agent: *\nDisallow: /\n"))
        .route("/static/{name}", get(asset::show))
        .route("/o/{*file}", get(track::open))
        .route("/c/{token}/{position}", get(track::click))
        .route("/c/{token}/{position}/{destination}/{tag}", get(track::click_personal))
        .route("/u/{token}", unsubscribe())
        .route("/u/{token}/", unsubscribe())
        .route("/p/{token}", preferences())
        .route("/p/{token}/", preferences())
        .route(
            "/preferences",
            get(preference_center::ask_link).post(preference_center::send_link).layer(CsrfLayer::new()),
        )
        .route("/r/{token}", get(prove::ask).post(prove::prove))
        .route("/e/{number}", get(erasure_receipt::download))
        .route("/h/{token}", get(preference_center::ask_hand_over).post(preference_center::hand_over))
        .route("/i/{token}", get(invitation::ask).post(invitation::accept))
        .route("/f/{id}", get(sign_up::read).post(sign_up::submit))
        .route("/f/confirm/{token}", get(sign_up::ask).post(sign_up::confirm))
        .route("/m/{path}", get(picture::read))
        .route("/policy/{workspace}", get(policy::read))
        .route("/policy/{workspace}/{edition}", get(policy::edition))
        .route("/v/{token}", get(view::read))
        .route("/v/{token}/", get(view::read))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT));
    finish(routes, state)
}

/// The routes of the desk, behind its gate. Requests of other sites are refused: by `Host` those that reach the desk through a
/// foreign name (DNS rebinding), by `Sec-Fetch-Site` and `Origin` those that post from another site (CSRF).
pub fn desk(state: WebState) -> Router {
    let routes = Router::new()
        .route("/", get(desk::home::lead))
        .route("/static/{name}", get(asset::show))
        .route("/inbox", get(desk::inbox::list))
        .route("/inbox/{file}", get(desk::inbox::read))
        .route("/inbox/{file}/html", get(desk::inbox::html))
        .route("/inbox/{file}/unsubscribe", get(desk::inbox::read).post(desk::inbox::unsubscribe))
        .merge(desk::routes::router(&state))
        .merge(health_routes())
        .route("/metrics", get(health::metrics::show))
        .merge(entering::routes())
        .layer(from_fn_with_state(state.clone(), gate::admit))
        .layer(DefaultBodyLimit::max(DESK_FORM_LIMIT))
        .layer(CsrfLayer::new())
        .layer(from_fn_with_state(state.clone(), gate::only_own_hosts));
    finish(routes, state)
}

/// The routes of the metrics listener: health and metrics, no page, nothing personal.
pub fn metrics_router(state: WebState) -> Router {
    finish(health_routes().route("/metrics", get(health::metrics::show)), state)
}

fn health_routes() -> Router<WebState> {
    Router::new()
        .route("/healthz", get(health::ready))
        .route("/healthz/ready", get(health::ready))
        .route("/healthz/live", get(health::live))
}

fn finish(routes: Router<WebState>, state: WebState) -> Router {
    let panics = state.installation.panics.clone();
    let answer_panic = move |_: Box<dyn Any + Send>| {
        panics.record("page");
        Refusal::broken().into_response()
    };
    routes
        .fallback(async || Refusal::unknown())
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(from_fn_with_state(state.settings.clone(), page::finish_response))
        .with_state(state)
}

/// Serves the public listener and the desk until `shutdown`, then lets open requests end and writes recorded events.
pub async fn serve(
    state: WebState,
    public_listener: TcpListener,
    desk_listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let address = public_listener.local_addr().map_err(Error::io("public listener"))?;
    state.desk.set_public_address(address);
    let (stop_sender, stop) = watch::channel(());
    let listeners = async {
        tokio::join!(
            listener::serve(public_listener, public_service(state.clone()), Limits::public(), stop.clone()),
            listener::serve(desk_listener, desk(state.clone()), Limits::desk(), stop.clone()),
        );
    };
    // Clients that still wait after the timeout are disconnected; their requests run to the end all the same.
    let timed_out = async {
        shutdown.await;
        drop(stop_sender);
        tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
    };
    tokio::select! {
        () = listeners => {}
        () = timed_out => {}
        () = state.run_maintenance() => {}
    }
    state.recorder.flush().await;
    Ok(())
}

/// Serves health and metrics on a listener of their own until `shutdown`.
pub async fn serve_metrics(state: WebState, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let (_stop_sender, stop) = watch::channel(());
    tokio::select! {
        () = listener::serve(listener, metrics_router(state), Limits::desk(), stop) => {}
        () = shutdown => {}
    }
}

/// The public routes, with opens and clicks answered before the router: the router and its layers cost as much as the
/// rest of such a request.
pub fn public_service(
    state: WebState,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
    let (router, tracking) = (public(state.clone()), state.tracking);
    service_fn(move |request: Request| match track::answer_from_memory(&tracking, &request) {
        Some(response) => Either::Left(ready(Ok(response))),
        None => Either::Right(router.clone().oneshot(request)),
    })
}

async fn welcome(frame: Frame) -> Response {
    show(&Notice::new(frame, frame.tr("welcome-title"), frame.tr("welcome-text")))
}
