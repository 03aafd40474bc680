//! One running Sendoff: its folder, database, clock, ids and keys, opened once and passed down.

use std::sync::{Arc, Mutex, PoisonError};

use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::db::Db;
use crate::infra::error::Result;
use crate::infra::id::Ids;
use crate::infra::metric::Gauge;
use crate::infra::secret::Keyring;
use crate::infra::token::Signer;

/// Everything that the rooms share. Cheap to clone.
#[derive(Clone)]
pub struct Installation {
    /// Where the data lies.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Ids of new rows.
    pub ids: Arc<Ids>,
    /// Keys that never lie in the database.
    pub keys: Arc<Keyring>,
    /// Makes and checks the tokens in letters.
    pub signer: Signer,
    /// What the mailers of this process are doing.
    pub mailer_status: MailerStatus,
}

/// How many mailers work in this process, for those who ask how it is.
#[derive(Debug, Clone, Default)]
pub struct MailerStatus {
    /// Mailers that mean to send.
    pub mailers: Gauge,
    /// Mailers that hold a lease at this moment.
    pub leases: Gauge,
    /// Why the last mailer ended, until one holds a lease again.
    ended: Arc<Mutex<Option<&'static str>>>,
}

impl MailerStatus {
    /// Why nothing is sent: the key of what ended the last mailer. `None` while one holds a lease.
    pub fn exit_reason(&self) -> Option<&'static str> {
        let ended = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.filter(|_| self.leases.get() == 0)
    }

    /// A mailer has ended, for a reason that a catalogue names with this key.
    pub fn record_exit(&self, why: &'static str) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

impl Installation {
    /// Opens the installation, making folder, keys and tables where they are missing.
    pub async fn open(config: Config, clock: Clock) -> Result<Self> {
        let config = config.resolve()?;
        config.prepare()?;
        let keys = Keyring::load(&config.keys_dir())?;
        let db = Db::connect(&config.database_url()).await?;
        if db.is_shared()
            && let Some(wrong) = clock.synchronize(db.time().await?)
        {
            tracing::warn!(seconds = wrong / 1_000, "this machine's clock differs from the database's, which is used");
        }
        Ok(Self::from_parts(config, clock, keys, db))
    }

    /// The installation over a database that is open.
    pub fn from_parts(config: Config, clock: Clock, keys: Keyring, db: Db) -> Self {
        let signer = Signer::new(&keys);
        let (ids, keys) = (Arc::new(Ids::new(clock.clone())), Arc::new(keys));
        Self { config, db, ids, clock, keys, signer, mailer_status: MailerStatus::default() }
    }
}
