//! Addresses: RFC 5321 mailboxes with the internationalised parts of RFC 6531. Parsed exactly and
//! never mended. `Debug` and `Display` print them masked; only [`Address::expose`] and
//! [`Address::envelope`] give the letters away.

use std::borrow::Cow;
use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// Why a text is not an address we can write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing there.
    Empty,
    /// CR, LF, NUL, another control character, or an invisible direction mark.
    Control,
    /// A name, brackets or quotes stand around it.
    Around,
    /// No `@`, or more than one outside quotes.
    Shape,
    /// The part before `@` breaks RFC 5321 §4.1.2 or is longer than 64 octets.
    Local,
    /// The part after `@` is no domain name, or is longer than 255 octets.
    Domain,
}

impl Fault {
    /// The word that stands in reports and reject files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "address-empty",
            Self::Control => "address-control",
            Self::Around => "address-around",
            Self::Shape => "address-shape",
            Self::Local => "address-local",
            Self::Domain => "address-domain",
        }
    }

    /// The key of the sentence that explains it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Empty => "invalid-address-empty",
            Self::Control => "invalid-address-control",
            Self::Around => "invalid-address-around",
            Self::Shape => "invalid-address-shape",
            Self::Local => "invalid-address-local",
            Self::Domain => "invalid-address-domain",
        }
    }
}

/// A mailbox that mail can be sent to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    local: String,
    spelled: String,
    domain: String,
}

impl Address {
    /// Parses a mailbox. Surrounding white space is dropped, the text is brought to NFC, and
    /// nothing else is changed.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim_matches([' ', '\t', '\u{a0}']);
        if text.is_empty() {
            return Err(Fault::Empty);
        }
        if has_hidden(text) {
            return Err(Fault::Control);
        }
        if text.ends_with(['>', '"', '\'', ')']) || text.starts_with('<') || text.starts_with("mailto:") {
            return Err(Fault::Around);
        }
        let text = composed(text);
        let (local, domain) = split(&text)?;
        if local.len() > 64 || !(is_dot_atom(local) || is_quoted(local)) {
            return Err(Fault::Local);
        }
        let ascii = to_ascii(domain).ok_or(Fault::Domain)?;
        if local.len() + 1 + ascii.len() > 254 {
            return Err(Fault::Domain);
        }
        Ok(Self { local: local.to_owned(), spelled: domain.to_owned(), domain: ascii })
    }

    /// The address as its owner spells it.
    pub fn expose(&self) -> String {
        format!("{}@{}", self.local, self.spelled)
    }

    /// The form for SMTP commands: the domain as A-label (RFC 6531 §3.2).
    pub fn envelope(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }

    /// The form that is matched: local part in lower case and without needless quotes, domain as
    /// lower-case A-label. Two spellings of one mailbox have one canonical form; now and then two
    /// mailboxes share it, which errs on the side of not writing.
    pub fn canonical(&self) -> String {
        let bare =
            self.local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|rest| is_dot_atom(rest));
        let local = bare.unwrap_or(&self.local).to_lowercase();
        format!("{}@{}", composed(&local), self.domain)
    }

    /// True when only a server with SMTPUTF8 can take it (RFC 6531): the local part is not ASCII.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// The domain as lower-case A-label.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The part before `@`.
    pub fn local(&self) -> &str {
        &self.local
    }
}

/// Masked: enough to recognise one's own address, too little to write to another's.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = |text: &str| text.chars().next().unwrap_or('*');
        let (spelled, _) = idna::domain_to_unicode(&self.spelled);
        let top = spelled.rsplit('.').next().unwrap_or_default();
        write!(f, "{}***@{}***.{top}", first(&self.local), first(&spelled))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Characters that never belong into a line of text: controls, line separators, direction marks,
/// zero-width characters and the byte order mark.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffd}' | '\u{61c}' | '\u{ad}')
}

fn has_hidden(text: &str) -> bool {
    if text.is_ascii() { text.bytes().any(|byte| byte.is_ascii_control()) } else { text.chars().any(is_hidden) }
}

/// The text in NFC; ASCII is that already.
fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { text.into() } else { text.nfc().collect() }
}

/// Splits at the `@` that stands outside quotes.
fn split(text: &str) -> Result<(&str, &str), Fault> {
    let at = text.rfind('@').ok_or(Fault::Shape)?;
    let (local, domain) = (&text[..at], &text[at + 1..]);
    if !local.starts_with('"') && local.contains('@') {
        return Err(Fault::Shape);
    }
    Ok((local, domain))
}

fn is_dot_atom(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_atext(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '!' | '#'..='\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^'..='`' | '{'..='~' => true,
        _ => !c.is_ascii() && !c.is_whitespace() && !is_hidden(c),
    }
}

fn is_quoted(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return false,
            '\\' if !chars.next().is_some_and(|c| c.is_ascii_graphic() || c == ' ') => return false,
            _ => {}
        }
    }
    local.len() > 2
}

/// A-label form under the strict rules of UTS 46; a name needs a dot unless it is `localhost`.
fn to_ascii(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let named =
        ascii.contains('.') && !ascii.ends_with('.') && !ascii.rsplit('.').next()?.chars().all(|c| c.is_ascii_digit());
    (named || ascii == "localhost").then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Address::parse(text).expect(text).canonical()
    }

    #[test]
    fn spellings_of_one_mailbox_have_one_canonical_form() {
        assert_eq!(canonical("Иван@ПОЧТА.РФ"), canonical("иван@xn--80a1acny.xn--p1ai"));
        assert_eq!(canonical("андрей@почта.рф"), canonical("андреи\u{306}@почта.рф"));
        assert_eq!(canonical("\"Anna\"@Example.org"), "anna@example.org");
        assert_eq!(canonical("  anna@example.org\t"), "anna@example.org");
        assert_ne!(canonical("anna+news@example.org"), canonical("anna@example.org"));
        assert_ne!(canonical("a@straße.de"), canonical("a@strasse.de"));
    }

    #[test]
    fn an_ascii_mailbox_at_a_cyrillic_domain_needs_no_extension() {
        let address = Address::parse("user@почта.рф").expect("parses");

        assert!(!address.needs_smtputf8());
        assert_eq!(address.envelope(), "user@xn--80a1acny.xn--p1ai");
        assert_eq!(address.expose(), "user@почта.рф");
        assert!(Address::parse("иван@почта.рф").expect("parses").needs_smtputf8());
    }

    #[test]
    fn quoted_local_parts_are_read_exactly() {
        let address = Address::parse("\"very.unusual@strange\"@example.org").expect("parses");

        assert_eq!(address.domain(), "example.org");
        assert_eq!(address.local(), "\"very.unusual@strange\"");
    }

    #[test]
    fn what_is_no_address_is_refused_by_reason() {
        let long = "a".repeat(65);
        for (text, fault) in [
            ("", Fault::Empty),
            ("anna", Fault::Shape),
            ("a@b@example.org", Fault::Shape),
            ("anna@example.org\r\nBcc: x@y.org", Fault::Control),
            ("anna\u{202e}@example.org", Fault::Control),
            ("an\0na@example.org", Fault::Control),
            (".anna@example.org", Fault::Local),
            ("an..na@example.org", Fault::Local),
            ("an na@example.org", Fault::Local),
            ("@example.org", Fault::Local),
            (&format!("{long}@example.org"), Fault::Local),
            ("anna@", Fault::Domain),
            ("anna@example", Fault::Domain),
            ("anna@exam_ple.org", Fault::Domain),
            ("anna@[127.0.0.1]", Fault::Domain),
            ("anna@127.0.0.1", Fault::Domain),
            ("anna@example.org.", Fault::Domain),
            ("<anna@example.org>", Fault::Around),
            ("Anna <anna@example.org>", Fault::Around),
            ("\"anna@example.org\"", Fault::Around),
            ("mailto:anna@example.org", Fault::Around),
        ] {
            assert_eq!(Address::parse(text).map(|a| a.expose()), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn printing_masks() {
        let address = Address::parse("иван.петров@почта.рф").expect("parses");

        assert_eq!(address.to_string(), "и***@п***.рф");
        assert_eq!(format!("{address:?}"), "и***@п***.рф");
        let ascii = Address::parse("иван@xn--80a1acny.xn--p1ai").expect("an address");
        assert_eq!(ascii.to_string(), "и***@п***.рф", "for people to read");
    }
}
