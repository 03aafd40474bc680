//! Retention of a workspace by its policy: what is due to be deleted, deleting it, and the runs so far.

use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use super::workspace_end;
use super::{Action, Actor};
use crate::audience::{list, workspace};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::privacy::policy::{self, Policy};
use crate::privacy::retention::runs::{self, Run};
use crate::privacy::retention::{self, Category, Done, Planned, Rule};
use crate::privacy::{destruction, retention as rules};

/// How often what is due is looked for.
const INTERVAL: Duration = Duration::from_secs(60);
/// Retention runs once a day, from this hour on, UTC: at night in the time zones of most recipients.
const HOUR: i64 = 1;
/// Runs that are shown.
const RUNS: i64 = 50;

/// What retention would delete, and what it has deleted.
#[derive(Debug, Serialize)]
pub struct RetentionPlan {
    /// By kind of data and purpose.
    pub due: Vec<Planned>,
    /// All rows together.
    pub rows: u64,
    /// The newest runs.
    pub runs: Vec<Run>,
    /// False while the workspace has no policy, so nothing has a time of storage.
    pub has_policy: bool,
}

/// What a run deleted.
#[derive(Debug, Serialize)]
pub struct RetentionRun {
    /// By kind of data and purpose.
    pub done: Vec<Done>,
    /// All rows together.
    pub rows: u64,
}

/// What retention would delete now. Nothing is changed.
pub async fn plan(installation: &Installation, actor: &Actor) -> Result<RetentionPlan> {
    let permit = actor.permit(installation, Action::RunRetention).await?;
    let mut conn = installation.db.read().await?;
    let rules = rules_of_workspace(&mut conn, permit.workspace).await?;
    let runs = runs::newest(&mut conn, permit.workspace, RUNS).await?;
    drop(conn);
    let due = rules::plan(installation, permit.workspace, rules.as_deref().unwrap_or_default()).await?;
    permit.audit(None).await;
    Ok(RetentionPlan { rows: due.iter().map(|one| one.rows).sum(), due, runs, has_policy: rules.is_some() })
}

/// Deletes what is due now. `progress` is called with the rows so far.
///
/// # Errors
///
/// `Conflict` for a workspace without a policy.
pub async fn run(
    installation: &Installation,
    actor: &Actor,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<RetentionRun> {
    let permit = actor.permit(installation, Action::RunRetention).await?.begin(installation).await?;
    let rules = rules_of_workspace(&mut *installation.db.read().await?, permit.workspace).await?;
    let rules = rules.ok_or_else(|| Message::new("retention-no-policy").conflict())?;
    let done = retention::run(installation, permit.workspace, &rules, progress).await?;
    permit.audit(None).await;
    Ok(RetentionRun { rows: done.iter().map(|one| one.rows).sum(), done })
}

/// Runs retention of all workspaces once a day and carries out the ends of workspaces, without end.
pub async fn run_in_background(installation: &Installation) {
    loop {
        let ran = panic::catch_async(run_due(installation)).await;
        if let Err(error) = ran.flatten() {
            tracing::warn!(error = error.message().key, "retention could not run; trying again");
        }
        sleep(INTERVAL).await;
    }
}

/// Runs what is due of retention and of ends.
pub async fn run_due(installation: &Installation) -> Result<()> {
    if installation.db.store_status().await?.is_some() {
        return Ok(());
    }
    workspace_end::carry_out(installation).await?;
    let now = installation.clock.now();
    let workspaces = workspace::all(&mut *installation.db.read().await?).await?;
    for workspace in workspaces {
        let last = runs::last(&mut *installation.db.read().await?, workspace.id).await?;
        if !is_due(last, now) {
            continue;
        }
        if policy::current(&mut *installation.db.read().await?, workspace.id).await?.is_some() {
            run(installation, &Actor::engine(workspace.id), &mut |_| {}).await?;
            destruction::prune(installation)?;
        }
    }
    Ok(())
}

/// Whether retention has not run since the hour of this day.
fn is_due(last: Option<Millis>, now: Millis) -> bool {
    let hour = HOUR * 3_600_000;
    let begins = (now - hour).div_euclid(DAY) * DAY + hour;
    last.is_none_or(|last| last < begins)
}

/// The times of storage of a workspace by its policy; `None` without one.
async fn rules_of_workspace(conn: &mut Conn, workspace: Id) -> Result<Option<Vec<Rule>>> {
    let Some(policy) = policy::current(conn, workspace).await? else { return Ok(None) };
    let lists = list::all(conn, workspace).await?;
    Ok(Some(rules_of(&policy, &lists)))
}

fn rules_of(policy: &Policy, lists: &[list::List]) -> Vec<Rule> {
    let kinds = [
        (Category::Events, policy.retention.events),
        (Category::Deliveries, policy.retention.deliveries),
        (Category::Contacts, policy.retention.contacts_without_activity),
        (Category::Exports, policy.retention.exports),
    ];
    let rule = |(category, days): (Category, Option<u32>)| {
        Some(Rule { category, days: days?, purpose: String::new(), lists: Vec::new() })
    };
    let of_purposes = policy.purposes.iter().filter_map(|purpose| {
        let days = purpose.retention?;
        let of_purpose = |one: &&list::List| purpose.lists.contains(&one.name);
        let lists = lists.iter().filter(of_purpose).map(|list| list.id).collect();
        Some(Rule { category: Category::Subscriptions, days, purpose: purpose.name.clone(), lists })
    });
    kinds.into_iter().filter_map(rule).chain(of_purposes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_due_once_a_day_from_its_hour_on() {
        let hour = 3_600_000;
        let midnight = 20_000 * DAY;
        assert!(is_due(None, midnight));
        assert!(!is_due(Some(midnight - 22 * hour), midnight), "it ran at two in the morning");
        assert!(is_due(Some(midnight - 22 * hour), midnight + hour));
        assert!(!is_due(Some(midnight + hour), midnight + 2 * hour));
        assert!(is_due(Some(midnight - 25 * hour), midnight), "the machine was off");
    }
}
