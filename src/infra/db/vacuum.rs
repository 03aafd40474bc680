//! Physical removal of deleted rows from the database files.
//!
//! A `delete` alone overwrites nothing. SQLite zeroes the rows (`secure_delete`), but the write-ahead log (WAL) still
//! holds them, and rebuilt pages keep about two of 10,000 in unused space. PostgreSQL keeps dead rows, unused space, and
//! WAL segments that it renames for later use; its tables are rewritten (`table_rewrite`).

use std::path::{Path, PathBuf};

use sqlx::Connection;

use crate::infra::db::{Cells, Conn, Db, Dialect, table_rewrite};
use crate::infra::error::{Error, Result};

/// Maximum of WAL segments that are overwritten: 4 GiB, four times what a server keeps by default.
const MAX_SEGMENTS: i64 = 256;

/// How bytes of deleted rows are removed from the files of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhysicalErasure {
    /// The unused bytes of pages are overwritten (SQLite).
    Pages,
    /// The whole file is rewritten: SQLite was built without its table of pages.
    File,
    /// Tables are rewritten (PostgreSQL).
    Tables,
}

impl Db {
    /// How bytes of deleted rows are removed.
    pub fn physical_erasure(&self) -> PhysicalErasure {
        match self.dialect {
            Dialect::Sqlite if self.can_clean => PhysicalErasure::Pages,
            Dialect::Sqlite => PhysicalErasure::File,
            Dialect::Postgres => PhysicalErasure::Tables,
        }
    }

    /// SQLite: rewrites the whole file, so that no page keeps old bytes, and truncates the WAL. Nothing else is written
    /// meanwhile. Returns false while a reader keeps the WAL in use.
    pub async fn rewrite_file(&self) -> Result<bool> {
        let mut conn = self.read().await?;
        let turn = self.write_turn.clone().lock_owned().await;
        let vacuuming = self.vacuums.increment();
        // Otherwise the copy, as large as the database, is built in memory.
        sqlx::raw_sql("pragma temp_store = file").execute(&mut *conn).await?;
        let vacuumed = sqlx::raw_sql("vacuum").execute(&mut *conn).await;
        sqlx::raw_sql("pragma temp_store = memory").execute(&mut *conn).await?;
        vacuumed?;
        drop((turn, vacuuming, conn));
        self.truncate_wal().await
    }

    /// PostgreSQL: rewrites tables while they are in use, so that their files hold living rows only, and replaces the WAL.
    /// Returns false when old bytes may remain: another process rewrites, a session keeps an old view of a table, a file
    /// belongs to no table, the role may not switch the WAL, or it is kept for an archive or a replica.
    pub async fn rewrite_tables(&self, tables: &[&str]) -> Result<bool> {
        // Its settings and locks end with the connection.
        let mut conn = self.read().await?.detach();
        let is_complete = rewrite_all(&mut conn, tables).await;
        conn.close().await?;
        is_complete
    }

    /// Drops what a process left that died while it rewrote tables.
    pub async fn discard_interrupted_rewriting(&self, tables: &[&str]) -> Result<()> {
        if self.dialect == Dialect::Postgres {
            let mut conn = self.read().await?.detach();
            let discarded = table_rewrite::discard_interrupted(&mut conn, tables).await;
            conn.close().await?;
            discarded?;
        }
        Ok(())
    }

    /// SQLite: true while this process rewrites the file, which can take seconds and blocks writers.
    pub fn is_vacuuming(&self) -> bool {
        self.vacuums.get() > 0
    }

    /// The SQLite file, or the data directory of a PostgreSQL on this machine. `None` when the server is elsewhere or the
    /// role may not see the directory.
    pub async fn data_path(&self) -> Result<Option<PathBuf>> {
        let mut conn = self.read().await?;
        match self.dialect {
            Dialect::Sqlite => {
                let row = sqlx::query("pragma database_list").fetch_one(&mut *conn).await?;
                Ok(Some(PathBuf::from(row.cell::<String>(2)?)).filter(|path| path.exists()))
            }
            Dialect::Postgres => {
                let row = sqlx::query(
                    "select s.setting, c.system_identifier from pg_control_system() c, pg_settings s where s.name = 'data_directory'",
                )
                .fetch_optional(&mut *conn)
                .await?;
                let found: Option<(String, i64)> =
                    row.map(|row| Ok::<_, Error>((row.cell(0)?, row.cell(1)?))).transpose()?;
                Ok(found
                    .map(|(path, id)| (PathBuf::from(path), id))
                    .filter(|(path, id)| belongs_to(path, *id))
                    .map(|t| t.0))
            }
        }
    }

    /// Name of the folder of this database in the data directory of a PostgreSQL server; the folders of other databases
    /// must not be searched.
    pub async fn database_folder(&self) -> Result<Option<String>> {
        if self.dialect == Dialect::Sqlite {
            return Ok(None);
        }
        let row = sqlx::query("select cast(oid as bigint) from pg_database where datname = current_database()")
            .fetch_one(&mut *self.read().await?)
            .await?;
        Ok(Some(row.cell::<i64>(0)?.to_string()))
    }
}

async fn rewrite_all(conn: &mut Conn, tables: &[&str]) -> Result<bool> {
    if !table_rewrite::rewrite(conn, tables).await? {
        return Ok(false);
    }
    let orphans = orphan_files(conn).await;
    if !orphans.is_empty() {
        let files = orphans.join(" ");
        tracing::warn!(files, "these files belong to no table and may hold deleted rows; remove them");
        return Ok(false);
    }
    Ok(switch_wal(conn).await.unwrap_or_else(|error| {
        tracing::warn!(error = ?error, "the WAL could not be switched");
        false
    }))
}

/// Files in the folder of the database that belong to no table, relative to the data directory: a server that dies while
/// it rewrites a table leaves the copy, and nothing removes it. None where the role may not look. A file that was written
/// just now can be of a table that is being created.
async fn orphan_files(conn: &mut Conn) -> Vec<String> {
    let found = sqlx::query(
        "select 'base/' || cast(d.oid as text) || '/' || file.name
           from pg_database d, lateral pg_ls_dir('base/' || cast(d.oid as text)) as file (name)
          where d.datname = current_database()
            and file.name ~ '^[0-9]+([._][a-z0-9]+)?$'
            and not exists (select 1
                              from pg_class
                             where pg_relation_filenode(oid) = cast(substring(file.name from '^[0-9]+') as oid))
            and (pg_stat_file('base/' || cast(d.oid as text) || '/' || file.name, true)).modification
                < now() - interval '10 minutes'
          order by 1",
    )
    .fetch_all(conn)
    .await;
    match found {
        Ok(rows) => rows.iter().filter_map(|row| row.cell(0).ok()).collect(),
        Err(error) => {
            tracing::debug!(error = %error, "the files of the database could not be listed");
            Vec::new()
        }
    }
}

/// Switches to a new WAL segment and lets a checkpoint remove the old one. Segments kept for later use (`wal_recycle`) are
/// each begun and ended, which fills them with zeros.
async fn switch_wal(conn: &mut Conn) -> Result<bool> {
    for statement in ["select cast(pg_switch_wal() as text)", "checkpoint"] {
        sqlx::raw_sql(statement).execute(&mut *conn).await?;
    }
    let row = sqlx::query(
        "select count(*) from pg_ls_waldir() where length(name) = 24 and name > pg_walfile_name(pg_current_wal_lsn())",
    )
    .fetch_one(&mut *conn)
    .await?;
    let recycled: i64 = row.cell(0)?;
    // The first switch ends the current segment.
    for _ in 0..=recycled.min(MAX_SEGMENTS) {
        let begin_and_end =
            "select cast(pg_logical_emit_message(false, 'sendoff', '') as text); select cast(pg_switch_wal() as text)";
        sqlx::raw_sql(begin_and_end).execute(&mut *conn).await?;
    }
    sqlx::raw_sql("checkpoint").execute(&mut *conn).await?;
    let row = sqlx::query(
        "select count(*) from pg_settings where (name = 'archive_mode' and setting <> 'off') \
         or (name = 'wal_keep_size' and setting <> '0')",
    )
    .fetch_one(&mut *conn)
    .await?;
    let slots = sqlx::query("select count(*) from pg_replication_slots").fetch_one(&mut *conn).await?;
    Ok(recycled <= MAX_SEGMENTS && row.cell::<i64>(0)? + slots.cell::<i64>(0)? == 0)
}

/// True when the folder belongs to the server with this identifier, which is the start of `pg_control`: a server elsewhere
/// may report a path that also exists here.
fn belongs_to(folder: &Path, identifier: i64) -> bool {
    let control = std::fs::read(folder.join("global/pg_control")).unwrap_or_default();
    control.first_chunk::<8>().is_some_and(|bytes| i64::from_le_bytes(*bytes) == identifier)
}
