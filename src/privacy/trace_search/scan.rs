//! Looks for many forms at once in a stream of any length, in flat memory. A text is read in three
//! views: as it is; with its line breaks taken out, because mail folds base64 and
//! quoted-printable; and in lower case, because letters outside ASCII have case too.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::infra::error::{Error, Result};
use crate::privacy::trace_search::encodings::Form;

/// Bytes gathered before they are looked through.
const CHUNK: usize = 1 << 18;

/// How often each form was found.
pub type Counts = BTreeMap<&'static str, u64>;

/// What is looked for.
pub struct Patterns {
    loose: Set,
    exact: Set,
    lower: Option<Set>,
}

/// Forms that are looked for in one pass. `None` stands for a longer address of someone else that
/// begins earlier or ends later than ours, so that `joanna@…` is not taken for `anna@…`.
struct Set {
    finder: AhoCorasick,
    names: Vec<Option<&'static str>>,
    longest: usize,
}

impl Set {
    fn new(forms: Vec<(Option<&'static str>, Vec<u8>)>, loose: bool) -> Result<Self> {
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(loose)
            .build(forms.iter().map(|(_, bytes)| bytes))
            .map_err(|error| Error::io("residue")(std::io::Error::other(error)))?;
        let longest = forms.iter().map(|(_, bytes)| bytes.len()).max().unwrap_or(1);
        Ok(Self { finder, names: forms.into_iter().map(|(name, _)| name).collect(), longest })
    }
}

impl Patterns {
    /// A search for `forms` that steps over `others`.
    pub fn new(forms: &[Form], others: &[Form]) -> Result<Self> {
        let all: Vec<_> = forms.iter().map(|f| (Some(f.name), f)).chain(others.iter().map(|f| (None, f))).collect();
        let pick = |exact| {
            all.iter().filter(|(_, form)| form.exact == exact).map(|(name, form)| (*name, form.bytes.clone())).collect()
        };
        let mut lower: Vec<_> = all
            .iter()
            .filter(|(_, form)| form.name == "plain")
            .filter_map(|(name, form)| {
                Some((*name, std::str::from_utf8(&form.bytes).ok()?.to_lowercase().into_bytes()))
            })
            .collect();
        lower.sort();
        lower.dedup();
        let lower = if forms.iter().any(|form| form.name == "plain" && !form.bytes.is_ascii()) {
            Some(Set::new(lower, false)?)
        } else {
            None
        };
        Ok(Self { loose: Set::new(pick(false), true)?, exact: Set::new(pick(true), false)?, lower })
    }
}

/// What a stream is, and so in how many views it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Text that people and programs write: all views.
    Text,
    /// Pages and journals of a database, which fold nothing: as they are.
    Pages,
}

/// A search through one stream.
pub struct Scan<'a> {
    needle: &'a Patterns,
    kind: StreamKind,
    waiting: Vec<u8>,
    raw: [Window; 2],
    joined: [Window; 2],
    lower: Window,
    /// The end of the last chunk where it may be half of a line break or of a letter.
    break_tail: Vec<u8>,
    letter_tail: Vec<u8>,
}

/// The end of a view that may be the beginning of a match.
#[derive(Default)]
struct Window {
    tail: Vec<u8>,
    counts: Counts,
}

impl Window {
    fn look(&mut self, set: &Set, bytes: &[u8], last: bool) {
        self.tail.extend_from_slice(bytes);
        let limit = if last { self.tail.len() } else { self.tail.len().saturating_sub(set.longest) };
        let mut done = limit;
        for found in set.finder.find_iter(&self.tail).take_while(|found| found.start() < limit) {
            if let Some(name) = set.names[found.pattern().as_usize()] {
                *self.counts.entry(name).or_default() += 1;
            }
            done = done.max(found.end());
        }
        self.tail.drain(..done);
    }
}

impl<'a> Scan<'a> {
    /// A search through a fresh stream.
    pub fn new(needle: &'a Patterns, kind: StreamKind) -> Self {
        Self {
            needle,
            kind,
            waiting: Vec::with_capacity(CHUNK),
            raw: Default::default(),
            joined: Default::default(),
            lower: Window::default(),
            break_tail: Vec::new(),
            letter_tail: Vec::new(),
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= CHUNK {
            self.look(false);
        }
    }

    /// Ends the stream: what was found, each form as often as the view that shows it most.
    pub fn end(mut self) -> Counts {
        self.look(true);
        let mut counts = Counts::new();
        let sums = [
            self.raw.into_iter().map(|window| window.counts).collect(),
            self.joined.into_iter().map(|window| window.counts).collect(),
            vec![self.lower.counts],
        ];
        for view in sums.into_iter().map(Vec::into_iter) {
            let mut sum = Counts::new();
            view.flatten().for_each(|(name, count)| *sum.entry(name).or_default() += count);
            for (name, count) in sum {
                let most = counts.entry(name).or_default();
                *most = count.max(*most);
            }
        }
        counts
    }

    fn look(&mut self, last: bool) {
        let bytes = std::mem::take(&mut self.waiting);
        let sets = [&self.needle.loose, &self.needle.exact];
        for (window, set) in self.raw.iter_mut().zip(sets) {
            window.look(set, &bytes, last);
        }
        if self.kind == StreamKind::Pages {
            return;
        }
        let joined = self.without_breaks(&bytes, last);
        for (window, set) in self.joined.iter_mut().zip(sets) {
            window.look(set, &joined, last);
        }
        if let Some(set) = &self.needle.lower {
            let text = lower_case(&mut self.letter_tail, &bytes);
            self.lower.look(set, text.as_bytes(), last);
        }
    }

    /// The bytes without line breaks and without the `=` that folds a quoted-printable line.
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

/// The text in the bytes, in lower case; a letter cut in two waits in `tail` for its other half.
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

    fn found(needle: &Patterns, pieces: &[&[u8]]) -> Counts {
        let mut scan = Scan::new(needle, StreamKind::Text);
        for piece in pieces {
            scan.feed(piece);
            scan.look(false);
        }
        scan.end()
    }

    #[test]
    fn a_match_cut_anywhere_is_found_once() {
        let needle = Patterns::new(&forms("иван@почта.рф"), &[]).expect("built");
        let text = "… ИваН@поЧта.рф …".as_bytes();
        for cut in 0..text.len() {
            let counts = found(&needle, &[&text[..cut], &text[cut..]]);
            assert_eq!(counts, Counts::from([("plain", 1)]), "{cut}");
        }
    }

    #[test]
    fn every_form_of_every_spelling_is_found() {
        let forms = forms("Анна.Ёлкина@почта.рф");
        let needle = Patterns::new(&forms, &[]).expect("built");
        for form in &forms {
            let counts = found(&needle, &[b"\0", &form.bytes, b"\0"]);
            assert!(counts.contains_key(form.name), "{form:?}: {counts:?}");
        }
        assert!(found(&needle, &["анна.елкина@почта.рф, Анна Ёлкина, почта.рф".as_bytes()]).is_empty());
    }

    #[test]
    fn folded_lines_are_joined() {
        let needle = Patterns::new(&forms("anna.ivanova@example.org"), &[]).expect("built");
        for text in ["anna.iva=\r\nnova@exam=\nple.org", "YW5uYS5pdmFub3\r\nZhQGV4YW1wbGUub3Jn"] {
            for cut in 0..text.len() {
                let counts = found(&needle, &[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]);
                assert_eq!(counts.values().sum::<u64>(), 1, "{text} {cut}");
            }
        }
    }

    #[test]
    fn another_person_with_a_longer_address_is_not_ours() {
        let others: Vec<Form> = ["joanna@example.org", "anna@example.org.uk"].iter().flat_map(|t| forms(t)).collect();
        let needle = Patterns::new(&forms("anna@example.org"), &others).expect("built");

        let counts = found(&needle, &[b"joanna@example.org anna@example.org.uk \0Anna@example.organna@example.org{}"]);

        assert_eq!(counts, Counts::from([("plain", 2)]));
    }
}
