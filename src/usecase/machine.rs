//! Machines that share the database: list them, forget one that does not come back.

use serde::Serialize;

use super::{Action, Actor};
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;
use crate::mailer::machine;

/// A machine.
#[derive(Debug, Serialize)]
pub struct MachineRow {
    /// Id of its data folder.
    pub id: String,
    /// Host name and data folder.
    pub machine: String,
    /// True while its erasure log is awaited, because an older copy of the database was put back.
    pub awaited: bool,
}

/// The machines of a database.
#[derive(Debug, Serialize)]
pub struct Machines {
    /// The rows.
    pub machines: Vec<MachineRow>,
}

/// A machine that was forgotten.
#[derive(Debug, Serialize)]
pub struct Forgotten {
    /// Host name and data folder.
    pub machine: String,
    /// Always true.
    pub forgotten: bool,
}

/// Lists the machines.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Machines> {
    let permit = actor.permit(installation, Action::ListMachines).await?;
    let mut conn = installation.db.read().await?;
    let awaited = machine::list_awaited(&mut conn).await?;
    let mut all = machine::list(&mut conn).await?;
    all.extend(awaited.iter().filter(|machine| !all.contains(machine)).cloned().collect::<Vec<_>>());
    permit.audit(None).await;
    let row = |machine: machine::Machine| MachineRow {
        id: machine.folder.to_string(),
        awaited: awaited.iter().any(|one| one.folder == machine.folder),
        machine: machine.name,
    };
    Ok(Machines { machines: all.into_iter().map(row).collect() })
}

/// Forgets a machine, by its name or id: sending does not wait for its erasure log.
///
/// # Errors
///
/// `NotFound` when there is none.
pub async fn forget(installation: &Installation, actor: &Actor, name: &str) -> Result<Forgotten> {
    let permit = actor.permit(installation, Action::ForgetMachine).await?;
    let mut tx = installation.db.write().await?;
    let found = machine::forget(installation, &mut tx, name).await?;
    let Some(found) = found else {
        let known = machine::names(&machine::list(&mut tx).await?);
        return Err(Message::new("machine-unknown").with("name", name).with("known", known).not_found());
    };
    tx.commit().await?;
    permit.audit(found.folder).await;
    Ok(Forgotten { machine: found.name, forgotten: true })
}
