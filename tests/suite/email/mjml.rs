//! Emails written in MJML: tags, links, footer, mistakes with their line.

use sendoff::content::compiled_email::CompiledEmail;
use sendoff::content::email::{EmailSource, Format, Tracking};
use serde_json::json;

use super::{ADDRESS, draft, frame, render};

const PAGE: &str = "\n\n<mjml>\n<mj-body>\n<mj-section>\n<mj-column>\n\
    <mj-text>Hello {{ first_name | default('friend') }}</mj-text>\n\
    <mj-button href=\"https://shop.example.org/{{ city | default('all') }}\">Shop</mj-button>\n\
    </mj-column>\n</mj-section>\n<mj-raw>{% if vip %}</mj-raw>\n<mj-section><mj-column><mj-text>Only you</mj-text>\
    </mj-column></mj-section>\n<mj-raw>{% endif %}</mj-raw>\n</mj-body>\n</mjml>\n";

fn mjml(body: &str) -> EmailSource {
    EmailSource { format: Format::Mjml, tracking: Tracking::Individual, ..draft(body) }
}

#[test]
fn mjml_is_sent_as_a_page_with_values_links_and_footer() {
    let email = CompiledEmail::compile(&mjml(PAGE), &frame()).expect("compiles");
    assert_eq!(email.links().len(), 1);
    let plain = render(&email, json!({}));
    assert!(plain.html.contains("Hello friend") && plain.text.contains("Hello friend"), "{}", plain.html);
    assert!(!plain.html.contains("Only you") && !plain.html.contains("<mj"), "{}", plain.html);
    assert!(plain.html.contains("lang=\"ru\"") && !plain.html.contains("\"und\""), "{}", plain.html);
    assert!(plain.html.contains("/c/") && plain.html.contains("max-width"), "{}", plain.html);
    for part in [&plain.html, &plain.text] {
        assert!(part.contains(ADDRESS), "{part}");
    }
    let vip = render(&email, json!({"first_name": "Anna <b>", "vip": 1}));
    assert!(vip.html.contains("Hello Anna &lt;b&gt;") && vip.html.contains("Only you"), "{}", vip.html);
}

#[test]
fn mistakes_of_mjml_are_named_with_their_line() {
    for (wrong, right, key, line) in [
        ("<mj-section>\n<mj-column>", "<mj-section>\n<mj-colum>", "mjml-element", 6),
        ("</mj-column>\n</mj-section>\n<mj-raw>{% if", "</mj-section>\n<mj-raw>{% if", "mjml-open", 6),
        ("{{ first_name | default('friend') }}", "{{ first_nam }}", "tag-", 7),
        ("<mj-text>Hello", "<mj-include path=\"x\" /><mj-text>Hello", "mjml-include", 7),
    ] {
        let body = PAGE.replacen(wrong, right, 1);
        assert_ne!(body, PAGE);
        let message = CompiledEmail::compile(&mjml(&body), &frame()).err().expect(right).message();
        let line_of = message.text("line").parse::<usize>().expect("a line");
        assert!(message.key.starts_with(key) && line_of == line, "{right}: {} {line_of}", message.key);
    }
}
