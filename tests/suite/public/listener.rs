//! Slow, idle and too many clients: each costs itself only. Over real sockets, with limits small enough for a test.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use sendoff::web::listener::{self, Limits};
use sendoff::web::open_connections::Caps;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::service_fn;

/// The limit of every wait, for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);

const LIMITS: Limits = Limits {
    caps: Caps { total: 8, per_peer: 4, limit_loopback: false },
    header_timeout: LONG,
    lifetime: LONG,
    write_timeout: LONG,
    tells_peer: false,
};

/// A server that answers `/large` with 64 MB, `/slow` never, and everything else at once.
struct Server {
    address: std::net::SocketAddr,
    stop: Option<watch::Sender<()>>,
    serving: tokio::task::JoinHandle<()>,
}

async fn answer(request: Request) -> Result<Response, Infallible> {
    match request.uri().path() {
        "/slow" => std::future::pending().await,
        "/large" => Ok(Response::new(Body::from(vec![b'x'; 64 << 20]))),
        _ => Ok(Response::new(Body::from("here"))),
    }
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(());
        let serving = tokio::spawn(listener::serve(listener, service_fn(answer), limits, stopped));
        Self { address, stop: Some(stop), serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connects")
    }

    async fn connect_from(&self, host: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(format!("{host}:0").parse().expect("an address")).expect("bound");
        socket.connect(self.address).await.expect("connects")
    }

    async fn is_answering(&self, mut stream: TcpStream) -> bool {
        let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        if stream.write_all(request).await.is_err() {
            return false;
        }
        let mut text = String::new();
        let read = timeout(TIMEOUT, stream.read_to_string(&mut text)).await.expect("an answer or an end");
        read.is_ok() && text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("here")
    }
}

/// Reads until the server ends the connection.
async fn ends(mut stream: TcpStream) {
    let mut bytes = Vec::new();
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut bytes)).await.expect("the server ends the connection");
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("sent");
}

#[tokio::test]
async fn idle_connections_beyond_the_cap_make_room_for_others() {
    let server = Server::start(LIMITS).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(server.connect().await);
    }

    for _ in 0..20 {
        assert!(server.is_answering(server.connect().await).await);
    }
    ends(idle.swap_remove(0)).await;
}

#[tokio::test]
async fn connection_without_whole_headers_ends() {
    let server = Server::start(Limits { header_timeout: SHORT, ..LIMITS }).await;
    let (silent, mut partial, mut kept) = (server.connect().await, server.connect().await, server.connect().await);
    send(&mut partial, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow").await;
    send(&mut kept, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;

    ends(silent).await;
    ends(partial).await;
    ends(kept).await;
}

#[tokio::test]
async fn client_that_does_not_take_its_answer_ends() {
    let server = Server::start(Limits { lifetime: SHORT, ..LIMITS }).await;
    let mut stream = server.connect().await;
    send(&mut stream, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;

    // The write of a byte fails once the server has closed the connection.
    let closed = async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TIMEOUT, closed).await.expect("the server closes the connection");
}

#[tokio::test]
async fn peer_with_too_many_requests_is_refused_and_others_are_answered() {
    let caps = Caps { limit_loopback: false, ..LIMITS.caps };
    let server = Server::start(Limits { caps, ..LIMITS }).await;
    let through_a_proxy = server.connect_from("127.0.0.1").await;
    assert!(server.is_answering(through_a_proxy).await);

    let caps = Caps { total: 8, per_peer: 2, limit_loopback: true };
    let server = Server::start(Limits { caps, ..LIMITS }).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect_from("127.0.0.2").await;
        send(&mut stream, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        busy.push(stream);
    }
    // The requests are being answered once the connections are no longer idle.
    let refused = async { while server.is_answering(server.connect_from("127.0.0.2").await).await {} };
    timeout(TIMEOUT, refused).await.expect("the third connection is refused");
    assert!(server.is_answering(server.connect_from("127.0.0.3").await).await);
}

#[tokio::test]
async fn open_requests_end_before_the_listener_does() {
    let mut server = Server::start(LIMITS).await;
    let idle = server.connect().await;
    let mut reading = server.connect().await;
    send(&mut reading, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut first = [0; 1];
    reading.read_exact(&mut first).await.expect("the answer begins");

    server.stop.take();
    let mut rest = Vec::new();
    timeout(TIMEOUT, reading.read_to_end(&mut rest)).await.expect("the answer ends").expect("read");

    assert!(rest.len() > 64 << 20, "{} bytes", rest.len());
    ends(idle).await;
    timeout(TIMEOUT, server.serving).await.expect("the listener ends").expect("no panic");
}
