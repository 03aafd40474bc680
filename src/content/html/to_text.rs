//! Converts HTML to the plain-text part of an email, with the same words and links. Lines are wrapped at 72 columns; a
//! URL is never broken.

use crate::content::html::node::{Node, attr, is_block, is_void, squeeze};
use crate::content::html::text_wrap::{width, wrap};
use crate::content::template::placeholder::{Piece, Placeholders};

/// Columns of a line.
const MAX_COLUMNS: usize = 72;

/// Converts nodes to text, with placeholders for tags.
pub fn to_text(nodes: &[Node], placeholders: &Placeholders) -> String {
    let mut writer = Writer::new(placeholders);
    let mut at = 0;
    while at < nodes.len() {
        at += writer.node(nodes, at);
    }
    writer.flush();
    writer.out.trim_end().to_owned() + "\n"
}

/// An open list.
struct List {
    /// The number of the next item; `None` for bullets.
    next: Option<usize>,
}

struct Writer<'m> {
    placeholders: &'m Placeholders,
    out: String,
    /// The text of the current block.
    block: String,
    /// Statements before the first word of the block.
    leading_statements: String,
    lists: Vec<List>,
    /// The bullet that the next line begins with.
    bullet: Option<String>,
    quotes: usize,
    preformatted: usize,
    /// The open link: where its text begins in the block, and its URL.
    link: Option<(usize, String)>,
    /// For each open table: whether it holds data (see [`is_data_table`]).
    tables: Vec<bool>,
    /// True if the block is a headline.
    is_headline: bool,
    /// The last closed link: its text in the block, and its text as a block of its own.
    closed_link: Option<(String, String)>,
    /// True if only statements were written since the last empty line.
    after_empty_line: bool,
}

impl<'m> Writer<'m> {
    fn new(placeholders: &'m Placeholders) -> Self {
        Self {
            placeholders,
            out: String::new(),
            block: String::new(),
            leading_statements: String::new(),
            lists: Vec::new(),
            bullet: None,
            quotes: 0,
            preformatted: 0,
            link: None,
            tables: Vec::new(),
            is_headline: false,
            closed_link: None,
            after_empty_line: true,
        }
    }

    /// Writes the node at `at` and returns how many nodes were consumed.
    fn node(&mut self, nodes: &[Node], at: usize) -> usize {
        match &nodes[at] {
            Node::Start { name, attrs } if is_invisible(name, attrs) => return self.skip(nodes, at, name),
            Node::Start { name, attrs } => self.start(name, attrs, &nodes[at..]),
            Node::End(name) => self.end(name),
            Node::Text(text) => self.text(text),
            Node::Raw(_) | Node::Comment(_) | Node::OpenCondition(_) | Node::Generated(_) | Node::Doctype(_) => {}
        }
        1
    }

    /// Skips an invisible element. Statements in it are kept, because their `endif` may be outside.
    fn skip(&mut self, nodes: &[Node], at: usize, name: &str) -> usize {
        let mut depth = 0_usize;
        for (taken, node) in nodes[at..].iter().enumerate() {
            match node {
                node if node.starts(name) => depth += 1,
                node if node.ends(name) => depth -= 1,
                Node::Text(text) => {
                    let statements = self.placeholders.split(text).filter(Piece::is_statement);
                    statements.for_each(|piece| {
                        if let Piece::Tag { placeholder, .. } = piece {
                            self.leading_statements.push_str(placeholder)
                        }
                    });
                }
                _ => {}
            }
            if depth == 0 {
                return taken + 1;
            }
        }
        nodes.len() - at
    }

    fn start(&mut self, name: &str, attrs: &[(String, String)], rest: &[Node]) {
        match name {
            "br" => self.block.push('\n'),
            "a" => self.open_link(attr(attrs, "href").unwrap_or_default()),
            "img" => self.text(attr(attrs, "alt").unwrap_or_default()),
            "td" | "th" if self.tables.last() == Some(&true) && !self.block.trim().is_empty() => {
                self.block.push_str(" | ");
            }
            "li" => {
                self.flush();
                self.bullet = Some(self.lists.last_mut().map_or_else(|| "- ".to_owned(), List::bullet));
            }
            _ if is_block(name) => self.flush(),
            _ => {}
        }
        match name {
            "ul" => self.lists.push(List { next: None }),
            "ol" => self.lists.push(List { next: attr(attrs, "start").map_or(Some(1), |start| start.parse().ok()) }),
            "blockquote" => self.quotes += 1,
            "pre" => self.preformatted += 1,
            "table" => self.tables.push(is_data_table(rest)),
            "hr" => {
                self.block.push_str("---");
                self.flush();
            }
            "h1" | "h2" => self.is_headline = true,
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "a" => self.close_link(),
            "td" | "th" if self.tables.last() == Some(&true) => {}
            _ if is_block(name) => self.flush(),
            _ => {}
        }
        match name {
            "ul" | "ol" => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.empty_line();
                }
            }
            "li" => self.bullet = None,
            "blockquote" => self.quotes = self.quotes.saturating_sub(1),
            "pre" => self.preformatted = self.preformatted.saturating_sub(1),
            "table" => {
                self.tables.pop();
                self.empty_line();
            }
            "h1" | "h2" => self.is_headline = false,
            _ => {}
        }
    }

    /// Appends text. White space collapses except in preformatted text.
    fn text(&mut self, text: &str) {
        if self.preformatted > 0 {
            self.block.push_str(text);
            return;
        }
        for piece in self.placeholders.split(text) {
            match piece {
                Piece::Tag { placeholder, .. } if piece.is_statement() && self.block.trim().is_empty() => {
                    self.leading_statements.push_str(placeholder)
                }
                Piece::Tag { placeholder, .. } => self.block.push_str(placeholder),
                Piece::Text(text) => self.words(text),
            }
        }
    }

    fn words(&mut self, text: &str) {
        for c in text.chars() {
            let space = c.is_whitespace() && c != '\u{a0}';
            match c {
                _ if space && (self.block.is_empty() || self.block.ends_with([' ', '\n'])) => {}
                _ if space => self.block.push(' '),
                '\u{ad}' | '\u{200b}' | '\u{34f}' => {}
                c => self.block.push(c),
            }
        }
    }

    fn open_link(&mut self, href: &str) {
        self.close_link();
        if !href.trim().is_empty() && !href.starts_with('#') {
            self.link = Some((self.block.len(), href.trim().to_owned()));
        }
    }

    /// Writes `text (URL)`, or the URL alone if the text is the same.
    fn close_link(&mut self) {
        let Some((begin, href)) = self.link.take() else { return };
        let words = self.block.split_off(begin.min(self.block.len()));
        let address = href.strip_prefix("mailto:").or(href.strip_prefix("tel:")).unwrap_or(&href);
        let text = words.trim();
        if words.starts_with(' ') {
            self.block.push(' ');
        }
        match text.is_empty() || text == address || squeeze(text).starts_with("http") {
            true => self.block.push_str(address),
            false => {
                self.block.extend([text, " (", address, ")"]);
                self.closed_link = Some((format!("{text} ({address})"), format!("{text}: {address}")));
            }
        }
        if words.ends_with(' ') {
            self.block.push(' ');
        }
    }

    /// Ends the block: wraps its text and adds an empty line.
    fn flush(&mut self) {
        let leading_statements = std::mem::take(&mut self.leading_statements);
        let mut block = std::mem::take(&mut self.block);
        // A link that is the whole block needs no brackets.
        if let Some((_, alone)) = self.closed_link.take().filter(|(inline, _)| block.trim() == inline) {
            block = alone;
        }
        self.link = self.link.take().map(|(_, href)| (0, href));
        if block.trim().is_empty() {
            self.out.push_str(&leading_statements);
            return;
        }
        let (first, rest) = self.margins();
        let lines = match self.preformatted > 0 {
            true => block.trim_matches('\n').lines().map(str::to_owned).collect(),
            false => block
                .lines()
                .flat_map(|line| wrap(line, MAX_COLUMNS.saturating_sub(rest.chars().count()), self.placeholders))
                .collect::<Vec<_>>(),
        };
        self.out.push_str(&leading_statements);
        for (index, line) in lines.iter().enumerate() {
            let margin = if index == 0 { &first } else { &rest };
            self.out.push_str(format!("{margin}{line}").trim_end());
            self.out.push('\n');
        }
        if self.is_headline {
            let width = lines.iter().map(|line| width(line, self.placeholders)).max().unwrap_or(0);
            self.out.extend([&rest, &"-".repeat(width.clamp(3, MAX_COLUMNS)), "\n"]);
        }
        self.after_empty_line = false;
        if self.lists.is_empty() && self.tables.last() != Some(&true) {
            self.empty_line();
        }
    }

    /// Adds an empty line, unless there is one or the text is empty. Statements do not count.
    fn empty_line(&mut self) {
        if !self.after_empty_line {
            self.out.push('\n');
            self.after_empty_line = true;
        }
    }

    /// The indentation of the first line and of all further lines.
    fn margins(&mut self) -> (String, String) {
        let quote = "> ".repeat(self.quotes);
        let depth = self.lists.len();
        let bullet = self.bullet.take();
        let indent = |steps: usize| "  ".repeat(steps);
        match bullet {
            Some(bullet) => {
                let hang = " ".repeat(bullet.chars().count());
                let outer = indent(depth.saturating_sub(1));
                (format!("{quote}{outer}{bullet}"), format!("{quote}{outer}{hang}"))
            }
            None => (format!("{quote}{}", indent(depth)), format!("{quote}{}", indent(depth))),
        }
    }
}

impl List {
    fn bullet(&mut self) -> String {
        match &mut self.next {
            None => "- ".to_owned(),
            Some(next) => {
                *next += 1;
                format!("{}. ", *next - 1)
            }
        }
    }
}

/// True for elements that are never shown: head, style, title, and hidden text such as a preheader. What only Outlook
/// hides (`mso-hide`) is shown by all others.
fn is_invisible(name: &str, attrs: &[(String, String)]) -> bool {
    let hidden = attr(attrs, "hidden").is_some()
        || attr(attrs, "style").map(squeeze).is_some_and(|style| style.contains("display:none"));
    !is_void(name) && (hidden || matches!(name, "head" | "style" | "title"))
}

/// True for a table with header cells. A table without any arranges the page.
fn is_data_table(rest: &[Node]) -> bool {
    let mut depth = 0_usize;
    for node in rest {
        match node {
            node if node.starts("table") => depth += 1,
            node if node.ends("table") => depth -= 1,
            node if depth == 1 && node.starts("th") => return true,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::html::changes::Changes;
    use crate::content::html::node;
    use crate::content::html::sanitize::sanitize;

    fn text(html: &str) -> String {
        let placeholders = Placeholders::new(&[html]);
        to_text(&sanitize(node::parse(html), &placeholders, &mut Changes::default()), &placeholders)
    }

    #[test]
    fn html_becomes_readable_text() {
        for (html, expected) in [
            ("<h1>Title</h1><p>One  two<br>three</p>", "Title\n-----\n\nOne two\nthree\n"),
            ("<ul><li>a</li><li>b<ol><li>c</li><li>d</li></ol></li></ul><p>e</p>", "- a\n- b\n  1. c\n  2. d\n\ne\n"),
            ("<p>See <a href=\"https://a.example/\">this</a>.</p>", "See this (https://a.example/).\n"),
            ("<p><a href=\"https://a.example/\">Shop</a></p>", "Shop: https://a.example/\n"),
            ("<p><a href=\"https://a.example/\">Shop</a> is open</p>", "Shop (https://a.example/) is open\n"),
            ("<p><a href=\"https://a.example/\">https://a.example/</a></p>", "https://a.example/\n"),
            ("<a href=\"https://a.example/\"><img src=x alt=\"Sale\"></a>", "Sale: https://a.example/\n"),
            ("<p>Write <a href=\"mailto:a@b.example\">us</a></p>", "Write us (a@b.example)\n"),
            ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n\n> b\n"),
            ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>x", "a | b\n1 | 2\n\nx\n"),
            ("<table><tr><td><p>a</p></td><td>b</td></tr></table>", "a\n\nb\n"),
            ("<pre>a  b\n  c</pre>", "a  b\n  c\n"),
            ("<div style=\"display: none\">x<div>y</div></div><p>z</p>", "z\n"),
            ("a<hr>b", "a\n\n---\n\nb\n"),
            ("<style>p{}</style><title>t</title><p>&laquo;a&raquo;&nbsp;&amp;</p>", "«a»\u{a0}&\n"),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    #[test]
    fn lines_wrap_and_urls_do_not() {
        let url = format!("https://shop.example/{}", "x".repeat(200));
        let out = text(&format!("<p>{} <a href=\"{url}\">go</a></p>", "слово ".repeat(40)));

        assert!(out.contains(&url));
        assert!(out.lines().filter(|line| !line.contains("https")).all(|line| line.chars().count() <= MAX_COLUMNS));
    }
}
