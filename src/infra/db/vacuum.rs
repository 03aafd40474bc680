//! Where a database keeps what was deleted, and how it lets go of it.
//!
//! A `delete` empties no byte by itself. SQLite blanks the rows (`secure_delete`), but its journal
//! still holds them, and pages that were rebuilt keep about two in 10,000 in their slack.
//! PostgreSQL keeps dead rows, slack, and journal segments that it renames for later use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::Row;

use crate::infra::db::{Conn, Db, Dialect, Sql};
use crate::infra::error::Result;

/// Journal segments that are overwritten at most: 4 GiB, four times what a server keeps by default.
const SEGMENTS: i64 = 256;

/// How long a session may take to start.
const START: Duration = Duration::from_millis(400);
/// How often, and how many times, old snapshots are looked for before a scrub is put off.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const SNAPSHOT_POLLS: u32 = 200;
/// How many times a table is looked through for rows that are deleted and must stay.
const VACUUM_TRIES: u32 = 40;

impl Db {
    /// Rewrites the tables that held personal data, so that no page keeps a copy in its slack, and
    /// lets go of old journals. SQLite: `vacuum`. PostgreSQL: `vacuum full` of `tables`, then the
    /// journal. False where old bytes live on: a transaction still sees them, the role may not touch
    /// the journal, or it is kept for an archive or a replica.
    pub async fn vacuum_full(&self, tables: &[&str]) -> Result<bool> {
        let mut conn = self.read().await?;
        match self.dialect {
            Dialect::Sqlite => {
                let turn = self.writer.clone().lock_owned().await;
                let rewriting = self.rewriting.increment();
                // The copy would lie in memory otherwise, as large as the database.
                sqlx::raw_sql("pragma temp_store = file").execute(&mut *conn).await?;
                let vacuumed = sqlx::raw_sql("vacuum").execute(&mut *conn).await;
                sqlx::raw_sql("pragma temp_store = memory").execute(&mut *conn).await?;
                vacuumed?;
                drop((turn, rewriting, conn));
                self.truncate_wal().await
            }
            Dialect::Postgres => {
                if !outlast_readers(&mut conn).await? {
                    return Ok(false);
                }
                let _rewriting = self.rewriting.increment();
                // Whoever waits for a table behind us waits no longer than this.
                sqlx::raw_sql("set lock_timeout = '10s'").execute(&mut *conn).await?;
                let rewritten = rewrite(&mut conn, tables).await;
                sqlx::raw_sql("set lock_timeout = 0").execute(&mut *conn).await?;
                rewritten?;
                Ok(turn_journal(&mut conn).await.unwrap_or_else(|error| {
                    tracing::warn!(error = ?error, "the journal of the database could not be turned");
                    false
                }))
            }
        }
    }

    /// True while this process rewrites tables, which takes seconds where they are large: who means to
    /// write waits for it.
    pub fn is_vacuuming(&self) -> bool {
        self.rewriting.get() > 0
    }

    /// Where the database keeps its bytes: the SQLite file with its journals, or the data directory
    /// of a PostgreSQL on this machine. `None` when the server does not tell or is elsewhere.
    pub async fn data_path(&self) -> Result<Option<PathBuf>> {
        let mut conn = self.read().await?;
        match self.dialect {
            Dialect::Sqlite => {
                let row = sqlx::query("pragma database_list").fetch_one(&mut *conn).await?;
                Ok(Some(PathBuf::from(row.get::<String, _>(2))).filter(|path| path.exists()))
            }
            Dialect::Postgres => {
                let row = sqlx::query(
                    "select s.setting, c.system_identifier from pg_control_system() c, pg_settings s where s.name = 'data_directory'",
                )
                .fetch_optional(&mut *conn)
                .await?;
                let told: Option<(String, i64)> = row.map(|row| (row.get(0), row.get(1)));
                Ok(told.map(|(path, id)| (PathBuf::from(path), id)).filter(|(path, id)| is_of(path, *id)).map(|t| t.0))
            }
        }
    }

    /// The folder of this database among those of its server, for one that keeps many; the others
    /// are not ours to read.
    pub async fn database_folder(&self) -> Result<Option<String>> {
        if self.dialect == Dialect::Sqlite {
            return Ok(None);
        }
        let row = sqlx::query("select cast(oid as bigint) from pg_database where datname = current_database()")
            .fetch_one(&mut *self.read().await?)
            .await?;
        Ok(Some(row.get::<i64, _>(0).to_string()))
    }
}

/// Waits until nobody in this database looks at it as it was before now: PostgreSQL copies rows that
/// an old snapshot can see, deleted or not, into the rewritten table. The server's own housekeeping
/// takes such snapshots for moments, and so does every session while it starts, before anyone can
/// list it: hence a pause first. False when someone holds one for longer.
async fn outlast_readers(conn: &mut Conn) -> Result<bool> {
    let row = sqlx::query("select cast(cast(pg_current_xact_id() as xid) as text)").fetch_one(&mut *conn).await?;
    let now: String = row.get(0);
    tokio::time::sleep(START).await;
    for _ in 0..SNAPSHOT_POLLS {
        let row = sqlx::query(
            "select count(*) from pg_stat_activity where pid <> pg_backend_pid() \
             and (datname = current_database() or datname is null) \
             and (age(backend_xmin) > age(cast(cast($1 as text) as xid)) or age(backend_xid) > age(cast(cast($1 as text) as xid)))",
        )
        .bind(now.as_str())
        .fetch_one(&mut *conn)
        .await?;
        if row.get::<i64, _>(0) == 0 {
            return Ok(true);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(false)
}

async fn rewrite(conn: &mut Conn, tables: &[&str]) -> Result<()> {
    for table in tables {
        outlast_starters(conn, table).await?;
        Sql::new("vacuum full ").push(table).run(conn).await?;
    }
    Sql::new("vacuum full pg_statistic").run(conn).await?;
    Ok(())
}

/// Waits until a plain vacuum finds no row of the table that is deleted and must stay: the one sign
/// there is of a session that takes its first snapshot while it starts. On a table that is written
/// to all the while such rows always exist; there the pause of [`outlast_readers`] has to do.
async fn outlast_starters(conn: &mut Conn, table: &str) -> Result<()> {
    for _ in 0..VACUUM_TRIES {
        Sql::new("vacuum ").push(table).run(conn).await?;
        let row = sqlx::query("select pg_stat_get_dead_tuples(cast(cast($1 as text) as regclass))")
            .bind(table)
            .fetch_one(&mut *conn)
            .await?;
        if row.get::<i64, _>(0) == 0 {
            break;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

/// Ends the segment that has old bytes and lets a checkpoint drop it. Where segments are kept for
/// later use (`wal_recycle`), each of them is begun and ended, which fills it with zeros.
async fn turn_journal(conn: &mut Conn) -> Result<bool> {
    for statement in ["select cast(pg_switch_wal() as text)", "checkpoint"] {
        sqlx::raw_sql(statement).execute(&mut *conn).await?;
    }
    let row = sqlx::query(
        "select count(*) from pg_ls_waldir() where length(name) = 24 and name > pg_walfile_name(pg_current_wal_lsn())",
    )
    .fetch_one(&mut *conn)
    .await?;
    let recycled: i64 = row.get(0);
    // The first one ends the segment that is in use.
    for _ in 0..=recycled.min(SEGMENTS) {
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
    Ok(recycled <= SEGMENTS && row.get::<i64, _>(0) + slots.get::<i64, _>(0) == 0)
}

/// Whether the folder belongs to the server that has this identifier: a server elsewhere may name a
/// path that exists here too. The identifier is the beginning of `pg_control`.
fn is_of(folder: &Path, identifier: i64) -> bool {
    let control = std::fs::read(folder.join("global/pg_control")).unwrap_or_default();
    control.first_chunk::<8>().is_some_and(|bytes| i64::from_le_bytes(*bytes) == identifier)
}
