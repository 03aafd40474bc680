//! A body in quoted-printable (RFC 2045 §6.7), written piece by piece. A piece is what a template
//! writes in one go: the text between two tags, or the value of one. Each piece owns its lines: what
//! does not end with a line end closes with a soft break. So a piece has the same bytes wherever it
//! stands, and those that are the same for every reader are encoded once ([`crate::content::run`]).

use std::borrow::Cow;

use crate::content::encoded_parts::run::{Run, Tokens};

const COLUMNS: usize = 76;

/// A body under construction, behind what `out` holds already.
#[derive(Debug)]
pub struct Body<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    gaps: Option<Gaps>,
    length: usize,
}

impl<'o> Body<'o> {
    /// A body whose text is taken as it comes.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start, gaps: None, length: 0 }
    }

    /// A body of plain text, whose gaps are joined as [`Gaps`] says.
    pub fn joining(out: &'o mut Vec<u8>, gaps: Gaps) -> Self {
        Self { gaps: Some(gaps), ..Self::new(out) }
    }

    /// Bytes that were written, counted before they were encoded.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How the text ends so far.
    pub fn gaps(&self) -> Gaps {
        self.gaps.unwrap_or_default()
    }

    /// Writes a piece.
    pub fn piece(&mut self, text: &str) {
        self.length += text.len();
        let text = match &mut self.gaps {
            Some(gaps) => gaps.join(text),
            None => Cow::Borrowed(text),
        };
        quote(self.out, &text);
    }

    /// Writes pieces that were encoded before.
    pub fn run(&mut self, run: &Run, tokens: &Tokens) {
        self.length += run.length();
        let dropped = self.gaps.as_mut().map_or(0, |gaps| gaps.pass(run));
        run.write(self.out, tokens, dropped);
    }

    /// Ends the last line. Line ends at the end of a text are no part of it.
    pub fn finish(self) {
        while self.out.len() > self.start && self.out.ends_with(b"\r\n") {
            let soft = self.out.ends_with(b"=\r\n");
            self.out.truncate(self.out.len() - 2 - usize::from(soft));
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

/// What a false condition leaves behind in plain text are empty lines; one is enough, and none at
/// the beginning. Counts the line ends that the text ends with, up to two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gaps(pub usize);

impl Default for Gaps {
    /// The beginning of a text.
    fn default() -> Self {
        Self(2)
    }
}

impl Gaps {
    /// The piece without the line ends that are too many here.
    pub fn join<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if !text.contains('\n') {
            self.0 = if text.is_empty() { self.0 } else { 0 };
            return Cow::Borrowed(text);
        }
        let keep = |c: &char| {
            let fits = *c != '\n' || self.0 < 2;
            self.0 = if *c == '\n' { (self.0 + 1).min(2) } else { 0 };
            fits
        };
        Cow::Owned(text.chars().filter(keep).collect())
    }

    /// The same for a run: how many of its line ends are too many. They stand at its beginning.
    fn pass(&mut self, run: &Run) -> usize {
        let kept = run.lead().min(2 - self.0);
        self.0 = run.tail().unwrap_or(self.0 + kept);
        run.lead() - kept
    }
}

/// Appends a piece. A dot or `From ` at the beginning of a line is encoded as well, so that no server
/// on the way can take it for the end of a message or of another, and so is a space at the end.
fn quote(out: &mut Vec<u8>, piece: &str) {
    let mut lines = piece.split('\n').peekable();
    while let Some(line) = lines.next() {
        match lines.peek() {
            Some(_) => {
                quote_line(out, line.strip_suffix('\r').unwrap_or(line).as_bytes(), 0);
                out.extend_from_slice(b"\r\n");
            }
            None if line.is_empty() => {}
            None => {
                quote_line(out, line.as_bytes(), 1);
                out.extend_from_slice(b"=\r\n");
            }
        }
    }
}

/// What stands for a byte, and in how many columns.
type Code = ([u8; 3], usize);

/// `=XX` of every byte.
const QUOTED: [Code; 256] = {
    let hex = b"0123456789ABCDEF";
    let mut quoted = [([0; 3], 3); 256];
    let mut byte = 0;
    while byte < 256 {
        quoted[byte].0 = [b'=', hex[byte >> 4], hex[byte & 15]];
        byte += 1;
    }
    quoted
};

/// The same where bytes that can stand for themselves do.
const CODES: [Code; 256] = {
    let mut codes = QUOTED;
    let mut byte = 0x20;
    while byte < 0x7f {
        if byte != b'=' {
            codes[byte as usize] = ([byte, 0, 0], 1);
        }
        byte += 1;
    }
    codes[b'\t' as usize] = ([b'\t', 0, 0], 1);
    codes
};

/// What stands for a byte of a line at this column.
fn code(line: &[u8], at: usize, column: usize) -> Code {
    let byte = line[at];
    let is_quoted = match byte {
        b' ' | b'\t' => at + 1 == line.len(),
        b'.' => column == 0,
        b'F' => column == 0 && line[at..].starts_with(b"From "),
        _ => false,
    };
    if is_quoted { QUOTED[usize::from(byte)] } else { CODES[usize::from(byte)] }
}

/// Appends a line without its end, for which `sign` columns are kept free.
fn quote_line(out: &mut Vec<u8>, line: &[u8], sign: usize) {
    let mut row = [0; COLUMNS + 2];
    let mut column = 0;
    for at in 0..line.len() {
        let free = if at + 1 == line.len() { sign } else { 1 };
        let (mut text, mut width) = code(line, at, column);
        if column + width + free > COLUMNS {
            row[column] = b'=';
            out.extend_from_slice(&row[..=column]);
            out.extend_from_slice(b"\r\n");
            column = 0;
            // What a break has brought to the beginning of a line is looked at again.
            (text, width) = code(line, at, column);
        }
        row[column..column + 3].copy_from_slice(&text);
        column += width;
    }
    out.extend_from_slice(&row[..column]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(pieces: &[&str]) -> String {
        let mut out = Vec::new();
        let mut body = Body::new(&mut out);
        pieces.iter().for_each(|piece| body.piece(piece));
        body.finish();
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn bodies_are_quoted_by_the_rules() {
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
    fn a_piece_owns_its_lines() {
        assert_eq!(body(&["Hi ", "Анна", "", ",\n", ".b", "\n\n", "c\n"]), {
            "Hi=20=\r\n=D0=90=D0=BD=D0=BD=D0=B0=\r\n,\r\n=2Eb=\r\n\r\n\r\nc\r\n"
        });
        assert_eq!(body(&["a\n", "b", "\n"]), "a\r\nb\r\n");
        let line = "x".repeat(76);
        assert_eq!(body(&[&line, "y"]), format!("{}=\r\nx=\r\ny\r\n", &line[1..]));
    }

    #[test]
    fn gaps_are_joined_over_pieces() {
        let mut gaps = Gaps::default();
        let joined: Vec<_> = ["\n\na\n", "\n", "", "\n\nb", "\n \n", "\n\n\nc"].map(|piece| gaps.join(piece)).into();
        assert_eq!(joined.concat(), "a\n\nb\n \n\nc");
    }
}
