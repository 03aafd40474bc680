//! Row locks, and the advisory locks between imports and erasures and of the configuration. SQLite has one writer and needs neither.

use crate::infra::db::{Cells, Conn, Dialect, Query};
use crate::infra::error::Result;

/// Keys of the advisory locks, each of which belongs to one purpose.
pub(super) mod key {
    /// Writers: each write transaction holds it shared.
    pub const WRITERS: i64 = 7_315_301;
    /// The process that moves the store.
    pub const MIGRATION: i64 = 7_315_302;
    // Texts of statements name four more: 7315303 imports and erasures, 7315304 settings of tables at the start, 7315305 the
    // configuration, 7315307 chunks of the spool of events.
    /// The process that rewrites tables.
    pub const REWRITING: i64 = 7_315_306;
}

/// Takes an advisory lock for the session, unless another session holds it.
pub(super) async fn try_lock(conn: &mut Conn, key: i64) -> Result<bool> {
    let row = Query::new("select cast(cast(pg_try_advisory_lock(:lock) as integer) as bigint)")
        .bind("lock", key)
        .fetch_optional(conn)
        .await?;
    Ok(row.map_or(Ok(0), |row| row.cell::<i64>(0))? == 1)
}

/// True where rows must be locked explicitly: several writers at a time (PostgreSQL).
pub fn has_row_locks(conn: &Conn) -> bool {
    Dialect::of(conn) == Dialect::Postgres
}

/// Takes the shared lock of imports until the transaction ends: no erasure can tombstone an address between the
/// import's lookup and its insert. A correction of an address takes it too.
pub async fn lock_addresses_shared(conn: &mut Conn) -> Result<()> {
    advisory_lock(conn, "select pg_advisory_xact_lock_shared(7315303)").await
}

/// Takes the exclusive lock of an erasure until the transaction ends. The server grants it in order of arrival: it waits
/// for the imports that hold the shared lock, not for later ones.
pub async fn lock_addresses_exclusive(conn: &mut Conn) -> Result<()> {
    advisory_lock(conn, "select pg_advisory_xact_lock(7315303)").await
}

/// Takes the lock of changes to the configuration until the transaction ends: what such a transaction has read, no other
/// changes before it is written.
pub async fn lock_configuration(conn: &mut Conn) -> Result<()> {
    advisory_lock(conn, "select pg_advisory_xact_lock(7315305)").await
}

/// Takes the lock of a chunk of the spool of events until the transaction ends. It waits for a chunk whose process is gone
/// while the server still commits it.
pub async fn lock_event_spool(conn: &mut Conn) -> Result<()> {
    advisory_lock(conn, "select pg_advisory_xact_lock(7315307)").await
}

async fn advisory_lock(conn: &mut Conn, lock: &'static str) -> Result<()> {
    if has_row_locks(conn) {
        sqlx::raw_sql(lock).execute(conn).await?;
    }
    Ok(())
}
