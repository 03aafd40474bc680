//! Table `campaign_content`: the campaign file and the frozen content of a campaign, megabytes that are read only where
//! they are needed.

use crate::campaign::file::CampaignFile;
use crate::content::email::Format;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// The campaign file as it was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignSource {
    /// `md` or `html`.
    pub format: String,
    /// Text of the file.
    pub text: String,
}

impl CampaignSource {
    /// Parses the file.
    pub fn parse(&self) -> Result<CampaignFile> {
        CampaignFile::parse(&self.text, self.format.parse().unwrap_or(Format::Md))
    }
}

/// Reads the campaign file.
pub async fn read_source(conn: &mut Conn, campaign: Id) -> Result<CampaignSource> {
    let row = Query::new(
        "select k.format, t.source
           from campaign k
           join campaign_content t on t.campaign_id = k.id
          where k.id = :campaign",
    )
    .bind("campaign", campaign)
    .fetch_optional(conn)
    .await?;
    let row = row.ok_or_else(|| Message::new("campaign-gone").internal())?;
    Ok(CampaignSource { format: row.cell(0)?, text: row.cell(1)? })
}

/// Reads and parses the campaign file.
pub async fn read_file(conn: &mut Conn, campaign: Id) -> Result<CampaignFile> {
    read_source(conn, campaign).await?.parse()
}

/// The names of the campaigns of a workspace whose file or frozen content holds this text, newest first.
pub async fn campaigns_with(conn: &mut Conn, workspace: Id, text: &str) -> Result<Vec<String>> {
    let rows = Query::new(
        "select k.name
           from campaign k
           join campaign_content t on t.campaign_id = k.id
          where k.workspace_id = :workspace
            and ({position}(t.source, :text) > 0 or {position}(coalesce(t.frozen, ''), :text) > 0)
          order by k.id desc",
    )
    .bind("workspace", workspace)
    .bind("text", text)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| row.cell(0)).collect()
}

/// Reads the frozen content as JSON; `None` before the launch.
pub async fn read_frozen(conn: &mut Conn, campaign: Id) -> Result<Option<String>> {
    let row = Query::new("select frozen from campaign_content where campaign_id = :campaign")
        .bind("campaign", campaign)
        .fetch_optional(conn)
        .await?;
    row.map_or(Ok(None), |row| row.cell(0))
}

/// Stores the file of a campaign that has not started.
pub(in crate::campaign) async fn save_source(conn: &mut Conn, campaign: Id, source: &str) -> Result<()> {
    Query::new(
        "insert into campaign_content (campaign_id, source)
         values (:campaign, :source)
         on conflict (campaign_id) do update set source = excluded.source",
    )
    .bind("campaign", campaign)
    .bind("source", source)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes the file of a campaign that is removed.
pub(super) async fn remove(conn: &mut Conn, campaign: Id) -> Result<()> {
    let query = Query::new("delete from campaign_content where campaign_id = :campaign");
    query.bind("campaign", campaign).execute(conn).await.map(drop)
}

/// Stores the frozen content at launch.
pub(in crate::campaign) async fn save_frozen(conn: &mut Conn, campaign: Id, frozen: &str) -> Result<()> {
    Query::new("update campaign_content set frozen = :frozen where campaign_id = :campaign")
        .bind("frozen", frozen)
        .bind("campaign", campaign)
        .execute(conn)
        .await?;
    Ok(())
}
