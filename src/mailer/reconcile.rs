//! Uncertain deliveries beside the log of the relay: which were accepted after all, which were not,
//! and of which the log cannot know.

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

/// What a log says of uncertain deliveries.
#[derive(Debug, Default)]
pub struct Findings {
    /// Those whose fate it tells.
    pub answers: Vec<Resolution>,
    /// Those that it would name, and does not.
    pub missing: Vec<Id>,
    /// Those that were sent before it begins or lost after it ends.
    pub outside: Vec<Id>,
}

/// The Message-ID of each delivery, without brackets.
pub async fn message_ids(
    installation: &Installation,
    conn: &mut Conn,
    doubts: &[UncertainDelivery],
) -> Result<HashMap<String, Id>> {
    let mut composers: HashMap<Id, Composer> = HashMap::new();
    let mut ids = HashMap::with_capacity(doubts.len());
    for doubt in doubts {
        let composer = match composers.entry(doubt.campaign) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let campaign = model::find(conn, doubt.campaign).await?;
                let campaign = campaign.ok_or_else(|| Message::new("campaign-gone").internal())?;
                new.insert(Composer::open(installation, &campaign)?)
            }
        };
        ids.insert(composer.message_id(doubt.id), doubt.id);
    }
    Ok(ids)
}

/// Weighs each delivery against the log. One is missing when the log begins before its message was
/// made and goes on for `margin` ms after the answer was lost: so long may a relay take to finish
/// with a letter whose sender is gone.
pub fn compare(doubts: &[UncertainDelivery], search: &LogSearch, margin: Millis) -> Findings {
    let mut findings = Findings::default();
    for doubt in doubts {
        let (accepted, reply) = match search.trace(doubt.id) {
            Some(LogOutcome::Accepted(reply)) => (true, reply),
            Some(LogOutcome::Rejected(reply)) => (false, reply),
            Some(LogOutcome::Begun) | None => {
                let covered =
                    search.span().is_some_and(|(first, last)| first <= doubt.dated_at && last >= doubt.since + margin);
                if covered { &mut findings.missing } else { &mut findings.outside }.push(doubt.id);
                continue;
            }
        };
        findings.answers.push(Resolution { id: doubt.id, accepted, reply: reply.clone() });
    }
    findings
}
