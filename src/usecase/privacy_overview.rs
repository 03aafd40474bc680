//! What a workspace keeps out and why, as counts that name nobody.

use serde::Serialize;

use super::{Action, Actor};
use crate::audience::daily_count::{self, DailyKind, day_of};
use crate::audience::tombstone;
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::privacy::physical_erasure;

/// Days that "lately" covers.
const RECENT_DAYS: i64 = 30;

/// Counts of erasures, and of what they keep out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrivacyOverview {
    /// Addresses that are kept out, by the word of the reason.
    pub kept_out: Vec<(String, i64)>,
    /// Rows of files that were refused for it, in all.
    pub refused: i64,
    /// Those of the last 30 days.
    pub refused_lately: i64,
    /// People who left a list or were erased in the last 30 days.
    pub departed_lately: i64,
    /// True while bytes of erased people may still be stored.
    pub pending: bool,
}

/// Reads the counts.
pub async fn read(installation: &Installation, actor: &Actor) -> Result<PrivacyOverview> {
    let permit = actor.permit(installation, Action::ReadOverview).await?;
    let mut conn = installation.db.read().await?;
    let since = day_of(installation.clock.now()) - RECENT_DAYS;
    let counts = daily_count::list(&mut conn, permit.workspace).await?;
    let sum = |kinds: &[DailyKind], since: i64| -> i64 {
        let counted = counts.iter().filter(|(key, _)| key.list != 0 && kinds.contains(&key.kind) && key.day >= since);
        counted.map(|(_, count)| count).sum()
    };
    let overview = PrivacyOverview {
        kept_out: tombstone::count_by_reason(&mut conn, permit.workspace).await?,
        refused: sum(&[DailyKind::KeptOut], 0),
        refused_lately: sum(&[DailyKind::KeptOut], since),
        departed_lately: sum(&[DailyKind::Unsubscribed, DailyKind::Erased, DailyKind::Closed], since),
        pending: physical_erasure::is_pending(installation),
    };
    permit.skip_audit();
    Ok(overview)
}
