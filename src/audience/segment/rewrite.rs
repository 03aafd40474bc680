//! Segments when what they name changes: a list that gets another name, and segments that are removed.

use super::typed_expr::{Condition, Reference};
use super::{all, need, resolve};
use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Writes the new name of a list into the segments that name it. To be called before the list is renamed. Returns their names.
pub async fn rename_list(conn: &mut Conn, workspace: Id, list: Id, new: &str) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    for segment in all(conn, workspace).await? {
        // A segment that does not resolve, because its campaign is gone, finds nobody anyway.
        let Ok(expression) = resolve(conn, workspace, &segment.expression).await else { continue };
        let names_list = |condition: &&Condition| matches!(condition, Condition::OnList(one, _) if one.id == list);
        if !expression.tree.leaves().iter().any(names_list) {
            continue;
        }
        let renamed = expression.tree.map(&mut |condition| match condition {
            Condition::OnList(one, days) if one.id == list => {
                Condition::OnList(Reference { name: new.to_owned(), ..one.clone() }, *days)
            }
            other => other.clone(),
        });
        Query::new("update segment set expression = :expression where id = :id")
            .bind("expression", renamed.to_string())
            .bind("id", segment.id)
            .execute(conn)
            .await?;
        changed.push(segment.name);
    }
    Ok(changed)
}

/// Removes a segment. The caller has seen that nothing needs it.
pub async fn remove(conn: &mut Conn, workspace: Id, name: &str) -> Result<Id> {
    let segment = need(conn, workspace, name).await?;
    Query::new("delete from segment where id = :id").bind("id", segment.id).execute(conn).await?;
    Ok(segment.id)
}
