//! The privacy policy of a workspace: check a file, show what it would change, apply it, show it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::output::time;
use super::{Action, Actor};
use crate::audience::workspace::end::{self, End};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::lock_configuration;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;
use crate::privacy::policy::{self, Policy};

mod effect;
pub mod notice;
mod plan;
pub mod proof;
pub mod publication;
pub mod rules;
pub(super) mod unlawful;

pub use effect::Effect;
pub use plan::{FieldHeld, ListPlan, Plan};

/// A policy file as text, with the texts beside it.
#[derive(Debug, Clone, Default)]
pub struct PolicyFile {
    /// The text of the file.
    pub source: String,
    /// The texts that it may name, by their names.
    pub files: BTreeMap<String, String>,
}

/// What a policy file would do.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// Always true: a file with mistakes is refused.
    pub valid: bool,
    /// What the engine would refuse, allow and delete.
    #[serde(flatten)]
    pub effect: Effect,
    /// What stands against applying it now.
    pub conflicts: Vec<Message>,
}

/// A policy that was applied.
#[derive(Debug, Serialize)]
pub struct Applied {
    /// Its number in the workspace.
    pub number: i64,
    /// False when it was in force already.
    pub changed: bool,
    /// SHA-256 of the file and its texts.
    pub digest: String,
    /// Campaigns that it stopped, since it does not allow them.
    pub stopped: Vec<String>,
}

/// The policy in force.
#[derive(Debug, Serialize)]
pub struct PolicyView {
    /// Its number in the workspace.
    pub number: i64,
    /// SHA-256 of the file and its texts.
    pub digest: String,
    /// When it was applied.
    #[serde(serialize_with = "time")]
    pub applied_at: Millis,
    /// The file.
    pub source: String,
    /// What it says.
    pub policy: Policy,
    /// What the engine refuses, allows and deletes.
    #[serde(flatten)]
    pub effect: Effect,
}

/// Reads a policy file and, when they are asked for, the texts beside it.
///
/// # Errors
/// A file that cannot be read, or is no UTF-8.
pub fn read_file(path: &Path) -> Result<PolicyFile> {
    let bytes = fs::read(path).map_err(Error::io(path.display()))?;
    let source = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        Message::new("campaign-file-encoding").with("at", at).invalid_field("file")
    })?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let found = std::cell::RefCell::new(BTreeMap::new());
    let read = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).ok()?;
        found.borrow_mut().insert(name.to_owned(), text.clone());
        Some(text)
    };
    // Its mistakes are reported by the use case that the file is for.
    drop(policy::parse(&source, &read));
    Ok(PolicyFile { source, files: found.into_inner() })
}

/// The policy of a file and the texts it names.
fn parse(file: &PolicyFile) -> Result<(Policy, BTreeMap<String, String>)> {
    policy::parse(&file.source, &|name| file.files.get(name).cloned())
}

/// Checks a policy file, and says what the engine would refuse, allow and delete under it.
///
/// # Errors
/// Invalid, with every mistake of the file.
pub async fn check(installation: &Installation, actor: &Actor, file: &PolicyFile) -> Result<Checked> {
    let permit = actor.permit(installation, Action::ReadPolicy).await?;
    let (policy, _) = parse(file)?;
    let mut conn = installation.db.read().await?;
    let conflicts = plan::conflicts(&mut conn, permit.workspace, &policy, installation.clock.now()).await?;
    permit.audit(None).await;
    Ok(Checked { valid: true, effect: Effect::of(&policy), conflicts })
}

/// What applying a policy file would change, and for how many people.
///
/// # Errors
/// Invalid, with every mistake of the file.
pub async fn plan(installation: &Installation, actor: &Actor, file: &PolicyFile) -> Result<Plan> {
    let permit = actor.permit(installation, Action::ReadPolicy).await?;
    let (policy, _) = parse(file)?;
    let planned = Plan::of(installation, permit.workspace, file, &policy).await?;
    permit.audit(None).await;
    Ok(planned)
}

/// Applies a policy file, and pauses the campaigns that it does not allow. The same file again changes nothing.
///
/// # Errors
/// Invalid, with every mistake of the file; `Conflict` with what stands against it.
pub async fn apply(installation: &Installation, actor: &Actor, file: &PolicyFile) -> Result<Applied> {
    let permit = actor.permit(installation, Action::ChangePolicy).await?.begin(installation).await?;
    let (policy, files) = parse(file)?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    lock_configuration(&mut tx).await?;
    let mut conflicts = plan::conflicts(&mut tx, permit.workspace, &policy, now).await?;
    if let Some(before) = policy::current(&mut tx, permit.workspace).await? {
        conflicts.extend(plan::rewritten_editions(&before, &policy));
    }
    match conflicts.len() {
        0 => {}
        1 => return Err(conflicts.remove(0).conflict()),
        count => {
            let items = conflicts.into_iter().map(|one| Message::new("list-item").with_message("text", one));
            let message = Message::new("policy-conflicts").with("count", count);
            return Err(message.with_list("conflicts", items.collect()).conflict());
        }
    }
    let source = (file.source.as_str(), &files);
    let (number, changed) = policy::apply(&mut tx, &installation.ids, permit.workspace, source, &policy, now).await?;
    rules::set(&mut tx, permit.workspace, Some(&policy)).await?;
    let unlawful = Box::pin(unlawful::find(installation, &mut tx, permit.workspace, now)).await?;
    let stopped = unlawful::stop(&mut tx, &unlawful, number).await?;
    if let Some(contract) = &policy.contract {
        let ends_at = contract.ends.start();
        let after = |days: u32| ends_at + Millis::from(days) * DAY;
        let (erase_at, backups_until) = (after(contract.erase_after_days), after(contract.backups_expire_after_days));
        let end = End { ends_at, erase_at, backups_until, erased_at: None, backups_gone_at: None };
        if !end::set(&mut tx, permit.workspace, Some(&end)).await? {
            return Err(Message::new("workspace-end-erased").conflict());
        }
    }
    let digest = policy::newest(&mut tx, permit.workspace).await?.map(|newest| newest.digest).unwrap_or_default();
    tx.commit().await?;
    permit.audit(None).await;
    Ok(Applied { number, changed, digest, stopped })
}

/// Shows the policy in force; `None` without one.
pub async fn show(installation: &Installation, actor: &Actor) -> Result<Option<PolicyView>> {
    let permit = actor.permit(installation, Action::ReadPolicy).await?;
    let newest = policy::newest(&mut *installation.db.read().await?, permit.workspace).await?;
    permit.audit(None).await;
    Ok(newest.map(|newest| PolicyView {
        number: newest.number,
        digest: newest.digest,
        applied_at: newest.applied_at,
        source: newest.source,
        effect: Effect::of(&newest.policy),
        policy: newest.policy,
    }))
}

/// The texts beside the policy in force, for a page where only the file is edited.
pub async fn files(installation: &Installation, actor: &Actor) -> Result<BTreeMap<String, String>> {
    let permit = actor.permit(installation, Action::ReadPolicy).await?;
    let newest = policy::newest(&mut *installation.db.read().await?, permit.workspace).await?;
    permit.skip_audit();
    Ok(newest.map(|newest| newest.files).unwrap_or_default())
}

/// The number of the edition in force at a moment, for receipts; empty without a policy.
pub(super) async fn edition_in_force(
    conn: &mut crate::infra::db::Conn,
    workspace: crate::infra::id::Id,
    now: crate::infra::clock::Millis,
) -> Result<String> {
    let policy = policy::current(conn, workspace).await?;
    let edition = policy.as_ref().and_then(|policy| policy.edition_at(now));
    Ok(edition.map_or_else(String::new, |edition| edition.number.to_string()))
}
