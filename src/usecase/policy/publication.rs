//! The published editions of a policy, for everybody: the one in force, the coming one, and the earlier ones, each with what it
//! changed.

use serde::Serialize;

use crate::audience::workspace;
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::privacy::policy::{self, Controller, Day, Edition, Policy};
use crate::usecase::line_diff::{self, Line};
use crate::usecase::{Action, Actor};

/// When an edition applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It applies now.
    InForce,
    /// It will apply.
    Coming,
    /// It applied before.
    Earlier,
}

/// An edition in the list of all.
#[derive(Debug, Clone, Serialize)]
pub struct EditionRow {
    /// Its number.
    pub number: u32,
    /// The day it bears.
    pub dated: Day,
    /// The day from which it applies.
    pub effective: Day,
    /// Whether it applies.
    pub standing: Standing,
}

/// What the public page of a policy shows.
#[derive(Debug, Serialize)]
pub struct Publication {
    /// The workspace.
    pub workspace: String,
    /// Who answers for the data.
    pub controller: Controller,
    /// All editions, newest first.
    pub editions: Vec<EditionRow>,
    /// The edition that is shown.
    pub shown: EditionRow,
    /// Its text.
    pub text: String,
    /// What it changed of the edition before, by lines; empty for the first.
    pub changes: Vec<Line>,
}

/// Reads an edition: the one of this number, else the one in force, else the first to come. `None` where there is none.
pub async fn read(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    number: Option<u32>,
    lang: &str,
) -> Result<Option<Publication>> {
    let permit = actor.permit(installation, Action::ReadPublishedPolicy).await?;
    permit.skip_audit();
    let mut conn = installation.db.read().await?;
    let Some(workspace) = workspace::find(&mut conn, name).await? else { return Ok(None) };
    let Some(policy) = policy::current(&mut conn, workspace.id).await? else { return Ok(None) };
    let now = installation.clock.now();
    let shown = match number {
        Some(number) => policy.editions.iter().find(|edition| edition.number == number),
        None => policy.edition_at(now).or_else(|| policy.editions.first()),
    };
    let Some(shown) = shown else { return Ok(None) };
    let row = |edition: &Edition| row(&policy, edition, now);
    let before = policy.editions.iter().rev().find(|edition| edition.number < shown.number);
    Ok(Some(Publication {
        workspace: workspace.name,
        editions: policy.editions.iter().rev().map(row).collect(),
        shown: row(shown),
        text: shown.text(lang).to_owned(),
        changes: before.map(|before| line_diff::compare(before.text(lang), shown.text(lang))).unwrap_or_default(),
        controller: policy.controller.clone(),
    }))
}

fn row(policy: &Policy, edition: &Edition, now: i64) -> EditionRow {
    let in_force = policy.edition_at(now).map(|edition| edition.number);
    let standing = match in_force {
        Some(number) if edition.number == number => Standing::InForce,
        Some(number) if edition.number < number => Standing::Earlier,
        _ => Standing::Coming,
    };
    EditionRow { number: edition.number, dated: edition.dated, effective: edition.effective, standing }
}
