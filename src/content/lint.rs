//! Warnings about an email for the preflight. They stop nothing; mistakes that must stop an email are refused by
//! [`CompiledEmail::compile`].

use std::net::IpAddr;

use url::{Host, Url};

use super::client_support;
use super::compiled_email::CompiledEmail;
use super::email::{EmailContext, EmailSource};
use super::foreign_tag;
use super::html::node::{self, Node, attr};
use super::mime::message::{self, RenderedEmail};
use super::template::error::EmailPart;
use crate::infra::error::Message;

/// Bytes of HTML, decoded or as it is sent, whichever is more. Gmail clips a message near 102 kB, and the footer with it.
/// Google publishes no rule; tests disagree on what is counted (docs/emails.md, Size).
const MAX_HTML: usize = 100_000;
/// Tags of other tools that are named.
const MAX_FOREIGN_TAGS: usize = 20;
/// Links with misleading words that are named.
const MAX_LINK_WORDS: usize = 10;
/// Characters of a subject; no mail program shows more.
const MAX_SUBJECT: usize = 120;

/// Characters of a subject that phones show.
const SHOWN_ON_PHONES: usize = 40;
/// Characters from which on a subject loses much on phones.
const LONG_ON_PHONES: usize = 60;

/// The warnings about an email, given one rendered sample.
pub fn check(
    source: &EmailSource,
    context: &EmailContext,
    email: &CompiledEmail,
    sample: &RenderedEmail,
) -> Vec<Message> {
    let mut found = source_warnings(source, context, email);
    if context.brand.address.is_empty() {
        found.push(Message::new("lint-address"));
    }
    if source.preheader.trim().is_empty() {
        found.push(Message::new("lint-preheader"));
    }
    let length = sample.subject.as_str().chars().count();
    if length == 0 {
        found.push(Message::new("lint-subject-empty"));
    }
    if length > MAX_SUBJECT {
        found.push(Message::new("lint-subject-long").with("length", length).with("limit", MAX_SUBJECT));
    } else if length > LONG_ON_PHONES {
        found.push(Message::new("lint-subject-phone").with("length", length).with("shown", SHOWN_ON_PHONES));
    }
    let (size, encoded) = (sample.html.len(), message::encoded_html_length(sample));
    if size.max(encoded) > MAX_HTML {
        let kilobytes = |bytes: usize| bytes.div_ceil(1_000);
        found.push(Message::new("lint-heavy").with("size", kilobytes(size)).with("encoded", kilobytes(encoded)));
    }
    let nodes = node::parse(&sample.html);
    found.extend(image_warnings(&nodes));
    found.extend(empty_links(&nodes));
    found.extend(misleading_words(&nodes));
    found.extend(client_support::advice(&nodes));
    for link in email.links() {
        if is_private(&link.destination) {
            found.push(Message::new("lint-private").with("link", &link.destination));
        }
    }
    found
}

/// The warnings about the text itself, for which no message is needed: tags of other tools, and what was left out or
/// changed.
pub fn source_warnings(source: &EmailSource, context: &EmailContext, email: &CompiledEmail) -> Vec<Message> {
    let mut found = foreign_tags(source, &context.fields);
    found.extend_from_slice(email.changes());
    found
}

/// Tags of other tools, which would be printed as they are. Each is named once.
fn foreign_tags(source: &EmailSource, fields: &[String]) -> Vec<Message> {
    let mut found: Vec<Message> = Vec::new();
    for (part, text) in [
        (EmailPart::Subject, &source.subject),
        (EmailPart::Preheader, &source.preheader),
        (EmailPart::Body, &source.body),
    ] {
        for tag in foreign_tag::find(text, fields) {
            let line = text[..tag.at].matches('\n').count() + 1;
            let is_known = found.iter().any(|known| known.text("tag") == tag.text);
            if !is_known && found.len() < MAX_FOREIGN_TAGS {
                let message = Message::new("lint-foreign-tag").with("part", part).with("line", line);
                found.push(message.with("tag", &tag.text).with("tool", tag.tool).with("ours", &tag.ours));
            }
        }
    }
    found
}

/// Whether a destination is reachable only within a private network.
pub fn is_private(destination: &str) -> bool {
    let Some(host) = Url::parse(destination).ok().and_then(|url| url.host().map(|host| host.to_owned())) else {
        return false;
    };
    match host {
        Host::Ipv4(ip) => is_private_ip(ip.into()),
        Host::Ipv6(ip) => is_private_ip(ip.into()),
        Host::Domain(name) => {
            name == "localhost"
                || !name.contains('.')
                || [".localhost", ".local", ".internal", ".lan", ".home.arpa"].iter().any(|end| name.ends_with(end))
        }
    }
}

fn is_private_ip(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn image_warnings(nodes: &[Node]) -> Vec<Message> {
    let mut without_alt = 0;
    let mut over_http = 0;
    for node in nodes {
        if let Node::Start { name, attrs } = node
            && name == "img"
        {
            without_alt += usize::from(attr(attrs, "alt").is_none());
            over_http +=
                usize::from(attr(attrs, "src").is_some_and(|src| src.starts_with("http://") && !is_private(src)));
        }
    }
    let count = |key, count: usize| (count > 0).then(|| Message::new(key).with("count", count));
    [count("lint-alt", without_alt), count("lint-http", over_http)].into_iter().flatten().collect()
}

/// A warning about links without text or without a destination.
fn empty_links(nodes: &[Node]) -> Option<Message> {
    let mut count = 0;
    let mut inside = None;
    for node in nodes {
        match node {
            Node::Start { name, attrs } if name == "a" => {
                let href = attr(attrs, "href").unwrap_or_default().trim();
                count += usize::from(href.is_empty() || href == "#");
                inside = Some(false);
            }
            Node::Start { name, attrs } if name == "img" => {
                let has_alt = attr(attrs, "alt").is_some_and(|alt| !alt.trim().is_empty());
                inside = inside.map(|seen| seen || has_alt);
            }
            Node::Text(text) => inside = inside.map(|seen| seen || !text.trim().is_empty()),
            node if node.ends("a") => count += usize::from(inside.take() == Some(false)),
            _ => {}
        }
    }
    (count > 0).then(|| Message::new("lint-empty-link").with("count", count))
}

/// Warnings about links whose words are another address than they lead to, which spam filters take for phishing.
fn misleading_words(nodes: &[Node]) -> Vec<Message> {
    let (mut found, mut open): (Vec<Message>, Option<(String, String)>) = (Vec::new(), None);
    for node in nodes {
        match node {
            Node::Start { name, attrs } if name == "a" => {
                open = Some((attr(attrs, "href").unwrap_or_default().to_owned(), String::new()));
            }
            Node::Text(text) => open = open.take().map(|(href, words)| (href, words + text)),
            node if node.ends("a") => {
                let Some((href, words)) = open.take() else { continue };
                let leads = Url::parse(href.trim()).ok().and_then(|url| url.host_str().map(str::to_owned));
                let (Some(leads), Some(shown)) = (leads, shown_host(words.trim())) else { continue };
                let is_same = leads.trim_start_matches("www.") == shown.trim_start_matches("www.");
                if !is_same && found.len() < MAX_LINK_WORDS {
                    found.push(Message::new("lint-link-words").with("words", words.trim()).with("host", leads));
                }
            }
            _ => {}
        }
    }
    found
}

/// The host of an address that the words of a link are.
fn shown_host(words: &str) -> Option<String> {
    const ENDINGS: &[&str] = &[
        "com", "org", "net", "info", "biz", "io", "co", "me", "app", "dev", "shop", "store", "online", "site", "eu",
        "uk", "de", "fr", "it", "es", "nl", "pl", "ru", "su", "рф", "by", "ua", "kz", "example", "test",
    ];
    if words.contains(char::is_whitespace) || words.contains('@') {
        return None;
    }
    let lower = words.to_lowercase();
    let is_full = lower.starts_with("http://") || lower.starts_with("https://");
    let url = if is_full { Url::parse(words) } else { Url::parse(&format!("https://{words}")) };
    let name = lower.split("//").last().unwrap_or_default().split(['/', '?', '#', ':']).next().unwrap_or_default();
    let is_domain = name.rsplit_once('.').is_some_and(|(rest, end)| !rest.is_empty() && ENDINGS.contains(&end));
    let is_address = is_full || name.starts_with("www.") || is_domain;
    url.ok().filter(|_| is_address).and_then(|url| url.host_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_destinations_are_recognized() {
        for url in ["http://localhost:8080/x", "https://10.1.2.3/", "http://[::1]/", "https://wiki/", "http://a.local/"]
        {
            assert!(is_private(url), "{url}");
        }
        for url in ["https://shop.example.org/", "https://8.8.8.8/", "https://xn--80a1acny.xn--p1ai/"] {
            assert!(!is_private(url), "{url}");
        }
    }

    #[test]
    fn words_that_are_another_address_are_found() {
        let words = |href: &str, words: &str| {
            let nodes = node::parse(&format!("<a href=\"{href}\"><b>{words}</b></a>"));
            !misleading_words(&nodes).is_empty()
        };
        let measured = "https://news.example.org/c/x/0";
        for shown in
            ["https://shop.example/survey", "www.shop.example", "shop.example/sale", "shop.ru", "HTTPS://Shop.example"]
        {
            assert!(words(measured, shown), "{shown}");
            assert!(
                !words(&format!("https://{}", shown.to_lowercase().trim_start_matches("https://")), shown),
                "{shown}"
            );
        }
        for shown in ["Shop", "news.example.org", "price.txt", "v1.2", "info@shop.example", "see shop.ru now", ""] {
            assert!(!words(measured, shown), "{shown}");
        }
        assert!(!words("https://www.shop.example/", "shop.example") && !words("mailto:a@shop.example", "shop.example"));
    }

    #[test]
    fn images_without_alt_and_empty_links_are_found() {
        let found = |html: &str| {
            let nodes = node::parse(html);
            let keys: Vec<_> = image_warnings(&nodes).into_iter().chain(empty_links(&nodes)).map(|m| m.key).collect();
            keys
        };
        assert_eq!(found("<img src=\"http://a.example/x.png\">"), ["lint-alt", "lint-http"]);
        assert_eq!(found("<a href=\"\">x</a><a href=\"https://a.example/\"> </a>"), ["lint-empty-link"]);
        assert!(found("<a href=\"https://a.example/\"><img src=\"https://a.example/x\" alt=\"x\"></a>").is_empty());
    }
}
