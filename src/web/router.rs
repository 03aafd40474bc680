//! The addresses of both listeners. The public one is for recipients and the world; the desk shows
//! personal data and has no login, so it is for the machine itself.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::HOST;
use axum::http::{StatusCode, uri::Authority};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Router, ServiceExt};
use futures_util::future::Either;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::{Service, ServiceExt as _, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;

use super::page::{self, Frame, Notice, Refusal, show};
use super::state::WebState;
use super::{asset, desk, health, inbox, metrics, preferences, track, unsubscribe, view};
use crate::infra::error::{Error, Result};

/// Bytes of a form.
const FORM: usize = 64 * 1024;
/// How long open requests may take to end once the program is asked to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// What recipients touch.
pub fn public(app: Arc<WebState>) -> Router {
    let leaving = || get(unsubscribe::ask).post(unsubscribe::leave);
    let choosing = || get(preferences::look).post(preferences::change);
    let routes = Router::new()
        .route("/", get(welcome))
        .merge(probes())
        .route("/robots.txt", get(async || "User-agent: *\nDisallow: /\n"))
        .route("/static/{name}", get(asset::show))
        .route("/o/{*file}", get(track::open))
        .route("/c/{token}/{position}", get(track::click))
        .route("/c/{token}/{position}/{destination}/{tag}", get(track::personal))
        .route("/u/{token}", leaving())
        .route("/u/{token}/", leaving())
        .route("/p/{token}", choosing())
        .route("/p/{token}/", choosing())
        .route("/v/{token}", get(view::read))
        .route("/v/{token}/", get(view::read));
    finish(routes, app)
}

/// What the operator looks at. Requests of other sites are refused: by `Host` those that reach
/// loopback through a name of theirs, by `Sec-Fetch-Site` and `Origin` those that post from theirs.
pub fn desk(app: Arc<WebState>) -> Router {
    let routes = Router::new()
        .route("/", get(desk::overview))
        .route("/static/{name}", get(asset::show))
        .route("/inbox", get(inbox::all))
        .route("/inbox/{file}", get(inbox::one))
        .route("/inbox/{file}/html", get(inbox::html))
        .route("/inbox/{file}/unsubscribe", get(inbox::one).post(inbox::unsubscribe))
        .merge(probes())
        .route("/metrics", get(metrics::show))
        .layer(CsrfLayer::new())
        .layer(from_fn(only_local));
    finish(routes, app)
}

/// What programs ask, for a listener of its own: no page, nothing personal.
pub fn metrics_router(app: Arc<WebState>) -> Router {
    finish(probes().route("/metrics", get(metrics::show)), app)
}

fn probes() -> Router<Arc<WebState>> {
    Router::new()
        .route("/healthz", get(health::ready))
        .route("/healthz/ready", get(health::ready))
        .route("/healthz/live", get(health::live))
}

fn finish(routes: Router<Arc<WebState>>, app: Arc<WebState>) -> Router {
    routes
        .fallback(async || Refusal::unknown())
        .layer(DefaultBodyLimit::max(FORM))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app.clone(), page::dress))
        .with_state(app)
}

/// Serves both until `shutdown`, then lets open requests end and writes what came in.
pub async fn serve(
    app: Arc<WebState>,
    public_door: TcpListener,
    desk_door: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let address = public_door.local_addr().map_err(Error::io("public listener"))?;
    // Set once: a process has one public listener.
    let _ = app.public.set(address);
    let (tell, stop) = watch::channel(());
    let doors = async {
        tokio::try_join!(
            listen(public_door, public_service(app.clone()), stop.clone()),
            listen(desk_door, desk(app.clone()), stop.clone()),
        )
        .map(drop)
    };
    // Who is still waiting then is cut off; what they asked for is carried out all the same.
    let farewell = async {
        shutdown.await;
        drop(tell);
        tokio::time::sleep(FAREWELL).await;
    };
    let served = tokio::select! {
        served = doors => served,
        () = farewell => Ok(()),
        () = app.keep() => Ok(()),
    };
    app.recorder.flush().await;
    served.map_err(Error::io(address))
}

/// Serves what programs ask at an address of its own until `shutdown`.
pub async fn serve_metrics(app: Arc<WebState>, door: TcpListener, shutdown: impl Future<Output = ()>) -> Result<()> {
    let address = door.local_addr().map_err(Error::io("metrics listener"))?;
    tokio::select! {
        served = axum::serve(door, metrics_router(app)).into_future() => served.map_err(Error::io(address)),
        () = shutdown => Ok(()),
    }
}

/// What recipients touch, with a shorter way to what is answered from memory: a router and its layers
/// cost as much as the rest of such a request.
pub fn public_service(
    app: Arc<WebState>,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
    let router = public(app.clone());
    service_fn(move |request: Request| match track::at_once(&app, &request) {
        Some(response) => Either::Left(ready(Ok(response))),
        None => Either::Right(router.clone().oneshot(request)),
    })
}

async fn listen<S>(door: TcpListener, service: S, mut stop: watch::Receiver<()>) -> std::io::Result<()>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let door = door.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays without TCP_NODELAY");
        }
    });
    // Nothing is ever sent on the channel; its end is the word to stop.
    axum::serve(door, ServiceExt::<Request>::into_make_service(service))
        .with_graceful_shutdown(async move { drop(stop.changed().await) })
        .await
}

/// An IP address or `localhost` cannot be made to point here by someone else's DNS.
async fn only_local(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let is_ours = host.is_some_and(|host| {
        let name = host.host().trim_matches(['[', ']']);
        name == "localhost" || name.parse::<std::net::IpAddr>().is_ok()
    });
    if is_ours { next.run(request).await } else { Refusal::new(StatusCode::FORBIDDEN, "refusal-host").into_response() }
}

async fn welcome(frame: Frame) -> Response {
    show(&Notice::new(frame, frame.tr("welcome-title"), frame.tr("welcome-text")))
}
