//! Sign-in at the identity provider: the browser goes there and comes back with a code. It signs in a user who was added before,
//! by the address that the provider has verified; it makes no user and gives no right. Who has a second factor here types its
//! code here too.

use super::session::{Browser, Entered, check_code, count_code, enter};
use super::{Action, Actor};
use crate::access::identity_provider::{self, IdentityProvider};
use crate::access::oidc::endpoint::Discovery;
use crate::access::oidc::id_token::{self, Expected};
use crate::access::oidc::{Flow, Refusal};
use crate::access::setup_link::{self, LinkPurpose};
use crate::access::user::{self, User};
use crate::access::{SecretToken, known_client};
use crate::audience::address::Address;
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The way to the provider.
#[derive(Debug)]
pub struct Begun {
    /// What the browser keeps until it comes back.
    pub token: SecretToken,
    /// Where it goes.
    pub url: String,
}

/// The reply of the provider, as the browser brings it. Has no `Debug`, since it holds a code.
pub struct Reply<'a> {
    /// What the browser kept.
    pub token: Option<&'a str>,
    /// The state.
    pub state: &'a str,
    /// The code.
    pub code: &'a str,
    /// The issuer, where the provider says it (RFC 9207).
    pub issuer: Option<&'a str>,
    /// Our own address, which was sent along.
    pub redirect: &'a str,
}

/// What came of a reply.
#[derive(Debug)]
pub enum Came {
    /// Somebody has signed in, and wanted to see this page.
    In(Entered, String),
    /// The code of the second factor is wanted: the token of the form, and the page.
    CodeWanted(SecretToken, String),
}

/// What the button on the sign-in page calls the provider; `None` without one.
pub async fn label(installation: &Installation) -> Result<Option<String>> {
    let mut conn = installation.db.read().await?;
    Ok(identity_provider::get(installation, &mut conn).await?.map(|provider| provider.label))
}

/// Begins a sign-in of a browser that wants to see the page `next`.
///
/// # Errors
///
/// `NotFound` without a provider; `Conflict` when it does not answer.
pub async fn begin(installation: &Installation, actor: &Actor, redirect: &str, next: &str) -> Result<Begun> {
    let permit = actor.permit(installation, Action::SignIn).await?;
    let provider = need_provider(installation).await?;
    let discovery = Discovery::load(&installation.network, &provider.issuer).await.map_err(refused)?;
    let mut tx = installation.db.write().await?;
    let token = setup_link::add(&mut tx, LinkPurpose::Provider, None, installation.clock.now()).await?;
    tx.commit().await?;
    permit.skip_audit();
    let url = discovery.authorization_url(&provider, redirect, &Flow::new(&token, next));
    Ok(Begun { token, url })
}

/// Signs in by the reply of the provider.
///
/// # Errors
///
/// `Conflict` with the reason, when the reply is not that of the sign-in which this browser began, when its token is not right, or
/// when nobody has the address.
pub async fn complete(
    installation: &Installation,
    actor: &Actor,
    reply: &Reply<'_>,
    browser: &Browser<'_>,
) -> Result<Came> {
    let permit = actor.permit(installation, Action::SignIn).await?;
    let mut known = None;
    let came = try_complete(installation, reply, browser, &mut known).await;
    match &came {
        Ok(Came::In(entered, _)) => permit.audit(entered.user).await,
        Ok(Came::CodeWanted(..)) => {}
        Err(_) => permit.audit_refusal(known).await,
    }
    came
}

async fn try_complete(
    installation: &Installation,
    reply: &Reply<'_>,
    browser: &Browser<'_>,
    known: &mut Option<Id>,
) -> Result<Came> {
    let foreign = || Message::new("provider-state").conflict();
    let token = reply.token.and_then(SecretToken::parse).ok_or_else(foreign)?;
    let (flow, next) = Flow::resume(&token, reply.state).ok_or_else(foreign)?;
    let mut tx = installation.db.write().await?;
    // Used up before anything is asked: a reply counts once.
    let begun = setup_link::spend(&mut tx, LinkPurpose::Provider, &token, installation.clock.now()).await?;
    tx.commit().await?;
    begun.ok_or_else(foreign)?;
    let provider = need_provider(installation).await?;
    if reply.issuer.is_some_and(|issuer| issuer != provider.issuer) {
        return Err(refused(Refusal::Issuer));
    }
    let email = ask(installation, &provider, reply, &flow).await?;
    let user = find(installation, &email).await?;
    *known = Some(user.id);
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    if user.second_factor.is_some() {
        let token = setup_link::add(&mut tx, LinkPurpose::ProviderCode, Some(user.id), now).await?;
        tx.commit().await?;
        return Ok(Came::CodeWanted(token, next));
    }
    // The second factor may have been set up since.
    let current = user::find_locked(installation, &mut tx, user.id).await?.ok_or_else(unknown)?;
    if current.second_factor.is_some() {
        return Err(foreign());
    }
    let entered = enter(installation, &mut tx, user.id, browser, now).await?;
    tx.commit().await?;
    Ok(Came::In(entered, next))
}

/// Signs in by the code of the second factor, after the provider.
///
/// # Errors
///
/// `Conflict` when the sign-in has expired; `Invalid` for the field `code`; `Unavailable` after too many codes.
pub async fn confirm(
    installation: &Installation,
    actor: &Actor,
    token: &str,
    code: &str,
    browser: &Browser<'_>,
) -> Result<Entered> {
    let permit = actor.permit(installation, Action::SignIn).await?;
    let mut known = None;
    let entered = try_confirm(installation, token, code, browser, &mut known).await;
    match &entered {
        Ok(entered) => permit.audit(entered.user).await,
        Err(_) => permit.audit_refusal(known).await,
    }
    entered
}

async fn try_confirm(
    installation: &Installation,
    token: &str,
    code: &str,
    browser: &Browser<'_>,
    known: &mut Option<Id>,
) -> Result<Entered> {
    let expired = || Message::new("provider-state").conflict();
    let token = SecretToken::parse(token).ok_or_else(expired)?;
    let now = installation.clock.now();
    let mut conn = installation.db.read().await?;
    let id = setup_link::find(&mut conn, LinkPurpose::ProviderCode, &token, now).await?.ok_or_else(expired)?;
    drop(conn);
    *known = Some(id);
    let mut tx = installation.db.write().await?;
    let is_known = match browser.client.and_then(SecretToken::parse) {
        Some(client) => known_client::begin_attempt(&mut tx, &client, id, now).await?,
        None => false,
    };
    tx.commit().await?;
    let is_counted = !is_known && !code.trim().is_empty();
    if is_counted {
        count_code(installation, id, now).await?;
    }
    let mut tx = installation.db.write().await?;
    let user = user::find_locked(installation, &mut tx, id).await?.ok_or_else(expired)?;
    check_code(installation, &mut tx, &user, code, now).await?;
    setup_link::spend(&mut tx, LinkPurpose::ProviderCode, &token, now).await?.ok_or_else(expired)?;
    if is_counted {
        user::end_code_attempt(&mut tx, id).await?;
    }
    let entered = enter(installation, &mut tx, id, browser, now).await?;
    tx.commit().await?;
    Ok(entered)
}

/// The address that the provider has verified.
async fn ask(
    installation: &Installation,
    provider: &IdentityProvider,
    reply: &Reply<'_>,
    flow: &Flow,
) -> Result<String> {
    let network = &installation.network;
    let asked = async {
        let discovery = Discovery::load(network, &provider.issuer).await?;
        let tokens = discovery.redeem(network, provider, reply.redirect, flow, reply.code).await?;
        let keys = discovery.keys(network).await?;
        let expected = Expected {
            issuer: &provider.issuer,
            client_id: &provider.client_id,
            nonce: &flow.nonce,
            now: installation.clock.now(),
        };
        let claims = id_token::verify(&tokens.id_token, &keys, &expected)?;
        let address = match claims.address.is_incomplete() {
            true => discovery.address(network, &tokens, &claims.sub).await?,
            false => claims.address,
        };
        address.verified().map(str::to_owned)
    };
    asked.await.map_err(refused)
}

async fn find(installation: &Installation, email: &str) -> Result<User> {
    let canonical = Address::parse(email).map_err(|_| refused(Refusal::Email))?.canonical();
    let mut conn = installation.db.read().await?;
    user::find_by_email(installation, &mut conn, &canonical).await?.ok_or_else(unknown)
}

async fn need_provider(installation: &Installation) -> Result<IdentityProvider> {
    let mut conn = installation.db.read().await?;
    let found = identity_provider::get(installation, &mut conn).await?;
    found.ok_or_else(|| Message::new("provider-none").not_found())
}

fn refused(refusal: Refusal) -> Error {
    tracing::warn!(why = refusal.as_str(), "a sign-in at the identity provider was refused");
    Message::new(refusal.key()).conflict()
}

fn unknown() -> Error {
    Message::new("provider-unknown-user").conflict()
}
