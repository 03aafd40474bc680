//! Table `spool_position`: how many bytes of a spool file were processed, changed in the same transaction as their effect. A
//! process that is killed goes on behind the last line that it committed.

use super::db::{Cells, Conn, Query};
use super::error::Result;
use super::id::Id;

/// The position in a file; 0 for a new one, and for a row that cannot be read.
pub async fn get(conn: &mut Conn, file: Id) -> Result<u64> {
    let row = Query::new("select position from spool_position where file_id = :file")
        .bind("file", file)
        .fetch_optional(conn)
        .await?;
    let position = row.and_then(|row| row.cell::<i64>(0).ok());
    Ok(position.and_then(|position| u64::try_from(position).ok()).unwrap_or(0))
}

/// Sets the position in a file.
pub async fn set(conn: &mut Conn, file: Id, position: u64) -> Result<()> {
    Query::new(
        "insert into spool_position (file_id, position)
         values (:file, :position)
         on conflict (file_id) do update set position = excluded.position",
    )
    .bind("file", file)
    .bind("position", i64::try_from(position).unwrap_or(i64::MAX))
    .execute(conn)
    .await?;
    Ok(())
}

/// Marks a file as processed; false when it was before. For a file that is processed in one piece.
pub async fn set_once(conn: &mut Conn, file: Id) -> Result<bool> {
    let inserted = Query::new(
        "insert into spool_position (file_id, position)
         values (:file, 1)
         on conflict (file_id) do nothing",
    )
    .bind("file", file)
    .execute(conn)
    .await?;
    Ok(inserted == 1)
}

/// Forgets a file that was removed.
pub async fn remove(conn: &mut Conn, file: Id) -> Result<()> {
    Query::new("delete from spool_position where file_id = :file").bind("file", file).execute(conn).await?;
    Ok(())
}
