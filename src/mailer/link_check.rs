//! Asks whether a link of an email leads somewhere, without being led into a private network: names are resolved once, every
//! address must be public, the connection goes to that address, and redirections are not followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::{Host, Url};

use super::smtp::tls;
use crate::infra::network::Stream;

/// Time for one link.
const TIMEOUT: Duration = Duration::from_secs(6);
/// Bytes of the beginning of an answer.
const MAX_ANSWER: usize = 1_024;

crate::text_enum! {
    /// What became of a link.
    Outcome {
        /// The server answered that it is there.
        Reached = "reached",
        /// The server answered that it is not there, or failed.
        Refused = "refused",
        /// The name leads nowhere.
        Unresolved = "unresolved",
        /// The server does not answer, or not in HTTP.
        Silent = "silent",
        /// The certificate of the server is not for this name.
        Certificate = "certificate",
        /// The link leads into a private network, or to an unusual port; nothing was asked.
        Private = "private",
    }
}

/// Asks the server of a link. Returns the status too where there is one.
pub async fn check(link: &str) -> (Outcome, Option<u16>) {
    timeout(TIMEOUT, ask(link)).await.unwrap_or((Outcome::Silent, None))
}

async fn ask(link: &str) -> (Outcome, Option<u16>) {
    let Some((url, host, port)) = parse(link) else { return (Outcome::Private, None) };
    let address = match public_address(&host, port).await {
        Ok(address) => address,
        Err(outcome) => return (outcome, None),
    };
    let Ok(stream) = TcpStream::connect(address).await else { return (Outcome::Silent, None) };
    let name = host.to_string();
    let status = match url.scheme() {
        "https" => match tls::connect(stream, name.trim_matches(['[', ']']), None).await {
            Ok(stream) => request(stream, &name, &url).await,
            Err(_) => return (Outcome::Certificate, None),
        },
        _ => request(stream, &name, &url).await,
    };
    match status {
        // A server that has no HEAD is there.
        Some(status @ (405 | 501)) => (Outcome::Reached, Some(status)),
        Some(status) if status < 400 => (Outcome::Reached, Some(status)),
        Some(status) => (Outcome::Refused, Some(status)),
        None => (Outcome::Silent, None),
    }
}

/// A web address at the usual port.
fn parse(link: &str) -> Option<(Url, Host, u16)> {
    let url = Url::parse(link).ok()?;
    let port = match (url.scheme(), url.port()) {
        ("http", None | Some(80)) => 80,
        ("https", None | Some(443)) => 443,
        _ => return None,
    };
    let host = url.host()?.to_owned();
    Some((url, host, port))
}

/// An address of the host, if all of its addresses are public.
async fn public_address(host: &Host, port: u16) -> Result<SocketAddr, Outcome> {
    let found: Vec<IpAddr> = match host {
        Host::Ipv4(ip) => vec![(*ip).into()],
        Host::Ipv6(ip) => vec![(*ip).into()],
        Host::Domain(name) => {
            let found = lookup_host((name.as_str(), port)).await.map_err(|_| Outcome::Unresolved)?;
            found.map(|address| address.ip()).collect()
        }
    };
    let first = *found.first().ok_or(Outcome::Unresolved)?;
    if found.iter().all(|ip| is_public(*ip)) { Ok(SocketAddr::new(first, port)) } else { Err(Outcome::Private) }
}

/// Whether an address is one of the public internet (RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = matches!(
        (a, b, c),
        (0, ..) | (100, 64..=127, _) | (192, 0, 0 | 2) | (192, 88, 99) | (198, 18..=19, _) | (240..=255, ..)
    );
    !(is_special
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let parts = ip.segments();
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // Addresses that carry one of version 4: mapped, of NAT64, of 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo, documentation, and what else is not global unicast.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

/// Sends a request for the head of the page; the status of the answer.
async fn request<S: Stream>(mut stream: S, host: &str, url: &Url) -> Option<u16> {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let head = format!(
        "HEAD {}{query} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Sendoff link check\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.path()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 256]);
    while !answer.contains(&b'\n') && answer.len() < MAX_ANSWER {
        match stream.read(&mut buffer).await.ok()? {
            0 => break,
            length => answer.extend_from_slice(&buffer[..length]),
        }
    }
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let status = line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.trim().parse().ok()?;
    (100..600).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked() {
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "ff02::1",
            "fec0::1",
        ] {
            assert!(!is_public(private.parse().expect(private)), "{private}");
        }
        for public in ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "2002:808:808::"] {
            assert!(is_public(public.parse().expect(public)), "{public}");
        }
    }

    #[tokio::test]
    async fn nothing_is_asked_of_private_networks_and_unusual_ports() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("an address").port();
        for link in [
            format!("http://127.0.0.1:{port}/"),
            "http://127.0.0.1/".to_owned(),
            "http://localhost/".to_owned(),
            "http://2130706433/".to_owned(),
            "http://[::ffff:10.0.0.1]/".to_owned(),
            "https://example.org:22/".to_owned(),
            "ftp://example.org/".to_owned(),
        ] {
            assert_eq!(check(&link).await, (Outcome::Private, None), "{link}");
        }
        let asked = timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(asked.is_err(), "nobody came");
    }

    #[tokio::test]
    async fn status_of_the_answer_is_read() {
        let url = Url::parse("https://shop.example/a?b=c").expect("a URL");
        for (answer, status) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some(200)),
            ("HTTP/1.0 404 Not Found\r\n\r\n", Some(404)),
            ("220 mail.example ESMTP\r\n", None),
            ("", None),
        ] {
            let (near, mut far) = tokio::io::duplex(4_096);
            let server = async move {
                let mut head = [0; 256];
                let length = far.read(&mut head).await.expect("read");
                far.write_all(answer.as_bytes()).await.expect("written");
                String::from_utf8_lossy(&head[..length]).into_owned()
            };
            let (found, asked) = tokio::join!(request(near, "shop.example", &url), server);
            assert_eq!(found, status, "{answer}");
            assert!(asked.starts_with("HEAD /a?b=c HTTP/1.1\r\nHost: shop.example\r\n"), "{asked}");
        }
    }
}
