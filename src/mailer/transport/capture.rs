//! A real SMTP server on loopback that keeps every letter instead of sending it on: the relay of a
//! new installation, and of the demo. It is stricter than most: a lone CR, LF or NUL, a line longer
//! than the standard allows or an address that is none is refused, so that a letter it takes is a
//! letter others take. A letter is durable before its 250.

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

/// Octets a letter may have.
pub const SIZE: usize = 50_000_000;

const LINE: usize = 2_048;
const RECIPIENTS: usize = 100;
const CONNECTIONS: usize = 1_100;
const IDLE: Duration = Duration::from_secs(300);

/// Listens on an address of this machine. The capture keeps what anyone hands it, so no other
/// machine may reach it.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(Message::new("capture-loopback").with("address", address).invalid());
    }
    TcpListener::bind(address).await.map_err(Error::io(address))
}

/// Receives letters into the folder until `shutdown` is ready. Conversations still under way then
/// are dropped: let the senders finish first.
pub async fn serve(listener: TcpListener, folder: EmlStore, shutdown: impl Future<Output = ()>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut visits = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let arrival = tokio::select! {
            () = &mut shutdown => return,
            Some(_) = visits.join_next() => continue,
            arrival = listener.accept() => arrival,
        };
        let Ok((mut stream, _)) = arrival else {
            // Out of file handles: those who leave give some back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (folder, room) = (folder.clone(), room.clone());
        visits.spawn(async move {
            let Ok(_place) = room.try_acquire() else {
                return stream.write_all(b"421 4.3.2 too many connections\r\n").await;
            };
            stream.set_nodelay(true)?;
            let mut visit =
                Visit { stream, input: Vec::new(), output: Vec::new(), sender: None, to: Vec::new(), folder };
            visit.receive().await
        });
    }
}

/// One connection.
struct Visit {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    sender: Option<Sender>,
    to: Vec<Address>,
    folder: EmlStore,
}

/// What MAIL FROM said.
struct Sender {
    utf8: bool,
}

/// Whether the conversation goes on.
#[derive(PartialEq, Eq)]
enum Then {
    Go,
    Stop,
}

impl Visit {
    async fn receive(&mut self) -> io::Result<()> {
        self.say("220 [127.0.0.1] ESMTP Sendoff keeps what it gets");
        while let Some(line) = self.line().await? {
            if self.obey(&line).await? == Then::Stop {
                break;
            }
        }
        self.flush().await
    }

    async fn obey(&mut self, line: &str) -> io::Result<Then> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" if rest.trim().is_empty() => self.say("501 5.5.4 say who you are"),
            "EHLO" => {
                self.forget();
                self.say("250-[127.0.0.1] welcome");
                self.say("250-PIPELINING");
                self.say("250-8BITMIME");
                self.say("250-SMTPUTF8");
                self.say("250-ENHANCEDSTATUSCODES");
                self.say(&format!("250 SIZE {SIZE}"));
            }
            "HELO" => {
                self.forget();
                self.say("250 [127.0.0.1]");
            }
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest),
            "DATA" => return self.data().await,
            "RSET" => {
                self.forget();
                self.say("250 2.0.0 forgotten");
            }
            "NOOP" => self.say("250 2.0.0 still here"),
            "VRFY" => self.say("252 2.5.2 send and see"),
            "QUIT" => {
                self.say("221 2.0.0 goodbye");
                return Ok(Then::Stop);
            }
            _ => self.say("500 5.5.2 no such command"),
        }
        Ok(Then::Go)
    }

    fn mail(&mut self, rest: &str) {
        let Some((path, parameters)) = path(rest, "FROM:") else {
            return self.say("501 5.5.4 MAIL FROM:<address>");
        };
        if self.sender.is_some() {
            return self.say("503 5.5.1 one sender is enough");
        }
        let mut utf8 = false;
        for parameter in parameters.split_ascii_whitespace() {
            match parameter.to_ascii_uppercase().split_once('=') {
                None if parameter.eq_ignore_ascii_case("SMTPUTF8") => utf8 = true,
                Some(("BODY", "7BIT" | "8BITMIME")) => {}
                Some(("SIZE", size)) if size.parse::<usize>().is_ok_and(|size| size <= SIZE) => {}
                Some(("SIZE", _)) => return self.say("552 5.3.4 too large"),
                _ => return self.say("555 5.5.4 unknown parameter"),
            }
        }
        if !(path.is_empty() || Address::parse(path).is_ok()) {
            return self.say("553 5.1.7 no such sender address");
        }
        if !utf8 && !path.is_ascii() {
            return self.say("553 5.6.7 needs SMTPUTF8");
        }
        self.sender = Some(Sender { utf8 });
        self.say("250 2.1.0 sender noted");
    }

    fn rcpt(&mut self, rest: &str) {
        let Some(sender) = &self.sender else { return self.say("503 5.5.1 MAIL first") };
        let reply = match path(rest, "TO:") {
            Some((path, _)) if !sender.utf8 && !path.is_ascii() => "553 5.6.7 needs SMTPUTF8",
            Some((_, parameters)) if !parameters.trim().is_empty() => "555 5.5.4 unknown parameter",
            Some(_) if self.to.len() == RECIPIENTS => "452 4.5.3 too many recipients",
            Some((path, _)) => match Address::parse(path) {
                Ok(address) => {
                    self.to.push(address);
                    "250 2.1.5 recipient noted"
                }
                Err(_) => "553 5.1.3 no such recipient address",
            },
            None => "501 5.5.4 RCPT TO:<address>",
        };
        self.say(reply);
    }

    async fn data(&mut self) -> io::Result<Then> {
        if self.to.is_empty() {
            self.say("503 5.5.1 RCPT first");
            return Ok(Then::Go);
        }
        self.say("354 end with a dot");
        let to = std::mem::take(&mut self.to);
        self.forget();
        let Some(received) = self.text().await? else { return Ok(Then::Stop) };
        let reply = match received {
            None => "552 5.3.4 too large".to_owned(),
            Some(text) if !dot_stuffing::is_canonical(&text) => "554 5.6.0 a lone CR, LF or NUL".to_owned(),
            Some(text) if !dot_stuffing::has_short_lines(&text) => {
                "554 5.6.0 a line of more than 998 octets".to_owned()
            }
            Some(text) => self.keep(to, dot_stuffing::unstuff(&text)).await,
        };
        self.say(&reply);
        Ok(Then::Go)
    }

    /// One file for each recipient, so that one of them can be forgotten without the others.
    async fn keep(&self, to: Vec<Address>, letter: Vec<u8>) -> String {
        let folder = self.folder.clone();
        let write = move || to.iter().map(|address| folder.store(address, &letter)).collect::<Result<Vec<_>>>();
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(files)) => format!("250 2.0.0 kept as {}", files.join(" ")),
            Ok(Err(error)) => {
                tracing::error!(error = %error, "a letter could not be kept");
                "452 4.3.1 no room for it now".to_owned()
            }
            Err(_) => "451 4.3.0 try again".to_owned(),
        }
    }

    /// The text up to its dot, dots still doubled: `Some(None)` when it was too large and only
    /// counted, `None` when the sender went away in the middle.
    async fn text(&mut self) -> io::Result<Option<Option<Vec<u8>>>> {
        let (mut searched, mut overflowed) = (0, false);
        loop {
            if let Some((end, next)) = dot_stuffing::find_end(&self.input, searched) {
                let rest = self.input.split_off(next);
                let mut text = std::mem::replace(&mut self.input, rest);
                text.truncate(end);
                return Ok(Some((!overflowed && end <= SIZE).then_some(text)));
            }
            if self.input.len() > SIZE {
                overflowed = true;
                self.input.drain(..self.input.len() - 4);
            }
            searched = self.input.len();
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// The next command without its line end; `None` when there is nothing more to talk about.
    async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            let end = memchr::memchr(b'\n', &self.input);
            if end.unwrap_or(self.input.len()) > LINE {
                return self.dismiss("500 5.5.2 line too long").await;
            }
            if let Some(end) = end {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                match line.strip_suffix(b"\r\n").map(|line| String::from_utf8(line.to_vec())) {
                    Some(Ok(line)) if !line.contains(['\r', '\0']) => return Ok(Some(line)),
                    Some(_) => self.say("500 5.5.2 unreadable command"),
                    // The sender's idea of a line is not ours; nothing after this can be trusted.
                    None => return self.dismiss("500 5.5.2 a lone LF").await,
                }
            } else if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    async fn dismiss(&mut self, reply: &str) -> io::Result<Option<String>> {
        self.say(reply);
        self.flush().await?;
        Ok(None)
    }

    /// Sends what was said and reads more; false when the other side is gone or asleep.
    async fn fill(&mut self) -> io::Result<bool> {
        self.flush().await?;
        self.input.reserve(16 * 1024);
        match timeout(IDLE, self.stream.read_buf(&mut self.input)).await {
            Ok(read) => Ok(read? > 0),
            Err(_) => {
                self.say("421 4.4.2 nothing heard for too long");
                Ok(false)
            }
        }
    }

    /// Replies wait until the commands at hand are done, so that a group gets one write.
    fn say(&mut self, reply: &str) {
        self.output.extend_from_slice(reply.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> io::Result<()> {
        let output = std::mem::take(&mut self.output);
        match timeout(IDLE, self.stream.write_all(&output)).await {
            Ok(written) => written,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn forget(&mut self) {
        self.sender = None;
        self.to.clear();
    }
}

/// Splits `FROM:<path> parameters`. A quoted local part may hold `>`.
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
    fn paths_end_at_the_bracket_outside_quotes() {
        assert_eq!(path("FROM:<>", "FROM:"), Some(("", "")));
        assert_eq!(path("from: <a@b.org> SIZE=1", "FROM:"), Some(("a@b.org", " SIZE=1")));
        assert_eq!(path("TO:<\"a>\\\"b\"@c.org>", "TO:"), Some(("\"a>\\\"b\"@c.org", "")));
        for text in ["FROM:a@b.org", "TO:<a@b.org>", "FROM:<a@b.org", "FRO", "", "FROM:<\"a>@b.org>", "ФРОМ:<a>"] {
            assert_eq!(path(text, "FROM:"), None, "{text}");
        }
    }
}
