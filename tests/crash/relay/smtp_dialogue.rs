//! SMTP session of the relay: reads the commands of one client and replies as the relay's behaviour says.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Act, Behaviour, Counters, Open, Relay};
use crate::accepted_log::{AcceptedLog, Entry};

/// One SMTP session.
pub struct Dialogue {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    relay: Relay,
    behaviour: Arc<Behaviour>,
    accepted_log: Arc<AcceptedLog>,
    seen: Arc<Counters>,
}

/// The connection was closed by either side.
pub struct Closed;

impl From<io::Error> for Closed {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Dialogue {
    /// A session on a new connection.
    pub fn with(stream: TcpStream, relay: Relay) -> Self {
        let (behaviour, accepted_log, seen) = relay.now();
        Self { stream, input: Vec::new(), output: Vec::new(), relay, behaviour, accepted_log, seen }
    }

    /// Holds it until one side hangs up.
    pub async fn hold(mut self) -> Result<(), Closed> {
        let _open = Open::count(&self.seen);
        self.stream.set_nodelay(true)?;
        if self.seen.open.load(Ordering::SeqCst) > self.behaviour.connections {
            self.say("421 4.7.0 too many connections");
            return self.flush().await;
        }
        self.say("220 truth.example ESMTP");
        let opened = Instant::now();
        let (mut from, mut to, mut began) = (None, String::new(), 0);
        loop {
            let line = self.line().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if verb == "MAIL" {
                began = self.seen.count_mail();
                self.relay.mail_received(opened);
            }
            self.delay().await;
            match verb.as_str() {
                "EHLO" => self.greet(),
                "HELO" | "NOOP" => self.say("250 ok"),
                "RSET" => {
                    (from, to) = (None, String::new());
                    self.say("250 ok");
                }
                "MAIL" => {
                    (from, to) = (Some(path_of(&line)), String::new());
                    self.say("250 ok");
                }
                "RCPT" if from.is_none() => self.say("503 MAIL first"),
                "RCPT" => {
                    let count = self.seen.recipients.fetch_add(1, Ordering::SeqCst) + 1;
                    match self.due(&self.behaviour.at_rcpt, count) {
                        Some(Act::Reply(reply)) => self.say(&reply),
                        Some(_) => return Err(Closed),
                        None => {
                            to = path_of(&line);
                            self.say("250 ok");
                        }
                    }
                }
                "DATA" if to.is_empty() => self.say("554 no valid recipients"),
                "DATA" => {
                    self.say("354 go on");
                    let text = self.text(&to).await?;
                    let entry = Entry {
                        from: from.take().unwrap_or_default(),
                        to: std::mem::take(&mut to),
                        message_id: message_id(&text),
                        digest: digest(&text),
                        began,
                    };
                    self.end(entry).await?;
                }
                "QUIT" => {
                    self.say("221 bye");
                    return self.flush().await;
                }
                _ => self.say("500 what"),
            }
        }
    }

    fn greet(&mut self) {
        let mut lines = vec!["truth.example".to_owned()];
        lines.extend(self.behaviour.extensions.iter().cloned());
        let last = lines.len() - 1;
        for (index, line) in lines.iter().enumerate() {
            self.say(&format!("250{}{line}", if index == last { ' ' } else { '-' }));
        }
    }

    /// The end of a text: into the log of accepted messages and 250, or what the behaviour says.
    async fn end(&mut self, entry: Entry) -> Result<(), Closed> {
        let count = self.seen.texts.fetch_add(1, Ordering::SeqCst) + 1;
        self.delay().await;
        let act = self.due(&self.behaviour.at_dot, count);
        match act {
            Some(Act::Reply(reply)) => {
                self.accepted_log.refuse(entry);
                self.say(&reply);
                return Ok(());
            }
            Some(Act::HangUp) => {
                self.accepted_log.refuse(entry);
                self.seen.dropped.fetch_add(1, Ordering::SeqCst);
                return Err(Closed);
            }
            Some(Act::AcceptAndHangUp) | None => {}
        }
        if !self.accepted_log.accept(entry).await {
            self.say("451 4.3.0 the log cannot be written");
            return Ok(());
        }
        self.seen.accepted.fetch_add(1, Ordering::SeqCst);
        if act == Some(Act::AcceptAndHangUp) {
            self.seen.dropped.fetch_add(1, Ordering::SeqCst);
            return Err(Closed);
        }
        self.say("250 2.0.0 queued");
        Ok(())
    }

    /// What is to be done instead of the usual, when it is the turn of this one.
    fn due(&self, act: &Option<(u64, Act)>, count: u64) -> Option<Act> {
        let act = act.as_ref().filter(|(every, _)| count.is_multiple_of(*every)).map(|(_, act)| act.clone());
        self.seen.acts.fetch_add(u64::from(act.is_some()), Ordering::SeqCst);
        act
    }

    async fn delay(&self) {
        if !self.behaviour.delay.is_zero() {
            tokio::time::sleep(self.behaviour.delay).await;
        }
    }

    fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> Result<(), Closed> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    /// The next command; answers go out when nothing more has come in.
    async fn line(&mut self) -> Result<String, Closed> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), Closed> {
        self.flush().await?;
        self.input.reserve(64 * 1024);
        if self.stream.read_buf(&mut self.input).await? == 0 { Err(Closed) } else { Ok(()) }
    }

    /// The text up to its dot, dots still doubled, with the line end before the dot.
    async fn text(&mut self, to: &str) -> Result<Vec<u8>, Closed> {
        let ends: &[&[u8]] =
            if self.behaviour.lenient { &[b"\r\n.\r\n", b"\n.\n", b"\n.\r\n", b"\r\n.\n"] } else { &[b"\r\n.\r\n"] };
        // An empty text begins with its dot.
        if self.input.is_empty() {
            self.read().await?;
        }
        self.seen.begin_text(to);
        self.input.splice(0..0, *b"\r\n");
        let mut searched = 0;
        loop {
            let found = ends.iter().filter_map(|end| {
                let before = if end.starts_with(b"\r") { 2 } else { 1 };
                memmem::find(&self.input[searched..], end).map(|at| (searched + at, before, end.len()))
            });
            if let Some((at, before, length)) = found.min() {
                let rest = self.input.split_off(at + length);
                let mut text = std::mem::replace(&mut self.input, rest);
                text.truncate(at + before);
                return Ok(text.split_off(2.min(text.len())));
            }
            searched = self.input.len().saturating_sub(4);
            self.read().await?;
        }
    }
}

/// What stands between the angle brackets of MAIL or RCPT.
fn path_of(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or_else(String::new, |(path, _)| path.to_owned())
}

fn message_id(text: &[u8]) -> String {
    let head = memmem::find(text, b"\r\n\r\n").map_or(text, |end| &text[..end]);
    let head = String::from_utf8_lossy(head);
    let field = head.lines().find(|line| line.get(..11).is_some_and(|name| name.eq_ignore_ascii_case("message-id:")));
    field.map_or_else(String::new, |line| line[11..].trim().to_owned())
}

/// SHA-256 of the text as its author wrote it: doubled dots count once.
fn digest(text: &[u8]) -> String {
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    let mut from = usize::from(text.starts_with(b".."));
    for at in memmem::find_iter(text, b"\r\n..") {
        digest.update(&text[from..at + 3]);
        from = at + 4;
    }
    digest.update(&text[from..]);
    digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
