//! Setup: the first administrator of an installation, made by a link that works once.

use super::session::{self, Browser, Entered};
use super::{Action, Actor, Role};
use crate::access::membership::{self, MembershipRow};
use crate::access::setup_link::{self, LinkPurpose};
use crate::access::user::{self, NewUser};
use crate::access::{SecretToken, password};
use crate::audience::workspace;
use crate::infra::db::{Conn, lock_configuration};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The user of a demo.
const DEMO_EMAIL: &str = "demo@sendoff.invalid";
const DEMO_NAME: &str = "Demo";

/// Who becomes the first administrator. Has no `Debug`, since it holds a password.
#[derive(Clone, Copy)]
pub struct FirstUser<'a> {
    /// The name.
    pub name: &'a str,
    /// The address.
    pub email: &'a str,
    /// The password.
    pub password: &'a str,
    /// The language of their pages.
    pub lang: Option<Lang>,
}

/// Whether the installation has an administrator.
pub async fn is_done(installation: &Installation) -> Result<bool> {
    Ok(user::count_administrators(&mut *installation.db.read().await?).await? > 0)
}

/// A new link for setup while there is no administrator; called at the start of `serve`.
pub async fn pending_link(installation: &Installation) -> Result<Option<SecretToken>> {
    if is_done(installation).await? {
        return Ok(None);
    }
    let mut tx = installation.db.write().await?;
    let token = setup_link::add(&mut tx, LinkPurpose::Setup, None, installation.clock.now()).await?;
    tx.commit().await?;
    Ok(Some(token))
}

/// Whether a link for setup is still valid.
pub async fn is_valid(installation: &Installation, actor: &Actor, token: &str) -> Result<bool> {
    let permit = actor.permit(installation, Action::CompleteSetup).await?;
    let Some(token) = SecretToken::parse(token) else { return Ok(false) };
    let mut conn = installation.db.read().await?;
    let found = setup_link::find(&mut conn, LinkPurpose::Setup, &token, installation.clock.now()).await?;
    permit.skip_audit();
    Ok(found.is_some() && user::count_administrators(&mut conn).await? == 0)
}

/// Makes the first administrator, who owns every workspace, and signs them in.
///
/// # Errors
///
/// `Conflict` when the link is not valid, `Invalid` for a field of the form.
pub async fn complete(
    installation: &Installation,
    actor: &Actor,
    token: &str,
    first: &FirstUser<'_>,
    browser: &Browser<'_>,
) -> Result<Entered> {
    let permit = actor.permit(installation, Action::CompleteSetup).await?;
    let token = SecretToken::parse(token).ok_or_else(invalid_link)?;
    let now = installation.clock.now();
    // The work of a hash is for those who have the link.
    let valid = setup_link::find(&mut *installation.db.read().await?, LinkPurpose::Setup, &token, now).await?;
    valid.ok_or_else(invalid_link)?;
    let permit = permit.begin(installation).await?;
    let name = user::check_name(first.name)?;
    let email = user::parse_email(first.email)?;
    password::check(first.password, &[name, &email.expose()])?;
    let hash = password::hash(first.password, password::Queue::Unknown).await?;
    workspace::ensure_first(installation).await?;
    let mut tx = installation.db.write().await?;
    lock_configuration(&mut tx).await?;
    let is_spent = setup_link::spend(&mut tx, LinkPurpose::Setup, &token, now).await?.is_none();
    if is_spent || user::count_administrators(&mut tx).await? > 0 {
        return Err(invalid_link());
    }
    setup_link::end_setup(&mut tx).await?;
    let id = installation.ids.next()?;
    let new = NewUser { id, email: &email, name, password: &hash, administrator: true, lang: first.lang };
    user::insert(&mut tx, &new, now).await?;
    own_every_workspace(&mut tx, id, now).await?;
    let entered = session::enter(installation, &mut tx, id, browser, now).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(entered)
}

/// Adds the user of a demo, an administrator whose password nobody knows. Returns the link that signs them in once.
pub async fn demo_link(installation: &Installation, actor: &Actor, lang: Option<Lang>) -> Result<SecretToken> {
    let permit = actor.permit(installation, Action::AddUser).await?.begin(installation).await?;
    let hash = password::hash(SecretToken::generate().expose(), password::Queue::Known).await?;
    let (id, now) = (installation.ids.next()?, installation.clock.now());
    let email = user::parse_email(DEMO_EMAIL)?;
    let mut tx = installation.db.write().await?;
    let new = NewUser { id, email: &email, name: DEMO_NAME, password: &hash, administrator: true, lang };
    user::insert(&mut tx, &new, now).await?;
    own_every_workspace(&mut tx, id, now).await?;
    let token = setup_link::add(&mut tx, LinkPurpose::SignIn, Some(id), now).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(token)
}

async fn own_every_workspace(conn: &mut Conn, user: Id, now: i64) -> Result<()> {
    for workspace in workspace::all(conn).await? {
        let row = MembershipRow { user, workspace: workspace.id, role: Role::Owner, granted_until: None };
        membership::set(conn, &row, now).await?;
    }
    Ok(())
}

fn invalid_link() -> Error {
    Message::new("setup-link-invalid").conflict()
}
