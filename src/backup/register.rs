//! Table `backup_made`: the files of the backups that this installation made, so that they can be deleted when what they hold must
//! be gone.

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Remembers a backup.
pub async fn add(conn: &mut Conn, id: Id, path: &str, made_at: Millis) -> Result<()> {
    let insert = Query::new("insert into backup_made (id, path, made_at) values (:id, :path, :made_at)");
    insert.bind("id", id).bind("path", path).bind("made_at", made_at).execute(conn).await.map(drop)
}

/// Keys and paths of the backups made before a moment, the oldest first.
pub async fn before(conn: &mut Conn, moment: Millis) -> Result<Vec<(Id, String)>> {
    let query = Query::new("select id, path from backup_made where made_at < :moment order by made_at");
    let rows = query.bind("moment", moment).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.cell(0)?, row.cell(1)?))).collect()
}

/// The newest backup: its path and when it was made.
pub async fn newest(conn: &mut Conn) -> Result<Option<(String, Millis)>> {
    let query = Query::new("select path, made_at from backup_made order by made_at desc limit 1");
    query.fetch_optional(conn).await?.map(|row| Ok((row.cell(0)?, row.cell(1)?))).transpose()
}

/// Forgets backups whose files are gone.
pub async fn forget(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    Query::new("delete from backup_made where id in :ids").bind_ids("ids", ids).execute(conn).await.map(drop)
}
