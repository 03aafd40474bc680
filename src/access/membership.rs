//! Table `membership`: what a user is in a workspace, and until when.

use sqlx::any::AnyRow;

use super::Role;
use super::mailed_report::Period;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// A user's role in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRow {
    /// The user.
    pub user: Id,
    /// The workspace.
    pub workspace: Id,
    /// The role.
    pub role: Role,
    /// When a grant to the support ends.
    pub granted_until: Option<Millis>,
}

impl MembershipRow {
    /// False for a grant that has ended.
    pub fn is_valid(&self, now: Millis) -> bool {
        self.granted_until.is_none_or(|until| now < until)
    }
}

/// Gives a user a role in a workspace, in place of the one they had.
pub async fn set(conn: &mut Conn, membership: &MembershipRow, now: Millis) -> Result<()> {
    Query::new(
        "insert into membership (user_id, workspace_id, role, granted_until, created_at)
         values (:user, :workspace, :role, :until, :now)
             on conflict (user_id, workspace_id) do update
            set role = excluded.role, granted_until = excluded.granted_until",
    )
    .bind("user", membership.user)
    .bind("workspace", membership.workspace)
    .bind("role", membership.role.as_str())
    .bind("until", membership.granted_until)
    .bind("now", now)
    .execute(conn)
    .await
    .map(drop)
}

/// The memberships of a user.
pub async fn of_user(conn: &mut Conn, user: Id) -> Result<Vec<MembershipRow>> {
    let query = Query::new(
        "select user_id, workspace_id, role, granted_until
           from membership
          where user_id = :user
          order by workspace_id",
    );
    Ok(read_each("membership", &query.bind("user", user).fetch_all(conn).await?, read))
}

/// The memberships in a workspace.
pub async fn of_workspace(conn: &mut Conn, workspace: Id) -> Result<Vec<MembershipRow>> {
    let query = Query::new(
        "select user_id, workspace_id, role, granted_until
           from membership
          where workspace_id = :workspace
          order by user_id",
    );
    Ok(read_each("membership", &query.bind("workspace", workspace).fetch_all(conn).await?, read))
}

/// Sets how often a user gets reports of a workspace, and the day after the last period that counts as handled. Returns false
/// for somebody who is no member.
pub async fn set_report(
    conn: &mut Conn,
    user: Id,
    workspace: Id,
    period: Option<Period>,
    handled: Option<i64>,
) -> Result<bool> {
    let query = Query::new(
        "update membership
            set report = :report, reported_day = :day
          where user_id = :user and workspace_id = :workspace",
    );
    let query = query.bind("report", period.map(|period| period.as_str().to_owned())).bind("day", handled);
    Ok(query.bind("user", user).bind("workspace", workspace).execute(conn).await? > 0)
}

/// Moves the day of the last report on. Returns false when another process was faster.
pub async fn set_reported(conn: &mut Conn, user: Id, workspace: Id, before: Option<i64>, day: i64) -> Result<bool> {
    let query = Query::new(
        "update membership
            set reported_day = :day
          where user_id = :user and workspace_id = :workspace and coalesce(reported_day, -1) = :before",
    );
    let query = query.bind("day", day).bind("before", before.unwrap_or(-1));
    Ok(query.bind("user", user).bind("workspace", workspace).execute(conn).await? > 0)
}

/// Ends a user's membership in a workspace. Returns false when there was none.
pub async fn end(conn: &mut Conn, user: Id, workspace: Id) -> Result<bool> {
    let query = Query::new("delete from membership where user_id = :user and workspace_id = :workspace");
    Ok(query.bind("user", user).bind("workspace", workspace).execute(conn).await? > 0)
}

/// Ends all memberships of a user.
pub async fn forget(conn: &mut Conn, user: Id) -> Result<()> {
    Query::new("delete from membership where user_id = :user").bind("user", user).execute(conn).await.map(drop)
}

/// A row; a role of a later version gives nothing.
fn read(row: &AnyRow) -> Result<MembershipRow> {
    let role = Role::parse_member(row.cell(2)?)?;
    Ok(MembershipRow { user: row.cell(0)?, workspace: row.cell(1)?, role, granted_until: row.cell(3)? })
}
