//! Carries a living installation from one store to another: a folder to a server, and back.
//!
//! ```text
//!   source   in use ─► ending ─► moving ────────────────────► closing ─► moved
//!                      mailers    people leave, nothing else   nothing    for good
//!                      end        changes; rows are carried    changes
//!   target   empty ──────────────► arriving ─────────────────────────────► in use
//! ```
//!
//! The rows come from one picture of the source (`carry`), are counted and checksummed on both sides
//! (`compare`), and what has changed since the picture was taken, which is only that people left,
//! is carried out on the target as after a restored backup (`farewell`). Then the source is closed,
//! the target is opened, and the data folder says where its data are (`handover`). At no instant are
//! both open, and whatever is killed, the same command goes on.

pub mod catch_up;
pub mod compare;
pub mod copy;
pub mod cutover;
pub mod data_files;
pub mod endpoints;
pub mod progress;
pub mod wipe;

use std::time::Duration;

use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::db::store_status::{self, StoreState};
use crate::infra::db::table::Table;
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;
use crate::infra::store_location::StoreLocation;

pub use compare::TableChecksum;
use endpoints::Endpoints;

/// How long mailers that are at work may take to end.
const PATIENCE: Duration = Duration::from_secs(90);
const GLANCE: Duration = Duration::from_millis(250);
/// Rounds in which people may leave while rows are carried. After them nobody may: then what is
/// compared stands still.
const ROUNDS: u32 = 3;
/// Comparisons until what was carried over again must be the same.
const TRIES: u32 = 3;

/// How far a move has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Both stores are marked: from now on the move goes on, or is given up.
    Started,
    /// Mailers end what they have begun.
    WaitingForMailers,
    /// The rows there are to carry, and then to compare.
    Counted {
        /// How many.
        rows: u64,
    },
    /// Some more rows of a table are on the other side.
    Copying {
        /// The table.
        table: String,
        /// How many.
        rows: u64,
    },
    /// Some more rows of a table are compared.
    Comparing {
        /// The table.
        table: String,
        /// How many.
        rows: u64,
    },
}

/// What a move came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// Where the data are now, without a password.
    pub place: String,
    /// Every table as it was compared; empty when the data had been there already.
    pub tables: Vec<TableChecksum>,
    /// People who left while rows were carried, and left the target too.
    pub left: usize,
}

/// Carries the installation to another place. What was begun and cut off goes on from there.
pub async fn migrate(config: Config, clock: Clock, to: &str, told: &mut dyn FnMut(Step)) -> Result<MigrationReport> {
    let to = StoreLocation::parse(to)?;
    let config = config.resolve()?;
    let from = StoreLocation::from_config(&config)?;
    if from.is_same(&to) {
        return Ok(MigrationReport { place: to.redacted(), ..MigrationReport::default() });
    }
    let ends = Endpoints::open(config, clock, from, to).await?;
    told(Step::Started);
    let outcome = match ends.standing.state {
        // The switch was made, and cut off before the folder was told.
        StoreState::Moved => Ok(MigrationReport { place: ends.to.redacted(), ..MigrationReport::default() }),
        _ => work(&ends, told).await,
    };
    match outcome {
        Ok(outcome) => {
            cutover::make(&ends).await?;
            ends.close().await;
            Ok(outcome)
        }
        Err(error) => {
            // People can leave at once until someone goes on; if not even that can be written, they
            // are noted beside the store.
            let _ = ends.let_goodbyes_in().await;
            Err(error)
        }
    }
}

/// Gives a move up: the source is in use again, with everything it had. What had come to the target
/// is removed when it is named.
pub async fn cancel(config: Config, clock: Clock, to: Option<&str>) -> Result<String> {
    let to = to.map(StoreLocation::parse).transpose()?;
    let source = endpoints::source(config.resolve()?, clock).await?;
    let _held = endpoints::hold(&source).await?;
    let found = match source.db.store_status().await? {
        Some(found) if matches!(found.state, StoreState::Ending | StoreState::Moving | StoreState::Closing) => found,
        Some(other) => return Err(other.refusal()),
        None => return Err(Message::new("move-none").conflict()),
    };
    if let Some(to) = to {
        wipe::partial_target(&to, &source.config.data, found.number).await?;
    }
    let mut tx = source.db.write_exclusively().await?;
    store_status::clear(&mut tx).await?;
    tx.commit().await?;
    source.db.close().await;
    Ok(found.place)
}

async fn work(ends: &Endpoints, told: &mut dyn FnMut(Step)) -> Result<MigrationReport> {
    rest(ends, told).await?;
    let tables = ends.tables().await?;
    for round in 1.. {
        if round > ROUNDS {
            ends.stand(StoreState::Closing).await?;
        }
        let since = ends.source.clock.today();
        let sums = picture(ends, &tables, told).await?;
        ends.stand(StoreState::Closing).await?;
        let left = catch_up::carry_out(ends, since).await?;
        if catch_up::agree(ends, &tables).await? {
            return Ok(MigrationReport { place: ends.to.redacted(), tables: sums, left });
        }
        if round > ROUNDS {
            break;
        }
        ends.stand(StoreState::Moving).await?;
    }
    Err(Message::new("move-differs").internal())
}

/// Lets the mailers end, and then lets nothing but goodbyes into the source.
async fn rest(ends: &Endpoints, told: &mut dyn FnMut(Step)) -> Result<()> {
    let began = tokio::time::Instant::now();
    loop {
        let mut tx = ends.source.db.write_exclusively().await?;
        if !ends.is_sending(&mut tx).await? {
            store_status::set(&mut tx, &ends.standing(StoreState::Moving)).await?;
            return tx.commit().await;
        }
        drop(tx);
        if began.elapsed() > PATIENCE {
            return Err(Message::new("move-mailers").unavailable());
        }
        told(Step::WaitingForMailers);
        tokio::time::sleep(GLANCE).await;
    }
}

/// Carries the source over as it is at one moment, and compares until nothing differs.
async fn picture(ends: &Endpoints, tables: &[Table], told: &mut dyn FnMut(Step)) -> Result<Vec<TableChecksum>> {
    let mut picture = ends.source.db.read_snapshot().await?;
    let mut rows = 0;
    for table in tables {
        rows += table.count(&mut picture).await?;
    }
    told(Step::Counted { rows });
    copy::all(&mut picture, tables, &ends.target.db, told).await?;
    ends.target.db.analyze().await?;
    let mut sums = Vec::with_capacity(tables.len());
    for table in tables {
        sums.push(compare_until_same(&mut picture, table, &ends.target, told).await?);
    }
    Ok(sums)
}

async fn compare_until_same(
    picture: &mut crate::infra::db::Conn,
    table: &Table,
    target: &Installation,
    told: &mut dyn FnMut(Step),
) -> Result<TableChecksum> {
    for _ in 0..TRIES {
        let (sum, repaired) = compare::one(picture, table, &target.db, told).await?;
        if repaired == 0 {
            return Ok(sum);
        }
    }
    Err(Message::new("move-differs").internal())
}
