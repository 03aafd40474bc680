//! Lines of Markdown that hold statements: separated from the blocks around them or, among the rows of a table, put into
//! the cells at the ends of a row, where they are moved from afterwards.

use super::{MisplacedCondition, Nesting, branches, is_one_condition, is_statements_only, nesting};
use crate::content::template::placeholder::{Piece, Placeholders};

/// Puts empty lines around each line that holds only statements or one whole condition. Otherwise Markdown would take
/// the line after a list, and the `endif` on it, for a part of the last item.
pub fn separate_statements(source: &str, placeholders: &Placeholders) -> Result<String, MisplacedCondition> {
    let mut writer =
        Writer { placeholders, out: String::with_capacity(source.len() + 64), table: None, before: String::new() };
    let mut fence: Option<&str> = None;
    for (number, line) in source.lines().enumerate() {
        let text = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|mark| text.starts_with(mark));
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, Some(mark)) => fence = Some(mark),
            (None, None) => {
                writer.line(line, number + 1)?;
                continue;
            }
            _ => {}
        }
        writer.end_table()?;
        writer.out.extend([line, "\n"]);
    }
    writer.end_table()?;
    Ok(writer.out)
}

/// The rows of a table so far.
struct Table {
    /// Statements that wait for the next row.
    waiting: String,
    /// Conditions that were opened among the rows and not closed.
    depth: usize,
    /// The same before the statements that wait.
    depth_of_rows: usize,
    /// The line of the first of them.
    opened: usize,
    /// Where the last row ends in the output, before its last `|`; `None` before the first row.
    row_end: Option<usize>,
}

struct Writer<'p> {
    placeholders: &'p Placeholders,
    out: String,
    table: Option<Table>,
    /// The line before.
    before: String,
}

impl Writer<'_> {
    fn line(&mut self, line: &str, number: usize) -> Result<(), MisplacedCondition> {
        let text = line.trim();
        if self.table.is_some() {
            if self.table_line(text, number)? {
                return Ok(());
            }
            self.end_table()?;
        }
        let is_table = is_delimiter_row(text) && self.before.contains('|');
        self.before = text.to_owned();
        if is_table {
            self.table =
                Some(Table { waiting: String::new(), depth: 0, depth_of_rows: 0, opened: number, row_end: None });
        }
        match text {
            "" => self.out.push('\n'),
            _ if is_statements_only(text, self.placeholders) => self.out.extend(["\n", text, "\n\n"]),
            _ if is_one_condition(text, self.placeholders) => {
                let parts = branches(text, self.placeholders);
                match parts.iter().any(|(is_statement, text)| !is_statement && begins_block(text.trim())) {
                    true => parts.iter().for_each(|(_, text)| self.out.extend(["\n", text.trim(), "\n\n"])),
                    false => self.out.extend(["\n", line, "\n\n"]),
                }
            }
            _ => self.out.extend([line, "\n"]),
        }
        Ok(())
    }

    /// Writes a line among the rows of a table; false if the table ends before it.
    fn table_line(&mut self, text: &str, number: usize) -> Result<bool, MisplacedCondition> {
        let Some(table) = &mut self.table else { return Ok(false) };
        if text.is_empty() {
            return Ok(false);
        }
        if is_statements_only(text, self.placeholders) {
            let mut depth = Some(table.depth);
            for piece in self.placeholders.split(text) {
                depth = match nesting(piece) {
                    Some(Nesting::Opens) => depth.map(|depth| depth + 1),
                    Some(Nesting::Closes) => depth.and_then(|depth| depth.checked_sub(1)),
                    Some(Nesting::Continues) if !is_set(piece) => depth.filter(|depth| *depth > 0),
                    _ => depth,
                };
            }
            // A condition that began before the table ends it.
            let Some(depth) = depth else { return Ok(false) };
            if table.depth == 0 {
                table.opened = number;
            }
            table.depth = depth;
            table.waiting.push_str(text);
            return Ok(true);
        }
        if !text.contains('|') {
            return Ok(false);
        }
        let pieces: Vec<_> = self.placeholders.split(text).collect();
        let leading: String = pieces.iter().take_while(|piece| piece.is_statement()).map(shown).collect();
        let rest = text[leading.len()..].trim_start();
        let trailing: String = match rest.rfind('|') {
            Some(at) if is_statements_only(&rest[at + 1..], self.placeholders) => rest[at + 1..].trim().to_owned(),
            _ => String::new(),
        };
        let row = rest[..rest.len() - trailing.len()].trim_end();
        let (open, row) = row.strip_prefix('|').map_or(("", row), |row| ("| ", row.trim_start()));
        let row = row.strip_suffix('|').filter(|row| !row.ends_with('\\')).unwrap_or(row).trim_end();
        let waiting = std::mem::take(&mut table.waiting);
        table.depth_of_rows = table.depth;
        self.out.extend([open, &waiting, &leading, row, &trailing]);
        table.row_end = Some(self.out.len());
        self.out.push_str(" |\n");
        Ok(true)
    }

    /// Ends the table: statements that wait go to the end of its last row, or after the table.
    fn end_table(&mut self) -> Result<(), MisplacedCondition> {
        let Some(table) = self.table.take() else { return Ok(()) };
        match table.row_end {
            Some(at) if table.depth == 0 && !table.waiting.is_empty() => self.out.insert_str(at, &table.waiting),
            _ if table.depth_of_rows > 0 => return Err(MisplacedCondition { line: table.opened }),
            _ if table.waiting.is_empty() => {}
            _ => self.out.extend(["\n", &table.waiting, "\n\n"]),
        }
        self.before.clear();
        Ok(())
    }
}

fn shown<'a>(piece: &Piece<'a>) -> &'a str {
    let (Piece::Text(text) | Piece::Tag { placeholder: text, .. }) = piece;
    text
}

fn is_set(piece: Piece<'_>) -> bool {
    matches!(piece, Piece::Tag { template, .. } if template.trim_start_matches(['{', '%', '-', ' ']).starts_with("set"))
}

/// The row between the header of a table and its body (GFM §4.10).
fn is_delimiter_row(text: &str) -> bool {
    text.contains('-') && text.contains('|') && text.chars().all(|c| matches!(c, '-' | '|' | ':' | ' ' | '\t'))
}

/// True for text that begins a headline, a list, a quote or code.
fn begins_block(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = digits.len() < text.len() && digits.starts_with([')', '.']) && digits[1..].starts_with(' ');
    let hashes = text.trim_start_matches('#');
    let is_headline = hashes.len() < text.len() && hashes.starts_with(' ');
    is_numbered || is_headline || ["- ", "* ", "+ ", "> ", "```", "---"].iter().any(|mark| text.starts_with(mark))
}
