//! Reading of all values of some columns, as bytes, for searches through whole tables.

use futures_util::TryStreamExt;
use sqlx::Row;

use crate::infra::db::{Cells, Conn, Dialect, Query};
use crate::infra::error::Result;

/// Rows of SQLite that are read at a time. They travel as one value for each column, because the driver wakes another
/// thread for each row; and no snapshot is held longer than that.
const PAGE: i64 = 2_000;

/// Passes the values of `columns` of a table to `feed`, with the index of the column: one value after the other, or many
/// joined by a zero byte. Names are those of the schema, never of a user.
pub async fn scan_columns(
    conn: &mut Conn,
    table: &str,
    columns: &[String],
    mut feed: impl FnMut(usize, &[u8]),
) -> Result<()> {
    if Dialect::of(conn) == Dialect::Sqlite && has_row_numbers(conn, table).await? {
        return scan_joined(conn, table, columns, feed).await;
    }
    let list = columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
    let mut rows = Query::new("select {columns} from {table}")
        .fragment("columns", list)
        .fragment("table", format!("\"{table}\""))
        .fetch(conn);
    while let Some(row) = rows.try_next().await? {
        for index in 0..columns.len() {
            match row.try_get::<Option<String>, _>(index) {
                Ok(text) => feed(index, text.unwrap_or_default().as_bytes()),
                Err(_) => feed(index, &row.try_get::<Option<Vec<u8>>, _>(index)?.unwrap_or_default()),
            }
        }
    }
    Ok(())
}

async fn scan_joined(
    conn: &mut Conn,
    table: &str,
    columns: &[String],
    mut feed: impl FnMut(usize, &[u8]),
) -> Result<()> {
    let names = columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
    let joined = columns.iter().map(|column| format!("cast(group_concat(\"{column}\", char(0)) as blob)"));
    let query = Query::new("select max(row_number), {joined} from (select rowid as row_number, {names} from {table} where rowid > :after order by rowid limit :page)")
        .fragment("joined", joined.collect::<Vec<_>>().join(", "))
        .fragment("names", names)
        .fragment("table", format!("\"{table}\""))
        .bind("page", PAGE);
    let mut after = i64::MIN;
    loop {
        let Some(row) = query.clone().bind("after", after).fetch_optional(conn).await? else { return Ok(()) };
        let Some(last) = row.cell::<Option<i64>>(0)? else { return Ok(()) };
        for index in 0..columns.len() {
            if let Some(values) = row.cell::<Option<Vec<u8>>>(index + 1)? {
                feed(index, &values);
            }
        }
        after = last;
    }
}

/// False for a table of SQLite that is ordered by its key alone, and for a virtual one.
async fn has_row_numbers(conn: &mut Conn, table: &str) -> Result<bool> {
    let row = sqlx::query("select count(*) from pragma_table_list where name = $1 and type = 'table' and wr = 0")
        .bind(table)
        .fetch_one(conn)
        .await?;
    Ok(row.cell::<i64>(0)? > 0)
}
