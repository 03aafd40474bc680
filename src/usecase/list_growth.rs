//! Growth of a list, for its page.

use super::{Action, Actor};
use crate::audience::list;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::report::list_growth::{self, Growth};

/// Reads the growth of a list.
///
/// # Errors
/// `NotFound` when the workspace has no such list.
pub async fn read(installation: &Installation, actor: &Actor, id: Id) -> Result<Growth> {
    let permit = actor.permit(installation, Action::ListLists).await?;
    let mut conn = installation.db.read().await?;
    let lists = list::all(&mut conn, permit.workspace).await?;
    if lists.iter().all(|list| list.id != id) {
        return Err(Message::new("list-gone").not_found());
    }
    let growth = list_growth::read(&mut conn, permit.workspace, id, installation.clock.now()).await?;
    permit.skip_audit();
    Ok(growth)
}
