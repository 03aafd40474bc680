//! Writes a message body in base64 (RFC 2045 §6.8), piece by piece, in lines of 76 columns.
//!
//! Three bytes make a group of four characters, so what a piece becomes depends on how many bytes stand before it, modulo
//! three. Pieces that all messages share are encoded once for each of the three cases (`content::encoded_parts`); line
//! ends are put in while they are copied.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Columns of a line, without its end (RFC 2045 §6.8).
const COLUMNS: usize = 76;

/// Bytes that are encoded at a time, a multiple of three.
const BLOCK: usize = 192;

/// The state between two pieces.
#[derive(Debug, Default)]
pub struct Base64Lines {
    /// Bytes that make no group yet.
    rest: [u8; 2],
    rest_length: usize,
    /// Characters of the last line.
    column: usize,
    /// Line breaks at the end of the text, which are written when more text follows.
    breaks: usize,
}

impl Base64Lines {
    /// Appends text, with CR LF as its line ends.
    pub fn push_text(&mut self, out: &mut Vec<u8>, text: &str) {
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let is_ended = lines.peek().is_some();
            let line = if is_ended { line.strip_suffix('\r').unwrap_or(line) } else { line };
            if !line.is_empty() {
                self.write_breaks(out);
                self.push(out, line.as_bytes());
            }
            self.breaks += usize::from(is_ended);
        }
    }

    /// Appends line breaks.
    pub fn push_breaks(&mut self, count: usize) {
        self.breaks += count;
    }

    /// Writes the line breaks that were kept back. Returns how many bytes of the next group are there already: 0 to 2.
    pub fn write_breaks(&mut self, out: &mut Vec<u8>) -> usize {
        for _ in 0..std::mem::take(&mut self.breaks) {
            self.push(out, b"\r\n");
        }
        self.rest_length
    }

    /// Appends bytes.
    pub fn push(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        let mut bytes = bytes;
        if self.rest_length > 0 {
            let missing = (3 - self.rest_length).min(bytes.len());
            let mut group = [self.rest[0], self.rest[1], 0];
            group[self.rest_length..self.rest_length + missing].copy_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            self.rest_length += missing;
            if self.rest_length < 3 {
                self.rest = [group[0], group[1]];
                return;
            }
            self.rest_length = 0;
            self.push_encoded(out, &group);
        }
        let (groups, rest) = bytes.split_at(bytes.len() / 3 * 3);
        for block in groups.chunks(BLOCK) {
            self.push_encoded(out, block);
        }
        self.rest[..rest.len()].copy_from_slice(rest);
        self.rest_length = rest.len();
    }

    /// Encodes and appends at most [`BLOCK`] bytes.
    fn push_encoded(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        let mut characters = [0; BLOCK / 3 * 4];
        let length = encode(bytes, &mut characters);
        self.push_characters(out, &characters[..length]);
    }

    /// Appends characters that are encoded already: whole groups, while no bytes of another group are there. Returns the
    /// column at which they begin.
    pub fn push_characters(&mut self, out: &mut Vec<u8>, characters: &[u8]) -> usize {
        let column = self.column;
        let (first, others) = characters.split_at(characters.len().min(COLUMNS - column));
        out.extend_from_slice(first);
        self.column += first.len();
        let lines = others.chunks_exact(COLUMNS);
        let (start, last) = (out.len(), lines.remainder());
        out.resize(start + lines.len() * (COLUMNS + 2), 0);
        for (row, line) in out[start..].chunks_exact_mut(COLUMNS + 2).zip(lines) {
            row[..2].copy_from_slice(b"\r\n");
            row[2..].copy_from_slice(line);
            self.column = COLUMNS;
        }
        if !last.is_empty() {
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(last);
            self.column = last.len();
        }
        column
    }

    /// Ends the text, without its last line breaks. The line break that follows belongs to the boundary (RFC 2046
    /// §5.1.1), as in quoted-printable.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        if self.rest_length > 0 {
            let rest = self.rest;
            self.push_encoded(out, &rest[..self.rest_length]);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Encodes bytes and returns the number of characters. `characters` has room for them.
pub fn encode(bytes: &[u8], characters: &mut [u8]) -> usize {
    STANDARD.encode_slice(bytes, characters).expect("the caller makes room")
}

/// Overwrites characters of pieces that were appended at a column to `out`, which begins with them. `at` is their place
/// among those pieces, without line ends.
pub fn overwrite(out: &mut [u8], column: usize, at: usize, characters: &[u8]) {
    let (mut at, mut left) = (at, characters);
    while !left.is_empty() {
        let (line, position) = ((column + at) / COLUMNS, (column + at) % COLUMNS);
        let (now, later) = left.split_at(left.len().min(COLUMNS - position));
        let start = at + 2 * line;
        out[start..start + now.len()].copy_from_slice(now);
        (at, left) = (at + now.len(), later);
    }
}

/// Appends text with CR LF as its line ends.
pub fn push_with_crlf(out: &mut Vec<u8>, text: &str) {
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        match lines.peek() {
            Some(_) => {
                out.extend_from_slice(line.strip_suffix('\r').unwrap_or(line).as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line.as_bytes()),
        }
    }
}

/// Bytes that a text takes in base64, with line ends.
pub fn weight(text: &str) -> usize {
    let bytes = text.len() + text.matches('\n').count();
    let characters = bytes.div_ceil(3) * 4;
    characters + 2 * characters.div_ceil(COLUMNS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&str]) -> String {
        let (mut out, mut lines) = (Vec::new(), Base64Lines::default());
        pieces.iter().for_each(|piece| lines.push_text(&mut out, piece));
        lines.finish(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn text_is_encoded_by_rfc_2045() {
        for (pieces, encoded) in [
            (&[""][..], "\r\n"),
            (&["a"], "YQ==\r\n"),
            (&["a\n"], "YQ==\r\n"),
            (&["a", "\r\n", "\n\n"], "YQ==\r\n"),
            (&["я"], "0Y8=\r\n"),
            (&["a\n", "b"], "YQ0KYg==\r\n"),
        ] {
            assert_eq!(lines(pieces), encoded, "{pieces:?}");
        }
        let long = lines(&[&"x".repeat(57), &"y".repeat(57)]);
        assert_eq!(long.split("\r\n").map(str::len).collect::<Vec<_>>(), [76, 76, 0]);
    }

    proptest! {
        #[test]
        fn any_division_into_pieces_gives_the_same_lines(pieces in prop::collection::vec("(?s)[a-zя\n]{0,90}", 0..8)) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let encoded = lines(&pieces);
            prop_assert_eq!(&encoded, &lines(&[&pieces.concat()]));
            prop_assert!(encoded.lines().all(|line| line.len() <= COLUMNS));
            let decoded = STANDARD.decode(encoded.replace("\r\n", "")).expect("base64");
            let expected = pieces.concat().trim_end_matches('\n').replace('\n', "\r\n");
            prop_assert_eq!(String::from_utf8(decoded).expect("UTF-8"), expected);
        }
    }
}
