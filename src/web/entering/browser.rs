//! The browser that a request comes from: its network address, its cookies, and whether it came by HTTPS.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, USER_AGENT};
use axum::http::request::Parts;

use super::EnteringState;
use crate::usecase::session::Browser;
use crate::web::listener::PeerAddress;
use crate::web::session_cookie::{DeskCookie, is_https};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A browser. Has no `Debug`, since it holds tokens.
#[derive(Clone)]
pub struct Client {
    /// Whether it came by HTTPS, which decides the names of the cookies.
    pub is_https: bool,
    /// The token of its session.
    pub session: Option<String>,
    address: Option<IpAddr>,
    client: Option<String>,
    user_agent: String,
}

impl Client {
    /// What the request says of the browser.
    pub fn new(headers: &HeaderMap, peer: Option<PeerAddress>, state: &EnteringState) -> Self {
        let settings = state.settings.get();
        let is_https = [&settings.desk_url, &settings.public_url].into_iter().any(|url| is_https(headers, url));
        let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self {
            is_https,
            session: DeskCookie::Session.read(headers, is_https),
            address: address(headers, peer),
            client: DeskCookie::Client.read(headers, is_https),
            user_agent: user_agent.to_owned(),
        }
    }

    /// For the use cases.
    pub fn browser(&self) -> Browser<'_> {
        Browser { address: self.address, client: self.client.as_deref(), user_agent: &self.user_agent }
    }
}

impl<S> FromRequestParts<S> for Client
where
    S: Send + Sync,
    Arc<EnteringState>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<PeerAddress>().copied();
        Ok(Self::new(&parts.headers, peer, &Arc::from_ref(state)))
    }
}

/// The network address of the client. A proxy on this machine adds the address that it saw to the end of `X-Forwarded-For`;
/// what others write there is not believed. Unknown for a client on this machine.
pub(in crate::web) fn address(headers: &HeaderMap, peer: Option<PeerAddress>) -> Option<IpAddr> {
    let peer = peer?.0.to_canonical();
    if !peer.is_loopback() {
        return Some(peer);
    }
    let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?.rsplit(',').next()?;
    last.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_proxy_on_this_machine_is_believed() {
        let found = |peer: &str, forwarded: &[&'static str]| {
            let lines = forwarded.iter().map(|line| (FORWARDED_FOR, HeaderValue::from_static(line)));
            let peer = Some(PeerAddress(peer.parse().expect("an address")));
            address(&lines.collect(), peer).map(|address| address.to_string())
        };

        assert_eq!(found("192.0.2.7", &["198.51.100.1"]).as_deref(), Some("192.0.2.7"));
        assert_eq!(found("127.0.0.1", &["203.0.113.9, 198.51.100.1"]).as_deref(), Some("198.51.100.1"));
        assert_eq!(found("::1", &["203.0.113.9", "2001:db8::1"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(found("::ffff:127.0.0.1", &[]), None);
        assert_eq!(found("127.0.0.1", &["unknown"]), None);
    }
}
