//! What a campaign is called by those who read reports: subject, sender, and whether it is measured.

use serde::Deserialize;

use super::file::Sender;
use super::model::{Campaign, content};
use crate::content::email::Tracking;
use crate::infra::db::Conn;
use crate::infra::error::Result;

/// The headline of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// The subject as it was written, with its merge tags.
    pub subject: String,
    /// The mailbox of header From.
    pub from: Sender,
    /// True when opens and clicks are measured.
    pub measured: bool,
}

/// The part of the frozen content that is needed.
#[derive(Deserialize)]
struct Frozen {
    draft: Draft,
    from: Sender,
}

#[derive(Deserialize)]
struct Draft {
    subject: String,
    tracking: String,
}

/// Reads the headline: of a launched campaign what was frozen, of another what its file says. `None` when neither can be
/// read, as in a row that an earlier version damaged: a report must not fail for it.
pub async fn read(conn: &mut Conn, campaign: &Campaign) -> Result<Option<Headline>> {
    if campaign.launched_at.is_some() {
        let frozen = content::read_frozen(conn, campaign.id).await?;
        let frozen = frozen.and_then(|text| serde_json::from_str::<Frozen>(&text).ok());
        return Ok(frozen.map(|frozen| Headline {
            subject: frozen.draft.subject,
            from: frozen.from,
            measured: frozen.draft.tracking != Tracking::None.as_str(),
        }));
    }
    let Ok(file) = content::read_source(conn, campaign.id).await?.parse() else { return Ok(None) };
    Ok(Some(Headline { subject: file.draft.subject, from: file.from, measured: file.draft.tracking != Tracking::None }))
}
