//! The database handle: connections, transactions, migrations, and every difference between SQLite and PostgreSQL.
//! Only the modules of this folder may ask which database it is.
//!
//! Statements are portable SQL ([`Query`]) over the types `text`, `bigint`, `integer`, `double precision` and `bytea`.
//! Functions of other modules take a [`Conn`]; the caller of [`Db::read`] or [`Db::write`] decides what is one
//! transaction.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, ConnectOptions, Connection, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};
use crate::infra::fsync;
use crate::infra::metric::Gauge;
use checkpoint::Checkpointer;
use dialect::Dialect;
use pages::WrittenPages;
use store_status::WritePurpose;

mod access_count;
pub mod bulk_insert;
mod checkpoint;
pub mod column_scan;
mod dialect;
pub mod fixed_width;
mod identity;
pub mod index;
pub mod json_rows;
mod lock;
mod migrations;
mod pages;
pub mod pg_copy;
pub mod query;
mod row;
mod script;
mod session;
mod sql;
pub mod statement_trace;
pub mod store_status;
pub mod table;
mod table_rewrite;
mod vacuum;
pub mod value;

pub use access_count::AccessCount;
pub use identity::DatabaseIdentity;
pub use lock::{has_row_locks, lock_addresses_exclusive, lock_addresses_shared, lock_configuration, lock_event_spool};
pub use pages::PageCleaner;
pub use query::Query;
pub use row::{Cells, read_each};
pub use script::{Script, StatementResult};
use session::session;
pub use sql::{Binding, Sql};
pub use vacuum::PhysicalErasure;

/// A connection to either database.
pub type Conn = sqlx::AnyConnection;

/// How long a connection to PostgreSQL is kept.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A database, SQLite or PostgreSQL. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pool: AnyPool,
    /// Connections of write transactions. SQLite: a single one, whose page cache stays valid because no other
    /// connection writes.
    writers: AnyPool,
    dialect: Dialect,
    /// Whether several machines can share this database.
    shared: bool,
    /// SQLite: the turn to write. Waiting for it is fair; waiting for SQLite's own lock is polling.
    write_turn: Arc<Mutex<()>>,
    checkpointer: Checkpointer,
    /// SQLite: the written pages of the database file; `None` for a database in memory.
    pages: Option<WrittenPages>,
    /// SQLite: whether it was built with the table of pages.
    can_clean: bool,
    vacuums: Gauge,
    accesses: AccessCount,
    address: Address,
}

/// The database URL. It can hold a password; `Debug` does not print it.
#[derive(Clone)]
struct Address(Arc<str>);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

/// A write transaction.
pub struct Tx {
    inner: sqlx::Transaction<'static, Any>,
    turn: Option<(OwnedMutexGuard<()>, Checkpointer)>,
}

impl Tx {
    /// Commits durably; a dropped `Tx` is rolled back. The process exits when the commit cannot be synced.
    pub async fn commit(self) -> Result<()> {
        match self.inner.commit().await {
            Err(error) if is_unsynced(&error) => fsync::exit("the database", error),
            committed => committed?,
        }
        if let Some((turn, checkpointer)) = self.turn {
            checkpointer.end_commit(turn).await;
        }
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.inner
    }
}

impl Db {
    /// Connects and runs the migrations. Returns an error for a store whose data were moved elsewhere.
    pub async fn connect(url: &str) -> Result<Self> {
        let db = Self::connect_unmigrated(url).await?;
        db.migrate().await?;
        db.check_in_use().await?;
        Ok(db)
    }

    /// Connects with the settings that durability and erasure need. Does not migrate.
    pub async fn connect_unmigrated(url: &str) -> Result<Self> {
        install_drivers();
        let dialect = match url.split(':').next() {
            Some("sqlite") => Dialect::Sqlite,
            Some("postgres" | "postgresql") => Dialect::Postgres,
            _ => return Err(Message::new("database-url").invalid_field("database")),
        };
        let options: AnyConnectOptions =
            url.parse().map_err(|_| Message::new("database-url").invalid_field("database"))?;
        let options = options.disable_statement_logging();
        let (mut first, mut pages, mut can_clean) = (None, None, false);
        if dialect == Dialect::Sqlite {
            // The pool would retry on a read-only file until it times out, and hide the cause.
            let mut conn = options.connect().await?;
            conn.execute(session(dialect)).await?;
            pages = pages::find(&mut conn).await?;
            can_clean = pages.is_some() && pages::can_clean(&mut conn).await?;
            first = Some(conn);
        }
        // Closing the last connection to a SQLite file empties the WAL, so one is always open.
        let lifetime = (dialect == Dialect::Postgres).then_some(CONNECTION_LIFETIME);
        let pool = |connections| {
            let options = options.clone();
            AnyPoolOptions::new()
                .max_connections(connections)
                .max_lifetime(lifetime)
                .idle_timeout(lifetime)
                .acquire_timeout(Duration::from_secs(10))
                .test_before_acquire(dialect == Dialect::Postgres)
                // SQLite rolls back by itself when the disk is full; the driver would still count the transaction
                // as open, and the connection could not begin another.
                .before_acquire(|conn, _| Box::pin(async move { Ok(!conn.is_in_transaction()) }))
                .after_connect(move |conn, _| Box::pin(async move { conn.execute(session(dialect)).await.map(drop) }))
                .connect_with(options)
        };
        let readers = pool(16).await?;
        let writers = if dialect == Dialect::Sqlite { pool(1).await? } else { readers.clone() };
        if let Some(first) = first {
            first.close().await?;
        }
        Ok(Self {
            checkpointer: Checkpointer::new(&readers, &writers, pages.clone()),
            pool: readers,
            writers,
            dialect,
            shared: dialect == Dialect::Postgres,
            write_turn: Arc::default(),
            pages,
            can_clean,
            vacuums: Gauge::default(),
            accesses: AccessCount::default(),
            address: Address(url.into()),
        })
    }

    /// A connection for reading. Take one per request, not per query.
    pub async fn read(&self) -> Result<PoolConnection<Any>> {
        self.accesses.add_read();
        Ok(self.pool.acquire().await?)
    }

    /// How often this process has used the database.
    pub fn accesses(&self) -> &AccessCount {
        &self.accesses
    }

    /// A write transaction. Refused while the store is carried elsewhere.
    pub async fn write(&self) -> Result<Tx> {
        self.write_for(WritePurpose::Regular).await
    }

    /// SQL expression for the database's clock in ms since 1970 UTC, at the moment of evaluation: machines that share
    /// a database can have different clocks.
    pub fn now(&self) -> &'static str {
        self.dialect.now_ms()
    }

    /// The time of the database's clock.
    pub async fn time(&self) -> Result<Millis> {
        let row = Query::new("select {now_ms}").fetch_optional(&mut *self.read().await?).await?;
        row.map_or(Ok(0), |row| row.cell(0))
    }

    /// The start of a select that locks a row for long. On PostgreSQL it also limits idle time in this transaction to ten
    /// seconds: a stopped process must not keep the lock.
    pub fn select_with_idle_timeout(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "select ''",
            Dialect::Postgres => "select set_config('idle_in_transaction_session_timeout', '10000', true)",
        }
    }

    /// True when several machines can share this database.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// The same database, taken for one that several machines share: for a simulation in which many mailers work on
    /// one SQLite file.
    #[must_use]
    pub fn as_shared(self) -> Self {
        Self { shared: true, ..self }
    }

    /// The same database, as if SQLite had been built without its table of pages.
    #[must_use]
    pub fn without_page_table(self) -> Self {
        Self { can_clean: false, ..self }
    }

    /// Position of `needle` in `hay`, 1-based, 0 when absent: two names for one function.
    pub fn position(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "instr",
            Dialect::Postgres => "strpos",
        }
    }

    /// Closes all connections; on SQLite this also empties the WAL, unless another process has the database open.
    pub async fn close(self) {
        let turn = self.write_turn.lock().await;
        // Who cleans pages keeps their numbers when the WAL is emptied. Two syncs are saved for each command beside `serve`.
        let is_kept_open = self.is_cleaner_busy();
        if !is_kept_open && let Err(error) = self.checkpointer.end().await {
            tracing::warn!(error = error.message().key, "all pages of the database will be checked again");
        }
        self.writers.close().await;
        self.pool.close().await;
        drop(turn);
        if let Some(pages) = self.pages.clone() {
            let note = move || if is_kept_open { pages.note_unread() } else { pages.note_closed() };
            let _ = tokio::task::spawn_blocking(note).await;
        }
    }
}

/// Installs the drivers of both databases, unless a test has installed its own.
fn install_drivers() {
    if !OWN_DRIVERS.load(Ordering::SeqCst) {
        sqlx::any::install_default_drivers();
    }
}

/// True once a test has installed drivers of its own.
static OWN_DRIVERS: AtomicBool = AtomicBool::new(false);

/// Keeps the drivers that a test has installed with [`sqlx::any::install_drivers`], instead of installing the usual ones.
pub fn keep_installed_drivers() {
    OWN_DRIVERS.store(true, Ordering::SeqCst);
}

/// True when SQLite could not sync its WAL or its folder (`SQLITE_IOERR_FSYNC`, `SQLITE_IOERR_DIR_FSYNC`).
/// PostgreSQL exits by itself when an fsync fails.
fn is_unsynced(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("1034" | "1290"))
}

/// True when a statement violated a unique constraint. SQLite does not name the constraint, so an insert may have only
/// one that a user can violate.
pub fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// True when a table does not exist.
pub fn is_missing_table(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some("42P01") || error.to_string().contains("no such table")
}

/// The same as [`Db::position`], where only a connection is at hand.
pub fn position(conn: &Conn) -> &'static str {
    if conn.backend_name() == "SQLite" { "instr" } else { "strpos" }
}

/// Rows that one statement should insert at most. SQLite keeps the pages that a statement with functions changes in memory until
/// it ends, to undo it alone; PostgreSQL keeps nothing, and one statement for all rows is planned best.
pub fn rows_per_statement(conn: &Conn) -> Option<i64> {
    (Dialect::of(conn) == Dialect::Sqlite).then_some(2_000)
}

/// Pings a connection; false when the database does not answer.
pub async fn is_alive(conn: &mut Conn) -> bool {
    conn.ping().await.is_ok()
}

/// Declares an enum that is stored as text; the same words are used in the database, in JSON and on the command line.
#[macro_export]
macro_rules! text_enum {
    // With the prefix of the keys in the catalogues: `key()` is the prefix and the text.
    ($(#[$meta:meta])* $name:ident keyed $prefix:literal { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $crate::text_enum! { $(#[$meta])* $name { $($(#[$vmeta])* $variant = $text),+ } }

        impl $name {
            /// The catalogue key of its name.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => concat!($prefix, $text)),+ }
            }
        }
    };
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// All values in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text of the value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::infra::error::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    $crate::infra::error::Message::new("unknown-word")
                        .with("word", text).with("known", known.join(", ")).invalid()
                })
            }
        }
    };
}
