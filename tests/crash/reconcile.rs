//! What the installation says of every recipient, held against what the relay knows.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::Row;

use crate::installation::{Site, address};
use crate::ledger;
use crate::relay::Relay;

/// A recipient who asked to leave.
#[derive(Debug, Clone)]
pub struct Goodbye {
    pub address: String,
    /// When the answer was 200; `None` without that answer.
    pub confirmed: Option<Instant>,
}

/// What a comparison found.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Recipients said to be served, or said to be nothing at all, whom no letter reached.
    pub lost: usize,
    /// Letters beyond the first to one recipient.
    pub repeated: usize,
    /// Statements that are not true in another way.
    pub wrong: usize,
    /// Recipients listed as uncertain.
    pub uncertain: usize,
    /// What was wrong, a line each, without addresses.
    pub notes: Vec<String>,
}

impl Verdict {
    /// True when nothing was lost, repeated or said wrongly.
    pub fn is_clean(&self) -> bool {
        self.lost + self.repeated + self.wrong == 0
    }

    fn lose(&mut self, count: usize, why: &str) {
        if count > 0 {
            self.lost += count;
            self.notes.push(format!("{count} lost: {why}"));
        }
    }

    /// Notes something that is not as it should be.
    pub fn blame(&mut self, count: usize, why: &str) {
        if count > 0 {
            self.wrong += count;
            self.notes.push(format!("{count} wrong: {why}"));
        }
    }
}

/// Compares an installation that has done what it could with the ledger of its relay.
pub async fn compare(site: &Site, relay: &Relay, goodbyes: &[Goodbye]) -> Result<Verdict, String> {
    let people = site.terms.people;
    relay.quiet().await;
    let entries = ledger::read(&site.ledger()).map_err(|error| format!("the ledger: {error}"))?;
    let mut received: BTreeMap<&str, Vec<&ledger::Entry>> = BTreeMap::new();
    for entry in &entries {
        received.entry(&entry.to).or_default().push(entry);
    }
    let mut verdict = Verdict::default();
    if entries.len() as u64 != relay.seen().accepted.load(Ordering::SeqCst) {
        return Err("the ledger holds other letters than the relay accepted".to_owned());
    }

    let rows = site
        .rows("select c.address, d.state from delivery d join contact c on c.id = d.contact_id order by d.id")
        .await?;
    let said: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let count = |test: &dyn Fn(&str, &str) -> bool| said.iter().filter(|(to, state)| test(to, state)).count();
    let state = site.state().await?;
    let is_open = |state: &str| matches!(state, "pending" | "leased" | "sending");

    verdict.lose(count(&|to, state| state == "accepted" && !received.contains_key(to)), "accepted by nobody");
    let open = count(&|_, state| is_open(state));
    match state.as_str() {
        "finished" => verdict.lose(open, "the campaign is finished and they are open"),
        _ => verdict.lose(open.max(1), &format!("the campaign came to no end, it is {state}")),
    }
    let known: HashSet<&str> = said.iter().map(|(to, _)| to.as_str()).collect();
    let asked: HashSet<&str> = goodbyes.iter().map(|goodbye| goodbye.address.as_str()).collect();
    let planned: Vec<String> = (0..people).map(address).collect();
    let absent = |to: &&String| !known.contains(to.as_str()) && !asked.contains(to.as_str());
    verdict.lose(planned.iter().filter(absent).count(), "in no state and never asked to leave");

    for letters in received.values().filter(|letters| letters.len() > 1) {
        verdict.repeated += letters.len() - 1;
        let same =
            letters.iter().all(|entry| entry.digest == letters[0].digest && entry.message_id == letters[0].message_id);
        verdict.blame(usize::from(!same), "a repeated letter has other bytes or another Message-ID");
    }
    let refused = relay.ledger().refused();
    let altered = |entry: &&ledger::Entry| refused.get(&entry.message_id).is_some_and(|digest| *digest != entry.digest);
    verdict.blame(entries.iter().filter(altered).count(), "a letter tried again has other bytes");
    let denied =
        count(&|to, state| matches!(state, "rejected" | "skipped" | "suppressed") && received.contains_key(to));
    verdict.blame(denied, "received, and said not to be");
    let wanted: HashSet<&str> = planned.iter().map(String::as_str).collect();
    let strangers = received.keys().filter(|to| !wanted.contains(*to)).count();
    verdict.blame(strangers, "received by someone who was not planned");
    let seen = relay.seen();
    let late = goodbyes.iter().filter_map(|goodbye| {
        let letters = received.get(goodbye.address.as_str())?;
        let began = letters.iter().filter_map(|entry| seen.began(entry.began)).max()?;
        began.checked_duration_since(goodbye.confirmed?)
    });
    let late: Vec<Duration> = late.collect();
    if let Some(most) = late.iter().max() {
        verdict.notes.push(format!("a letter began {} ms after its goodbye", most.as_millis()));
    }
    verdict.blame(late.len(), "written to after their goodbye was confirmed");
    let still =
        goodbyes.iter().filter(|goodbye| goodbye.confirmed.is_some() && known.contains(goodbye.address.as_str()));
    verdict.blame(still.count(), "still here after their goodbye was confirmed");

    let tally = site
        .rows("select kind, cast(sum(count) as bigint) from erased_count where kind in ('accepted', 'rejected', 'uncertain', 'suppressed', 'skipped') group by kind")
        .await?;
    let gone: i64 = tally.iter().map(|row| row.get::<i64, _>(1)).sum();
    let sum = i64::try_from(said.len()).unwrap_or(i64::MAX) + gone;
    if !said.is_empty() && sum != i64::try_from(people).unwrap_or(0) {
        verdict.blame(1, &format!("the numbers add up to {sum} of {people}"));
    }
    let doubts: i64 =
        tally.iter().filter(|row| row.get::<String, _>(0) == "uncertain").map(|row| row.get::<i64, _>(1)).sum();
    verdict.uncertain = count(&|_, state| state == "uncertain") + usize::try_from(doubts).unwrap_or(0);
    Ok(verdict)
}
