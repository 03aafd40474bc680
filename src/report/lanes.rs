//! How the lanes of a campaign stand: how many letters wait in each, and what holds them up.

use crate::campaign::delivery::reassign_lanes;
use crate::campaign::lane;
use crate::campaign::model::Campaign;
use crate::infra::clock::{Millis, format_local};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::mailer::limits::lane_backoff;
use crate::mailer::limits::rate_account::{self, LimitKey};

/// A lane in which letters of a campaign wait.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneStatus {
    /// The lane.
    pub lane: String,
    /// Letters of the campaign that wait in it, those to be tried again too.
    pub pending: i64,
    /// Letters a second, where its servers have asked for less than we would send.
    pub pace: Option<f64>,
    /// Why it is paused, as a packed message.
    pub paused: Option<String>,
    /// When the next day begins, where this day's letters are used up: those of the lane, or of all lanes.
    pub opens_at: Option<Millis>,
}

/// The lanes in which letters of a campaign wait. Counts rows.
pub async fn waiting(conn: &mut Conn, campaign: &Campaign, now: Millis) -> Result<Vec<LaneStatus>> {
    let counts = reassign_lanes::waiting(conn, campaign.id).await?;
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let receptions = lane_backoff::list(conn, campaign.workspace).await?;
    let mut shut = Vec::new();
    for known in lane::list(conn, campaign.workspace).await? {
        if known.rate_limit.daily.is_some() || known.rate_limit.warm_up.is_some() {
            let account = rate_account::load(conn, campaign.workspace, &LimitKey::Lane(known.name.clone())).await?;
            shut.extend(account.exhausted_until(&known.rate_limit, now).map(|at| (known.name, at)));
        }
    }
    let shut = |name: &str| shut.iter().filter(|(of, _)| of == name || of == lane::ALL).map(|(_, at)| *at).max();
    let stands = |(name, pending): (String, i64)| {
        let reception = receptions.iter().find(|(of, _)| *of == name).map(|(_, reception)| reception);
        LaneStatus {
            pace: reception.and_then(|reception| reception.rate(now)),
            paused: reception.and_then(|reception| reception.reason.clone()),
            opens_at: shut(&name),
            lane: name,
            pending,
        }
    };
    Ok(counts.into_iter().map(stands).collect())
}

impl LaneStatus {
    /// In a word, for programs: `open`, `slowed`, `spent` for today, or `paused`.
    pub fn state(&self) -> &'static str {
        match self {
            Self { paused: Some(_), .. } => "paused",
            Self { opens_at: Some(_), .. } => "spent",
            Self { pace: Some(_), .. } => "slowed",
            _ => "open",
        }
    }

    /// In a line: how many wait, and what holds them up.
    pub fn line(&self, now: Millis, lang: Lang) -> String {
        let count = Message::new("lane-waiting").with("lane", &self.lane).with("count", self.pending);
        let spent = self.opens_at.map(|at| Message::new("lane-spent").with("time", format_local(at, now)));
        // Two digits tell enough of a pace.
        let slowed = self.pace.map(|pace| Message::new("lane-slowed").with("pace", (pace * 100.0).round() / 100.0));
        let said = [Some(count), spent, slowed].into_iter().flatten().map(|message| lang.translate(&message));
        said.chain(self.paused.as_deref().map(|reason| lang.translate_packed(reason))).collect::<Vec<_>>().join(" · ")
    }
}
