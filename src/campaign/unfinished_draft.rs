//! Table `unfinished_draft`: what somebody typed into the form of a draft that has a mistake. It is kept as typed until it is right;
//! until then the campaign is not sent, since its file is older than what its author sees.

use super::model::Campaign;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// What was typed, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedDraft {
    /// The values of the form by their keys.
    pub given: Vec<(String, String)>,
    /// The mistake, packed.
    pub mistake: String,
}

/// What was typed for a campaign and is not right yet.
pub async fn read(conn: &mut Conn, campaign: Id) -> Result<Option<UnfinishedDraft>> {
    let query = Query::new("select given, mistake from unfinished_draft where campaign_id = :campaign");
    let Some(row) = query.bind("campaign", campaign).fetch_optional(conn).await? else { return Ok(None) };
    let damaged = || Message::new("draft-damaged").internal();
    let given = serde_json::from_str(row.cell(0)?).map_err(|_| damaged())?;
    Ok(Some(UnfinishedDraft { given, mistake: row.cell(1)? }))
}

/// Keeps what was typed.
pub async fn keep(conn: &mut Conn, campaign: Id, given: &[(&str, &str)], mistake: &Message, now: Millis) -> Result<()> {
    Query::new(
        "insert into unfinished_draft (campaign_id, saved_at, given, mistake)
         values (:campaign, :now, :given, :mistake)
             on conflict (campaign_id) do update
            set saved_at = excluded.saved_at, given = excluded.given, mistake = excluded.mistake",
    )
    .bind("campaign", campaign)
    .bind("now", now)
    .bind("given", serde_json::to_string(given).expect("texts always serialise"))
    .bind("mistake", mistake.pack())
    .execute(conn)
    .await
    .map(drop)
}

/// Removes what was typed, because the draft is right now, or gone.
pub async fn remove(conn: &mut Conn, campaign: Id) -> Result<()> {
    let query = Query::new("delete from unfinished_draft where campaign_id = :campaign");
    query.bind("campaign", campaign).execute(conn).await.map(drop)
}

/// Why a campaign cannot be sent: what was typed last is not right.
pub async fn problem(conn: &mut Conn, campaign: &Campaign) -> Result<Option<Message>> {
    let query = Query::new("select 1 from unfinished_draft where campaign_id = :campaign");
    let found = query.bind("campaign", campaign.id).fetch_optional(conn).await?;
    Ok(found.map(|_| Message::new("draft-unfinished").with("name", &campaign.name)))
}

/// Refuses a campaign of which something was typed that is not right.
///
/// # Errors
/// `Conflict`.
pub async fn refuse(conn: &mut Conn, campaign: &Campaign) -> Result<()> {
    match problem(conn, campaign).await? {
        Some(problem) => Err(problem.conflict()),
        None => Ok(()),
    }
}
