//! The links of an email: which are measured, where they lead, and the URLs of the pages of a delivery.
//!
//! Every `http(s)` link of the body is measured and has a position, counted from 0 in the order of the email. The same
//! destination twice has two positions, so that a report can tell the image from the button. Links of the footer and
//! links to the pages of the delivery are never measured.

mod destination;
mod url;

use ::url::Url;

use self::destination::authority;
pub use self::destination::{is_valid_destination, parse_destination};
pub use self::url::{click_url, decode_destination, page_url, personal_click_url};
use super::html::node::{Node, squeeze};
use super::mime::header::is_hidden;
use super::template::placeholder::{Piece, Placeholders};
use super::template::tag_check::INTERNAL;
use crate::infra::error::Message;

/// A measured link of an email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Counted from 0.
    pub position: usize,
    /// A URL, or the template of one if the link is personal.
    pub destination: String,
    /// The destination as the marketer wrote it, for reports.
    pub shown: String,
    /// True if the destination differs from recipient to recipient.
    pub is_personal: bool,
}

/// Numbers the measured links of an email and replaces their destinations by placeholders.
///
/// # Errors
/// The reason why a link is refused, and the link as the marketer wrote it.
pub fn number_links(nodes: &mut [Node], placeholders: &mut Placeholders) -> Result<Vec<Link>, (Message, String)> {
    let mut links = Vec::new();
    for node in nodes {
        let Node::Start { name, attrs } = node else { continue };
        if name != "a" && name != "area" {
            continue;
        }
        for (_, value) in attrs.iter_mut().filter(|(key, _)| key == "href") {
            let shown = placeholders.to_source(value.trim());
            let Some(destination) =
                measured_destination(value.trim(), placeholders).map_err(|message| (message, shown))?
            else {
                continue;
            };
            let is_personal = placeholders.contains_tag(&destination);
            let shown = placeholders.to_source(&destination);
            let destination = if is_personal { placeholders.to_template(&destination) } else { destination };
            *value = placeholders.hold(format!("{{{{ {}.link_{} }}}}", INTERNAL, links.len()));
            links.push(Link { position: links.len(), destination, shown, is_personal });
        }
    }
    Ok(links)
}

/// The destination of a measured link, with placeholders; `None` for a link that is not measured.
fn measured_destination(value: &str, placeholders: &Placeholders) -> Result<Option<String>, Message> {
    let refused =
        |key| Message::new(key).with("link", placeholders.to_source(value).chars().take(200).collect::<String>());
    let plain = squeeze(value);
    if plain.is_empty() || plain.starts_with('#') || is_own_page(value, placeholders) {
        return Ok(None);
    }
    if ["mailto:", "tel:", "sms:"].iter().any(|scheme| plain.starts_with(scheme)) {
        return match value.chars().any(is_hidden) {
            true => Err(refused("link-hidden")),
            false => Ok(None),
        };
    }
    if placeholders.contains_tag(value.split("//").next().unwrap_or_default())
        || placeholders.contains_tag(authority(value))
    {
        return Err(refused("link-dynamic-host"));
    }
    // Placeholders are letters and digits, so a personal destination can be checked before its values are known.
    let url = parse_destination(value).map_err(refused)?;
    Ok(Some(if placeholders.contains_tag(value) { personal_destination(value, &url) } else { url.into() }))
}

/// The checked scheme and host with the rest as the marketer spelled it.
fn personal_destination(value: &str, url: &Url) -> String {
    let rest = value.split_once("//").map_or("", |(_, rest)| rest);
    let path = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{}{slash}{path}", url.origin().ascii_serialization())
}

/// Whether the whole link is a tag for a page of the delivery.
fn is_own_page(value: &str, placeholders: &Placeholders) -> bool {
    let mut pieces = placeholders.split(value);
    let is_page_tag = |tag: &str| {
        let name = tag.trim_start_matches(['{', '-', ' ']).trim_end_matches(['}', '-', ' ']);
        matches!(name, "unsubscribe_url" | "preferences_url" | "view_url")
    };
    matches!((pieces.next(), pieces.next()), (Some(Piece::Tag { template, .. }), None) if is_page_tag(template))
}
