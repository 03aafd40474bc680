//! The values of one field in all contacts of a workspace: counted, copied under another name, and removed, some contacts
//! at a time.

use super::{Values, update_values};
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// Number of contacts that have a value of a field, declared or not.
pub async fn count_with_value(conn: &mut Conn, workspace: Id, name: &str) -> Result<i64> {
    let query = Query::new(
        "select count(*)
           from contact
          where workspace_id = :workspace and json(fields) ->> :name is not null",
    );
    let row = query.bind("workspace", workspace).bind("name", name).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// Copies the values of a field to another name for up to `limit` contacts behind a key that have not the same under both;
/// nothing else stays under the other name. Returns the contacts; none at the end.
pub async fn copy_value(
    conn: &mut Conn,
    workspace: Id,
    (name, new): (&str, &str),
    (after, limit): (Id, i64),
    now: Millis,
) -> Result<Vec<Id>> {
    let differs = Query::new("coalesce(json(fields) ->> :name, '') <> coalesce(json(fields) ->> :new, '')")
        .bind("name", name)
        .bind("new", new);
    change(conn, workspace, differs, (after, limit), now, |values| {
        match values.get(name).cloned() {
            Some(value) => drop(values.insert(new.to_owned(), value)),
            None => drop(values.remove(new)),
        };
    })
    .await
}

/// Removes the value of a field from up to `limit` contacts behind a key. Where there is an `heir`, a value that it lacks
/// moves there. Returns the contacts; none at the end.
pub async fn remove_value(
    conn: &mut Conn,
    workspace: Id,
    name: &str,
    heir: Option<&str>,
    (after, limit): (Id, i64),
    now: Millis,
) -> Result<Vec<Id>> {
    let has_value = Query::new("json(fields) ->> :name is not null").bind("name", name);
    change(conn, workspace, has_value, (after, limit), now, |values| {
        let removed = values.remove(name);
        if let (Some(value), Some(heir)) = (removed, heir.filter(|heir| !values.contains_key(*heir))) {
            values.insert(heir.to_owned(), value);
        }
    })
    .await
}

async fn change(
    conn: &mut Conn,
    workspace: Id,
    which: Query,
    (after, limit): (Id, i64),
    now: Millis,
    change: impl Fn(&mut Values),
) -> Result<Vec<Id>> {
    let query = Query::new(
        "select id, fields
           from contact
          where workspace_id = :workspace and id > :after and {which}
          order by id
          limit :limit{for_update}",
    );
    let query = query.bind("workspace", workspace).bind("after", after).fragment("which", which);
    let mut changed = Vec::new();
    for row in query.bind("limit", limit).fetch_all(conn).await? {
        let id: Id = row.cell(0)?;
        let broken = || Message::new("row-broken").with("table", "contact").with("column", "fields").with("id", id);
        let mut values: Values = serde_json::from_str(row.cell(1)?).map_err(|_| broken().internal())?;
        change(&mut values);
        changed.push((id, values));
    }
    update_values(conn, workspace, &changed, now).await?;
    Ok(changed.into_iter().map(|(id, _)| id).collect())
}
