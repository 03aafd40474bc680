//! Row locks, and the advisory locks between imports and erasures and of the configuration. SQLite has one writer and needs neither.

use crate::infra::db::{Conn, Dialect};
use crate::infra::error::Result;

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

async fn advisory_lock(conn: &mut Conn, lock: &'static str) -> Result<()> {
    if has_row_locks(conn) {
        sqlx::raw_sql(lock).execute(conn).await?;
    }
    Ok(())
}
