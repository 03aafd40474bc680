//! Layouts, HTML pages without a layout, sanitizing, and warnings.

use sendoff::content::brand::Brand;
use sendoff::content::compiled_email::CompiledEmail;
use sendoff::content::email::{EmailContext, EmailSource, Layout};
use sendoff::content::{link, lint};
use sendoff::infra::i18n::Lang;
use sendoff::infra::token::TokenPurpose;
use serde_json::json;

use super::{ADDRESS, compile, draft, frame, html, render, render_at, secret};

#[test]
fn every_layout_has_footer_address_and_language() {
    for layout in Layout::ALL {
        for lang in Lang::ALL {
            let email = CompiledEmail::compile(
                &EmailSource {
                    layout: *layout, ..draft("# Заголовок\n\n[Кнопка](https://a.example/)\n")
                },
                &EmailContext { lang: *lang, ..frame() },
            )
            .expect("compiles");
            let secret = secret();
            let rendered = render_at(&email, json!({}), &secret);
            let html = &rendered.html;
            assert!(html.starts_with("<!doctype html>") && html.contains(&format!("<html lang=\"{lang}\">")), "{html}");
            assert!(html.contains("prefers-color-scheme: dark") && html.contains("max-width:600px"));
            assert!(html.contains("Заголовок</h1>") && html.matches("<h1").count() == 1);
            for part in [html, &rendered.text] {
                assert!(part.contains(ADDRESS) && part.contains(&lang.tr("email-unsubscribe")));
                assert!(part.contains(&link::page_url("https://news.example.org", &secret, TokenPurpose::Unsubscribe)));
            }
            assert_eq!(html.contains("class=\"button\""), *layout == Layout::Announcement);
            assert_eq!(
                html.matches("role=\"presentation\"").count() + html.matches("<!--[if mso]><table role").count() - 1,
                html.matches("<table").count()
            );
            assert!(!html.contains("qzx0x"), "a placeholder is left: {html}");
        }
    }
}

#[test]
fn html_page_gets_only_the_footer_parts_it_lacks() {
    let page = |inner: &str| {
        let body = format!(
            "<!DOCTYPE html><html><head><meta charset=\"windows-1251\"><style>@media{{#a{{b:c}}}}</style></head><body class=\"x\">{inner}</body></html>"
        );
        let secret = secret();
        let email = compile(&html(&body));
        let unsubscribe = link::page_url("https://news.example.org", &secret, TokenPurpose::Unsubscribe);
        (render_at(&email, json!({"vip": 0}), &secret), unsubscribe)
    };
    let count = |part: &str, word: &str| part.split_whitespace().collect::<Vec<_>>().join(" ").matches(word).count();

    let (lacking, url) = page("<p>Привет</p>");
    assert!(lacking.html.starts_with(
        "<!doctype html><html><head><meta charset=\"utf-8\"><style>@media{#a{b:c}}</style></head><body class=\"x\">"
    ));
    assert!(lacking.html.ends_with("</body></html>"));
    for part in [&lacking.html, &lacking.text] {
        assert_eq!((count(part, &url), count(part, ADDRESS)), (1, 1), "{part}");
    }

    let (whole, url) = page(&format!("<p>Привет <a href=\"{{{{ unsubscribe_url }}}}\">уйти</a>, {ADDRESS}</p>"));
    for part in [&whole.html, &whole.text] {
        assert_eq!((count(part, &url), count(part, ADDRESS)), (1, 1), "{part}");
    }

    for hidden in [
        "<p>a</p>{% if vip %}<a href=\"{{ unsubscribe_url }}\">u</a>{% endif %}",
        "<p>a</p><div style=\"display:none\"><a href=\"{{ unsubscribe_url }}\">u</a></div>",
    ] {
        let (rendered, url) = page(hidden);
        assert!(rendered.text.contains(&url), "{}", rendered.text);
        let visible = rendered.html.rsplit("</p>").next().expect("a tail");
        assert!(visible.contains(&format!("<a href=\"{url}\" style=\"color")), "{visible}");
    }
}

#[test]
fn active_content_is_removed() {
    let rendered = render(
        &compile(&html(
            "<p onclick=\"x()\">a<script>evil()</script><iframe src=\"https://e.example\"></iframe><form action=\"https://e.example\"><input></form>\
             <object data=\"https://e.example\"></object><img src=\"javascript:x\" onerror=\"y\" alt=\"b\"></p>",
        )),
        json!({}),
    );
    for word in
        ["onclick", "script>", "iframe", "<form", "<input", "<object", "javascript", "onerror", "e.example", "evil"]
    {
        assert!(!rendered.html.contains(word), "{word}");
    }
}

#[test]
fn source_and_context_round_trip_through_json() {
    let (draft, frame) = (draft("{{ city }} [a](https://a.example/)"), frame());
    let frozen = serde_json::to_string(&(&draft, &frame)).expect("writes");
    let read: (EmailSource, EmailContext) = serde_json::from_str(&frozen).expect("reads");

    assert_eq!(read, (draft, frame));
    assert!(frozen.contains("\"layout\":\"newsletter\"") && frozen.contains("\"tracking\":\"individual\""));
}

#[test]
fn warnings_name_every_problem() {
    let sparse = EmailSource {
        preheader: String::new(),
        subject: "с".repeat(130),
        ..html(&format!(
            "<img src=\"http://a.example/x.png\"><a href=\"http://localhost/x\"></a>{}",
            "<p>текст</p>".repeat(6_000)
        ))
    };
    let bare = EmailContext { brand: Brand::default(), ..frame() };
    let email = CompiledEmail::compile(&sparse, &bare).expect("compiles");
    let keys: Vec<_> =
        lint::check(&sparse, &bare, &email, &render(&email, json!({}))).into_iter().map(|found| found.key).collect();

    assert_eq!(
        keys,
        [
            "lint-address",
            "lint-preheader",
            "lint-subject-long",
            "lint-heavy",
            "lint-alt",
            "lint-http",
            "lint-empty-link",
            "lint-private"
        ]
    );
    let good = compile(&draft("Привет [a](https://a.example/)"));
    assert!(lint::check(&draft("x"), &frame(), &good, &render(&good, json!({"first_name": "А"}))).is_empty());
}
