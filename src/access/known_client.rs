//! Table `known_client`: browsers that once signed in to an account. Their attempts are counted for each alone, so that
//! failures of others do not keep them out.

use super::SecretToken;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// How long a browser stays known after it signed in.
pub const TERM: Millis = 365 * DAY;
/// Attempts that a known browser may make in a window; with more it counts as unknown.
const ATTEMPTS: i64 = 10;
const WINDOW: Millis = 60 * 60 * 1_000;

/// Counts an attempt of a browser to sign in as this user. Returns false when the browser is not known for this account, or
/// has made too many attempts.
pub async fn begin_attempt(conn: &mut Conn, client: &SecretToken, user: Id, now: Millis) -> Result<bool> {
    let counted = Query::new(
        "update known_client
            set attempts = case when attempted_at < :since then 1 else attempts + 1 end,
                attempted_at = case when attempted_at < :since then :now else attempted_at end
          where digest = :digest and user_id = :user and expires_at > :now
            and (attempts < :limit or attempted_at < :since)",
    )
    .bind("since", now - WINDOW)
    .bind("now", now)
    .bind("limit", ATTEMPTS)
    .bind("digest", client.digest())
    .bind("user", user)
    .execute(conn)
    .await?;
    Ok(counted > 0)
}

/// Remembers a browser that signed in, and forgets its failures.
pub async fn remember(conn: &mut Conn, client: &SecretToken, user: Id, now: Millis) -> Result<()> {
    Query::new("delete from known_client where expires_at <= :now").bind("now", now).execute(&mut *conn).await?;
    Query::new(
        "insert into known_client (digest, user_id, attempts, attempted_at, expires_at)
         values (:digest, :user, 0, 0, :expires)
             on conflict (digest, user_id) do update
            set attempts = 0, attempted_at = 0, expires_at = excluded.expires_at",
    )
    .bind("digest", client.digest())
    .bind("user", user)
    .bind("expires", now + TERM)
    .execute(conn)
    .await
    .map(drop)
}

/// Forgets the browsers of a user.
pub async fn forget(conn: &mut Conn, user: Id) -> Result<()> {
    Query::new("delete from known_client where user_id = :user").bind("user", user).execute(conn).await.map(drop)
}

/// Gives a browser another token, for all accounts that it has signed in to: one that somebody planted is of no use to them.
pub async fn rotate(conn: &mut Conn, old: &SecretToken, new: &SecretToken) -> Result<()> {
    let query = Query::new("update known_client set digest = :new where digest = :old");
    query.bind("new", new.digest()).bind("old", old.digest()).execute(conn).await.map(drop)
}
