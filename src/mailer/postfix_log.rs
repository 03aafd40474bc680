//! Parses Postfix logs and finds the messages of uncertain deliveries by Message-ID.
//!
//! `cleanup` logs the Message-ID with the queue id, and every later line with that queue id belongs to the message. A Message-ID
//! alone proves nothing, because Postfix logs it while the message is still coming in. Postfix has accepted a message
//! when it is active in the queue, held, delivered or removed.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, Read};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::infra::clock::{DAY, Millis};
use crate::infra::id::Id;

/// Bytes of a line that are read. Postfix writes no longer lines.
const MAX_LINE: usize = 16 * 1024;

/// Characters of a reply that are kept.
const MAX_REPLY: usize = 500;

/// What the log shows of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogOutcome {
    /// It began to arrive; nothing shows that it arrived completely.
    Begun,
    /// Postfix accepted it; with the last status line.
    Accepted(String),
    /// Postfix bounced it; with the reason, and with the enhanced status code (RFC 3463) that the `dsn=` of the line has.
    Rejected(String, String),
}

impl LogOutcome {
    /// True if it replaces an earlier outcome. A message that passes a filter is in the queue twice: a bounced one
    /// stays bounced.
    fn outweighs(&self, known: &Self) -> bool {
        match (self, known) {
            (Self::Accepted(_), Self::Rejected(..)) => false,
            (Self::Accepted(status), Self::Accepted(_)) => !status.is_empty(),
            _ => true,
        }
    }
}

/// A search for messages in one log, which may consist of several files.
pub struct LogSearch {
    wanted: HashMap<String, Id>,
    domains: HashSet<String>,
    zone: TimeZone,
    now: Millis,
    queue: HashMap<String, Id>,
    outcomes: HashMap<Id, LogOutcome>,
    /// True when the log has a message of this installation.
    has_own: bool,
    span: Option<(Millis, Millis)>,
}

impl LogSearch {
    /// Searches for messages by Message-ID, without brackets. Times without year and zone are taken as the latest
    /// before `now` in
    /// `zone`.
    pub fn new(wanted: HashMap<String, Id>, zone: TimeZone, now: Millis) -> Self {
        let domains = wanted.keys().filter_map(|id| Some(id.split_once('@')?.1.to_owned())).collect();
        let (queue, outcomes) = (HashMap::new(), HashMap::new());
        Self { wanted, domains, zone, now, queue, outcomes, has_own: false, span: None }
    }

    /// Reads one file of the log; older files go first.
    pub fn read(&mut self, mut input: impl BufRead) -> io::Result<()> {
        let (mut line, mut last) = (Vec::new(), Vec::new());
        let mut began = false;
        while next_line(&mut input, &mut line)? {
            let text = String::from_utf8_lossy(&line);
            let Some(parsed) = LogLine::parse(&text) else { continue };
            self.record(&parsed);
            if !began {
                began = self.extend_span(&text);
            }
            std::mem::swap(&mut line, &mut last);
        }
        self.extend_span(&String::from_utf8_lossy(&last));
        Ok(())
    }

    /// What the log shows of a message.
    pub fn outcome(&self, id: Id) -> Option<&LogOutcome> {
        self.outcomes.get(&id)
    }

    /// The times of the first and the last line of Postfix; `None` if there is none.
    pub fn span(&self) -> Option<(Millis, Millis)> {
        self.span
    }

    /// True if the log has any message of these sender domains with a Message-ID of Sendoff. Otherwise it is the log
    /// of another host.
    pub fn has_own_messages(&self) -> bool {
        self.has_own
    }

    /// Extends the span by the time of a line. False if the line has none.
    fn extend_span(&mut self, line: &str) -> bool {
        let Some(at) = time_of(line, &self.zone, self.now) else { return false };
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        true
    }

    fn record(&mut self, line: &LogLine<'_>) {
        if let Some(id) = line.message_id() {
            self.has_own |= is_own(id, &self.domains);
            if let Some(delivery) = self.wanted.get(id) {
                self.queue.insert(line.queue_id.to_owned(), *delivery);
                self.outcomes.entry(*delivery).or_insert(LogOutcome::Begun);
            }
            return;
        }
        let Some(delivery) = self.queue.get(line.queue_id) else { return };
        if let Some(outcome) = line.outcome() {
            let known = self.outcomes.entry(*delivery).or_insert(LogOutcome::Begun);
            if outcome.outweighs(known) {
                *known = outcome;
            }
        }
        if line.text == "removed" {
            // Short queue ids are reused.
            self.queue.remove(line.queue_id);
        }
    }
}

/// True for a Message-ID of Sendoff: 32 hexadecimal digits before the sender's domain.
fn is_own(id: &str, domains: &HashSet<String>) -> bool {
    id.split_once('@').is_some_and(|(tag, domain)| {
        tag.len() == 32 && tag.bytes().all(|b| b.is_ascii_hexdigit()) && domains.contains(domain)
    })
}

/// A line about a message: `… host postfix/qmgr[7]: 4F1A2B3C: from=<…>, …`.
struct LogLine<'a> {
    queue_id: &'a str,
    text: &'a str,
}

impl<'a> LogLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (head, rest) = line.split_once("]: ")?;
        // An instance of Postfix may have another name, as in `postfix-out/smtp`; the service follows a slash.
        let program = head.rsplit(' ').next()?;
        if !program.contains('/') || !program.contains('[') {
            return None;
        }
        let (queue_id, text) = rest.trim_end().split_once(": ")?;
        let is_id = queue_id.len() >= 5 && queue_id.bytes().all(|b| b.is_ascii_alphanumeric());
        is_id.then_some(Self { queue_id, text })
    }

    fn message_id(&self) -> Option<&'a str> {
        self.text.strip_prefix("message-id=<")?.strip_suffix('>')
    }

    fn outcome(&self) -> Option<LogOutcome> {
        let accepted = || Some(LogOutcome::Accepted(String::new()));
        if self.text == "removed" || self.text.starts_with("hold: ") || self.text == "placed on hold" {
            return accepted();
        }
        if self.text.starts_with("from=<") && self.text.ends_with("(queue active)") {
            return accepted();
        }
        if !self.text.starts_with("to=<") && !self.text.starts_with("from=<") {
            return None;
        }
        // The text behind the status comes from the next server and may contain anything.
        let (before, status) = self.text.split_once(", status=")?;
        let code = before.rsplit_once(", dsn=").map(|(_, rest)| rest.split(',').next().unwrap_or_default());
        let reply: String = status.chars().take(MAX_REPLY).collect();
        match status.split([' ', ',']).next()? {
            "sent" | "deferred" => Some(LogOutcome::Accepted(reply)),
            "bounced" | "expired" => Some(LogOutcome::Rejected(reply, code.unwrap_or_default().to_owned())),
            _ => None,
        }
    }
}

/// The time of a line: RFC 3339, or month, day and time of the traditional syslog format.
fn time_of(line: &str, zone: &TimeZone, now: Millis) -> Option<Millis> {
    let mut words = line.split_ascii_whitespace();
    let first = words.next()?;
    if let Ok(moment) = first.parse::<Timestamp>() {
        return Some(moment.as_millisecond());
    }
    let (day, hour) = (words.next()?, words.next()?);
    let year = Timestamp::from_millisecond(now).ok()?.to_zoned(zone.clone()).year();
    [year, year - 1].into_iter().find_map(|year| {
        let text = format!("{year} {first} {day} {hour}");
        let local = DateTime::strptime("%Y %b %d %H:%M:%S", text).ok()?;
        let at = zone.to_zoned(local).ok()?.timestamp().as_millisecond();
        (at <= now + DAY).then_some(at)
    })
}

/// The time of the first line with a time in the reader's buffer. Consumes nothing, so that a pipe can be read
/// afterwards.
pub fn first_time(input: &mut impl BufRead, zone: &TimeZone, now: Millis) -> io::Result<Option<Millis>> {
    let start = String::from_utf8_lossy(input.fill_buf()?).into_owned();
    Ok(start.lines().find_map(|line| time_of(line, zone, now)))
}

/// Reads the next line, cut to the longest line of Postfix. False at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if input.by_ref().take(MAX_LINE as u64).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    while line.len() == MAX_LINE && line.last() != Some(&b'\n') {
        let mut rest = Vec::new();
        if input.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut rest)? < MAX_LINE || rest.ends_with(b"\n") {
            break;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_255_200_000;
    const ID: &str = "0123456789abcdef0123456789abcdef@shop.example";

    fn search(log: &str) -> LogSearch {
        let mut search = LogSearch::new([(ID.to_owned(), 7)].into(), TimeZone::UTC, NOW);
        search.read(log.as_bytes()).expect("reads");
        search
    }

    fn lines(texts: &[&str]) -> String {
        let line = |text: &&str| format!("Nov 20 23:59:01 mx postfix/any[12]: 4F1A2B3C: {text}\n");
        texts.iter().map(line).collect()
    }

    fn outcome(texts: &[&str]) -> Option<LogOutcome> {
        search(&lines(texts)).outcome(7).cloned()
    }

    #[test]
    fn message_that_only_began_to_arrive_is_not_accepted() {
        let begun = format!("message-id=<{ID}>");

        assert_eq!(outcome(&[&begun]), Some(LogOutcome::Begun));
        assert_eq!(outcome(&[&begun, "milter-reject: END-OF-MESSAGE from x: 5.7.1 no"]), Some(LogOutcome::Begun));
        assert_eq!(outcome(&["from=<a@b.example>, size=9, nrcpt=1 (queue active)"]), None);
    }

    #[test]
    fn every_line_of_an_accepted_message_counts() {
        let begun = format!("message-id=<{ID}>");
        for sign in ["from=<a@b.example>, size=9, nrcpt=1 (queue active)", "removed", "hold: header Subject: x"] {
            assert_eq!(outcome(&[&begun, sign]), Some(LogOutcome::Accepted(String::new())), "{sign}");
        }
        let sent = "to=<p@x.example>, relay=r, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)";
        assert_eq!(outcome(&[&begun, sent, "removed"]), Some(LogOutcome::Accepted("sent (250 ok)".to_owned())));
        let deferred = sent.replace("sent (250 ok)", "deferred (said: 451 status=bounced)");
        assert!(matches!(outcome(&[&begun, &deferred]), Some(LogOutcome::Accepted(_))));
    }

    #[test]
    fn bounced_message_stays_rejected() {
        let begun = format!("message-id=<{ID}>");
        let bounced = "to=<p@x.example>, relay=r, delay=1, dsn=5.1.1, status=bounced (host r said: 550 no)";

        let found = outcome(&[&begun, bounced, "removed"]);

        assert_eq!(found, Some(LogOutcome::Rejected("bounced (host r said: 550 no)".to_owned(), "5.1.1".to_owned())));
        let expired = "from=<a@b.example>, status=expired, returned to sender";
        assert!(
            matches!(outcome(&[&begun, expired, "removed"]), Some(LogOutcome::Rejected(_, code)) if code.is_empty())
        );
    }

    #[test]
    fn reused_queue_id_is_ignored() {
        let begun = format!("message-id=<{ID}>");
        let other = ["removed", "message-id=<x@y.example>", "to=<q@x.example>, dsn=5.0.0, status=bounced (no)"];

        assert_eq!(outcome(&[&[begun.as_str()], &other[..]].concat()), Some(LogOutcome::Accepted(String::new())));
    }

    #[test]
    fn both_time_formats_are_parsed_and_the_year_is_never_in_the_future() {
        let at = |line: &str| time_of(line, &TimeZone::UTC, NOW);

        assert_eq!(at("2026-11-21T10:00:00.000000+00:00 mx x"), Some(NOW));
        assert_eq!(at("Nov 21 10:00:00 mx x"), Some(NOW));
        assert_eq!(at("Nov  1 10:00:00 mx x"), Some(NOW - 20 * DAY));
        assert_eq!(at("Dec 31 10:00:00 mx x"), Some(NOW - 325 * DAY));
        assert_eq!(at("no time here"), None);
    }

    #[test]
    fn long_lines_and_lines_of_other_programs_are_skipped() {
        let noise = format!("{}\n\u{0}\nkernel: [1]: hello\n", "x".repeat(3 * MAX_LINE));
        let found = search(&format!("{noise}{}", lines(&[&format!("message-id=<{ID}>"), "removed"])));

        assert_eq!(found.outcome(7), Some(&LogOutcome::Accepted(String::new())));
        assert_eq!(found.span(), Some((NOW - 36_059_000, NOW - 36_059_000)));
        assert!(found.has_own_messages() && !search(&lines(&["message-id=<x@shop.example>"])).has_own_messages());
    }
}
