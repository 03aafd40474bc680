//! HTTP client for requests to our own listeners, as mail programs and mailbox providers send them; used by the inbox and
//! the demo. Each request has its own connection; cookies and redirects are ignored.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::infra::error::{Error, Message, Result};

/// The body of a one-click request (RFC 8058 §3.2).
pub const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of a response that are read.
const RESPONSE_LIMIT: u64 = 64 * 1024;

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status line, e.g. `HTTP/1.1 200 OK`.
    pub status: String,
    /// The header lines.
    pub headers: String,
    /// Size of the body in bytes.
    pub size: usize,
}

/// `GET` of a plain `http` URL.
pub async fn get(url: &str) -> Result<Answer> {
    let url = parse(url)?;
    exchange(&authority(&url), &format!("GET {} HTTP/1.1\r\n{}\r\n", target(&url), headers(&url))).await
}

/// `POST` of a form to a plain `http` URL.
pub async fn post(url: &str, form: &str) -> Result<Answer> {
    let url = parse(url)?;
    post_to(&authority(&url), &url, target(&url), form).await
}

/// `POST` of a form to the path of `url` below `public_url`, directly at our listener instead of through a reverse proxy.
pub async fn post_to_listener(listener: SocketAddr, public_url: &str, url: &Url, form: &str) -> Result<Answer> {
    let path = url.as_str().strip_prefix(public_url).unwrap_or(url.path());
    post_to(&reachable(listener).to_string(), url, path, form).await
}

async fn post_to(address: &str, url: &Url, path: &str, form: &str) -> Result<Answer> {
    let request = format!(
        "POST {path} HTTP/1.1\r\n{}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        headers(url),
        form.len()
    );
    exchange(address, &request).await
}

async fn exchange(address: &str, request: &str) -> Result<Answer> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(RESPONSE_LIMIT).read_to_end(&mut answer).await?;
        Ok(answer)
    };
    let timed_out = || Err(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let answer = timeout(REQUEST_TIMEOUT, exchange).await.unwrap_or_else(|_| timed_out());
    Ok(read(&answer.map_err(Error::io(address))?))
}

fn parse(url: &str) -> Result<Url> {
    let refuse = || Message::new("client-url").invalid();
    Url::parse(url).ok().filter(|url| url.scheme() == "http" && url.has_host()).ok_or_else(refuse)
}

fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or("localhost"), url.port_or_known_default().unwrap_or(80))
}

fn target(url: &Url) -> &str {
    &url[url::Position::BeforePath..url::Position::AfterQuery]
}

fn headers(url: &Url) -> String {
    format!("Host: {}\r\nConnection: close\r\n", &url[url::Position::BeforeHost..url::Position::AfterPort])
}

fn read(answer: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let (status, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    Answer { status: status.to_owned(), headers: headers.replace('\r', ""), size: body.len() }
}

/// The address of a listener; loopback for one on all addresses.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other.ip(),
    };
    SocketAddr::new(ip, listener.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_has_host_and_path_of_the_url() {
        let url = parse("http://127.0.0.1:8080/c/abc/0?x=%20#part").expect("a URL");

        assert_eq!(authority(&url), "127.0.0.1:8080");
        assert_eq!(target(&url), "/c/abc/0?x=%20");
        assert_eq!(headers(&url), "Host: 127.0.0.1:8080\r\nConnection: close\r\n");
        assert!(parse("https://news.example.org/").is_err(), "plain connections only");
    }

    #[test]
    fn response_is_parsed() {
        let answer = read(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nx: y\r\n\r\n<p>done");

        assert_eq!(answer.status, "HTTP/1.1 200 OK");
        assert_eq!(answer.headers, "content-type: text/html\nx: y");
        assert_eq!(answer.size, 7);
    }
}
