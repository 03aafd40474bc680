//! The two stores of a move, each held so that no other process carries it at the same time.

use std::fs::File;
use std::path::Path;

use sqlx::Row;

use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::db::store_status::{self, StoreState, StoreStatus};
use crate::infra::db::table::Table;
use crate::infra::db::{Conn, Db, Sql};
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;
use crate::infra::secret::Keyring;
use crate::infra::store_location::StoreLocation;
use crate::mailer::lease;

/// Tables that say where a store stands. They stay behind.
const OWN: &[&str] = &["standing", "carried"];

/// Locks on folders and, through open connections, on databases.
type Held = (Vec<File>, Vec<Conn>);

/// Both ends of a move.
pub struct Endpoints {
    /// Where the data come from.
    pub source: Installation,
    /// Where they go.
    pub target: Installation,
    /// The place of the source.
    pub from: StoreLocation,
    /// The place of the target.
    pub to: StoreLocation,
    /// Where the source stood when it was opened, or was made to stand.
    pub standing: StoreStatus,
    _held: Held,
}

impl Endpoints {
    /// Opens both. Marks the source as ending and the target as arriving, unless an earlier try did.
    pub async fn open(config: Config, clock: Clock, from: StoreLocation, to: StoreLocation) -> Result<Self> {
        let source = source(config, clock.clone()).await?;
        let data = &source.config.data;
        let (folder, conn) = hold(&source).await?;
        let mut held: Held = (vec![folder], vec![conn]);
        let found = source.db.store_status().await?;
        if let Some(found) = &found {
            refuse_other(found, &to)?;
        }
        let config = to.config(data);
        let elsewhere = !is_same_folder(&config.data, data);
        if elsewhere {
            // The whole folder goes: nobody may write into the old one meanwhile.
            held.0.push(lease::lock_file(&data.join("serve.lock"))?);
            config.prepare()?;
        }
        let db = reach(&config, &to).await?;
        let keys = Keyring::load(&source.config.keys_dir())?;
        let target = Installation::from_parts(config, clock, keys, db);
        if elsewhere {
            let (folder, conn) = hold(&target).await?;
            held.0.push(folder);
            held.1.push(conn);
        } else {
            held.1.push(hold_database(&target.db).await?);
        }
        let arriving = receive(&target, &to, &from, found.as_ref()).await?;
        let standing = match found {
            Some(found) => found,
            None => StoreStatus { state: StoreState::Ending, place: to.redacted(), number: source.ids.next() },
        };
        let ends = Self { source, target, from, to, standing, _held: held };
        if ends.standing.state != StoreState::Moved {
            ends.mark(&ends.source.db, &ends.standing).await?;
            if !arriving {
                let standing = StoreStatus { place: ends.from.redacted(), ..ends.standing(StoreState::Arriving) };
                ends.mark(&ends.target.db, &standing).await?;
            }
        }
        Ok(ends)
    }

    /// Where the source is to stand.
    pub fn standing(&self, state: StoreState) -> StoreStatus {
        StoreStatus { state, ..self.standing.clone() }
    }

    /// Lets the source stand there.
    pub async fn stand(&self, state: StoreState) -> Result<()> {
        self.mark(&self.source.db, &self.standing(state)).await
    }

    /// Opens the source for goodbyes again when the last of the move did not succeed.
    pub async fn let_goodbyes_in(&self) -> Result<()> {
        match self.source.db.store_status().await? {
            Some(found) if found.state == StoreState::Closing => self.stand(StoreState::Moving).await,
            _ => Ok(()),
        }
    }

    async fn mark(&self, db: &Db, standing: &StoreStatus) -> Result<()> {
        let mut tx = db.write_exclusively().await?;
        store_status::set(&mut tx, standing).await?;
        tx.commit().await
    }

    /// Whether a mailer is at work on the source. One that was killed counts until its lease ends.
    pub async fn is_sending(&self, conn: &mut Conn) -> Result<bool> {
        let db = &self.source.db;
        let alive = Sql::new("select count(*) from lease where until > ").push(db.now()).first(conn).await?;
        Ok(alive.is_some_and(|row| row.get::<i64, _>(0) > 0))
    }

    /// The tables to carry. Both sides must have the same.
    pub async fn tables(&self) -> Result<Vec<Table>> {
        let to_carry = async |db: &Db| -> Result<Vec<Table>> {
            Ok(db.all_tables().await?.into_iter().filter(|table| !OWN.contains(&table.name.as_str())).collect())
        };
        let (here, there) = (to_carry(&self.source.db).await?, to_carry(&self.target.db).await?);
        match here == there {
            true => Ok(here),
            false => Err(Message::new("move-schema").with("place", self.to.redacted()).internal()),
        }
    }

    /// Closes both databases.
    pub async fn close(self) {
        drop(self._held);
        self.source.db.close().await;
        self.target.db.close().await;
    }
}

/// The installation, also when its data are being carried away.
pub async fn source(config: Config, clock: Clock) -> Result<Installation> {
    config.prepare()?;
    let keys = Keyring::load(&config.keys_dir())?;
    let db = Db::connect_unmigrated(&config.database_url()).await?;
    db.migrate().await?;
    Ok(Installation::from_parts(config, clock, keys, db))
}

/// True for two names of one folder.
pub fn is_same_folder(one: &Path, two: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    matches!((real(one), real(two)), (Ok(one), Ok(two)) if one == two)
}

fn refuse_other(found: &StoreStatus, to: &StoreLocation) -> Result<()> {
    match found.state {
        StoreState::Arriving => Err(found.refusal()),
        _ if found.place == to.redacted() => Ok(()),
        StoreState::Moved => Err(found.refusal()),
        _ => Err(Message::new("move-elsewhere").with("place", &found.place).conflict()),
    }
}

/// Connects to the target, and makes the tables where there are none. Tables of others are left alone.
async fn reach(config: &Config, to: &StoreLocation) -> Result<Db> {
    let away = |error: Error| {
        let key = match error.message().key {
            "database-away" => "move-target-away",
            "database-login" => "move-target-login",
            "database-missing" => "move-target-missing",
            _ => return error,
        };
        Message::new(key).with("place", to.redacted()).internal()
    };
    let db = Db::connect_unmigrated(&config.database_url()).await.map_err(away)?;
    if is_taken(&db).await? {
        return Err(Message::new("move-occupied").with("place", to.redacted()).conflict());
    }
    db.migrate().await?;
    Ok(db)
}

/// Whether tables of others are there, or those of a Sendoff too old to say where it stands. Tables
/// that a killed process had begun to make are nobody's yet.
async fn is_taken(db: &Db) -> Result<bool> {
    let names = db.table_names().await?;
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if names.is_empty() || has("standing") {
        return Ok(false);
    }
    if !has("workspace") {
        return Ok(true);
    }
    let row = sqlx::query("select count(*) from workspace").fetch_one(&mut *db.read().await?).await?;
    Ok(row.get::<i64, _>(0) > 0)
}

/// Sees that the target is empty, or that this very move has begun to fill it: then true.
async fn receive(
    target: &Installation,
    to: &StoreLocation,
    from: &StoreLocation,
    source: Option<&StoreStatus>,
) -> Result<bool> {
    let number = source.map(|found| found.number);
    match target.db.store_status().await? {
        Some(found) if found.state == StoreState::Arriving && Some(found.number) == number => return Ok(true),
        Some(found) if found.state == StoreState::Arriving => {
            return Err(Message::new("move-half").with("place", to.redacted()).with("from", found.place).conflict());
        }
        Some(_) => return Err(Message::new("move-old").with("place", to.redacted()).conflict()),
        // The switch was made already, and the target is in use.
        None if source.is_some_and(|found| found.state == StoreState::Moved) => return Ok(true),
        None => {}
    }
    let mut conn = target.db.read().await?;
    for table in target.db.all_tables().await? {
        if table.count(&mut conn).await? > 0 {
            return Err(Message::new("move-occupied")
                .with("place", to.redacted())
                .with("from", from.redacted())
                .conflict());
        }
    }
    Ok(false)
}

/// Holds an installation for this process: its folder and, where it is shared, its database.
pub async fn hold(installation: &Installation) -> Result<(File, Conn)> {
    let folder = lease::lock_file(&installation.config.data.join("move.lock")).map_err(|_| twice())?;
    Ok((folder, hold_database(&installation.db).await?))
}

async fn hold_database(db: &Db) -> Result<Conn> {
    match db.try_lock_for_migration().await? {
        (conn, true) => Ok(conn),
        (_, false) => Err(twice()),
    }
}

fn twice() -> Error {
    Message::new("move-twice").internal()
}
