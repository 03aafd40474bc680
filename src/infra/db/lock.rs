//! The words that hold rows, and the gate by which many people come in. SQLite has one writer and needs
//! neither.

use crate::infra::db::{Conn, Db, Dialect};
use crate::infra::error::Result;

impl Db {
    /// What stands around a select of keys so that it takes rows which no other worker holds:
    /// `where id` … select … .
    pub fn claim(&self) -> (&'static str, &'static str) {
        match self.dialect {
            Dialect::Sqlite => ("in (", ")"),
            Dialect::Postgres => ("= any(array(", " for update skip locked))"),
        }
    }

    /// What ends a select whose rows must stay as they are until the transaction ends.
    pub fn hold(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " for update",
        }
    }
}

/// What ends a select whose rows may be read by others and changed by nobody until the transaction
/// ends.
pub fn for_share(conn: &Conn) -> &'static str {
    if conn.backend_name() == "SQLite" { "" } else { " for share" }
}

/// The same for rows that are to be changed.
pub fn for_update(conn: &Conn) -> &'static str {
    if conn.backend_name() == "SQLite" { "" } else { " for update" }
}

/// Until this transaction ends nobody shuts the gate: who is looked for here, not found and brought in
/// is not kept out meanwhile by someone who did not find them either.
pub async fn lock_addresses_shared(conn: &mut Conn) -> Result<()> {
    gate(conn, "select pg_advisory_xact_lock_shared(7315303)").await
}

/// Waits for those who are passing, and holds up others until this transaction ends. The wait is in
/// order of arrival: a long row of those who pass holds nobody up for longer than one of them.
pub async fn lock_addresses_exclusive(conn: &mut Conn) -> Result<()> {
    gate(conn, "select pg_advisory_xact_lock(7315303)").await
}

async fn gate(conn: &mut Conn, lock: &'static str) -> Result<()> {
    if conn.backend_name() != "SQLite" {
        sqlx::raw_sql(lock).execute(conn).await?;
    }
    Ok(())
}
