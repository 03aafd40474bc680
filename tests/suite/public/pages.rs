//! What every page has, and the page that shows what is held.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use sendoff::infra::setting::{self, Setting};
use sendoff::infra::token::TokenPurpose;
use sendoff::web::router;
use sendoff::web::state::WebState;
use url::Url;

use super::fixture::{Stage, dump, launch, send};
use crate::fixture::both;

const HEADERS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-robots-tag", "noindex, nofollow"),
    ("cache-control", "no-store"),
    ("content-security-policy", ""),
];

both!(every_answer_is_protected_and_sets_no_cookie, |fixture| {
    let stage = Stage::new(fixture).await;
    let paths = [
        ("/".to_owned(), 200),
        ("/healthz".to_owned(), 200),
        ("/robots.txt".to_owned(), 200),
        ("/nowhere".to_owned(), 404),
        ("/u/short".to_owned(), 400),
        ("/c/short/0".to_owned(), 404),
        ("/o/short.gif".to_owned(), 200),
        (format!("/c/{}/0", stage.token(0, TokenPurpose::Click)), 302),
        (format!("/u/{}", stage.token(0, TokenPurpose::Unsubscribe)), 200),
        (format!("/p/{}", stage.token(0, TokenPurpose::Preferences)), 200),
        (format!("/v/{}", stage.token(0, TokenPurpose::View)), 200),
    ];
    for (path, status) in paths {
        let reply = stage.get(&path).await;
        assert_eq!(reply.status.as_u16(), status, "{path}");
        for (name, value) in HEADERS {
            let found = reply.header(name).unwrap_or_else(|| panic!("{path} has no {name}"));
            assert!(found.contains(value), "{path}: {name}: {found}");
        }
        assert!(reply.header("set-cookie").is_none(), "{path}");
        assert!(reply.header("strict-transport-security").is_none(), "{path} is not https");
        assert!(!reply.body.contains("<script"), "{path}");
        let is_letter = path.starts_with("/v/");
        let asks_nobody = !reply.body.contains("http://") && !reply.body.contains("https://");
        assert!(is_letter || (asks_nobody && !reply.body.contains("style=\"")), "{path}");
    }
});

both!(pages_find_each_other_below_a_folder_of_the_public_host, |fixture| {
    let stage = Stage::new(fixture).await;
    for path in [
        format!("/u/{}", stage.token(0, TokenPurpose::Unsubscribe)),
        format!("/u/{}/", stage.token(0, TokenPurpose::Unsubscribe)),
        format!("/p/{}", stage.token(0, TokenPurpose::Preferences)),
        "/c/short/0".to_owned(),
    ] {
        let page = Url::parse(&format!("https://x.example/mail{path}")).expect("a URL");
        let body = stage.get(&path).await.body;
        let targets = body.split(['"']).collect::<Vec<_>>();
        let links = targets.windows(2).filter(|pair| pair[0].ends_with("href=") || pair[0].ends_with("action="));
        for link in links.map(|pair| pair[1]) {
            let led = page.join(link).expect(link);
            let inner = led.path().strip_prefix("/mail").unwrap_or_else(|| panic!("{path} leads to {led}"));
            assert!(stage.get(inner).await.status.is_success(), "{path} leads to {led}");
        }
    }
});

both!(over_https_a_browser_is_told_to_stay_there, |fixture| {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "https://news.example.org").await.expect("set");
    setting::set(&mut tx, Setting::Language, "ru").await.expect("set");
    tx.commit().await.expect("committed");
    let app = WebState::open(fixture.installation.clone(), std::sync::Arc::default()).await.expect("opens");

    let reply = send(router::public(app), Method::GET, "/", &[("accept-language", "de")], Body::empty()).await;

    assert!(reply.header("strict-transport-security").is_some());
    assert!(reply.body.contains("lang=\"ru\"") && reply.body.contains("Отсюда отправляются письма"));
});

both!(refusals_are_pages_with_a_next_step, |fixture| {
    let stage = Stage::new(fixture).await;
    let unsubscribe = format!("/u/{}", stage.token(0, TokenPurpose::Unsubscribe));
    let preferences = format!("/p/{}", stage.token(0, TokenPurpose::Preferences));
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (method, path, body, status) in [
        (Method::GET, "/nowhere", String::new(), StatusCode::NOT_FOUND),
        (Method::DELETE, unsubscribe.as_str(), String::new(), StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/c/x/0", String::new(), StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, preferences.as_str(), "x".repeat(200_000), StatusCode::PAYLOAD_TOO_LARGE),
        (Method::POST, preferences.as_str(), "action=dance".to_owned(), StatusCode::BAD_REQUEST),
        (Method::POST, preferences.as_str(), "action=leave&list=me".to_owned(), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let headers = [form, ("accept-language", "ru-RU,ru;q=0.9")];
        let reply = stage.send(method, path, &headers, Body::from(body)).await;
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.body.contains("<h1>") && reply.body.contains("lang=\"ru\""), "{path}: {}", reply.body);
        assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{path}");
    }
    let head = stage.send(Method::HEAD, "/nowhere", &[], Body::empty()).await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::NOT_FOUND, ""));
});

both!(the_stylesheet_and_icon_of_a_page_are_there, |fixture| {
    let stage = Stage::new(fixture).await;
    let page = stage.get("/").await.body;
    let paths: Vec<&str> = page.split('"').filter(|part| part.starts_with("static/")).collect();

    assert_eq!(paths.len(), 2);
    for path in paths {
        let reply = stage.get(&format!("/{path}")).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert!(reply.header("cache-control").is_some_and(|value| value.contains("immutable")));
    }
    assert_eq!(stage.get("/static/other.css").await.status, StatusCode::NOT_FOUND);
});

both!(the_unsubscribe_page_names_the_list_and_masks_the_address, |fixture| {
    let stage = Stage::new(fixture).await;
    let token = stage.token(0, TokenPurpose::Unsubscribe);

    let page = stage.get(&format!("/u/{token}")).await.body;

    assert!(page.contains("Новости") && page.contains("a***@e***.org"), "{page}");
    assert!(!page.contains("anna"), "{page}");
    assert_eq!(page.matches("<button").count(), 1);
    assert!(page.contains(&format!("<form method=\"post\" action=\"../u/{token}\">")));
    assert!(page.contains(&format!("/p/{}", stage.token(0, TokenPurpose::Preferences))));
});

both!(preferences_show_everything_held_and_why, |fixture| {
    let stage = Stage::new(fixture).await;
    stage.get(&format!("/c/{}/0", stage.token(0, TokenPurpose::Click))).await;
    stage.app.recorder.flush().await;

    let page = stage.get(&format!("/p/{}", stage.token(0, TokenPurpose::Preferences))).await.body;

    for shown in [
        "a***@e***.org",
        "Новости",
        "Offers",
        "city",
        "Казань",
        "You agreed to it",
        "export 17",
        "checkout &#60;form&#62;",
        "2026-11-19",
        "1 letter to you",
        "0 openings",
        "1 click.",
    ] {
        assert!(page.contains(shown), "{shown} is missing: {page}");
    }
    assert!(!page.contains("anna"));
});

both!(preferences_leave_one_list_and_then_the_last, |fixture| {
    let stage = Stage::new(fixture).await;
    launch(fixture, "offers", &stage.offers).await;
    let path = format!("/p/{}", stage.token(0, TokenPurpose::Preferences));

    let page = stage.post(&path, &format!("action=leave&list={}", stage.news.id)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("You are unsubscribed from “Новости”") && page.body.contains("Offers"), "{}", page.body);
    assert!(stage.is_here(0).await);

    let start = page.body.find("action=\"../p/").expect("a form") + 10;
    let next = &page.body[start..start + 3 + 44];
    assert_ne!(next, path, "the letter of the list that was left is no longer on record");
    let last = stage.post(next, &format!("action=leave&list={}", stage.offers.id)).await;
    assert!(last.body.contains("That was your last list"), "{}", last.body);
    assert!(!stage.is_here(0).await);

    let after = stage.get(&path).await;
    assert_eq!(after.status, StatusCode::OK);
    assert!(after.body.contains("Nothing is held here"));
    let again = stage.post(next, &format!("action=leave&list={}", stage.offers.id)).await;
    assert_eq!(again.status, StatusCode::OK);
});

both!(nobody_leaves_a_list_of_someone_else, |fixture| {
    let stage = Stage::new(fixture).await;
    let before = dump(fixture).await;

    let path = format!("/p/{}", stage.token(1, TokenPurpose::Preferences));
    let page = stage.post(&path, &format!("action=leave&list={}", stage.offers.id)).await;

    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("You have left"), "{}", page.body);
    assert_eq!(dump(fixture).await, before);
});

both!(erasing_asks_once_more_and_is_done_once, |fixture| {
    let stage = Stage::new(fixture).await;
    let path = format!("/p/{}", stage.token(0, TokenPurpose::Preferences));
    let before = dump(fixture).await;

    let asked = stage.post(&path, "action=erase").await;
    assert!(asked.body.contains("name=\"sure\""));
    assert_eq!(dump(fixture).await, before);

    for _ in 0..3 {
        let done = stage.post(&path, "action=erase&sure=yes").await;
        assert_eq!(done.status, StatusCode::OK);
        assert!(done.body.contains("You are erased"));
    }
    assert!(!stage.is_here(0).await);
    assert_eq!(stage.unsubscribed().await, 1);
    assert!(!dump(fixture).await.contains("anna"));
});

both!(erasing_at_the_same_moment_counts_once, |fixture| {
    let stage = std::sync::Arc::new(Stage::new(fixture).await);
    let path = format!("/p/{}", stage.token(0, TokenPurpose::Preferences));
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let (stage, path) = (stage.clone(), path.clone());
            tokio::spawn(async move { stage.post(&path, "action=erase&sure=yes").await.status })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.expect("answered"), StatusCode::OK);
    }

    assert_eq!(stage.unsubscribed().await, 1);
});

both!(a_letter_opens_in_a_sandbox_until_its_reader_is_gone, |fixture| {
    let stage = Stage::new(fixture).await;
    let path = format!("/v/{}", stage.token(1, TokenPurpose::View));

    let letter = stage.get(&path).await;
    assert_eq!(letter.status, StatusCode::OK);
    assert!(letter.body.contains("Hello") && letter.body.contains("Near you"), "{}", letter.body);
    let policy = letter.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("sandbox;") && policy.contains("default-src 'none'"), "{policy}");
    assert!(!letter.body.contains("boris"));

    stage.post(&format!("/u/{}", stage.token(1, TokenPurpose::Unsubscribe)), "").await;
    let gone = stage.send(Method::GET, &path, &[("accept-language", "ru")], Body::empty()).await;
    assert_eq!(gone.status, StatusCode::OK);
    assert!(gone.body.contains("Этого письма здесь больше нет"), "{}", gone.body);
});
