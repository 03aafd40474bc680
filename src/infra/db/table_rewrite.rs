//! Rewriting of a PostgreSQL table while others read and write it, so that its files hold living rows only.
//!
//! `vacuum` leaves the bytes of deleted rows in unused space, and `vacuum full` locks the table for as long as it takes.
//! Here the living rows are copied into a second table with the same columns and indexes. Triggers note the ids of rows
//! that change meanwhile, and those rows are copied again. At the end writers wait for a moment (the advisory lock of
//! `store_status`), the last changes are copied, and the copy takes the name of the table, whose files the server removes.
//!
//! Each lock is given up after [`LOCK_TIMEOUT`] and tried again later, so that nothing waits for longer behind it.
//!
//! The copy and its indexes are committed while they are empty: a server that dies while they are filled leaves a table that
//! [`discard`] drops, and no file that belongs to no table.

use std::time::Duration;

use crate::infra::db::lock::key::{REWRITING, WRITERS};
use crate::infra::db::lock::try_lock;
use crate::infra::db::{Cells, Conn, Query, Sql};
use crate::infra::error::{Error, Result};

/// How long a lock is waited for, in milliseconds. Whoever needs the table queues behind the wait.
const LOCK_TIMEOUT: u32 = 25;
/// Time between two attempts to take a lock, and the number of attempts: half a minute.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
const RETRIES: u32 = 300;
/// Changed rows that are copied again at a time, and those left at which writers may wait for the rest.
const CHANGES_PER_BATCH: i64 = 5_000;
const LAST_CHANGES: i64 = 200;
/// Batches of changed rows before the attempt ends: rows change faster than they are copied.
const MAX_BATCHES: u32 = 2_000;

/// SQLSTATE of a lock that was not available within `lock_timeout`; also raised by [`SWAP`].
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// SQLSTATE that [`SWAP`] raises when the table has other columns or indexes than its copy.
const CHANGED: &str = "55000";

/// The copy and its empty indexes, the list of changed rows, and the triggers that write it. `TABLE` stands for the table's
/// name, `KEY` for its primary key. Samples that the planner may not take, storage options, owner and rights are those of the table.
const PREPARE: &str = include_str!("table_rewrite/prepare.sql");
/// Copies up to `LIMIT` changed rows again.
const CATCH_UP: &str = include_str!("table_rewrite/catch_up.sql");
/// Puts the copy in the place of the table, unless a session may still need the table as it was.
const SWAP: &str = include_str!("table_rewrite/swap.sql");
/// Drops what an interrupted rewriting left.
const DISCARD: &str = include_str!("table_rewrite/discard.sql");

/// Suffixes of the tables that exist during a rewriting.
pub(super) const TEMPORARY_TABLES: [&str; 2] = ["_rewrite", "_rewrite_changes"];

/// Rewrites tables, one after the other; what transactions deleted that had begun before is not in them. Returns false when
/// not all were rewritten: another process rewrites, a session keeps an old view of a table, or a table was altered
/// meanwhile. `conn` keeps settings and locks; close it afterwards.
pub(super) async fn rewrite(conn: &mut Conn, tables: &[&str]) -> Result<bool> {
    run(conn, &format!("set lock_timeout = {LOCK_TIMEOUT}")).await?;
    if !try_lock(conn, REWRITING).await? {
        return Ok(false);
    }
    let is_complete = rewrite_all(conn, tables).await?;
    unlock(conn).await?;
    Ok(is_complete)
}

async fn rewrite_all(conn: &mut Conn, tables: &[&str]) -> Result<bool> {
    let writers_end = format!("select cast(pg_advisory_lock({WRITERS}) as text); select pg_advisory_unlock({WRITERS})");
    if !with_locks(conn, &writers_end).await? {
        return Ok(false);
    }
    for table in tables {
        if !rewrite_one(conn, table).await? {
            discard(conn, table).await?;
            return Ok(false);
        }
    }
    // Samples that an earlier version let the planner take.
    with_locks(conn, "vacuum full pg_statistic").await
}

/// Drops what an interrupted rewriting of tables left, unless one runs at this moment.
pub(super) async fn discard_interrupted(conn: &mut Conn, tables: &[&str]) -> Result<()> {
    run(conn, &format!("set lock_timeout = {LOCK_TIMEOUT}")).await?;
    if try_lock(conn, REWRITING).await? {
        for table in tables {
            discard(conn, table).await?;
        }
        unlock(conn).await?;
    }
    Ok(())
}

/// Releases the lock at once: a session that is closed keeps it for a moment.
async fn unlock(conn: &mut Conn) -> Result<()> {
    run(conn, &format!("select cast(pg_advisory_unlock({REWRITING}) as text)")).await
}

async fn rewrite_one(conn: &mut Conn, table: &str) -> Result<bool> {
    discard(conn, table).await?;
    let (key, columns) = key_and_columns(conn, table).await?;
    if !with_locks(conn, &PREPARE.replace("TABLE", table).replace("KEY", &key)).await? {
        return Ok(false);
    }
    run(conn, &format!("insert into {table}_rewrite ({columns}) select {columns} from {table}")).await?;
    run(conn, &format!("vacuum (analyze, truncate off) {table}_rewrite")).await?;
    let catch_up = CATCH_UP.replace("TABLE", table).replace("KEY", &key).replace("COLUMNS", &columns);
    for _ in 0..RETRIES {
        if !copy_changes(conn, table, &catch_up).await? {
            return Ok(false);
        }
        match swap(conn, table, &catch_up).await {
            Ok(()) => return Ok(true),
            Err(error) if has_code(&error, LOCK_NOT_AVAILABLE) => tokio::time::sleep(RETRY_INTERVAL).await,
            Err(error) if has_code(&error, CHANGED) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Copies changed rows again until few are left. Returns false when they do not become few.
async fn copy_changes(conn: &mut Conn, table: &str, catch_up: &str) -> Result<bool> {
    for _ in 0..MAX_BATCHES {
        if count_changes(conn, table).await? <= LAST_CHANGES {
            return Ok(true);
        }
        run(conn, &catch_up.replace("LIMIT", &CHANGES_PER_BATCH.to_string())).await?;
    }
    Ok(false)
}

async fn count_changes(conn: &mut Conn, table: &str) -> Result<i64> {
    let query = Query::new("select count(*) from (select 1 from {changes} limit :limit) as found")
        .fragment("changes", format!("{table}_rewrite_changes"))
        .bind("limit", LAST_CHANGES + 1);
    query.fetch_optional(conn).await?.map_or(Ok(0), |row| row.cell(0))
}

/// Lets writers wait, copies the last changes and puts the copy in the place of the table.
async fn swap(conn: &mut Conn, table: &str, catch_up: &str) -> Result<()> {
    run(conn, &format!("select cast(pg_advisory_lock({WRITERS}) as text)")).await?;
    let swapped = async {
        run(conn, &catch_up.replace("LIMIT", "all")).await?;
        run(conn, "select set_config('sendoff.writers_wait_since', cast(clock_timestamp() as text), false)").await?;
        run(conn, &SWAP.replace("TABLE", table)).await
    }
    .await;
    run(conn, &format!("select cast(pg_advisory_unlock({WRITERS}) as text)")).await?;
    swapped
}

/// Runs statements in one transaction, again while they do not get their locks. Returns false when they never do.
async fn with_locks(conn: &mut Conn, statements: &str) -> Result<bool> {
    for _ in 0..RETRIES {
        match run(conn, statements).await {
            Ok(()) => return Ok(true),
            Err(error) if has_code(&error, LOCK_NOT_AVAILABLE) => tokio::time::sleep(RETRY_INTERVAL).await,
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

async fn discard(conn: &mut Conn, table: &str) -> Result<()> {
    with_locks(conn, &DISCARD.replace("TABLE", table)).await.map(drop)
}

/// The name of the column that is the primary key, and the names of all columns, separated by commas.
async fn key_and_columns(conn: &mut Conn, table: &str) -> Result<(String, String)> {
    let row = Query::new(
        "select quote_ident(min(attname) filter (where attnum = (select indkey[0]
                                                                   from pg_index
                                                                  where indrelid = attrelid and indisprimary))),
                string_agg(quote_ident(attname), ', ' order by attnum)
           from pg_attribute
          where attrelid = cast(cast(:table as text) as regclass) and attnum > 0 and not attisdropped",
    )
    .bind("table", table)
    .fetch_optional(conn)
    .await?;
    row.map_or_else(|| Ok(Default::default()), |row| Ok((row.cell(0)?, row.cell(1)?)))
}

/// Runs statements, several of them in one transaction.
async fn run(conn: &mut Conn, statements: &str) -> Result<()> {
    Sql::new(statements).run_script(conn).await
}

fn has_code(error: &Error, code: &str) -> bool {
    matches!(error, Error::Db(sqlx::Error::Database(error)) if error.code().as_deref() == Some(code))
}
