//! Writes a message body in quoted-printable (RFC 2045 §6.7), piece by piece.
//!
//! A piece is what a template writes in one go: the text between two tags, or the value of one tag. Each piece begins
//! and ends on lines of its own: a piece that does not end with a line break is closed by a soft line break. So the
//! encoding of a piece does not depend on the pieces beside it, and pieces that all messages share are encoded once
//! (`content::encoded_parts`).

use std::borrow::Cow;

/// Columns of a line, without its end (RFC 2045 §6.7, rule 5).
const COLUMNS: usize = 76;

/// Appends a body to bytes that may already hold the header.
#[derive(Debug)]
pub struct BodyWriter<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    blank_lines: Option<BlankLines>,
    length: usize,
}

impl<'o> BodyWriter<'o> {
    /// A body whose text is written as it is.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start, blank_lines: None, length: 0 }
    }

    /// A plain-text body whose runs of blank lines are collapsed. `before` is the state at its beginning.
    pub fn collapsing(out: &'o mut Vec<u8>, before: BlankLines) -> Self {
        Self { blank_lines: Some(before), ..Self::new(out) }
    }

    /// Bytes written so far, counted before they were encoded.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The line breaks that the text ends with so far.
    pub fn blank_lines(&self) -> BlankLines {
        self.blank_lines.unwrap_or_default()
    }

    /// Encodes and appends a piece.
    pub fn push(&mut self, text: &str) {
        self.length += text.len();
        let text = match &mut self.blank_lines {
            Some(blank_lines) => blank_lines.collapse(text),
            None => Cow::Borrowed(text),
        };
        encode(self.out, &text);
    }

    /// Makes room for pieces that were encoded before. Returns the buffer to append them to, and how many of their
    /// leading line breaks must be left out.
    pub fn push_encoded(&mut self, length: usize, breaks: EdgeBreaks) -> (&mut Vec<u8>, usize) {
        self.length += length;
        let dropped = self.blank_lines.as_mut().map_or(0, |blank_lines| blank_lines.pass(breaks));
        (self.out, dropped)
    }

    /// Ends the body with exactly one line break.
    pub fn finish(self) {
        while self.out.len() > self.start && self.out.ends_with(b"\r\n") {
            let is_soft = self.out.ends_with(b"=\r\n");
            self.out.truncate(self.out.len() - 2 - usize::from(is_soft));
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

/// The line breaks at the two ends of encoded pieces, each counted up to two.
#[derive(Debug, Clone, Copy)]
pub struct EdgeBreaks {
    /// At the beginning.
    pub leading: usize,
    /// At the end; `None` if the pieces hold nothing but line breaks.
    pub trailing: Option<usize>,
}

/// Collapses blank lines of plain text: at most one in a row, none at the beginning. A condition that is false would
/// leave several. The number is that of the line breaks at the end of the text so far, counted up to two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlankLines(pub usize);

impl Default for BlankLines {
    /// The beginning of a text.
    fn default() -> Self {
        Self(2)
    }
}

impl BlankLines {
    /// The piece without the line breaks that are too many at this place.
    pub fn collapse<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if !text.contains('\n') {
            self.0 = if text.is_empty() { self.0 } else { 0 };
            return Cow::Borrowed(text);
        }
        let is_kept = |c: &char| {
            let fits = *c != '\n' || self.0 < 2;
            self.0 = if *c == '\n' { (self.0 + 1).min(2) } else { 0 };
            fits
        };
        Cow::Owned(text.chars().filter(is_kept).collect())
    }

    /// Takes note of encoded pieces. Returns how many of their leading line breaks are too many.
    fn pass(&mut self, breaks: EdgeBreaks) -> usize {
        let kept = breaks.leading.min(2 - self.0);
        self.0 = breaks.trailing.unwrap_or(self.0 + kept);
        breaks.leading - kept
    }
}

/// Encodes a piece. A dot or `From ` at the beginning of a line is encoded as well, so that no server on the way can
/// take it for the end of the message or for the beginning of another; so is a space or tab at the end of a line.
fn encode(out: &mut Vec<u8>, piece: &str) {
    let mut lines = piece.split('\n').peekable();
    while let Some(line) = lines.next() {
        match lines.peek() {
            Some(_) => {
                encode_line(out, line.strip_suffix('\r').unwrap_or(line).as_bytes(), 0);
                out.extend_from_slice(b"\r\n");
            }
            None if line.is_empty() => {}
            None => {
                encode_line(out, line.as_bytes(), 1);
                out.extend_from_slice(b"=\r\n");
            }
        }
    }
}

/// The encoding of one byte, and how many columns it takes.
type EncodedByte = ([u8; 3], usize);

/// `=XX` for every byte.
const QUOTED: [EncodedByte; 256] = {
    let hex = b"0123456789ABCDEF";
    let mut quoted = [([0; 3], 3); 256];
    let mut byte = 0;
    while byte < 256 {
        quoted[byte].0 = [b'=', hex[byte >> 4], hex[byte & 15]];
        byte += 1;
    }
    quoted
};

/// The same, with printable ASCII and tab as they are.
const ENCODED: [EncodedByte; 256] = {
    let mut encoded = QUOTED;
    let mut byte = 0x20;
    while byte < 0x7f {
        if byte != b'=' {
            encoded[byte as usize] = ([byte, 0, 0], 1);
        }
        byte += 1;
    }
    encoded[b'\t' as usize] = ([b'\t', 0, 0], 1);
    encoded
};

/// Encodes the byte `line[at]`, which comes to stand at this column.
fn encode_byte(line: &[u8], at: usize, column: usize) -> EncodedByte {
    let byte = line[at];
    let is_quoted = match byte {
        b' ' | b'\t' => at + 1 == line.len(),
        b'.' => column == 0,
        b'F' => column == 0 && line[at..].starts_with(b"From "),
        _ => false,
    };
    if is_quoted { QUOTED[usize::from(byte)] } else { ENCODED[usize::from(byte)] }
}

/// Appends a line without its end, for which `reserved` columns are kept free.
fn encode_line(out: &mut Vec<u8>, line: &[u8], reserved: usize) {
    let mut row = [0; COLUMNS + 2];
    let mut column = 0;
    for at in 0..line.len() {
        let free = if at + 1 == line.len() { reserved } else { 1 };
        let (mut bytes, mut width) = encode_byte(line, at, column);
        if column + width + free > COLUMNS {
            row[column] = b'=';
            out.extend_from_slice(&row[..=column]);
            out.extend_from_slice(b"\r\n");
            column = 0;
            // The byte now begins a line, where a dot or `From ` must be encoded.
            (bytes, width) = encode_byte(line, at, column);
        }
        row[column..column + 3].copy_from_slice(&bytes);
        column += width;
    }
    out.extend_from_slice(&row[..column]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(pieces: &[&str]) -> String {
        let mut out = Vec::new();
        let mut body = BodyWriter::new(&mut out);
        pieces.iter().for_each(|piece| body.push(piece));
        body.finish();
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn body_is_encoded_by_rfc_2045() {
        for (text, quoted) in [
            ("a = b\n", "a =3D b\r\n"),
            ("end \nx\t\n\n", "end=20\r\nx=09\r\n"),
            (".\nMAIL FROM:<x>\n.", "=2E\r\nMAIL FROM:<x>\r\n=2E\r\n"),
            ("From me", "=46rom me\r\n"),
            ("я", "=D1=8F\r\n"),
            ("a\r\nb\rc", "a\r\nb=0Dc\r\n"),
            ("", "\r\n"),
        ] {
            assert_eq!(body(&[text]), quoted, "{text:?}");
        }
        for length in 60..240 {
            let line = format!("{}.{}From .", "x".repeat(length / 2), ".".repeat(length / 2));
            let quoted = body(&[&line]);
            assert!(quoted.lines().all(|line| line.len() <= COLUMNS), "{quoted}");
            assert!(quoted.lines().all(|line| !line.starts_with(['.']) && !line.starts_with("From ")), "{quoted}");
            assert_eq!(quoted.trim_end().replace("=\r\n", "").replace("=2E", ".").replace("=46", "F"), line);
        }
    }

    #[test]
    fn piece_encodes_alike_in_any_place() {
        assert_eq!(body(&["Hi ", "Анна", "", ",\n", ".b", "\n\n", "c\n"]), {
            "Hi=20=\r\n=D0=90=D0=BD=D0=BD=D0=B0=\r\n,\r\n=2Eb=\r\n\r\n\r\nc\r\n"
        });
        assert_eq!(body(&["a\n", "b", "\n"]), "a\r\nb\r\n");
        let line = "x".repeat(76);
        assert_eq!(body(&[&line, "y"]), format!("{}=\r\nx=\r\ny\r\n", &line[1..]));
    }

    #[test]
    fn blank_lines_collapse_across_pieces() {
        let mut blank_lines = BlankLines::default();
        let collapsed: Vec<_> =
            ["\n\na\n", "\n", "", "\n\nb", "\n \n", "\n\n\nc"].map(|piece| blank_lines.collapse(piece)).into();
        assert_eq!(collapsed.concat(), "a\n\nb\n \n\nc");
    }
}
