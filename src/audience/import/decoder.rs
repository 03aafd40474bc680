//! The bytes of a file as UTF-8, in a window that grows on demand and that the caller bounds.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use encoding_rs::{CoderResult, Decoder, Encoding};

use super::charset::{self, Sniff};
use crate::infra::error::{Error, Message, Result};

/// How much of a file is looked at before anything else.
const HEAD: usize = 1 << 20;

const CHUNK: usize = 64 << 10;

/// A window on the decoded text of a file. What cannot be decoded stands there as U+FFFD.
pub struct Text {
    source: Box<dyn Read + Send>,
    decoder: Decoder,
    input: Vec<u8>,
    window: Vec<u8>,
    start: usize,
    ended: bool,
    taken: u64,
}

impl Text {
    /// Text from bytes in a known encoding; a byte order mark is left out.
    pub fn new(source: Box<dyn Read + Send>, encoding: &'static Encoding) -> Self {
        Self {
            source,
            decoder: encoding.new_decoder_with_bom_removal(),
            input: vec![0; CHUNK],
            window: Vec::new(),
            start: 0,
            ended: false,
            taken: 0,
        }
    }

    /// The window: decoded text from the current place on.
    pub fn rest(&self) -> &[u8] {
        &self.window[self.start..]
    }

    /// Moves the current place.
    pub fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.window.len());
    }

    /// Bytes read from the file so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Lets the window grow. False at the end of the file.
    pub fn more(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.window.drain(..self.start);
        self.start = 0;
        let before = self.window.len();
        while self.window.len() == before && !self.ended {
            let count = read_some(&mut self.source, &mut self.input)?;
            self.taken += count as u64;
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

/// An open file: its text, its size in bytes (0 when it does not tell), its encoding.
pub struct Opened {
    /// The text from the beginning.
    pub text: Text,
    /// Bytes in all; 0 for a pipe.
    pub size: u64,
    /// What the text was decoded from.
    pub encoding: &'static Encoding,
}

/// Opens a file, finding out its encoding unless `label` names one. A byte order mark has the last
/// word. A regular file is read through once for that; of a pipe only the beginning is judged.
pub fn open(path: &Path, label: Option<&str>) -> Result<Opened> {
    let named = label.map(charset::named).transpose()?;
    let failed = || Error::io(path.display());
    let mut file = File::open(path).map_err(failed())?;
    let about = file.metadata().map_err(failed())?;
    let mut head = Vec::new();
    (&mut file).take(HEAD as u64).read_to_end(&mut head).map_err(failed())?;
    refuse_hopeless(path, &head)?;
    let bom = Encoding::for_bom(&head).map(|(encoding, _)| encoding);
    let encoding = match bom.or(named).or_else(|| charset::marked(&head)) {
        Some(encoding) => encoding,
        None => {
            let mut sniff = Sniff::default();
            if sniff.feed(&head) && about.is_file() {
                look_through(&mut file, &mut sniff).map_err(failed())?;
                file.seek(SeekFrom::Start(head.len() as u64)).map_err(failed())?;
            }
            sniff.verdict()
        }
    };
    let size = if about.is_file() { about.len() } else { 0 };
    let text = Text::new(Box::new(Cursor::new(head).chain(file)), encoding);
    Ok(Opened { text, size, encoding })
}

fn look_through(file: &mut File, sniff: &mut Sniff) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = read_some(file, &mut chunk)?;
        if count == 0 || !sniff.feed(&chunk[..count]) {
            return Ok(());
        }
    }
}

/// Empty files, and those that no encoding makes a table of.
fn refuse_hopeless(path: &Path, head: &[u8]) -> Result<()> {
    let refuse = |key| Err(Message::new(key).with("file", path.display()).invalid());
    if head.is_empty() {
        return refuse("import-empty");
    }
    let line = head.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if head.starts_with(b"PK\x03\x04") || (line.contains(&0) && charset::marked(head).is_none()) {
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

    /// Hands out one byte at a time, so that every character is cut.
    struct Drip(Cursor<Vec<u8>>);

    impl Read for Drip {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut into[..1])
        }
    }

    #[test]
    fn characters_cut_by_a_read_come_out_whole() {
        let mut text = Text::new(Box::new(Drip(Cursor::new("\u{feff}Анна 🙂".into()))), UTF_8);
        while text.more().expect("reads") {}

        assert_eq!(std::str::from_utf8(text.rest()), Ok("Анна 🙂"));
        assert_eq!(text.taken(), 16);
    }

    #[test]
    fn what_cannot_be_decoded_is_marked() {
        let mut text = Text::new(Box::new(Cursor::new(b"a\xffb\xd0".to_vec())), UTF_8);
        while text.more().expect("reads") {}

        assert_eq!(std::str::from_utf8(text.rest()), Ok("a\u{fffd}b\u{fffd}"));
    }
}
