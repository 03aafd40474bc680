//! The installation: data folder, database, clock, ids and keys, opened once and passed to every module.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::infra::chained_log::ChainedLog;
use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::db::Db;
use crate::infra::error::Result;
use crate::infra::id::Ids;
use crate::infra::intent::Intents;
use crate::infra::metric::Gauge;
use crate::infra::network::Network;
use crate::infra::panic::PanicCounter;
use crate::infra::secret::Keyring;
use crate::infra::token::Signer;
use crate::infra::waiting_hit::WaitingHits;

/// What all modules share. Cheap to clone.
#[derive(Clone)]
pub struct Installation {
    /// Data folder and database URL.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// Outgoing connections.
    pub network: Network,
    /// Generator of row ids.
    pub ids: Ids,
    /// Secret keys, which are never in the database.
    pub keys: Arc<Keyring>,
    /// Signs and verifies the tokens in messages.
    pub signer: Signer,
    /// Who did what: actions of users, recipients and the engine.
    pub audit_log: ChainedLog,
    /// Actions of this process that have begun and are not in the audit log yet.
    pub intents: Intents,
    /// What was erased, when and why, for acts of destruction.
    pub destruction_log: ChainedLog,
    /// Commitments to consent receipts and their evidence, which name nobody.
    pub consent_log: ChainedLog,
    /// State of the mailers of this process.
    pub mailer_status: MailerStatus,
    /// The panics that this process has caught.
    pub panics: PanicCounter,
    /// Opens and clicks of this process that are still in memory.
    pub waiting_hits: WaitingHits,
}

/// State of the mailers of this process, for health checks and metrics.
#[derive(Debug, Clone, Default)]
pub struct MailerStatus {
    /// Mailers started.
    pub mailers: Gauge,
    /// Mailers that hold a lease.
    pub leases: Gauge,
    /// Looks of schedulers for work.
    looks: Arc<AtomicU64>,
    /// Group commits.
    commits: Arc<AtomicU64>,
    /// Notified when there may be work for a mailer that waits.
    wake: Arc<Notify>,
    /// Catalogue key of why the last mailer exited.
    exit: Arc<Mutex<Option<&'static str>>>,
}

impl MailerStatus {
    /// Catalogue key of why the last mailer exited; `None` while a mailer holds a lease.
    pub fn exit_reason(&self) -> Option<&'static str> {
        let exit = *self.exit.lock().unwrap_or_else(PoisonError::into_inner);
        exit.filter(|_| self.leases.get() == 0)
    }

    /// How many times schedulers of this process have looked for work.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    /// Counts a look for work.
    pub fn count_look(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    /// How many group commits mailers of this process have made.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    /// Counts a group commit.
    pub fn count_commit(&self) {
        self.commits.fetch_add(1, Ordering::Release);
    }

    /// Lets a mailer of this process look for work at once. Mailers of other processes look within a second.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits for [`MailerStatus::wake`].
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Records that a mailer exited, with the catalogue key of the reason.
    pub fn record_exit(&self, why: &'static str) {
        *self.exit.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

impl Installation {
    /// Opens the installation; creates folders, keys and tables that are missing.
    pub async fn open(config: Config, clock: Clock) -> Result<Self> {
        let config = config.resolve()?;
        config.prepare()?;
        let keys = Keyring::load(&config.keys_dir())?;
        let db = Db::connect(&config.database_url()).await?;
        if db.is_shared()
            && let Some(wrong) = clock.synchronize(db.time().await?)
        {
            tracing::warn!(
                seconds = wrong / 1_000,
                "the machine's clock differs from the database's; using the database's"
            );
        }
        let ids = Ids::claim(clock.clone(), db.clone()).await;
        Ok(Self { ids, ..Self::from_parts(config, clock, keys, db) })
    }

    /// The installation of an open database. Its ids differ from each other, but are not claimed in the database.
    pub fn from_parts(config: Config, clock: Clock, keys: Keyring, db: Db) -> Self {
        let signer = Signer::new(&keys);
        let log = |name| ChainedLog::new(config.journal_dir(), name, keys.tombstone.clone());
        let (audit_log, destruction_log, consent_log) = (log("audit"), log("destruction"), log("consent"));
        let intents = Intents::new(config.journal_dir());
        let (ids, keys) = (Ids::new(clock.clone()), Arc::new(keys));
        Self {
            config,
            db,
            network: Network::tcp(),
            ids,
            clock,
            keys,
            signer,
            audit_log,
            intents,
            destruction_log,
            consent_log,
            mailer_status: MailerStatus::default(),
            panics: PanicCounter::default(),
            waiting_hits: WaitingHits::default(),
        }
    }
}
