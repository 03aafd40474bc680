//! What a Postfix log says of letters whose answer was lost. A letter is known by its Message-ID:
//! `cleanup` names it beside the queue id, and every later line of that queue id tells its fate.
//!
//! A Message-ID alone proves nothing, since Postfix writes it down while the letter is still coming
//! in. It took responsibility when the letter is active in its queue, held, delivered or removed.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, Read};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::infra::clock::{DAY, Millis};
use crate::infra::id::Id;

/// Bytes of a line that are looked at. Postfix writes no longer ones.
const LINE: usize = 16 * 1024;

/// Characters of a reply that are kept.
const REPLY: usize = 500;

/// What the log says of one letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogOutcome {
    /// It began to come in; nothing says that it came in whole.
    Begun,
    /// The relay took responsibility; with what it wrote last.
    Accepted(String),
    /// The relay gave it up; with why.
    Rejected(String),
}

impl LogOutcome {
    /// A letter that passes through a filter is in the queue twice: what was given up stays so.
    fn outweighs(&self, known: &Self) -> bool {
        match (self, known) {
            (Self::Accepted(_), Self::Rejected(_)) => false,
            (Self::Accepted(said), Self::Accepted(_)) => !said.is_empty(),
            _ => true,
        }
    }
}

/// A search for letters in one log, which may lie in several files.
pub struct LogSearch {
    wanted: HashMap<String, Id>,
    domains: HashSet<String>,
    zone: TimeZone,
    now: Millis,
    queue: HashMap<String, Id>,
    traces: HashMap<Id, LogOutcome>,
    ours: bool,
    span: Option<(Millis, Millis)>,
}

impl LogSearch {
    /// Looks for letters by their Message-ID, without its brackets. Times without a year and zone
    /// are read as the latest before `now` in `zone`.
    pub fn new(wanted: HashMap<String, Id>, zone: TimeZone, now: Millis) -> Self {
        let domains = wanted.keys().filter_map(|id| Some(id.split_once('@')?.1.to_owned())).collect();
        let (queue, traces) = (HashMap::new(), HashMap::new());
        Self { wanted, domains, zone, now, queue, traces, ours: false, span: None }
    }

    /// Reads a file of the log; older files first.
    pub fn read(&mut self, mut input: impl BufRead) -> io::Result<()> {
        let (mut line, mut last) = (Vec::new(), Vec::new());
        let mut began = false;
        while next_line(&mut input, &mut line)? {
            let text = String::from_utf8_lossy(&line);
            let Some(entry) = LogLine::parse(&text) else { continue };
            self.take(&entry);
            if !began {
                began = self.stretch(&text);
            }
            std::mem::swap(&mut line, &mut last);
        }
        self.stretch(&String::from_utf8_lossy(&last));
        Ok(())
    }

    /// What is said of a letter.
    pub fn trace(&self, id: Id) -> Option<&LogOutcome> {
        self.traces.get(&id)
    }

    /// The times of the first and the last line of Postfix; `None` when there is none.
    pub fn span(&self) -> Option<(Millis, Millis)> {
        self.span
    }

    /// True when some letter in the log was made by an installation with these sender domains,
    /// wanted or not. A log without any is another host's.
    pub fn is_ours(&self) -> bool {
        self.ours
    }

    /// Puts the time of a line into the span. False when it has none.
    fn stretch(&mut self, line: &str) -> bool {
        let Some(at) = time_of(line, &self.zone, self.now) else { return false };
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        true
    }

    fn take(&mut self, entry: &LogLine<'_>) {
        if let Some(id) = entry.message_id() {
            self.ours |= is_made_here(id, &self.domains);
            if let Some(delivery) = self.wanted.get(id) {
                self.queue.insert(entry.queue_id.to_owned(), *delivery);
                self.traces.entry(*delivery).or_insert(LogOutcome::Begun);
            }
            return;
        }
        let Some(delivery) = self.queue.get(entry.queue_id) else { return };
        if let Some(trace) = entry.trace() {
            let known = self.traces.entry(*delivery).or_insert(LogOutcome::Begun);
            if trace.outweighs(known) {
                *known = trace;
            }
        }
        if entry.text == "removed" {
            // Short queue ids are used again.
            self.queue.remove(entry.queue_id);
        }
    }
}

/// Our Message-IDs are 32 digits of a tag before the sender's domain.
fn is_made_here(id: &str, domains: &HashSet<String>) -> bool {
    id.split_once('@').is_some_and(|(tag, domain)| {
        tag.len() == 32 && tag.bytes().all(|b| b.is_ascii_hexdigit()) && domains.contains(domain)
    })
}

/// A line about a letter: `… host postfix/qmgr[7]: 4F1A2B3C: from=<…>, …`.
struct LogLine<'a> {
    queue_id: &'a str,
    text: &'a str,
}

impl<'a> LogLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (head, rest) = line.split_once("]: ")?;
        // Multi-instance Postfix is `postfix-out/…`; whatever it is called, a service follows a slash.
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

    fn trace(&self) -> Option<LogOutcome> {
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
        // What the next server said stands behind the status and is anyone's words.
        let status = self.text.split_once(", status=")?.1;
        let reply: String = status.chars().take(REPLY).collect();
        match status.split([' ', ',']).next()? {
            "sent" | "deferred" => Some(LogOutcome::Accepted(reply)),
            "bounced" | "expired" => Some(LogOutcome::Rejected(reply)),
            _ => None,
        }
    }
}

/// The time of a line: RFC 3339, or month, day and hour as syslog has always written them.
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

/// When a log begins, told by what a reader of it has at hand. Nothing is taken out of the reader,
/// so that a pipe can be read once.
pub fn first_time(input: &mut impl BufRead, zone: &TimeZone, now: Millis) -> io::Result<Option<Millis>> {
    let start = String::from_utf8_lossy(input.fill_buf()?).into_owned();
    Ok(start.lines().find_map(|line| time_of(line, zone, now)))
}

/// The next line without what is longer than any line of Postfix. False at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if input.by_ref().take(LINE as u64).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    while line.len() == LINE && line.last() != Some(&b'\n') {
        let mut rest = Vec::new();
        if input.by_ref().take(LINE as u64).read_until(b'\n', &mut rest)? < LINE || rest.ends_with(b"\n") {
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

    fn trace(texts: &[&str]) -> Option<LogOutcome> {
        search(&lines(texts)).trace(7).cloned()
    }

    #[test]
    fn a_letter_that_only_began_to_come_in_is_not_accepted() {
        let begun = format!("message-id=<{ID}>");

        assert_eq!(trace(&[&begun]), Some(LogOutcome::Begun));
        assert_eq!(trace(&[&begun, "milter-reject: END-OF-MESSAGE from x: 5.7.1 no"]), Some(LogOutcome::Begun));
        assert_eq!(trace(&["from=<a@b.example>, size=9, nrcpt=1 (queue active)"]), None);
    }

    #[test]
    fn each_sign_of_responsibility_counts() {
        let begun = format!("message-id=<{ID}>");
        for sign in ["from=<a@b.example>, size=9, nrcpt=1 (queue active)", "removed", "hold: header Subject: x"] {
            assert_eq!(trace(&[&begun, sign]), Some(LogOutcome::Accepted(String::new())), "{sign}");
        }
        let sent = "to=<p@x.example>, relay=r, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)";
        assert_eq!(trace(&[&begun, sent, "removed"]), Some(LogOutcome::Accepted("sent (250 ok)".to_owned())));
        let deferred = sent.replace("sent (250 ok)", "deferred (said: 451 status=bounced)");
        assert!(matches!(trace(&[&begun, &deferred]), Some(LogOutcome::Accepted(_))));
    }

    #[test]
    fn what_the_relay_gave_up_is_rejected_for_good() {
        let begun = format!("message-id=<{ID}>");
        let bounced = "to=<p@x.example>, relay=r, delay=1, dsn=5.1.1, status=bounced (host r said: 550 no)";

        let found = trace(&[&begun, bounced, "removed"]);

        assert_eq!(found, Some(LogOutcome::Rejected("bounced (host r said: 550 no)".to_owned())));
        let expired = "from=<a@b.example>, status=expired, returned to sender";
        assert!(matches!(trace(&[&begun, expired, "removed"]), Some(LogOutcome::Rejected(_))));
    }

    #[test]
    fn a_queue_id_that_is_used_again_says_nothing_more() {
        let begun = format!("message-id=<{ID}>");
        let other = ["removed", "message-id=<x@y.example>", "to=<q@x.example>, dsn=5.0.0, status=bounced (no)"];

        assert_eq!(trace(&[&[begun.as_str()], &other[..]].concat()), Some(LogOutcome::Accepted(String::new())));
    }

    #[test]
    fn both_kinds_of_time_are_read_and_a_year_is_never_in_the_future() {
        let at = |line: &str| time_of(line, &TimeZone::UTC, NOW);

        assert_eq!(at("2026-11-21T10:00:00.000000+00:00 mx x"), Some(NOW));
        assert_eq!(at("Nov 21 10:00:00 mx x"), Some(NOW));
        assert_eq!(at("Nov  1 10:00:00 mx x"), Some(NOW - 20 * DAY));
        assert_eq!(at("Dec 31 10:00:00 mx x"), Some(NOW - 325 * DAY));
        assert_eq!(at("no time here"), None);
    }

    #[test]
    fn lines_of_any_length_and_of_other_programs_are_passed_over() {
        let noise = format!("{}\n\u{0}\nkernel: [1]: hello\n", "x".repeat(3 * LINE));
        let found = search(&format!("{noise}{}", lines(&[&format!("message-id=<{ID}>"), "removed"])));

        assert_eq!(found.trace(7), Some(&LogOutcome::Accepted(String::new())));
        assert_eq!(found.span(), Some((NOW - 36_059_000, NOW - 36_059_000)));
        assert!(found.is_ours() && !search(&lines(&["message-id=<x@shop.example>"])).is_ours());
    }
}
