//! What an author should know about a letter before it goes out. Nothing here stops a letter; what
//! must stop it, [`CompiledEmail::compile`] refuses.

use std::net::IpAddr;

use url::{Host, Url};

use super::email::{CompiledEmail, EmailContext, EmailSource, RenderedEmail};
use super::html::node::{self, Node, attr};
use crate::infra::error::Message;

/// Bytes of HTML at which to warn: Gmail piece_ends letters near 102 kB, and the footer with them.
const HEAVY: usize = 90_000;
/// Characters of a subject that phones show whole are far fewer; beyond this no program does.
const SUBJECT: usize = 120;

/// Warnings about a letter, given one rendered sample of it.
pub fn examine(
    draft: &EmailSource,
    frame: &EmailContext,
    letter: &CompiledEmail,
    sample: &RenderedEmail,
) -> Vec<Message> {
    let mut found = Vec::new();
    if frame.brand.address.is_empty() {
        found.push(Message::new("lint-address"));
    }
    if draft.preheader.trim().is_empty() {
        found.push(Message::new("lint-preheader"));
    }
    let length = sample.subject.as_str().chars().count();
    if length == 0 {
        found.push(Message::new("lint-subject-empty"));
    }
    if length > SUBJECT {
        found.push(Message::new("lint-subject-long").with("length", length).with("limit", SUBJECT));
    }
    if sample.html.len() > HEAVY {
        found.push(Message::new("lint-heavy").with("size", sample.html.len().div_ceil(1_000)));
    }
    found.extend(pictures(&node::read(&sample.html)));
    found.extend(empty_links(&node::read(&sample.html)));
    for link in letter.links() {
        if is_private(&link.destination) {
            found.push(Message::new("lint-private").with("link", &link.destination));
        }
    }
    found
}

/// Whether a destination can be reached only from within the sender's own network.
pub fn is_private(destination: &str) -> bool {
    let Some(host) = Url::parse(destination).ok().and_then(|url| url.host().map(|host| host.to_owned())) else {
        return false;
    };
    match host {
        Host::Ipv4(ip) => is_inside(ip.into()),
        Host::Ipv6(ip) => is_inside(ip.into()),
        Host::Domain(name) => {
            name == "localhost"
                || !name.contains('.')
                || [".localhost", ".local", ".internal", ".lan", ".home.arpa"].iter().any(|end| name.ends_with(end))
        }
    }
}

fn is_inside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn pictures(nodes: &[Node]) -> Vec<Message> {
    let mut silent = 0;
    let mut open = 0;
    for node in nodes {
        if let Node::Start { name, attrs } = node
            && name == "img"
        {
            silent += usize::from(attr(attrs, "alt").is_none());
            open += usize::from(attr(attrs, "src").is_some_and(|src| src.starts_with("http://") && !is_private(src)));
        }
    }
    let count = |key, count: usize| (count > 0).then(|| Message::new(key).with("count", count));
    [count("lint-alt", silent), count("lint-http", open)].into_iter().flatten().collect()
}

/// Links with nothing to click on, or leading nowhere.
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
                let spoken = attr(attrs, "alt").is_some_and(|alt| !alt.trim().is_empty());
                inside = inside.map(|seen| seen || spoken);
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
    fn addresses_of_the_inner_network_are_known() {
        for url in ["http://localhost:8080/x", "https://10.1.2.3/", "http://[::1]/", "https://wiki/", "http://a.local/"]
        {
            assert!(is_private(url), "{url}");
        }
        for url in ["https://shop.example.org/", "https://8.8.8.8/", "https://xn--80a1acny.xn--p1ai/"] {
            assert!(!is_private(url), "{url}");
        }
    }

    #[test]
    fn pictures_and_links_must_say_something() {
        let found = |html: &str| {
            let nodes = node::read(html);
            let keys: Vec<_> = pictures(&nodes).into_iter().chain(empty_links(&nodes)).map(|m| m.key).collect();
            keys
        };
        assert_eq!(found("<img src=\"http://a.example/x.png\">"), ["lint-alt", "lint-http"]);
        assert_eq!(found("<a href=\"\">x</a><a href=\"https://a.example/\"> </a>"), ["lint-empty-link"]);
        assert!(found("<a href=\"https://a.example/\"><img src=\"https://a.example/x\" alt=\"x\"></a>").is_empty());
    }
}
