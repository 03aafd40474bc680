//! Decodes a file to UTF-8, in a window that grows on demand and that the caller bounds.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding};

use super::charset::{self, Charset};
use super::charset_detection::{CharsetDetector, Detected};
use super::charset_question;
use super::source::Source;
use crate::infra::error::{Error, Result};

const CHUNK: usize = 64 << 10;

/// Turns bytes of one encoding into UTF-8.
enum Decoding {
    Standard(Box<Decoder>),
    Dos(&'static [char; 128]),
}

/// A window on the decoded text of a file. Bytes that cannot be decoded become U+FFFD.
pub struct DecodedText {
    source: Box<dyn Read + Send>,
    decoding: Decoding,
    input: Vec<u8>,
    window: Vec<u8>,
    start: usize,
    ended: bool,
    bytes_read: u64,
}

impl DecodedText {
    /// Text decoded from a known encoding; a byte order mark is left out.
    pub fn new(source: Box<dyn Read + Send>, charset: Charset) -> Self {
        let decoding = match charset {
            Charset::Standard(encoding) => Decoding::Standard(Box::new(encoding.new_decoder_with_bom_removal())),
            Charset::Dos(_, table) => Decoding::Dos(table),
        };
        Self { source, decoding, input: vec![0; CHUNK], window: Vec::new(), start: 0, ended: false, bytes_read: 0 }
    }

    /// Text in UTF-8.
    #[cfg(test)]
    pub fn utf_8(source: Box<dyn Read + Send>) -> Self {
        Self::new(source, Charset::Standard(encoding_rs::UTF_8))
    }

    /// The decoded text from the current position on.
    pub fn window(&self) -> &[u8] {
        &self.window[self.start..]
    }

    /// Moves the current position forward by `count` bytes.
    pub fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.window.len());
    }

    /// Bytes read from the file so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Reads more of the file into the window. Returns false at the end of the file.
    pub fn grow(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.window.drain(..self.start);
        self.start = 0;
        let before = self.window.len();
        while self.window.len() == before && !self.ended {
            let count = read_some(&mut self.source, &mut self.input)?;
            self.bytes_read += count as u64;
            self.ended = count == 0;
            self.decode(count);
        }
        Ok(self.window.len() > before)
    }

    fn decode(&mut self, count: usize) {
        let end = self.window.len();
        match &mut self.decoding {
            Decoding::Standard(decoder) => {
                let room = decoder.max_utf8_buffer_length(count).expect("a chunk is small");
                self.window.resize(end + room, 0);
                let (result, _, written, _) =
                    decoder.decode_to_utf8(&self.input[..count], &mut self.window[end..], self.ended);
                debug_assert_eq!(result, CoderResult::InputEmpty);
                self.window.truncate(end + written);
            }
            Decoding::Dos(table) => {
                let mut letter = [0; 4];
                for byte in &self.input[..count] {
                    let c = if byte.is_ascii() { char::from(*byte) } else { table[usize::from(byte - 128)] };
                    self.window.extend_from_slice(c.encode_utf8(&mut letter).as_bytes());
                }
            }
        }
    }
}

fn read_some(source: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// The decoded text of a file from its beginning.
pub fn text(source: &Source, charset: Charset) -> Result<DecodedText> {
    Ok(DecodedText::new(Box::new(source.reader()?), charset))
}

/// Detects the encoding of a file, unless `label` names one. A byte order mark overrides both. The file is read through
/// once for that.
pub fn detect(source: &Source, label: Option<&str>) -> Result<Charset> {
    let named = label.map(Charset::by_label).transpose()?;
    let failed = || Error::io(source.name.display());
    let mut file = source.reader()?;
    let mut head = Vec::new();
    (&mut file).take(CHUNK as u64).read_to_end(&mut head).map_err(failed())?;
    if let Some((encoding, _)) = Encoding::for_bom(&head) {
        return Ok(Charset::Standard(encoding));
    }
    if let Some(charset) = named.or_else(|| charset::detect_certain(&head).map(Charset::Standard)) {
        return Ok(charset);
    }
    let mut detector = CharsetDetector::default();
    let mut more = detector.feed(&head);
    let mut chunk = vec![0; CHUNK];
    while more {
        let count = read_some(&mut file, &mut chunk).map_err(failed())?;
        more = count > 0 && detector.feed(&chunk[..count]);
    }
    match detector.detect() {
        Detected::Certain(charset) => Ok(charset),
        Detected::Unclear(one, other) => Err(charset_question::ask(source, one, other)?),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Returns one byte at a time, so that every character is split.
    struct OneByteReader(Cursor<Vec<u8>>);

    impl Read for OneByteReader {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut into[..1])
        }
    }

    #[test]
    fn characters_split_between_reads_are_decoded() {
        let mut text = DecodedText::utf_8(Box::new(OneByteReader(Cursor::new("\u{feff}Анна 🙂".into()))));
        while text.grow().expect("reads") {}

        assert_eq!(std::str::from_utf8(text.window()), Ok("Анна 🙂"));
        assert_eq!(text.bytes_read(), 16);
    }

    #[test]
    fn an_undecodable_byte_becomes_a_replacement_character() {
        let mut text = DecodedText::utf_8(Box::new(Cursor::new(b"a\xffb\xd0".to_vec())));
        while text.grow().expect("reads") {}

        assert_eq!(std::str::from_utf8(text.window()), Ok("a\u{fffd}b\u{fffd}"));
    }
}
