//! Lanes of a campaign: pending deliveries of each, and what slows or stops them.

use crate::campaign::delivery::reassign_lanes;
use crate::campaign::lane;
use crate::campaign::model::Campaign;
use crate::infra::clock::{Millis, format_local};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::mailer::limits::lane_backoff;
use crate::mailer::limits::rate_account::{self, LimitKey};

/// A lane with pending deliveries of a campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneStatus {
    /// Name of the lane.
    pub lane: String,
    /// Pending deliveries of the campaign, deferred ones included.
    pub pending: i64,
    /// Messages per second, when the servers of the lane accept fewer than the limit.
    pub rate: Option<f64>,
    /// Why the lane is paused: a packed message.
    pub paused: Option<String>,
    /// When the next day begins, if the daily quota of the lane or of all lanes is used up.
    pub opens_at: Option<Millis>,
}

/// Lists the lanes with pending deliveries of a campaign. Counts rows.
pub async fn list(conn: &mut Conn, campaign: &Campaign, now: Millis) -> Result<Vec<LaneStatus>> {
    let counts = reassign_lanes::count_pending(conn, campaign.id).await?;
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let backoffs = lane_backoff::list(conn, campaign.workspace).await?;
    let mut used_up = Vec::new();
    for known in lane::list(conn, campaign.workspace).await? {
        if known.rate_limit.daily.is_some() || known.rate_limit.warm_up.is_some() {
            let account = rate_account::load(conn, campaign.workspace, &LimitKey::Lane(known.name.clone())).await?;
            used_up.extend(account.exhausted_until(&known.rate_limit, now).map(|at| (known.name, at)));
        }
    }
    let opens_at = |name: &str| used_up.iter().filter(|(of, _)| of == name || of == lane::ALL).map(|(_, at)| *at).max();
    let status = |(name, pending): (String, i64)| {
        let backoff = backoffs.iter().find(|(of, _)| *of == name).map(|(_, backoff)| backoff);
        LaneStatus {
            rate: backoff.and_then(|backoff| backoff.rate(now)),
            paused: backoff.and_then(|backoff| backoff.reason.clone()),
            opens_at: opens_at(&name),
            lane: name,
            pending,
        }
    };
    Ok(counts.into_iter().map(status).collect())
}

impl LaneStatus {
    /// State for programs: `open`, `slowed`, `spent` (daily quota used up) or `paused`.
    pub fn state(&self) -> &'static str {
        match self {
            Self { paused: Some(_), .. } => "paused",
            Self { opens_at: Some(_), .. } => "spent",
            Self { rate: Some(_), .. } => "slowed",
            _ => "open",
        }
    }

    /// One line for people: pending deliveries, and what slows or stops them.
    pub fn line(&self, now: Millis, lang: Lang) -> String {
        let count = Message::new("lane-waiting").with("lane", &self.lane).with("count", self.pending);
        let spent = self.opens_at.map(|at| Message::new("lane-spent").with("time", format_local(at, now)));
        let slowed = self.rate.map(|rate| Message::new("lane-slowed").with("pace", (rate * 100.0).round() / 100.0));
        let said = [Some(count), spent, slowed].into_iter().flatten().map(|message| lang.translate(&message));
        said.chain(self.paused.as_deref().map(|reason| lang.translate_packed(reason))).collect::<Vec<_>>().join(" · ")
    }
}
