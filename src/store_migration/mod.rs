//! Store migration: moves a running installation from one store to another, a folder to a PostgreSQL server or back.
//!
//! ```text
//!   source   in use ─► ending ─► moving ─────────────────────► closing ─► moved
//!                      mailers    erasures only; rows are        no         for good
//!                      stop       copied                         writes
//!   target   empty ──────────────► arriving ─────────────────────────────► in use
//! ```
//!
//! The rows come from one snapshot of the source (`copy`) and are counted and checksummed in both stores (`compare`).
//! Erasures that happened after the snapshot are repeated in the target like after a restored backup (`catch_up`). Then
//! the source is closed, the target is opened, and the data folder names the new store (`cutover`). At no time are both
//! in use. After a crash the same command resumes.

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
use crate::infra::db::{Conn, Db};
use crate::infra::error::{Message, Result};
use crate::infra::store_location::StoreLocation;

pub use compare::TableChecksum;
use endpoints::Endpoints;

/// How long running mailers may take to stop.
const MAILER_TIMEOUT: Duration = Duration::from_secs(90);
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Rounds of copying during which erasures are executed. In a further round they wait in the journal, so that the
/// compared rows do not change.
const OPEN_ROUNDS: u32 = 3;
/// Comparisons of a table until it must be equal.
const MAX_COMPARISONS: u32 = 3;

/// A step of a move, for progress bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Both stores have their status: from now on the move is resumed or cancelled.
    Started,
    /// Mailers are stopping.
    WaitingForMailers,
    /// The rows to copy are counted.
    Counted {
        /// The number of rows.
        rows: u64,
    },
    /// More rows of a table are copied.
    Copying {
        /// The table.
        table: String,
        /// The number of rows.
        rows: u64,
    },
    /// More rows of a table are compared.
    Comparing {
        /// The table.
        table: String,
        /// The number of rows.
        rows: u64,
    },
}

/// The result of a move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// The location of the data now, without a password.
    pub place: String,
    /// The checksum of every table; empty when the data was in the target already.
    pub tables: Vec<TableChecksum>,
    /// Erasures that happened while rows were copied and were repeated in the target.
    pub erasures: usize,
}

/// Moves an installation to another store. Resumes a move that was interrupted.
pub async fn migrate(config: Config, clock: Clock, to: &str, report: &mut dyn FnMut(Step)) -> Result<MigrationReport> {
    let to = StoreLocation::parse(to)?;
    let config = config.resolve()?;
    let from = config.store_location()?;
    if from.is_same(&to) {
        return Ok(MigrationReport { place: to.redacted(), ..MigrationReport::default() });
    }
    let endpoints = Endpoints::open(config, clock, from, to).await?;
    report(Step::Started);
    let result = match endpoints.status.state {
        // The source is closed, but the crash came before the data folder named the target.
        StoreState::Moved => Ok(MigrationReport { place: endpoints.to.redacted(), ..MigrationReport::default() }),
        _ => copy_until_equal(&endpoints, report).await,
    };
    match result {
        Ok(migrated) => {
            cutover::run(&endpoints).await?;
            endpoints.close().await;
            Ok(migrated)
        }
        Err(error) => {
            // Erasures run at once until the move is resumed. If this fails too, they are kept in the journal.
            let _ = endpoints.allow_erasures().await;
            Err(error)
        }
    }
}

/// Cancels a move: the source is in use again, with all its data. Rows in the target are deleted when it is named.
pub async fn cancel(config: Config, clock: Clock, to: Option<&str>) -> Result<String> {
    let to = to.map(StoreLocation::parse).transpose()?;
    let source = endpoints::open_source(config.resolve()?, clock).await?;
    let _lock = endpoints::lock(&source).await?;
    let found = match source.db.store_status().await? {
        Some(found) if matches!(found.state, StoreState::Ending | StoreState::Moving | StoreState::Closing) => found,
        Some(other) => return Err(other.refusal()),
        None => return Err(Message::new("move-not-started").conflict()),
    };
    if let Some(to) = to {
        wipe::partial_target(&to, &source.config.data, &found).await?;
    }
    let mut tx = source.db.write_exclusively().await?;
    store_status::clear(&mut tx).await?;
    tx.commit().await?;
    source.db.close().await;
    Ok(found.location)
}

async fn copy_until_equal(endpoints: &Endpoints, report: &mut dyn FnMut(Step)) -> Result<MigrationReport> {
    wait_for_mailers(endpoints, report).await?;
    let tables = endpoints.tables().await?;
    for round in 1.. {
        if round > OPEN_ROUNDS {
            endpoints.set_source_state(StoreState::Closing).await?;
        }
        let since = endpoints.source.clock.today();
        let (source, target) = (&endpoints.source.db, &endpoints.target.db);
        let checksums = copy_snapshot(source, target, &tables, report).await?;
        endpoints.set_source_state(StoreState::Closing).await?;
        let erasures = catch_up::repeat_erasures(endpoints, since).await?;
        if catch_up::agree(endpoints, &tables).await? {
            return Ok(MigrationReport { place: endpoints.to.redacted(), tables: checksums, erasures });
        }
        if round > OPEN_ROUNDS {
            break;
        }
        endpoints.set_source_state(StoreState::Moving).await?;
    }
    Err(Message::new("move-differs").internal())
}

/// Waits until no mailer holds a lease, then sets the source to moving: only erasures may write to it.
async fn wait_for_mailers(endpoints: &Endpoints, report: &mut dyn FnMut(Step)) -> Result<()> {
    let began = tokio::time::Instant::now();
    loop {
        let mut tx = endpoints.source.db.write_exclusively().await?;
        if !endpoints.is_sending(&mut tx).await? {
            store_status::set(&mut tx, &endpoints.with_state(StoreState::Moving)).await?;
            return tx.commit().await;
        }
        drop(tx);
        if began.elapsed() > MAILER_TIMEOUT {
            return Err(Message::new("move-mailers").with("seconds", MAILER_TIMEOUT.as_secs()).unavailable());
        }
        report(Step::WaitingForMailers);
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Copies the tables of a snapshot of the source and compares both stores until nothing differs.
pub async fn copy_snapshot(
    source: &Db,
    target: &Db,
    tables: &[Table],
    report: &mut dyn FnMut(Step),
) -> Result<Vec<TableChecksum>> {
    let mut snapshot = source.read_snapshot().await?;
    let mut rows = 0;
    for table in tables {
        rows += table.count(&mut snapshot).await?;
    }
    report(Step::Counted { rows });
    copy::copy_tables(&mut snapshot, tables, target, report).await?;
    target.analyze().await?;
    let mut checksums = Vec::with_capacity(tables.len());
    for table in tables {
        checksums.push(compare_until_equal(&mut snapshot, table, target, report).await?);
    }
    Ok(checksums)
}

async fn compare_until_equal(
    snapshot: &mut Conn,
    table: &Table,
    target: &Db,
    report: &mut dyn FnMut(Step),
) -> Result<TableChecksum> {
    for _ in 0..MAX_COMPARISONS {
        let (checksum, copied_again) = compare::compare_table(snapshot, table, target, report).await?;
        if copied_again == 0 {
            return Ok(checksum);
        }
    }
    Err(Message::new("move-differs").internal())
}
