//! Serves HTTP/1.1 on a listener within limits, so that a slow or idle client costs itself only: a time for the headers
//! of a request, for the life of a connection and for bytes that the client does not take, and a cap on connections.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tower::{Service, ServiceExt as _};

use super::open_connections::{Caps, OpenConnections, Slot};
use crate::infra::open_files;

/// How long the listener waits when the process has no file left for a connection.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// How long a connection may still take for its open request when its life is over.
const GRACE: Duration = Duration::from_secs(30);

/// Limits of a listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many connections may be open.
    pub caps: Caps,
    /// How long a client may take for the headers of a request, and how long a connection may wait for its next one.
    pub header_timeout: Duration,
    /// How long a connection may be open.
    pub lifetime: Duration,
    /// How long bytes of a response may wait for a client that does not take them.
    pub write_timeout: Duration,
    /// Whether requests carry the [`PeerAddress`].
    pub tells_peer: bool,
}

/// The network address of the other end of a connection: a client or a proxy.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

impl Limits {
    /// Limits of the public listener: half of the files that the process may open. The rest is for the database,
    /// journals, relays and the desk.
    pub fn public() -> Self {
        let files = open_files::limit();
        let total = (files / 2).clamp(32, 8_192);
        Self { tells_peer: true, ..Self::with_caps(Caps { total, per_peer: total / 4, limit_loopback: false }) }
    }

    /// Limits of the desk and of the metrics listener.
    pub fn desk() -> Self {
        let total = (open_files::limit() / 8).clamp(16, 256);
        let caps = Caps { total, per_peer: total / 2, limit_loopback: false };
        // The upload of a large file may take long.
        Self { tells_peer: true, lifetime: Duration::from_secs(3_600), ..Self::with_caps(caps) }
    }

    fn with_caps(caps: Caps) -> Self {
        Self {
            caps,
            header_timeout: Duration::from_secs(15),
            lifetime: Duration::from_secs(600),
            write_timeout: Duration::from_secs(30),
            tells_peer: false,
        }
    }
}

/// Serves until the sender of `stop` is dropped, then lets open requests end.
pub async fn serve<S>(listener: TcpListener, service: S, limits: Limits, mut stop: watch::Receiver<()>)
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let connections = OpenConnections::new(limits.caps);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error, &connections).await;
                continue;
            }
        };
        let slot = tokio::select! {
            slot = connections.admit(peer.ip()) => slot,
            _ = stop.changed() => break,
        };
        // A peer with too many connections loses this one.
        let Some(slot) = slot else { continue };
        prepare(&stream, limits.write_timeout);
        let peer = limits.tells_peer.then_some(PeerAddress(peer.ip()));
        tokio::spawn(serve_connection(stream, peer, service.clone(), slot, limits, stop.clone()));
    }
    drop(listener);
    connections.all_ended().await;
}

/// A connection that its client gave up costs nothing; without a file for it an idle connection has to go.
async fn pause_after(error: &io::Error, connections: &OpenConnections) {
    if matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    ) {
        return;
    }
    let closed = connections.close_one_idle();
    tracing::warn!(%error, closed, "a connection could not be accepted");
    sleep(RETRY_INTERVAL).await;
}

fn prepare(stream: &TcpStream, write_timeout: Duration) {
    let set = stream.set_nodelay(true).and_then(|()| open_files::set_write_timeout(stream, write_timeout));
    if let Err(error) = set {
        tracing::debug!(%error, "options of a connection could not be set");
    }
}

async fn serve_connection<S>(
    stream: TcpStream,
    peer: Option<PeerAddress>,
    service: S,
    slot: Slot,
    limits: Limits,
    mut stop: watch::Receiver<()>,
) where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    let slot = Arc::new(slot);
    let answering = slot.clone();
    let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let busy = answering.busy();
        let mut request = request.map(Body::new);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let response = service.clone().oneshot(request);
        async move {
            let _busy = busy;
            response.await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let end = sleep_until(Instant::now() + limits.lifetime);
    tokio::pin!(end);
    let mut is_ending = false;
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = slot.closed() => return,
            _ = stop.changed(), if !is_ending => {
                connection.as_mut().graceful_shutdown();
                is_ending = true;
            }
            () = end.as_mut() => {
                if is_ending {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                is_ending = true;
                end.as_mut().reset(Instant::now() + GRACE.min(limits.lifetime));
            }
        }
    }
}
