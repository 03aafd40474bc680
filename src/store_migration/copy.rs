//! Carries rows over, table by table and page by page in the order of their keys. While one page is
//! being written the next is read. A large table gets its indexes when its rows are there.

use crate::infra::db::bulk_insert::BulkInsert;
use crate::infra::db::index;
use crate::infra::db::store_status::WritePurpose;
use crate::infra::db::table::{Page, Table};
use crate::infra::db::value::Value;
use crate::infra::db::{Conn, Db};
use crate::infra::error::Result;
use crate::store_migration::Step;
use crate::store_migration::progress::{self, TableProgress};

/// Rows and bytes of a page. Two pages are in memory at a time.
const ROWS: usize = 10_000;
const BYTES: usize = 4 << 20;
/// A table with more rows than this gets its indexes afterwards.
const MANY: u64 = 20_000;
/// Rows asked for while it is not known how large they are.
const FEW: usize = 64;

/// Carries every table over, each from where an earlier try had come to.
pub async fn all(from: &mut Conn, tables: &[Table], to: &Db, told: &mut dyn FnMut(Step)) -> Result<()> {
    let marks = progress::all(to).await?;
    let mut bulk_insert = BulkInsert::open(to).await?;
    for table in tables {
        let after = match marks.get(&table.name) {
            Some(TableProgress::Complete) => continue,
            Some(TableProgress::UpTo(key)) => Some(key.clone()),
            None => {
                if table.count(from).await? > MANY {
                    drop_indexes(to, table).await?;
                }
                None
            }
        };
        // What a crash left behind the last note comes again.
        remove(to, table, after.as_deref(), None).await?;
        range(from, table, (after, None), to, &mut bulk_insert, true, told).await?;
        make_indexes(from, table, to).await?;
        progress::note(to, &table.name, &TableProgress::Complete).await?;
    }
    bulk_insert.close().await
}

/// Carries the rows of one stretch over again.
pub async fn again(
    from: &mut Conn,
    table: &Table,
    (after, upto): (Option<Vec<Value>>, Option<Vec<Value>>),
    to: &Db,
) -> Result<()> {
    remove(to, table, after.as_deref(), upto.as_deref()).await?;
    let mut bulk_insert = BulkInsert::open(to).await?;
    range(from, table, (after, upto), to, &mut bulk_insert, false, &mut |_| {}).await?;
    bulk_insert.close().await
}

async fn drop_indexes(to: &Db, table: &Table) -> Result<()> {
    let mut tx = to.write_for(WritePurpose::Migration).await?;
    for index in index::of(&mut tx, &table.name).await? {
        index.remove(&mut tx).await?;
    }
    tx.commit().await
}

/// Makes the indexes that the source has, and those that it made while it was in use.
async fn make_indexes(from: &mut Conn, table: &Table, to: &Db) -> Result<()> {
    let there = index::of(&mut *to.read().await?, &table.name).await?;
    let mut missing = index::of(from, &table.name).await?;
    missing.retain(|index| !there.iter().any(|other| other.name == index.name));
    if missing.is_empty() {
        return Ok(());
    }
    to.build_indexes(async |conn| {
        for index in &missing {
            index.make(conn).await?;
        }
        Ok(())
    })
    .await
}

async fn remove(to: &Db, table: &Table, after: Option<&[Value]>, upto: Option<&[Value]>) -> Result<()> {
    let mut tx = to.write_for(WritePurpose::Migration).await?;
    table.clear(&mut tx, after, upto).await?;
    tx.commit().await
}

async fn range(
    from: &mut Conn,
    table: &Table,
    (after, upto): (Option<Vec<Value>>, Option<Vec<Value>>),
    to: &Db,
    bulk_insert: &mut BulkInsert,
    noted: bool,
    told: &mut dyn FnMut(Step),
) -> Result<()> {
    let names = table.names();
    let mut most = FEW;
    let mut page = table.page(from, (after.as_deref(), upto.as_deref()), most, BYTES).await?;
    while let Page { rows, last: Some(last) } = page {
        let count = rows.len();
        // Rows that are asked for and do not fit are read for nothing.
        most = if count < most { count.max(FEW) } else { (most * 4).min(ROWS) };
        let writing = async {
            bulk_insert.insert(&table.name, &names, rows).await?;
            if noted { progress::note(to, &table.name, &TableProgress::UpTo(last.clone())).await } else { Ok(()) }
        };
        let reading = table.page(from, (Some(&last), upto.as_deref()), most, BYTES);
        page = tokio::try_join!(writing, reading)?.1;
        told(Step::Copying { table: table.name.clone(), rows: count as u64 });
    }
    Ok(())
}
