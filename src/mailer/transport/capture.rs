//! Capture server: an SMTP server on loopback that stores every message in a folder and delivers none.
//!
//! It is the relay of a new installation and of the demo. It is stricter than most servers: it refuses a lone CR, LF
//! or NUL, lines longer than the standard allows and invalid addresses, so that a message that it accepts is accepted
//! elsewhere. A message is durable before its 250.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::audience::address::Address;
use crate::infra::error::{Error, Message, Result};
use crate::mailer::smtp::dot_stuffing;
use crate::mailer::transport::eml_store::EmlStore;

/// Octets that a message may have.
pub const MAX_SIZE: usize = 50_000_000;

/// Bytes of a command line.
const MAX_LINE: usize = 2_048;
const MAX_RECIPIENTS: usize = 100;
const MAX_CONNECTIONS: usize = 1_100;
/// How long the client may stay silent.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Listens on a loopback address. The capture accepts messages from anyone, so that other machines must not reach it.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(Message::new("capture-loopback").with("address", address).invalid());
    }
    TcpListener::bind(address).await.map_err(Error::io(address))
}

/// Receives messages into the folder until `shutdown` is ready. Sessions that are open then are dropped.
pub async fn serve(listener: TcpListener, folder: EmlStore, shutdown: impl Future<Output = ()>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut sessions = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let arrival = tokio::select! {
            () = &mut shutdown => return,
            Some(_) = sessions.join_next() => continue,
            arrival = listener.accept() => arrival,
        };
        let Ok((mut stream, _)) = arrival else {
            // Out of file descriptors: sessions that end free some.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (folder, slots) = (folder.clone(), slots.clone());
        sessions.spawn(async move {
            let Ok(_slot) = slots.try_acquire() else {
                return stream.write_all(b"421 4.3.2 too many connections\r\n").await;
            };
            stream.set_nodelay(true)?;
            let mut session =
                Session { stream, input: Vec::new(), output: Vec::new(), sender: None, to: Vec::new(), folder };
            session.run().await
        });
    }
}

/// One connection.
struct Session {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    sender: Option<Sender>,
    to: Vec<Address>,
    folder: EmlStore,
}

/// The sender that MAIL gave.
struct Sender {
    utf8: bool,
}

/// Whether the session goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Continue,
    Close,
}

impl Session {
    async fn run(&mut self) -> io::Result<()> {
        self.reply("220 [127.0.0.1] ESMTP Sendoff capture");
        while let Some(line) = self.read_line().await? {
            if self.command(&line).await? == Next::Close {
                break;
            }
        }
        self.flush().await
    }

    async fn command(&mut self, line: &str) -> io::Result<Next> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" if rest.trim().is_empty() => self.reply("501 5.5.4 host name expected"),
            "EHLO" => {
                self.reset();
                self.reply("250-[127.0.0.1]");
                self.reply("250-PIPELINING");
                self.reply("250-8BITMIME");
                self.reply("250-SMTPUTF8");
                self.reply("250-ENHANCEDSTATUSCODES");
                self.reply(&format!("250 SIZE {MAX_SIZE}"));
            }
            "HELO" => {
                self.reset();
                self.reply("250 [127.0.0.1]");
            }
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest),
            "DATA" => return self.data().await,
            "RSET" => {
                self.reset();
                self.reply("250 2.0.0 reset");
            }
            "NOOP" => self.reply("250 2.0.0 ok"),
            "VRFY" => self.reply("252 2.5.2 cannot verify"),
            "QUIT" => {
                self.reply("221 2.0.0 closing connection");
                return Ok(Next::Close);
            }
            _ => self.reply("500 5.5.2 no such command"),
        }
        Ok(Next::Continue)
    }

    fn mail(&mut self, rest: &str) {
        let Some((path, parameters)) = path(rest, "FROM:") else {
            return self.reply("501 5.5.4 MAIL FROM:<address>");
        };
        if self.sender.is_some() {
            return self.reply("503 5.5.1 MAIL was given already");
        }
        let mut utf8 = false;
        for parameter in parameters.split_ascii_whitespace() {
            match parameter.to_ascii_uppercase().split_once('=') {
                None if parameter.eq_ignore_ascii_case("SMTPUTF8") => utf8 = true,
                Some(("BODY", "7BIT" | "8BITMIME")) => {}
                Some(("SIZE", size)) if size.parse::<usize>().is_ok_and(|size| size <= MAX_SIZE) => {}
                Some(("SIZE", _)) => return self.reply("552 5.3.4 too large"),
                _ => return self.reply("555 5.5.4 unknown parameter"),
            }
        }
        if !(path.is_empty() || Address::parse(path).is_ok()) {
            return self.reply("553 5.1.7 no such sender address");
        }
        if !utf8 && !path.is_ascii() {
            return self.reply("553 5.6.7 needs SMTPUTF8");
        }
        self.sender = Some(Sender { utf8 });
        self.reply("250 2.1.0 sender ok");
    }

    fn rcpt(&mut self, rest: &str) {
        let Some(sender) = &self.sender else { return self.reply("503 5.5.1 MAIL first") };
        let reply = match path(rest, "TO:") {
            Some((path, _)) if !sender.utf8 && !path.is_ascii() => "553 5.6.7 needs SMTPUTF8",
            Some((_, parameters)) if !parameters.trim().is_empty() => "555 5.5.4 unknown parameter",
            Some(_) if self.to.len() == MAX_RECIPIENTS => "452 4.5.3 too many recipients",
            Some((path, _)) => match Address::parse(path) {
                Ok(address) => {
                    self.to.push(address);
                    "250 2.1.5 recipient ok"
                }
                Err(_) => "553 5.1.3 no such recipient address",
            },
            None => "501 5.5.4 RCPT TO:<address>",
        };
        self.reply(reply);
    }

    async fn data(&mut self) -> io::Result<Next> {
        if self.to.is_empty() {
            self.reply("503 5.5.1 RCPT first");
            return Ok(Next::Continue);
        }
        self.reply("354 end with <CRLF>.<CRLF>");
        let to = std::mem::take(&mut self.to);
        self.reset();
        let Some(received) = self.read_message().await? else { return Ok(Next::Close) };
        let reply = match received {
            None => "552 5.3.4 too large".to_owned(),
            Some(text) if !dot_stuffing::is_canonical(&text) => "554 5.6.0 a lone CR, LF or NUL".to_owned(),
            Some(text) if !dot_stuffing::has_short_lines(&text) => {
                "554 5.6.0 a line of more than 998 octets".to_owned()
            }
            Some(text) => self.store(to, dot_stuffing::unstuff(&text)).await,
        };
        self.reply(&reply);
        Ok(Next::Continue)
    }

    /// Writes one file per recipient, so that one recipient can be erased without the others.
    async fn store(&self, to: Vec<Address>, message: Vec<u8>) -> String {
        let folder = self.folder.clone();
        let write = move || to.iter().map(|address| folder.store(address, &message)).collect::<Result<Vec<_>>>();
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(files)) => format!("250 2.0.0 stored as {}", files.join(" ")),
            Ok(Err(error)) => {
                tracing::error!(error = %error, "message could not be stored");
                "452 4.3.1 cannot store the message now".to_owned()
            }
            Err(_) => "451 4.3.0 try again".to_owned(),
        }
    }

    /// Reads the message up to its final dot, dots still doubled: `Some(None)` if it was too large, `None` if the
    /// client closed the connection.
    async fn read_message(&mut self) -> io::Result<Option<Option<Vec<u8>>>> {
        let (mut searched, mut overflowed) = (0, false);
        loop {
            if let Some((end, next)) = dot_stuffing::find_end(&self.input, searched) {
                let rest = self.input.split_off(next);
                let mut text = std::mem::replace(&mut self.input, rest);
                text.truncate(end);
                return Ok(Some((!overflowed && end <= MAX_SIZE).then_some(text)));
            }
            if self.input.len() > MAX_SIZE {
                overflowed = true;
                self.input.drain(..self.input.len() - 4);
            }
            searched = self.input.len();
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// Reads the next command without its line end; `None` at the end of the session.
    async fn read_line(&mut self) -> io::Result<Option<String>> {
        loop {
            let end = memchr::memchr(b'\n', &self.input);
            if end.unwrap_or(self.input.len()) > MAX_LINE {
                return self.reply_and_close("500 5.5.2 line too long").await;
            }
            if let Some(end) = end {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                match line.strip_suffix(b"\r\n").map(|line| String::from_utf8(line.to_vec())) {
                    Some(Ok(line)) if !line.contains(['\r', '\0']) => return Ok(Some(line)),
                    Some(_) => self.reply("500 5.5.2 unreadable command"),
                    // Client and server disagree about line ends; nothing after this can be trusted.
                    None => return self.reply_and_close("500 5.5.2 a lone LF").await,
                }
            } else if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    async fn reply_and_close(&mut self, reply: &str) -> io::Result<Option<String>> {
        self.reply(reply);
        self.flush().await?;
        Ok(None)
    }

    /// Sends the replies and reads more; false if the client is gone or silent for too long.
    async fn fill(&mut self) -> io::Result<bool> {
        self.flush().await?;
        self.input.reserve(16 * 1024);
        match timeout(IDLE_TIMEOUT, self.stream.read_buf(&mut self.input)).await {
            Ok(read) => Ok(read? > 0),
            Err(_) => {
                self.reply("421 4.4.2 timeout");
                Ok(false)
            }
        }
    }

    /// Replies are collected until all commands that arrived are done, so that a group of commands gets one write.
    fn reply(&mut self, reply: &str) {
        self.output.extend_from_slice(reply.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> io::Result<()> {
        let output = std::mem::take(&mut self.output);
        match timeout(IDLE_TIMEOUT, self.stream.write_all(&output)).await {
            Ok(written) => written,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn reset(&mut self) {
        self.sender = None;
        self.to.clear();
    }
}

/// Splits `FROM:<path> parameters`. A quoted local part may contain `>`.
fn path<'a>(text: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (start, rest) = text.split_at_checked(keyword.len())?;
    let rest = rest.trim_start_matches(' ').strip_prefix('<').filter(|_| start.eq_ignore_ascii_case(keyword))?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some((&rest[..at], &rest[at + 1..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_ends_at_the_bracket_outside_quotes() {
        assert_eq!(path("FROM:<>", "FROM:"), Some(("", "")));
        assert_eq!(path("from: <a@b.org> SIZE=1", "FROM:"), Some(("a@b.org", " SIZE=1")));
        assert_eq!(path("TO:<\"a>\\\"b\"@c.org>", "TO:"), Some(("\"a>\\\"b\"@c.org", "")));
        for text in ["FROM:a@b.org", "TO:<a@b.org>", "FROM:<a@b.org", "FRO", "", "FROM:<\"a>@b.org>", "ФРОМ:<a>"] {
            assert_eq!(path(text, "FROM:"), None, "{text}");
        }
    }
}
