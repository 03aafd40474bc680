//! Copying of a move: table by table and page by page in key order. While one page is written, the next is read. The
//! indexes of a large table are created after its rows.

use crate::audience::contact;
use crate::infra::db::bulk_insert::BulkInsert;
use crate::infra::db::index::{self, Index};
use crate::infra::db::store_status::WritePurpose;
use crate::infra::db::table::{Page, Table};
use crate::infra::db::value::Value;
use crate::infra::db::{Conn, Db};
use crate::infra::error::Result;
use crate::store_migration::Step;
use crate::store_migration::progress::{self, TableProgress};

/// The largest page, in rows and bytes. Two pages are in memory at a time.
const PAGE_ROWS: usize = 10_000;
const PAGE_BYTES: usize = 4 << 20;
/// The indexes of a table with more rows are created after copying.
const DEFERRED_INDEX_ROWS: u64 = 20_000;
/// Rows of the first page, when their size is unknown.
const FIRST_PAGE_ROWS: usize = 64;

/// A range of keys: after the first, up to and including the second.
type KeyRange = (Option<Vec<Value>>, Option<Vec<Value>>);

/// Copies all tables, each from where an earlier try stopped.
pub async fn copy_tables(source: &mut Conn, tables: &[Table], target: &Db, report: &mut dyn FnMut(Step)) -> Result<()> {
    let done = progress::list(target).await?;
    let defined = index::of_migrations().await?;
    let mut bulk_insert = BulkInsert::open(target).await?;
    for table in tables {
        let after = match done.get(&table.name) {
            Some(TableProgress::Complete) => continue,
            Some(TableProgress::UpTo(key)) => Some(key.clone()),
            None => {
                if table.count(source).await? > DEFERRED_INDEX_ROWS {
                    drop_indexes(target, table, &defined).await?;
                }
                None
            }
        };
        // Rows behind the recorded progress are copied again.
        delete_range(target, table, after.as_deref(), None).await?;
        copy_range(source, table, (after, None), target, &mut bulk_insert, true, report).await?;
        create_indexes(source, table, target, &defined).await?;
        progress::record(target, &table.name, &TableProgress::Complete).await?;
    }
    bulk_insert.close().await
}

/// Replaces the rows of one range in the target.
pub async fn copy_range_again(source: &mut Conn, table: &Table, range: KeyRange, target: &Db) -> Result<()> {
    delete_range(target, table, range.0.as_deref(), range.1.as_deref()).await?;
    let mut bulk_insert = BulkInsert::open(target).await?;
    copy_range(source, table, range, target, &mut bulk_insert, false, &mut |_| {}).await?;
    bulk_insert.close().await
}

async fn drop_indexes(target: &Db, table: &Table, defined: &[Index]) -> Result<()> {
    let mut tx = target.write_for(WritePurpose::Migration).await?;
    let existing = index::names(&mut tx, &table.name).await?;
    for index in defined.iter().filter(|index| index.table == table.name && existing.contains(&index.name)) {
        index.drop(&mut tx).await?;
    }
    tx.commit().await
}

/// Creates the indexes of the migrations that the target lacks, and those that the source has created for segments. Any other
/// index of the source is not ours, and is left out.
async fn create_indexes(source: &mut Conn, table: &Table, target: &Db, defined: &[Index]) -> Result<()> {
    let existing = index::names(&mut *target.read().await?, &table.name).await?;
    let is_missing = |name: &String| !existing.contains(name);
    let missing: Vec<_> = defined.iter().filter(|index| index.table == table.name && is_missing(&index.name)).collect();
    let mut others = index::names(source, &table.name).await?;
    others.retain(|name| is_missing(name) && !defined.iter().any(|index| index.name == *name));
    if missing.is_empty() && others.is_empty() {
        return Ok(());
    }
    target
        .build_indexes(async |conn| {
            for index in missing {
                index.create(conn).await?;
            }
            for name in &others {
                if !contact::create_index_of_name(conn, name).await? {
                    tracing::warn!(index = name, table = table.name, "index of another program is not copied");
                }
            }
            Ok(())
        })
        .await
}

async fn delete_range(target: &Db, table: &Table, after: Option<&[Value]>, up_to: Option<&[Value]>) -> Result<()> {
    let mut tx = target.write_for(WritePurpose::Migration).await?;
    table.clear(&mut tx, after, up_to).await?;
    tx.commit().await
}

async fn copy_range(
    source: &mut Conn,
    table: &Table,
    (after, up_to): KeyRange,
    target: &Db,
    bulk_insert: &mut BulkInsert,
    is_recorded: bool,
    report: &mut dyn FnMut(Step),
) -> Result<()> {
    let names = table.names();
    let mut limit = FIRST_PAGE_ROWS;
    let mut page = table.page(source, (after.as_deref(), up_to.as_deref()), limit, PAGE_BYTES).await?;
    while let Page { rows, last: Some(last) } = page {
        let count = rows.len();
        // A page that reached its bytes limits the rows of the next, so that few rows are read in vain.
        limit = if count < limit { count.max(FIRST_PAGE_ROWS) } else { (limit * 4).min(PAGE_ROWS) };
        let writing = async {
            bulk_insert.insert(&table.name, &names, rows).await?;
            if is_recorded {
                progress::record(target, &table.name, &TableProgress::UpTo(last.clone())).await
            } else {
                Ok(())
            }
        };
        let reading = table.page(source, (Some(&last), up_to.as_deref()), limit, PAGE_BYTES);
        page = tokio::try_join!(writing, reading)?.1;
        report(Step::Copying { table: table.name.clone(), rows: count as u64 });
    }
    Ok(())
}
