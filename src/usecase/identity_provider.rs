//! The identity provider by which the staff may sign in: set, show, remove.

use serde::Serialize;

use super::{Action, Actor};
use crate::access::identity_provider::{self, IdentityProvider};
use crate::access::oidc::endpoint::Discovery;
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;

/// The provider, as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct ProviderView {
    /// The issuer.
    pub issuer: String,
    /// How the provider calls this installation.
    pub client_id: String,
    /// Whether a secret is stored.
    pub has_secret: bool,
    /// What the button on the sign-in page calls it.
    pub label: String,
    /// Whether the provider answered as it should.
    pub answers: bool,
}

/// Sets the provider, once it answers as it should.
///
/// # Errors
///
/// `Invalid` for a value that is none; `Conflict` when the provider does not answer, or describes another issuer.
pub async fn set(installation: &Installation, actor: &Actor, new: &IdentityProvider) -> Result<ProviderView> {
    let permit = actor.permit(installation, Action::ChangeIdentityProvider).await?;
    new.check()?;
    let found = Discovery::load(&installation.network, &new.issuer).await;
    found.map_err(|refusal| Message::new(refusal.key()).conflict())?;
    let mut tx = installation.db.write().await?;
    identity_provider::set(installation, &mut tx, new, installation.clock.now()).await?;
    tx.commit().await?;
    permit.audit(None).await;
    Ok(view(new.clone(), true))
}

/// The provider, where one is set, and whether it answers now.
pub async fn show(installation: &Installation, actor: &Actor) -> Result<Option<ProviderView>> {
    let permit = actor.permit(installation, Action::ShowIdentityProvider).await?;
    let mut conn = installation.db.read().await?;
    let found = identity_provider::get(installation, &mut conn).await?;
    drop(conn);
    permit.audit(None).await;
    let Some(found) = found else { return Ok(None) };
    let answers = Discovery::load(&installation.network, &found.issuer).await.is_ok();
    Ok(Some(view(found, answers)))
}

/// Removes the provider. Nobody is signed out.
///
/// # Errors
///
/// `NotFound` when there is none.
pub async fn remove(installation: &Installation, actor: &Actor) -> Result<()> {
    let permit = actor.permit(installation, Action::ChangeIdentityProvider).await?;
    let mut tx = installation.db.write().await?;
    if !identity_provider::remove(&mut tx).await? {
        return Err(Message::new("provider-none").not_found());
    }
    tx.commit().await?;
    permit.audit(None).await;
    Ok(())
}

fn view(provider: IdentityProvider, answers: bool) -> ProviderView {
    ProviderView {
        has_secret: provider.secret.is_some(),
        issuer: provider.issuer,
        client_id: provider.client_id,
        label: provider.label,
        answers,
    }
}
