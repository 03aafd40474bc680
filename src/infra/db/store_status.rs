//! Table `store_status`: whether the store may be written. It is empty while the store is in normal use; its one row
//! says that the data are being moved to another store, were moved, or are still arriving.
//!
//! Every write transaction reads the table first, inside the transaction: a change of the status waits for the
//! writers before it, and the writers after it see the change.

use sqlx::any::AnyRow;

use crate::infra::db::{Cells, Conn, Db, Dialect, Query, Script, StatementResult, Tx, lock};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;

crate::text_enum! {
    /// State of a store that is not in normal use.
    StoreState {
        /// A move begins: no mailer starts, running mailers stop.
        Ending = "ending",
        /// The data are being copied: only unsubscribes and erasures are written.
        Moving = "moving",
        /// The last changes are being copied: nothing is written; requests go to the journal.
        Closing = "closing",
        /// The data were moved elsewhere, for good.
        Moved = "moved",
        /// Data are arriving; the store is incomplete.
        Arriving = "arriving",
    }
}

/// Purpose of a write transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WritePurpose {
    /// Anything that can wait.
    Regular,
    /// An unsubscribe or erasure.
    Removal,
    /// Rows of a store that is moved here.
    Migration,
}

/// The row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// The state.
    pub state: StoreState,
    /// The other store of the move, without a password.
    pub location: String,
    /// Id of the move, the same in both stores.
    pub migration: Id,
}

impl StoreStatus {
    fn admits(&self, purpose: WritePurpose) -> bool {
        match purpose {
            WritePurpose::Regular => self.state == StoreState::Ending,
            WritePurpose::Removal => {
                matches!(self.state, StoreState::Ending | StoreState::Moving | StoreState::Arriving)
            }
            WritePurpose::Migration => self.state == StoreState::Arriving,
        }
    }

    /// The error of a refused write.
    pub fn refusal(&self) -> Error {
        let key = match self.state {
            StoreState::Ending | StoreState::Moving | StoreState::Closing => "store-moving",
            StoreState::Moved => "store-moved",
            StoreState::Arriving => "store-arriving",
        };
        Error::StoreClosed(Message::new(key).with("place", &self.location))
    }
}

fn select() -> Query {
    Query::new("select state, location, migration_id from store_status")
}

/// Begins a transaction with the advisory lock of writers, shared or exclusive (PostgreSQL).
const BEGIN_SHARED: &str = "begin; select pg_advisory_xact_lock_shared(7315301)";
const BEGIN_EXCLUSIVE: &str = "begin; select pg_advisory_xact_lock(7315301)";

impl Db {
    /// The status of the store; `None` in normal use.
    pub async fn store_status(&self) -> Result<Option<StoreStatus>> {
        get(&mut *self.read().await?).await
    }

    /// A write transaction for a purpose.
    ///
    /// # Errors
    /// [`Error::StoreClosed`] when the status of the store does not admit the purpose.
    pub async fn write_for(&self, purpose: WritePurpose) -> Result<Tx> {
        Ok(self.write_with(purpose, |_, _| {}).await?.0)
    }

    /// Begins a write transaction and runs the statements that `write` adds to the script, in one round trip with the
    /// check of the store's status.
    ///
    /// # Errors
    /// [`Error::StoreClosed`] as [`Db::write_for`]; the statements are rolled back.
    pub async fn write_with(
        &self,
        purpose: WritePurpose,
        write: impl FnOnce(&mut Script, &Conn),
    ) -> Result<(Tx, Vec<StatementResult>)> {
        let mut tx = self.begin(BEGIN_SHARED).await?;
        let mut script = Script::new(&tx);
        script.push(&select());
        write(&mut script, &tx);
        let mut results = script.run(&mut tx).await?;
        match parse(results.remove(0).rows.first())? {
            Some(status) if !status.admits(purpose) => Err(status.refusal()),
            _ => Ok((tx, results)),
        }
    }

    /// A transaction that waits until no other process writes, to change the status of the store.
    pub async fn write_exclusively(&self) -> Result<Tx> {
        self.begin(BEGIN_EXCLUSIVE).await
    }

    /// Returns an error when the data were moved elsewhere or are incomplete.
    pub async fn check_in_use(&self) -> Result<()> {
        match self.store_status().await? {
            Some(status) if matches!(status.state, StoreState::Moved | StoreState::Arriving) => Err(status.refusal()),
            _ => Ok(()),
        }
    }

    /// Tries to take the lock of the process that moves this store; it is held until the connection is dropped.
    /// Returns false when another process holds it. On SQLite the caller locks a file instead.
    pub async fn try_lock_for_migration(&self) -> Result<(Conn, bool)> {
        let mut conn = self.read().await?.detach();
        if self.dialect == Dialect::Sqlite {
            return Ok((conn, true));
        }
        let is_locked = lock::try_lock(&mut conn, lock::key::MIGRATION).await?;
        Ok((conn, is_locked))
    }

    /// SQLite takes the write lock at once: a deferred transaction that reads before it writes fails when another
    /// connection wrote in between.
    async fn begin(&self, postgres: &'static str) -> Result<Tx> {
        self.accesses.add_write();
        match self.dialect {
            Dialect::Sqlite => {
                let turn = self.write_turn.clone().lock_owned().await;
                let inner = self.writers.begin_with("begin immediate").await?;
                Ok(Tx { inner, turn: Some((turn, self.checkpointer.clone())) })
            }
            Dialect::Postgres => Ok(Tx { inner: self.writers.begin_with(postgres).await?, turn: None }),
        }
    }
}

/// The status of the store as this transaction sees it.
pub async fn get(conn: &mut Conn) -> Result<Option<StoreStatus>> {
    parse(select().fetch_optional(conn).await?.as_ref())
}

fn parse(row: Option<&AnyRow>) -> Result<Option<StoreStatus>> {
    let status = |row: &AnyRow| {
        let state = row.cell::<String>(0)?.parse()?;
        Ok(StoreStatus { state, location: row.cell(1)?, migration: row.cell(2)? })
    };
    row.map(status).transpose()
}

/// Changes the status; the transaction must come from [`Db::write_exclusively`].
pub async fn set(conn: &mut Conn, status: &StoreStatus) -> Result<()> {
    clear(conn).await?;
    Query::new("insert into store_status (migration_id, state, location) values (:migration, :state, :location)")
        .bind("migration", status.migration)
        .bind("state", status.state.as_str())
        .bind("location", status.location.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// Returns the store to normal use.
pub async fn clear(conn: &mut Conn) -> Result<()> {
    Query::new("delete from store_status").execute(conn).await?;
    Ok(())
}
