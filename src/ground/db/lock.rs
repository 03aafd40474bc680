//! The words that hold rows. SQLite has one writer and needs none.

use super::{Conn, Db, Dialect};

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
pub fn sharing(conn: &Conn) -> &'static str {
    if conn.backend_name() == "SQLite" { "" } else { " for share" }
}

/// The same for rows that are to be changed.
pub fn holding(conn: &Conn) -> &'static str {
    if conn.backend_name() == "SQLite" { "" } else { " for update" }
}
