//! Lines and replies on the wire. What a server says is read within limits of size and time: a
//! line of 4 KiB, a reply of 100 lines and 64 KiB, and one timer for the whole reply, so that a
//! server which drips a byte a minute is as late as one that says nothing.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::infra::network::Stream;
use crate::mailer::smtp::error::Cause;

const LINE: usize = 4 * 1024;
const LINES: usize = 100;
const REPLY: usize = 64 * 1024;
const TEXT: usize = 512;

/// A server's reply to one command.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code, 200 to 599.
    pub code: u16,
    /// The enhanced status code of RFC 3463, when the reply begins with one.
    pub enhanced: Option<Enhanced>,
    /// The words after the code, lines joined by a space, at most 512 bytes. They may repeat an
    /// address: fit for the delivery's row, not for a log.
    pub text: String,
}

/// An enhanced status code: class, subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enhanced(pub u8, pub u16, pub u16);

impl Reply {
    /// 2xx: done.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4xx: not now.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx: not ever.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// 4xx or 5xx.
    pub fn is_refusal(&self) -> bool {
        self.is_transient() || self.is_permanent()
    }
}

/// The codes alone.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.enhanced {
            Some(Enhanced(class, subject, detail)) => write!(f, "{} {class}.{subject}.{detail}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({self})")
    }
}

/// A reply as it arrives, line by line.
#[derive(Debug, Default)]
pub struct ReplyParser {
    code: u16,
    /// The words of each line, with a line end between.
    words: String,
    lines: usize,
    size: usize,
}

impl ReplyParser {
    /// Takes the next line, without its line end; true when it was the last.
    pub fn take(&mut self, line: &[u8]) -> Result<bool, Cause> {
        let (code, rest) = line.split_at_checked(3).ok_or(Cause::ProtocolViolation)?;
        let code = parse_code(code).ok_or(Cause::ProtocolViolation)?;
        self.size += line.len();
        if self.lines > 0 && code != self.code || self.lines == LINES || self.size > REPLY || line.contains(&0) {
            return Err(Cause::ProtocolViolation);
        }
        let (last, words) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', words)) => (true, words),
            Some((b'-', words)) => (false, words),
            Some(_) => return Err(Cause::ProtocolViolation),
        };
        if self.lines > 0 {
            self.words.push('\n');
        }
        self.words.push_str(&String::from_utf8_lossy(words));
        (self.code, self.lines) = (code, self.lines + 1);
        Ok(last)
    }

    /// The words of each line, whole.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.words.split('\n')
    }

    /// The reply with its words cut to a length worth keeping.
    pub fn reply(self) -> Reply {
        let words = self.words.trim();
        let mut text = match words.contains(char::is_control) {
            true => words.replace(char::is_control, " "),
            false if words.len() == self.words.len() => self.words,
            false => words.to_owned(),
        };
        text.truncate(text.floor_char_boundary(TEXT));
        Reply { code: self.code, enhanced: parse_enhanced(&text, self.code), text }
    }
}

fn parse_code(digits: &[u8]) -> Option<u16> {
    let [first @ b'2'..=b'5', rest @ ..] = digits else { return None };
    rest.iter().all(u8::is_ascii_digit).then(|| {
        let value = |digit: &u8| u16::from(digit - b'0');
        rest.iter().fold(value(first), |code, digit| code * 10 + value(digit))
    })
}

fn parse_enhanced(text: &str, code: u16) -> Option<Enhanced> {
    let number = |part: &str| part.parse::<u16>().ok().filter(|n| *n < 1_000 && !part.starts_with('+'));
    let mut parts = text.split(' ').next()?.split('.');
    let class = number(parts.next()?)?;
    let (subject, detail) = (number(parts.next()?)?, number(parts.next()?)?);
    (parts.next().is_none() && class == code / 100).then_some(Enhanced(u8::try_from(class).ok()?, subject, detail))
}

/// A connection with what has arrived on it and was not read yet.
pub struct Wire {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    /// How much of the input was read.
    read: usize,
}

impl Wire {
    /// A wire on a fresh connection.
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, input: Vec::new(), read: 0 }
    }

    /// Writes everything within the limit.
    pub async fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Cause> {
        self.send_some(bytes, limit).await.1
    }

    /// The same, and says how many bytes the system had taken when it failed.
    pub async fn send_some(&mut self, bytes: &[u8], limit: Duration) -> (usize, Result<(), Cause>) {
        let mut written = 0;
        let write = async {
            while written < bytes.len() {
                match self.stream.write(&bytes[written..]).await? {
                    0 => return Err(Cause::Closed),
                    more => written += more,
                }
            }
            Ok(self.stream.flush().await?)
        };
        let sent = timeout(limit, write).await.unwrap_or(Err(Cause::Timeout));
        (written, sent)
    }

    /// Reads one whole reply within the limit.
    pub async fn answer(&mut self, limit: Duration) -> Result<ReplyParser, Cause> {
        let mut answer = ReplyParser::default();
        if !self.take(&mut answer)? {
            timeout(limit, self.await_rest(&mut answer)).await.map_err(|_| Cause::Timeout)??;
        }
        Ok(answer)
    }

    async fn await_rest(&mut self, answer: &mut ReplyParser) -> Result<(), Cause> {
        loop {
            self.input.drain(..std::mem::take(&mut self.read));
            self.input.reserve(LINE);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(Cause::Closed);
            }
            if self.take(answer)? {
                return Ok(());
            }
        }
    }

    /// Takes the lines that have arrived; true when the reply is whole.
    fn take(&mut self, answer: &mut ReplyParser) -> Result<bool, Cause> {
        loop {
            let arrived = &self.input[self.read..];
            match memchr::memchr(b'\n', arrived) {
                Some(end) if end < LINE => {
                    self.read += end + 1;
                    if answer.take(arrived[..end].trim_ascii_end())? {
                        return Ok(true);
                    }
                }
                None if arrived.len() < LINE => return Ok(false),
                _ => return Err(Cause::ProtocolViolation),
            }
        }
    }

    /// True when everything that arrived has been read. More is a server speaking out of turn.
    pub fn is_quiet(&self) -> bool {
        self.read == self.input.len()
    }

    /// True when the server has spoken or hung up although it was not its turn. Looks, does not wait.
    pub async fn is_interrupted(&mut self) -> bool {
        let mut space = [0; 256];
        let mut buffer = ReadBuf::new(&mut space);
        let look = poll_fn(|context| Poll::Ready(Pin::new(&mut self.stream).poll_read(context, &mut buffer)));
        let interrupted = look.await.is_ready();
        self.input.extend_from_slice(buffer.filled());
        interrupted || !self.is_quiet()
    }

    /// The bare connection, for the handshake that STARTTLS begins.
    pub fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOON: Duration = Duration::from_millis(200);

    async fn read(bytes: &[u8]) -> Result<Reply, Cause> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(bytes).await.expect("room");
        drop(theirs);
        Wire::new(Box::new(ours)).answer(SOON).await.map(|answer| answer.reply())
    }

    #[tokio::test]
    async fn a_reply_of_several_lines_is_one_reply() {
        let reply = read(b"550-5.1.1 no such\r\n550 5.1.1 user\r\n250 next\r\n").await.expect("a reply");

        assert_eq!((reply.code, reply.enhanced), (550, Some(Enhanced(5, 1, 1))));
        assert_eq!(reply.text, "5.1.1 no such 5.1.1 user");
        assert_eq!(reply.to_string(), "550 5.1.1");
    }

    #[tokio::test]
    async fn codes_without_words_and_lone_line_feeds_are_read() {
        assert_eq!(read(b"250\r\n").await.expect("a reply").code, 250);
        assert_eq!(read(b"250-\n250 \n").await.expect("a reply").text, "");
        assert_eq!(read("250 2.0.0 Готово\r\n".as_bytes()).await.expect("a reply").text, "2.0.0 Готово");
    }

    #[tokio::test]
    async fn an_enhanced_code_of_another_class_is_no_enhanced_code() {
        for text in ["250 5.1.1 x\r\n", "250 2.1 x\r\n", "250 2.1.1.1 x\r\n", "250 2.+1.1 x\r\n", "250 2.1.1000\r\n"] {
            assert_eq!(read(text.as_bytes()).await.expect("a reply").enhanced, None, "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_no_reply_is_nonsense() {
        let long = ["250 ".as_bytes(), &[b'x'; LINE], b"\r\n"].concat();
        let many = "250-x\r\n".repeat(LINES + 1);
        let large = format!("250-{}\r\n", "x".repeat(LINE - 10)).repeat(20);
        for bytes in [
            &b"\r\n"[..],
            b"25\r\n",
            b"2x0 hi\r\n",
            b"150 hi\r\n",
            b"650 hi\r\n",
            b"2500 hi\r\n",
            b"250-a\r\n251 b\r\n",
            b"250 a\0b\r\n",
            b"\xff\xfe\xfd\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
            &long,
            &[b'2'; 3 * LINE],
            many.as_bytes(),
            large.as_bytes(),
        ] {
            assert_eq!(
                read(bytes).await,
                Err(Cause::ProtocolViolation),
                "{:?}",
                String::from_utf8_lossy(bytes).get(..20)
            );
        }
        assert_eq!(read(b"250-a\r\n250").await, Err(Cause::Closed));
    }

    #[tokio::test]
    async fn the_timer_covers_the_whole_reply() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let drip = tokio::spawn(async move {
            for byte in "250 at last I have finished\r\n".bytes() {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let _ = theirs.write_all(&[byte]).await;
            }
        });

        assert_eq!(Wire::new(Box::new(ours)).answer(SOON).await.map(|answer| answer.reply()), Err(Cause::Timeout));
        drip.abort();
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_reply_or_a_cause(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            if let Ok(reply) = runtime.block_on(read(&bytes)) {
                prop_assert!((200..600).contains(&reply.code) && reply.text.len() <= TEXT);
            }
        }

        #[test]
        fn near_replies_give_a_reply_or_a_cause(text in "([2-5][0-9]{0,3}[- ]?[ 0-9.a-я\\x00]{0,9}\r?\n){0,6}") {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            let _ = runtime.block_on(read(text.as_bytes()));
        }
    }
}
