//! Reconciles uncertain deliveries with a relay's log: accepted, rejected, missing, or outside the period of the log.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::postfix_log::{LogOutcome, LogSearch};
use crate::campaign::composer::Composer;
use crate::campaign::delivery::uncertain::{Resolution, UncertainDelivery};
use crate::campaign::model;
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The result of a comparison with a log.
#[derive(Debug, Default)]
pub struct Findings {
    /// Deliveries that the log shows as accepted or rejected.
    pub answers: Vec<Resolution>,
    /// Deliveries that the log should contain and does not.
    pub missing: Vec<Id>,
    /// Deliveries from before the log begins or after it ends.
    pub outside: Vec<Id>,
}

/// The Message-ID of each delivery, without brackets.
pub async fn message_ids(
    installation: &Installation,
    conn: &mut Conn,
    deliveries: &[UncertainDelivery],
) -> Result<HashMap<String, Id>> {
    let mut composers: HashMap<Id, Composer> = HashMap::new();
    let mut ids = HashMap::with_capacity(deliveries.len());
    for delivery in deliveries {
        let composer = match composers.entry(delivery.campaign) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let campaign = model::find(conn, delivery.campaign).await?;
                let campaign = campaign.ok_or_else(|| Message::new("campaign-gone").internal())?;
                new.insert(Composer::load(installation, conn, &campaign).await?)
            }
        };
        ids.insert(composer.message_id(delivery.id), delivery.id);
    }
    Ok(ids)
}

/// Compares deliveries with the log. A delivery is missing if the log begins before its message was made and ends at
/// least
/// `margin` ms after the reply was lost: a relay may take that long to finish a message whose connection is gone.
pub fn compare(deliveries: &[UncertainDelivery], search: &LogSearch, margin: Millis) -> Findings {
    let mut findings = Findings::default();
    for delivery in deliveries {
        let (accepted, reply, code) = match search.outcome(delivery.id) {
            Some(LogOutcome::Accepted(reply)) => (true, reply, ""),
            Some(LogOutcome::Rejected(reply, code)) => (false, reply, code.as_str()),
            Some(LogOutcome::Begun) | None => {
                let covered = search
                    .span()
                    .is_some_and(|(first, last)| first <= delivery.dated_at && last >= delivery.since + margin);
                if covered { &mut findings.missing } else { &mut findings.outside }.push(delivery.id);
                continue;
            }
        };
        findings.answers.push(Resolution { id: delivery.id, accepted, reply: reply.clone(), code: code.to_owned() });
    }
    findings
}
