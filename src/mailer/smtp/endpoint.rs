//! Endpoint of a relay: an SMTP server and its URL.
//!
//! Examples: `smtp://host:25`, `smtp://user:password@host?tls=required`, `smtps://user:password@host`. Ports default
//! to 25, to 587 with `tls=` and to 465 with `smtps`. The path may give the EHLO name; `ca=` names a PEM file with the
//! authority that signed the server's certificate. `Display` and `Debug` print neither user nor password.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use url::{Host, Url};

use crate::infra::error::{Message, Result};

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// No encryption.
    Plain,
    /// STARTTLS (RFC 3207).
    StartTls {
        /// True: nothing is sent without TLS. False: mail may be sent in clear text, credentials never.
        required: bool,
    },
    /// TLS from the first byte (RFC 8314).
    Implicit,
}

/// An SMTP server and how to connect to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or IP address; the certificate must be issued for it.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User and password.
    pub credentials: Option<(String, String)>,
    /// The name to give in EHLO; if empty, the session gives its IP address.
    pub helo: String,
    /// A PEM file with the only trusted authority, instead of the system's.
    pub authority: Option<PathBuf>,
}

impl Endpoint {
    /// A server on this machine, without TLS.
    pub fn local(address: SocketAddr) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
            security: Security::Plain,
            credentials: None,
            helo: String::new(),
            authority: None,
        }
    }

    /// Parses a URL. Refuses credentials that would be sent in clear text.
    pub fn parse(text: &str) -> Result<Self> {
        Self::read(text, None)
    }

    /// Parses a URL that names a user, whose password is given apart.
    pub fn parse_with_password(text: &str, password: &str) -> Result<Self> {
        Self::read(text, Some(password))
    }

    fn read(text: &str, password: Option<&str>) -> Result<Self> {
        let bad = || Message::new("relay-url").invalid_field("target");
        let url = Url::parse(text).map_err(|_| bad())?;
        let host = host(&url).ok_or_else(bad)?;
        if url.fragment().is_some() || url.port() == Some(0) {
            return Err(bad());
        }
        let (mut security, standard) = match url.scheme() {
            "smtp" => (Security::Plain, 25),
            "smtps" => (Security::Implicit, 465),
            _ => return Err(bad()),
        };
        let mut port = url.port().unwrap_or(standard);
        let mut authority = None;
        for (name, value) in url.query_pairs() {
            match (name.as_ref(), value.as_ref()) {
                ("tls", "required" | "opportunistic") if security != Security::Implicit => {
                    security = Security::StartTls { required: value == "required" };
                    port = url.port().unwrap_or(587);
                }
                // With smtps the option changes nothing: the connection starts with TLS.
                ("tls", "required" | "opportunistic") => {}
                ("ca", file) if !file.is_empty() => authority = Some(PathBuf::from(file)),
                _ => return Err(Message::new("relay-url-option").with("option", name).invalid_field("target")),
            }
        }
        let credentials =
            credentials(&url, password).ok_or_else(|| Message::new("relay-url-credentials").invalid_field("target"))?;
        let helo = decode(url.path().trim_matches('/')).ok_or_else(bad)?;
        if !helo.is_empty() && !is_helo(&helo) {
            return Err(Message::new("relay-url-helo").invalid_field("target"));
        }
        let endpoint = Self { host, port, security, credentials, helo, authority };
        if endpoint.credentials.is_some() && security == Security::Plain && !endpoint.is_local() {
            return Err(Message::new("relay-url-clear").invalid_field("target"));
        }
        Ok(endpoint)
    }

    /// The URL with its credentials, to be encrypted.
    pub fn expose(&self) -> String {
        let login = self.credentials.as_ref().map(|(user, password)| format!("{}:{}@", encode(user), encode(password)));
        self.url(&login.unwrap_or_default())
    }

    /// True when the server runs on this machine by its name or address.
    pub fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn url(&self, login: &str) -> String {
        let (scheme, tls) = match self.security {
            Security::Plain => ("smtp", None),
            Security::StartTls { required: true } => ("smtp", Some("tls=required".to_owned())),
            Security::StartTls { required: false } => ("smtp", Some("tls=opportunistic".to_owned())),
            Security::Implicit => ("smtps", None),
        };
        let authority = self.authority.as_ref().map(|file| format!("ca={}", encode(&file.to_string_lossy())));
        let options: Vec<_> = tls.into_iter().chain(authority).collect();
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let path = if self.helo.is_empty() { String::new() } else { format!("/{}", encode(&self.helo)) };
        let query = if options.is_empty() { String::new() } else { format!("?{}", options.join("&")) };
        format!("{scheme}://{login}{host}:{}{path}{query}", self.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url(if self.credentials.is_some() { "***@" } else { "" }))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// True for a valid EHLO name (RFC 5321 §4.1.4): an ASCII host name with a dot, or an address literal. `localhost` is
/// neither.
pub fn is_helo(name: &str) -> bool {
    let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match literal {
        Some(address) => address.strip_prefix("IPv6:").unwrap_or(address).parse::<IpAddr>().is_ok(),
        None => {
            let label = |label: &str| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            name.len() <= 253 && name.contains('.') && name.split('.').all(label)
        }
    }
}

fn host(url: &Url) -> Option<String> {
    match url.host()? {
        Host::Domain(name) => {
            idna::domain_to_ascii_strict(&decode(name)?).ok().filter(|name| !name.is_empty() && !name.contains(':'))
        }
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(address.to_string()),
    }
}

/// `None` when user or password is missing or has a control character.
fn credentials(url: &Url, apart: Option<&str>) -> Option<Option<(String, String)>> {
    let user = decode(url.username())?;
    let password = match (url.password(), apart) {
        (Some(password), None) => decode(password)?,
        (None, apart) => apart.unwrap_or_default().to_owned(),
        (Some(_), Some(_)) => return None,
    };
    if user.is_empty() && password.is_empty() {
        return Some(None);
    }
    let whole = !user.is_empty() && !password.is_empty() && !user.contains(char::is_control);
    (whole && !password.contains(char::is_control)).then_some(Some((user, password)))
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escape = if *first == b'%' { tail.split_at_checked(2) } else { None };
        let decoded = escape.and_then(|(digits, after)| {
            let hex = |digit: u8| char::from(digit).to_digit(16);
            Some((u8::try_from(hex(digits[0])? * 16 + hex(digits[1])?).ok()?, after))
        });
        let (byte, after) = decoded.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(url: &str) -> Endpoint {
        Endpoint::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn key(url: &str) -> &'static str {
        Endpoint::parse(url).expect_err(url).message().key
    }

    #[test]
    fn port_and_security_follow_the_url() {
        for (url, port, security) in [
            ("smtp://mail.example.org", 25, Security::Plain),
            ("smtp://mail.example.org:2525", 2525, Security::Plain),
            ("smtp://mail.example.org?tls=required", 587, Security::StartTls { required: true }),
            ("smtp://mail.example.org?tls=opportunistic", 587, Security::StartTls { required: false }),
            ("smtp://mail.example.org:25?tls=required", 25, Security::StartTls { required: true }),
            ("smtps://mail.example.org", 465, Security::Implicit),
            ("smtps://mail.example.org?tls=required", 465, Security::Implicit),
        ] {
            let endpoint = parse(url);
            assert_eq!((endpoint.port, endpoint.security), (port, security), "{url}");
            assert_eq!(endpoint.host, "mail.example.org");
        }
        assert_eq!(parse("smtp://[::1]:2525").host, "::1");
        assert_eq!(parse("smtp://почта.рф").host, "xn--80a1acny.xn--p1ai");
        assert_eq!(parse("smtp://mail.example.org/news.example.org").helo, "news.example.org");
        assert_eq!(parse("smtps://h.example?ca=/etc/our%20ca.pem").authority, Some(PathBuf::from("/etc/our ca.pem")));
    }

    #[test]
    fn credentials_are_decoded_and_never_printed() {
        let endpoint = parse("smtp://anna%40shop.example:p%40ss%2F%D1%8F+%25@mail.example.org?tls=required");

        assert_eq!(endpoint.credentials, Some(("anna@shop.example".to_owned(), "p@ss/я+%".to_owned())));
        assert_eq!(endpoint.to_string(), "smtp://***@mail.example.org:587?tls=required");
        assert_eq!(format!("{endpoint:?}"), endpoint.to_string());
    }

    #[test]
    fn password_may_come_apart_from_the_url() {
        let whole = Endpoint::parse_with_password("smtps://anna@mail.example.org", "p@ss/я").expect("a user");

        assert_eq!(whole.credentials, Some(("anna".to_owned(), "p@ss/я".to_owned())));
        for (url, password) in [
            ("smtps://mail.example.org", "secret"),
            ("smtps://anna:other@mail.example.org", "secret"),
            ("smtps://anna@mail.example.org", ""),
            ("smtp://anna@mail.example.org", "secret"),
        ] {
            assert!(Endpoint::parse_with_password(url, password).is_err(), "{url}");
        }
    }

    #[test]
    fn clear_text_credentials_are_refused_except_to_this_machine() {
        assert_eq!(key("smtp://user:pass@mail.example.org"), "relay-url-clear");
        assert_eq!(key("smtp://user:pass@localhost.example.org"), "relay-url-clear");
        for url in ["smtp://user:pass@127.0.0.1:2525", "smtp://user:pass@localhost", "smtp://user:pass@[::1]"] {
            assert!(parse(url).credentials.is_some());
        }
    }

    #[test]
    fn invalid_urls_are_refused_without_repeating_them() {
        for (url, key_) in [
            ("", "relay-url"),
            ("mail.example.org:25", "relay-url"),
            ("http://mail.example.org", "relay-url"),
            ("smtp://", "relay-url"),
            ("smtp://mail.example.org:0", "relay-url"),
            ("smtp://mail.example.org:99999", "relay-url"),
            ("smtp://user:pa#ss@mail.example.org?tls=required", "relay-url"),
            ("smtp://user:pa/ss@mail.example.org?tls=required", "relay-url"),
            ("smtp://mail example.org", "relay-url"),
            ("smtp://mail.example.org?tls=none", "relay-url-option"),
            ("smtp://mail.example.org?auth=plain", "relay-url-option"),
            ("smtps://user@mail.example.org", "relay-url-credentials"),
            ("smtps://:pass@mail.example.org", "relay-url-credentials"),
            ("smtps://us%0D%0Aer:pass@mail.example.org", "relay-url-credentials"),
            ("smtp://mail.example.org/localhost", "relay-url-helo"),
            ("smtp://mail.example.org/a.b%0D%0AMAIL", "relay-url-helo"),
        ] {
            let error = Endpoint::parse(url).expect_err(url);
            assert_eq!((error.message().key, error.exit_code()), (key_, 2), "{url}");
            assert!(!format!("{error:?}").contains("pass"), "{url}");
        }
    }

    #[test]
    fn ehlo_names_have_a_dot_or_are_address_literals() {
        for name in ["news.example.org", "xn--80a1acny.xn--p1ai", "[127.0.0.1]", "[IPv6:::1]"] {
            assert!(is_helo(name), "{name}");
        }
        for name in ["localhost", "", "почта.рф", "a b.org", "a..b", "[localhost]", "news.example.org\r\n", "-a.b"]
        {
            assert!(!is_helo(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn exposed_url_parses_to_the_same_endpoint(user in "[^\\p{Cc}]{1,12}", password in "[^\\p{Cc}]{1,12}", port in 1..=u16::MAX) {
            let endpoint = Endpoint {
                host: "mail.example.org".to_owned(),
                port,
                security: Security::StartTls { required: true },
                credentials: Some((user, password)),
                helo: "[IPv6:::1]".to_owned(),
                authority: Some(PathBuf::from("/tmp/ключ+&.pem")),
            };

            prop_assert_eq!(Endpoint::parse(&endpoint.expose()).expect("parses"), endpoint);
        }
    }
}
