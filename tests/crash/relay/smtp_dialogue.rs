//! One conversation: the commands of a client, and the answers that the manner of the relay gives.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Act, Manner, Open, Relay, Seen};
use crate::ledger::{Entry, Ledger};

/// One conversation.
pub struct Talk {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    relay: Relay,
    manner: Arc<Manner>,
    ledger: Arc<Ledger>,
    seen: Arc<Seen>,
}

/// The conversation is over, by either side.
pub struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Talk {
    /// A conversation with who has come to a relay.
    pub fn with(stream: TcpStream, relay: Relay) -> Self {
        let (manner, ledger, seen) = relay.now();
        Self { stream, input: Vec::new(), output: Vec::new(), relay, manner, ledger, seen }
    }

    /// Holds it until one side hangs up.
    pub async fn hold(mut self) -> Result<(), Over> {
        let _open = Open::count(&self.seen);
        self.stream.set_nodelay(true)?;
        if self.seen.open.load(Ordering::SeqCst) > self.manner.connections {
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
                began = self.seen.begin();
                self.relay.heard_mail(opened);
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
                    match self.due(&self.manner.at_rcpt, count) {
                        Some(Act::Say(reply)) => self.say(&reply),
                        Some(_) => return Err(Over),
                        None => {
                            to = path_of(&line);
                            self.say("250 ok");
                        }
                    }
                }
                "DATA" if to.is_empty() => self.say("554 no valid recipients"),
                "DATA" => {
                    self.say("354 go on");
                    let text = self.text().await?;
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
        lines.extend(self.manner.extensions.iter().cloned());
        let last = lines.len() - 1;
        for (index, line) in lines.iter().enumerate() {
            self.say(&format!("250{}{line}", if index == last { ' ' } else { '-' }));
        }
    }

    /// The end of a text: into the ledger and 250, or what the manner says.
    async fn end(&mut self, entry: Entry) -> Result<(), Over> {
        let count = self.seen.texts.fetch_add(1, Ordering::SeqCst) + 1;
        self.delay().await;
        let act = self.due(&self.manner.at_dot, count);
        match act {
            Some(Act::Say(reply)) => {
                self.ledger.refuse(entry);
                self.say(&reply);
                return Ok(());
            }
            Some(Act::Drop) => {
                self.ledger.refuse(entry);
                self.seen.dropped.fetch_add(1, Ordering::SeqCst);
                return Err(Over);
            }
            Some(Act::DropAnswer) | None => {}
        }
        if !self.ledger.accept(entry).await {
            self.say("451 4.3.0 the ledger is broken");
            return Ok(());
        }
        self.seen.accepted.fetch_add(1, Ordering::SeqCst);
        if act == Some(Act::DropAnswer) {
            self.seen.dropped.fetch_add(1, Ordering::SeqCst);
            return Err(Over);
        }
        self.say("250 2.0.0 in the ledger");
        Ok(())
    }

    /// What is to be done instead of the usual, when it is the turn of this one.
    fn due(&self, act: &Option<(u64, Act)>, count: u64) -> Option<Act> {
        let act = act.as_ref().filter(|(every, _)| count.is_multiple_of(*every)).map(|(_, act)| act.clone());
        self.seen.acts.fetch_add(u64::from(act.is_some()), Ordering::SeqCst);
        act
    }

    async fn delay(&self) {
        if !self.manner.delay.is_zero() {
            tokio::time::sleep(self.manner.delay).await;
        }
    }

    fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> Result<(), Over> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    /// The next command; answers go out when nothing more has come in.
    async fn line(&mut self) -> Result<String, Over> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), Over> {
        self.flush().await?;
        self.input.reserve(64 * 1024);
        if self.stream.read_buf(&mut self.input).await? == 0 { Err(Over) } else { Ok(()) }
    }

    /// The text up to its dot, dots still doubled, with the line end before the dot.
    async fn text(&mut self) -> Result<Vec<u8>, Over> {
        let ends: &[&[u8]] =
            if self.manner.lenient { &[b"\r\n.\r\n", b"\n.\n", b"\n.\r\n", b"\r\n.\n"] } else { &[b"\r\n.\r\n"] };
        // An empty text begins with its dot.
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
