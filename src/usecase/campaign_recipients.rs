//! The people behind the numbers of a campaign.

use serde::Serialize;

use super::contact_search::USUAL_LIMIT;
use super::localize::StoredMessage;
use super::output::time;
use super::{Action, Actor, campaign_report};
use crate::campaign::delivery::recipients::{self, Group, Recipient};
use crate::infra::clock::Millis;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// A recipient of a campaign.
#[derive(Debug, Serialize)]
pub struct RecipientRow {
    /// The contact.
    #[serde(skip)]
    pub contact: Id,
    /// The address.
    pub email: String,
    /// The state of the delivery.
    pub state: String,
    /// When it was set.
    #[serde(serialize_with = "time")]
    pub changed: Millis,
    /// Why, in words; or the reply of the relay.
    pub details: Details,
}

/// Why a delivery is in its state.
#[derive(Debug)]
pub enum Details {
    /// A message of the catalogue.
    Reason(StoredMessage),
    /// What a relay replied.
    Reply(String),
}

impl Serialize for Details {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Reason(message) => message.serialize(serializer),
            Self::Reply(text) => serializer.serialize_str(text),
        }
    }
}

/// Some recipients of a campaign.
#[derive(Debug, Serialize)]
pub struct Recipients {
    /// The rows, in the order in which they were frozen.
    pub recipients: Vec<RecipientRow>,
    /// The key to continue behind; none when all are shown.
    pub next: Option<Id>,
}

/// Lists the recipients of a campaign that belong to one of its numbers. People who were erased, for example because they
/// unsubscribed, are in the numbers and not in the list. `limit` is that of a page without a number.
///
/// # Errors
/// `NotFound` when the workspace has no such campaign.
pub async fn list(
    installation: &Installation,
    actor: &Actor,
    campaign: Id,
    group: Group,
    after: Id,
    limit: Option<i64>,
) -> Result<Recipients> {
    let permit = match limit {
        Some(_) => actor.permit(installation, Action::ExportContacts).await?.begin(installation).await?,
        None => actor.permit(installation, Action::ListContacts).await?,
    };
    campaign_report::find_name(installation, actor, campaign).await?;
    let limit = limit.unwrap_or(USUAL_LIMIT);
    let mut conn = installation.db.read().await?;
    let mut found = recipients::list(&mut conn, campaign, group, after, limit + 1).await?;
    let has_more = found.len() as i64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or_default());
    let next = found.last().map(|one| one.id).filter(|_| has_more);
    permit.audit(campaign).await;
    Ok(Recipients { recipients: found.into_iter().map(row).collect(), next })
}

fn row(one: Recipient) -> RecipientRow {
    RecipientRow {
        contact: one.contact,
        email: one.address.expose(),
        state: one.state,
        changed: one.changed_at,
        details: match (one.reason, one.reply) {
            (_, Some(reply)) => Details::Reply(reply),
            (Some(reason), None) => Details::Reason(StoredMessage(reason)),
            (None, None) => Details::Reply(String::new()),
        },
    }
}
