//! Checks merge tags: names are fields or built in, filters and tests are on a list, and every `if` is closed. A field
//! that is printed without a fallback is wrapped, so that rendering records when a recipient has no value for it.

mod statement;

use std::collections::BTreeSet;

use crate::content::template::bounds::MAX_TAGS;
use crate::content::template::error::{TemplateError, nearest};
use crate::content::template::filter::{FILTERS, TESTS};
use crate::content::template::lexer::{Tag, TagKind, Token, TokenKind};
use crate::content::template::render_context::INTERNAL;

/// Names that every email has besides the fields.
const BUILT_IN: &[&str] = &["email", "unsubscribe_url", "preferences_url", "view_url", "brand", "today"];

/// The fields of `brand`.
const BRAND_FIELDS: &[&str] = &["name", "address", "color", "logo"];

/// What `loop` knows inside a loop.
const LOOP_FIELDS: &[&str] = &["index", "index0", "first", "last", "length"];

const KEYWORDS: &[&str] =
    &["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"];
const FALLBACKS: &[&str] = &["default", "d"];
/// Operators whose operands are compared, not printed.
const COMPARISONS: &[&str] = &["==", "!=", ">=", "<=", "<", ">", "in", "is", "and", "or", "not"];

/// An `if` or `for` without its end so far.
#[derive(Debug)]
struct OpenBlock {
    /// Byte offset of its tag.
    at: usize,
    /// Its `elif`s and `else`s.
    branches: usize,
    /// The variable of a loop; `None` for a condition.
    variable: Option<String>,
}

/// Checks the tags of one source in order.
#[derive(Debug)]
pub struct TagChecker<'f> {
    fields: &'f [String],
    variables: BTreeSet<String>,
    /// The `if`s and `for`s that are still open.
    open_blocks: Vec<OpenBlock>,
    /// The number of tags so far.
    tags: usize,
    /// Names that the source uses.
    pub used_names: BTreeSet<String>,
}

impl<'f> TagChecker<'f> {
    /// A checker for a workspace with these fields.
    pub fn new(fields: &'f [String]) -> Self {
        Self { fields, variables: BTreeSet::new(), open_blocks: Vec::new(), tags: 0, used_names: BTreeSet::new() }
    }

    /// Checks a tag and returns it in the form that the engine runs.
    pub fn check(&mut self, tag: &Tag<'_>) -> Result<String, TemplateError> {
        self.tags += 1;
        if self.tags > MAX_TAGS {
            return Err(TemplateError::new("tag-many", tag.at).with("limit", MAX_TAGS));
        }
        match tag.kind {
            TagKind::Comment => Ok(String::new()),
            TagKind::Print if tag.tokens.is_empty() => Err(TemplateError::new("tag-empty", tag.at)),
            TagKind::Print => self.check_expression(&tag.tokens, true).map(|insertions| apply(tag, insertions)),
            TagKind::Statement => self.check_statement(tag),
        }
    }

    /// Takes note of a tag that cannot be read, so that its `if` or `endif` leads to no further mistakes.
    pub fn skip_unreadable(&mut self, source: &str, at: usize) {
        let Some(statement) = source.strip_prefix("{%") else { return };
        match statement.trim_start_matches(['-', '+', ' ', '\t', '\n']) {
            statement if statement.starts_with("if") || statement.starts_with("for") => {
                self.open_blocks.push(OpenBlock { at, branches: 0, variable: None });
            }
            statement if statement.starts_with("endif") || statement.starts_with("endfor") => {
                drop(self.open_blocks.pop());
            }
            _ => {}
        }
    }

    /// True outside of every `if`, where text goes to all recipients.
    pub fn is_unconditional(&self) -> bool {
        self.open_blocks.is_empty()
    }

    /// Checks at the end of the source that every `if` has its `endif`.
    pub fn finish(&self) -> Result<(), TemplateError> {
        self.open_blocks.last().map_or(Ok(()), |open| {
            Err(TemplateError::new(if open.variable.is_some() { "tag-for-open" } else { "tag-if-open" }, open.at))
        })
    }

    fn is_taken(&self, name: &str) -> bool {
        BUILT_IN.contains(&name) || self.fields.iter().any(|field| field == name)
    }

    /// Checks every name of an expression. Returns what to insert at which offset, so that rendering records printed
    /// fields without a value.
    fn check_expression(&mut self, tokens: &[Token<'_>], printed: bool) -> Result<Vec<(usize, String)>, TemplateError> {
        let mut insertions = Vec::new();
        let (mut depth, mut condition) = (0_usize, false);
        for (index, token) in tokens.iter().enumerate() {
            match (token.kind, token.text) {
                (TokenKind::Operator, "(" | "[") => depth += 1,
                (TokenKind::Operator, ")" | "]") => depth = depth.saturating_sub(1),
                (TokenKind::Name, "if") if depth == 0 => condition = true,
                (TokenKind::Name, "else") if depth == 0 => condition = false,
                _ => {}
            }
            if token.kind != TokenKind::Name || KEYWORDS.contains(&token.text) {
                continue;
            }
            if !self.check_name(tokens, index)? {
                if self.is_variable(tokens, index) {
                    insertions.push((token.at, "(".to_owned()));
                    insertions.push((token.at + token.text.len(), "|counted)".to_owned()));
                }
                continue;
            }
            let end = value_end(tokens, index);
            if printed && depth == 0 && !condition && is_printed(tokens, index, end) {
                insertions.push((token.at, "(".to_owned()));
                insertions.push((token.at + token.text.len(), format!("|needed(\"{}\"))", token.text)));
            } else if is_smaller_side(tokens, index, end) {
                insertions.push((token.at, "(".to_owned()));
                insertions.push((tokens[end - 1].at + tokens[end - 1].text.len(), "|missing_last)".to_owned()));
            }
        }
        Ok(insertions)
    }

    /// Whether the name at an index, which was checked, reads a variable. A filter, a test, a field of the brand and a
    /// keyword argument can have the same name.
    fn is_variable(&self, tokens: &[Token<'_>], index: usize) -> bool {
        let before = |steps: usize| index.checked_sub(steps).map_or("", |at| tokens[at].text);
        let after = tokens.get(index + 1).map_or("", |token| token.text);
        let is_test = before(1) == "is" || (before(1) == "not" && before(2) == "is");
        self.variables.contains(tokens[index].text) && !is_test && !matches!(before(1), "|" | ".") && after != "="
    }

    /// Checks the name at an index; true if it is a field.
    fn check_name(&mut self, tokens: &[Token<'_>], index: usize) -> Result<bool, TemplateError> {
        let token = tokens[index];
        let before = |steps: usize| index.checked_sub(steps).map_or("", |at| tokens[at].text);
        let after = tokens.get(index + 1).map_or("", |token| token.text);
        let listed = |key, known: &'static [&'static str]| match known.contains(&token.text) {
            true => Ok(false),
            false => Err(unknown(key, token, known.iter().copied())),
        };
        if before(1) == "|" {
            return listed("tag-filter", FILTERS);
        }
        if before(1) == "is" || (before(1) == "not" && before(2) == "is") {
            return listed("tag-test", TESTS);
        }
        if after == "(" {
            return Err(TemplateError::new("tag-call", token.at).with("name", token.text));
        }
        let in_loop = self.open_blocks.iter().any(|open| open.variable.is_some());
        if in_loop && (token.text == "loop" && after == ".") {
            return Ok(false);
        }
        if before(1) == "." && before(2) == "loop" && in_loop {
            return listed("tag-field", LOOP_FIELDS);
        }
        if before(1) == "." {
            return match before(2) == "brand" && before(3) != "." {
                true => listed("tag-field", BRAND_FIELDS),
                false => Err(TemplateError::new("tag-sign", tokens[index - 1].at).with("sign", ".")),
            };
        }
        if after == "=" {
            return Ok(false);
        }
        if token.text == "brand" && after != "." {
            let error = TemplateError::new("tag-field", token.at).with("name", "brand");
            return Err(error.with("hint", "yes").with("near", "brand.name"));
        }
        if token.text == INTERNAL || !(self.is_taken(token.text) || self.variables.contains(token.text)) {
            let known = || self.fields.iter().map(String::as_str).chain(BUILT_IN.iter().copied());
            // `first name` and `first-name` are meant to be one field.
            let words = words_from(tokens, index);
            if let Some(near) = nearest(&words.join("_"), known()).filter(|_| words.len() > 1) {
                let error = TemplateError::new("tag-field", token.at).with("name", words.join(" "));
                return Err(error.with("hint", "yes").with("near", near));
            }
            return Err(unknown("tag-field", token, known()));
        }
        self.used_names.insert(token.text.to_owned());
        Ok(self.fields.iter().any(|field| field == token.text))
    }
}

/// The names that stand side by side from `index` on, or with hyphens between them.
fn words_from<'t>(tokens: &[Token<'t>], index: usize) -> Vec<&'t str> {
    let rest = tokens[index..].iter().filter(|token| token.text != "-");
    rest.take_while(|token| token.kind == TokenKind::Name && !KEYWORDS.contains(&token.text))
        .map(|token| token.text)
        .collect()
}

/// The index after the value that begins at `index` and its filters.
fn value_end(tokens: &[Token<'_>], index: usize) -> usize {
    let mut end = index + 1;
    while end + 1 < tokens.len() && tokens[end].text == "|" {
        end += 2;
        if tokens.get(end).is_some_and(|token| token.text == "(") {
            end += 1 + closing_bracket(&tokens[end..]);
        }
    }
    end.min(tokens.len())
}

/// Whether a value is printed without a fallback.
fn is_printed(tokens: &[Token<'_>], index: usize, end: usize) -> bool {
    let is = |at: Option<usize>, known: &[&str]| {
        at.and_then(|at| tokens.get(at)).is_some_and(|token| known.contains(&token.text))
    };
    let falls_back = (index..end).any(|at| is(Some(at), &["|"]) && is(Some(at + 1), FALLBACKS));
    !falls_back && !is(Some(end), COMPARISONS) && !is(index.checked_sub(1), COMPARISONS)
}

/// Whether a comparison holds for small values. The engine orders a missing value before all others, but a contact of
/// unknown age is not under eighteen.
fn is_smaller_side(tokens: &[Token<'_>], index: usize, end: usize) -> bool {
    let text = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |token| token.text);
    matches!(text(Some(end)), "<" | "<=") || matches!(text(index.checked_sub(1)), ">" | ">=")
}

/// The index of the bracket that closes the first one.
fn closing_bracket(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    let closes = tokens.iter().position(|token| {
        match token.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    closes.unwrap_or(tokens.len())
}

fn unknown<'a>(key: &'static str, token: Token<'_>, known: impl Iterator<Item = &'a str>) -> TemplateError {
    let near = nearest(token.text, known);
    let error = TemplateError::new(key, token.at).with("name", token.text);
    error.with("hint", if near.is_some() { "yes" } else { "no" }).with("near", near.unwrap_or_default())
}

/// The tag with the insertions.
fn apply(tag: &Tag<'_>, mut insertions: Vec<(usize, String)>) -> String {
    insertions.sort_by_key(|(at, _)| *at);
    let mut text = tag.source.to_owned();
    for (at, inserted) in insertions.into_iter().rev() {
        text.insert_str(at - tag.at, &inserted);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::bounds::{MAX_BRANCHES, MAX_NESTING};
    use super::super::lexer::{SourcePiece, split};
    use super::*;

    fn read(source: &str) -> Result<String, &'static str> {
        let fields = ["first_name".to_owned(), "city".to_owned(), "age".to_owned()];
        let mut checker = TagChecker::new(&fields);
        let mut out = String::new();
        for piece in split(source) {
            match piece {
                SourcePiece::Text(text) => out.push_str(text),
                SourcePiece::Unreadable(_, error) => return Err(error.message.key),
                SourcePiece::Tag(tag) => out.push_str(&checker.check(&tag).map_err(|error| error.message.key)?),
            }
        }
        checker.finish().map_err(|error| error.message.key)?;
        Ok(out)
    }

    #[test]
    fn only_printed_fields_are_wrapped() {
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
            ("{% set a = city %}{{ a }}", "{% set a = ((city|needed(\"city\")))|bounded %}{{ (a|counted) }}"),
            ("{% set d = 1 %}{{ d | d(d) }}", "{% set d = (1)|bounded %}{{ (d|counted) | d((d|counted)) }}"),
            ("{% if age < 18 %}{% endif %}", "{% if (age|missing_last) < 18 %}{% endif %}"),
            ("{% if 18 >= age | int %}{% endif %}", "{% if 18 >= (age | int|missing_last) %}{% endif %}"),
            (
                "{% for a in city | split(';') %}{{ a }}{% if not loop.last %}, {% endif %}{% endfor %}",
                "{% for a in (city | split(';'))|listed %}{{ (a|counted) }}{% if not loop.last %}, {% endif %}{% endfor %}",
            ),
            ("{% if age > 18 %}{% endif %}", "{% if age > 18 %}{% endif %}"),
            ("{# note #}", ""),
        ] {
            assert_eq!(read(source).as_deref(), Ok(run), "{source}");
        }
    }

    #[test]
    fn tags_beyond_a_limit_are_refused() {
        let nested = |depth: usize| format!("{}{}", "{% if city %}".repeat(depth), "{% endif %}".repeat(depth));
        let chain = |count: usize| format!("{{% if city %}}{}{{% endif %}}", "{% elif age %}x".repeat(count));
        let spread = format!("{}{}", "{% if city %}{% elif age %}{% elif age %}{% elif age %}{% elif age %}{% elif age %}{% elif age %}{% else %}".repeat(29), "{% endif %}".repeat(29));
        for (source, key) in [
            (nested(MAX_NESTING), None),
            (nested(MAX_NESTING + 1), Some("tag-nesting")),
            (chain(MAX_BRANCHES), None),
            (chain(MAX_BRANCHES + 1), Some("tag-branches")),
            (chain(6_000), Some("tag-branches")),
            (chain(MAX_BRANCHES).repeat(5), None),
            (spread, Some("tag-branches")),
            ("{{ city }}".repeat(MAX_TAGS), None),
            ("{{ city }}".repeat(MAX_TAGS + 1), Some("tag-many")),
            ("{# a #}".repeat(MAX_TAGS + 1), Some("tag-many")),
        ] {
            assert_eq!(read(&source).err(), key, "{:.60}", source);
        }
    }

    #[test]
    fn tags_beyond_the_language_are_refused() {
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
            ("{% for a in [1] %}", "tag-for-open"),
            ("{% for a in [1] %}{% endif %}", "tag-no-if"),
            ("{% if city %}{% endfor %}", "tag-no-for"),
            ("{% for city in [1] %}{% endfor %}", "tag-set-taken"),
            ("{% for a, b in city %}{% endfor %}", "tag-unreadable"),
            ("{% for a in city if a %}{% endfor %}", "tag-unreadable"),
            ("{% for a in city %}{% endfor %}{{ a }}", "tag-field"),
            ("{% for a in city %}{{ loop.cycle }}{% endfor %}", "tag-field"),
            ("{{ loop.index }}", "tag-field"),
            (
                "{% for a in city %}{% for b in city %}{% for c in city %}{% endfor %}{% endfor %}{% endfor %}",
                "tag-loops",
            ),
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
