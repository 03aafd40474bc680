//! A relay that tells the truth: an SMTP server whose ledger is on disk before it says 250. How it
//! behaves can be changed while it runs.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::ledger::Ledger;
use smtp_dialogue::Talk;

mod smtp_dialogue;

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
                let talk = Talk::with(stream, serving.clone());
                // A client that vanishes is what this is all about.
                tokio::spawn(async move { drop(talk.hold().await) });
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
