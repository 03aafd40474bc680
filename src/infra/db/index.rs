//! Indexes of a table as statements, so that a bulk load can drop them first and create them afterwards: maintaining
//! them row by row costs several times as much.

use sqlx::{Connection, Row};

use crate::infra::db::{Conn, Db, Dialect, Sql};
use crate::infra::error::Result;

/// An index that does not belong to a constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// The `create index` statement.
    pub statement: String,
}

/// The indexes of a table. Their statements run on both databases.
pub async fn of(conn: &mut Conn, table: &str) -> Result<Vec<Index>> {
    let query = if conn.backend_name() == "SQLite" {
        "select name, sql from sqlite_master where type = 'index' and tbl_name = $1 and sql is not null order by 1"
    } else {
        "select cast(c.relname as text), \
         replace(replace(pg_get_indexdef(i.indexrelid), ' USING btree', ''), ' ON ' || quote_ident(current_schema()) || '.', ' ON ') \
         from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = cast(cast($1 as text) as regclass) \
         and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid) order by 1"
    };
    let rows = sqlx::query(query).bind(table).fetch_all(conn).await?;
    Ok(rows.iter().map(|row| Index { name: row.get(0), statement: row.get(1) }).collect())
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
