//! Audit entries of actions: who did what, when, and on what. Each is a line of the hash-chained log `journal/audit-….log` and an
//! event of the process's own log. An entry holds ids, never an address or a value.

use serde_json::Value;

use super::action::Action;
use super::actor::Actor;
use crate::infra::chained_log::{ChainedLog, Entry};
use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::secret::Keyring;

crate::text_enum! {
    /// How an action ended.
    Outcome keyed "audit-outcome-" {
        /// It was performed.
        Done = "done",
        /// The role may not.
        Refused = "refused",
        /// It was tried and refused, such as a sign-in with a wrong password.
        Failed = "failed",
    }
}

/// Writes audit entries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Entries {
    log: ChainedLog,
    clock: Clock,
}

impl Entries {
    /// Writes into the log of the installation.
    pub fn new(installation: &Installation) -> Self {
        Self { log: installation.audit_log.clone(), clock: installation.clock.clone() }
    }

    /// Writes into the log of an installation that is not open; `None` where its keys are not there.
    pub fn of_closed(config: &Config) -> Option<Self> {
        let keys = config.is_initialized().then(|| Keyring::load(&config.keys_dir()).ok()).flatten()?;
        let log = ChainedLog::new(config.journal_dir(), "audit", keys.tombstone);
        Some(Self { log, clock: Clock::system() })
    }

    /// Records that the actor performed the action, on `subject` where the action has one.
    pub async fn done(&self, actor: &Actor, action: Action, subject: Option<Id>) {
        tracing::info!(
            target: "sendoff::audit",
            action = action.as_str(),
            role = actor.role.as_str(),
            channel = actor.channel.as_str(),
            workspace.id = actor.workspace,
            user.id = actor.user,
            subject.id = subject,
            "an action was performed"
        );
        self.append(actor, action, subject, Outcome::Done).await;
    }

    /// Records that the actor was refused the action.
    pub async fn refusal(&self, actor: &Actor, action: Action) {
        warn(actor, action, None, "an action was refused");
        self.append(actor, action, None, Outcome::Refused).await;
    }

    /// Records that the actor tried the action and was refused, such as a sign-in with a wrong password. `subject` is the account,
    /// where there is one.
    pub async fn refused_attempt(&self, actor: &Actor, action: Action, subject: Option<Id>) {
        warn(actor, action, subject, "an attempt was refused");
        self.append(actor, action, subject, Outcome::Failed).await;
    }

    /// The action was performed, so a log that cannot be written is no error of it: it is logged, and the health page shows it.
    async fn append(&self, actor: &Actor, action: Action, subject: Option<Id>, outcome: Outcome) {
        let text = |text: &str| Value::from(text.to_owned());
        let mut entry: Entry = [
            ("action", text(action.as_str())),
            ("outcome", text(outcome.as_str())),
            ("role", text(actor.role.as_str())),
            ("channel", text(actor.channel.as_str())),
            ("workspace", Value::from(actor.workspace)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
        entry.extend(actor.user.map(|user| ("user".to_owned(), Value::from(user))));
        entry.extend(subject.map(|subject| ("subject".to_owned(), Value::from(subject))));
        if let Err(error) = self.log.append(self.clock.now(), vec![entry]).await {
            tracing::error!(%error, action = action.as_str(), "an audit entry could not be written");
        }
    }
}

fn warn(actor: &Actor, action: Action, subject: Option<Id>, what: &'static str) {
    tracing::warn!(
        target: "sendoff::audit",
        action = action.as_str(),
        role = actor.role.as_str(),
        channel = actor.channel.as_str(),
        workspace.id = actor.workspace,
        user.id = actor.user,
        subject.id = subject,
        "{what}"
    );
}
