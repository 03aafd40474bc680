//! Identity of a PostgreSQL database: which copy of the data it is, and how far its write-ahead log (WAL) has come.

use crate::infra::db::{Cells, Db, Dialect};
use crate::infra::error::Result;

/// What tells a database from an older copy of it that was put in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseIdentity {
    /// Number of the database; a database that was created anew has another one.
    pub database: i64,
    /// Number of a table that is never rewritten; a table that was restored from a dump has another one.
    pub table: i64,
    /// Position in the WAL, in bytes; in a copy of the files it is older.
    pub position: i64,
}

impl Db {
    /// The identity of the database; `None` on SQLite.
    pub async fn identity(&self) -> Result<Option<DatabaseIdentity>> {
        if self.dialect == Dialect::Sqlite {
            return Ok(None);
        }
        let row = sqlx::query(
            "select cast(oid as bigint), cast(cast(cast('restore_guard' as regclass) as oid) as bigint),
                    cast(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as bigint)
               from pg_database
              where datname = current_database()",
        )
        .fetch_one(&mut *self.read().await?)
        .await?;
        Ok(Some(DatabaseIdentity { database: row.cell(0)?, table: row.cell(1)?, position: row.cell(2)? }))
    }
}
