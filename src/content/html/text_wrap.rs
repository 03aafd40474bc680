//! Lines of plain text: broken between words, never within one, so that every URL stays whole.

use crate::content::template::placeholder::{Mask, Part};

/// Lines of at most `room` columns where words allow it.
pub fn wrap(text: &str, room: usize, mask: &Mask) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut column = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = width(word, mask);
        if column > 0 && column + 1 + length > room {
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

/// Columns a text takes; a link's tag is as long as a link, any other as long as a name.
pub fn width(text: &str, mask: &Mask) -> usize {
    mask.parts(text)
        .map(|part| match part {
            Part::Text(text) => text.chars().count(),
            Part::Tag { .. } if part.is_statement() => 0,
            Part::Tag { tag, .. } if tag.contains(".link_") || tag.contains("_url") => 60,
            Part::Tag { .. } => 10,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_count_as_what_they_print() {
        let mut mask = Mask::new(&[]);
        let (name, link, note) =
            (mask.hold("{{ name }}"), mask.hold("{{ sendoff.link_0 }}"), mask.hold("{% if name %}"));

        assert_eq!(width(&format!("{note}Hi, {name}"), &mask), 14);
        assert_eq!(wrap(&format!("{name} and then see {link}"), 72, &mask), [format!("{name} and then see"), link]);
        assert_eq!(wrap("", 72, &mask), [""]);
    }
}
