//! Departure of contacts from lists: its reason and day, counted without anyone's identity ([`daily_count`]).

use std::collections::HashMap;

use crate::audience::daily_count::{self, DailyCounts, DailyKey, DailyKind, day_of};
use crate::audience::subscription::Departed;
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Why a contact was unsubscribed or erased; stored with the tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The contact unsubscribed from a list.
    Unsubscribed,
    /// The contact, or an operator for it, asked for erasure.
    Erased,
    /// The list was closed.
    ListClosed,
    /// The mailbox does not exist, as another program has found.
    Bounced,
    /// The time of storage ended.
    Expired,
    /// The contract with the workspace ended.
    Ended,
}

impl Reason {
    /// The reason of a word in the erasure log; erased for one that this program does not know.
    pub(super) fn parse(word: &str) -> Self {
        let known = [Self::Unsubscribed, Self::ListClosed, Self::Expired, Self::Ended];
        known.into_iter().find(|reason| reason.as_str() == word).unwrap_or(Self::Erased)
    }

    /// The word in the tombstone and in the erasure log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribed => "left",
            Self::Erased => "erased",
            Self::ListClosed => "closed",
            Self::Bounced => "bounced",
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }
}

/// Why and when contacts go, for the counts by day.
pub struct Departure {
    /// The reason.
    pub reason: Reason,
    /// Day since 1970 UTC.
    pub day: i64,
    /// The campaign whose message brought the request, by contact.
    pub campaigns: HashMap<Id, Id>,
}

impl Departure {
    /// A departure that no message of a campaign led to.
    pub fn of(reason: Reason, day: i64) -> Self {
        Self { reason, day, campaigns: HashMap::new() }
    }

    /// Adds subscriptions that were deleted to the counts by day.
    pub async fn count(&self, conn: &mut Conn, departed: &[Departed]) -> Result<()> {
        let mut counts = DailyCounts::new();
        let kind = match self.reason {
            Reason::Unsubscribed => DailyKind::Unsubscribed,
            Reason::Erased | Reason::Bounced | Reason::Expired | Reason::Ended => DailyKind::Erased,
            Reason::ListClosed => DailyKind::Closed,
        };
        for one in departed {
            let (workspace, list) = (one.workspace, one.list);
            let campaign = self.campaigns.get(&one.contact).copied().unwrap_or(0);
            *counts.entry(DailyKey { workspace, list, campaign, day: self.day, kind }).or_default() += 1;
            let joined = DailyKey { workspace, list, campaign: 0, day: day_of(one.joined_at), kind: DailyKind::Joined };
            *counts.entry(joined).or_default() += 1;
        }
        daily_count::add_all(conn, &counts).await
    }
}

/// The catalogue key of the name of a reason of the log.
pub fn reason_key(reason: &str) -> &'static str {
    match reason {
        "left" => "act-reason-left",
        "erased" => "act-reason-erased",
        "closed" => "act-reason-closed",
        "bounced" => "act-reason-bounced",
        "expired" => "act-reason-expired",
        "ended" => "act-reason-ended",
        _ => "act-reason-other",
    }
}
