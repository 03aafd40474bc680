//! Limits of an email: what goes beyond one is refused when the email is compiled, with the line and the limit, and stops
//! a message while it is rendered.

use sendoff::content::compiled_email::CompiledEmail;
use sendoff::content::email::EmailSource;
use sendoff::content::renderer::{MergeData, RenderError};
use sendoff::infra::i18n::Lang;
use serde_json::json;

use super::{compile, draft, frame, html, refusal, secret, values};

/// Variable `a` with this many bytes.
fn variable(bytes: usize) -> String {
    format!("{{% set a = '{}' %}}\n", "x".repeat(bytes))
}

fn refused(source: &EmailSource) -> (String, String) {
    let error = match CompiledEmail::compile(source, &frame()) {
        Ok(_) => panic!("compiles: {:.200}", source.body),
        Err(error) => error,
    };
    assert_eq!(error.exit_code(), 2, "{error}");
    assert!(!Lang::RU.translate(&error.message()).contains('$'));
    (error.message().key.to_owned(), Lang::EN.translate(&error.message()))
}

#[test]
fn tags_beyond_a_limit_are_refused_with_line_and_limit() {
    let elifs = format!("one\n{{% if city %}}\n{}{{% endif %}}", "{% elif age %}x\n".repeat(6_000));
    let ifs = format!("{}x{}", "{% if city %}\n".repeat(400), "{% endif %}".repeat(400));
    let tags = "{{ city }}\n".repeat(20_000);
    for (body, key, place) in
        [(elifs, "tag-branches", "line 203"), (ifs, "tag-nesting", "line 31"), (tags, "tag-many", "line 5001")]
    {
        for source in [draft(&body), html(&body)] {
            let (found, sentence) = refused(&source);
            assert_eq!(found, key);
            assert!(sentence.contains(place), "{sentence}");
        }
    }
    let usual = format!("{{% if city %}}\n{}{{% endif %}}", "{% elif age %}x\n".repeat(200));
    compile(&draft(&usual));
}

#[test]
fn values_that_grow_are_refused_with_line_and_limit() {
    let a = variable(60_000);
    let sum = (0..40).map(|_| "a").collect::<Vec<_>>().join(" ~ ");
    for (body, bound) in [
        ("{{ a | join(a) }}".to_owned(), "100000 bytes"),
        ("{{ a | join(a) | length }}".to_owned(), "100000 bytes"),
        ("{{ [a, a, a] | join }}".to_owned(), "100000 bytes"),
        ("{{ [a, 'b'] | join(a ~ a) | length }}".to_owned(), "100000 bytes"),
        ("{{ a | replace('x', 'yy') | length }}".to_owned(), "100000 bytes"),
        ("{{ a | replace('', 'yy') | length }}".to_owned(), "100000 bytes"),
        ("{{ (a ~ a) | upper | length }}".to_owned(), "100000 bytes"),
        ("{{ (a ~ '<') | urlencode | urlencode | urlencode | length }}".to_owned(), ""),
        (format!("{{% set b = {sum} %}}"), "100000 bytes"),
        (format!("{{{{ ({sum}) | length }}}}"), "100000 bytes"),
        (format!("{{{{ {sum} }}}}"), "1048576 bytes"),
        (format!("{{{{ [{}] }}}}", vec!["a"; 40].join(", ")), "1048576 bytes"),
        (format!("{{% if {sum} == '' %}}y{{% endif %}}\n").repeat(40), "8388608 bytes"),
        ("{{ a | upper | lower | upper | first }}\n".repeat(200), "8388608 bytes"),
        ("{{ a }}\n".repeat(30), "1048576 bytes"),
    ] {
        let source = html(&format!("<p>one</p>\n{a}{body}"));
        if bound.is_empty() {
            compile(&source);
            continue;
        }
        let (key, sentence) = refused(&source);
        assert_eq!(key, "template-bound", "{body:.80}: {sentence}");
        assert!(sentence.replace(',', "").contains(bound), "{body:.80}: {sentence}");
        assert!(sentence.contains("line "), "{sentence}");
    }
    let (_, sentence) = refused(&draft(&format!("one\n\n{a}\n{{{{ a | join(a) }}}}")));
    assert!(sentence.contains("line 5"), "{sentence}");
    assert!(refusal(&draft(&format!("{a}{{{{ a | join(a) }}}}"))).contains("100"));
}

#[test]
fn a_value_of_a_recipient_cannot_exceed_a_limit_at_send() {
    let email = compile(&html("<p>{{ city | default('') | join(city | default('')) }}</p>"));
    let at_send = |city: String| {
        let of = values(json!({ "city": city }));
        let data =
            MergeData { address: "anna@example.org", values: &of, secret: &secret(), tracked: true, inert: false };
        email.render(&data)
    };
    assert!(at_send("abc".to_owned()).is_ok());
    match at_send("x".repeat(10_000)) {
        Err(RenderError::Failed(message)) => assert_eq!(message.key, "template-limit"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn html_beyond_a_limit_is_refused_with_line_and_limit() {
    let names: String = (0..60_000).map(|number| format!(" a{number}")).collect();
    for (source, key) in [
        (html(&"<div>\n".repeat(80_000)), "html-nesting"),
        (draft(&"<div>\n".repeat(80_000)), "html-nesting"),
        (draft(&format!("{}x", ">".repeat(100_000))), "html-nesting"),
        (draft(&format!("{}x", "- ".repeat(100_000))), "html-nesting"),
        (html(&"<p><b>x</b>".repeat(40_000)), "html-elements"),
        (html(&format!("<p>x</p>\n<p{names}>y</p>")), "html-attributes"),
        (draft(&format!("text\n\n<p{names}>y</p>")), "html-attributes"),
    ] {
        let (found, sentence) = refused(&source);
        assert_eq!(found, key, "{sentence}");
        assert!(sentence.contains("Line "), "{sentence}");
    }
    // Mistakes of nesting and unclosed elements are no reason to refuse.
    compile(&html(&"<p>a<br><li>b".repeat(3_000)));
    compile(&draft(&"* a\n  * b\n    * c\n\n> d\n\n".repeat(300)));
}
