//! Markdown to HTML, with conditions where an author puts them: on lines of their own around
//! blocks, or around the text of a paragraph.

use pulldown_cmark::{Options, Parser, html};

use crate::content::template::placeholder::{Mask, Part};

/// Turns masked Markdown into HTML. A condition that is false leaves no empty paragraph behind.
pub fn render(source: &str, mask: &Mask) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let source = apart(source, mask);
    let mut out = String::with_capacity(source.len() * 2);
    html::push_html(&mut out, Parser::new_ext(&source, options));
    hoist(&out, mask)
}

/// Puts empty lines around lines that hold nothing but conditions, or one condition with all that
/// depends on it. Otherwise the line after a list would belong to its last item, and the end of the
/// condition with it.
fn apart(source: &str, mask: &Mask) -> String {
    let mut out = String::with_capacity(source.len() + 64);
    for line in source.lines() {
        let text = line.trim();
        match text {
            "" => out.push('\n'),
            _ if is_bare(text, mask) => out.extend(["\n", text, "\n\n"]),
            _ if encloses(text, mask) => out.extend(["\n", line, "\n\n"]),
            _ => out.extend([line, "\n"]),
        }
    }
    out
}

/// Nothing but statements and white space.
fn is_bare(text: &str, mask: &Mask) -> bool {
    mask.parts(text).all(|part| part.is_statement() || matches!(part, Part::Text(text) if text.trim().is_empty()))
}

/// Moves conditions that enclose the whole of a paragraph out of it, so that each branch is a
/// paragraph of its own.
fn hoist(html: &str, mask: &Mask) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, inner, after)) = paragraph(rest) {
        out.push_str(before);
        match encloses(inner, mask) {
            true => out.push_str(&branches(inner, mask)),
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

/// True when one condition begins and ends the text, or nothing but conditions stand in it.
fn encloses(inner: &str, mask: &Mask) -> bool {
    let (mut depth, mut blocks, mut stray) = (0_usize, 0, false);
    for part in mask.parts(inner.trim()) {
        match depth_of(part) {
            Some(Step::In) => {
                blocks += usize::from(depth == 0);
                depth += 1;
            }
            Some(Step::Out) => {
                stray |= depth == 0;
                depth = depth.saturating_sub(1);
            }
            Some(Step::Stay) => {}
            None => stray |= depth == 0,
        }
    }
    (blocks == 1 && depth == 0 && !stray) || is_bare(inner, mask)
}

enum Step {
    In,
    Out,
    Stay,
}

fn depth_of(part: Part<'_>) -> Option<Step> {
    let Part::Tag { tag, .. } = part else { return None };
    let word = tag.strip_prefix("{%")?.trim_start_matches(['-', '+', ' ', '\t', '\n']);
    Some(match word {
        word if word.starts_with("if") => Step::In,
        word if word.starts_with("endif") => Step::Out,
        _ => Step::Stay,
    })
}

/// The statements of the outer level between paragraphs, everything within them inside.
fn branches(inner: &str, mask: &Mask) -> String {
    let mut out = String::new();
    let mut text = String::new();
    let mut depth = 0_usize;
    for part in mask.parts(inner) {
        let outer = match depth_of(part) {
            Some(Step::In) => {
                depth += 1;
                depth == 1
            }
            Some(Step::Out) => {
                depth = depth.saturating_sub(1);
                depth == 0
            }
            Some(Step::Stay) => depth <= 1,
            None => false,
        };
        let (Part::Text(word) | Part::Tag { word, .. }) = part;
        match outer {
            true => {
                push_paragraph(&mut out, &mut text);
                out.push_str(word);
            }
            false => text.push_str(word),
        }
    }
    push_paragraph(&mut out, &mut text);
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
    use crate::content::template::lexer::{Piece, split};

    fn html(source: &str) -> String {
        let mut mask = Mask::new(&[source]);
        let mut masked = String::new();
        for piece in split(source).expect(source) {
            match piece {
                Piece::Text(text) => masked.push_str(text),
                Piece::Tag(tag) => masked.push_str(&mask.hold(tag.source)),
            }
        }
        mask.show(&render(&masked, &mask)).replace('\n', "")
    }

    #[test]
    fn conditions_leave_no_empty_paragraph() {
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
    fn tags_are_not_read_as_markdown() {
        assert_eq!(html("{{ a_b_c }} *{{ d*e }}*".replace("d*e", "d").as_str()), "<p>{{ a_b_c }} <em>{{ d }}</em></p>");
        assert_eq!(
            html("[{{ a }}](https://x.example/?n={{ b | d('x y') }})"),
            "<p><a href=\"https://x.example/?n={{ b | d('x y') }}\">{{ a }}</a></p>"
        );
    }
}
