//! Canonical addresses of contacts that an earlier version stored in another form: it kept the backslashes of quoted
//! local parts.

use crate::audience::address::Address;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Contacts per page.
const PAGE: usize = 1_000;

/// A contact whose canonical address has another form today.
#[derive(Debug)]
pub struct Outdated {
    /// The contact.
    pub id: Id,
    /// Today's form.
    pub canonical: String,
}

/// Some contacts of a workspace with an outdated canonical address; none when all are up to date. Only quoted local parts
/// have changed, and their canonical addresses began with a quote.
pub async fn find_outdated(conn: &mut Conn, workspace: Id) -> Result<Vec<Outdated>> {
    let (mut after, mut found) = (String::new(), Vec::new());
    loop {
        let rows = Query::new(
            "select id, address, canonical
               from contact
              where workspace_id = :workspace and canonical >= '\"' and canonical < '#' and canonical > :after
              order by canonical
              limit :page",
        )
        .bind("workspace", workspace)
        .bind("after", after.as_str())
        .bind("page", PAGE as i64)
        .fetch_all(&mut *conn)
        .await?;
        for row in &rows {
            let (Ok(address), Ok(stored)) = (row.cell::<String>(1), row.cell::<String>(2)) else {
                continue;
            };
            let canonical = Address::parse_stored(&address).canonical();
            if canonical != stored {
                found.push(Outdated { id: row.cell(0)?, canonical });
            }
        }
        match rows.last().map(|row| row.cell(2)) {
            Some(Ok(last)) if found.len() < PAGE => after = last,
            _ => return Ok(found),
        }
    }
}

/// Sets the canonical address of a contact. Returns false, and changes nothing, if another contact of the workspace has
/// it.
pub async fn set_canonical(conn: &mut Conn, workspace: Id, outdated: &Outdated) -> Result<bool> {
    let updated = Query::new(
        "update contact
            set canonical = :canonical
          where id = :id
            and not exists (select 1
                              from contact other
                             where other.workspace_id = :workspace and other.canonical = :canonical)",
    )
    .bind("canonical", outdated.canonical.as_str())
    .bind("id", outdated.id)
    .bind("workspace", workspace)
    .execute(conn)
    .await?;
    Ok(updated > 0)
}
