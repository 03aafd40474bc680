//! A relay that tells the truth: an SMTP server whose ledger is on disk before it says 250. How it
//! behaves can be changed while it runs.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::ledger::{Entry, Ledger};

/// What happens to every so-many-th letter or recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The connection ends before the letter is in the ledger.
    Drop,
    /// The letter is in the ledger; the connection ends without an answer.
    DropAnswer,
    /// This reply instead, and no line in the ledger.
    Say(String),
}

/// How the relay behaves.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Before the answer to each command and to the dot.
    pub delay: Duration,
    /// Takes lone line feeds for line ends.
    pub lenient: bool,
    /// What EHLO offers.
    pub extensions: Vec<String>,
    /// What becomes of every n-th text.
    pub at_dot: Option<(u64, Act)>,
    /// What every n-th recipient is told.
    pub at_rcpt: Option<(u64, Act)>,
    /// Connections at a time; one more is told 421.
    pub connections: usize,
    /// Whether the ledger is synced before a letter is accepted.
    pub sync: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            lenient: false,
            extensions: ["PIPELINING", "8BITMIME", "SMTPUTF8"].map(str::to_owned).to_vec(),
            at_dot: None,
            at_rcpt: None,
            connections: usize::MAX,
            sync: true,
        }
    }
}

/// What was met since [`Relay::begin`].
#[derive(Default)]
pub struct Seen {
    pub connections: AtomicU64,
    pub open: AtomicUsize,
    pub peak: AtomicUsize,
    pub mails: AtomicU64,
    times: Mutex<Vec<Instant>>,
    pub recipients: AtomicU64,
    pub texts: AtomicU64,
    pub accepted: AtomicU64,
    /// Times that something else than the usual was done, as the manner said.
    pub acts: AtomicU64,
    /// Texts whose connection was dropped on purpose after they were heard.
    pub dropped: AtomicU64,
}

impl Seen {
    /// Counts a MAIL that has come in and returns its number.
    fn begin(&self) -> u64 {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.push(Instant::now());
        self.mails.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// When the MAIL of this number came in.
    pub fn began(&self, number: u64) -> Option<Instant> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
    }
}

struct Book {
    manner: Arc<Manner>,
    ledger: Arc<Ledger>,
    seen: Arc<Seen>,
    /// Since when somebody waits for a MAIL, and when it came. What connections that were open before
    /// still bring is from a process that is dead.
    awaited: (Instant, Option<Instant>),
}

/// A running relay; cheap to clone.
#[derive(Clone)]
pub struct Relay {
    address: SocketAddr,
    book: Arc<Mutex<Book>>,
}

impl Relay {
    /// Listens, with a ledger to begin with.
    pub async fn start(listen: &str, path: &Path, manner: Manner) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let book = Mutex::new(Book::open(path, manner)?);
        let relay = Self { address, book: Arc::new(book) };
        let serving = relay.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (manner, ledger, seen) = serving.now();
                let relay = serving.clone();
                tokio::spawn(async move {
                    let _open = Open::count(&seen);
                    // A client that vanishes is what this is all about.
                    let _ = Talk {
                        stream,
                        input: Vec::new(),
                        output: Vec::new(),
                        relay,
                        manner,
                        ledger,
                        seen: seen.clone(),
                    }
                    .hold()
                    .await;
                });
            }
        });
        Ok(relay)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An empty ledger at this path, new numbers, and this manner for connections to come.
    pub fn begin(&self, path: &Path, manner: Manner) -> io::Result<()> {
        *self.lock() = Book::open(path, manner)?;
        Ok(())
    }

    /// Another manner for connections to come.
    pub fn behave(&self, manner: Manner) {
        self.lock().manner = Arc::new(manner);
    }

    pub fn seen(&self) -> Arc<Seen> {
        self.lock().seen.clone()
    }

    pub fn ledger(&self) -> Arc<Ledger> {
        self.lock().ledger.clone()
    }

    /// Begins to wait for a MAIL on a new connection.
    pub fn expect_mail(&self) {
        self.lock().awaited = (Instant::now(), None);
    }

    /// When the first MAIL came since then, if one did.
    pub fn first_mail(&self) -> Option<Instant> {
        self.lock().awaited.1
    }

    /// Waits until nobody is connected: what was on the wire has been heard.
    pub async fn quiet(&self) {
        while self.seen().open.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A MAIL has come on a connection that was opened then.
    fn heard_mail(&self, opened: Instant) {
        let (since, came) = &mut self.lock().awaited;
        if opened > *since {
            came.get_or_insert_with(Instant::now);
        }
    }

    fn now(&self) -> (Arc<Manner>, Arc<Ledger>, Arc<Seen>) {
        let book = self.lock();
        (book.manner.clone(), book.ledger.clone(), book.seen.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn open(path: &Path, manner: Manner) -> io::Result<Self> {
        let ledger = Arc::new(Ledger::begin(path, manner.sync)?);
        Ok(Self { manner: Arc::new(manner), ledger, seen: Arc::default(), awaited: (Instant::now(), None) })
    }
}

/// An open connection, counted until it is dropped.
struct Open(Arc<Seen>);

impl Open {
    fn count(seen: &Arc<Seen>) -> Self {
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
        seen.peak.fetch_max(open, Ordering::SeqCst);
        Self(seen.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One conversation.
struct Talk {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    relay: Relay,
    manner: Arc<Manner>,
    ledger: Arc<Ledger>,
    seen: Arc<Seen>,
}

/// The conversation is over, by either side.
struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Talk {
    async fn hold(mut self) -> Result<(), Over> {
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
