//! The check of an actor's permission for an action, and the audit entry that follows.

use std::sync::atomic::{AtomicI64, Ordering};

use super::action::{Action, Scope};
use super::actor::{Actor, NO_WORKSPACE};
use super::audit;
use crate::audience::workspace::end;
use crate::infra::config::Config;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

impl Actor {
    /// Checks that the actor may perform the action. Every use case calls this first.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::infra::error::Kind::Forbidden) when the role may not, or when the action belongs to a
    /// workspace and the actor has none; the refusal is audited. [`Conflict`](crate::infra::error::Kind::Conflict) for an action
    /// that a workspace cannot do after its end.
    pub async fn permit(&self, installation: &Installation, action: Action) -> Result<Permit> {
        let has_workspace = self.workspace != NO_WORKSPACE || action.scope() != Scope::Workspace;
        if has_workspace && action.is_permitted_to(self.role) {
            if action.is_blocked_by_end() {
                refuse_ended(installation, self.workspace).await?;
            }
            let entries = Some(audit::Entries::new(installation));
            return Ok(Permit::new(self, action, entries));
        }
        audit::Entries::new(installation).refusal(self, action).await;
        Err(Message::new("forbidden").with("role", self.role).with("action", action).forbidden())
    }
}

/// A workspace that has ended keeps its data, but sends, measures and exports nothing.
async fn refuse_ended(installation: &Installation, workspace: Id) -> Result<()> {
    let mut conn = installation.db.read().await?;
    match end::is_reached(&mut conn, workspace, installation.clock.now()).await? {
        true => Err(Message::new("workspace-ended").conflict()),
        false => Ok(()),
    }
}

impl Actor {
    /// [`Actor::permit`] for an action on an installation that is not open: it is restored or moved. Its use case ends with
    /// [`Permit::audit_at`].
    ///
    /// # Errors
    ///
    /// As for [`Actor::permit`], but the refusal is only logged.
    pub fn permit_outside(&self, action: Action) -> Result<Permit> {
        if action.is_permitted_to(self.role) {
            return Ok(Permit::new(self, action, None));
        }
        Err(Message::new("forbidden").with("role", self.role).with("action", action).forbidden())
    }
}

/// Proof that the actor may perform the action.
#[derive(Debug)]
#[must_use = "a use case ends with `audit`"]
pub struct Permit {
    /// The workspace of the action; [`NO_WORKSPACE`] for one that concerns the installation.
    pub workspace: Id,
    /// The user who acts, where one is signed in.
    pub user: Option<Id>,
    actor: Actor,
    action: Action,
    entries: Option<audit::Entries>,
    /// The number of the intent, until its entry is written; 0 without one.
    intent: AtomicI64,
}

impl Permit {
    fn new(actor: &Actor, action: Action, entries: Option<audit::Entries>) -> Self {
        let (workspace, user, actor) = (actor.workspace, actor.user, *actor);
        Self { workspace, user, actor, action, entries, intent: AtomicI64::new(0) }
    }

    /// Writes on disk that the action begins, before it shows personal data in bulk or changes personal data or rights: a process
    /// that is killed before the entry leaves one that says so at the next start. A permit that is dropped without an entry
    /// leaves one too.
    ///
    /// # Errors
    ///
    /// Internal when the intent cannot be written; the action must not begin then.
    pub async fn begin(self, installation: &Installation) -> Result<Self> {
        if let Some(entries) = &self.entries {
            let id = installation.ids.next()?;
            entries.begin(id, &self.actor, self.action).await?;
            self.intent.store(id, Ordering::Relaxed);
        }
        Ok(self)
    }

    /// The number of the intent, once.
    fn take_intent(&self) -> Option<Id> {
        Some(self.intent.swap(0, Ordering::Relaxed)).filter(|id| *id != 0)
    }

    /// Writes the audit entry, which is on disk when this returns. `subject` is the id of what the action was performed on, where it has one.
    pub async fn audit(&self, subject: impl Into<Option<Id>>) {
        if let Some(entries) = &self.entries {
            entries.done(&self.actor, self.action, subject.into(), self.take_intent()).await;
        }
    }

    /// Writes an audit entry for each subject, all at once.
    pub async fn audit_each(&self, subjects: impl IntoIterator<Item = Id>) {
        if let Some(entries) = &self.entries {
            entries.done_each(&self.actor, self.action, subjects, self.take_intent()).await;
        }
    }

    /// Writes the audit entry of an action on an installation that is not open, into its log.
    pub async fn audit_at(&self, config: &Config, subject: impl Into<Option<Id>>) {
        if let Some(entries) = audit::Entries::of_closed(config) {
            entries.done(&self.actor, self.action, subject.into(), self.take_intent()).await;
        }
    }

    /// Writes the audit entry of an attempt that was refused. `subject` as for [`Permit::audit`].
    pub async fn audit_refusal(&self, subject: impl Into<Option<Id>>) {
        if let Some(entries) = &self.entries {
            entries.refused_attempt(&self.actor, self.action, subject.into(), self.take_intent()).await;
        }
    }

    /// Writes no audit entry, for a read that pages repeat by themselves or that shows nothing personal.
    pub const fn skip_audit(&self) {}
}

impl Drop for Permit {
    /// An error or a client that did not wait ended the action: the entry says so. Outside a runtime the next start writes it.
    fn drop(&mut self) {
        let Some(intent) = self.take_intent() else { return };
        if let (Some(entries), Ok(runtime)) = (self.entries.take(), tokio::runtime::Handle::try_current()) {
            let (actor, action) = (self.actor, self.action);
            runtime.spawn(async move { entries.unfinished(&actor, action, intent).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::Clock;
    use crate::infra::error::Kind;

    async fn installation(folder: &tempfile::TempDir) -> Installation {
        Installation::open(Config { data: folder.path().to_owned(), database: None }, Clock::system())
            .await
            .expect("opened")
    }

    #[tokio::test]
    async fn an_operator_may_do_everything_but_act_as_a_recipient_or_at_an_account() {
        let folder = tempfile::tempdir().expect("a folder");
        let installation = installation(&folder).await;
        let mut refused = 0;
        for action in Action::ALL {
            let allowed = Actor::operator(7).permit(&installation, *action).await.is_ok();
            assert_eq!(allowed, !matches!(action.scope(), Scope::Recipient | Scope::Account), "{action}");
            refused += u64::from(!allowed);
        }
        assert_eq!(installation.audit_log.verify().expect("read").entries, refused, "each refusal is audited");
    }

    #[tokio::test]
    async fn an_action_of_a_workspace_needs_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let installation = &installation(&folder).await;
        let nowhere = Actor::operator(NO_WORKSPACE);
        let error = nowhere.permit(installation, Action::AddField).await.expect_err("no workspace");

        assert_eq!((error.kind(), error.exit_code()), (Kind::Forbidden, 2));
        assert!(nowhere.permit(installation, Action::AddWorkspace).await.is_ok());
        assert!(Actor::recipient().permit(installation, Action::Unsubscribe).await.is_ok());
    }
}
