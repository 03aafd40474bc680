//! Statements: conditions, loops and variables, and whether each ends.

use super::{INTERNAL, KEYWORDS, OpenBlock, TagChecker, apply};
use crate::content::template::bounds::{MAX_BRANCHES, MAX_LOOPS, MAX_NESTING};
use crate::content::template::error::TemplateError;
use crate::content::template::lexer::{Tag, Token, TokenKind};

const STATEMENTS: &[&str] = &["if", "elif", "else", "endif", "for", "endfor", "set"];

impl TagChecker<'_> {
    pub(super) fn check_statement(&mut self, tag: &Tag<'_>) -> Result<String, TemplateError> {
        let Some((first, rest)) = tag.tokens.split_first() else {
            return Err(TemplateError::new("tag-empty", tag.at));
        };
        let alone = matches!(first.text, "else" | "endif" | "endfor");
        let in_loop = self.open_blocks.last().map(|open| open.variable.is_some());
        match first.text {
            "if" | "for" if self.open_blocks.len() == MAX_NESTING => {
                return Err(TemplateError::new("tag-nesting", tag.at).with("limit", MAX_NESTING));
            }
            "if" => self.open_blocks.push(OpenBlock { at: tag.at, branches: 0, variable: None }),
            "for" => return self.check_for(tag, rest),
            "elif" | "endif" if in_loop != Some(false) => {
                return Err(TemplateError::new("tag-no-if", tag.at).with("word", first.text));
            }
            "else" if in_loop.is_none() => {
                return Err(TemplateError::new("tag-no-if", tag.at).with("word", first.text));
            }
            "endfor" if in_loop != Some(true) => {
                return Err(TemplateError::new("tag-no-for", tag.at).with("word", first.text));
            }
            "endif" | "endfor" => {
                let closed = self.open_blocks.pop().and_then(|open| open.variable);
                let is_open = |name: &String| self.open_blocks.iter().any(|open| open.variable.as_ref() == Some(name));
                if let Some(name) = closed.filter(|name| !is_open(name)) {
                    self.variables.remove(&name);
                }
            }
            "elif" | "else" => self.count_branch(tag)?,
            "set" => return self.check_set(tag, rest),
            other => {
                let known = STATEMENTS.join(", ");
                return Err(TemplateError::new("tag-statement", first.at).with("word", other).with("known", known));
            }
        }
        if alone != rest.is_empty() {
            return Err(TemplateError::new("tag-unreadable", tag.at).with("tag", tag.source));
        }
        self.check_expression(rest, false).map(|insertions| apply(tag, insertions))
    }

    /// `for name in value`. The value is a list, or a text whose parts are separated.
    fn check_for(&mut self, tag: &Tag<'_>, rest: &[Token<'_>]) -> Result<String, TemplateError> {
        let unreadable = || TemplateError::new("tag-unreadable", tag.at).with("tag", tag.source);
        let is_name = |name: &Token<'_>| name.kind == TokenKind::Name && !KEYWORDS.contains(&name.text);
        let name = rest.first().filter(|name| is_name(name)).map(|name| name.text.to_owned());
        // Opened even if it is wrong, so that its end is no further mistake.
        self.open_blocks.push(OpenBlock { at: tag.at, branches: 0, variable: Some(name.clone().unwrap_or_default()) });
        let [first, word, value @ ..] = rest else { return Err(unreadable()) };
        let (Some(name), "in", [begin, .., end] | [begin @ end]) = (name, word.text, value) else {
            return Err(unreadable());
        };
        if self.is_taken(&name) || name == INTERNAL || name == "loop" {
            return Err(TemplateError::new("tag-set-taken", first.at).with("name", name));
        }
        if self.open_blocks.iter().filter(|open| open.variable.is_some()).count() > MAX_LOOPS {
            return Err(TemplateError::new("tag-loops", tag.at).with("limit", MAX_LOOPS));
        }
        if value.iter().any(|token| token.kind == TokenKind::Name && matches!(token.text, "if" | "recursive")) {
            return Err(unreadable());
        }
        let mut insertions = self.check_expression(value, false)?;
        insertions.insert(0, (begin.at, "(".to_owned()));
        insertions.push((end.at + end.text.len(), ")|listed".to_owned()));
        self.variables.insert(name);
        Ok(apply(tag, insertions))
    }

    fn count_branch(&mut self, tag: &Tag<'_>) -> Result<(), TemplateError> {
        if let Some(open) = self.open_blocks.last_mut() {
            open.branches += 1;
        }
        match self.open_blocks.iter().map(|open| open.branches).sum::<usize>() > MAX_BRANCHES {
            true => Err(TemplateError::new("tag-branches", tag.at).with("limit", MAX_BRANCHES)),
            false => Ok(()),
        }
    }

    /// `set name = value`. The value must stay one short text or number.
    fn check_set(&mut self, tag: &Tag<'_>, rest: &[Token<'_>]) -> Result<String, TemplateError> {
        let [name, equals, value @ ..] = rest else {
            return Err(TemplateError::new("tag-unreadable", tag.at).with("tag", tag.source));
        };
        if name.kind != TokenKind::Name || equals.text != "=" || value.is_empty() || KEYWORDS.contains(&name.text) {
            return Err(TemplateError::new("tag-unreadable", tag.at).with("tag", tag.source));
        }
        if self.is_taken(name.text) || name.text == INTERNAL {
            return Err(TemplateError::new("tag-set-taken", name.at).with("name", name.text));
        }
        let mut insertions = self.check_expression(value, true)?;
        let end = value.last().map_or(tag.at, |token| token.at + token.text.len());
        insertions.insert(0, (value[0].at, "(".to_owned()));
        insertions.push((end, ")|bounded".to_owned()));
        self.variables.insert(name.text.to_owned());
        Ok(apply(tag, insertions))
    }
}
