//! Decodes a file to UTF-8, in a window that grows on demand and that the caller bounds.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use encoding_rs::{CoderResult, Decoder, Encoding};

use super::charset::{self, CharsetDetector};
use crate::infra::error::{Error, Message, Result};

/// Bytes at the beginning of a file by which it is judged first.
const HEAD: usize = 1 << 20;

const CHUNK: usize = 64 << 10;

/// A window on the decoded text of a file. Bytes that cannot be decoded become U+FFFD.
pub struct DecodedText {
    source: Box<dyn Read + Send>,
    decoder: Decoder,
    input: Vec<u8>,
    window: Vec<u8>,
    start: usize,
    ended: bool,
    bytes_read: u64,
}

impl DecodedText {
    /// Text decoded from a known encoding; a byte order mark is left out.
    pub fn new(source: Box<dyn Read + Send>, encoding: &'static Encoding) -> Self {
        Self {
            source,
            decoder: encoding.new_decoder_with_bom_removal(),
            input: vec![0; CHUNK],
            window: Vec::new(),
            start: 0,
            ended: false,
            bytes_read: 0,
        }
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
        let room = self.decoder.max_utf8_buffer_length(count).expect("a chunk is small");
        let end = self.window.len();
        self.window.resize(end + room, 0);
        let (result, _, written, _) =
            self.decoder.decode_to_utf8(&self.input[..count], &mut self.window[end..], self.ended);
        debug_assert_eq!(result, CoderResult::InputEmpty);
        self.window.truncate(end + written);
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

/// An open file with its size and encoding.
pub struct OpenedFile {
    /// The text from the beginning.
    pub text: DecodedText,
    /// Bytes in all; 0 for a pipe.
    pub size: u64,
    /// The encoding that the text is decoded from.
    pub encoding: &'static Encoding,
}

/// Opens a file and detects its encoding, unless `label` names one. A byte order mark overrides both. A regular
/// file is read through once for that; of a pipe only the beginning is examined.
pub fn open(path: &Path, label: Option<&str>) -> Result<OpenedFile> {
    let named = label.map(charset::by_label).transpose()?;
    let failed = || Error::io(path.display());
    let mut file = File::open(path).map_err(failed())?;
    let about = file.metadata().map_err(failed())?;
    let mut head = Vec::new();
    (&mut file).take(HEAD as u64).read_to_end(&mut head).map_err(failed())?;
    refuse_unreadable(path, &head)?;
    let bom = Encoding::for_bom(&head).map(|(encoding, _)| encoding);
    let encoding = match bom.or(named).or_else(|| charset::detect_certain(&head)) {
        Some(encoding) => encoding,
        None => {
            let mut detector = CharsetDetector::default();
            if detector.feed(&head) && about.is_file() {
                feed_rest(&mut file, &mut detector).map_err(failed())?;
                file.seek(SeekFrom::Start(head.len() as u64)).map_err(failed())?;
            }
            detector.encoding()
        }
    };
    let size = if about.is_file() { about.len() } else { 0 };
    let text = DecodedText::new(Box::new(Cursor::new(head).chain(file)), encoding);
    Ok(OpenedFile { text, size, encoding })
}

fn feed_rest(file: &mut File, detector: &mut CharsetDetector) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = read_some(file, &mut chunk)?;
        if count == 0 || !detector.feed(&chunk[..count]) {
            return Ok(());
        }
    }
}

/// Refuses an empty file, and one that is no text in any encoding.
fn refuse_unreadable(path: &Path, head: &[u8]) -> Result<()> {
    let refuse = |key| Err(Message::new(key).with("file", path.display()).invalid());
    if head.is_empty() {
        return refuse("import-empty");
    }
    let line = head.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if head.starts_with(b"PK\x03\x04") || (line.contains(&0) && charset::detect_certain(head).is_none()) {
        return refuse("import-binary");
    }
    if line.len() == HEAD {
        return Err(Message::new("import-line-endless").with("file", path.display()).with("line", 1).invalid());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;

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
        let mut text = DecodedText::new(Box::new(OneByteReader(Cursor::new("\u{feff}Анна 🙂".into()))), UTF_8);
        while text.grow().expect("reads") {}

        assert_eq!(std::str::from_utf8(text.window()), Ok("Анна 🙂"));
        assert_eq!(text.bytes_read(), 16);
    }

    #[test]
    fn an_undecodable_byte_becomes_a_replacement_character() {
        let mut text = DecodedText::new(Box::new(Cursor::new(b"a\xffb\xd0".to_vec())), UTF_8);
        while text.grow().expect("reads") {}

        assert_eq!(std::str::from_utf8(text.window()), Ok("a\u{fffd}b\u{fffd}"));
    }
}
