//! Moves statements out of the elements that Markdown makes of their lines: conditions out of paragraphs, headlines, items and
//! rows, loops into lists.

use super::{Nesting, branches, is_one_condition, nesting};
use crate::content::template::placeholder::{Piece, Placeholders};

/// Elements whose content a condition may enclose: when it is false, the element goes too.
const HOISTED: &[&str] = &["p", "h1", "h2", "h3", "h4", "h5", "h6", "li"];

/// Moves a condition that encloses the whole content of a paragraph, a headline or an item out of it, so that each branch
/// is an element of its own.
pub fn hoist_conditions(html: &str, placeholders: &Placeholders) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, name, inner, after)) = element(rest) {
        out.push_str(before);
        let is_simple =
            name != "li" || !["<p", "<ul", "<ol", "<li", "<pre", "<table"].iter().any(|tag| inner.contains(tag));
        match is_simple && is_one_condition(inner, placeholders) {
            true => {
                out.push_str(&split_branches(name, inner, placeholders));
                rest = after;
            }
            // A paragraph may stand in this element.
            false => {
                out.extend(["<", name, ">"]);
                rest = &rest[before.len() + name.len() + 2..];
            }
        }
    }
    out + rest
}

/// The first element whose content may be moved: the text before it, its name, its content and the text after it.
fn element(html: &str) -> Option<(&str, &str, &str, &str)> {
    let mut from = 0;
    loop {
        let at = from + html[from..].find('<')?;
        let rest = &html[at + 1..];
        let found = HOISTED.iter().find(|name| rest.strip_prefix(**name).is_some_and(|rest| rest.starts_with('>')));
        if let Some(name) = found {
            let inner = &rest[name.len() + 1..];
            let (inner, after) = inner.split_once(&format!("</{name}>"))?;
            return Some((&html[..at], name, inner, after));
        }
        from = at + 1;
    }
}

/// Moves statements at the beginning and end of a row out of it, if they belong to no condition of their cell.
pub fn hoist_from_rows(html: &str, placeholders: &Placeholders) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, inner)) = rest.split_once("<tr>") {
        let Some((row, after)) = inner.split_once("</tr>") else { break };
        out.push_str(before);
        rest = after;
        let cells: Vec<_> = row.split_inclusive("</td>").collect();
        let content = |cell: &str| {
            let start = cell.find("<td").and_then(|at| cell[at..].find('>').map(|end| at + end + 1));
            start.map(|start| (start, cell.len() - "</td>".len()))
        };
        let mut row = row.to_owned();
        let (mut leading, mut trailing) = (String::new(), String::new());
        let last = cells.iter().rposition(|cell| cell.ends_with("</td>"));
        if let Some(last) = last
            && let Some((start, end)) = content(cells[last])
            && !is_balanced(&cells[last][start..end], placeholders)
        {
            let offset: usize = cells[..last].iter().map(|cell| cell.len()).sum();
            let text = &cells[last][start..end];
            let kept = text.len() - statements_at_end(text, placeholders);
            trailing = text[kept..].to_owned();
            row.replace_range(offset + start + kept..offset + end, "");
        }
        if let Some(first) = cells.first()
            && let Some((start, end)) = content(first)
            && !is_balanced(&first[start..end], placeholders)
        {
            let text = &row[start..];
            let length = statements_at_start(text, placeholders);
            leading = text[..length].to_owned();
            row.replace_range(start..start + length, "");
        }
        out.extend([leading.as_str(), "<tr>", &row, "</tr>", &trailing]);
    }
    out + rest
}

/// Moves a loop that is around all items of a list into the list, so that it does not make one list of each item.
pub fn merge_lists(html: &str, placeholders: &Placeholders) -> String {
    let mut out = html.to_owned();
    for tag in ["ul", "ol"] {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let mut from = 0;
        while let Some(begin) = out[from..].find(&open).map(|at| from + at) {
            from = begin + open.len();
            let Some(end) = out[from..].find(&close).map(|at| from + at) else { break };
            let before = out[..begin].trim_end();
            let after_list = end + close.len();
            let after = out[after_list..].trim_start();
            let statements = statements_at_end(before, placeholders);
            let leading = before[before.len() - statements..].trim().to_owned();
            let ending = statements_at_start(after, placeholders);
            let trailing = after[..ending].to_owned();
            let is_inner = out[from..end].contains(&open);
            if is_inner || !is_single(&leading, "for", placeholders) || !is_single(&trailing, "endfor", placeholders) {
                continue;
            }
            let start = before.len() - statements;
            let stop = out.len() - after.len() + ending;
            let items = out[from..end].trim().to_owned();
            let merged = format!("{open}\n{leading}{items}{trailing}\n{close}");
            out.replace_range(start..stop, &merged);
            from = start + merged.len();
        }
    }
    out
}

/// Whether a text is one statement that begins with this word.
fn is_single(text: &str, word: &str, placeholders: &Placeholders) -> bool {
    let mut pieces = placeholders.split(text);
    match (pieces.next(), pieces.next()) {
        (Some(Piece::Tag { template, .. }), None) => {
            template.strip_prefix("{%").is_some_and(|inner| inner.trim_start_matches(['-', '+', ' ']).starts_with(word))
        }
        _ => false,
    }
}

/// Whether every condition of a text begins and ends in it.
fn is_balanced(text: &str, placeholders: &Placeholders) -> bool {
    let mut depth = 0_isize;
    for piece in placeholders.split(text) {
        match nesting(piece) {
            Some(Nesting::Opens) => depth += 1,
            Some(Nesting::Closes) => depth -= 1,
            Some(Nesting::Continues) if depth == 0 => return false,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// Bytes of the statements that a text begins with.
fn statements_at_start(text: &str, placeholders: &Placeholders) -> usize {
    let mut length = 0;
    for piece in placeholders.split(text) {
        match piece {
            Piece::Tag { placeholder, .. } if piece.is_statement() => length += placeholder.len(),
            _ => break,
        }
    }
    length
}

/// Bytes of the statements that a text ends with.
fn statements_at_end(text: &str, placeholders: &Placeholders) -> usize {
    placeholders.split(text).fold(0, |length, piece| match piece {
        Piece::Tag { placeholder, .. } if piece.is_statement() => length + placeholder.len(),
        Piece::Text(text) if text.trim().is_empty() && length > 0 => length + text.len(),
        _ => 0,
    })
}

/// Writes each branch of the outer condition as an element, with the statements between the elements.
fn split_branches(name: &str, inner: &str, placeholders: &Placeholders) -> String {
    branches(inner, placeholders).into_iter().fold(String::new(), |mut out, (is_statement, text)| {
        match text.trim() {
            text if is_statement => out.push_str(text),
            "" => {}
            text => out.extend(["<", name, ">", text, "</", name, ">"]),
        }
        out
    })
}
