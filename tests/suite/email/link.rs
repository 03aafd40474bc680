//! Links of an email: numbering, tracking, personal destinations, and refused destinations.

use sendoff::content::compiled_email::CompiledEmail;
use sendoff::content::email::{EmailSource, Tracking};
use sendoff::content::link::{self, LinkSettings};
use sendoff::content::renderer::MergeData;
use sendoff::infra::secret::Keyring;
use sendoff::infra::token::{Signer, TokenPurpose};
use serde_json::json;

use super::{DELIVERY, compile, draft, frame, html, refusal, render_at, secret, values};

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
fn values_are_encoded_where_they_stand() {
    let email = compile(&html(
        "<a href=\"mailto:t@x.example?subject=From {{ first_name }}&amp;body=Hi {{ city }}\">m</a>\
         <img src=\"https://p.example/{{ city }}.png?n={{ first_name }}\" alt=\"p\"><img src=\"{{ имя }}\" alt=\"q\">\
         <p style=\"background:url('https://p.example/{{ city }}')\">x</p><style>p{background:url({{ имя }})}</style>",
    ));
    let of = json!({"first_name": "R&D ü", "city": "a b'\"", "имя": "https://p.example/x y.png?a=1&b=2"});
    let rendered = render_at(&email, of, &secret());
    for part in [
        "href=\"mailto:t@x.example?subject=From%20R%26D%20%C3%BC&amp;body=Hi%20a%20b%27%22\"",
        "src=\"https://p.example/a%20b%27%22.png?n=R%26D%20%C3%BC\"",
        "src=\"https://p.example/x%20y.png?a=1&amp;b=2\"",
        "background:url(&#39;https://p.example/a%20b%27%22&#39;)",
        "p{background:url(https://p.example/x%20y.png?a=1&b=2)}",
    ] {
        assert!(rendered.html.contains(part), "{part}: {}", rendered.html);
    }
    let hostile = render_at(&email, json!({"first_name": "", "city": "", "имя": "javascript:alert(1)"}), &secret());
    assert!(!hostile.html.contains("javascript:"), "{}", hostile.html);
}

#[test]
fn links_of_outlook_are_measured_like_others() {
    let button = "<!--[if mso]><v:roundrect xmlns:v=\"urn:schemas-microsoft-com:vml\" href=\"https://a.example/?c={{ city }}&amp;x=1\" \
                  arcsize=\"8%\"><w:anchorlock/><v:fill src=\"//p.example/b.png\"/></v:roundrect><![endif]-->\
                  <a href=\"https://a.example/buy\" style=\"mso-hide:all\">Buy</a>";
    let email = compile(&html(button));
    let shown: Vec<_> = email.links().iter().map(|link| link.shown.as_str()).collect();
    assert_eq!(shown, ["https://a.example/?c={{ city }}&x=1", "https://a.example/buy"]);
    let secret = secret();
    let rendered = render_at(&email, json!({"city": "a&b"}), &secret);
    let click = link::page_url("https://news.example.org", &secret, TokenPurpose::Click);
    assert!(
        rendered.html.contains(&format!("<v:roundrect xmlns:v=\"urn:schemas-microsoft-com:vml\" href=\"{click}/0/"))
    );
    assert!(
        rendered.html.contains("arcsize=\"8%\"><w:anchorlock/><v:fill src=\"https://p.example/b.png\"/></v:roundrect>")
    );
    assert!(rendered.html.contains(&format!("href=\"{click}/1\"")));
    assert_eq!(email.changes().iter().map(|change| change.key).collect::<Vec<_>>(), ["change-source-https"]);

    let plain = compile(&EmailSource { tracking: Tracking::None, ..html(button) });
    let rendered = render_at(&plain, json!({"city": "a&b"}), &secret);
    assert!(rendered.html.contains("href=\"https://a.example/?c=a%26b&amp;x=1\""), "{}", rendered.html);
}

#[test]
fn whole_links_come_from_a_field_where_their_hosts_are_named() {
    let links = LinkSettings { hosts: vec!["*.shop.example".to_owned()], ..LinkSettings::default() };
    for tracking in [Tracking::None, Tracking::Individual] {
        let source = EmailSource {
            links: links.clone(),
            tracking,
            ..html("<a href=\"{{ city }}\">a</a> <a href=\"https://{{ имя }}.shop.example/x\">b</a>")
        };
        let email = compile(&source);
        let render = |city: &str, host: &str| {
            let (of, secret) = (values(json!({"city": city, "имя": host})), secret());
            let data =
                MergeData { address: "a@example.org", values: &of, secret: &secret, tracked: true, inert: false };
            email.render(&data)
        };
        let rendered = render("https://my.shop.example/a?b=1&c=я", "de").expect("renders");
        let wanted = "https://my.shop.example/a?b=1&c=%D1%8F";
        match tracking {
            Tracking::None | Tracking::Campaign => {
                assert!(rendered.text.contains(wanted) && rendered.text.contains("https://de.shop.example/x"))
            }
            Tracking::Individual => {
                let path =
                    rendered.text.split("/c/").nth(1).expect("a link").split_whitespace().next().expect("a path");
                let segment = path.split('/').nth(2).expect("a destination");
                assert_eq!(link::decode_destination(segment).as_deref(), Some(wanted));
            }
        }
        assert_eq!(render("", "de").expect("renders").missing, ["city"]);
        for (city, host) in [
            ("https://evil.example/", "de"),
            ("https://shop.example/", "de"),
            ("javascript:alert(1)", "de"),
            ("https://my.shop.example@evil.example/", "de"),
            ("https://my.shop.example/", "evil.example/"),
        ] {
            assert!(render(city, host).is_err(), "{city} {host}");
        }
    }
}

#[test]
fn a_field_whose_name_ends_like_that_of_a_page_can_be_a_whole_link() {
    let links = LinkSettings { hosts: vec!["shop.example".to_owned()], ..LinkSettings::default() };
    let field = EmailSource { links: links.clone(), ..html("<a href=\"{{ my_url }}\">a</a>") };
    let mut context = frame();
    context.fields.push("my_url".to_owned());
    assert!(CompiledEmail::compile(&field, &context).is_ok());
    let page = EmailSource { links, ..html("<a href=\"{{ view_url }}x\">a</a>") };
    assert!(CompiledEmail::compile(&page, &context).is_err());
}

#[test]
fn parameters_are_added_to_all_measured_links() {
    let links =
        LinkSettings { parameters: vec![("utm_source".to_owned(), "news".to_owned())], ..LinkSettings::default() };
    let source = EmailSource {
        links,
        tracking: Tracking::None,
        ..html(
            "<a href=\"https://a.example/#x\">1</a> <a href=\"https://a.example/?utm_source=own\">2</a> <a href=\"https://a.example/?c={{ city }}\">3</a> \
             <a href=\"mailto:a@b.example\">4</a> <a href=\"{{ view_url }}\">5</a>{% set v = city %} <a href=\"https://a.example/{{ v }}\">6</a>",
        )
    };
    let email = compile(&source);
    let text = render_at(&email, json!({"city": "a b"}), &secret()).text;
    for part in [
        "1 (https://a.example/?utm_source=news#x)",
        "2 (https://a.example/?utm_source=own)",
        "3 (https://a.example/?c=a%20b&utm_source=news)",
        "4 (a@b.example)",
        "6 (https://a.example/a%20b?utm_source=news)",
    ] {
        assert!(text.replace('\n', " ").contains(part), "{part}: {text}");
    }
    assert_eq!(text.matches("utm_source").count(), 4, "{text}");
    assert_eq!(email.changes().iter().map(|change| change.key).collect::<Vec<_>>(), ["change-link-variable"]);
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
