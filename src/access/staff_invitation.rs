//! Table `staff_invitation`: links by which a person joins a workspace. A link belongs to one address and works once.

use sqlx::any::AnyRow;

use super::{Role, SecretToken};
use crate::audience::address::Address;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// How long an invitation is valid.
const TERM: Millis = 7 * DAY;

/// An invitation that was not accepted yet.
#[derive(Debug, Clone)]
pub struct StaffInvitation {
    /// Primary key.
    pub id: Id,
    /// The workspace.
    pub workspace: Id,
    /// The address; prints masked.
    pub email: Address,
    /// The role that it gives.
    pub role: Role,
    /// When a grant to the support ends.
    pub granted_until: Option<Millis>,
    /// When the link ends.
    pub expires_at: Millis,
}

/// Who is invited, to what.
#[derive(Debug)]
pub struct NewStaffInvitation<'a> {
    /// Primary key.
    pub id: Id,
    /// The workspace.
    pub workspace: Id,
    /// The address.
    pub email: &'a Address,
    /// The role that it gives.
    pub role: Role,
    /// When a grant to the support ends.
    pub granted_until: Option<Millis>,
}

const COLUMNS: &str = "id, workspace_id, email, role, granted_until, expires_at";

/// Makes an invitation, in place of an earlier one of the same address to the same workspace. Returns the token of its link.
pub async fn add(conn: &mut Conn, new: &NewStaffInvitation<'_>, now: Millis) -> Result<SecretToken> {
    let token = SecretToken::generate();
    Query::new(
        "delete from staff_invitation
          where expires_at <= :now or workspace_id = :workspace and canonical = :canonical",
    )
    .bind("now", now)
    .bind("workspace", new.workspace)
    .bind("canonical", new.email.canonical())
    .execute(&mut *conn)
    .await?;
    Query::new(
        "insert into staff_invitation (id, digest, workspace_id, email, canonical, role, granted_until, created_at,
                                       expires_at)
         values (:id, :digest, :workspace, :email, :canonical, :role, :until, :now, :expires)",
    )
    .bind("id", new.id)
    .bind("digest", token.digest())
    .bind("workspace", new.workspace)
    .bind("email", new.email.expose())
    .bind("canonical", new.email.canonical())
    .bind("role", new.role.as_str())
    .bind("until", new.granted_until)
    .bind("now", now)
    .bind("expires", now + TERM)
    .execute(conn)
    .await?;
    Ok(token)
}

/// The invitation of a link, unless it has expired.
pub async fn find(conn: &mut Conn, token: &SecretToken, now: Millis) -> Result<Option<StaffInvitation>> {
    let query = Query::new("select {columns} from staff_invitation where digest = :digest and expires_at > :now");
    let query = query.fragment("columns", COLUMNS).bind("digest", token.digest()).bind("now", now);
    query.fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// [`find`], and uses the link up.
pub async fn spend(conn: &mut Conn, token: &SecretToken, now: Millis) -> Result<Option<StaffInvitation>> {
    let query =
        Query::new("delete from staff_invitation where digest = :digest and expires_at > :now returning {columns}");
    let query = query.fragment("columns", COLUMNS).bind("digest", token.digest()).bind("now", now);
    query.fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// The invitations to a workspace that are still valid, the newest first.
pub async fn of_workspace(conn: &mut Conn, workspace: Id, now: Millis) -> Result<Vec<StaffInvitation>> {
    let query = Query::new(
        "select {columns}
           from staff_invitation
          where workspace_id = :workspace and expires_at > :now
          order by id desc",
    );
    let query = query.fragment("columns", COLUMNS).bind("workspace", workspace).bind("now", now);
    query.fetch_all(conn).await?.iter().map(read).collect()
}

/// Withdraws an invitation. Returns false when there is none.
pub async fn withdraw(conn: &mut Conn, workspace: Id, id: Id) -> Result<bool> {
    let query = Query::new("delete from staff_invitation where id = :id and workspace_id = :workspace");
    Ok(query.bind("id", id).bind("workspace", workspace).execute(conn).await? > 0)
}

/// Deletes the invitations of an address.
pub async fn forget(conn: &mut Conn, email: &Address) -> Result<()> {
    let query = Query::new("delete from staff_invitation where canonical = :canonical");
    query.bind("canonical", email.canonical()).execute(conn).await.map(drop)
}

/// Deletes the invitations that have expired. Returns how many there were.
pub async fn remove_expired(conn: &mut Conn, now: Millis) -> Result<u64> {
    Query::new("delete from staff_invitation where expires_at <= :now").bind("now", now).execute(conn).await
}

fn read(row: &AnyRow) -> Result<StaffInvitation> {
    let role = Role::parse_member(row.cell(3)?).map_err(|_| Message::new("user-damaged").internal())?;
    Ok(StaffInvitation {
        id: row.cell(0)?,
        workspace: row.cell(1)?,
        email: Address::parse_stored(row.cell(2)?),
        role,
        granted_until: row.cell(4)?,
        expires_at: row.cell(5)?,
    })
}
