//! Table `session`: browsers that are signed in. A session ends some time after its last use, and at the latest when its
//! whole term is over.

use sqlx::any::AnyRow;

use super::SecretToken;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// How long a session lasts without use.
pub const IDLE_TERM: Millis = 14 * DAY;
/// How long a session lasts at most.
const WHOLE_TERM: Millis = 90 * DAY;
/// How often the use of a session is recorded.
pub const TOUCH_INTERVAL: Millis = 5 * 60 * 1_000;

/// A browser that is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Primary key.
    pub id: Id,
    /// The user.
    pub user: Id,
    /// When the user signed in.
    pub created_at: Millis,
    /// When it was last used, within [`TOUCH_INTERVAL`].
    pub last_used_at: Millis,
    /// Browser and system.
    pub user_agent: String,
}

/// Begins a session and returns the token of its browser.
pub async fn begin(conn: &mut Conn, id: Id, user: Id, user_agent: &str, now: Millis) -> Result<SecretToken> {
    let token = SecretToken::generate();
    Query::new(
        "insert into session (id, digest, user_id, created_at, last_used_at, expires_at, user_agent)
         values (:id, :digest, :user, :now, :now, :expires, :agent)",
    )
    .bind("id", id)
    .bind("digest", token.digest())
    .bind("user", user)
    .bind("now", now)
    .bind("expires", now + IDLE_TERM)
    .bind("agent", short_user_agent(user_agent))
    .execute(conn)
    .await?;
    Ok(token)
}

/// The session of a token, unless it has expired.
pub async fn find(conn: &mut Conn, token: &SecretToken, now: Millis) -> Result<Option<Session>> {
    let query = Query::new(
        "select id, user_id, created_at, last_used_at, user_agent
           from session
          where digest = :digest and expires_at > :now",
    );
    let row = query.bind("digest", token.digest()).bind("now", now).fetch_optional(conn).await?;
    row.as_ref().map(read).transpose()
}

/// Records the use of a session, which extends it.
pub async fn touch(conn: &mut Conn, session: &Session, now: Millis) -> Result<()> {
    let query = Query::new("update session set last_used_at = :now, expires_at = :expires where id = :id");
    let expires = (now + IDLE_TERM).min(session.created_at + WHOLE_TERM);
    query.bind("now", now).bind("expires", expires).bind("id", session.id).execute(conn).await.map(drop)
}

/// The sessions of a user, the last used first.
pub async fn of_user(conn: &mut Conn, user: Id, now: Millis) -> Result<Vec<Session>> {
    let query = Query::new(
        "select id, user_id, created_at, last_used_at, user_agent
           from session
          where user_id = :user and expires_at > :now
          order by last_used_at desc, id desc",
    );
    Ok(read_each("session", &query.bind("user", user).bind("now", now).fetch_all(conn).await?, read))
}

/// Ends the session of a token.
pub async fn end(conn: &mut Conn, token: &SecretToken) -> Result<()> {
    Query::new("delete from session where digest = :digest")
        .bind("digest", token.digest())
        .execute(conn)
        .await
        .map(drop)
}

/// Ends a session of a user. Returns false when there is none.
pub async fn end_of_user(conn: &mut Conn, user: Id, id: Id) -> Result<bool> {
    let query = Query::new("delete from session where id = :id and user_id = :user");
    Ok(query.bind("id", id).bind("user", user).execute(conn).await? > 0)
}

/// Ends all sessions of a user. Returns how many there were.
pub async fn forget(conn: &mut Conn, user: Id) -> Result<u64> {
    Query::new("delete from session where user_id = :user").bind("user", user).execute(conn).await
}

/// Ends all sessions of everybody.
pub async fn end_all(conn: &mut Conn) -> Result<u64> {
    Query::new("delete from session").execute(conn).await
}

/// Deletes the sessions that have expired.
pub async fn remove_expired(conn: &mut Conn, now: Millis) -> Result<()> {
    Query::new("delete from session where expires_at <= :now").bind("now", now).execute(conn).await.map(drop)
}

fn read(row: &AnyRow) -> Result<Session> {
    Ok(Session {
        id: row.cell(0)?,
        user: row.cell(1)?,
        created_at: row.cell(2)?,
        last_used_at: row.cell(3)?,
        user_agent: row.cell(4)?,
    })
}

/// Browser and system of a `User-Agent` header, by which a person recognises their own sessions; versions and the rest are
/// not kept.
fn short_user_agent(header: &str) -> String {
    const BROWSERS: [(&str, &str); 9] = [
        ("YaBrowser/", "Yandex Browser"),
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iOS"),
        ("iPad", "iPadOS"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find =
        |known: &[(&str, &'static str)]| known.iter().find(|(sign, _)| header.contains(sign)).map(|(_, name)| *name);
    let found: Vec<&str> = [find(&BROWSERS), find(&SYSTEMS)].into_iter().flatten().collect();
    found.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_agent_is_reduced_to_browser_and_system() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0";
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";

        assert_eq!(short_user_agent(firefox), "Firefox, Linux");
        assert_eq!(short_user_agent(edge), "Edge, Windows");
        assert_eq!(short_user_agent(iphone), "Safari, iOS");
        assert_eq!(short_user_agent("anna@example.org"), "");
    }
}
