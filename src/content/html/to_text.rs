//! Converts HTML to the plain-text part of an email, with the same words and links. Lines are wrapped at 72 columns; a
//! URL is never broken.

mod table;
mod visibility;

use self::visibility::{is_invisible, is_struck};
use crate::content::html::node::{Node, attr, is_block, squeeze};
use crate::content::html::text_wrap::{width, wrap};
use crate::content::template::placeholder::{Piece, Placeholders};

/// Stands around crossed-out text.
const STRUCK: &str = "~~";
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
    /// For each open table: whether it holds data (see `table::is_data_table`).
    tables: Vec<bool>,
    /// For each open row: whether its cells go on one line.
    rows: Vec<bool>,
    /// The struck elements, with the depth of elements of the same name.
    struck: Vec<(String, usize)>,
    /// True right after a link or a picture, which the next word must not touch.
    after_object: bool,
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
            rows: Vec::new(),
            struck: Vec::new(),
            after_object: false,
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
            "img" => self.picture(attr(attrs, "alt").unwrap_or_default()),
            "td" | "th" if self.in_data_row() && !self.block.trim().is_empty() => {
                self.block.truncate(self.block.trim_end().len());
                self.block.push_str(" | ");
            }
            "td" | "th" | "p" | "div" | "center" if self.in_data_row() => {}
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
            "table" => self.tables.push(table::is_data_table(rest)),
            "tr" => self.rows.push(self.tables.last() == Some(&true) || table::is_line(rest, self.placeholders)),
            "hr" => {
                self.block.push_str("---");
                self.flush();
            }
            "h1" | "h2" => self.is_headline = true,
            _ => {}
        }
        match self.struck.last_mut() {
            Some((open, depth)) if open == name => *depth += 1,
            _ if is_struck(name, attrs) => {
                self.struck.push((name.to_owned(), 1));
                self.block.push_str(STRUCK);
            }
            _ => {}
        }
    }

    /// Whether the cells of the current row go on one line.
    fn in_data_row(&self) -> bool {
        self.rows.last() == Some(&true)
    }

    /// Writes the alternative text of a picture, apart from what stands beside it.
    fn picture(&mut self, alt: &str) {
        if alt.trim().is_empty() {
            return;
        }
        if !self.block.is_empty() && !self.block.ends_with([' ', '\n']) {
            self.block.push(' ');
        }
        self.text(alt);
        self.after_object = true;
    }

    /// Ends a struck element.
    fn end_struck(&mut self, name: &str) {
        if let Some((open, depth)) = self.struck.last_mut()
            && open == name
        {
            *depth -= 1;
            if *depth == 0 {
                self.struck.pop();
                let length = self.block.trim_end().len();
                let space = self.block.split_off(length);
                match self.block.strip_suffix(STRUCK).map(str::len) {
                    Some(empty) => self.block.truncate(empty),
                    None => self.block.push_str(STRUCK),
                }
                self.block.push_str(&space);
            }
        }
    }

    fn end(&mut self, name: &str) {
        self.end_struck(name);
        match name {
            "a" => self.close_link(),
            "td" | "th" | "p" | "div" | "center" if self.in_data_row() => {}
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
            "tr" => drop(self.rows.pop()),
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
        if text.starts_with(char::is_alphanumeric) && self.after_object {
            self.block.push(' ');
        }
        self.after_object &= text.is_empty();
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
        if std::mem::take(&mut self.after_object) {
            self.block.push(' ');
        }
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
        self.after_object = !words.ends_with(' ');
        if words.ends_with(' ') {
            self.block.push(' ');
        }
    }

    /// Ends the block: wraps its text and adds an empty line.
    fn flush(&mut self) {
        self.after_object = false;
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
        if self.lists.is_empty() && !self.in_data_row() {
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
            ("<table><tr><td><p>a</p></td><td>b</td></tr></table>", "a | b\n"),
            ("<table><tr><td><p>a</p><p>c</p></td><td>b</td></tr></table>", "a\n\nc\n\nb\n"),
            (
                "<table><tr><td>Cup</td><td align=right>100 ₽</td></tr><tr><td>Sum</td><td>100 ₽</td></tr></table>x",
                "Cup | 100 ₽\nSum | 100 ₽\n\nx\n",
            ),
            (
                "<a href=\"https://a.example/\" style=\"mso-hide:all\"><span>Buy</span> <span>now</span></a>",
                "Buy now: https://a.example/\n",
            ),
            ("<p><s>1 000</s> 800</p>", "~~1 000~~ 800\n"),
            ("<p><span style=\"text-decoration: line-through\">1 <span>000 </span></span>800</p>", "~~1 000~~ 800\n"),
            ("<img src=x alt=\"A\"><img src=x alt=\"B\">text", "A B text\n"),
            (
                "<p><a href=\"https://a.example/\">A</a><a href=\"https://b.example/\">B</a>, c</p>",
                "A (https://a.example/) B (https://b.example/), c\n",
            ),
            (
                "<div style=\"max-height:0;overflow:hidden;mso-hide:all\">pre</div><div style=\"opacity:0.5\">b</div>",
                "b\n",
            ),
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
