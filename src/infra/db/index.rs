//! Indexes of a table, so that a bulk load can drop them first and create them afterwards: maintaining them row by row costs
//! several times as much. They are created by the statements of our own migrations, which both databases read; what a
//! database says about its indexes is its own spelling, which only it reads.

use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Connection};

use crate::infra::db::migrations::migrations;
use crate::infra::db::{Cells, Conn, Db, Dialect, Sql, install_drivers};
use crate::infra::error::Result;

/// An index of the migrations that does not belong to a constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its table.
    pub table: String,
    /// The `create index` statement, for both databases.
    pub statement: String,
}

/// The indexes that a store has after all migrations, as a SQLite database in memory keeps them: later migrations have dropped
/// and renewed some of the earlier ones.
pub async fn of_migrations() -> Result<Vec<Index>> {
    install_drivers();
    let mut conn = AnyConnection::connect("sqlite::memory:").await?;
    let migrated = Migrator::with_migrations(migrations(Dialect::Sqlite)).run(&mut conn).await;
    migrated.map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
    let query = "select name, tbl_name, sql from sqlite_master where type = 'index' and sql is not null order by 1";
    let rows = sqlx::query(query).fetch_all(&mut conn).await?;
    conn.close().await?;
    rows.iter().map(|row| Ok(Index { name: row.cell(0)?, table: row.cell(1)?, statement: row.cell(2)? })).collect()
}

/// The names of the indexes of a table, without those of constraints.
pub async fn names(conn: &mut Conn, table: &str) -> Result<Vec<String>> {
    let query = if conn.backend_name() == "SQLite" {
        "select name from sqlite_master where type = 'index' and tbl_name = $1 and sql is not null order by 1"
    } else {
        "select cast(c.relname as text) from pg_index i join pg_class c on c.oid = i.indexrelid \
         where i.indrelid = cast(cast($1 as text) as regclass) \
         and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid) \
         order by cast(c.relname as text) collate \"C\""
    };
    let rows = sqlx::query(query).bind(table).fetch_all(conn).await?;
    rows.iter().map(|row| row.cell(0)).collect()
}

impl Db {
    /// Runs a transaction that creates indexes, on a connection that sorts on disk: in memory the sort would take as
    /// much as the table.
    pub async fn build_indexes(&self, work: impl AsyncFnOnce(&mut Conn) -> Result<()>) -> Result<()> {
        let _turn = self.write_turn.clone().lock_owned().await;
        let mut conn = self.read().await?.detach();
        if self.dialect == Dialect::Sqlite {
            // The select makes SQLite reload a schema that another connection changed; otherwise `create index` could
            // fail with "already exists".
            sqlx::raw_sql("pragma temp_store = file; select 1 from sqlite_master limit 1").execute(&mut conn).await?;
        }
        let mut tx = conn.begin().await?;
        work(&mut tx).await?;
        tx.commit().await?;
        Ok(conn.close().await?)
    }
}

impl Index {
    /// Drops the index.
    pub async fn drop(&self, conn: &mut Conn) -> Result<()> {
        Sql::new("drop index ").push(&self.name).run(conn).await.map(drop)
    }

    /// Creates the index.
    pub async fn create(&self, conn: &mut Conn) -> Result<()> {
        Sql::new(&self.statement).run(conn).await.map(drop)
    }
}
