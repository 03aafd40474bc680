//! Pages of the SQLite file: bytes that belong to no row are overwritten with zeros, through SQLite's own pager.

use std::path::PathBuf;

use sqlx::Row;

use crate::infra::db::{Cells, Conn};
use crate::infra::error::Result;

mod cleaner;
mod closing;
mod image;
mod page_set;
mod written;

pub use cleaner::PageCleaner;
pub use written::{WalState, WrittenPages};

/// The written pages of the database of a connection; `None` for a database in memory.
pub(super) async fn find(conn: &mut Conn) -> Result<Option<WrittenPages>> {
    let row = sqlx::query("pragma database_list").fetch_one(&mut *conn).await?;
    let file: Option<String> = row.try_get(2).unwrap_or_default();
    Ok(file.filter(|file| !file.is_empty()).map(|file| WrittenPages::new(PathBuf::from(file))))
}

/// Whether pages can be cleaned: the library has the table `sqlite_dbpage`, and the file is one whose pages can be told
/// apart.
pub(super) async fn can_clean(conn: &mut Conn) -> Result<bool> {
    let row = sqlx::query(
        "select (select count(*) from pragma_module_list where name = 'sqlite_dbpage'), \
         (select auto_vacuum from pragma_auto_vacuum), (select page_count from pragma_page_count)",
    )
    .fetch_one(conn)
    .await?;
    let (tables, auto_vacuum, pages): (i64, i64, i64) = (row.cell(0)?, row.cell(1)?, row.cell(2)?);
    Ok(tables > 0 && auto_vacuum == 0 && pages <= i64::from(image::MAX_PAGES))
}
