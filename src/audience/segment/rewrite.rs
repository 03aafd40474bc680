//! Segments when what they name changes: a list or field that gets another name, and segments that are removed.

use super::typed_expr::{Condition, Reference, Subject};
use super::{Expression, Segment, all, need, resolve};
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
        set_expression(conn, segment.id, &renamed.to_string()).await?;
        changed.push(segment.name);
    }
    Ok(changed)
}

/// The names of the segments that name a field.
pub async fn names_with_field(conn: &mut Conn, workspace: Id, field: &str) -> Result<Vec<String>> {
    let found = with_field(conn, workspace, field).await?;
    Ok(found.into_iter().map(|(segment, _)| segment.name).collect())
}

/// Writes the new name of a field into the segments that name it. To be called before the field is renamed. Returns their names.
pub async fn rename_field(conn: &mut Conn, workspace: Id, field: &str, new: &str) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    for (segment, expression) in with_field(conn, workspace, field).await? {
        let renamed = expression.tree.map(&mut |condition| match condition {
            Condition::Compare(Subject::Field(name, kind), op, values) if name == field => {
                Condition::Compare(Subject::Field(new.to_owned(), *kind), *op, values.clone())
            }
            other => other.clone(),
        });
        set_expression(conn, segment.id, &renamed.to_string()).await?;
        changed.push(segment.name);
    }
    Ok(changed)
}

async fn with_field(conn: &mut Conn, workspace: Id, field: &str) -> Result<Vec<(Segment, Expression)>> {
    let mut found = Vec::new();
    for segment in all(conn, workspace).await? {
        let Ok(expression) = resolve(conn, workspace, &segment.expression).await else { continue };
        let names_field = |condition: &&Condition| matches!(condition, Condition::Compare(Subject::Field(name, _), ..) if name == field);
        if expression.tree.leaves().iter().any(names_field) {
            found.push((segment, expression));
        }
    }
    Ok(found)
}

async fn set_expression(conn: &mut Conn, segment: Id, expression: &str) -> Result<()> {
    let query = Query::new("update segment set expression = :expression where id = :id");
    query.bind("expression", expression).bind("id", segment).execute(conn).await.map(drop)
}

/// Removes a segment. The caller has seen that nothing needs it.
pub async fn remove(conn: &mut Conn, workspace: Id, name: &str) -> Result<Id> {
    let segment = need(conn, workspace, name).await?;
    Query::new("delete from segment where id = :id").bind("id", segment.id).execute(conn).await?;
    Ok(segment.id)
}

/// Removes all segments of a workspace.
pub async fn remove_all(conn: &mut Conn, workspace: Id) -> Result<()> {
    let query = Query::new("delete from segment where workspace_id = :workspace");
    query.bind("workspace", workspace).execute(conn).await.map(drop)
}
