//! Audit entries of actions: who did what, when, and on what. Each is a line of the hash-chained log `journal/audit-….log` and an
//! event of the process's own log. An entry holds ids, never an address or a value.

use serde_json::Value;

use super::action::Action;
use super::actor::Actor;
use crate::infra::chained_log::{ChainedLog, Entry};
use crate::infra::clock::{Clock, Millis};
use crate::infra::config::Config;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::intent::{self, Intents, LeftBehind};
use crate::infra::secret::Keyring;

/// How far the clocks of two processes may differ, in ms.
const CLOCK_DIFFERENCE: Millis = 60 * 1_000;

crate::text_enum! {
    /// How an action ended.
    Outcome keyed "audit-outcome-" {
        /// It was performed.
        Done = "done",
        /// The role may not.
        Refused = "refused",
        /// It was tried and refused, such as a sign-in with a wrong password.
        Failed = "failed",
        /// It was begun and ended without its entry: its input was refused, an error stopped it, or who asked did not wait.
        Unfinished = "unfinished",
        /// It was begun by a process that was killed.
        Unknown = "unknown",
    }
}

/// Writes audit entries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Entries {
    log: ChainedLog,
    clock: Clock,
    intents: Option<Intents>,
}

impl Entries {
    /// Writes into the log of the installation.
    pub fn new(installation: &Installation) -> Self {
        Self {
            log: installation.audit_log.clone(),
            clock: installation.clock.clone(),
            intents: Some(installation.intents.clone()),
        }
    }

    /// Writes into the log of an installation that is not open; `None` where its keys are not there.
    pub fn of_closed(config: &Config) -> Option<Self> {
        let keys = config.is_initialized().then(|| Keyring::load(&config.keys_dir()).ok()).flatten()?;
        let log = ChainedLog::new(config.journal_dir(), "audit", keys.tombstone);
        Some(Self { log, clock: Clock::system(), intents: None })
    }

    /// Writes, before the actor performs the action, that it begins. `id` is the number that the entry names later.
    pub async fn begin(&self, id: Id, actor: &Actor, action: Action) -> Result<()> {
        match &self.intents {
            Some(intents) => intents.begin(id, self.clock.now(), describe(actor, action)).await,
            None => Ok(()),
        }
    }

    /// Records that the actor performed the action, on `subject` where the action has one.
    pub async fn done(&self, actor: &Actor, action: Action, subject: Option<Id>, intent: Option<Id>) {
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
        self.append(actor, action, Outcome::Done, subject, intent).await;
    }

    /// Records that the actor was refused the action.
    pub async fn refusal(&self, actor: &Actor, action: Action) {
        warn(actor, action, None, "an action was refused");
        self.append(actor, action, Outcome::Refused, None, None).await;
    }

    /// Records that the actor tried the action and was refused, such as a sign-in with a wrong password. `subject` is the account,
    /// where there is one.
    pub async fn refused_attempt(&self, actor: &Actor, action: Action, subject: Option<Id>, intent: Option<Id>) {
        warn(actor, action, subject, "an attempt was refused");
        self.append(actor, action, Outcome::Failed, subject, intent).await;
    }

    /// Records that the action was begun and not completed.
    pub async fn unfinished(&self, actor: &Actor, action: Action, intent: Id) {
        warn(actor, action, None, "an action was begun and not completed");
        self.append(actor, action, Outcome::Unfinished, None, Some(intent)).await;
    }

    /// The action was performed, so a log that cannot be written is no error of it: it is logged, and the health page shows it.
    /// An intent then stays open, and the next start writes the entry.
    async fn append(&self, actor: &Actor, action: Action, outcome: Outcome, subject: Option<Id>, intent: Option<Id>) {
        self.write(action, vec![complete(actor, action, outcome, subject, intent)], intent).await;
    }

    /// Records that the actor performed the action on each subject; without one, that it was performed.
    pub async fn done_each(
        &self,
        actor: &Actor,
        action: Action,
        subjects: impl IntoIterator<Item = Id>,
        intent: Option<Id>,
    ) {
        let entry = |subject| complete(actor, action, Outcome::Done, subject, intent);
        let mut entries: Vec<Entry> = subjects.into_iter().map(|subject| entry(Some(subject))).collect();
        if entries.is_empty() {
            entries.push(entry(None));
        }
        tracing::info!(
            target: "sendoff::audit",
            action = action.as_str(),
            workspace.id = actor.workspace,
            user.id = actor.user,
            entries = entries.len(),
            "an action was performed"
        );
        self.write(action, entries, intent).await;
    }

    async fn write(&self, action: Action, entries: Vec<Entry>, intent: Option<Id>) {
        if let Err(error) = self.log.append(self.clock.now(), entries).await {
            tracing::error!(%error, action = action.as_str(), "an audit entry could not be written");
            return;
        }
        if let (Some(intents), Some(intent)) = (&self.intents, intent) {
            intents.end(intent);
        }
    }
}

fn complete(actor: &Actor, action: Action, outcome: Outcome, subject: Option<Id>, intent: Option<Id>) -> Entry {
    let mut entry = describe(actor, action);
    entry.insert("outcome".to_owned(), Value::from(outcome.as_str()));
    entry.extend(subject.map(|subject| ("subject".to_owned(), Value::from(subject))));
    entry.extend(intent.map(|intent| (intent::MEMBER.to_owned(), Value::from(intent))));
    entry
}

/// The members of an entry that are known before the action.
fn describe(actor: &Actor, action: Action) -> Entry {
    let mut entry: Entry = [
        ("action", Value::from(action.as_str())),
        ("role", Value::from(actor.role.as_str())),
        ("channel", Value::from(actor.channel.as_str())),
        ("workspace", Value::from(actor.workspace)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect();
    entry.extend(actor.user.map(|user| ("user".to_owned(), Value::from(user))));
    entry
}

/// Writes the entries of actions that processes had begun when they were killed. Returns how many there were.
pub async fn settle(installation: &Installation) -> Result<usize> {
    let (log, intents, now) = (installation.audit_log.clone(), installation.intents.clone(), installation.clock.now());
    let settled = tokio::task::spawn_blocking(move || intents.settle(|found| record(&log, found, now))).await;
    let count = settled.unwrap_or_else(|_| Err(Message::new("spool-stopped").unavailable()))?;
    if count > 0 {
        tracing::warn!(count, "actions of a process that was killed are in the audit log with an unknown outcome");
    }
    Ok(count)
}

/// An entry for each action that the log does not complete.
fn record(log: &ChainedLog, mut found: Vec<LeftBehind>, now: Millis) -> Result<()> {
    let Some(first) = found.first() else { return Ok(()) };
    let from = first.at - CLOCK_DIFFERENCE;
    for entry in log.newest_first()? {
        let entry = entry?;
        let at = entry["at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
        if at.is_some_and(|at| at.as_millisecond() < from) {
            break;
        }
        if let Some(intent) = entry[intent::MEMBER].as_i64() {
            found.retain(|one| one.id != intent);
        }
    }
    let entry = |one: LeftBehind| {
        let mut entry = one.entry;
        entry.insert("outcome".to_owned(), Value::from(Outcome::Unknown.as_str()));
        entry.insert(intent::MEMBER.to_owned(), Value::from(one.id));
        entry.insert("begun_at".to_owned(), Value::from(super::output::utc(one.at)));
        entry
    };
    log.append_blocking(now, found.into_iter().map(entry).collect())
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
