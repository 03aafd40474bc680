//! The end of a workspace: set it, take it back, and carry it out when its days come.

use std::fs;
use std::path::PathBuf;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Action, Actor};
use crate::audience::contact;
use crate::audience::workspace::end::{self, End};
use crate::audience::{mailed_link, sealed_receipt, segment, subscription};
use crate::backup::register;
use crate::campaign::lifecycle;
use crate::campaign::model::{self, State};
use crate::infra::clock::{DAY, Millis};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::{destruction, erasure, subject_request};

/// Days from the end to the erasure, where none are given (promise M3).
pub const ERASE_AFTER: u32 = 30;
/// Days from the end until no backup holds the people.
pub const BACKUPS_AFTER: u32 = 183;
/// The longest terms in days.
const LONGEST: u32 = 3_660;

/// When a workspace is to end.
#[derive(Debug, Clone)]
pub struct EndRequest {
    /// The first day without sending: `2026-12-31`, UTC.
    pub on: String,
    /// Days until its people are erased.
    pub erase_after: u32,
    /// Days until the backups are gone.
    pub backups_after: u32,
}

/// The end of a workspace as it is shown.
#[derive(Debug, Serialize)]
pub struct EndView {
    /// The end; `None` for a workspace that goes on.
    pub end: Option<End>,
    /// Whether it is blocked now.
    pub blocked: bool,
}

impl EndView {
    /// What has happened and what will; `day` writes a moment. Empty for a workspace that goes on.
    pub fn sentences(&self, day: impl Fn(Millis) -> String) -> Vec<Message> {
        let Some(end) = self.end else { return Vec::new() };
        let on = |key, at| Message::new(key).with("day", day(at));
        vec![
            on(if self.blocked { "workspace-is-blocked" } else { "workspace-will-end" }, end.ends_at),
            match end.erased_at {
                Some(at) => on("workspace-was-erased", at),
                None => on("workspace-will-be-erased", end.erase_at),
            },
            match end.backups_gone_at {
                Some(at) => on("workspace-backups-gone", at),
                None => on("workspace-backups-until", end.backups_until),
            },
        ]
    }
}

/// The end of the workspace.
pub async fn show(installation: &Installation, actor: &Actor) -> Result<EndView> {
    let permit = actor.permit(installation, Action::ReadOverview).await?;
    let end = end::find(&mut *installation.db.read().await?, permit.workspace).await?;
    permit.skip_audit();
    Ok(EndView { end, blocked: end.is_some_and(|end| end.ends_at <= installation.clock.now()) })
}

/// Sets the end of the workspace; `None` takes it back as long as nobody was erased.
///
/// # Errors
///
/// `Invalid` for a wrong day or terms in the wrong order; `Conflict` when the people are erased already.
pub async fn set(installation: &Installation, actor: &Actor, request: Option<&EndRequest>) -> Result<EndView> {
    let permit = actor.permit(installation, Action::EndWorkspace).await?.begin(installation).await?;
    let end = request.map(read).transpose()?;
    let mut tx = installation.db.write().await?;
    if !end::set(&mut tx, permit.workspace, end.as_ref()).await? {
        return Err(Message::new("workspace-end-erased").conflict());
    }
    tx.commit().await?;
    permit.audit(permit.workspace).await;
    installation.mailer_status.wake();
    Ok(EndView { end, blocked: end.is_some_and(|end| end.ends_at <= installation.clock.now()) })
}

fn read(request: &EndRequest) -> Result<End> {
    let wrong = || Message::new("workspace-end-day").with("text", &request.on).invalid_field("on");
    let day: Date = request.on.trim().parse().map_err(|_| wrong())?;
    let ends_at = day.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp().as_millisecond();
    if request.erase_after > request.backups_after || request.backups_after > LONGEST {
        let message = Message::new("workspace-end-terms").with("limit", LONGEST);
        return Err(message.invalid_field("backups_after"));
    }
    let after = |days: u32| ends_at + Millis::from(days) * DAY;
    Ok(End {
        ends_at,
        erase_at: after(request.erase_after),
        backups_until: after(request.backups_after),
        erased_at: None,
        backups_gone_at: None,
    })
}

/// Carries out what is due of the ends of all workspaces. The actor is the engine.
pub async fn carry_out(installation: &Installation) -> Result<()> {
    let all = end::all(&mut *installation.db.read().await?).await?;
    let now = installation.clock.now();
    for (workspace, end) in all {
        let actor = Actor::engine(workspace);
        if end.erase_at <= now && end.erased_at.is_none() {
            let permit = actor.permit(installation, Action::EndWorkspace).await?.begin(installation).await?;
            erase_people(installation, workspace).await?;
            let mut tx = installation.db.write().await?;
            end::set_erased(&mut tx, workspace, installation.clock.now()).await?;
            tx.commit().await?;
            permit.audit(workspace).await;
        } else if let (Some(erased_at), None) = (end.erased_at, end.backups_gone_at)
            && end.backups_until <= now
        {
            let permit = actor.permit(installation, Action::EndWorkspace).await?.begin(installation).await?;
            remove_backups(installation, workspace, erased_at).await?;
            permit.audit(workspace).await;
        }
    }
    Ok(())
}

/// Cancels the campaigns of a workspace, and erases everybody and its segments, whose conditions may name people.
async fn erase_people(installation: &Installation, workspace: Id) -> Result<()> {
    let mut tx = installation.db.write().await?;
    for campaign in model::list(&mut tx, workspace).await? {
        if !matches!(campaign.state, State::Finished | State::Cancelled) {
            lifecycle::cancel(&mut tx, &campaign, installation.clock.now()).await?;
        }
    }
    tx.commit().await?;
    loop {
        let some = subscription::some_of_workspace(&mut *installation.db.read().await?, workspace).await?;
        if some.is_empty() {
            break;
        }
        let leaves = |(contact, list): (Id, Id)| erasure::Unsubscription { workspace, contact, list, campaign: None };
        let leaving: Vec<_> = some.into_iter().map(leaves).collect();
        erasure::unsubscribe_many(installation, &leaving, erasure::Reason::Ended).await?;
    }
    for address in contact::canonical_of_workspace(&mut *installation.db.read().await?, workspace).await? {
        erasure::erase_known(installation, workspace, &address, erasure::Reason::Ended).await?;
    }
    let mut tx = installation.db.write().await?;
    segment::remove_all(&mut tx, workspace).await?;
    mailed_link::remove_all(&mut tx, workspace).await?;
    subject_request::forget_all(&mut tx, workspace).await?;
    sealed_receipt::remove_all(&mut tx, workspace).await?;
    tx.commit().await
}

/// Deletes the files of backups that were made before the erasure.
async fn remove_backups(installation: &Installation, workspace: Id, erased_at: Millis) -> Result<()> {
    let mut conn = installation.db.read().await?;
    let made = register::before(&mut conn, erased_at).await?;
    drop(conn);
    let (mut removed, mut left) = (Vec::new(), 0);
    for (id, path) in made {
        let file = PathBuf::from(&path);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::error!(%error, "a backup of a workspace that has ended cannot be deleted: {}", file.display());
                left += 1;
            }
            _ => removed.push(id),
        }
    }
    let mut tx = installation.db.write().await?;
    register::forget(&mut tx, &removed).await?;
    if left == 0 {
        end::set_backups_gone(&mut tx, workspace, installation.clock.now()).await?;
    }
    tx.commit().await?;
    if left == 0 {
        destruction::record_expired(installation, workspace, "backups", removed.len() as u64).await?;
    }
    Ok(())
}
