//! HTTP client for the few servers that an operator names: HTTPS, or plain HTTP on this machine; one request a connection, no
//! redirection is followed, and the answer has a limit.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::Body as _;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::network::{Network, Stream};
use super::tls;

/// Time for one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const MAX_ANSWER: usize = 512 * 1024;

/// An answer: status and body.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The address is none that may be asked.
    Address,
    /// The server does not answer in time.
    Silent,
    /// The certificate is not for this name.
    Certificate,
    /// The answer is no HTTP, or too long.
    Answer,
}

/// A request: a form to post, or nothing, and a header `Authorization`.
#[derive(Default)]
pub struct Ask<'a> {
    /// The body of a form; with it the method is `POST`.
    pub form: Option<String>,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
}

/// Whether a server may be asked: HTTPS, or plain HTTP on this machine.
pub fn is_allowed(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

/// Sends a request.
pub async fn send(network: &Network, url: &Url, ask: Ask<'_>) -> Result<Answer, Failure> {
    if !is_allowed(url) {
        return Err(Failure::Address);
    }
    timeout(TIMEOUT, exchange(network, url, ask)).await.unwrap_or(Err(Failure::Silent))
}

async fn exchange(network: &Network, url: &Url, ask: Ask<'_>) -> Result<Answer, Failure> {
    let host = url.host_str().ok_or(Failure::Address)?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or(Failure::Address)?;
    let link = network.connect(&host, port).await.map_err(|_| Failure::Silent)?;
    if url.scheme() != "https" {
        return request(link.stream, url, ask).await;
    }
    let name = ServerName::try_from(host).map_err(|_| Failure::Address)?;
    let stream = TlsConnector::from(tls::system_config()).connect(name, link.stream).await;
    request(Box::new(stream.map_err(|_| Failure::Certificate)?), url, ask).await
}

async fn request(stream: Box<dyn Stream>, url: &Url, ask: Ask<'_>) -> Result<Answer, Failure> {
    let broken = |_| Failure::Answer;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let method = if ask.form.is_some() { Method::POST } else { Method::GET };
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut request = Request::builder()
        .method(method)
        .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(HOST, authority)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, "Sendoff");
    if let Some(authorization) = ask.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    if ask.form.is_some() {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let request = request.body(ask.form.unwrap_or_default()).map_err(|_| Failure::Address)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status().as_u16();
        let (mut incoming, mut body) = (answer.into_body(), Vec::new());
        while let Some(frame) = poll_fn(|context| Pin::new(&mut incoming).poll_frame(context)).await {
            if let Ok(data) = frame.map_err(broken)?.into_data() {
                body.extend_from_slice(&data);
            }
            if body.len() > MAX_ANSWER {
                return Err(Failure::Answer);
            }
        }
        Ok(Answer { status, body })
    };
    tokio::pin!(exchange);
    // The connection has to be driven while the answer is awaited; it ends with it.
    tokio::select! {
        answer = &mut exchange => answer,
        _ = connection => timeout(TIMEOUT, exchange).await.unwrap_or(Err(Failure::Answer)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        let is_allowed = |url: &str| is_allowed(&Url::parse(url).expect(url));

        for allowed in ["https://id.example/a", "http://localhost:8080/", "http://127.0.0.1:1/", "http://[::1]/"] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in ["http://id.example/", "http://10.0.0.1/", "file:///etc/passwd", "ftp://localhost/"] {
            assert!(!is_allowed(refused), "{refused}");
        }
    }

    #[tokio::test]
    async fn answers_are_read_in_pieces_and_have_a_limit() {
        let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n{}", "x".repeat(600_000));
        let pieces = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        for (answer, expected) in [
            (pieces, Ok((201, b"abcde".to_vec()))),
            ("HTTP/1.0 200 OK\r\n\r\nuntil the end", Ok((200, b"until the end".to_vec()))),
            (long.as_str(), Err(Failure::Answer)),
            ("220 mail.example ESMTP\r\n", Err(Failure::Answer)),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
            let url = format!("http://{}/token?a=b", listener.local_addr().expect("an address"));
            let url = Url::parse(&url).expect("a URL");
            let server = async {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                let mut head = [0; 2_048];
                let length = stream.read(&mut head).await.expect("read");
                // The client may have gone when its limit was reached.
                let _ = stream.write_all(answer.as_bytes()).await;
                String::from_utf8_lossy(&head[..length]).into_owned()
            };
            let network = Network::tcp();
            let ask = Ask { form: Some("x=1".to_owned()), authorization: Some("Basic eA==") };
            let (found, asked) = tokio::join!(send(&network, &url, ask), server);
            assert_eq!(found.map(|answer| (answer.status, answer.body)), expected, "{answer:.40}");
            assert!(asked.starts_with("POST /token?a=b HTTP/1.1\r\n"), "{asked}");
            assert!(asked.to_lowercase().contains("authorization: basic ea==") && asked.ends_with("x=1"), "{asked}");
        }
    }
}
