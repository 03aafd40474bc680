//! The proof of a policy: for each promise that the company makes, what the running data say. Nothing is kept by assertion: each
//! promise has a query over the rows, or a check of a setting or a log, that fails when the promise is broken.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::output::time;
use super::super::{Action, Actor};
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::policy::{self, Applied, PROMISES};

mod company;
mod log;
mod person;
mod rows;
mod settings;

use log::AuditCounts;

/// A promise with its evidence.
#[derive(Debug, Serialize)]
pub struct Proven {
    /// Its id in policy files.
    pub id: &'static str,
    /// The promise.
    pub promise: Message,
    /// Whether the data bear it out.
    pub kept: bool,
    /// What the data say.
    pub evidence: Vec<Fact>,
}

/// A piece of evidence.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    /// What it is.
    pub what: Message,
    /// Its value: a number, a time or a word.
    pub value: String,
    /// True when this breaks the promise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub against: bool,
}

/// The proof of a policy.
#[derive(Debug, Serialize)]
pub struct Proof {
    /// The workspace.
    pub workspace: String,
    /// The company.
    pub company: String,
    /// The number of its policy.
    pub policy: i64,
    /// When the proof was made.
    #[serde(serialize_with = "time")]
    pub at: Millis,
    /// Promises with evidence that they are kept.
    pub kept: usize,
    /// The promises.
    pub promises: Vec<Proven>,
}

/// What the checks read.
struct Scope<'a> {
    installation: &'a Installation,
    workspace: Id,
    applied: &'a Applied,
    audit: AuditCounts,
    now: Millis,
}

/// Evidence that is gathered for one promise.
#[derive(Default)]
struct Findings(Vec<Fact>);

impl Findings {
    /// A fact that speaks for itself.
    fn fact(&mut self, what: &'static str, value: impl ToString) {
        self.0.push(Fact { what: Message::new(what), value: value.to_string(), against: false });
    }

    /// A number that must be zero.
    fn none_of(&mut self, what: &'static str, count: i64) {
        self.0.push(Fact { what: Message::new(what), value: count.to_string(), against: count != 0 });
    }

    /// A condition that must hold; `value` shows what was looked at.
    fn must(&mut self, what: &'static str, value: impl ToString, holds: bool) {
        self.0.push(Fact { what: Message::new(what), value: value.to_string(), against: !holds });
    }
}

/// Proves the promises of the policy in force.
///
/// # Errors
/// `Conflict` without a policy.
pub async fn prove(installation: &Installation, actor: &Actor) -> Result<Proof> {
    let permit = actor.permit(installation, Action::ReadPolicy).await?;
    let mut conn = installation.db.read().await?;
    let applied = policy::newest(&mut conn, permit.workspace).await?;
    let applied = applied.ok_or_else(|| Message::new("policy-missing-here").conflict())?;
    let workspace = crate::audience::workspace::name_of(&mut conn, permit.workspace).await?;
    drop(conn);
    let audit = AuditCounts::read(installation, permit.workspace).await?;
    let scope =
        Scope { installation, workspace: permit.workspace, applied: &applied, audit, now: installation.clock.now() };
    let wanted = &applied.policy.promises;
    let mut promises = Vec::new();
    for promise in PROMISES.iter().filter(|promise| wanted.is_empty() || wanted.iter().any(|id| id == promise.id)) {
        let Findings(evidence) = Box::pin(gather(&scope, promise.id)).await?;
        let kept = !evidence.is_empty() && evidence.iter().all(|fact| !fact.against);
        promises.push(Proven { id: promise.id, promise: Message::new(promise.key), kept, evidence });
    }
    permit.audit(None).await;
    Ok(Proof {
        workspace,
        company: applied.policy.controller.name.clone(),
        policy: applied.number,
        at: scope.now,
        kept: promises.iter().filter(|promise| promise.kept).count(),
        promises,
    })
}

async fn gather(scope: &Scope<'_>, id: &str) -> Result<Findings> {
    let mut findings = Findings::default();
    rows::add(scope, id, &mut findings).await?;
    settings::add(scope, id, &mut findings).await?;
    company::add(scope, id, &mut findings).await?;
    person::add(scope, id, &mut findings).await?;
    log::add(scope, id, &mut findings)?;
    Ok(findings)
}

/// Numbers by name.
type Counts = BTreeMap<String, u64>;
