//! Senders of campaigns: a display name and an address.

use serde::{Deserialize, Serialize};

use crate::audience::address::{Address, is_hidden};
use crate::content::foreign_tag;
use crate::infra::error::{Message, Result};

/// Bytes of a display name.
const MAX_NAME: usize = 200;

/// A mailbox with a name, as in `Shop <news@example.org>`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Display name; may be empty.
    pub name: String,
    /// Address in the owner's spelling.
    pub address: String,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Sender {
    /// Parses `Name <address>` or a bare address. The name is what the reader sees: quotes belong to it unless they
    /// enclose the whole name (RFC 5322 §3.2.4).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
            Some((name, address)) => (name.trim(), address),
            None => ("", text),
        };
        let name = unquoted(name).unwrap_or_else(|| name.to_owned());
        let address = Address::parse(address).ok()?;
        (!name.chars().any(is_hidden) && name.len() <= MAX_NAME).then(|| Self { name, address: address.expose() })
    }

    /// Parses the setting `field` of a campaign file.
    ///
    /// # Errors
    /// The message for its author, if it is no sender, or holds a tag: all recipients see the same sender.
    pub fn parse_setting(field: &'static str, text: &str) -> Result<Self, Message> {
        let tag = || {
            let ours = ["{{", "{%", "{#"].iter().find_map(|open| text.find(open)).map(|at| text[at..].to_owned());
            ours.or_else(|| foreign_tag::find(text, &[]).into_iter().next().map(|tag| tag.text))
        };
        if let Some(tag) = tag() {
            return Err(Message::new("campaign-sender-tag").with("field", field).with("tag", tag));
        }
        Self::parse(text).ok_or_else(|| Message::new("campaign-sender").with("field", field).with("text", text))
    }

    /// The sender as a campaign file has it: `Name <address>`, or the address without a name.
    pub fn to_setting(&self) -> String {
        if self.name.is_empty() { self.address.clone() } else { format!("{} <{}>", self.name, self.address) }
    }

    /// The address.
    ///
    /// # Errors
    /// Invalid if an earlier version, whose rules were laxer, accepted and stored the sender.
    pub fn mailbox(&self) -> Result<Address> {
        Address::parse(&self.address).map_err(|_| Message::new("campaign-sender-invalid").invalid_field("from"))
    }
}

/// The content of a quoted string; `None` for a text that is not one as a whole.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"').filter(|rest| !rest.is_empty())?.strip_suffix('"')?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => out.push(chars.next()?),
            c => out.push(c),
        }
    }
    Some(out.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_they_are_typed() {
        for (typed, name) in [
            ("Shop", "Shop"),
            ("\"Shop\"", "Shop"),
            ("ООО \"Ромашка\"", "ООО \"Ромашка\""),
            ("\"Best\" Shop", "\"Best\" Shop"),
            ("\"Best\" \"Shop\"", "\"Best\" \"Shop\""),
            ("Shop \"A\", Inc.", "Shop \"A\", Inc."),
            ("Müller (GmbH), \"Shop\"", "Müller (GmbH), \"Shop\""),
            ("\"Kock, Arne \\\"A\\\"\"", "Kock, Arne \"A\""),
            ("\"A \\\\ B\"", "A \\ B"),
            ("A \\ B", "A \\ B"),
            ("\"", "\""),
            ("5\" pipes", "5\" pipes"),
            ("O'Neil & <Sons>", "O'Neil & <Sons>"),
            ("", ""),
        ] {
            let sender = Sender::parse(&format!("{typed} <news@example.org>")).expect(typed);
            assert_eq!((sender.name.as_str(), sender.address.as_str()), (name, "news@example.org"), "{typed}");
        }
        assert_eq!(Sender::parse("news@example.org").expect("an address").name, "");
    }

    #[test]
    fn tags_are_refused() {
        for (text, tag) in [
            ("{{ first_name }} at Shop <a@example.org>", "{{ first_name }} at Shop <a@example.org>"),
            ("*|FNAME|* <a@example.org>", "*|FNAME|*"),
            ("Shop <{{ manager }}>", "{{ manager }}>"),
            ("%%name%% <a@example.org>", "%%name%%"),
        ] {
            let refused = Sender::parse_setting("from", text).expect_err(text);
            assert_eq!((refused.key, refused.text("tag")), ("campaign-sender-tag", tag), "{text}");
        }
        assert!(Sender::parse_setting("from", "Shop 100% <a@example.org>").is_ok());
    }
}
