//! Log of the messages that the relay accepted, on disk before it replies 250.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

/// Lines that share a sync at most.
const GROUP: usize = 1_000;

/// One accepted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub from: String,
    pub to: String,
    pub message_id: String,
    /// SHA-256 of the text without doubled dots, in hex.
    pub digest: String,
    /// How many MAIL commands the relay had met when this message's came, itself included.
    pub began: u64,
}

impl Entry {
    fn line(&self, sequence: u64) -> String {
        let Self { from, to, message_id, digest, began } = self;
        format!("{sequence}\t{from}\t{to}\t{message_id}\t{digest}\t{began}\n")
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split('\t').skip(1);
        let mut next = || words.next().map(str::to_owned);
        Some(Self { from: next()?, to: next()?, message_id: next()?, digest: next()?, began: next()?.parse().ok()? })
    }
}

type Append = (Entry, oneshot::Sender<()>);

/// A file of accepted messages, and what is known of texts that were not accepted.
pub struct AcceptedLog {
    orders: Mutex<Sender<Append>>,
    /// Digests of whole texts that met another end than the log of accepted messages, by Message-ID.
    refused: Mutex<HashMap<String, String>>,
}

impl AcceptedLog {
    /// Begins an empty log of accepted messages. Without `sync` lines may wait in the page cache.
    pub fn create(path: &Path, sync: bool) -> io::Result<Self> {
        let file = File::create(path)?;
        let (orders, inbox) = mpsc::channel();
        std::thread::spawn(move || write(file, &inbox, sync));
        Ok(Self { orders: Mutex::new(orders), refused: Mutex::default() })
    }

    /// Returns once the message is in the log of accepted messages; false when the disk refused.
    pub async fn accept(&self, entry: Entry) -> bool {
        let (done, wait) = oneshot::channel();
        let sent = self.orders.lock().unwrap_or_else(PoisonError::into_inner).send((entry, done));
        sent.is_ok() && wait.await.is_ok()
    }

    /// Remembers a text that was heard to its end and not accepted.
    pub fn refuse(&self, entry: Entry) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(entry.message_id, entry.digest);
    }

    /// What was refused, by Message-ID.
    pub fn refused(&self) -> HashMap<String, String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Every message in a log of accepted messages.
pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    Ok(std::fs::read_to_string(path)?.lines().filter_map(Entry::parse).collect())
}

fn write(mut file: File, inbox: &Receiver<Append>, sync: bool) {
    let mut sequence = 0;
    while let Ok(first) = inbox.recv() {
        let (mut text, mut waiting) = (String::new(), Vec::new());
        for (entry, done) in std::iter::once(first).chain(inbox.try_iter().take(GROUP)) {
            sequence += 1;
            text.push_str(&entry.line(sequence));
            waiting.push(done);
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| if sync { file.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            eprintln!("the log of accepted messages cannot be written: {error}");
            return;
        }
        for done in waiting {
            // Who waited may be gone; the line stands.
            let _ = done.send(());
        }
    }
}
