//! Tables and rows: those that hold data go on one line a row, those that arrange the page do not.

use super::super::node::Node;
use super::super::text_wrap::width;
use crate::content::template::placeholder::Placeholders;

/// Columns of a cell that may share a line with others.
const MAX_CELL: usize = 48;

/// Whether the cells of the row that nodes begin with go on one line: at least two hold a short text each.
pub fn is_line(nodes: &[Node], placeholders: &Placeholders) -> bool {
    let (mut cells, mut open) = (0_usize, false);
    // The texts of the cell so far, and whether the last one is still open.
    let (mut texts, mut columns, mut in_text) = (0_usize, 0_usize, false);
    for node in nodes.iter().skip(1) {
        match node {
            node if node.ends("tr") => break,
            Node::Start { name, .. } if name == "td" || name == "th" => {
                (open, texts, columns, in_text) = (true, 0, 0, false);
            }
            Node::End(name) if name == "td" || name == "th" => {
                open = false;
                if texts > 1 || columns > MAX_CELL {
                    return false;
                }
                cells += texts;
            }
            Node::Start { name, .. } | Node::End(name) => match name.as_str() {
                "p" | "div" | "center" => in_text = false,
                "table" | "br" | "ul" | "ol" | "li" | "pre" | "blockquote" | "hr" | "h1" | "h2" | "h3" | "h4"
                | "h5" | "h6" => {
                    return false;
                }
                "img" => {
                    texts += usize::from(!in_text);
                    in_text = true;
                }
                _ => {}
            },
            Node::Text(text) if open && !text.trim().is_empty() => {
                texts += usize::from(!in_text);
                in_text = true;
                columns += width(text.trim(), placeholders);
            }
            _ => {}
        }
    }
    cells > 1
}

/// True for a table with header cells. A table without any arranges the page.
pub fn is_data_table(rest: &[Node]) -> bool {
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
