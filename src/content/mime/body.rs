//! A message body that is written piece by piece, in quoted-printable or in base64.
//!
//! A piece is what a template writes in one go: the text between two tags, or the value of one tag. In quoted-printable
//! each piece stands on lines of its own; in base64 the pieces are one text. Either way the same pieces give the same
//! bytes, whether they are encoded now or were encoded before.

use std::borrow::Cow;

use super::base64_lines::{self, Base64Lines};
use super::quoted_printable;

crate::text_enum! {
    /// A content transfer encoding, by its name in the header (RFC 2045 §6.1).
    TransferEncoding {
        /// Printable ASCII stands as it is; every other byte takes three.
        QuotedPrintable = "quoted-printable",
        /// Three bytes take four.
        Base64 = "base64",
    }
}

impl TransferEncoding {
    /// The encoding in which these texts take fewer bytes.
    pub fn shorter<'t>(texts: impl Iterator<Item = &'t str> + Clone) -> Self {
        let quoted: usize = texts.clone().map(quoted_printable::weight).sum();
        let base64: usize = texts.map(base64_lines::weight).sum();
        if base64 < quoted { Self::Base64 } else { Self::QuotedPrintable }
    }
}

/// The encodings of the two bodies of an email.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyEncodings {
    /// Of the HTML.
    pub html: TransferEncoding,
    /// Of the plain text.
    pub text: TransferEncoding,
}

impl Default for BodyEncodings {
    fn default() -> Self {
        Self { html: TransferEncoding::QuotedPrintable, text: TransferEncoding::QuotedPrintable }
    }
}

/// Appends a body to bytes that may already hold the header.
#[derive(Debug)]
pub struct BodyWriter<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    blank_lines: Option<BlankLines>,
    length: usize,
    /// `None` in quoted-printable.
    base64: Option<Base64Lines>,
}

impl<'o> BodyWriter<'o> {
    /// A body whose text is written as it is.
    pub fn new(out: &'o mut Vec<u8>, encoding: TransferEncoding) -> Self {
        let start = out.len();
        let base64 = (encoding == TransferEncoding::Base64).then(Base64Lines::default);
        Self { out, start, blank_lines: None, length: 0, base64 }
    }

    /// A plain-text body whose runs of blank lines are collapsed. `before` is the state at its beginning.
    pub fn collapsing(out: &'o mut Vec<u8>, encoding: TransferEncoding, before: BlankLines) -> Self {
        Self { blank_lines: Some(before), ..Self::new(out, encoding) }
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
        match &mut self.base64 {
            Some(lines) => lines.push_text(self.out, &text),
            None => quoted_printable::encode(self.out, &text),
        }
    }

    /// Makes room for pieces that were encoded before. Returns the buffer to append them to, the state of its base64
    /// lines, and how many of the pieces' leading line breaks must be left out.
    pub fn push_encoded(
        &mut self,
        length: usize,
        breaks: EdgeBreaks,
    ) -> (&mut Vec<u8>, Option<&mut Base64Lines>, usize) {
        self.length += length;
        let dropped = self.blank_lines.as_mut().map_or(0, |blank_lines| blank_lines.pass(breaks));
        (self.out, self.base64.as_mut(), dropped)
    }

    /// Ends the body with exactly one line break.
    pub fn finish(self) {
        match self.base64 {
            Some(lines) => lines.finish(self.out),
            None => quoted_printable::finish(self.out, self.start),
        }
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

#[cfg(test)]
mod tests {
    use mail_parser::decoders::base64::base64_decode;
    use mail_parser::decoders::quoted_printable::quoted_printable_decode;
    use proptest::prelude::*;

    use super::*;

    fn written(pieces: &[String], encoding: TransferEncoding) -> Vec<u8> {
        let mut out = Vec::new();
        let mut body = BodyWriter::collapsing(&mut out, encoding, BlankLines::default());
        pieces.iter().for_each(|piece| body.push(piece));
        body.finish();
        out
    }

    proptest! {
        #[test]
        fn both_encodings_decode_to_the_same_text(pieces in prop::collection::vec("(?s)([ -~\n]|я|\r\n|\n\n){0,120}", 0..9)) {
            let quoted = written(&pieces, TransferEncoding::QuotedPrintable);
            let base64 = written(&pieces, TransferEncoding::Base64);
            // The last line break belongs to the boundary.
            let quoted = quoted.strip_suffix(b"\r\n").expect("a line break");
            prop_assert_eq!(quoted_printable_decode(quoted).unwrap_or_default(), base64_decode(&base64).unwrap_or_default());
        }
    }

    #[test]
    fn shorter_encoding_is_chosen() {
        let chosen = |text: &str| TransferEncoding::shorter([text].into_iter());
        assert_eq!(chosen("The autumn collection has arrived.\n"), TransferEncoding::QuotedPrintable);
        assert_eq!(chosen("Осенняя коллекция уже в магазине.\n"), TransferEncoding::Base64);
        assert_eq!(chosen("<p style=\"margin:0 0 16px\">Да</p>\n"), TransferEncoding::QuotedPrintable);
        assert_eq!(chosen(""), TransferEncoding::QuotedPrintable);
    }

    #[test]
    fn blank_lines_collapse_across_pieces() {
        let mut blank_lines = BlankLines::default();
        let collapsed: Vec<_> =
            ["\n\na\n", "\n", "", "\n\nb", "\n \n", "\n\n\nc"].map(|piece| blank_lines.collapse(piece)).into();
        assert_eq!(collapsed.concat(), "a\n\nb\n \n\nc");
    }
}
