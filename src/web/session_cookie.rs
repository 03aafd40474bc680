//! Cookies of the desk: the session, the token by which a browser is known after it has signed in once, and the one with which it
//! comes back from the identity provider. They are for our pages alone: no script reads them, and no other site sends them along with a form.

use std::fmt::Write as _;

use axum::http::header::{COOKIE, HOST, HeaderMap, HeaderValue};
use axum::http::uri::Authority;
use url::Url;

use crate::access::setup_link::LinkPurpose;
use crate::access::{SecretToken, known_client};
use crate::infra::clock::Millis;

/// How long a browser keeps the cookie of a session: longer than the session may last without use.
const SESSION_TERM: Millis = 90 * crate::infra::clock::DAY;

/// A cookie of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeskCookie {
    /// The session of somebody who is signed in.
    Session,
    /// A browser that once signed in.
    Client,
    /// A browser that is at the identity provider.
    Provider,
}

impl DeskCookie {
    /// Its name: the prefix binds it to one host and to HTTPS, which browsers refuse on plain loopback.
    const fn name(self, is_https: bool) -> &'static str {
        match (self, is_https) {
            (Self::Session, true) => "__Host-session",
            (Self::Session, false) => "session",
            (Self::Client, true) => "__Host-client",
            (Self::Client, false) => "client",
            (Self::Provider, true) => "__Host-provider",
            (Self::Provider, false) => "provider",
        }
    }

    const fn term(self) -> Millis {
        match self {
            Self::Session => SESSION_TERM,
            Self::Client => known_client::TERM,
            Self::Provider => LinkPurpose::Provider.term(),
        }
    }

    /// The value that the browser sent.
    pub fn read(self, headers: &HeaderMap, is_https: bool) -> Option<String> {
        read(headers, self.name(is_https))
    }

    /// The header `Set-Cookie` that gives the browser the cookie.
    pub fn set(self, token: &SecretToken, is_https: bool) -> HeaderValue {
        self.header(token.expose(), self.term() / 1_000, is_https)
    }

    /// The header `Set-Cookie` that takes the cookie away.
    pub fn clear(self, is_https: bool) -> HeaderValue {
        self.header("", 0, is_https)
    }

    fn header(self, value: &str, seconds: Millis, is_https: bool) -> HeaderValue {
        let mut text = format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax", self.name(is_https));
        if is_https {
            let _ = write!(text, "; Secure");
        }
        HeaderValue::from_str(&text).expect("base64url and attributes are ASCII")
    }
}

/// The value of a cookie by its name.
pub fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value.to_owned())
}

/// Whether the browser came by HTTPS: it asked for the host of our public address, and that begins with `https:`. A proxy ends
/// the encryption, so that the connection itself does not tell.
pub fn is_https(headers: &HeaderMap, public_url: &str) -> bool {
    let Some(url) = Url::parse(public_url).ok().filter(|url| url.scheme() == "https") else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    host.is_some_and(|host| url.host_str().is_some_and(|own| own.eq_ignore_ascii_case(host.host())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().expect("a name"), HeaderValue::from_static(value))])
    }

    #[test]
    fn cookie_is_bound_to_the_host_by_https() {
        let token = SecretToken::generate();

        let plain = DeskCookie::Session.set(&token, false);
        let secure = DeskCookie::Client.set(&token, true);
        let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
        assert_eq!(
            text(&plain),
            format!("session={}; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax", token.expose())
        );
        assert!(text(&secure).starts_with("__Host-client=") && text(&secure).ends_with("; Secure"));
        assert!(text(&DeskCookie::Session.clear(true)).starts_with("__Host-session=; Path=/; Max-Age=0;"));
    }

    #[test]
    fn only_the_cookie_of_the_scheme_is_read() {
        let both = headers("cookie", "a=1; session=plain; __Host-session=secure");

        assert_eq!(DeskCookie::Session.read(&both, false).as_deref(), Some("plain"));
        assert_eq!(DeskCookie::Session.read(&both, true).as_deref(), Some("secure"));
        assert_eq!(DeskCookie::Client.read(&both, true), None);
    }

    #[test]
    fn scheme_is_that_of_the_public_address() {
        let at = |host| headers("host", host);

        assert!(is_https(&at("news.example.org"), "https://news.example.org/mail"));
        assert!(is_https(&at("NEWS.example.org:443"), "https://news.example.org"));
        assert!(!is_https(&at("127.0.0.1:8025"), "https://news.example.org"));
        assert!(!is_https(&at("news.example.org"), "http://news.example.org"));
    }
}
