//! Store migration: move the data of an installation to another store, cancel that, wipe the previous store.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Action, Actor};
use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::error::{Message, Result};
use crate::store_migration::{self, MigrationReport, Step, wipe};

/// What to do.
#[derive(Debug)]
pub struct Request {
    /// postgres://… or a folder to move the data to.
    pub to: Option<String>,
    /// True to wipe the previous store.
    pub wipe_old: bool,
}

/// What a migration did.
#[derive(Debug, Serialize)]
pub struct Migrated {
    /// The data that were moved.
    #[serde(flatten)]
    pub moved: Option<Moved>,
    /// The previous store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<OldStore>,
}

/// Data that were moved.
#[derive(Debug, Serialize)]
pub struct Moved {
    /// The store that holds them now.
    pub place: String,
    /// How many contacts were erased while the data were copied.
    pub left: usize,
    /// The tables, which were compared; empty when the data were there already.
    pub tables: BTreeMap<String, TableSum>,
}

/// A table after the comparison of both stores.
#[derive(Debug, Serialize)]
pub struct TableSum {
    /// Its rows.
    pub rows: u64,
    /// The checksum of both sides.
    pub checksum: String,
}

/// What became of the previous store.
#[derive(Debug, Serialize)]
pub struct OldStore {
    /// Where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// True when it was wiped; false when it is kept, closed.
    pub wiped: bool,
    /// False when bytes of it may still be in the files of a database server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean: Option<bool>,
}

/// A migration that was cancelled.
#[derive(Debug, Serialize)]
pub struct Cancelled {
    /// Always true.
    pub cancelled: bool,
    /// The store that stays in use.
    pub place: String,
}

/// Moves the data, wipes the previous store, or both.
///
/// # Errors
///
/// `Invalid` when neither is asked for; `Unavailable` when a migration that had begun was interrupted: the same
/// request continues it.
pub async fn run(config: Config, actor: &Actor, request: &Request, progress: &mut dyn FnMut(Step)) -> Result<Migrated> {
    let permit = actor.permit_outside(Action::MigrateStore)?;
    let data = config.data.clone();
    if request.wipe_old {
        // Before anything is moved: a process on the old store would create its files again.
        drop(wipe::lock_unused(&data)?);
    }
    let moved = match &request.to {
        Some(to) => Some(migrate(config.clone(), to, progress).await?),
        None if request.wipe_old => None,
        None => return Err(Message::new("move-no-target").invalid_field("to")),
    };
    let old = if request.wipe_old {
        let (place, clean) = wipe::previous_stores(&data).await?;
        Some(OldStore { place: Some(place), wiped: true, clean: Some(clean) })
    } else {
        let is_moved = moved.as_ref().is_some_and(|moved| !moved.tables.is_empty());
        is_moved.then_some(OldStore { place: None, wiped: false, clean: None })
    };
    permit.audit_at(&config, None).await;
    Ok(Migrated { moved, old })
}

/// Cancels a migration that was begun. With `to`, what was copied there is removed.
pub async fn cancel(config: Config, actor: &Actor, to: Option<&str>) -> Result<Cancelled> {
    let permit = actor.permit_outside(Action::MigrateStore)?;
    let place = store_migration::cancel(config.clone(), Clock::system(), to).await?;
    permit.audit_at(&config, None).await;
    Ok(Cancelled { cancelled: true, place })
}

async fn migrate(config: Config, to: &str, progress: &mut dyn FnMut(Step)) -> Result<Moved> {
    let mut has_begun = false;
    let mut report = |step| {
        has_begun |= matches!(step, Step::Started);
        progress(step);
    };
    let outcome = store_migration::migrate(config, Clock::system(), to, &mut report).await;
    match outcome {
        Ok(MigrationReport { place, tables, erasures: left }) => {
            let sums =
                tables.into_iter().map(|table| (table.table, TableSum { rows: table.rows, checksum: table.checksum }));
            Ok(Moved { place, left, tables: sums.collect() })
        }
        Err(error) if has_begun => {
            error.log_causes();
            Err(Message::new("move-interrupted").with_message("why", error.message()).unavailable())
        }
        Err(error) => Err(error),
    }
}
