//! The account of a user: name, language, password, second factor; and choosing a password by a link.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::session::{self, Browser, Entered, check_code, signed_out, throttled};
use super::{Action, Actor};
use crate::access::setup_link::{self, LinkPurpose};
use crate::access::throttle::{self, CountedAttempt};
use crate::access::totp::TotpSecret;
use crate::access::user::{self, SecondFactor, User};
use crate::access::{SecretToken, known_client, password, recovery_code};
use crate::infra::db::Conn;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Says what a sealed text is for: others are sealed with the same key.
const PURPOSE: &str = "second factor";

/// A second factor that waits for its first code.
#[derive(Debug)]
pub struct PendingFactor {
    /// The secret, sealed; the form sends it back.
    pub sealed: String,
    /// The secret as people type it.
    pub secret: String,
    /// The URI for a QR code.
    pub uri: String,
}

#[derive(Serialize, Deserialize)]
struct SealedFactor {
    purpose: String,
    user: Id,
    secret: String,
}

/// Changes name and language of the user who asks.
pub async fn change_profile(installation: &Installation, actor: &Actor, name: &str, lang: Option<Lang>) -> Result<()> {
    let permit = actor.permit(installation, Action::ManageAccount).await?;
    let user = permit.user.ok_or_else(signed_out)?;
    let name = user::check_name(name)?;
    let mut tx = installation.db.write().await?;
    user::set_profile(&mut tx, user, name, lang).await?;
    tx.commit().await?;
    permit.audit(user).await;
    Ok(())
}

/// Changes the password of the user who asks. All sessions end, and one begins in this browser.
///
/// # Errors
///
/// `Invalid` for the field `current` when the present password is wrong, for `password` when the new one is refused.
pub async fn change_password(
    installation: &Installation,
    actor: &Actor,
    current: &str,
    new: &str,
    browser: &Browser<'_>,
) -> Result<Entered> {
    let permit = actor.permit(installation, Action::ManageAccount).await?;
    let (verified, counted) = verify_current(installation, permit.user, current).await?;
    password::check(new, &[&verified.name, &verified.email.expose()])?;
    let hash = password::hash(new, password::Queue::Known).await?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    lock_unchanged(installation, &mut tx, &verified).await?;
    set_password(&mut tx, verified.id, &hash).await?;
    let entered = session::enter(installation, &mut tx, verified.id, browser, now).await?;
    throttle::succeed(&mut tx, counted).await?;
    tx.commit().await?;
    permit.audit(verified.id).await;
    Ok(entered)
}

/// A new secret for the second factor of the user who asks. Nothing changes before [`confirm_second_factor`].
pub async fn begin_second_factor(installation: &Installation, actor: &Actor) -> Result<PendingFactor> {
    let permit = actor.permit(installation, Action::ManageAccount).await?;
    let id = permit.user.ok_or_else(signed_out)?;
    permit.skip_audit();
    describe(installation, id, &TotpSecret::generate()).await
}

/// The second factor that a form shows again.
pub async fn reopen_second_factor(installation: &Installation, actor: &Actor, sealed: &str) -> Result<PendingFactor> {
    let permit = actor.permit(installation, Action::ManageAccount).await?;
    let id = permit.user.ok_or_else(signed_out)?;
    permit.skip_audit();
    let secret = unseal(installation, id, sealed).ok_or_else(|| Message::new("second-factor-expired").conflict())?;
    describe(installation, id, &secret).await
}

/// Sets the second factor up: `code` proves that the authenticator program has the secret. Returns the recovery codes, which
/// are shown once.
///
/// # Errors
///
/// `Invalid` for the field `current` (the password) or `code`.
pub async fn confirm_second_factor(
    installation: &Installation,
    actor: &Actor,
    sealed: &str,
    current: &str,
    code: &str,
) -> Result<Vec<String>> {
    let permit = actor.permit(installation, Action::ManageAccount).await?;
    let (verified, counted) = verify_current(installation, permit.user, current).await?;
    let secret =
        unseal(installation, verified.id, sealed).ok_or_else(|| Message::new("second-factor-expired").conflict())?;
    let step = secret.verify(code, installation.clock.now(), 0);
    let step = step.ok_or_else(|| Message::new("sign-in-code-wrong").invalid_field("code"))?;
    let codes = recovery_code::generate();
    let factor = SecondFactor { secret, step, recovery_codes: recovery_code::digests(&codes) };
    let mut tx = installation.db.write().await?;
    let locked = lock_unchanged(installation, &mut tx, &verified).await?;
    if locked.second_factor.is_some() {
        return Err(Message::new("second-factor-exists").conflict());
    }
    user::set_second_factor(installation, &mut tx, verified.id, Some(&factor)).await?;
    throttle::succeed(&mut tx, counted).await?;
    tx.commit().await?;
    permit.audit(verified.id).await;
    Ok(codes)
}

/// Makes new recovery codes; the earlier ones end. Returns the codes, which are shown once.
///
/// # Errors
///
/// `Invalid` for the field `current` (the password) or `code`.
pub async fn renew_recovery_codes(
    installation: &Installation,
    actor: &Actor,
    current: &str,
    code: &str,
) -> Result<Vec<String>> {
    let permit = actor.permit(installation, Action::ManageAccount).await?;
    let (verified, counted) = verify_current(installation, permit.user, current).await?;
    let codes = recovery_code::generate();
    let mut tx = installation.db.write().await?;
    let locked = lock_unchanged(installation, &mut tx, &verified).await?;
    check_code(installation, &mut tx, &locked, code, installation.clock.now()).await?;
    let changed = user::find_locked(installation, &mut tx, verified.id).await?;
    let Some(factor) = changed.and_then(|user| user.second_factor) else {
        return Err(Message::new("second-factor-none").conflict());
    };
    let factor = SecondFactor { recovery_codes: recovery_code::digests(&codes), ..factor };
    user::set_second_factor(installation, &mut tx, verified.id, Some(&factor)).await?;
    throttle::succeed(&mut tx, counted).await?;
    tx.commit().await?;
    permit.audit(verified.id).await;
    Ok(codes)
}

/// Removes the second factor of the user who asks.
///
/// # Errors
///
/// `Invalid` for the field `current` (the password) or `code`.
pub async fn remove_second_factor(installation: &Installation, actor: &Actor, current: &str, code: &str) -> Result<()> {
    let permit = actor.permit(installation, Action::ManageAccount).await?;
    let (verified, counted) = verify_current(installation, permit.user, current).await?;
    let mut tx = installation.db.write().await?;
    let locked = lock_unchanged(installation, &mut tx, &verified).await?;
    check_code(installation, &mut tx, &locked, code, installation.clock.now()).await?;
    user::set_second_factor(installation, &mut tx, verified.id, None).await?;
    throttle::succeed(&mut tx, counted).await?;
    tx.commit().await?;
    permit.audit(verified.id).await;
    Ok(())
}

/// The name of the user of a link to choose a password; `None` for a link that is not valid.
pub async fn find_by_link(installation: &Installation, actor: &Actor, token: &str) -> Result<Option<String>> {
    let permit = actor.permit(installation, Action::ChoosePassword).await?;
    let Some(token) = SecretToken::parse(token) else { return Ok(None) };
    let mut conn = installation.db.read().await?;
    let found = setup_link::find(&mut conn, LinkPurpose::Password, &token, installation.clock.now()).await?;
    permit.skip_audit();
    match found {
        Some(id) => Ok(user::find(installation, &mut conn, id).await?.map(|user| user.name)),
        None => Ok(None),
    }
}

/// Chooses a password by a link. All sessions of the user end, and none begins: the sign-in that follows asks for the second
/// factor.
///
/// # Errors
///
/// `Conflict` when the link is not valid, `Invalid` for the field `password`.
pub async fn choose_password(installation: &Installation, actor: &Actor, token: &str, new: &str) -> Result<()> {
    let permit = actor.permit(installation, Action::ChoosePassword).await?;
    let invalid = || Message::new("password-link-invalid").conflict();
    let token = SecretToken::parse(token).ok_or_else(invalid)?;
    let now = installation.clock.now();
    let mut conn = installation.db.read().await?;
    let id = setup_link::find(&mut conn, LinkPurpose::Password, &token, now).await?.ok_or_else(invalid)?;
    let user = user::find(installation, &mut conn, id).await?.ok_or_else(invalid)?;
    drop(conn);
    password::check(new, &[&user.name, &user.email.expose()])?;
    let hash = password::hash(new, password::Queue::Unknown).await?;
    let mut tx = installation.db.write().await?;
    setup_link::spend(&mut tx, LinkPurpose::Password, &token, now).await?.ok_or_else(invalid)?;
    set_password(&mut tx, id, &hash).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(())
}

/// Signs in by the link of a demo, once.
///
/// # Errors
///
/// `Conflict` when the link is not valid.
pub async fn enter_by_link(
    installation: &Installation,
    actor: &Actor,
    token: &str,
    browser: &Browser<'_>,
) -> Result<Entered> {
    let permit = actor.permit(installation, Action::SignIn).await?;
    let invalid = || Message::new("login-link-invalid").conflict();
    let token = SecretToken::parse(token).ok_or_else(invalid)?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    let id = setup_link::spend(&mut tx, LinkPurpose::SignIn, &token, now).await?.ok_or_else(invalid)?;
    let user = user::find_locked(installation, &mut tx, id).await?.ok_or_else(invalid)?;
    if user.second_factor.is_some() {
        return Err(invalid());
    }
    let entered = session::enter(installation, &mut tx, id, browser, now).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(entered)
}

/// Sets a password: sessions, known browsers and links that were made before it end.
async fn set_password(conn: &mut Conn, user: Id, hash: &str) -> Result<()> {
    user::set_password(conn, user, hash).await?;
    crate::access::session::forget(conn, user).await?;
    known_client::forget(conn, user).await?;
    setup_link::forget(conn, user).await
}

/// The user who asks, when their present password is right. Attempts are counted, also for what follows: somebody may have
/// found an open session.
async fn verify_current(
    installation: &Installation,
    user: Option<Id>,
    current: &str,
) -> Result<(User, CountedAttempt)> {
    let id = user.ok_or_else(signed_out)?;
    let counted = throttle::begin_of_user(installation, id).await?.map_err(throttled)?;
    let user = user::find(installation, &mut *installation.db.read().await?, id).await?.ok_or_else(signed_out)?;
    if !password::verify(current, Some(&user.password), password::Queue::Known).await? {
        return Err(wrong_password());
    }
    Ok((user, counted))
}

/// Locks the user, whose password must still be the one that was verified.
async fn lock_unchanged(installation: &Installation, conn: &mut Conn, verified: &User) -> Result<User> {
    let locked = user::find_locked(installation, conn, verified.id).await?;
    locked.filter(|user| user.password == verified.password).ok_or_else(wrong_password)
}

fn wrong_password() -> Error {
    Message::new("password-wrong").invalid_field("current")
}

async fn describe(installation: &Installation, id: Id, secret: &TotpSecret) -> Result<PendingFactor> {
    let user = user::find(installation, &mut *installation.db.read().await?, id).await?.ok_or_else(signed_out)?;
    let sealed = SealedFactor { purpose: PURPOSE.to_owned(), user: id, secret: secret.to_hex() };
    let sealed = serde_json::to_string(&sealed).expect("numbers and texts always serialise");
    Ok(PendingFactor {
        sealed: URL_SAFE_NO_PAD.encode(installation.keys.seal(&sealed)),
        secret: secret.to_base32(),
        uri: secret.uri(&user.email.expose()),
    })
}

fn unseal(installation: &Installation, user: Id, sealed: &str) -> Option<TotpSecret> {
    let text = installation.keys.open(&URL_SAFE_NO_PAD.decode(sealed).ok()?)?;
    let factor: SealedFactor = serde_json::from_str(&text).ok()?;
    (factor.purpose == PURPOSE && factor.user == user).then(|| TotpSecret::from_hex(&factor.secret))?
}
