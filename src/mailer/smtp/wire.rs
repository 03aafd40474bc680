//! Byte stream of an SMTP connection: writes commands and reads whole replies, each within a time limit.
//!
//! A reply line has at most 4 KiB and a reply at most 100 lines and 64 KiB. One timer covers the whole reply: a server
//! that sends one byte a minute times out like one that sends nothing.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::infra::network::Stream;
use crate::mailer::smtp::error::Cause;
use crate::mailer::smtp::reply::ReplyParser;

/// Bytes that a line of a reply may have.
const MAX_LINE: usize = 4 * 1024;

/// A connection and its bytes that arrived but were not read yet.
pub struct Wire {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    /// How many bytes of the input were read.
    read: usize,
}

impl Wire {
    /// Wraps a new connection.
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, input: Vec::new(), read: 0 }
    }

    /// Writes everything within the limit.
    pub async fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Cause> {
        self.send_counted(bytes, limit).await.1
    }

    /// Writes everything within the limit; also returns how many bytes the system had taken when it failed.
    pub async fn send_counted(&mut self, bytes: &[u8], limit: Duration) -> (usize, Result<(), Cause>) {
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
    pub async fn read_reply(&mut self, limit: Duration) -> Result<ReplyParser, Cause> {
        let mut reply = ReplyParser::default();
        if !self.parse_arrived(&mut reply)? {
            timeout(limit, self.read_rest(&mut reply)).await.map_err(|_| Cause::Timeout)??;
        }
        Ok(reply)
    }

    async fn read_rest(&mut self, reply: &mut ReplyParser) -> Result<(), Cause> {
        loop {
            self.input.drain(..std::mem::take(&mut self.read));
            self.input.reserve(MAX_LINE);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(Cause::Closed);
            }
            if self.parse_arrived(reply)? {
                return Ok(());
            }
        }
    }

    /// Parses the lines that have arrived; true when the reply is complete.
    fn parse_arrived(&mut self, reply: &mut ReplyParser) -> Result<bool, Cause> {
        loop {
            let arrived = &self.input[self.read..];
            match memchr::memchr(b'\n', arrived) {
                Some(end) if end < MAX_LINE => {
                    self.read += end + 1;
                    if reply.push_line(arrived[..end].trim_ascii_end())? {
                        return Ok(true);
                    }
                }
                None if arrived.len() < MAX_LINE => return Ok(false),
                _ => return Err(Cause::ProtocolViolation),
            }
        }
    }

    /// True when every byte that arrived has been read. Otherwise the server spoke out of turn.
    pub fn is_drained(&self) -> bool {
        self.read == self.input.len()
    }

    /// True when the server has spoken or closed the connection out of turn. Does not wait.
    pub async fn is_interrupted(&mut self) -> bool {
        let mut space = [0; 256];
        let mut buffer = ReadBuf::new(&mut space);
        let poll = poll_fn(|context| Poll::Ready(Pin::new(&mut self.stream).poll_read(context, &mut buffer)));
        let interrupted = poll.await.is_ready();
        self.input.extend_from_slice(buffer.filled());
        interrupted || !self.is_drained()
    }

    /// The bare connection, for the TLS handshake after STARTTLS.
    pub fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mailer::smtp::reply::Reply;

    const LIMIT: Duration = Duration::from_millis(200);

    async fn read(bytes: &[u8]) -> Result<Reply, Cause> {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        far.write_all(bytes).await.expect("the buffer is large enough");
        drop(far);
        Wire::new(Box::new(near)).read_reply(LIMIT).await.map(ReplyParser::finish)
    }

    #[tokio::test]
    async fn lone_line_feeds_end_lines_of_a_reply() {
        assert_eq!(read(b"250\r\n").await.expect("a reply").code, 250);
        assert_eq!(read(b"250-\n250 \n").await.expect("a reply").text, "");
    }

    #[tokio::test]
    async fn malformed_replies_and_long_lines_are_protocol_violations() {
        let long = ["250 ".as_bytes(), &[b'x'; MAX_LINE], b"\r\n"].concat();
        let large = format!("250-{}\r\n", "x".repeat(MAX_LINE - 10)).repeat(20);
        for bytes in [&b"\r\n"[..], b"2x0 hi\r\n", &long, &[b'2'; 3 * MAX_LINE], large.as_bytes()] {
            let start = String::from_utf8_lossy(bytes);
            assert_eq!(read(bytes).await, Err(Cause::ProtocolViolation), "{:?}", start.get(..20));
        }
        assert_eq!(read(b"250-a\r\n250").await, Err(Cause::Closed));
    }

    #[tokio::test]
    async fn one_timer_covers_the_whole_reply() {
        let (near, mut far) = tokio::io::duplex(1024);
        let drip = tokio::spawn(async move {
            for byte in "250 at last I have finished\r\n".bytes() {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let _ = far.write_all(&[byte]).await;
            }
        });

        assert_eq!(Wire::new(Box::new(near)).read_reply(LIMIT).await.map(ReplyParser::finish), Err(Cause::Timeout));
        drip.abort();
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_reply_or_a_cause(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            if let Ok(reply) = runtime.block_on(read(&bytes)) {
                prop_assert!((200..600).contains(&reply.code) && reply.text.len() <= 512);
            }
        }

        #[test]
        fn nearly_valid_replies_give_a_reply_or_a_cause(text in "([2-5][0-9]{0,3}[- ]?[ 0-9.a-я\\x00]{0,9}\r?\n){0,6}") {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            let _ = runtime.block_on(read(text.as_bytes()));
        }
    }
}
