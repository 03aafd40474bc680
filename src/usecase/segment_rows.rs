//! An expression as rows of a form and back, and what a segment is used for.

use serde::Serialize;

use super::{Action, Actor};
use crate::audience::field;
use crate::audience::segment;
use crate::audience::segment::rows::{self, Rows};
use crate::campaign::model::{self, State};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Reads an expression as rows.
///
/// # Errors
/// Invalid for an expression that is wrong, with the place of the mistake.
pub async fn read(installation: &Installation, actor: &Actor, expression: &str) -> Result<Rows> {
    let permit = actor.permit(installation, Action::ReadSegment).await?;
    let mut conn = installation.db.read().await?;
    let expression = segment::resolve(&mut conn, permit.workspace, expression).await?;
    permit.skip_audit();
    Ok(expression.rows())
}

/// Writes rows as an expression; empty without a row that is filled in.
pub async fn compose(installation: &Installation, actor: &Actor, rows: &Rows) -> Result<String> {
    let permit = actor.permit(installation, Action::ReadSegment).await?;
    let fields = field::all(&mut *installation.db.read().await?, permit.workspace).await?;
    permit.skip_audit();
    let kind = |name: &str| fields.iter().find(|field| field.name == name).map(|field| field.kind);
    Ok(rows::compose(rows, kind))
}

/// A campaign that goes to a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    /// The campaign, for pages.
    #[serde(skip)]
    pub id: Id,
    /// Its name.
    pub campaign: String,
    /// Its state.
    #[serde(skip)]
    pub state: State,
}

/// The campaigns that go to a saved segment, the newest first. Segments do not name each other.
pub async fn list_uses(installation: &Installation, actor: &Actor, name: &str) -> Result<Vec<Use>> {
    let permit = actor.permit(installation, Action::ListSegments).await?;
    let mut conn = installation.db.read().await?;
    let segment = segment::need(&mut conn, permit.workspace, name).await?;
    let campaigns = model::list(&mut conn, permit.workspace).await?;
    permit.skip_audit();
    let uses = campaigns.into_iter().filter(|campaign| campaign.segment == Some(segment.id));
    let mut uses: Vec<Use> =
        uses.map(|campaign| Use { id: campaign.id, campaign: campaign.name, state: campaign.state }).collect();
    uses.sort_by_key(|one| std::cmp::Reverse(one.id));
    Ok(uses)
}
