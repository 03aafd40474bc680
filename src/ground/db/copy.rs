//! Many rows into one table, as fast as the database takes them: `copy` on PostgreSQL, inserts of
//! thousands of rows a statement on SQLite.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor};

use super::super::error::{Error, Message, Result};
use super::standing::Errand;
use super::value::Value;
use super::{Db, Dialect, Sql, session};

/// Values that SQLite takes in one statement.
const VALUES: usize = 32_000;
/// Bytes handed to PostgreSQL at a time.
const CHUNK: usize = 256 * 1024;

/// Loads rows. It has a connection of its own: what it loads is durable when [`Copier::copy_in`]
/// returns, and stands in no transaction of the caller.
pub struct Copier {
    way: Way,
}

enum Way {
    Sqlite(Db),
    Postgres(Box<PgConnection>),
}

impl Copier {
    /// Makes ready to load rows into tables of this database.
    pub async fn open(db: &Db) -> Result<Self> {
        let way = match db.dialect {
            Dialect::Sqlite => Way::Sqlite(db.clone()),
            Dialect::Postgres => {
                let options: PgConnectOptions =
                    db.address.0.parse().map_err(|_| Message::new("database-url").misuse())?;
                let mut conn = options.disable_statement_logging().connect().await?;
                conn.execute(session(Dialect::Postgres)).await?;
                Way::Postgres(Box::new(conn))
            }
        };
        Ok(Self { way })
    }

    /// Puts the rows into the table, all or none of them. Values stand in the order of the columns;
    /// table and columns are names of the schema, never of a user.
    pub async fn copy_in(&mut self, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Result<()> {
        match &mut self.way {
            Way::Sqlite(db) => insert(db, table, columns, rows).await,
            Way::Postgres(conn) => stream(conn, table, columns, rows).await,
        }
    }

    /// Ends the connection.
    pub async fn close(self) -> Result<()> {
        match self.way {
            Way::Sqlite(_) => Ok(()),
            Way::Postgres(conn) => Ok(conn.close().await?),
        }
    }
}

async fn insert(db: &Db, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Result<()> {
    let head = format!("insert into {table} ({}) values ", columns.join(", "));
    let mut tx = db.write_for(Errand::Carrying).await?;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let mut sql = Sql::new(&head);
        for (index, row) in rows.by_ref().take((VALUES / columns.len()).max(1)).enumerate() {
            for (place, value) in row.into_iter().enumerate() {
                sql.push(match (index, place) {
                    (0, 0) => "(",
                    (_, 0) => "), (",
                    _ => ", ",
                });
                value.bind(&mut sql);
            }
        }
        sql.push(")").run(&mut tx).await?;
    }
    tx.commit().await
}

async fn stream(conn: &mut PgConnection, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Result<()> {
    let mut copy = conn.copy_in_raw(&format!("copy {table} ({}) from stdin", columns.join(", "))).await?;
    let mut text = String::with_capacity(CHUNK + CHUNK / 4);
    for row in rows {
        for (place, value) in row.iter().enumerate() {
            if place > 0 {
                text.push('\t');
            }
            if matches!(value, Value::Text(text) if text.contains('\0')) {
                copy.abort("a NUL").await?;
                return Err(nul(table, columns[place]));
            }
            value.write(&mut text);
        }
        text.push('\n');
        if text.len() >= CHUNK {
            copy.send(text.as_bytes()).await?;
            text.clear();
        }
    }
    copy.send(text.as_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

/// SQLite keeps U+0000 in text; PostgreSQL has no place for it.
fn nul(table: &str, column: &str) -> Error {
    Message::new("copy-nul").with("table", table).with("column", column).failed()
}
