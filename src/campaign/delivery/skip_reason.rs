//! Why no message could be made for a delivery. The reason is stored with the skipped delivery, is a key of the
//! catalogues, and is shown by the summary of the campaign and by exports.

use std::collections::BTreeMap;

use super::{State, counts};
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// The reason of a delivery whose row, or the row of its contact, holds a value that cannot be read.
pub const SKIPPED_ROW: &str = "skipped-row";

/// The reason of a delivery whose contact has paused emails after it was planned.
pub const SKIPPED_PAUSED: &str = "skipped-paused";

/// Skips the deliveries to a contact that are not on the wire, because they have paused emails. Returns their number.
pub async fn skip_paused(conn: &mut Conn, contact: Id, now: Millis) -> Result<u64> {
    let skipped = Query::new(
        "update delivery
            set state = 'skipped', reason = :reason, mailer_id = null, snapshot_address = null, snapshot_fields = null,
                changed_at = :now
          where contact_id = :contact and state = 'pending'
         returning campaign_id",
    )
    .bind("reason", SKIPPED_PAUSED)
    .bind("contact", contact)
    .bind("now", now)
    .fetch_all(conn)
    .await?;
    for row in &skipped {
        counts::add(conn, row.cell(0)?, 0, State::Skipped.as_str(), 1).await?;
    }
    Ok(skipped.len() as u64)
}

/// The reason to store, from the key of the message that tells why a message could not be made. Also turns the keys that
/// earlier versions stored into today's.
pub fn skip_reason(key: &str) -> &'static str {
    match key {
        "skipped-address" => "skipped-address",
        "skipped-fields" => "skipped-fields",
        "skipped-smtputf8" => "skipped-smtputf8",
        "skipped-panic" => "skipped-panic",
        SKIPPED_ROW => SKIPPED_ROW,
        SKIPPED_PAUSED => SKIPPED_PAUSED,
        "template-limit" | "skipped-limit" => "skipped-limit",
        _ if key.ends_with("-missing") => "skipped-missing",
        _ if key == "skipped-link" || key.starts_with("link-") => "skipped-link",
        _ => "skipped-template",
    }
}

/// How many deliveries of a campaign were skipped for each reason, without those of a cancelled or recalled campaign and
/// of erased contacts.
pub async fn count_by_reason(conn: &mut Conn, campaign: Id) -> Result<BTreeMap<&'static str, i64>> {
    let rows = Query::new(
        "select reason, count(*)
           from delivery
          where campaign_id = :campaign
            and state = 'skipped' and reason <> 'cancelled' and reason <> 'recalled'
          group by reason",
    )
    .bind("campaign", campaign)
    .fetch_all(conn)
    .await?;
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(skip_reason(row.cell(0).unwrap_or_default())).or_default() += row.cell::<i64>(1)?;
    }
    Ok(counts)
}
