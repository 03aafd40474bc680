//! Multi-pattern search in a byte stream of any length, in constant memory. Text is searched in three views: as it
//! is; with line breaks removed, because mail folds base64 and quoted-printable; and in lower case, because characters
//! outside ASCII have case too.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, Match, MatchKind};

use crate::infra::error::{Error, Result};
use crate::privacy::trace_search::encodings::Form;

/// Bytes buffered before they are searched.
const CHUNK: usize = 1 << 18;

/// The number of matches by encoding.
pub type Counts = BTreeMap<&'static str, u64>;

/// The compiled patterns of a search.
pub struct Patterns {
    all: PatternSet,
    lower: Option<PatternSet>,
}

/// Patterns that are searched in one pass. Name `None` marks the longer address of another contact, so that `joanna@…`
/// is not taken for `anna@…`.
struct PatternSet {
    finder: AhoCorasick,
    patterns: Vec<Pattern>,
    longest: usize,
}

struct Pattern {
    name: Option<&'static str>,
    bytes: Vec<u8>,
    /// The finder ignores case; this pattern does not.
    exact: bool,
}

impl PatternSet {
    fn new(patterns: Vec<Pattern>, any_case: bool) -> Result<Self> {
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(any_case)
            .build(patterns.iter().map(|pattern| &pattern.bytes))
            .map_err(|error| Error::io("trace search")(std::io::Error::other(error)))?;
        let longest = patterns.iter().map(|pattern| pattern.bytes.len()).max().unwrap_or(1);
        Ok(Self { finder, patterns, longest })
    }

    /// The encoding that a match is counted for.
    fn name(&self, found: &Match, bytes: &[u8]) -> Option<&'static str> {
        let pattern = &self.patterns[found.pattern().as_usize()];
        pattern.name.filter(|_| !pattern.exact || bytes[found.range()] == pattern.bytes[..])
    }
}

impl Patterns {
    /// The longest match; a piece of a file must be read this much further for matches that begin at its end.
    pub fn longest(&self) -> usize {
        self.all.longest
    }

    /// Patterns that match `forms` and skip `others`.
    pub fn new(forms: &[Form], others: &[Form]) -> Result<Self> {
        let all: Vec<_> = forms.iter().map(|f| (Some(f.name), f)).chain(others.iter().map(|f| (None, f))).collect();
        let pattern = |(name, form): &(_, &Form)| Pattern { name: *name, bytes: form.bytes.clone(), exact: form.exact };
        let mut lower: Vec<_> = all
            .iter()
            .filter(|(_, form)| form.name == "plain")
            .filter_map(|(name, form)| {
                Some((*name, std::str::from_utf8(&form.bytes).ok()?.to_lowercase().into_bytes()))
            })
            .collect();
        lower.sort();
        lower.dedup();
        let lower = lower.into_iter().map(|(name, bytes)| Pattern { name, bytes, exact: false }).collect();
        let lower = if forms.iter().any(|form| form.name == "plain" && !form.bytes.is_ascii()) {
            Some(PatternSet::new(lower, false)?)
        } else {
            None
        };
        Ok(Self { all: PatternSet::new(all.iter().map(pattern).collect(), true)?, lower })
    }
}

/// The kind of a stream, which decides in how many views it is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Text: all views.
    Text,
    /// Pages and journals of a database, which fold nothing: only as they are.
    Pages,
}

/// A search through one stream.
pub struct Scan<'a> {
    patterns: &'a Patterns,
    kind: StreamKind,
    pending: Vec<u8>,
    raw: MatchBuffer,
    joined: MatchBuffer,
    lower: MatchBuffer,
    /// The end of the last chunk where it may be part of a line break.
    break_tail: Vec<u8>,
    /// The end of the last chunk where it may be part of a UTF-8 character.
    character_tail: Vec<u8>,
}

/// The end of a view, which may be the beginning of a match, and the matches counted so far.
#[derive(Default)]
struct MatchBuffer {
    tail: Vec<u8>,
    counts: Counts,
}

impl MatchBuffer {
    fn search(&mut self, set: &PatternSet, bytes: &[u8], last: bool) {
        let length = self.tail.len() + bytes.len();
        self.search_until(set, bytes, if last { length } else { length.saturating_sub(set.longest) });
    }

    /// Counts the matches that begin before `limit`.
    fn search_until(&mut self, set: &PatternSet, bytes: &[u8], limit: usize) {
        self.tail.extend_from_slice(bytes);
        let mut done = limit;
        for found in set.finder.find_iter(&self.tail).take_while(|found| found.start() < limit) {
            if let Some(name) = set.name(&found, &self.tail) {
                *self.counts.entry(name).or_default() += 1;
            }
            done = done.max(found.end());
        }
        self.tail.drain(..done);
    }
}

impl<'a> Scan<'a> {
    /// Starts a search of one stream.
    pub fn new(patterns: &'a Patterns, kind: StreamKind) -> Self {
        Self {
            patterns,
            kind,
            pending: Vec::with_capacity(CHUNK),
            raw: MatchBuffer::default(),
            joined: MatchBuffer::default(),
            lower: MatchBuffer::default(),
            break_tail: Vec::new(),
            character_tail: Vec::new(),
        }
    }

    /// Searches the last bytes, and `ahead`, the bytes behind them, in which no match begins.
    pub fn finish_before(mut self, ahead: &[u8]) -> Counts {
        let mut bytes = std::mem::take(&mut self.pending);
        let limit = self.raw.tail.len() + bytes.len();
        bytes.extend_from_slice(ahead);
        self.raw.search_until(&self.patterns.all, &bytes, limit);
        self.raw.counts
    }

    /// Searches the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CHUNK {
            self.search_pending(false);
        }
    }

    /// Ends the stream. Returns for each encoding the largest count of the three views.
    pub fn finish(mut self) -> Counts {
        self.search_pending(true);
        let mut counts = self.raw.counts;
        for (name, count) in self.joined.counts.into_iter().chain(self.lower.counts) {
            let most = counts.entry(name).or_default();
            *most = count.max(*most);
        }
        counts
    }

    fn search_pending(&mut self, last: bool) {
        let bytes = std::mem::take(&mut self.pending);
        self.raw.search(&self.patterns.all, &bytes, last);
        if self.kind == StreamKind::Pages {
            return;
        }
        let joined = self.without_breaks(&bytes, last);
        self.joined.search(&self.patterns.all, &joined, last);
        if let Some(set) = &self.patterns.lower {
            let text = lower_case(&mut self.character_tail, &bytes);
            self.lower.search(set, text.as_bytes(), last);
        }
    }

    /// The bytes without line breaks and without the `=` of quoted-printable soft line breaks.
    fn without_breaks(&mut self, bytes: &[u8], last: bool) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.break_tail);
        all.extend_from_slice(bytes);
        if !last {
            let open = all.iter().rev().take(2).take_while(|byte| matches!(byte, b'=' | b'\r')).count();
            self.break_tail = all.split_off(all.len() - open);
        }
        let mut joined: Vec<u8> = Vec::with_capacity(all.len());
        for byte in all {
            if byte != b'\n' {
                joined.push(byte);
                continue;
            }
            joined.pop_if(|before| *before == b'\r');
            joined.pop_if(|before| *before == b'=');
        }
        joined
    }
}

/// The text in the bytes, in lower case; the first bytes of a split character are kept in `tail`.
fn lower_case(tail: &mut Vec<u8>, bytes: &[u8]) -> String {
    let mut all = std::mem::take(tail);
    all.extend_from_slice(bytes);
    let cut = (all.len().saturating_sub(3)..all.len())
        .find(|at| {
            std::str::from_utf8(&all[*at..]).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(all.len());
    *tail = all.split_off(cut);
    String::from_utf8_lossy(&all).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::encodings;
    use super::*;
    use crate::audience::address::Address;

    fn forms(text: &str) -> Vec<Form> {
        encodings::all(text, &Address::parse(text).expect(text))
    }

    fn found(patterns: &Patterns, pieces: &[&[u8]]) -> Counts {
        let mut scan = Scan::new(patterns, StreamKind::Text);
        for piece in pieces {
            scan.feed(piece);
            scan.search_pending(false);
        }
        scan.finish()
    }

    #[test]
    fn match_split_at_any_byte_is_counted_once() {
        let patterns = Patterns::new(&forms("иван@почта.рф"), &[]).expect("built");
        let text = "… ИваН@поЧта.рф …".as_bytes();
        for cut in 0..text.len() {
            let counts = found(&patterns, &[&text[..cut], &text[cut..]]);
            assert_eq!(counts, Counts::from([("plain", 1)]), "{cut}");
        }
    }

    #[test]
    fn every_encoding_of_every_spelling_is_found() {
        let forms = forms("Анна.Ёлкина@почта.рф");
        let patterns = Patterns::new(&forms, &[]).expect("built");
        for form in &forms {
            let counts = found(&patterns, &[b"\0", &form.bytes, b"\0"]);
            assert!(counts.contains_key(form.name), "{form:?}: {counts:?}");
        }
        assert!(found(&patterns, &["анна.елкина@почта.рф, Анна Ёлкина, почта.рф".as_bytes()]).is_empty());
    }

    #[test]
    fn folded_lines_are_searched_joined() {
        let patterns = Patterns::new(&forms("anna.ivanova@example.org"), &[]).expect("built");
        for text in ["anna.iva=\r\nnova@exam=\nple.org", "YW5uYS5pdmFub3\r\nZhQGV4YW1wbGUub3Jn"] {
            for cut in 0..text.len() {
                let counts = found(&patterns, &[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]);
                assert_eq!(counts.values().sum::<u64>(), 1, "{text} {cut}");
            }
        }
    }

    #[test]
    fn longer_address_of_another_contact_is_skipped() {
        let others: Vec<Form> = ["joanna@example.org", "anna@example.org.uk"].iter().flat_map(|t| forms(t)).collect();
        let patterns = Patterns::new(&forms("anna@example.org"), &others).expect("built");

        let counts =
            found(&patterns, &[b"joanna@example.org anna@example.org.uk \0Anna@example.organna@example.org{}"]);

        assert_eq!(counts, Counts::from([("plain", 2)]));
    }
}
