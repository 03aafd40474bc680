//! Reads for the caches of the web role: page settings, and launched campaigns with their links, so that redirects and
//! unsubscribe requests work while the database does not answer.

use sqlx::any::AnyRow;

use crate::infra::db::Cells;
use crate::infra::db::query::{Fragment, Query};
use crate::infra::error::Result;
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};

/// The settings that every page needs.
#[derive(Debug, Clone)]
pub struct PageSettings {
    /// The base URL of links in messages, without a slash at the end.
    pub public_url: String,
    /// The base URL of the desk, without a slash at the end; empty for its own address.
    pub desk_url: String,
    /// The language of readers whose browser asks for none of ours.
    pub language: Lang,
}

/// A campaign as its recipients need it.
#[derive(Debug, Clone)]
pub struct PublicCampaign {
    /// The campaign.
    pub id: Id,
    /// The name of its list.
    pub list_name: String,
    /// The language of its email; `None` for a campaign of an earlier version.
    pub language: Option<Lang>,
    /// The name of the sender's brand.
    pub brand_name: String,
    /// The address of the brand's logo.
    pub brand_logo: String,
    /// The brand's colour, `#rrggbb`.
    pub brand_color: String,
    /// Whether it was launched: then list and links do not change any more.
    pub is_launched: bool,
    /// Position and destination of the links that are the same for every recipient.
    pub links: Vec<(i32, String)>,
}

/// Reads the page settings.
pub async fn read_settings(installation: &Installation) -> Result<PageSettings> {
    let mut conn = installation.db.read().await?;
    Ok(PageSettings {
        public_url: setting::get(&mut conn, Setting::PublicUrl).await?,
        desk_url: setting::get(&mut conn, Setting::DeskUrl).await?,
        language: setting::get(&mut conn, Setting::Language).await?.parse()?,
    })
}

/// Lists all campaigns that were ever launched.
pub async fn list_launched(installation: &Installation) -> Result<Vec<PublicCampaign>> {
    list(installation, "k.launched_at is not null").await
}

/// Lists the campaigns that run, which another process may have launched, without those that are known.
pub async fn list_new_running(
    installation: &Installation,
    is_known: impl Fn(Id) -> bool,
) -> Result<Vec<PublicCampaign>> {
    let rows = Query::new("select id from campaign where state = 'running'")
        .fetch_all(&mut *installation.db.read().await?)
        .await?;
    let ids = rows.iter().filter_map(|row| row.cell(0).ok());
    let new: Vec<Id> = ids.filter(|id| !is_known(*id)).collect();
    match new.is_empty() {
        true => Ok(Vec::new()),
        false => list(installation, Query::new("k.id in :new").bind_ids("new", &new)).await,
    }
}

/// What the cached campaigns show of their lists and brands: it differs once one of them was renamed or changed.
pub async fn read_names(installation: &Installation) -> Result<Vec<String>> {
    let rows = Query::new(
        "select 'l' as kind, id, name, '' as logo, '' as color from list
          union all
         select 'b', workspace_id, name, logo, color from brand
          order by 1, 2",
    )
    .fetch_all(&mut *installation.db.read().await?)
    .await?;
    let text = |row: &AnyRow, at| row.cell::<Option<String>>(at).ok().flatten().unwrap_or_default();
    Ok(rows.iter().flat_map(|row| [2, 3, 4].map(|at| text(row, at))).collect())
}

/// Finds a campaign, launched or not.
pub async fn find(installation: &Installation, campaign: Id) -> Result<Option<PublicCampaign>> {
    let found = list(installation, Query::new("k.id = :campaign").bind("campaign", campaign)).await?;
    Ok(found.into_iter().next())
}

async fn list(installation: &Installation, condition: impl Into<Fragment>) -> Result<Vec<PublicCampaign>> {
    let rows = Query::new(
        "select k.id, l.name, k.launched_at, n.position, n.destination, k.language, b.name, b.logo, b.color
           from campaign k
           join list l on l.id = k.list_id
           left join brand b on b.workspace_id = k.workspace_id
           left join link n on n.campaign_id = k.id
                           and n.personal = 0
          where {condition}
          order by k.id",
    )
    .fragment("condition", condition)
    .fetch_all(&mut *installation.db.read().await?)
    .await?;
    let mut campaigns: Vec<PublicCampaign> = Vec::new();
    for row in &rows {
        let id: Id = row.cell(0)?;
        if campaigns.last().is_none_or(|last| last.id != id) {
            // One unreadable value must not hide the campaign: its links and its unsubscribe page go on.
            let is_launched = row.cell::<Option<i64>>(2).is_ok_and(|at| at.is_some());
            let text = |at: usize| row.cell::<Option<String>>(at).ok().flatten().unwrap_or_default();
            campaigns.push(PublicCampaign {
                id,
                list_name: text(1),
                language: text(5).parse().ok(),
                brand_name: text(6),
                brand_logo: text(7),
                brand_color: text(8),
                is_launched,
                links: Vec::new(),
            });
        }
        if let (Some(campaign), Some(link)) = (campaigns.last_mut(), link(row)) {
            campaign.links.push(link);
        }
    }
    Ok(campaigns)
}

fn link(row: &AnyRow) -> Option<(i32, String)> {
    Some((row.cell::<Option<i32>>(3).ok()??, row.cell::<Option<String>>(4).ok()??))
}
