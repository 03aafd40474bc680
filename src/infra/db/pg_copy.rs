//! Rows that arrive at PostgreSQL by `copy`, which takes them for less than any statement.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Postgres, Transaction};

use crate::infra::db::value::Value;
use crate::infra::db::{Db, Dialect, session};
use crate::infra::error::{Message, Result};

/// Bytes handed over at a time.
const CHUNK: usize = 256 * 1024;

/// Its transactions stand beside others of this process, and the server sees no circle that goes
/// through the process: it waits for no row longer than this.
const PATIENCE: &str = "set lock_timeout = '30s'";

/// A connection by which rows arrive and nothing else is asked.
pub struct CopyConnection(PgConnection);

impl CopyConnection {
    /// Connects. `None` on SQLite, which has no such way.
    pub async fn open(db: &Db) -> Result<Option<Self>> {
        if db.dialect == Dialect::Sqlite {
            return Ok(None);
        }
        let options: PgConnectOptions =
            db.address.0.parse().map_err(|_| Message::new("database-url").invalid_field("database"))?;
        let mut conn = options.disable_statement_logging().connect().await?;
        conn.execute(session(Dialect::Postgres)).await?;
        conn.execute(PATIENCE).await?;
        Ok(Some(Self(conn)))
    }

    /// Begins a transaction. Whether the store admits rows is for the caller to know, who holds a
    /// transaction that was admitted until this one has ended.
    pub async fn begin(&mut self) -> Result<CopyTransaction<'_>> {
        Ok(CopyTransaction(self.0.begin().await?))
    }

    /// Ends the connection.
    pub async fn close(self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}

/// Rows of several tables that arrive together or, when this is dropped, not at all.
pub struct CopyTransaction<'c>(Transaction<'c, Postgres>);

impl CopyTransaction<'_> {
    /// Puts rows into their table.
    pub async fn copy_in(&mut self, rows: &CopyRows) -> Result<()> {
        let mut copy = self.0.copy_in_raw(&rows.statement).await?;
        for chunk in rows.lines.as_bytes().chunks(CHUNK) {
            copy.send(chunk).await?;
        }
        copy.finish().await?;
        Ok(())
    }

    /// Makes the rows durable.
    pub async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }
}

/// Rows of a table as `copy` reads them.
pub struct CopyRows {
    statement: String,
    lines: String,
}

impl CopyRows {
    /// Writes down rows whose values stand in the order of the columns; table and columns are names of
    /// the schema, never of a user. SQLite keeps U+0000 in text; PostgreSQL has no place for it, and it
    /// is refused here.
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
