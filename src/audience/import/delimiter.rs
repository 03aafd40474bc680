//! Detects the delimiter between the cells of a file: from a first line `sep=;`, else from the header, which is the first
//! line with a name that means an address, else from the first line that has any.

use super::column_names::{address_rank, clean, is_like_address};
use crate::audience::address::is_blank;
use crate::infra::error::{Message, Result};

crate::text_enum! {
    /// A delimiter of cells.
    Delimiter {
        /// `,`
        Comma = "comma",
        /// `;`
        Semicolon = "semicolon",
        /// A tabulator.
        Tab = "tab",
        /// `|`
        Pipe = "pipe",
    }
}

impl Delimiter {
    /// The byte in the file.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }

    /// A delimiter as typed: the sign, `\\t`, or its word.
    pub fn parse(text: &str) -> Result<Self> {
        let mut chars = text.chars();
        match (text, chars.next(), chars.next()) {
            ("\\t", ..) => Ok(Self::Tab),
            (_, Some(sign), None) => Self::of_char(sign)
                .ok_or_else(|| Message::new("import-separator").with("separator", sign).invalid_field("delimiter")),
            _ => text.parse(),
        }
    }

    fn of_char(c: char) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| char::from(one.byte()) == c)
    }
}

/// Lines in which a header is searched; titles may stand above it.
pub const MAX_TITLE_LINES: usize = 20;

/// The delimiter of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// The delimiter.
    pub delimiter: Delimiter,
    /// Length of a first line that only names it; 0 without one.
    pub length: usize,
}

/// Detects the delimiter, unless the user has named it.
///
/// # Errors
///
/// `Invalid` for a first line that names a delimiter which is not read.
pub fn detect(text: &[u8], given: Option<Delimiter>) -> Result<Detected> {
    if let Some((named, length)) = named_by_first_line(text) {
        if let Some(delimiter) = given {
            return Ok(Detected { delimiter, length });
        }
        let delimiter = Delimiter::of_char(named)
            .ok_or_else(|| Message::new("import-separator").with("separator", named).invalid())?;
        return Ok(Detected { delimiter, length });
    }
    let delimiter = given.or_else(|| header_delimiter(text)).unwrap_or_else(|| most_frequent(text));
    Ok(Detected { delimiter, length: 0 })
}

/// The delimiter that a first line `sep=;` names, in any of its spellings (`"sep=;"`, `SEP=;`, `sep=;;`, `sep=\t`), and
/// the length of that line with its end.
fn named_by_first_line(text: &[u8]) -> Option<(char, usize)> {
    let end = memchr::memchr2(b'\n', b'\r', text)?;
    let line = std::str::from_utf8(&text[..end]).ok()?;
    let line = line.trim_start_matches(|c: char| is_blank(c) || c == '"');
    let named = line.get(..4).filter(|word| word.eq_ignore_ascii_case("sep="))?.len();
    let rest = &line[named..];
    let (separator, rest) = match rest.strip_prefix("\\t") {
        Some(rest) => ('\t', rest),
        None => (rest.chars().next()?, &rest[rest.chars().next()?.len_utf8()..]),
    };
    let is_filling = |c: char| is_blank(c) || c == '"' || c == separator || Delimiter::of_char(c).is_some();
    if !rest.chars().all(is_filling) || separator.is_alphanumeric() {
        return None;
    }
    let crlf = text[end..].starts_with(b"\r\n");
    Some((separator, end + if crlf { 2 } else { 1 }))
}

/// The delimiter that splits one of the first lines so that a cell is a name of addresses.
fn header_delimiter(text: &[u8]) -> Option<Delimiter> {
    let lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty());
    lines.take(MAX_TITLE_LINES).find_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let counts = counts(line.as_bytes());
        let splits = |delimiter: &Delimiter| {
            let mut names = line.split(char::from(delimiter.byte()));
            names.any(|name| {
                let name = clean(name.trim_matches('"'));
                address_rank(&name).is_some() || is_like_address(&name) && !name.contains(['@', ',', ';', '\t', '|'])
            })
        };
        best(counts.map(|(delimiter, count)| (delimiter, if splits(&delimiter) { count } else { 0 })))
    })
}

/// The delimiter that is most frequent in the first line that has any.
fn most_frequent(text: &[u8]) -> Delimiter {
    let mut from = 0;
    for (at, byte) in text.iter().enumerate().chain([(text.len(), &b'\n')]) {
        if matches!(byte, b'\n' | b'\r') {
            let line = &text[from..at];
            if line.iter().filter(|byte| **byte == b'"').count() % 2 == 0 {
                if let Some(best) = best(counts(line)) {
                    return best;
                }
                from = at;
            }
        }
    }
    Delimiter::Comma
}

/// How often each delimiter stands outside quotes.
fn counts(line: &[u8]) -> [(Delimiter, u32); 4] {
    let all = [Delimiter::Comma, Delimiter::Semicolon, Delimiter::Tab, Delimiter::Pipe];
    let mut counts = all.map(|delimiter| (delimiter, 0));
    let mut quoted = false;
    for byte in line {
        quoted ^= *byte == b'"';
        if !quoted {
            counts.iter_mut().for_each(|(delimiter, count)| *count += u32::from(delimiter.byte() == *byte));
        }
    }
    counts
}

/// Of two equally frequent ones the later wins: it is rarer inside texts.
fn best(counts: [(Delimiter, u32); 4]) -> Option<Delimiter> {
    counts.into_iter().filter(|(_, count)| *count > 0).max_by_key(|(_, count)| *count).map(|(delimiter, _)| delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_detected_from_the_header() {
        use Delimiter::{Comma, Pipe, Semicolon, Tab};
        for (text, delimiter, length) in [
            ("\"a,b,c\";d\n1,2,3;4", Semicolon, 0),
            ("a\tb;c\td\n1;2;3;4;5", Tab, 0),
            ("\r\na,b\n1;2;3", Comma, 0),
            ("email\na@b.cd;Anna\n", Semicolon, 0),
            ("email\n", Comma, 0),
            ("email|name\na@b.cd|Anna, Maria, Eva\n", Pipe, 0),
            ("Report, made on Monday, 5 May\n\nemail;name\n", Semicolon, 0),
            ("sep=;\r\na;b,c,d,e", Semicolon, 7),
            ("sep=\t\na\tb", Tab, 6),
            ("\"sep=;\"\na;b", Semicolon, 8),
            ("SEP=;\na,b", Semicolon, 6),
            ("sep=;;\na,b", Semicolon, 7),
            ("\u{feff}Sep=|\ra,b", Pipe, 9),
            ("sep=\\t\na,b", Tab, 7),
            ("sep=;", Semicolon, 0),
        ] {
            assert_eq!(detect(text.as_bytes(), None).expect(text), Detected { delimiter, length }, "{text:?}");
        }
        let named = detect(b"sep=;\na,b;c", Some(Comma)).expect("named");
        assert_eq!(named, Detected { delimiter: Comma, length: 6 });
        for (text, delimiter) in
            [(";", Semicolon), ("\\t", Tab), ("\t", Tab), ("pipe", Pipe), ("|", Pipe), ("tab", Tab)]
        {
            assert_eq!(Delimiter::parse(text).expect(text), delimiter);
        }
        assert!(Delimiter::parse("^").is_err() && Delimiter::parse("").is_err() && Delimiter::parse(";;").is_err());
        let refused = detect(b"sep=^\na^b\n", None).expect_err("not read").message();
        assert_eq!((refused.key, refused.text("separator")), ("import-separator", "^"));
    }
}
