//! Detects the delimiter between the cells of a file from its first line.

crate::text_enum! {
    /// A delimiter of cells.
    Delimiter {
        /// `,`
        Comma = "comma",
        /// `;`
        Semicolon = "semicolon",
        /// A tabulator.
        Tab = "tab",
    }
}

impl Delimiter {
    /// The byte in the file.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }
}

/// Returns the delimiter, and the length of a first line `sep=;` that only names it (0 without one).
pub fn detect(text: &[u8]) -> (Delimiter, usize) {
    if let Some([byte, rest @ ..]) = text.strip_prefix(b"sep=") {
        let named = Delimiter::ALL.iter().find(|delimiter| delimiter.byte() == *byte);
        let end = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
        if let Some(delimiter) = named.filter(|_| end > 0) {
            return (*delimiter, 5 + end);
        }
    }
    let mut quoted = false;
    let mut counts = [0; 3];
    for byte in text {
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'\n' | b'\r' if counts != [0; 3] => break,
            _ => {
                Delimiter::ALL.iter().zip(&mut counts).for_each(|(one, count)| *count += u32::from(one.byte() == *byte))
            }
        }
    }
    // Of two equally frequent ones the later wins: it is rarer inside texts.
    let best = Delimiter::ALL.iter().zip(counts).max_by_key(|(_, count)| *count);
    (best.filter(|(_, count)| *count > 0).map_or(Delimiter::Comma, |(delimiter, _)| *delimiter), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_detected_from_the_header() {
        use Delimiter::{Comma, Semicolon, Tab};
        for (text, delimiter, lead) in [
            ("\"a,b,c\";d\n1,2,3;4", Semicolon, 0),
            ("a\tb;c\td\n1;2;3;4;5", Tab, 0),
            ("\r\na,b\n1;2;3", Comma, 0),
            ("email\na@b.cd;Anna\n", Semicolon, 0),
            ("email\n", Comma, 0),
            ("sep=;\r\na;b,c,d,e", Semicolon, 7),
            ("sep=\t\na\tb", Tab, 6),
            ("sep=;", Semicolon, 0),
        ] {
            assert_eq!(detect(text.as_bytes()), (delimiter, lead), "{text:?}");
        }
    }
}
