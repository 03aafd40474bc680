//! Tests of the pages of recipients.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use sendoff::audience::list;
use sendoff::content::brand::{self, BrandChange};
use sendoff::infra::setting::{self, Setting};
use sendoff::infra::token::TokenPurpose;
use sendoff::web::router;
use sendoff::web::state::WebState;
use url::Url;

use super::fixture::{WebFixture, dump, launch, send};
use crate::fixture::both;

const HEADERS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-robots-tag", "noindex, nofollow"),
    ("cache-control", "no-store"),
    ("content-security-policy", ""),
];

both!(every_response_has_security_headers_and_no_cookie, |fixture| {
    let site = WebFixture::new(fixture).await;
    let paths = [
        ("/".to_owned(), 200),
        ("/healthz".to_owned(), 200),
        ("/robots.txt".to_owned(), 200),
        ("/nowhere".to_owned(), 404),
        ("/u/short".to_owned(), 400),
        ("/c/short/0".to_owned(), 404),
        ("/o/short.gif".to_owned(), 200),
        (format!("/c/{}/0", site.token(0, TokenPurpose::Click)), 302),
        (format!("/u/{}", site.token(0, TokenPurpose::Unsubscribe)), 200),
        (format!("/p/{}", site.token(0, TokenPurpose::Preferences)), 200),
        (format!("/v/{}", site.token(0, TokenPurpose::View)), 200),
    ];
    for (path, status) in paths {
        let reply = site.get(&path).await;
        assert_eq!(reply.status.as_u16(), status, "{path}");
        for (name, value) in HEADERS {
            let found = reply.header(name).unwrap_or_else(|| panic!("{path} has no {name}"));
            assert!(found.contains(value), "{path}: {name}: {found}");
        }
        assert!(reply.header("set-cookie").is_none(), "{path}");
        assert!(reply.header("strict-transport-security").is_none(), "{path} is not https");
        assert!(!reply.body.contains("<script"), "{path}");
        let is_message = path.starts_with("/v/");
        let loads_nothing = !reply.body.contains("http://") && !reply.body.contains("https://");
        assert!(is_message || (loads_nothing && !reply.body.contains("style=\"")), "{path}");
    }
});

both!(renamed_list_and_brand_are_shown_on_pages_of_ended_campaigns, |fixture| {
    let site = WebFixture::new(fixture).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::query("update campaign set state = 'finished'").execute(&mut *tx).await.expect("ended");
    list::rename(&mut tx, fixture.workspace.id, "Новости", "Вести").await.expect("renamed");
    tx.commit().await.expect("committed");
    site.state.refresh().await.expect("refreshed");
    let page = format!("/u/{}", site.token(0, TokenPurpose::Unsubscribe));
    let body = site.get(&page).await.body;
    assert!(body.contains("Вести") && !body.contains("Новости"), "{body}");

    let change = BrandChange { name: Some("Rennet Ltd".to_owned()), ..BrandChange::default() };
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    brand::set(&mut tx, fixture.workspace.id, &change).await.expect("changed");
    tx.commit().await.expect("committed");
    site.state.refresh().await.expect("refreshed");
    assert!(site.get(&page).await.body.contains("Rennet Ltd"));
});

both!(links_work_below_a_path_of_the_public_host, |fixture| {
    let site = WebFixture::new(fixture).await;
    for path in [
        format!("/u/{}", site.token(0, TokenPurpose::Unsubscribe)),
        format!("/u/{}/", site.token(0, TokenPurpose::Unsubscribe)),
        format!("/p/{}", site.token(0, TokenPurpose::Preferences)),
        "/c/short/0".to_owned(),
    ] {
        let page = Url::parse(&format!("https://x.example/mail{path}")).expect("a URL");
        let body = site.get(&path).await.body;
        let targets = body.split(['"']).collect::<Vec<_>>();
        let links = targets.windows(2).filter(|pair| pair[0].ends_with("href=") || pair[0].ends_with("action="));
        for link in links.map(|pair| pair[1]) {
            let led = page.join(link).expect(link);
            let inner = led.path().strip_prefix("/mail").unwrap_or_else(|| panic!("{path} leads to {led}"));
            assert!(site.get(inner).await.status.is_success(), "{path} leads to {led}");
        }
    }
});

both!(https_installation_sends_hsts, |fixture| {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "https://news.example.org").await.expect("set");
    setting::set(&mut tx, Setting::Language, "ru").await.expect("set");
    tx.commit().await.expect("committed");
    let state = WebState::open(fixture.installation.clone(), std::sync::Arc::default()).await.expect("opens");

    let reply = send(router::public(state), Method::GET, "/", &[("accept-language", "de")], Body::empty()).await;

    assert!(reply.header("strict-transport-security").is_some());
    assert!(reply.body.contains("lang=\"ru\"") && reply.body.contains("Этот сервер отправляет письма"));
});

both!(errors_are_pages_with_a_next_step, |fixture| {
    let site = WebFixture::new(fixture).await;
    let unsubscribe = format!("/u/{}", site.token(0, TokenPurpose::Unsubscribe));
    let preferences = format!("/p/{}", site.token(0, TokenPurpose::Preferences));
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (method, path, body, status) in [
        (Method::GET, "/nowhere", String::new(), StatusCode::NOT_FOUND),
        (Method::DELETE, unsubscribe.as_str(), String::new(), StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/c/x/0", String::new(), StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, preferences.as_str(), "x".repeat(200_000), StatusCode::PAYLOAD_TOO_LARGE),
        (Method::POST, preferences.as_str(), "action=dance".to_owned(), StatusCode::BAD_REQUEST),
        (Method::POST, preferences.as_str(), "action=unsubscribe&list=me".to_owned(), StatusCode::BAD_REQUEST),
    ] {
        let headers = [form, ("accept-language", "ru-RU,ru;q=0.9")];
        let reply = site.send(method, path, &headers, Body::from(body)).await;
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.body.contains("<h1>") && reply.body.contains("lang=\"ru\""), "{path}: {}", reply.body);
        assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{path}");
    }
    let head = site.send(Method::HEAD, "/nowhere", &[], Body::empty()).await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::NOT_FOUND, ""));
});

both!(stylesheet_and_icon_of_a_page_exist, |fixture| {
    let site = WebFixture::new(fixture).await;
    let page = site.get("/").await.body;
    let paths: Vec<&str> = page.split('"').filter(|part| part.starts_with("static/")).collect();

    assert_eq!(paths.len(), 2);
    for path in paths {
        let reply = site.get(&format!("/{path}")).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert!(reply.header("cache-control").is_some_and(|value| value.contains("immutable")));
    }
    assert_eq!(site.get("/static/other.css").await.status, StatusCode::NOT_FOUND);
});

both!(unsubscribe_page_names_the_list_and_masks_the_address, |fixture| {
    let site = WebFixture::new(fixture).await;
    let token = site.token(0, TokenPurpose::Unsubscribe);

    let page = site.get(&format!("/u/{token}")).await.body;

    assert!(page.contains("Новости") && page.contains("a***@e***.org"), "{page}");
    assert!(!page.contains("anna"), "{page}");
    assert_eq!(page.matches("<button").count(), 1);
    assert!(page.contains(&format!("<form method=\"post\" action=\"../u/{token}\">")));
    assert!(page.contains(&format!("/p/{}", site.token(0, TokenPurpose::Preferences))));
});

both!(preferences_show_all_stored_data_with_its_basis, |fixture| {
    let site = WebFixture::new(fixture).await;
    let preferences = format!("/p/{}", site.token(0, TokenPurpose::Preferences));
    let unread = site.get(&preferences).await.body;
    assert!(
        unread.contains("1 email to you. No opens or clicks are stored.") && !unread.contains("0 opens"),
        "{unread}"
    );
    site.get(&format!("/c/{}/0", site.token(0, TokenPurpose::Click))).await;
    site.state.recorder.flush().await;

    let page = site.get(&preferences).await.body;

    for shown in [
        "a***@e***.org",
        "Новости",
        "Offers",
        "<dt>City</dt>",
        "Казань",
        "Your consent",
        "export 17",
        "checkout &#60;form&#62;",
        "November 19, 2026",
        "1 email to you",
        "0 opens",
        "1 click.",
    ] {
        assert!(page.contains(shown), "{shown} is missing: {page}");
    }
    assert!(!page.contains("anna"));
});

both!(preferences_unsubscribe_from_one_list_and_then_the_last, |fixture| {
    let site = WebFixture::new(fixture).await;
    launch(fixture, "offers", &site.offers).await;
    let path = format!("/p/{}", site.token(0, TokenPurpose::Preferences));

    let page = site.post(&path, &format!("action=unsubscribe&list={}", site.news.id)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("You are unsubscribed from “Новости”") && page.body.contains("Offers"), "{}", page.body);
    assert!(site.is_here(0).await);

    let start = page.body.find("action=\"../p/").expect("a form") + 10;
    let next = &page.body[start..start + 3 + 44];
    assert_ne!(next, path, "the delivery of the list was deleted");
    let last = site.post(next, &format!("action=unsubscribe&list={}", site.offers.id)).await;
    assert!(last.body.contains("That was your last list"), "{}", last.body);
    assert!(!site.is_here(0).await);

    let after = site.get(&path).await;
    assert_eq!(after.status, StatusCode::OK);
    assert!(after.body.contains("We hold no data about you"));
    let again = site.post(next, &format!("action=unsubscribe&list={}", site.offers.id)).await;
    assert_eq!(again.status, StatusCode::OK);
});

both!(request_for_a_list_of_another_contact_changes_nothing, |fixture| {
    let site = WebFixture::new(fixture).await;
    let before = dump(fixture).await;

    let path = format!("/p/{}", site.token(1, TokenPurpose::Preferences));
    let page = site.post(&path, &format!("action=unsubscribe&list={}", site.offers.id)).await;

    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("You are unsubscribed"), "{}", page.body);
    assert_eq!(dump(fixture).await, before);
});

both!(erasing_needs_confirmation_and_happens_once, |fixture| {
    let site = WebFixture::new(fixture).await;
    let path = format!("/p/{}", site.token(0, TokenPurpose::Preferences));
    let before = dump(fixture).await;

    let asked = site.post(&path, "action=erase").await;
    assert!(asked.body.contains("name=\"confirmed\""));
    assert_eq!(dump(fixture).await, before);

    for _ in 0..3 {
        let done = site.post(&path, "action=erase&confirmed=yes").await;
        assert_eq!(done.status, StatusCode::OK);
        assert!(done.body.contains("Your data is erased"));
    }
    assert!(!site.is_here(0).await);
    assert_eq!(site.unsubscribed().await, 1);
    assert!(!dump(fixture).await.contains("anna"));
});

both!(concurrent_erasures_count_once, |fixture| {
    let site = std::sync::Arc::new(WebFixture::new(fixture).await);
    let path = format!("/p/{}", site.token(0, TokenPurpose::Preferences));
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let (site, path) = (site.clone(), path.clone());
            tokio::spawn(async move { site.post(&path, "action=erase&confirmed=yes").await.status })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.expect("answered"), StatusCode::OK);
    }

    assert_eq!(site.unsubscribed().await, 1);
});

both!(view_in_browser_is_sandboxed_and_ends_with_erasure, |fixture| {
    let site = WebFixture::new(fixture).await;
    let path = format!("/v/{}", site.token(1, TokenPurpose::View));

    let message = site.get(&path).await;
    assert_eq!(message.status, StatusCode::OK);
    assert!(message.body.contains("Hello") && message.body.contains("Near you"), "{}", message.body);
    let policy = message.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("sandbox;") && policy.contains("default-src 'none'"), "{policy}");
    assert!(!message.body.contains("boris"));

    site.post(&format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe)), "").await;
    let gone = site.send(Method::GET, &path, &[("accept-language", "ru")], Body::empty()).await;
    assert_eq!(gone.status, StatusCode::OK);
    // The email was English.
    assert!(gone.body.contains("This email is no longer here"), "{}", gone.body);
});

both!(pages_show_the_brand_and_speak_the_language_of_the_email, |fixture| {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::Language, "ru").await.expect("set");
    let change = BrandChange {
        name: Some("Цветы & Ко".to_owned()),
        logo: Some("https://cdn.example.org/logo.png".to_owned()),
        color: Some("ffcc00".to_owned()),
        ..BrandChange::default()
    };
    brand::set(&mut tx, fixture.workspace.id, &change).await.expect("set");
    tx.commit().await.expect("committed");
    let site = WebFixture::new(fixture).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::Language, "en").await.expect("set");
    tx.commit().await.expect("committed");

    for purpose in [TokenPurpose::Unsubscribe, TokenPurpose::Preferences] {
        let kind = if purpose == TokenPurpose::Unsubscribe { "u" } else { "p" };
        let path = format!("/{kind}/{}", site.token(0, purpose));
        let page = site.send(Method::GET, &path, &[("accept-language", "en")], Body::empty()).await;
        assert!(page.body.contains("<html lang=\"ru\">"), "{}", page.body);
        assert!(
            page.body.contains("fill=\"#ffcc00\"") && page.body.contains("src=\"https://cdn.example.org/logo.png\"")
        );
        let name = page.body.contains("alt=\"Цветы &#38; Ко\"") || page.body.contains("alt=\"Цветы &amp; Ко\"");
        assert!(name, "{}", page.body);
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("img-src 'self' https://cdn.example.org;"), "{policy}");
    }
    let data = site.get(&format!("/p/{}", site.token(0, TokenPurpose::Preferences))).await.body;
    assert!(data.contains("<dt>Город</dt>") && data.contains("19 ноября 2026 года"), "{data}");
});
