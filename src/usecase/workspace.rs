//! Workspaces: add one, list them, find the one to work in.

use serde::Serialize;

use super::{Action, Actor};
use crate::audience::workspace::{self, Workspace};
use crate::infra::error::Result;
use crate::infra::installation::Installation;

/// A workspace that was added.
#[derive(Debug, Serialize)]
pub struct Added {
    /// Its name.
    pub workspace: String,
}

/// The workspaces of an installation.
#[derive(Debug, Serialize)]
pub struct Workspaces {
    /// Their names.
    pub workspaces: Vec<String>,
}

/// Adds a workspace.
pub async fn add(installation: &Installation, actor: &Actor, name: &str) -> Result<Added> {
    let permit = actor.permit(installation, Action::AddWorkspace).await?;
    let added = workspace::add(installation, name).await?;
    permit.audit(added.id).await;
    Ok(Added { workspace: added.name })
}

/// Lists the workspaces.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Workspaces> {
    let permit = actor.permit(installation, Action::ListWorkspaces).await?;
    let all = workspace::all(&mut *installation.db.read().await?).await?;
    permit.audit(None).await;
    Ok(Workspaces { workspaces: all.into_iter().map(|workspace| workspace.name).collect() })
}

/// Finds the workspace of this name, for an interface that makes an [`Actor`] of it.
///
/// # Errors
///
/// `NotFound` when there is none.
pub async fn find(installation: &Installation, name: &str) -> Result<Workspace> {
    workspace::need(&mut *installation.db.read().await?, name).await
}
