//! Links: where those of a letter lead, which of them are measured, and the URLs of the pages that a
//! delivery opens. Whoever serves these pages takes the paths from here.
//!
//! Every `http(s)` link of the body has a position, counted from 0 in the order of the letter; the
//! same destination twice has two positions, so that a report can tell the picture from the button.
//! Footer links and the letter's own pages have none and are never measured.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use super::html::node::{Node, squeeze};
use super::mime::header::is_hidden;
use super::template::placeholder::{Mask, Part as Piece};
use crate::infra::error::Message;
use crate::infra::token::{MessageSecret, TokenPurpose};

/// A measured link of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Counted from 0.
    pub position: usize,
    /// A URL, or a template of one when it is personal.
    pub destination: String,
    /// The same as the author wrote it, for people to read.
    pub shown: String,
    /// True when the destination differs from person to person.
    pub personal: bool,
}

/// Bytes a destination may have; longer ones do not fit into a request line everywhere.
const LENGTH: usize = 2_000;

/// The address of a page: `/o/TOKEN.gif`, `/u/TOKEN`, `/p/TOKEN`, `/v/TOKEN`; for the click door the
/// address that positions are appended to.
pub fn page_url(public_url: &str, secret: &MessageSecret, door: TokenPurpose) -> String {
    let token = secret.token(door);
    match door {
        TokenPurpose::Open => format!("{public_url}/o/{token}.gif"),
        TokenPurpose::Click => format!("{public_url}/c/{token}"),
        TokenPurpose::Unsubscribe => format!("{public_url}/u/{token}"),
        TokenPurpose::Preferences => format!("{public_url}/p/{token}"),
        TokenPurpose::View => format!("{public_url}/v/{token}"),
    }
}

/// A measured link whose destination lies on the server: `/c/TOKEN/POSITION`.
pub fn click_url(public_url: &str, secret: &MessageSecret, position: usize) -> String {
    format!("{}/{position}", page_url(public_url, secret, TokenPurpose::Click))
}

/// A measured link that carries its destination, signed: `/c/TOKEN/POSITION/DESTINATION/TAG`.
pub fn personal_click_url(public_url: &str, secret: &MessageSecret, position: usize, destination: &str) -> String {
    let tag = secret.destination_tag(position, destination);
    format!("{}/{}/{tag}", click_url(public_url, secret, position), URL_SAFE_NO_PAD.encode(destination))
}

/// The destination that [`personal_click_url`] wrote into a path; its tag is still to be verified.
pub fn decode_destination(segment: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(segment).ok()?).ok().filter(|text| is_destination(text))
}

/// Whether a redirect may lead there: http(s), a host, no user information, nothing hidden.
pub fn is_destination(text: &str) -> bool {
    check(text).is_ok()
}

/// A destination in its one spelling: ASCII, host as A-label, or the key of the sentence that says
/// what is wrong with it.
pub fn check(text: &str) -> Result<Url, &'static str> {
    let lower = squeeze(text);
    if text.len() > LENGTH {
        return Err("link-long");
    }
    if text.chars().any(is_hidden) || text.contains('\\') {
        return Err("link-hidden");
    }
    if lower.starts_with("//") || !(lower.starts_with("http://") || lower.starts_with("https://")) {
        let is_relative = lower.starts_with("//") || scheme(&lower).is_none_or(|scheme| scheme.contains('.'));
        return Err(if is_relative { "link-relative" } else { "link-scheme" });
    }
    let url = Url::parse(text).map_err(|_| "link-broken")?;
    match () {
        () if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') => {
            Err("link-user")
        }
        () if !url.has_host() || authority(text).is_empty() => Err("link-broken"),
        () if url.as_str().len() > LENGTH => Err("link-long"),
        () => Ok(url),
    }
}

fn scheme(text: &str) -> Option<&str> {
    text.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| !scheme.contains(['/', '?', '#']))
}

/// What stands between `//` and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The measured links of a letter, and the destinations that are refused, with their sentences.
pub fn number(nodes: &mut [Node], mask: &mut Mask) -> Result<Vec<Link>, (Message, String)> {
    let mut links = Vec::new();
    for node in nodes {
        let Node::Start { name, attrs } = node else { continue };
        if name != "a" && name != "area" {
            continue;
        }
        for (_, value) in attrs.iter_mut().filter(|(key, _)| key == "href") {
            let shown = mask.show(value.trim());
            let Some(destination) = measure(value.trim(), mask).map_err(|message| (message, shown))? else {
                continue;
            };
            let personal = mask.is_in(&destination);
            let shown = mask.show(&destination);
            let destination = if personal { mask.lift(&destination) } else { destination };
            *value = mask.hold(format!("{{{{ {}.link_{} }}}}", super::template::tag_check::INNER, links.len()));
            links.push(Link { position: links.len(), destination, shown, personal });
        }
    }
    Ok(links)
}

/// The destination of a link that is measured, still masked; `None` for one that stays as it is.
fn measure(value: &str, mask: &Mask) -> Result<Option<String>, Message> {
    let refused = |key| Message::new(key).with("link", mask.show(value).chars().take(200).collect::<String>());
    let plain = squeeze(value);
    if plain.is_empty() || plain.starts_with('#') || is_own_page(value, mask) {
        return Ok(None);
    }
    if ["mailto:", "tel:", "sms:"].iter().any(|scheme| plain.starts_with(scheme)) {
        return match value.chars().any(is_hidden) {
            true => Err(refused("link-hidden")),
            false => Ok(None),
        };
    }
    if mask.is_in(value.split("//").next().unwrap_or_default()) || mask.is_in(authority(value)) {
        return Err(refused("link-dynamic-host"));
    }
    // Masks are letters and digits, so that a personal destination can be checked before its values
    // are known; its spelling is settled for each person.
    let url = check(value).map_err(refused)?;
    Ok(Some(if mask.is_in(value) { personal(value, &url) } else { url.into() }))
}

/// The author's spelling behind the checked scheme and host.
fn personal(value: &str, url: &Url) -> String {
    let rest = value.split_once("//").map_or("", |(_, rest)| rest);
    let path = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{}{slash}{path}", url.origin().ascii_serialization())
}

/// The whole link is one of the letter's own pages.
fn is_own_page(value: &str, mask: &Mask) -> bool {
    let mut parts = mask.parts(value);
    let own = |tag: &str| {
        let name = tag.trim_start_matches(['{', '-', ' ']).trim_end_matches(['}', '-', ' ']);
        matches!(name, "unsubscribe_url" | "preferences_url" | "view_url")
    };
    matches!((parts.next(), parts.next()), (Some(Piece::Tag { tag, .. }), None) if own(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_web_addresses_are_destinations() {
        assert_eq!(
            check("HTTPS://Пример.РФ/каталог?a=б#в").map(String::from).as_deref(),
            Ok("https://xn--e1afmkfd.xn--p1ai/%D0%BA%D0%B0%D1%82%D0%B0%D0%BB%D0%BE%D0%B3?a=%D0%B1#%D0%B2")
        );
        for (text, key) in [
            ("javascript:alert(1)", "link-scheme"),
            ("JaVa Script:alert(1)", "link-scheme"),
            ("data:text/html,x", "link-scheme"),
            ("ftp://a.example/x", "link-scheme"),
            ("//evil.example", "link-relative"),
            ("/catalog", "link-relative"),
            ("www.shop.example/x:y", "link-relative"),
            ("shop.example:80", "link-relative"),
            ("https:\\\\evil.example", "link-hidden"),
            ("https://a.example\\@evil.example", "link-hidden"),
            ("https://a.example/\r\nSet-Cookie: x", "link-hidden"),
            ("https://a.example@evil.example/", "link-user"),
            ("https://@evil.example/", "link-user"),
            ("https://", "link-broken"),
            ("https:///x", "link-broken"),
            ("http://[::1", "link-broken"),
        ] {
            assert_eq!(check(text).map(String::from), Err(key), "{text:?}");
        }
    }

    #[test]
    fn a_personal_destination_travels_in_the_link() {
        let signer = crate::infra::token::Signer::new(&crate::infra::secret::Keyring::ephemeral());
        let claim = crate::infra::token::DeliveryRef { campaign: 1, delivery: 2 };
        let url =
            personal_click_url("https://news.example", &signer.message_secret(claim), 3, "https://shop.example/?n=1");

        let parts: Vec<_> = url.split('/').skip(3).collect();
        assert_eq!((parts[0], parts[2]), ("c", "3"));
        assert_eq!(signer.verify(TokenPurpose::Click, parts[1]), Some(claim));
        let destination = decode_destination(parts[3]).expect("a destination");
        assert!(signer.verify_destination(claim, 3, &destination, parts[4]));
    }
}
