//! Numbers the links of an email: finds those that are measured, also in the VML of Outlook, and puts placeholders in their
//! places.

use ::url::Url;

use super::destination::{MAX_BYTES, authority, parse_destination};
use super::settings::LinkSettings;
use super::{Link, RefusedLink};
use crate::content::html::changes::Changes;
use crate::content::html::conditional;
use crate::content::html::node::{Node, squeeze};
use crate::content::html::value_encoding::{encode_contact, encode_web, filtered, is_contact_link};
use crate::content::mime::header::is_hidden;
use crate::content::template::placeholder::{Piece, Placeholders};
use crate::content::template::render_context::INTERNAL;
use crate::infra::error::Message;

/// The tags that print addresses of pages of the delivery.
const PAGES: [&str; 3] = ["unsubscribe_url", "preferences_url", "view_url"];

/// Numbers links in the order of the email.
pub struct LinkNumbering<'a> {
    /// Holds the tags.
    pub placeholders: &'a mut Placeholders,
    /// Records what is changed.
    pub changes: &'a mut Changes,
    /// The settings of the campaign.
    pub settings: &'a LinkSettings,
    /// The measured links so far.
    pub links: Vec<Link>,
    /// The links that are refused so far.
    pub refused: Vec<RefusedLink>,
}

impl LinkNumbering<'_> {
    /// Numbers the measured links and replaces their destinations by placeholders.
    pub fn number(&mut self, nodes: &mut [Node]) {
        for node in nodes {
            match node {
                Node::Start { name, attrs } if name == "a" || name == "area" => {
                    for (_, value) in attrs.iter_mut().filter(|(key, _)| key == "href") {
                        if let Some(changed) = self.link(value) {
                            *value = changed;
                        }
                    }
                }
                Node::Comment(text) if conditional::is_condition(text) => {
                    let changes = conditional::addresses(text).into_iter().map(|address| {
                        let changed = match address.key.as_str() {
                            "href" if is_contact_link(&address.value) => {
                                Some(encode_contact(&address.value, self.placeholders))
                            }
                            "href" => self.link(&address.value),
                            _ => self.source(&address.value),
                        };
                        (address, changed)
                    });
                    let changes = changes.collect();
                    *text = conditional::replace(text, changes);
                }
                _ => {}
            }
        }
    }

    /// The address of a picture in a conditional comment.
    fn source(&mut self, value: &str) -> Option<String> {
        let shown = self.placeholders.to_source(value.trim());
        let plain = squeeze(value);
        if plain.starts_with("//") {
            self.changes.add("change-source-https", shown.as_str(), shown.as_str());
            return Some(format!("https:{}", value.trim()));
        }
        if self.placeholders.contains_tag(value) {
            return Some(encode_web(value, self.placeholders));
        }
        if !plain.is_empty() && !plain.contains(':') {
            self.changes.add("change-source-relative", shown.as_str(), shown.as_str());
        }
        None
    }

    /// What stands for a link in the message; `None` keeps it.
    fn link(&mut self, value: &str) -> Option<String> {
        let value = value.trim();
        let destination = match self.destination(value) {
            Ok(destination) => destination?,
            Err(message) => {
                self.refused.push((message, self.placeholders.to_source(value)));
                return None;
            }
        };
        if self.uses_variable(&destination) {
            let shown = self.placeholders.to_source(value);
            self.changes.add("change-link-variable", shown.as_str(), shown.as_str());
            return Some(encode_web(&self.settings.with_parameters(&destination), self.placeholders));
        }
        let is_personal = self.placeholders.contains_tag(&destination);
        let (destination, shown) = match is_personal {
            false => {
                let destination = self.settings.with_parameters(&destination);
                (destination.clone(), destination)
            }
            true => (self.template(&destination), self.placeholders.to_source(&destination)),
        };
        let position = self.links.len();
        self.links.push(Link { position, destination, shown, is_personal });
        Some(self.placeholders.hold(format!("{{{{ {INTERNAL}.link_{position} }}}}")))
    }

    /// The destination of a measured link, with placeholders; `None` for a link that is not measured.
    fn destination(&self, value: &str) -> Result<Option<String>, Message> {
        let placeholders = &*self.placeholders;
        let refused = |key| {
            let shown = placeholders.to_source(value).chars().take(200).collect::<String>();
            Message::new(key).with("link", shown).with("limit", MAX_BYTES)
        };
        let plain = squeeze(value);
        if plain.is_empty() || plain.starts_with('#') || is_own_page(value, placeholders) {
            return Ok(None);
        }
        if is_contact_link(value) {
            return match value.chars().any(is_hidden) {
                true => Err(refused("link-hidden")),
                false => Ok(None),
            };
        }
        if self.has_open_host(value) {
            let is_allowed = !self.settings.hosts.is_empty() && !self.begins_with_page(value);
            return if is_allowed { Ok(Some(value.to_owned())) } else { Err(refused("link-dynamic-host")) };
        }
        // Placeholders are letters and digits, so a personal destination can be checked before its values are known.
        let url = parse_destination(value).map_err(refused)?;
        Ok(Some(if placeholders.contains_tag(value) { personal_destination(value, &url) } else { url.into() }))
    }

    fn has_open_host(&self, value: &str) -> bool {
        self.placeholders.contains_tag(value.split("//").next().unwrap_or_default())
            || self.placeholders.contains_tag(authority(value))
    }

    fn begins_with_page(&self, value: &str) -> bool {
        match self.placeholders.split(value).next() {
            Some(Piece::Tag { template, .. }) => {
                let is_sign = |c: char| !c.is_alphanumeric() && c != '_';
                template.split(is_sign).any(|word| PAGES.contains(&word))
            }
            _ => false,
        }
    }

    /// The template of a personal destination. A tag that it begins with may be a whole address.
    fn template(&self, destination: &str) -> String {
        let mut pieces = self.placeholders.split(destination);
        match pieces.next() {
            Some(Piece::Tag { template, placeholder, .. }) => {
                let first = filtered(template, "address_raw").unwrap_or_else(|| template.to_owned());
                first + &self.placeholders.to_template(&destination[placeholder.len()..])
            }
            _ => self.placeholders.to_template(destination),
        }
    }

    /// Whether a link prints a variable of the email, which the template of a destination does not know.
    fn uses_variable(&self, destination: &str) -> bool {
        self.placeholders.split(destination).any(|piece| match piece {
            Piece::Tag { template, .. } => template.contains("|counted)"),
            Piece::Text(_) => false,
        })
    }
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
        PAGES.contains(&name)
    };
    matches!((pieces.next(), pieces.next()), (Some(Piece::Tag { template, .. }), None) if is_page_tag(template))
}
