//! Wraps plain text between words, never within one, so that every URL stays whole.

use crate::content::template::placeholder::{Piece, Placeholders};

/// Wraps a text to lines of at most `max_columns`; a longer word has a line of its own.
pub fn wrap(text: &str, max_columns: usize, placeholders: &Placeholders) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut column = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = width(word, placeholders);
        if column > 0 && column + 1 + length > max_columns {
            lines.push(std::mem::take(&mut line));
            column = 0;
        }
        if !line.is_empty() {
            line.push(' ');
            column += 1;
        }
        line.push_str(word);
        column += length;
    }
    lines.push(line);
    lines
}

/// The expected columns of a text: the tag of a link counts as a URL, any other as a name.
pub fn width(text: &str, placeholders: &Placeholders) -> usize {
    placeholders
        .split(text)
        .map(|piece| match piece {
            Piece::Text(text) => text.chars().count(),
            Piece::Tag { .. } if piece.is_statement() => 0,
            Piece::Tag { template, .. } if template.contains(".link_") || template.contains("_url") => 60,
            Piece::Tag { .. } => 10,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_count_with_the_width_of_their_values() {
        let mut placeholders = Placeholders::new(&[]);
        let (name, link, note) = (
            placeholders.hold("{{ name }}"),
            placeholders.hold("{{ sendoff.link_0 }}"),
            placeholders.hold("{% if name %}"),
        );

        assert_eq!(width(&format!("{note}Hi, {name}"), &placeholders), 14);
        assert_eq!(
            wrap(&format!("{name} and then see {link}"), 72, &placeholders),
            [format!("{name} and then see"), link]
        );
        assert_eq!(wrap("", 72, &placeholders), [""]);
    }
}
