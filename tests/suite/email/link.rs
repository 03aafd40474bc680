//! Links of an email: numbering, tracking, personal destinations, and refused destinations.

use sendoff::content::email::{EmailSource, Tracking};
use sendoff::content::link;
use sendoff::content::renderer::MergeData;
use sendoff::infra::secret::Keyring;
use sendoff::infra::token::{Signer, TokenPurpose};
use serde_json::json;

use super::{DELIVERY, compile, draft, html, refusal, render_at, secret, values};

#[test]
fn web_links_are_measured_and_other_links_are_not() {
    let email = compile(&html(
        "<a href=\"https://a.example/?x=1&amp;y=2\">1</a> <a href='HTTP://b.example'>2</a> <a href=\"mailto:a@b.example\">m</a> \
         <a href=\"tel:+7\">t</a> <a href=\"{{ view_url }}\">v</a> <a href=\"#top\">h</a> <a href=\"https://a.example/?x=1&amp;y=2\">3</a> \
         <map><area href=\"https://c.example/\"></map>",
    ));
    let destinations: Vec<_> = email.links().iter().map(|link| link.destination.as_str()).collect();
    assert_eq!(
        destinations,
        ["https://a.example/?x=1&y=2", "http://b.example/", "https://a.example/?x=1&y=2", "https://c.example/"]
    );

    let secret = secret();
    let tracked = render_at(&email, json!({}), &secret);
    for position in 0..4 {
        let url = link::click_url("https://news.example.org", &secret, position);
        assert!(tracked.html.contains(&format!("href=\"{url}\"")), "{position}");
    }
    assert!(!tracked.html.contains("a.example") && !tracked.html.contains("b.example/"));
    assert!(
        tracked.html.contains("mailto:a@b.example") && tracked.html.contains("tel:+7") && tracked.html.contains("#top")
    );
    assert!(
        tracked.html.contains(&format!(
            "<a href=\"{}\"",
            link::page_url("https://news.example.org", &secret, TokenPurpose::View)
        ))
    );
}

#[test]
fn without_tracking_links_are_plain_and_there_is_no_pixel() {
    let body = "[a](https://a.example/?x=1&y={{ city }}) ![b](https://b.example/p.png)";
    let emails = [
        (compile(&EmailSource { tracking: Tracking::None, ..draft(body) }), true, false),
        (compile(&draft(body)), false, false),
        (compile(&draft(body)), true, true),
    ];
    for (email, tracked, inert) in emails {
        let (of, secret) = (values(json!({"city": "Нижний Новгород"})), secret());
        let data = MergeData { address: "anna@example.org", values: &of, secret: &secret, tracked, inert };
        let rendered = email.render(&data).expect("renders");
        let destination = "https://a.example/?x=1&y=%D0%9D%D0%B8%D0%B6%D0%BD%D0%B8%D0%B9%20%D0%9D%D0%BE%D0%B2%D0%B3%D0%BE%D1%80%D0%BE%D0%B4";
        assert!(rendered.text.contains(destination), "{}", rendered.text);
        assert!(rendered.html.contains(&destination.replace('&', "&amp;")));
        for word in ["/o/", "/c/", ".gif", "width=\"1\""] {
            assert!(!rendered.html.contains(word) && !rendered.text.contains(word), "{word}");
        }
        assert_eq!(rendered.html.matches("<img").count(), 1);
        assert!(rendered.html.contains("/u/") && rendered.text.contains("/u/"));
    }
}

#[test]
fn personal_link_carries_its_signed_destination() {
    let signer = Signer::new(&Keyring::ephemeral());
    let email = compile(&draft("[a](https://a.example/{{ city | default('all') }}?n={{ first_name }})"));
    let rendered = render_at(&email, json!({"first_name": "a&b=c/\"#"}), &signer.message_secret(DELIVERY));
    assert_eq!(
        email.links()[0].destination,
        "https://a.example/{{ city | default('all') }}?n={{ (first_name|needed(\"first_name\")) }}"
    );
    assert_eq!(email.links()[0].shown, "https://a.example/{{ city | default('all') }}?n={{ first_name }}");
    assert!(email.links()[0].is_personal);

    let path = rendered
        .html
        .split("href=\"https://news.example.org/c/")
        .nth(1)
        .expect("a link")
        .split('"')
        .next()
        .expect("its end");
    let parts: Vec<_> = path.split('/').collect();
    let destination = link::decode_destination(parts[2]).expect("a destination");

    assert_eq!(destination, "https://a.example/all?n=a%26b%3Dc%2F%22%23");
    assert_eq!(signer.verify(TokenPurpose::Click, parts[0]), Some(DELIVERY));
    assert!(signer.verify_destination(DELIVERY, 0, &destination, parts[3]));
    assert!(rendered.text.contains(path));
}

#[test]
fn unsafe_destinations_are_refused() {
    for (href, word) in [
        ("javascript:alert(1)", "not a web address"),
        ("java&#10;script:alert(1)", "line break"),
        ("data:text/html;base64,x", "not a web address"),
        ("vbscript:x", "not a web address"),
        ("//evil.example", "does not begin"),
        ("catalog.html", "does not begin"),
        ("www.shop.example", "does not begin"),
        ("https:\\\\evil.example", "backslash"),
        ("https://good.example&#13;&#10;X: y", "line break"),
        ("https://good.example@evil.example/", "user name"),
        ("https://{{ city }}.example/", "comes from a tag"),
        ("{{ city }}", "comes from a tag"),
        ("{{ unsubscribe_url }}{{ city }}", "comes from a tag"),
        ("https:{{ city }}//a.example", "comes from a tag"),
        ("https://[::1", "cannot be parsed"),
    ] {
        let sentence = refusal(&html(&format!("<p>x\n<a href=\"{href}\">a</a>")));
        assert!(sentence.contains(word), "{href}: {sentence}");
    }
}
