//! The brand of a workspace: show, change.

use serde::Serialize;

use super::{Action, Actor};
use crate::content::brand::{self, Brand, BrandChange};
use crate::infra::db::lock_configuration;
use crate::infra::error::Result;
use crate::infra::installation::Installation;

/// The brand of a workspace; empty text where nothing is set.
#[derive(Debug, Serialize)]
pub struct BrandView {
    /// The sender's name in the head and the footer of emails.
    pub name: String,
    /// The postal address in the footer.
    pub address: String,
    /// The colour of links and buttons.
    pub color: String,
    /// The https address of the logo.
    pub logo: String,
}

impl From<Brand> for BrandView {
    fn from(brand: Brand) -> Self {
        Self { name: brand.name, address: brand.address, color: brand.color, logo: brand.logo }
    }
}

/// Shows the brand.
pub async fn show(installation: &Installation, actor: &Actor) -> Result<BrandView> {
    let permit = actor.permit(installation, Action::ShowBrand).await?;
    let brand = brand::get(&mut *installation.db.read().await?, permit.workspace).await?;
    permit.audit(None).await;
    Ok(brand.into())
}

/// Changes what `change` names and returns the brand.
pub async fn set(installation: &Installation, actor: &Actor, change: &BrandChange) -> Result<BrandView> {
    let permit = actor.permit(installation, Action::ChangeBrand).await?;
    let mut tx = installation.db.write().await?;
    lock_configuration(&mut tx).await?;
    let brand = brand::set(&mut tx, permit.workspace, change).await?;
    tx.commit().await?;
    permit.audit(None).await;
    Ok(brand.into())
}
