//! Compares the delivery state of every recipient with the log of messages that the relay accepted.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::Row;

use crate::accepted_log;
use crate::installation::{Installation, address};
use crate::relay::Relay;

/// A request of a recipient to unsubscribe.
#[derive(Debug, Clone)]
pub struct UnsubscribeRequest {
    pub address: String,
    /// When the response was 200; `None` without such a response.
    pub confirmed: Option<Instant>,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Recipients whose state says that they got a message, or who have no state, and who got none.
    pub lost: usize,
    /// Messages beyond the first to one recipient.
    pub repeated: usize,
    /// Other states that are not true.
    pub wrong: usize,
    /// Recipients listed as uncertain.
    pub uncertain: usize,
    /// Of these, those of whose message the relay has had nothing.
    pub unseen: usize,
    /// What was wrong, a line each, without addresses.
    pub notes: Vec<String>,
}

impl Findings {
    /// True when nothing is lost, repeated or wrong.
    pub fn is_clean(&self) -> bool {
        self.lost + self.repeated + self.wrong == 0
    }

    fn add_lost(&mut self, count: usize, why: &str) {
        if count > 0 {
            self.lost += count;
            self.notes.push(format!("{count} lost: {why}"));
        }
    }

    /// Adds something that is wrong.
    pub fn add_wrong(&mut self, count: usize, why: &str) {
        if count > 0 {
            self.wrong += count;
            self.notes.push(format!("{count} wrong: {why}"));
        }
    }
}

/// Compares an installation that has done what it could with the log of accepted messages of its relay.
pub async fn compare(
    installation: &Installation,
    relay: &Relay,
    requests: &[UnsubscribeRequest],
) -> Result<Findings, String> {
    let recipients = installation.settings.recipients;
    relay.wait_until_idle().await;
    let entries = accepted_log::read(&installation.accepted_log())
        .map_err(|error| format!("the log of accepted messages: {error}"))?;
    let mut received: BTreeMap<&str, Vec<&accepted_log::Entry>> = BTreeMap::new();
    for entry in &entries {
        received.entry(&entry.to).or_default().push(entry);
    }
    let mut findings = Findings::default();
    if entries.len() as u64 != relay.seen().accepted.load(Ordering::SeqCst) {
        return Err("the log holds other messages than the relay accepted".to_owned());
    }

    let rows = installation
        .rows("select c.address, d.state from delivery d join contact c on c.id = d.contact_id order by d.id")
        .await?;
    let said: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let count = |test: &dyn Fn(&str, &str) -> bool| said.iter().filter(|(to, state)| test(to, state)).count();
    let state = installation.state().await?;
    let is_open = |state: &str| matches!(state, "pending" | "leased" | "sending");

    findings
        .add_lost(count(&|to, state| state == "accepted" && !received.contains_key(to)), "accepted, and not received");
    let open = count(&|_, state| is_open(state));
    match state.as_str() {
        "finished" => findings.add_lost(open, "the campaign is finished and they are open"),
        _ => findings.add_lost(open.max(1), &format!("the campaign came to no end, it is {state}")),
    }
    let known: HashSet<&str> = said.iter().map(|(to, _)| to.as_str()).collect();
    let asked: HashSet<&str> = requests.iter().map(|request| request.address.as_str()).collect();
    let planned: Vec<String> = (0..recipients).map(address).collect();
    let absent = |to: &&String| !known.contains(to.as_str()) && !asked.contains(to.as_str());
    findings.add_lost(planned.iter().filter(absent).count(), "in no state without an unsubscribe request");

    for messages in received.values().filter(|messages| messages.len() > 1) {
        findings.repeated += messages.len() - 1;
        let same = messages
            .iter()
            .all(|entry| entry.digest == messages[0].digest && entry.message_id == messages[0].message_id);
        findings.add_wrong(usize::from(!same), "a repeated message has other bytes or another Message-ID");
    }
    let refused = relay.accepted_log().refused();
    let altered =
        |entry: &&accepted_log::Entry| refused.get(&entry.message_id).is_some_and(|digest| *digest != entry.digest);
    findings.add_wrong(entries.iter().filter(altered).count(), "a message tried again has other bytes");
    let denied =
        count(&|to, state| matches!(state, "rejected" | "skipped" | "suppressed") && received.contains_key(to));
    findings.add_wrong(denied, "received, and recorded as not sent");
    let wanted: HashSet<&str> = planned.iter().map(String::as_str).collect();
    let strangers = received.keys().filter(|to| !wanted.contains(*to)).count();
    findings.add_wrong(strangers, "received by a contact that was not planned");
    let seen = relay.seen();
    let late = requests.iter().filter_map(|request| {
        let messages = received.get(request.address.as_str())?;
        let began = messages.iter().filter_map(|entry| seen.began(entry.began)).max()?;
        began.checked_duration_since(request.confirmed?)
    });
    let late: Vec<Duration> = late.collect();
    if let Some(most) = late.iter().max() {
        findings.notes.push(format!("a message began {} ms after its request", most.as_millis()));
    }
    findings.add_wrong(late.len(), "written to after their request was confirmed");
    let still =
        requests.iter().filter(|request| request.confirmed.is_some() && known.contains(request.address.as_str()));
    findings.add_wrong(still.count(), "still here after their request was confirmed");

    let erased = installation
        .rows("select kind, cast(sum(count) as bigint) from erased_count where kind in ('accepted', 'rejected', 'uncertain', 'suppressed', 'skipped') group by kind")
        .await?;
    let gone: i64 = erased.iter().map(|row| row.get::<i64, _>(1)).sum();
    let sum = i64::try_from(said.len()).unwrap_or(i64::MAX) + gone;
    if !said.is_empty() && sum != i64::try_from(recipients).unwrap_or(0) {
        findings.add_wrong(1, &format!("the numbers add up to {sum} of {recipients}"));
    }
    let doubts: i64 =
        erased.iter().filter(|row| row.get::<String, _>(0) == "uncertain").map(|row| row.get::<i64, _>(1)).sum();
    findings.unseen = count(&|to, state| state == "uncertain" && !seen.has_begun(to));
    findings.uncertain = count(&|_, state| state == "uncertain") + usize::try_from(doubts).unwrap_or(0);
    Ok(findings)
}
