//! Sessions of the staff: sign in, find who is signed in, end a session, list one's own.
//!
//! An attempt counts before it is made, and is taken back when it succeeds. A browser that once signed in to the account is
//! counted alone, and everybody else together, so that nobody can lock its user out. An account that does not exist costs the
//! same statements and the same hash as one that does.

use std::net::IpAddr;

use serde::Serialize;

use super::output::time;
use super::signed_in::SignedIn;
use super::{Action, Actor};
use crate::access::user::{self, User};
use crate::access::{SecretToken, known_client, password, recovery_code, session, throttle};
use crate::audience::address::Address;
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Milliseconds of a minute.
const MINUTE: Millis = 60_000;

/// What a browser sends to sign in. Has no `Debug`, since it holds a password.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The address, as typed.
    pub email: &'a str,
    /// The password.
    pub password: &'a str,
    /// A code of the second factor, or a recovery code; may be empty.
    pub code: &'a str,
    /// The browser.
    pub browser: Browser<'a>,
}

/// The browser that a request comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Browser<'a> {
    /// Its network address, where it is known.
    pub address: Option<IpAddr>,
    /// The token that it got when it last signed in.
    pub client: Option<&'a str>,
    /// Its `User-Agent`.
    pub user_agent: &'a str,
}

/// Somebody has signed in.
#[derive(Debug)]
pub struct Entered {
    /// The user.
    pub user: Id,
    /// The token of the session.
    pub session: SecretToken,
    /// The token by which the browser is known from now on.
    pub client: SecretToken,
}

/// A session of a user, as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct SessionRow {
    /// Its key.
    pub id: Id,
    /// Browser and system.
    pub browser: String,
    /// When the user signed in.
    #[serde(serialize_with = "time")]
    pub since: Millis,
    /// When it was last used.
    #[serde(serialize_with = "time")]
    pub last_used: Millis,
}

impl From<session::Session> for SessionRow {
    fn from(session: session::Session) -> Self {
        Self { id: session.id, browser: session.user_agent, since: session.created_at, last_used: session.last_used_at }
    }
}

/// Signs in.
///
/// # Errors
///
/// `Invalid` for a wrong address or password (field `password`), or a missing or wrong code (field `code`); `Unavailable` after
/// too many attempts.
pub async fn sign_in(installation: &Installation, actor: &Actor, attempt: &Attempt<'_>) -> Result<Entered> {
    let permit = actor.permit(installation, Action::SignIn).await?;
    let mut account = None;
    let entered = try_sign_in(installation, attempt, &mut account).await;
    match &entered {
        Ok(entered) => permit.audit(entered.user).await,
        // The form asks for the code of the second factor only then.
        Err(error) if error.message().key == "sign-in-code-needed" => {}
        Err(_) => permit.audit_refusal(account).await,
    }
    entered
}

/// Signs in; `known` becomes the account, where there is one.
async fn try_sign_in(installation: &Installation, attempt: &Attempt<'_>, known: &mut Option<Id>) -> Result<Entered> {
    let now = installation.clock.now();
    let account = account(attempt.email);
    let user = user::find_by_email(installation, &mut *installation.db.read().await?, &account).await?;
    *known = user.as_ref().map(|user| user.id);
    let is_known = is_known(installation, user.as_ref(), attempt.browser.client, now).await?;
    let counted = match is_known {
        true => None,
        false => Some(throttle::begin(installation, &account, attempt.browser.address).await?.map_err(throttled)?),
    };
    let queue = if is_known { password::Queue::Known } else { password::Queue::Unknown };
    let hash = user.as_ref().map(|user| user.password.as_str());
    let is_right = password::verify(attempt.password, hash, queue).await?;
    let Some(user) = user.filter(|_| is_right) else { return Err(wrong()) };
    // From here on codes are counted, in the database.
    if let Some(counted) = counted {
        let mut tx = installation.db.write().await?;
        throttle::succeed(&mut tx, counted).await?;
        tx.commit().await?;
    }
    let is_code_counted = user.second_factor.is_some() && !attempt.code.trim().is_empty() && !is_known;
    if is_code_counted {
        count_code(installation, user.id, now).await?;
    }
    let mut tx = installation.db.write().await?;
    // The password may have changed since it was verified.
    let current = user::find_locked(installation, &mut tx, user.id).await?;
    let current = current.filter(|current| current.password == user.password).ok_or_else(wrong)?;
    check_code(installation, &mut tx, &current, attempt.code, now).await?;
    if is_code_counted {
        user::end_code_attempt(&mut tx, user.id).await?;
    }
    let entered = enter(installation, &mut tx, user.id, &attempt.browser, now).await?;
    tx.commit().await?;
    Ok(entered)
}

/// Whether the browser once signed in to this account, and has not failed too often since. It is asked for an account that
/// does not exist as well.
async fn is_known(installation: &Installation, user: Option<&User>, client: Option<&str>, now: Millis) -> Result<bool> {
    let Some(client) = client.and_then(SecretToken::parse) else { return Ok(false) };
    let mut tx = installation.db.write().await?;
    let is_known = known_client::begin_attempt(&mut tx, &client, user.map_or(0, |user| user.id), now).await?;
    tx.commit().await?;
    Ok(is_known)
}

/// Counts a code before it is compared.
pub(super) async fn count_code(installation: &Installation, user: Id, now: Millis) -> Result<()> {
    let mut tx = installation.db.write().await?;
    let is_allowed = user::begin_code_attempt(&mut tx, user, now).await?;
    tx.commit().await?;
    if is_allowed { Ok(()) } else { Err(throttled(user::CODE_WINDOW)) }
}

/// Checks the code of a user who has a second factor, and uses it up. The user is locked.
pub(super) async fn check_code(
    installation: &Installation,
    conn: &mut Conn,
    user: &User,
    code: &str,
    now: Millis,
) -> Result<()> {
    let Some(mut factor) = user.second_factor.clone() else { return Ok(()) };
    let refuse = |key| Message::new(key).invalid_field("code");
    if code.trim().is_empty() {
        return Err(refuse("sign-in-code-needed"));
    }
    let wrong = || refuse("sign-in-code-wrong");
    match recovery_code::is_one(code) {
        true => factor.recovery_codes = recovery_code::spend(&factor.recovery_codes, code).ok_or_else(wrong)?,
        false => factor.step = factor.secret.verify(code, now, factor.step).ok_or_else(wrong)?,
    }
    user::set_second_factor(installation, conn, user.id, Some(&factor)).await
}

/// Begins a session in a browser, and remembers the browser.
pub(super) async fn enter(
    installation: &Installation,
    conn: &mut Conn,
    user: Id,
    browser: &Browser<'_>,
    now: Millis,
) -> Result<Entered> {
    session::remove_expired(conn, now).await?;
    let session = session::begin(conn, installation.ids.next()?, user, browser.user_agent, now).await?;
    let client = SecretToken::generate();
    if let Some(earlier) = browser.client.and_then(SecretToken::parse) {
        known_client::rotate(conn, &earlier, &client).await?;
    }
    known_client::remember(conn, &client, user, now).await?;
    user::touch(conn, user, now).await?;
    Ok(Entered { user, session, client })
}

/// Who is signed in with this token of a session. Records the use of the session now and then.
pub async fn find(installation: &Installation, token: &str) -> Result<Option<SignedIn>> {
    let Some(token) = SecretToken::parse(token) else { return Ok(None) };
    let now = installation.clock.now();
    let mut conn = installation.db.read().await?;
    let Some(found) = session::find(&mut conn, &token, now).await? else { return Ok(None) };
    let Some(user) = user::find(installation, &mut conn, found.user).await? else { return Ok(None) };
    let signed_in = SignedIn::new(&mut conn, user, found.id, now).await?;
    drop(conn);
    if now.saturating_sub(found.last_used_at) >= session::TOUCH_INTERVAL
        && let Err(error) = touch(installation, &found, now).await
    {
        tracing::debug!(error = error.message().key, "the use of a session was not recorded");
    }
    Ok(Some(signed_in))
}

async fn touch(installation: &Installation, session: &session::Session, now: Millis) -> Result<()> {
    let mut tx = installation.db.write().await?;
    session::touch(&mut tx, session, now).await?;
    user::touch(&mut tx, session.user, now).await?;
    tx.commit().await
}

/// Ends the session of this token: its user signs out.
pub async fn end(installation: &Installation, token: &str) -> Result<()> {
    let Some(token) = SecretToken::parse(token) else { return Ok(()) };
    let mut tx = installation.db.write().await?;
    session::end(&mut tx, &token).await?;
    tx.commit().await
}

/// The sessions of the user who asks, the last used first.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Vec<SessionRow>> {
    let permit = actor.permit(installation, Action::ManageAccount).await?;
    let user = permit.user.ok_or_else(signed_out)?;
    let sessions = session::of_user(&mut *installation.db.read().await?, user, installation.clock.now()).await?;
    permit.skip_audit();
    Ok(sessions.into_iter().map(SessionRow::from).collect())
}

/// Ends another session of the user who asks.
///
/// # Errors
///
/// `NotFound` when there is none.
pub async fn end_other(installation: &Installation, actor: &Actor, id: Id) -> Result<()> {
    let permit = actor.permit(installation, Action::ManageAccount).await?;
    let user = permit.user.ok_or_else(signed_out)?;
    let mut tx = installation.db.write().await?;
    if !session::end_of_user(&mut tx, user, id).await? {
        return Err(Message::new("session-unknown").not_found());
    }
    tx.commit().await?;
    permit.audit(id).await;
    Ok(())
}

/// The account that an address stands for: its canonical form, or the text where it is no address.
fn account(email: &str) -> String {
    Address::parse(email).map_or_else(|_| email.trim().to_lowercase(), |address| address.canonical())
}

/// The same for a wrong address and for a wrong password.
fn wrong() -> Error {
    Message::new("sign-in-wrong").invalid_field("password")
}

/// Too many attempts.
pub(super) fn throttled(wait: Millis) -> Error {
    Message::new("sign-in-throttled").with("minutes", (wait + MINUTE - 1) / MINUTE).unavailable()
}

/// The actor is nobody.
pub(super) fn signed_out() -> Error {
    Message::new("signed-out").forbidden()
}
