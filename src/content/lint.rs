//! Warnings about an email for the preflight. They stop nothing; mistakes that must stop an email are refused by
//! [`CompiledEmail::compile`].

use std::net::IpAddr;

use url::{Host, Url};

use super::compiled_email::CompiledEmail;
use super::email::{EmailContext, EmailSource};
use super::html::node::{self, Node, attr};
use super::mime::message::RenderedEmail;
use crate::infra::error::Message;

/// Bytes of HTML. Gmail clips a message near 102 kB, and the footer with it.
const MAX_HTML: usize = 90_000;
/// Characters of a subject; no mail program shows more.
const MAX_SUBJECT: usize = 120;

/// The warnings about an email, given one rendered sample.
pub fn check(
    source: &EmailSource,
    context: &EmailContext,
    email: &CompiledEmail,
    sample: &RenderedEmail,
) -> Vec<Message> {
    let mut found = Vec::new();
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
    }
    if sample.html.len() > MAX_HTML {
        found.push(Message::new("lint-heavy").with("size", sample.html.len().div_ceil(1_000)));
    }
    found.extend(image_warnings(&node::parse(&sample.html)));
    found.extend(empty_links(&node::parse(&sample.html)));
    for link in email.links() {
        if is_private(&link.destination) {
            found.push(Message::new("lint-private").with("link", &link.destination));
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
