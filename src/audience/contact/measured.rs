//! Column `contact.measured`: whether a person agreed to be measured (1), refused it (0), or said neither (null).

use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Condition that opens and clicks of contact `contact` (an alias) in workspace `workspace` (an alias) are recorded: they agreed,
/// or said nothing and the policy of the workspace records those.
pub fn is_measured(contact: &str, workspace: &str) -> String {
    format!("coalesce({workspace}.measured, 1) < 2 and coalesce({contact}.measured, {workspace}.measured, 1) = 1")
}

/// Stores the answer of a person. With `Some(false)` no open or click of theirs is recorded any more, not even of messages that
/// were sent before.
pub async fn set_measured(conn: &mut Conn, contact: Id, answer: Option<bool>) -> Result<()> {
    let query = Query::new("update contact set measured = :answer where id = :contact");
    query.bind("answer", answer.map(i64::from)).bind("contact", contact).execute(conn).await.map(drop)
}

/// The answer of a person.
pub async fn measured(conn: &mut Conn, contact: Id) -> Result<Option<bool>> {
    let query = Query::new("select measured from contact where id = :contact").bind("contact", contact);
    let answer = query.fetch_optional(conn).await?.map(|row| row.cell::<Option<i64>>(0)).transpose()?.flatten();
    Ok(answer.map(|answer| answer == 1))
}

/// Number of contacts whose opens and clicks are recorded now.
pub async fn count_measured(conn: &mut Conn, workspace: Id) -> Result<i64> {
    let query = Query::new(
        "select count(*)
           from contact c
           join workspace w on w.id = c.workspace_id
          where c.workspace_id = :workspace and {measured}",
    );
    let query = query.bind("workspace", workspace).fragment("measured", is_measured("c", "w"));
    query.fetch_optional(conn).await?.map_or(Ok(0), |row| row.cell(0))
}

/// Number of contacts whose opens and clicks would be recorded if those who said nothing are, and those who agreed are.
pub async fn count_measured_under(conn: &mut Conn, workspace: Id, silent: bool, agreed: bool) -> Result<i64> {
    let query = Query::new(
        "select count(*)
           from contact
          where workspace_id = :workspace
            and (measured is null and :silent = 1 or measured = 1 and :agreed = 1)",
    );
    let query = query.bind("workspace", workspace).bind("silent", i64::from(silent)).bind("agreed", i64::from(agreed));
    query.fetch_optional(conn).await?.map_or(Ok(0), |row| row.cell(0))
}
