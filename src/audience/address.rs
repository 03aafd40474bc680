//! E-mail addresses: RFC 5321 mailboxes with the internationalised parts of RFC 6531. They are parsed strictly and
//! never corrected. `Debug` and `Display` print them masked; only [`Address::expose`] and [`Address::envelope`]
//! return the full address.

use std::borrow::Cow;
use std::fmt;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;

/// Why a text is not a valid address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// Empty.
    Empty,
    /// CR, LF, NUL, another control character, or an invisible character: with it one mailbox would look like another.
    Control,
    /// A name, brackets or quotes around the address.
    Wrapped,
    /// No `@`, or more than one outside quotes.
    Shape,
    /// The part before `@` breaks RFC 5321 §4.1.2 or is longer than 64 octets.
    Local,
    /// The part after `@` is no domain name, or is longer than 255 octets.
    Domain,
}

impl AddressError {
    /// The reason word of reports and reject files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "address-empty",
            Self::Control => "address-control",
            Self::Wrapped => "address-around",
            Self::Shape => "address-shape",
            Self::Local => "address-local",
            Self::Domain => "address-domain",
        }
    }

    /// The catalogue key of its explanation.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Empty => "invalid-address-empty",
            Self::Control => "invalid-address-control",
            Self::Wrapped => "invalid-address-around",
            Self::Shape => "invalid-address-shape",
            Self::Local => "invalid-address-local",
            Self::Domain => "invalid-address-domain",
        }
    }
}

/// A mailbox.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    local: String,
    /// The local part with as few quotes and backslashes as it can have, where that is another text.
    plain: Option<Box<str>>,
    spelled: String,
    domain: String,
}

impl Address {
    /// Parses a mailbox. Removes surrounding blanks ([`trim_blank`]) and normalises to NFC; changes nothing else.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = trim_blank(text);
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if has_invisible(text) {
            return Err(AddressError::Control);
        }
        if text.ends_with(['>', '"', '\'', ')']) || text.starts_with('<') || text.starts_with("mailto:") {
            return Err(AddressError::Wrapped);
        }
        let text = nfc(text);
        let (local, domain) = split(&text)?;
        if local.len() > 64 || !(is_dot_atom(local) || unquoted(local).is_some()) {
            return Err(AddressError::Local);
        }
        let ascii = to_ascii(domain).ok_or(AddressError::Domain)?;
        if local.len() + 1 + ascii.len() > 254 {
            return Err(AddressError::Domain);
        }
        Ok(Self { plain: plain(local), local: local.to_owned(), spelled: domain.to_owned(), domain: ascii })
    }

    /// The address of a stored row. Earlier versions accepted addresses that [`Address::parse`] refuses; they are kept,
    /// so that their owner can be found, shown and erased, and get no message.
    pub fn parse_stored(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| {
            let text = nfc(text);
            let (local, domain) = text.rsplit_once('@').unwrap_or((&text, ""));
            let ascii = to_ascii(domain).unwrap_or_else(|| domain.to_lowercase());
            Self { plain: plain(local), local: local.to_owned(), spelled: domain.to_owned(), domain: ascii }
        })
    }

    /// The full address as its owner spells it.
    pub fn expose(&self) -> String {
        format!("{}@{}", self.local, self.spelled)
    }

    /// The full address for SMTP commands: the domain as A-label (RFC 6531 §3.2).
    pub fn envelope(&self) -> String {
        format!("{}@{}", self.local(), self.domain)
    }

    /// The form by which addresses are compared: local part in lower case, quoted and escaped only where it must be
    /// (RFC 5321 §4.1.2: `"\anna"`, `"anna"` and `anna` are one mailbox), domain as lower-case A-label. All spellings of
    /// a mailbox have one canonical form. In rare cases two mailboxes share it; then one message too few is sent.
    pub fn canonical(&self) -> String {
        format!("{}@{}", nfc(&self.local().to_lowercase()), self.domain)
    }

    /// The canonical form of earlier versions, which kept the backslashes of a quoted local part; `None` where both are
    /// the same. Tombstones may have been set with it.
    pub fn earlier_canonical(&self) -> Option<String> {
        self.local.contains('\\').then(|| format!("{}@{}", nfc(&self.local.to_lowercase()), self.domain))
    }

    /// Whether only a server with SMTPUTF8 accepts it (RFC 6531): the local part is not ASCII.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// The domain as lower-case A-label.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The part before `@` as messages and envelopes have it: quoted and escaped only where it must be, since not every
    /// program reads a needless backslash.
    pub fn local(&self) -> &str {
        self.plain.as_deref().unwrap_or(&self.local)
    }
}

/// Prints the address masked: its owner recognises it, others cannot write to it.
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

/// Whether a character is invisible in a line of text: controls, line separators, direction marks, zero-width
/// characters and the byte order mark.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffd}' | '\u{61c}' | '\u{ad}')
}

/// Whether a character looks like nothing at the end of a text: white space, line breaks, zero-width characters,
/// direction marks and the byte order mark.
pub fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

/// The text without the blanks around it ([`is_blank`]).
pub fn trim_blank(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Whether a character of an address cannot be seen: [`is_hidden`], the other code points that Unicode ignores by
/// default (`Default_Ignorable_Code_Point`: joiners, fillers, variation selectors, tags), blank symbols, annotations and
/// noncharacters. Text may need them, a mailbox does not, and with them an address looks like that of someone else.
fn is_invisible(c: char) -> bool {
    is_hidden(c)
        || matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}')
        || matches!(c, '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}')
        || matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{fffc}' | '\u{1bca0}'..='\u{1bca3}')
        || matches!(c, '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

fn has_invisible(text: &str) -> bool {
    if text.is_ascii() { text.bytes().any(|byte| byte.is_ascii_control()) } else { text.chars().any(is_invisible) }
}

/// The text in NFC. ASCII is in NFC already.
fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { text.into() } else { text.nfc().collect() }
}

/// Splits at the `@` outside quotes.
fn split(text: &str) -> Result<(&str, &str), AddressError> {
    let at = text.rfind('@').ok_or(AddressError::Shape)?;
    let (local, domain) = (&text[..at], &text[at + 1..]);
    if !local.starts_with('"') && local.contains('@') {
        return Err(AddressError::Shape);
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

/// The content of a quoted local part without quotes and backslashes; `None` for one that is not quoted or not valid.
/// White space outside ASCII is refused in it: it looks like a space and is another mailbox.
fn unquoted(local: &str) -> Option<String> {
    let inner = local.strip_prefix('"')?.strip_suffix('"')?;
    let mut content = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        content.push(match c {
            '"' => return None,
            '\\' => chars.next().filter(|c| c.is_ascii_graphic() || *c == ' ')?,
            c if c != ' ' && c.is_whitespace() => return None,
            c => c,
        });
    }
    Some(content).filter(|content| !content.is_empty())
}

/// A quoted local part with as few quotes and backslashes as it can have; `None` if it has no more already.
fn plain(local: &str) -> Option<Box<str>> {
    let content = unquoted(local)?;
    let plain = match is_dot_atom(&content) {
        true => content,
        false => format!("\"{}\"", content.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    (plain != local).then(|| plain.into())
}

/// The A-label form by the strict rules of UTS 46, except that a label may have hyphens in its third and fourth place, as
/// names that exist have (`r4---sn.example.org`). A name needs a dot unless it is `localhost`.
fn to_ascii(domain: &str) -> Option<String> {
    let (list, hyphens, length) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), list, hyphens, length).ok()?.into_owned();
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
    fn all_spellings_of_a_mailbox_have_one_canonical_form() {
        assert_eq!(canonical("Иван@ПОЧТА.РФ"), canonical("иван@xn--80a1acny.xn--p1ai"));
        assert_eq!(canonical("андрей@почта.рф"), canonical("андреи\u{306}@почта.рф"));
        for anna in ["\"Anna\"@Example.org", r#""\anna"@example.org"#, r#""\A\n\n\a"@example.org"#] {
            assert_eq!(canonical(anna), "anna@example.org", "{anna}");
        }
        assert_eq!(canonical(r#""x\ t\wo\"\\"@example.org"#), r#""x two\"\\"@example.org"#);
        assert_eq!(canonical(r#""x two\"\\"@example.org"#), r#""x two\"\\"@example.org"#);
        assert_eq!(canonical(r#""a\.b"@example.org"#), "a.b@example.org");
        assert_ne!(canonical(r#""a..b"@example.org"#), canonical("a.b@example.org"));
        for (before, after) in [
            ("  ", "\t"),
            ("", "\u{200b}"),
            ("\u{feff}", "\u{202f}"),
            ("\u{202a}", "\u{202c}"),
            ("\u{200e}", "\r\n"),
            ("\u{3000}", "\u{a0}"),
        ] {
            assert_eq!(canonical(&format!("{before}anna@example.org{after}")), "anna@example.org");
        }
        for hyphens in ["ab--cd.de", "r4---sn.example.org"] {
            assert_eq!(canonical(&format!("x@{hyphens}")), format!("x@{hyphens}"));
        }
        assert_ne!(canonical("anna+news@example.org"), canonical("anna@example.org"));
        assert_ne!(canonical("a@straße.de"), canonical("a@strasse.de"));
    }

    #[test]
    fn an_ascii_local_part_at_a_cyrillic_domain_needs_no_smtputf8() {
        let address = Address::parse("user@почта.рф").expect("parses");

        assert!(!address.needs_smtputf8());
        assert_eq!(address.envelope(), "user@xn--80a1acny.xn--p1ai");
        assert_eq!(address.expose(), "user@почта.рф");
        assert!(Address::parse("иван@почта.рф").expect("parses").needs_smtputf8());
    }

    #[test]
    fn a_quoted_local_part_is_kept_exactly() {
        let address = Address::parse("\"very.unusual@strange\"@example.org").expect("parses");

        assert_eq!(address.domain(), "example.org");
        assert_eq!(address.local(), "\"very.unusual@strange\"");
        let escaped = Address::parse(r#""\A\<b"@Example.org"#).expect("parses");
        assert_eq!(
            (escaped.expose(), escaped.envelope()),
            (r#""\A\<b"@Example.org"#.into(), r#""A<b"@example.org"#.into())
        );
    }

    #[test]
    fn an_invalid_address_is_refused_with_its_reason() {
        let long = "a".repeat(65);
        for (text, error) in [
            ("", AddressError::Empty),
            ("anna", AddressError::Shape),
            ("a@b@example.org", AddressError::Shape),
            ("anna@example.org\r\nBcc: x@y.org", AddressError::Control),
            ("anna\u{202e}@example.org", AddressError::Control),
            ("an\0na@example.org", AddressError::Control),
            (".anna@example.org", AddressError::Local),
            ("an..na@example.org", AddressError::Local),
            ("an na@example.org", AddressError::Local),
            ("@example.org", AddressError::Local),
            (&format!("{long}@example.org"), AddressError::Local),
            ("anna@", AddressError::Domain),
            ("anna@example", AddressError::Domain),
            ("anna@exam_ple.org", AddressError::Domain),
            ("anna@-a.org", AddressError::Domain),
            ("anna@a-.org", AddressError::Domain),
            ("anna@xn--a.org", AddressError::Domain),
            ("anna@[127.0.0.1]", AddressError::Domain),
            ("anna@127.0.0.1", AddressError::Domain),
            ("anna@example.org.", AddressError::Domain),
            ("<anna@example.org>", AddressError::Wrapped),
            ("Anna <anna@example.org>", AddressError::Wrapped),
            ("\"anna@example.org\"", AddressError::Wrapped),
            ("mailto:anna@example.org", AddressError::Wrapped),
        ] {
            assert_eq!(Address::parse(text).map(|a| a.expose()), Err(error), "{text:?}");
        }
    }

    #[test]
    fn an_address_with_a_character_that_cannot_be_seen_is_refused() {
        for hidden in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2060}',
            '\u{2069}',
            '\u{206a}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fffc}',
            '\u{fffe}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0061}',
            '\u{e0100}',
            '\u{1fffe}',
        ] {
            for text in [format!("an{hidden}na@example.org"), format!("\"an{hidden}na\"@example.org")] {
                assert_eq!(Address::parse(&text).map(|a| a.expose()), Err(AddressError::Control), "{text:?}");
            }
        }
        for space in ['\u{a0}', '\u{2003}', '\u{3000}', '\u{1680}'] {
            for text in [format!("an{space}na@example.org"), format!("\"an{space}na\"@example.org")] {
                assert_eq!(Address::parse(&text).map(|a| a.expose()), Err(AddressError::Local), "{text:?}");
            }
        }
    }

    #[test]
    fn a_stored_address_of_an_earlier_version_is_read_whatever_it_is() {
        for (text, canonical) in [
            ("Anna@Example.org", "anna@example.org"),
            ("an\u{34f}na@Почта.рф", "an\u{34f}na@xn--80a1acny.xn--p1ai"),
            ("<anna@example.org>", "<anna@example.org>"),
            ("no at", "no at@"),
            ("", "@"),
        ] {
            let address = Address::parse_stored(text);
            assert_eq!(address.canonical(), canonical, "{text:?}");
            assert!(address.to_string().contains("***@"), "{address}");
        }
        let earlier = Address::parse(r#""\Anna"@example.org"#).expect("an address").earlier_canonical();
        assert_eq!(earlier.as_deref(), Some(r#""\anna"@example.org"#));
        assert_eq!(Address::parse("anna@example.org").expect("an address").earlier_canonical(), None);
    }

    #[test]
    fn an_address_prints_masked() {
        let address = Address::parse("иван.петров@почта.рф").expect("parses");

        assert_eq!(address.to_string(), "и***@п***.рф");
        assert_eq!(format!("{address:?}"), "и***@п***.рф");
        let ascii = Address::parse("иван@xn--80a1acny.xn--p1ai").expect("an address");
        assert_eq!(ascii.to_string(), "и***@п***.рф", "the readable form of the domain");
    }
}
