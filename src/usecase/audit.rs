//! Audit entries of actions: a structured log event for each, with action, role, channel, workspace, user
//! and the id of the subject. An entry never holds an address.

use super::action::Action;
use super::actor::Actor;
use crate::infra::id::Id;

/// Records that the actor performed the action, on `subject` where the action has one.
pub fn record(actor: &Actor, action: Action, subject: Option<Id>) {
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
}

/// Records that the actor was refused the action.
pub fn record_refusal(actor: &Actor, action: Action) {
    warn(actor, action, None, "an action was refused");
}

/// Records that the actor tried the action and was refused, such as a sign-in with a wrong password. `subject` is the account,
/// where there is one.
pub fn record_refused_attempt(actor: &Actor, action: Action, subject: Option<Id>) {
    warn(actor, action, subject, "an attempt was refused");
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
