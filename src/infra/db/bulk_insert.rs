//! Bulk insert: `copy` on PostgreSQL, statements with thousands of rows on SQLite.

use crate::infra::db::pg_copy::{CopyConnection, CopyRows};
use crate::infra::db::store_status::WritePurpose;
use crate::infra::db::value::Value;
use crate::infra::db::{Db, Sql};
use crate::infra::error::Result;

/// Maximum of bound values per statement on SQLite.
const MAX_VALUES: usize = 32_000;

/// Inserts rows on a connection of its own, outside any transaction of the caller. Rows are durable when
/// [`BulkInsert::insert`] returns.
pub struct BulkInsert {
    backend: Backend,
}

enum Backend {
    Sqlite(Db),
    Postgres(Box<CopyConnection>),
}

impl BulkInsert {
    /// Opens the connection.
    pub async fn open(db: &Db) -> Result<Self> {
        let backend = match CopyConnection::open(db).await? {
            None => Backend::Sqlite(db.clone()),
            Some(loader) => Backend::Postgres(Box::new(loader)),
        };
        Ok(Self { backend })
    }

    /// Inserts all rows or none. The values have the order of the columns; table and columns are names of the schema,
    /// never of a user.
    pub async fn insert(&mut self, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Result<()> {
        match &mut self.backend {
            Backend::Sqlite(db) => insert(db, table, columns, rows).await,
            Backend::Postgres(loader) => {
                let mut load = loader.begin().await?;
                load.copy_in(&CopyRows::new(table, columns, rows)?).await?;
                load.commit().await
            }
        }
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<()> {
        match self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(loader) => loader.close().await,
        }
    }
}

async fn insert(db: &Db, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Result<()> {
    let head = format!("insert into {table} ({}) values ", columns.join(", "));
    let mut tx = db.write_for(WritePurpose::Migration).await?;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let mut sql = Sql::new(&head);
        for (index, row) in rows.by_ref().take((MAX_VALUES / columns.len()).max(1)).enumerate() {
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
