//! Scripted SMTP server for tests: replies, delays, sends wrong replies, closes connections, and records every byte,
//! command and message.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sendoff::mailer::smtp::endpoint::Endpoint;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// The step of a session at which the script is called.
pub struct At<'a> {
    /// `CONNECT`, a verb in capitals, `TEXT` after 354, `.` after the message, or `*` for the lines
    /// that follow AUTH.
    pub verb: &'a str,
    /// How often this server has received the verb, from 1.
    pub count: usize,
    /// The whole line.
    pub line: &'a str,
}

/// What the server does at a step.
#[derive(Clone)]
pub enum Action {
    /// The default of a correct server.
    Usual,
    /// Sends this reply instead.
    Say(&'static str),
    /// Sends these bytes instead.
    Raw(Vec<u8>),
    /// Sends these bytes one at a time, with a pause after each.
    Drip(&'static str, Duration),
    /// Waits first.
    Wait(Duration, Box<Action>),
    /// Waits for a permit first.
    Until(Arc<Semaphore>, Box<Action>),
    /// Sends nothing more and keeps the connection open.
    Silent,
    /// Sends this reply, then closes the connection.
    SayAndDrop(&'static str),
    /// Closes the connection.
    Drop,
}

impl Action {
    pub fn late(millis: u64) -> Self {
        Self::Wait(Duration::from_millis(millis), Box::new(Self::Usual))
    }
}

/// A message that the server accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The line of MAIL.
    pub from: String,
    /// The lines of RCPT.
    pub to: Vec<String>,
    /// The message without doubled dots.
    pub text: Vec<u8>,
}

/// What the server has received.
#[derive(Default)]
pub struct Log {
    /// Bytes received in clear text.
    pub clear: Vec<u8>,
    /// All bytes, decrypted.
    pub bytes: Vec<u8>,
    /// Commands and the lines after AUTH.
    pub commands: Vec<String>,
    /// Accepted messages.
    pub messages: Vec<ReceivedMessage>,
    /// Connections so far.
    pub connections: usize,
    /// Commands that the client sent before the reply to the previous one.
    pub early: usize,
}

type Script = Arc<dyn Fn(&At) -> Action + Send + Sync>;

/// The configuration of a server.
#[derive(Clone)]
pub struct Plan {
    extensions: Vec<String>,
    lenient: bool,
    implicit: bool,
    tls: Option<TlsAcceptor>,
    script: Script,
}

impl Plan {
    /// A correct server.
    pub fn new() -> Self {
        let extensions = ["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 1000000"].map(str::to_owned).to_vec();
        Self { extensions, lenient: false, implicit: false, tls: None, script: Arc::new(|_| Action::Usual) }
    }

    /// Offers exactly these extensions.
    pub fn offering(mut self, extensions: &[&str]) -> Self {
        self.extensions = extensions.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Accepts every kind of line end, like servers that are open to SMTP smuggling.
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Offers STARTTLS, unless it speaks TLS from the first byte.
    pub fn encrypted(mut self, config: Arc<rustls::ServerConfig>, implicit: bool) -> Self {
        self.tls = Some(config.into());
        self.implicit = implicit;
        self
    }

    /// Calls the script at every step.
    pub fn on(mut self, script: impl Fn(&At) -> Action + Send + Sync + 'static) -> Self {
        self.script = Arc::new(script);
        self
    }

    /// Does `act` at one verb.
    pub fn at(self, verb: &'static str, act: Action) -> Self {
        self.on(move |at| if at.verb == verb { act.clone() } else { Action::Usual })
    }

    pub async fn start(self) -> Sink {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let log = Arc::new(Mutex::new(Log::default()));
        let seen = log.clone();
        let task = tokio::spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("no delay");
                lock(&seen).connections += 1;
                let session =
                    Session { plan: self.clone(), log: seen.clone(), input: Vec::new(), from: None, to: Vec::new() };
                sessions.spawn(session.run(stream));
            }
        });
        Sink { address, log, task }
    }
}

/// A server that runs until it is dropped.
pub struct Sink {
    pub address: SocketAddr,
    log: Arc<Mutex<Log>>,
    task: JoinHandle<()>,
}

impl Sink {
    pub fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    /// The server without TLS or credentials.
    pub fn target(&self) -> Endpoint {
        Endpoint::local(self.address)
    }

    /// True when the server has received these bytes, encrypted or not.
    pub fn has_received(&self, words: &str) -> bool {
        self.log().bytes.windows(words.len()).any(|window| window == words.as_bytes())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().expect("no test panics while it looks")
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}
type Line = Box<dyn Stream>;

struct Session {
    plan: Plan,
    log: Arc<Mutex<Log>>,
    input: Vec<u8>,
    from: Option<String>,
    to: Vec<String>,
}

impl Session {
    /// Runs one session; `None` anywhere below ends it.
    async fn run(mut self, stream: TcpStream) -> Option<()> {
        let mut stream: Line = Box::new(stream);
        let mut clear = true;
        if let Some(tls) = self.plan.tls.clone().filter(|_| self.plan.implicit) {
            stream = Box::new(tls.accept(stream).await.ok()?);
            clear = false;
        }
        self.perform(&mut stream, "CONNECT", "", "220 sink.example.org ESMTP").await?;
        loop {
            let line = self.line(&mut stream, clear).await?;
            if !self.plan.extensions.iter().any(|name| name == "PIPELINING") {
                // A client that does not wait for replies has sent more by now.
                let _ = timeout(Duration::from_millis(2), self.fill(&mut stream, clear)).await;
                lock(&self.log).early += usize::from(!self.input.is_empty());
            }
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let mut names = vec!["sink.example.org".to_owned()];
                    names.extend(self.plan.extensions.iter().cloned());
                    names.extend((clear && self.plan.tls.is_some()).then(|| "STARTTLS".to_owned()));
                    let last = names.pop().expect("a name");
                    let mut reply: String = names.iter().map(|name| format!("250-{name}\r\n")).collect();
                    reply.push_str(&format!("250 {last}"));
                    self.perform(&mut stream, &verb, &line, &reply).await?;
                }
                "STARTTLS" => {
                    let go = self.perform(&mut stream, &verb, &line, "220 go").await?;
                    if go && let Some(tls) = self.plan.tls.clone() {
                        stream = Box::new(tls.accept(stream).await.ok()?);
                        clear = false;
                    }
                }
                "AUTH" => self.auth(&mut stream, &line, clear).await?,
                "MAIL" => {
                    if self.perform(&mut stream, &verb, &line, "250 2.1.0 ok").await? {
                        self.from = Some(line);
                    }
                }
                "RCPT" => {
                    if self.perform(&mut stream, &verb, &line, "250 2.1.5 ok").await? {
                        self.to.push(line);
                    }
                }
                "DATA" => self.data(&mut stream, &line, clear).await?,
                "RSET" => {
                    (self.from, self.to) = (None, Vec::new());
                    self.perform(&mut stream, &verb, &line, "250 2.0.0 ok").await?;
                }
                "QUIT" => {
                    self.perform(&mut stream, &verb, &line, "221 bye").await?;
                    return None;
                }
                "HELO" | "NOOP" => drop(self.perform(&mut stream, &verb, &line, "250 ok").await?),
                _ => drop(self.perform(&mut stream, &verb, &line, "500 what?").await?),
            }
        }
    }

    async fn auth(&mut self, stream: &mut Line, line: &str, clear: bool) -> Option<()> {
        let questions: &[&str] = if line.contains("LOGIN") { &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] } else { &[] };
        let mut line = line.to_owned();
        let mut verb = "AUTH";
        for question in questions {
            if !self.perform(stream, verb, &line, question).await? {
                return Some(());
            }
            line = self.line(stream, clear).await?;
            verb = "*";
        }
        self.perform(stream, verb, &line, "235 2.7.0 welcome").await.map(drop)
    }

    async fn data(&mut self, stream: &mut Line, line: &str, clear: bool) -> Option<()> {
        if self.to.is_empty() {
            return self.perform(stream, "DATA", line, "503 no recipient").await.map(drop);
        }
        if !self.perform(stream, "DATA", line, "354 go").await? {
            return Some(());
        }
        self.perform(stream, "TEXT", "", "").await?;
        let mut end = self.end();
        while end.is_none() {
            self.fill(stream, clear).await?;
            end = self.end();
        }
        let (stop, next) = end.expect("found above");
        let rest = self.input.split_off(next);
        let mut text = std::mem::replace(&mut self.input, rest);
        text.truncate(stop);
        let message =
            ReceivedMessage { from: self.from.take()?, to: std::mem::take(&mut self.to), text: unstuff(&text) };
        if self.perform(stream, ".", "", "250 2.0.0 ok: queued as 4F2C91A").await? {
            lock(&self.log).messages.push(message);
        }
        Some(())
    }

    fn end(&self) -> Option<(usize, usize)> {
        let ends: &[&[u8]] = if self.plan.lenient {
            &[b"\r\n.\r\n", b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n\0.\r\n"]
        } else {
            &[b"\r\n.\r\n"]
        };
        let find = |end: &&[u8]| {
            self.input.windows(end.len()).position(|window| window == *end).map(|at| (at, at + end.len()))
        };
        ends.iter().filter_map(find).min()
    }

    /// Does what the script says; true when the reply was positive or asked for more.
    async fn perform(&mut self, stream: &mut Line, verb: &str, line: &str, usual: &str) -> Option<bool> {
        let count = {
            let mut log = lock(&self.log);
            log.commands.push(if line.is_empty() { verb.to_owned() } else { line.to_owned() });
            let is_verb = |command: &&String| command.split([' ', ':']).next() == Some(verb);
            log.commands.iter().filter(is_verb).count()
        };
        let mut act = (self.plan.script)(&At { verb, count, line });
        let act = loop {
            act = match act {
                Action::Wait(time, then) => {
                    sleep(time).await;
                    *then
                }
                Action::Until(word, then) => {
                    drop(word.acquire().await);
                    *then
                }
                now => break now,
            }
        };
        let (bytes, goes_on) = match act {
            Action::Usual if usual.is_empty() => (Vec::new(), true),
            Action::Usual => (format!("{usual}\r\n").into_bytes(), true),
            Action::Say(reply) => (format!("{reply}\r\n").into_bytes(), true),
            Action::SayAndDrop(reply) => (format!("{reply}\r\n").into_bytes(), false),
            Action::Raw(bytes) => (bytes, true),
            Action::Drip(bytes, pause) => {
                for byte in bytes.bytes() {
                    stream.write_all(&[byte]).await.ok()?;
                    sleep(pause).await;
                }
                (Vec::new(), true)
            }
            Action::Silent => {
                sleep(Duration::from_secs(600)).await;
                return None;
            }
            Action::Drop | Action::Wait(..) | Action::Until(..) => return None,
        };
        stream.write_all(&bytes).await.ok()?;
        stream.flush().await.ok()?;
        goes_on.then(|| bytes.is_empty() || matches!(bytes[0], b'2' | b'3'))
    }

    async fn line(&mut self, stream: &mut Line, clear: bool) -> Option<String> {
        let end: &[u8] = if self.plan.lenient { b"\n" } else { b"\r\n" };
        loop {
            if let Some(at) = self.input.windows(end.len()).position(|window| window == end) {
                let line: Vec<u8> = self.input.drain(..at + end.len()).collect();
                return Some(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            }
            self.fill(stream, clear).await?;
        }
    }

    async fn fill(&mut self, stream: &mut Line, clear: bool) -> Option<()> {
        let before = self.input.len();
        let read = stream.read_buf(&mut self.input).await.ok()?;
        let mut log = lock(&self.log);
        log.bytes.extend_from_slice(&self.input[before..]);
        if clear {
            log.clear.extend_from_slice(&self.input[before..]);
        }
        (read > 0).then_some(())
    }
}

fn unstuff(text: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    for &byte in text {
        let starts_line = out.is_empty() || out.ends_with(b"\r\n");
        out.push(byte);
        if starts_line && byte == b'.' {
            out.pop();
            out.push(0);
        }
    }
    // Each doubled dot became NUL and dot.
    out.retain(|byte| *byte != 0);
    out.extend_from_slice(b"\r\n");
    out
}
