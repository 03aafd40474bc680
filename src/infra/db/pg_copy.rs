//! PostgreSQL `copy … from stdin`, the cheapest way to insert many rows.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Postgres, Transaction};

use crate::infra::db::value::Value;
use crate::infra::db::{Db, Dialect, session};
use crate::infra::error::{Message, Result};

/// Bytes per message of the protocol.
const CHUNK: usize = 256 * 1024;

/// Its transactions run beside others of this process. PostgreSQL cannot detect a deadlock across such connections,
/// hence the lock timeout.
const LOCK_TIMEOUT: &str = "set lock_timeout = '30s'";

/// A connection used for `copy` only.
pub struct CopyConnection(PgConnection);

impl CopyConnection {
    /// Connects; `None` on SQLite.
    pub async fn open(db: &Db) -> Result<Option<Self>> {
        if db.dialect == Dialect::Sqlite {
            return Ok(None);
        }
        let options: PgConnectOptions =
            db.address.0.parse().map_err(|_| Message::new("database-url").invalid_field("database"))?;
        let mut conn = options.disable_statement_logging().connect().await?;
        conn.execute(session(Dialect::Postgres)).await?;
        conn.execute(LOCK_TIMEOUT).await?;
        Ok(Some(Self(conn)))
    }

    /// Begins a transaction. It does not check the status of the store: the caller must keep a write transaction open
    /// until this one has ended.
    pub async fn begin(&mut self) -> Result<CopyTransaction<'_>> {
        Ok(CopyTransaction(self.0.begin().await?))
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}

/// A transaction of the connection; rolled back when dropped.
pub struct CopyTransaction<'c>(Transaction<'c, Postgres>);

impl CopyTransaction<'_> {
    /// Copies rows into their table.
    pub async fn copy_in(&mut self, rows: &CopyRows) -> Result<()> {
        let mut copy = self.0.copy_in_raw(&rows.statement).await?;
        for chunk in rows.lines.as_bytes().chunks(CHUNK) {
            copy.send(chunk).await?;
        }
        copy.finish().await?;
        Ok(())
    }

    /// Commits durably.
    pub async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }
}

/// Rows of a table in the text format of `copy`.
pub struct CopyRows {
    statement: String,
    lines: String,
}

impl CopyRows {
    /// Encodes rows; the values have the order of the columns. Table and columns are names of the schema, never of a
    /// user.
    ///
    /// # Errors
    /// For a text with U+0000, which SQLite can store and PostgreSQL cannot.
    pub fn new(table: &str, columns: &[&str], rows: impl IntoIterator<Item = Vec<Value>>) -> Result<Self> {
        let mut lines = String::new();
        for row in rows {
            for (place, value) in row.iter().enumerate() {
                if place > 0 {
                    lines.push('\t');
                }
                if matches!(value, Value::Text(text) if text.contains('\0')) {
                    return Err(Message::new("copy-nul")
                        .with("table", table)
                        .with("column", columns[place])
                        .internal());
                }
                value.write(&mut lines);
            }
            lines.push('\n');
        }
        Ok(Self { statement: format!("copy {table} ({}) from stdin", columns.join(", ")), lines })
    }
}
