//! SMTP server of the crash tests: every accepted message is in its log on disk before the reply 250. Its behaviour can be
//! changed while it runs.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::accepted_log::AcceptedLog;
use smtp_dialogue::Dialogue;

mod smtp_dialogue;

/// What happens to every so-many-th message or recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The connection ends before the message is in the log of accepted messages.
    HangUp,
    /// The message is in the log of accepted messages; the connection ends without an answer.
    AcceptAndHangUp,
    /// This reply instead, and no line in the log of accepted messages.
    Reply(String),
}

/// How the relay behaves.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Before the answer to each command and to the dot.
    pub delay: Duration,
    /// Takes lone line feeds for line ends.
    pub lenient: bool,
    /// Command EHLO offers.
    pub extensions: Vec<String>,
    /// What becomes of every n-th text.
    pub at_dot: Option<(u64, Act)>,
    /// What every n-th recipient is told.
    pub at_rcpt: Option<(u64, Act)>,
    /// Connections at a time; one more is told 421.
    pub connections: usize,
    /// Whether the log of accepted messages is synced before a message is accepted.
    pub sync: bool,
}

impl Default for Behaviour {
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
pub struct Counters {
    pub connections: AtomicU64,
    pub open: AtomicUsize,
    pub peak: AtomicUsize,
    pub mails: AtomicU64,
    times: Mutex<Vec<Instant>>,
    pub recipients: AtomicU64,
    pub texts: AtomicU64,
    pub accepted: AtomicU64,
    /// Times that something else than the usual was done, as the behaviour said.
    pub acts: AtomicU64,
    /// Recipients of whose message at least a part has come in.
    begun: Mutex<HashSet<String>>,
    /// Texts whose connection was dropped on purpose after they were heard.
    pub dropped: AtomicU64,
}

impl Counters {
    /// Counts a MAIL that has come in and returns its number.
    fn count_mail(&self) -> u64 {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.push(Instant::now());
        self.mails.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Records that a part of a message has come in.
    fn begin_text(&self, to: &str) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(to.to_owned());
    }

    /// True when a part of a message to this recipient has come in.
    pub fn has_begun(&self, to: &str) -> bool {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).contains(to)
    }

    /// When the MAIL of this number came in.
    pub fn began(&self, number: u64) -> Option<Instant> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
    }
}

struct RelayState {
    behaviour: Arc<Behaviour>,
    accepted_log: Arc<AcceptedLog>,
    seen: Arc<Counters>,
    /// Since when the harness waits for a MAIL, and when it came. What connections that were open before
    /// still bring is from a process that is dead.
    awaited: (Instant, Option<Instant>),
}

/// A running relay; cheap to clone.
#[derive(Clone)]
pub struct Relay {
    address: SocketAddr,
    book: Arc<Mutex<RelayState>>,
}

impl Relay {
    /// Listens, with a log of accepted messages to begin with.
    pub async fn start(listen: &str, path: &Path, behaviour: Behaviour) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let book = Mutex::new(RelayState::open(path, behaviour)?);
        let relay = Self { address, book: Arc::new(book) };
        let serving = relay.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let talk = Dialogue::with(stream, serving.clone());
                // A client that vanishes is what this is all about.
                tokio::spawn(async move { drop(talk.hold().await) });
            }
        });
        Ok(relay)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An empty log of accepted messages at this path, new numbers, and this behaviour for connections to come.
    pub fn reset(&self, path: &Path, behaviour: Behaviour) -> io::Result<()> {
        *self.lock() = RelayState::open(path, behaviour)?;
        Ok(())
    }

    /// Another behaviour for connections to come.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.lock().behaviour = Arc::new(behaviour);
    }

    pub fn seen(&self) -> Arc<Counters> {
        self.lock().seen.clone()
    }

    pub fn accepted_log(&self) -> Arc<AcceptedLog> {
        self.lock().accepted_log.clone()
    }

    /// Begins to wait for a MAIL on a new connection.
    pub fn expect_mail(&self) {
        self.lock().awaited = (Instant::now(), None);
    }

    /// When the first MAIL came since then, if one did.
    pub fn first_mail(&self) -> Option<Instant> {
        self.lock().awaited.1
    }

    /// Waits until no connection is open: what was on the wire has been heard.
    pub async fn wait_until_idle(&self) {
        while self.seen().open.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A MAIL has come on a connection that was opened then.
    fn mail_received(&self, opened: Instant) {
        let (since, came) = &mut self.lock().awaited;
        if opened > *since {
            came.get_or_insert_with(Instant::now);
        }
    }

    fn now(&self) -> (Arc<Behaviour>, Arc<AcceptedLog>, Arc<Counters>) {
        let book = self.lock();
        (book.behaviour.clone(), book.accepted_log.clone(), book.seen.clone())
    }

    fn lock(&self) -> MutexGuard<'_, RelayState> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RelayState {
    fn open(path: &Path, behaviour: Behaviour) -> io::Result<Self> {
        let accepted_log = Arc::new(AcceptedLog::create(path, behaviour.sync)?);
        Ok(Self { behaviour: Arc::new(behaviour), accepted_log, seen: Arc::default(), awaited: (Instant::now(), None) })
    }
}

/// An open connection, counted until it is dropped.
struct Open(Arc<Counters>);

impl Open {
    fn count(seen: &Arc<Counters>) -> Self {
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
