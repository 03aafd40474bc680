//! Converts Markdown with tags to HTML. Conditions may be on lines of their own around blocks and around rows of tables, or
//! around the text of a paragraph, a headline or an item.

mod blocks;
mod hoisting;
mod inline;

use pulldown_cmark::{Options, Parser, TextMergeStream, html};

use self::blocks::separate_statements;
use self::hoisting::{hoist_conditions, hoist_from_rows, merge_lists};
use self::inline::add_links_and_attributes;
use crate::content::template::placeholder::{Piece, Placeholders};

/// A condition around a part of a table, on a line counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct MisplacedCondition {
    /// The line of the condition.
    pub line: usize,
}

/// Converts Markdown with placeholders to HTML. A condition that is false leaves no empty paragraph.
///
/// # Errors
/// A condition that begins among the rows of a table and ends outside of it.
pub fn to_html(source: &str, placeholders: &Placeholders) -> Result<String, MisplacedCondition> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let source = separate_statements(source, placeholders)?;
    let events = add_links_and_attributes(TextMergeStream::new(Parser::new_ext(&source, options)));
    let mut out = String::with_capacity(source.len() * 2);
    html::push_html(&mut out, events.into_iter());
    let html = hoist_from_rows(&hoist_conditions(&out, placeholders), placeholders);
    Ok(merge_lists(&html, placeholders))
}

/// Converts Markdown without tags to HTML. The text is our own: HTML in it is kept.
pub fn plain_to_html(source: &str) -> String {
    let mut out = String::with_capacity(source.len() * 2);
    html::push_html(&mut out, Parser::new_ext(source, Options::ENABLE_TABLES));
    out
}

/// True for a text of statements and white space only.
fn is_statements_only(text: &str, placeholders: &Placeholders) -> bool {
    placeholders
        .split(text)
        .all(|piece| piece.is_statement() || matches!(piece, Piece::Text(text) if text.trim().is_empty()))
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

/// How a statement changes the nesting of conditions and loops.
enum Nesting {
    Opens,
    Closes,
    Continues,
}

fn nesting(piece: Piece<'_>) -> Option<Nesting> {
    let Piece::Tag { template, .. } = piece else { return None };
    let statement = template.strip_prefix("{%")?.trim_start_matches(['-', '+', ' ', '\t', '\n']);
    let begins = |words: [&str; 2]| words.iter().any(|word| statement.starts_with(word));
    Some(match () {
        () if begins(["if", "for"]) => Nesting::Opens,
        () if begins(["endif", "endfor"]) => Nesting::Closes,
        () => Nesting::Continues,
    })
}

/// The pieces of a text with one outer condition: its statements, and the texts between them.
fn branches<'a>(inner: &'a str, placeholders: &'a Placeholders) -> Vec<(bool, String)> {
    let mut parts: Vec<(bool, String)> = Vec::new();
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
        match parts.last_mut() {
            Some((false, last)) if !is_outer => last.push_str(text),
            _ => parts.push((is_outer, text.to_owned())),
        }
    }
    parts
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
        placeholders.to_source(&to_html(&masked, &placeholders).expect(source)).replace('\n', "")
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
            ("# {% if a %}x{% endif %}", "{% if a %}<h1>x</h1>{% endif %}"),
            ("## {% if a %}x{% else %}y{% endif %}", "{% if a %}<h2>x</h2>{% else %}<h2>y</h2>{% endif %}"),
            ("{% if a %}# x{% else %}- y{% endif %}", "{% if a %}<h1>x</h1>{% else %}<ul><li>y</li></ul>{% endif %}"),
            ("- x\n- {% if a %}y{% endif %}\n- z", "<ul><li>x</li>{% if a %}<li>y</li>{% endif %}<li>z</li></ul>"),
            (
                "1. x\n{% if a %}\n2. y\n{% endif %}",
                "<ol><li>x</li></ol>{% if a %}<ol start=\"2\"><li>y</li></ol>{% endif %}",
            ),
            ("# Hi {% if a %}x{% endif %}", "<h1>Hi {% if a %}x{% endif %}</h1>"),
            ("```\n{% if a %}\n```", "<pre><code>{% if a %}</code></pre>"),
        ] {
            assert_eq!(html(source), expected, "{source}");
        }
    }

    #[test]
    fn conditions_in_tables_keep_their_rows() {
        let table =
            |rows: &str| format!("<table><thead><tr><th>h</th><th>i</th></tr></thead><tbody>{rows}</tbody></table>");
        let row = |a: &str, b: &str| format!("<tr><td>{a}</td><td>{b}</td></tr>");
        let head = "| h | i |\n|---|---|\n";
        for (rows, expected) in [
            ("| {% if a %}x{% endif %} | y |", row("{% if a %}x{% endif %}", "y")),
            (
                "{% if a %}| x | y |{% endif %}\n| z | w |",
                format!("{{% if a %}}{}{{% endif %}}{}", row("x", "y"), row("z", "w")),
            ),
            (
                "{% if a %}\n| x | y |\n{% endif %}\n| z | w |",
                format!("{{% if a %}}{}{{% endif %}}{}", row("x", "y"), row("z", "w")),
            ),
            (
                "| z | w |\n{% if a %}\n| x | y |\n{% endif %}",
                format!("{}{{% if a %}}{}{{% endif %}}", row("z", "w"), row("x", "y")),
            ),
            (
                "{% if a %}\n| x | y |\n{% else %}\n| z | w |\n{% endif %}\n",
                format!("{{% if a %}}{}{{% else %}}{}{{% endif %}}", row("x", "y"), row("z", "w")),
            ),
            (
                "{% for x in a %}\n| {{ x }} | y |\n{% endfor %}",
                format!("{{% for x in a %}}{}{{% endfor %}}", row("{{ x }}", "y")),
            ),
        ] {
            assert_eq!(html(&format!("{head}{rows}")), table(&expected), "{rows}");
        }
        assert_eq!(
            html(&format!("{{% if a %}}\n{head}| x | y |\n{{% endif %}}\n\nz")),
            format!("{{% if a %}}{}{{% endif %}}<p>z</p>", table(&row("x", "y")))
        );
        assert_eq!(
            html(&format!("{head}| x | y |\n{{% if a %}}\n\nz\n{{% endif %}}")),
            format!("{}{{% if a %}}<p>z</p>{{% endif %}}", table(&row("x", "y")))
        );
        let placeholders = &mut Placeholders::new(&[]);
        let [open, close] = ["{% if a %}", "{% endif %}"].map(|tag| placeholders.hold(tag));
        let source = format!("{head}{open}\n| x | y |\n\nz\n{close}\n");
        assert_eq!(to_html(&source, placeholders), Err(MisplacedCondition { line: 3 }));
    }

    #[test]
    fn loops_around_items_make_one_list() {
        assert_eq!(
            html("{% for x in a %}\n- {{ x }}\n{% endfor %}\n\nb"),
            "<ul>{% for x in a %}<li>{{ x }}</li>{% endfor %}</ul><p>b</p>"
        );
        assert_eq!(html("{% for x in a %}\n{{ x }}\n{% endfor %}"), "{% for x in a %}<p>{{ x }}</p>{% endfor %}");
    }

    #[test]
    fn bare_addresses_are_links() {
        for (source, expected) in [
            (
                "see https://a.example/x_y_z?b=1&c=2.",
                "<p>see <a href=\"https://a.example/x_y_z?b=1&amp;c=2\">https://a.example/x_y_z?b=1&amp;c=2</a>.</p>",
            ),
            ("(www.a.example)", "<p>(<a href=\"https://www.a.example\">www.a.example</a>)</p>"),
            ("info@a.example, b", "<p><a href=\"mailto:info@a.example\">info@a.example</a>, b</p>"),
            (
                "https://a.example/?n={{ b }}",
                "<p><a href=\"https://a.example/?n={{ b }}\">https://a.example/?n={{ b }}</a></p>",
            ),
            ("[https://a.example](https://b.example)", "<p><a href=\"https://b.example\">https://a.example</a></p>"),
            ("<https://a.example>", "<p><a href=\"https://a.example\">https://a.example</a></p>"),
            ("`https://a.example`", "<p><code>https://a.example</code></p>"),
            (
                "<a href=\"https://a.example\">https://b.example</a>",
                "<p><a href=\"https://a.example\">https://b.example</a></p>",
            ),
            ("a.example file.txt v1.2 ftp://a.example", "<p>a.example file.txt v1.2 ftp://a.example</p>"),
        ] {
            assert_eq!(html(source), expected, "{source}");
        }
    }

    #[test]
    fn pictures_have_a_width_and_links_a_class() {
        for (source, expected) in [
            (
                "![a](https://a.example/x.png){width=300}",
                "<p><img src=\"https://a.example/x.png\" alt=\"a\" width=\"300\" style=\"width:300px\"></p>",
            ),
            (
                "![a *b*](https://a.example/x.png \"t\"){: width=\"50%\" }c",
                "<p><img src=\"https://a.example/x.png\" alt=\"a b\" title=\"t\" width=\"50%\" style=\"width:50%\">c</p>",
            ),
            (
                "[![a](https://a.example/x.png){width=9}](https://b.example)",
                "<p><a href=\"https://b.example\"><img src=\"https://a.example/x.png\" alt=\"a\" width=\"9\" style=\"width:9px\"></a></p>",
            ),
            (
                "[buy](https://b.example){.button} now",
                "<p><a href=\"https://b.example\" class=\"button\">buy</a> now</p>",
            ),
            ("[buy](https://b.example){x}", "<p><a href=\"https://b.example\">buy</a>{x}</p>"),
            ("a {width=300}", "<p>a {width=300}</p>"),
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
