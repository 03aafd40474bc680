//! Frozen content of a campaign: everything its messages are made from, fixed at launch and stored as JSON in
//! `campaign_content.frozen`.

use serde::{Deserialize, Serialize};

use super::file::Sender;
use super::model::{Campaign, content};
use super::zoned_time;
use crate::audience::{field, list, workspace};
use crate::content::brand;
use crate::content::email::{EmailContext, EmailSource, Tracking};
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
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
    /// Domain of the return paths of its messages; empty when bounces go to the sender.
    #[serde(default)]
    pub bounce_domain: String,
    /// Whether people are measured who said nothing about it.
    #[serde(default = "yes")]
    pub measures_silent: bool,
}

const fn yes() -> bool {
    true
}

/// What a campaign would be made from if it were launched now.
pub async fn current(conn: &mut Conn, campaign: &Campaign, now: Millis) -> Result<FrozenContent> {
    let file = content::read_file(conn, campaign.id).await?;
    let list = list::get(conn, campaign.list).await?.ok_or_else(|| Message::new("campaign-list-gone").internal())?;
    let content = FrozenContent {
        draft: file.draft,
        frame: EmailContext {
            today: today(campaign, now),
            ..email_context(conn, campaign.workspace, list.name, file.language).await?
        },
        from: file.from,
        relay: file.relay,
        reply_to: file.reply_to,
        list: campaign.list,
        workspace: workspace::name_of(conn, campaign.workspace).await?,
        campaign: campaign.id,
        mailbox: setting::get(conn, Setting::UnsubscribeMailbox).await?,
        bounce_domain: setting::get(conn, Setting::BounceDomain).await?,
        measures_silent: true,
    };
    content.under_policy(conn, campaign.workspace).await
}

/// What surrounds an email of a workspace now.
pub async fn email_context(
    conn: &mut Conn,
    workspace: Id,
    list_name: String,
    language: Option<Lang>,
) -> Result<EmailContext> {
    let lang = match language {
        Some(lang) => lang,
        None => setting::get(conn, Setting::Language).await?.parse()?,
    };
    Ok(EmailContext {
        brand: brand::get(conn, workspace).await?,
        lang,
        public_url: setting::get(conn, Setting::PublicUrl).await?,
        fields: field::all(conn, workspace).await?.into_iter().map(|field| field.name).collect(),
        list_name,
        today: String::new(),
    })
}

/// The day in the zone of a campaign.
fn today(campaign: &Campaign, now: Millis) -> String {
    let zone = zoned_time::time_zone(campaign.zone()).unwrap_or(jiff::tz::TimeZone::UTC);
    let at = jiff::Timestamp::from_millisecond(now).unwrap_or_default();
    at.to_zoned(zone).date().to_string()
}

/// What a launched campaign is made from.
///
/// # Errors
/// Internal when the campaign was never launched, or the JSON cannot be read.
pub async fn read(conn: &mut Conn, campaign: &Campaign) -> Result<FrozenContent> {
    let broken = || Message::new("campaign-frozen").with("name", &campaign.name).internal();
    let frozen = content::read_frozen(conn, campaign.id).await?.ok_or_else(broken)?;
    let frozen: FrozenContent = serde_json::from_str(&frozen).map_err(|_| broken())?;
    frozen.under_policy(conn, campaign.workspace).await
}

impl FrozenContent {
    /// The same with what the policy of the workspace allows to measure now: it may have changed since the launch.
    async fn under_policy(mut self, conn: &mut Conn, id: Id) -> Result<Self> {
        let measured = workspace::measured(conn, id).await?;
        self.measures_silent = measured != Some(0);
        if self.draft.tracking != Tracking::None {
            match measured {
                Some(workspace::NOT_MEASURED) => self.draft.tracking = Tracking::None,
                Some(workspace::MEASURED_BY_CAMPAIGN) => self.draft.tracking = Tracking::Campaign,
                _ => {}
            }
        }
        Ok(self)
    }

    /// Whether somebody who answered so is measured.
    pub fn measures(&self, answer: Option<bool>) -> bool {
        answer.unwrap_or(self.measures_silent)
    }

    /// The JSON that is stored at launch.
    pub fn to_json(&self, campaign: &Campaign) -> Result<String> {
        serde_json::to_string(self).map_err(|_| Message::new("campaign-frozen").with("name", &campaign.name).internal())
    }
}
