//! One running Sendoff: its folder, database, clock, ids and keys, opened once and passed down.

use std::sync::Arc;

use super::clock::Clock;
use super::config::Config;
use super::db::Db;
use super::error::Result;
use super::id::Ids;
use super::metric::Level;
use super::secret::Keyring;
use super::token::Signer;

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
    pub duty: Duty,
}

/// How many mailers work in this process, for those who ask how it is.
#[derive(Debug, Clone, Default)]
pub struct Duty {
    /// Mailers that mean to send.
    pub mailers: Level,
    /// Mailers that hold a lease at this moment.
    pub leases: Level,
}

impl Installation {
    /// Opens the installation, making folder, keys and tables where they are missing.
    pub async fn open(config: Config, clock: Clock) -> Result<Self> {
        config.prepare()?;
        let keys = Keyring::load(&config.keys())?;
        let db = Db::connect(&config.database_url()).await?;
        if db.is_shared()
            && let Some(wrong) = clock.follow(db.time().await?)
        {
            tracing::warn!(seconds = wrong / 1_000, "this machine's clock differs from the database's, which is used");
        }
        let signer = Signer::new(&keys);
        let (ids, keys) = (Arc::new(Ids::new(clock.clone())), Arc::new(keys));
        Ok(Self { config, db, ids, clock, keys, signer, duty: Duty::default() })
    }
}
