//! Converts Markdown with tags to HTML. Conditions may be on lines of their own around blocks, or around the
//! text of a paragraph.

use pulldown_cmark::{Options, Parser, html};

use crate::content::template::placeholder::{Piece, Placeholders};

/// Converts Markdown with placeholders to HTML. A condition that is false leaves no empty paragraph.
pub fn to_html(source: &str, placeholders: &Placeholders) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let source = separate_conditions(source, placeholders);
    let mut out = String::with_capacity(source.len() * 2);
    html::push_html(&mut out, Parser::new_ext(&source, options));
    hoist_conditions(&out, placeholders)
}

/// Puts empty lines around each line that holds only statements or one whole condition. Otherwise Markdown would take
/// the line after a list, and the `endif` on it, for a part of the last item.
fn separate_conditions(source: &str, placeholders: &Placeholders) -> String {
    let mut out = String::with_capacity(source.len() + 64);
    for line in source.lines() {
        let text = line.trim();
        match text {
            "" => out.push('\n'),
            _ if is_statements_only(text, placeholders) => out.extend(["\n", text, "\n\n"]),
            _ if is_one_condition(text, placeholders) => out.extend(["\n", line, "\n\n"]),
            _ => out.extend([line, "\n"]),
        }
    }
    out
}

/// True for a text of statements and white space only.
fn is_statements_only(text: &str, placeholders: &Placeholders) -> bool {
    placeholders
        .split(text)
        .all(|piece| piece.is_statement() || matches!(piece, Piece::Text(text) if text.trim().is_empty()))
}

/// Moves a condition that encloses a whole paragraph out of it, so that each branch is a paragraph of its own.
fn hoist_conditions(html: &str, placeholders: &Placeholders) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, inner, after)) = paragraph(rest) {
        out.push_str(before);
        match is_one_condition(inner, placeholders) {
            true => out.push_str(&split_branches(inner, placeholders)),
            false => out.extend(["<p>", inner, "</p>"]),
        }
        rest = after;
    }
    out + rest
}

fn paragraph(html: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = html.split_once("<p>")?;
    let (inner, after) = rest.split_once("</p>")?;
    Some((before, inner, after))
}

/// True if one condition encloses the whole text, or if the text holds only statements.
fn is_one_condition(inner: &str, placeholders: &Placeholders) -> bool {
    let (mut depth, mut conditions, mut has_other_text) = (0_usize, 0, false);
    for piece in placeholders.split(inner.trim()) {
        match nesting(piece) {
            Some(Nesting::Opens) => {
                conditions += usize::from(depth == 0);
                depth += 1;
            }
            Some(Nesting::Closes) => {
                has_other_text |= depth == 0;
                depth = depth.saturating_sub(1);
            }
            Some(Nesting::Continues) => {}
            None => has_other_text |= depth == 0,
        }
    }
    (conditions == 1 && depth == 0 && !has_other_text) || is_statements_only(inner, placeholders)
}

/// How a statement changes the nesting of conditions.
enum Nesting {
    Opens,
    Closes,
    Continues,
}

fn nesting(piece: Piece<'_>) -> Option<Nesting> {
    let Piece::Tag { template, .. } = piece else { return None };
    let statement = template.strip_prefix("{%")?.trim_start_matches(['-', '+', ' ', '\t', '\n']);
    Some(match statement {
        statement if statement.starts_with("if") => Nesting::Opens,
        statement if statement.starts_with("endif") => Nesting::Closes,
        _ => Nesting::Continues,
    })
}

/// Writes each branch of the outer condition as a paragraph, with the statements between the paragraphs.
fn split_branches(inner: &str, placeholders: &Placeholders) -> String {
    let mut out = String::new();
    let mut paragraph_text = String::new();
    let mut depth = 0_usize;
    for piece in placeholders.split(inner) {
        let is_outer = match nesting(piece) {
            Some(Nesting::Opens) => {
                depth += 1;
                depth == 1
            }
            Some(Nesting::Closes) => {
                depth = depth.saturating_sub(1);
                depth == 0
            }
            Some(Nesting::Continues) => depth <= 1,
            None => false,
        };
        let (Piece::Text(text) | Piece::Tag { placeholder: text, .. }) = piece;
        match is_outer {
            true => {
                push_paragraph(&mut out, &mut paragraph_text);
                out.push_str(text);
            }
            false => paragraph_text.push_str(text),
        }
    }
    push_paragraph(&mut out, &mut paragraph_text);
    out
}

fn push_paragraph(out: &mut String, text: &mut String) {
    let inner = text.trim();
    if !inner.is_empty() {
        out.extend(["<p>", inner, "</p>"]);
    }
    text.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::template::lexer::{SourcePiece, split};

    fn html(source: &str) -> String {
        let mut placeholders = Placeholders::new(&[source]);
        let mut masked = String::new();
        for piece in split(source) {
            match piece {
                SourcePiece::Text(text) => masked.push_str(text),
                SourcePiece::Unreadable(_, error) => panic!("{source}: {error:?}"),
                SourcePiece::Tag(tag) => masked.push_str(&placeholders.hold(tag.source)),
            }
        }
        placeholders.to_source(&to_html(&masked, &placeholders)).replace('\n', "")
    }

    #[test]
    fn false_conditions_leave_no_empty_paragraph() {
        for (source, expected) in [
            ("{% if a %}\n\n# T\n\n{% endif %}\n", "{% if a %}<h1>T</h1>{% endif %}"),
            ("{% if a %}x{% endif %}", "{% if a %}<p>x</p>{% endif %}"),
            (
                "{% if a %}x{% else %}y **b**{% endif %}",
                "{% if a %}<p>x</p>{% else %}<p>y <strong>b</strong></p>{% endif %}",
            ),
            ("{% if a %}x{% endif %}{% if b %}y{% endif %}", "<p>{% if a %}x{% endif %}{% if b %}y{% endif %}</p>"),
            (
                "{% if a %}x{% endif %}\n{% if b %}y{% endif %}",
                "{% if a %}<p>x</p>{% endif %}{% if b %}<p>y</p>{% endif %}",
            ),
            ("{% if a %}x{% endif %}\nz", "{% if a %}<p>x</p>{% endif %}<p>z</p>"),
            ("Hi {% if a %}x{% endif %}", "<p>Hi {% if a %}x{% endif %}</p>"),
            ("{% if a %}x{% endif %} {{ b }}", "<p>{% if a %}x{% endif %} {{ b }}</p>"),
            ("{% if a %}{% if b %}x{% endif %}y{% endif %}", "{% if a %}<p>{% if b %}x{% endif %}y</p>{% endif %}"),
            ("{% if a %}\n- x\n- y\n{% endif %}\nz", "{% if a %}<ul><li>x</li><li>y</li></ul>{% endif %}<p>z</p>"),
            ("{% if a %}\nx\n{% endif %}", "{% if a %}<p>x</p>{% endif %}"),
        ] {
            assert_eq!(html(source), expected, "{source}");
        }
    }

    #[test]
    fn tags_are_not_parsed_as_markdown() {
        assert_eq!(html("{{ a_b_c }} *{{ d*e }}*".replace("d*e", "d").as_str()), "<p>{{ a_b_c }} <em>{{ d }}</em></p>");
        assert_eq!(
            html("[{{ a }}](https://x.example/?n={{ b | d('x y') }})"),
            "<p><a href=\"https://x.example/?n={{ b | d('x y') }}\">{{ a }}</a></p>"
        );
    }
}
