//! Source and target of a move, locked so that no other process moves one of them at the same time.

use std::fs::File;
use std::path::Path;

use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::db::query::Query;
use crate::infra::db::store_status::{self, StoreState, StoreStatus};
use crate::infra::db::table::Table;
use crate::infra::db::{Cells, Conn, Db};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::id_range;
use crate::infra::installation::Installation;
use crate::infra::lock_file;
use crate::infra::secret::Keyring;
use crate::infra::store_location::StoreLocation;
use crate::mailer::lease;
use crate::store_migration::data_files;

/// Tables about the store itself, which are not copied.
const STORE_TABLES: &[&str] = &["store_status", "store_migration_progress"];

/// Locks on folders and, by open connections, on databases.
type Locks = (Vec<File>, Vec<Conn>);

/// Source and target of a move.
pub struct Endpoints {
    /// The installation to move.
    pub source: Installation,
    /// The same installation on the target store.
    pub target: Installation,
    /// The location of the source.
    pub from: StoreLocation,
    /// The location of the target.
    pub to: StoreLocation,
    /// The status of the source when it was opened.
    pub status: StoreStatus,
    _locks: Locks,
}

impl Endpoints {
    /// Opens and locks both stores. Sets the source to ending and the target to arriving, unless an earlier try did.
    pub async fn open(config: Config, clock: Clock, from: StoreLocation, to: StoreLocation) -> Result<Self> {
        let source = open_source(config, clock.clone()).await?;
        let data = &source.config.data;
        let (folder, conn) = lock(&source).await?;
        let mut locks: Locks = (vec![folder], vec![conn]);
        let source_status = source.db.store_status().await?;
        if let Some(status) = &source_status {
            check_same_move(status, &to)?;
        }
        let config = Config::with_store(&to, data);
        let is_other_folder = !is_same_folder(&config.data, data);
        if is_other_folder {
            // The whole folder moves: no process may write into the old one meanwhile.
            locks.0.push(lock_file::acquire(&data.join("serve.lock"))?);
            if source_status.is_none() && data_files::exist(&config) {
                return Err(Message::new("move-occupied").with("place", to.redacted()).conflict());
            }
            config.prepare()?;
        }
        let db = connect_target(&config, &to).await?;
        let keys = Keyring::load(&source.config.keys_dir())?;
        let target = Installation::from_parts(config, clock, keys, db);
        if is_other_folder {
            let (folder, conn) = lock(&target).await?;
            locks.0.push(folder);
            locks.1.push(conn);
        } else {
            locks.1.push(lock_database(&target.db).await?);
        }
        let is_resumed = check_target(&target, &to, &from, source_status.as_ref()).await?;
        let status = match source_status {
            Some(status) => status,
            None => StoreStatus { state: StoreState::Ending, location: to.redacted(), migration: source.ids.next()? },
        };
        let endpoints = Self { source, target, from, to, status, _locks: locks };
        if endpoints.status.state != StoreState::Moved {
            set_status(&endpoints.source.db, &endpoints.status).await?;
            if !is_resumed {
                id_range::clear(&endpoints.target.db).await?;
                let location = endpoints.from.redacted();
                set_status(
                    &endpoints.target.db,
                    &StoreStatus { location, ..endpoints.with_state(StoreState::Arriving) },
                )
                .await?;
            }
        }
        Ok(endpoints)
    }

    /// The status of this move with another state.
    pub fn with_state(&self, state: StoreState) -> StoreStatus {
        StoreStatus { state, ..self.status.clone() }
    }

    /// Sets the state of the source.
    pub async fn set_source_state(&self, state: StoreState) -> Result<()> {
        set_status(&self.source.db, &self.with_state(state)).await
    }

    /// Sets a closing source back to moving, so that erasures are possible again after a failure.
    pub async fn allow_erasures(&self) -> Result<()> {
        match self.source.db.store_status().await? {
            Some(found) if found.state == StoreState::Closing => self.set_source_state(StoreState::Moving).await,
            _ => Ok(()),
        }
    }

    /// Whether a mailer holds a lease on the source. A killed mailer of another machine counts until its lease expires.
    pub async fn is_sending(&self, conn: &mut Conn) -> Result<bool> {
        Ok(lease::count_alive(conn, &self.source).await? > 0)
    }

    /// The tables to copy. Both stores must have the same.
    pub async fn tables(&self) -> Result<Vec<Table>> {
        common_tables(&self.source.db, &self.target.db, &self.to.redacted()).await
    }

    /// Closes both databases and releases the locks.
    pub async fn close(self) {
        drop(self._locks);
        self.source.db.close().await;
        self.target.db.close().await;
    }
}

/// The tables to copy from one store to another, which must have the same. `place` names the other in an error.
pub async fn common_tables(source: &Db, target: &Db, place: &str) -> Result<Vec<Table>> {
    let copied = async |db: &Db| -> Result<Vec<Table>> {
        let tables = db.all_tables().await?.into_iter();
        Ok(tables.filter(|table| !STORE_TABLES.contains(&table.name.as_str())).collect())
    };
    let tables = copied(source).await?;
    match tables == copied(target).await? {
        true => Ok(tables),
        false => Err(Message::new("move-schema").with("place", place).internal()),
    }
}

async fn set_status(db: &Db, status: &StoreStatus) -> Result<()> {
    let mut tx = db.write_exclusively().await?;
    store_status::set(&mut tx, status).await?;
    tx.commit().await
}

/// Opens an installation, also while its store is being moved.
pub async fn open_source(config: Config, clock: Clock) -> Result<Installation> {
    config.prepare()?;
    let keys = Keyring::load(&config.keys_dir())?;
    let db = Db::connect_unmigrated(&config.database_url()).await?;
    db.migrate().await?;
    Ok(Installation::from_parts(config, clock, keys, db))
}

/// Whether two paths name the same folder.
pub fn is_same_folder(one: &Path, two: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    matches!((real(one), real(two)), (Ok(one), Ok(two)) if one == two)
}

/// Fails unless the source is in a move to this target.
fn check_same_move(status: &StoreStatus, to: &StoreLocation) -> Result<()> {
    match status.state {
        StoreState::Arriving => Err(status.refusal()),
        _ if status.location == to.redacted() => Ok(()),
        StoreState::Moved => Err(status.refusal()),
        _ => Err(Message::new("move-elsewhere").with("place", &status.location).conflict()),
    }
}

/// Connects to the target and creates the tables. Fails when it holds tables of another program.
async fn connect_target(config: &Config, to: &StoreLocation) -> Result<Db> {
    let explain = |error: Error| {
        let key = match error.message().key {
            "database-away" => "move-target-away",
            "database-login" => "move-target-login",
            "database-missing" => "move-target-missing",
            _ => return error,
        };
        Message::new(key).with("place", to.redacted()).internal()
    };
    let db = Db::connect_unmigrated(&config.database_url()).await.map_err(explain)?;
    if is_occupied(&db).await? {
        return Err(Message::new("move-occupied").with("place", to.redacted()).conflict());
    }
    db.migrate().await?;
    Ok(db)
}

/// Whether the database holds nothing but empty tables of Sendoff, or no tables.
pub async fn is_unused(db: &Db) -> Result<bool> {
    let has_workspaces = db.table_names().await?.iter().any(|name| name == "workspace");
    Ok(!is_occupied(db).await? && (!has_workspaces || !has_rows(db).await?))
}

async fn has_rows(db: &Db) -> Result<bool> {
    let row = Query::new("select count(*) from workspace").fetch_optional(&mut *db.read().await?).await?;
    Ok(row.map_or(Ok(0), |row| row.cell::<i64>(0))? > 0)
}

/// Whether the database holds tables of another program, or data of a Sendoff that cannot be moved to. Empty tables that a
/// killed process left are not occupied.
async fn is_occupied(db: &Db) -> Result<bool> {
    let names = db.table_names().await?;
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if names.is_empty() || has("store_status") || has("standing") {
        return Ok(false);
    }
    if !has("workspace") {
        return Ok(true);
    }
    has_rows(db).await
}

/// Fails unless the target is empty, or this move has started to fill it. Returns true for the latter.
async fn check_target(
    target: &Installation,
    to: &StoreLocation,
    from: &StoreLocation,
    source: Option<&StoreStatus>,
) -> Result<bool> {
    let migration: Option<Id> = source.map(|status| status.migration);
    match target.db.store_status().await? {
        Some(found) if found.state == StoreState::Arriving && Some(found.migration) == migration => return Ok(true),
        Some(found) if found.state == StoreState::Arriving => {
            let message = Message::new("move-partial").with("place", to.redacted()).with("from", found.location);
            return Err(message.conflict());
        }
        Some(_) => return Err(Message::new("move-previous").with("place", to.redacted()).conflict()),
        // The cutover is done, and the target is in use.
        None if source.is_some_and(|status| status.state == StoreState::Moved) => return Ok(true),
        None => {}
    }
    let mut conn = target.db.read().await?;
    for table in target.db.all_tables().await? {
        // The migrations fill this one.
        if table.name != "id_node" && table.count(&mut conn).await? > 0 {
            let message = Message::new("move-occupied").with("place", to.redacted()).with("from", from.redacted());
            return Err(message.conflict());
        }
    }
    Ok(false)
}

/// Locks an installation for this process: its folder and, if it is shared, its database.
pub async fn lock(installation: &Installation) -> Result<(File, Conn)> {
    let folder = lock_file::acquire(&installation.config.data.join("move.lock")).map_err(|_| locked())?;
    Ok((folder, lock_database(&installation.db).await?))
}

async fn lock_database(db: &Db) -> Result<Conn> {
    match db.try_lock_for_migration().await? {
        (conn, true) => Ok(conn),
        (_, false) => Err(locked()),
    }
}

fn locked() -> Error {
    Message::new("move-locked").internal()
}
