//! Frozen content of a campaign: everything its messages are made from, fixed at launch and stored as JSON in
//! `campaign_content.frozen`.

use serde::{Deserialize, Serialize};

use super::file::Sender;
use super::model::{Campaign, content};
use crate::audience::{field, list, workspace};
use crate::content::brand;
use crate::content::email::{EmailContext, EmailSource};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::setting::{self, Setting};

/// Everything the messages of a campaign are made from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FrozenContent {
    /// The email.
    pub draft: EmailSource,
    /// What surrounds it: brand, language, public URL.
    pub frame: EmailContext,
    /// Mailbox of header From.
    pub from: Sender,
    /// Relay that the campaign names.
    #[serde(default)]
    pub relay: Option<String>,
    /// Mailbox of header Reply-To.
    pub reply_to: Option<Sender>,
    /// List; its number is the stable part of List-Id (RFC 2919).
    pub list: Id,
    /// Name of the workspace, for Feedback-ID.
    pub workspace: String,
    /// Campaign, for Feedback-ID.
    pub campaign: Id,
    /// Mailbox of `mailto` unsubscribes (RFC 2369); empty without one.
    pub mailbox: String,
}

/// What a campaign would be made from if it were launched now.
pub async fn current(conn: &mut Conn, campaign: &Campaign) -> Result<FrozenContent> {
    let file = content::read_file(conn, campaign.id).await?;
    let list = list::get(conn, campaign.list).await?.ok_or_else(|| Message::new("campaign-list-gone").internal())?;
    let language = setting::get(conn, Setting::Language).await?;
    Ok(FrozenContent {
        draft: file.draft,
        frame: EmailContext {
            brand: brand::get(conn, campaign.workspace).await?,
            lang: file.language.map_or_else(|| language.parse(), Ok)?,
            public_url: setting::get(conn, Setting::PublicUrl).await?,
            fields: field::all(conn, campaign.workspace).await?.into_iter().map(|field| field.name).collect(),
            list_name: list.name,
        },
        from: file.from,
        relay: file.relay,
        reply_to: file.reply_to,
        list: campaign.list,
        workspace: workspace::name_of(conn, campaign.workspace).await?,
        campaign: campaign.id,
        mailbox: setting::get(conn, Setting::UnsubscribeMailbox).await?,
    })
}

/// What a launched campaign is made from.
///
/// # Errors
/// Internal when the campaign was never launched, or the JSON cannot be read.
pub async fn read(conn: &mut Conn, campaign: &Campaign) -> Result<FrozenContent> {
    let broken = || Message::new("campaign-frozen").with("name", &campaign.name).internal();
    let frozen = content::read_frozen(conn, campaign.id).await?.ok_or_else(broken)?;
    serde_json::from_str(&frozen).map_err(|_| broken())
}

impl FrozenContent {
    /// The JSON that is stored at launch.
    pub fn to_json(&self, campaign: &Campaign) -> Result<String> {
        serde_json::to_string(self).map_err(|_| Message::new("campaign-frozen").with("name", &campaign.name).internal())
    }
}
