//! Table `standing`: whether this store is in use. It has no row while it is; a row says that its
//! data are being carried elsewhere, live elsewhere, or are still arriving.
//!
//! Every transaction that means to write asks here first, inside the transaction: whoever changes
//! the standing waits for the writers before it, and those after it see the change.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::infra::db::{Conn, Db, Dialect, Script, Sql, StatementResult, Tx};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;

crate::text_enum! {
    /// What a store is, when it is not simply in use.
    StoreState {
        /// Its data are about to be carried elsewhere: no mailer begins, those that work end.
        Ending = "ending",
        /// Its data are being carried elsewhere: people may leave, and nothing else changes.
        Moving = "moving",
        /// The last of it is being carried: nothing changes. Who leaves is noted beside the store.
        Closing = "closing",
        /// Its data live elsewhere, for good.
        Moved = "moved",
        /// Data are arriving here; it is not whole yet.
        Arriving = "arriving",
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WritePurpose {
    /// Anything that can wait.
    Regular,
    /// Someone leaves or is erased.
    Removal,
    /// Rows come from another store.
    Migration,
}

/// Where a store stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// What it is.
    pub state: StoreState,
    /// Where its data go, or come from; shown to people, and without a password.
    pub place: String,
    /// The number of the move, the same on both sides.
    pub number: Id,
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

    /// Why nothing is written here.
    pub fn refusal(&self) -> Error {
        let key = match self.state {
            StoreState::Ending | StoreState::Moving | StoreState::Closing => "store-moving",
            StoreState::Moved => "store-moved",
            StoreState::Arriving => "store-arriving",
        };
        Error::StoreClosed(Message::new(key).with("place", &self.place))
    }
}

const ASK: &str = "select state, place, number from standing";

/// Begins a transaction that shares a lock with all other writers, and one that has it alone.
const SHARED: &str = "begin; select pg_advisory_xact_lock_shared(7315301)";
const ALONE: &str = "begin; select pg_advisory_xact_lock(7315301)";
/// The number of the lock that the one process which carries a store elsewhere holds.
const CARRIER: i64 = 7_315_302;

impl Db {
    /// Where the store stands; `None` while it is simply in use.
    pub async fn store_status(&self) -> Result<Option<StoreStatus>> {
        get(&mut *self.read().await?).await
    }

    /// A transaction for an purpose, if the store admits it now.
    pub async fn write_for(&self, purpose: WritePurpose) -> Result<Tx> {
        Ok(self.write_with(purpose, |_, _| {}).await?.0)
    }

    /// The same, and what the statements did that `write` has put into its script: they travel with the
    /// question whether the store admits them.
    pub async fn write_with(
        &self,
        purpose: WritePurpose,
        write: impl FnOnce(&mut Script, &Conn),
    ) -> Result<(Tx, Vec<StatementResult>)> {
        let mut tx = self.begin(SHARED).await?;
        let mut script = Script::new(&tx);
        script.add(ASK);
        write(&mut script, &tx);
        let mut done = script.run(&mut tx).await?;
        match standing_of(done.remove(0).rows.first())? {
            Some(standing) if !standing.admits(purpose) => Err(standing.refusal()),
            _ => Ok((tx, done)),
        }
    }

    /// A transaction that waits until nobody else writes, to change the standing of the store.
    pub async fn write_exclusively(&self) -> Result<Tx> {
        self.begin(ALONE).await
    }

    /// Refuses to use a store whose data live elsewhere or are not whole yet.
    pub async fn check_in_use(&self) -> Result<()> {
        match self.store_status().await? {
            Some(standing) if matches!(standing.state, StoreState::Moved | StoreState::Arriving) => {
                Err(standing.refusal())
            }
            _ => Ok(()),
        }
    }

    /// Holds a shared database for the one process that carries it elsewhere, until the connection
    /// is dropped. False when another process does. A folder is held by a lock on a file instead.
    pub async fn try_lock_for_migration(&self) -> Result<(Conn, bool)> {
        let mut conn = self.read().await?.detach();
        if self.dialect == Dialect::Sqlite {
            return Ok((conn, true));
        }
        let row = sqlx::query("select cast(cast(pg_try_advisory_lock($1) as integer) as bigint)")
            .bind(CARRIER)
            .fetch_one(&mut conn)
            .await?;
        Ok((conn, row.get::<i64, _>(0) == 1))
    }

    /// SQLite takes its lock up front: a deferred transaction that reads and then writes fails at
    /// once when another wrote in between.
    async fn begin(&self, postgres: &'static str) -> Result<Tx> {
        match self.dialect {
            Dialect::Sqlite => {
                let turn = self.writer.clone().lock_owned().await;
                let inner = self.writers.begin_with("begin immediate").await?;
                Ok(Tx { inner, turn: Some((turn, self.carrier.clone())) })
            }
            Dialect::Postgres => Ok(Tx { inner: self.writers.begin_with(postgres).await?, turn: None }),
        }
    }
}

/// Where the store stands, as this transaction sees it.
pub async fn get(conn: &mut Conn) -> Result<Option<StoreStatus>> {
    standing_of(sqlx::query(ASK).fetch_optional(conn).await?.as_ref())
}

fn standing_of(row: Option<&AnyRow>) -> Result<Option<StoreStatus>> {
    row.map(|row| Ok(StoreStatus { state: row.get::<String, _>(0).parse()?, place: row.get(1), number: row.get(2) }))
        .transpose()
}

/// Changes the standing; the transaction must come from [`Db::write_exclusively`].
pub async fn set(conn: &mut Conn, standing: &StoreStatus) -> Result<()> {
    clear(conn).await?;
    Sql::new("insert into standing (number, state, place) values (")
        .bind(standing.number)
        .push(", ")
        .bind_all([standing.state.to_string(), standing.place.clone()])
        .push(")")
        .run(conn)
        .await?;
    Ok(())
}

/// Puts the store into use again.
pub async fn clear(conn: &mut Conn) -> Result<()> {
    sqlx::query("delete from standing").execute(conn).await?;
    Ok(())
}
