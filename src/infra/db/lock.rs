//! Row locks, and the advisory lock between imports and erasures. SQLite has one writer and needs neither.

use crate::infra::db::{Conn, Db, Dialect};
use crate::infra::error::Result;

impl Db {
    /// The text around a select of ids, after `where id`, so that it takes rows which no other worker has locked.
    pub fn claim(&self) -> (&'static str, &'static str) {
        match self.dialect {
            Dialect::Sqlite => ("in (", ")"),
            Dialect::Postgres => ("= any(array(", " for update skip locked))"),
        }
    }

    /// The clause that locks the rows of a select for update until the transaction ends.
    pub fn hold(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " for update",
        }
    }
}

/// The clause that locks the rows of a select against changes until the transaction ends.
pub fn for_share(conn: &Conn) -> &'static str {
    if conn.backend_name() == "SQLite" { "" } else { " for share" }
}

/// The clause that locks the rows of a select for an update in this transaction.
pub fn for_update(conn: &Conn) -> &'static str {
    if conn.backend_name() == "SQLite" { "" } else { " for update" }
}

/// Takes the shared lock of imports until the transaction ends: no erasure can tombstone an address between the
/// import's lookup and its insert.
pub async fn lock_addresses_shared(conn: &mut Conn) -> Result<()> {
    advisory_lock(conn, "select pg_advisory_xact_lock_shared(7315303)").await
}

/// Takes the exclusive lock of an erasure until the transaction ends. The server grants it in order of arrival: it waits
/// for the imports that hold the shared lock, not for later ones.
pub async fn lock_addresses_exclusive(conn: &mut Conn) -> Result<()> {
    advisory_lock(conn, "select pg_advisory_xact_lock(7315303)").await
}

async fn advisory_lock(conn: &mut Conn, lock: &'static str) -> Result<()> {
    if conn.backend_name() != "SQLite" {
        sqlx::raw_sql(lock).execute(conn).await?;
    }
    Ok(())
}
