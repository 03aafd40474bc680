//! What a tag may say. Names are fields or words of ours, filters and tests are on a list, `if`s are
//! closed, and a field that is printed with no fallback is wrapped so that its absence is noticed.

use std::collections::BTreeSet;

use crate::content::template::error::{Slip, nearest};
use crate::content::template::filter::{FILTERS, TESTS};
use crate::content::template::lexer::{Kind, Sort, Tag, Word};

/// Names that every letter has.
pub const OURS: &[&str] = &["email", "unsubscribe_url", "preferences_url", "view_url", "brand"];

/// The name under which templates reach what the engine adds; no author can write it.
pub const INNER: &str = "sendoff";

/// What stands behind `brand.`
const BRAND: &[&str] = &["name", "address", "color", "logo"];

const KEYWORDS: &[&str] =
    &["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"];
const STATEMENTS: &[&str] = &["if", "elif", "else", "endif", "set"];
const FALLBACKS: &[&str] = &["default", "d"];
/// Neighbours of a value that is compared, not printed.
const COMPARING: &[&str] = &["==", "!=", ">=", "<=", "<", ">", "in", "is", "and", "or", "not"];

/// Reads the tags of one source in order.
#[derive(Debug)]
pub struct Grammar<'f> {
    fields: &'f [String],
    variables: Vec<String>,
    /// Byte offsets of the `if`s that are still open.
    open: Vec<usize>,
    /// Names that the source uses.
    pub used: BTreeSet<String>,
}

impl<'f> Grammar<'f> {
    /// For a workspace with these fields.
    pub fn new(fields: &'f [String]) -> Self {
        Self { fields, variables: Vec::new(), open: Vec::new(), used: BTreeSet::new() }
    }

    /// Checks a tag and returns it as the engine shall run it.
    pub fn read(&mut self, tag: &Tag<'_>) -> Result<String, Slip> {
        match tag.kind {
            Kind::Note => Ok(String::new()),
            Kind::Print if tag.words.is_empty() => Err(Slip::new("tag-empty", tag.at)),
            Kind::Print => self.expression(&tag.words, true).map(|marks| apply(tag, marks)),
            Kind::Statement => self.statement(tag),
        }
    }

    /// True where no `if` is open: what stands here, every reader gets.
    pub fn is_certain(&self) -> bool {
        self.open.is_empty()
    }

    /// Called at the end of the source: every `if` must have met its `endif`.
    pub fn finish(&self) -> Result<(), Slip> {
        self.open.last().map_or(Ok(()), |at| Err(Slip::new("tag-if-open", *at)))
    }

    fn statement(&mut self, tag: &Tag<'_>) -> Result<String, Slip> {
        let Some((first, rest)) = tag.words.split_first() else {
            return Err(Slip::new("tag-empty", tag.at));
        };
        let alone = matches!(first.text, "else" | "endif");
        match first.text {
            "if" => self.open.push(tag.at),
            "elif" | "else" | "endif" if self.open.is_empty() => {
                return Err(Slip::new("tag-no-if", tag.at).with("word", first.text));
            }
            "endif" => drop(self.open.pop()),
            "elif" | "else" => {}
            "set" => return self.set(tag, rest),
            other => {
                let known = STATEMENTS.join(", ");
                return Err(Slip::new("tag-statement", first.at).with("word", other).with("known", known));
            }
        }
        if alone != rest.is_empty() {
            return Err(Slip::new("tag-unreadable", tag.at).with("tag", tag.source));
        }
        self.expression(rest, false).map(|marks| apply(tag, marks))
    }

    /// `set name = value`; the value must stay one short text or number.
    fn set(&mut self, tag: &Tag<'_>, rest: &[Word<'_>]) -> Result<String, Slip> {
        let [name, equals, value @ ..] = rest else {
            return Err(Slip::new("tag-unreadable", tag.at).with("tag", tag.source));
        };
        if name.sort != Sort::Name || equals.text != "=" || value.is_empty() || KEYWORDS.contains(&name.text) {
            return Err(Slip::new("tag-unreadable", tag.at).with("tag", tag.source));
        }
        if self.knows(name.text) || name.text == INNER {
            return Err(Slip::new("tag-set-taken", name.at).with("name", name.text));
        }
        let mut marks = self.expression(value, true)?;
        let end = value.last().map_or(tag.at, |word| word.at + word.text.len());
        marks.insert(0, (value[0].at, "(".to_owned()));
        marks.push((end, ")|short".to_owned()));
        self.variables.push(name.text.to_owned());
        Ok(apply(tag, marks))
    }

    fn knows(&self, name: &str) -> bool {
        OURS.contains(&name) || self.fields.iter().any(|field| field == name)
    }

    /// Checks every name of an expression. Returns what to insert where, so that printed fields
    /// report their absence.
    fn expression(&mut self, words: &[Word<'_>], printed: bool) -> Result<Vec<(usize, String)>, Slip> {
        let mut marks = Vec::new();
        let (mut depth, mut condition) = (0_usize, false);
        for (index, word) in words.iter().enumerate() {
            match (word.sort, word.text) {
                (Sort::Sign, "(" | "[") => depth += 1,
                (Sort::Sign, ")" | "]") => depth = depth.saturating_sub(1),
                (Sort::Name, "if") if depth == 0 => condition = true,
                (Sort::Name, "else") if depth == 0 => condition = false,
                _ => {}
            }
            if word.sort != Sort::Name || KEYWORDS.contains(&word.text) {
                continue;
            }
            if !self.name(words, index)? {
                continue;
            }
            let end = value_end(words, index);
            if printed && depth == 0 && !condition && is_printed(words, index, end) {
                marks.push((word.at, "(".to_owned()));
                marks.push((word.at + word.text.len(), format!("|needed(\"{}\"))", word.text)));
            } else if is_below(words, index, end) {
                marks.push((word.at, "(".to_owned()));
                marks.push((words[end - 1].at + words[end - 1].text.len(), "|beyond)".to_owned()));
            }
        }
        Ok(marks)
    }

    /// Checks one name by its place; true when it is a field's.
    fn name(&mut self, words: &[Word<'_>], index: usize) -> Result<bool, Slip> {
        let word = words[index];
        let before = |steps: usize| index.checked_sub(steps).map_or("", |at| words[at].text);
        let after = words.get(index + 1).map_or("", |word| word.text);
        let listed = |key, known: &'static [&'static str]| match known.contains(&word.text) {
            true => Ok(false),
            false => Err(unknown(key, word, known.iter().copied())),
        };
        if before(1) == "|" {
            return listed("tag-filter", FILTERS);
        }
        if before(1) == "is" || (before(1) == "not" && before(2) == "is") {
            return listed("tag-test", TESTS);
        }
        if after == "(" {
            return Err(Slip::new("tag-call", word.at).with("name", word.text));
        }
        if before(1) == "." {
            return match before(2) == "brand" && before(3) != "." {
                true => listed("tag-field", BRAND),
                false => Err(Slip::new("tag-sign", words[index - 1].at).with("sign", ".")),
            };
        }
        if after == "=" {
            return Ok(false);
        }
        if word.text == "brand" && after != "." {
            let slip = Slip::new("tag-field", word.at).with("name", "brand");
            return Err(slip.with("hint", "yes").with("near", "brand.name"));
        }
        if word.text == INNER || !(self.knows(word.text) || self.variables.iter().any(|name| name == word.text)) {
            let known = self.fields.iter().map(String::as_str).chain(OURS.iter().copied());
            return Err(unknown("tag-field", word, known));
        }
        self.used.insert(word.text.to_owned());
        Ok(self.fields.iter().any(|field| field == word.text))
    }
}

/// The index after the value that begins at `index` and its filters.
fn value_end(words: &[Word<'_>], index: usize) -> usize {
    let mut end = index + 1;
    while end + 1 < words.len() && words[end].text == "|" {
        end += 2;
        if words.get(end).is_some_and(|word| word.text == "(") {
            end += 1 + closing(&words[end..]);
        }
    }
    end.min(words.len())
}

/// Whether a value goes into the letter with no fallback.
fn is_printed(words: &[Word<'_>], index: usize, end: usize) -> bool {
    let is = |at: Option<usize>, known: &[&str]| {
        at.and_then(|at| words.get(at)).is_some_and(|word| known.contains(&word.text))
    };
    let falls_back = (index..end).any(|at| is(Some(at), &["|"]) && is(Some(at + 1), FALLBACKS));
    !falls_back && !is(Some(end), COMPARING) && !is(index.checked_sub(1), COMPARING)
}

/// Whether a value is asked to be the lesser one. A missing value is lesser than anything, and nobody
/// of unknown age is under eighteen.
fn is_below(words: &[Word<'_>], index: usize, end: usize) -> bool {
    let text = |at: Option<usize>| at.and_then(|at| words.get(at)).map_or("", |word| word.text);
    matches!(text(Some(end)), "<" | "<=") || matches!(text(index.checked_sub(1)), ">" | ">=")
}

/// The index of the bracket that closes the first one.
fn closing(words: &[Word<'_>]) -> usize {
    let mut depth = 0_usize;
    let closes = words.iter().position(|word| {
        match word.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    closes.unwrap_or(words.len())
}

fn unknown<'a>(key: &'static str, word: Word<'_>, known: impl Iterator<Item = &'a str>) -> Slip {
    let near = nearest(word.text, known);
    let slip = Slip::new(key, word.at).with("name", word.text);
    slip.with("hint", if near.is_some() { "yes" } else { "no" }).with("near", near.unwrap_or_default())
}

/// The tag with the marks inserted.
fn apply(tag: &Tag<'_>, mut marks: Vec<(usize, String)>) -> String {
    marks.sort_by_key(|(at, _)| *at);
    let mut text = tag.source.to_owned();
    for (at, mark) in marks.into_iter().rev() {
        text.insert_str(at - tag.at, &mark);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::template::lexer::{Piece, split};

    fn read(source: &str) -> Result<String, &'static str> {
        let fields = ["first_name".to_owned(), "city".to_owned(), "age".to_owned()];
        let mut grammar = Grammar::new(&fields);
        let mut out = String::new();
        for piece in split(source).map_err(|slip| slip.message.key)? {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Tag(tag) => out.push_str(&grammar.read(&tag).map_err(|slip| slip.message.key)?),
            }
        }
        grammar.finish().map_err(|slip| slip.message.key)?;
        Ok(out)
    }

    #[test]
    fn printed_fields_report_their_absence_and_others_do_not() {
        for (source, run) in [
            ("{{ city }}", "{{ (city|needed(\"city\")) }}"),
            ("{{ city | upper }}", "{{ (city|needed(\"city\")) | upper }}"),
            ("{{ 'a' ~ city ~ 'b' }}", "{{ 'a' ~ (city|needed(\"city\")) ~ 'b' }}"),
            (
                "{{ city if age else first_name | d('x') }}",
                "{{ (city|needed(\"city\")) if age else first_name | d('x') }}",
            ),
            ("{{ city | replace('a', 'b') | default('x') }}", "{{ city | replace('a', 'b') | default('x') }}"),
            ("{{ city == 'x' }}", "{{ city == 'x' }}"),
            ("{{ city or 'x' }}", "{{ city or 'x' }}"),
            ("{{ email }}", "{{ email }}"),
            ("{{ brand.logo }}", "{{ brand.logo }}"),
            ("{% if city %}{% endif %}", "{% if city %}{% endif %}"),
            ("{% set a = city %}{{ a }}", "{% set a = ((city|needed(\"city\")))|short %}{{ a }}"),
            ("{% if age < 18 %}{% endif %}", "{% if (age|beyond) < 18 %}{% endif %}"),
            ("{% if 18 >= age | int %}{% endif %}", "{% if 18 >= (age | int|beyond) %}{% endif %}"),
            ("{% if age > 18 %}{% endif %}", "{% if age > 18 %}{% endif %}"),
            ("{# note #}", ""),
        ] {
            assert_eq!(read(source).as_deref(), Ok(run), "{source}");
        }
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        for (source, key) in [
            ("{{ env }}", "tag-field"),
            ("{{ sendoff.pixel }}", "tag-field"),
            ("{{ city | safe }}", "tag-filter"),
            ("{{ city | uper }}", "tag-filter"),
            ("{{ city is iterable }}", "tag-test"),
            ("{{ range(9) }}", "tag-call"),
            ("{{ city.format(1) }}", "tag-call"),
            ("{{ city.name }}", "tag-sign"),
            ("{{ email.__class__ }}", "tag-sign"),
            ("{{ brand.nmae }}", "tag-field"),
            ("{{ brand.name.x }}", "tag-sign"),
            ("{{ brand }}", "tag-field"),
            ("{{ brand['name'] }}", "tag-field"),
            ("{% for a in [1] %}{% endfor %}", "tag-statement"),
            ("{% macro a() %}{% endmacro %}", "tag-statement"),
            ("{% include 'x' %}", "tag-statement"),
            ("{% extends 'x' %}", "tag-statement"),
            ("{% raw %}", "tag-statement"),
            ("{% if city %}", "tag-if-open"),
            ("{% endif %}", "tag-no-if"),
            ("{% set city = 1 %}", "tag-set-taken"),
            ("{% if %}{% endif %}", "tag-unreadable"),
            ("{{ }}", "tag-empty"),
        ] {
            assert_eq!(read(source), Err(key), "{source}");
        }
    }
}
