//! Sending from a command: what precedes it, and what it reports.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::campaign::PAUSED_BY_USER;
use super::localize::StoredMessage;
use super::output::optional_time;
use super::{Action, Actor};
use crate::campaign::model::{self, Campaign, State};
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::limits::lane_backoff;
use crate::mailer::scheduler::SendGate;
use crate::privacy::request_journal::RequestJournal;
use crate::report::summary::{self, Summary};

/// A run of sending.
pub struct MailRun {
    /// Open while no recipient's request waits in the journal.
    pub gate: SendGate,
    paused_before: BTreeSet<Id>,
}

/// What a run of sending left.
#[derive(Debug, Serialize)]
pub struct MailReport {
    /// When the next delivery is due, where one waits for its time.
    #[serde(serialize_with = "optional_time")]
    pub next_due: Option<Millis>,
    /// The running, paused and finished campaigns.
    pub campaigns: Vec<MailedCampaign>,
    /// The lanes that are paused, and why.
    #[serde(skip)]
    pub paused_lanes: Vec<(String, StoredMessage)>,
    /// True when the run has paused a campaign.
    #[serde(skip)]
    pub has_paused: bool,
}

/// A campaign after a run of sending.
#[derive(Debug, Serialize)]
pub struct MailedCampaign {
    /// Its name.
    pub name: String,
    /// Its numbers.
    pub summary: Summary,
    /// Why it is in its state.
    pub reason: Option<StoredMessage>,
    /// The campaign as stored.
    #[serde(skip)]
    pub campaign: Campaign,
}

/// Prepares a run of sending: recipients' requests in the journal are carried out first.
pub async fn begin(installation: &Installation, actor: &Actor) -> Result<MailRun> {
    let permit = actor.permit(installation, Action::SendMail).await?;
    let journal = RequestJournal::new(installation);
    journal.replay().await?;
    permit.audit(None).await;
    let paused_before = paused(installation).await?;
    Ok(MailRun { gate: Arc::new(move || journal.is_empty()), paused_before })
}

impl MailRun {
    /// Reports what the run left. `next_due` is when the next delivery is due.
    pub async fn finish(self, installation: &Installation, next_due: Option<Millis>) -> Result<MailReport> {
        let has_paused = paused(installation).await?.difference(&self.paused_before).count() > 0;
        let mut conn = installation.db.read().await?;
        let mut campaigns = Vec::new();
        for state in [State::Running, State::Paused, State::Finished] {
            for campaign in model::list_in_state(&mut conn, state).await? {
                campaigns.push(MailedCampaign {
                    name: campaign.name.clone(),
                    summary: summary::read(&mut conn, &campaign).await?,
                    reason: campaign.reason.clone().map(StoredMessage),
                    campaign,
                });
            }
        }
        let running = campaigns.iter().filter(|row| row.campaign.state == State::Running);
        let mut paused_lanes = Vec::new();
        for workspace in running.map(|row| row.campaign.workspace).collect::<BTreeSet<_>>() {
            for (lane, backoff) in lane_backoff::list(&mut conn, workspace).await? {
                paused_lanes.extend(backoff.reason.map(|reason| (lane, StoredMessage(reason))));
            }
        }
        Ok(MailReport { next_due, campaigns, paused_lanes, has_paused })
    }
}

/// The campaigns that the mailer has paused.
async fn paused(installation: &Installation) -> Result<BTreeSet<Id>> {
    let by_user = Message::new(PAUSED_BY_USER).pack();
    let paused = model::list_in_state(&mut *installation.db.read().await?, State::Paused).await?;
    let by_mailer = paused.into_iter().filter(|campaign| campaign.reason.as_ref() != Some(&by_user));
    Ok(by_mailer.map(|campaign| campaign.id).collect())
}
