//! The installation: data folder, database, clock, ids and keys, opened once and passed to every module.

use std::sync::{Arc, Mutex, PoisonError};

use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::db::Db;
use crate::infra::error::Result;
use crate::infra::id::Ids;
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
    /// Catalogue key of why the last mailer exited.
    exit: Arc<Mutex<Option<&'static str>>>,
}

impl MailerStatus {
    /// Catalogue key of why the last mailer exited; `None` while a mailer holds a lease.
    pub fn exit_reason(&self) -> Option<&'static str> {
        let exit = *self.exit.lock().unwrap_or_else(PoisonError::into_inner);
        exit.filter(|_| self.leases.get() == 0)
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
        let (ids, keys) = (Ids::new(clock.clone()), Arc::new(keys));
        Self {
            config,
            db,
            network: Network::tcp(),
            ids,
            clock,
            keys,
            signer,
            mailer_status: MailerStatus::default(),
            panics: PanicCounter::default(),
            waiting_hits: WaitingHits::default(),
        }
    }
}
