//! Tests of opens and clicks.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use sendoff::feedback::event;
use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sendoff::web::public::track::PIXEL;
use sendoff::web::router;
use sqlx::Row;

use super::fixture::{SHOP, WebFixture, launch, send};
use crate::fixture::both;

async fn counts(site: &WebFixture) -> Vec<(String, i32, i64)> {
    site.state.recorder.flush().await;
    let mut conn = site.state.installation.db.read().await.expect("a connection");
    let counts = event::count(&mut conn, site.campaign).await.expect("counted");
    counts.into_iter().map(|(kind, position, count)| (kind.to_string(), position, count)).collect()
}

both!(pixel_answers_every_request_the_same, |fixture| {
    let site = WebFixture::new(fixture).await;
    let good = format!("/o/{}.gif", site.token(0, TokenPurpose::Open));
    let bad = [
        format!("/o/{}.gif", site.token(0, TokenPurpose::Click)),
        "/o/x.gif".to_owned(),
        "/o/%ff%fe.gif".to_owned(),
        "/o/a/b/c".to_owned(),
        format!("/o/{}", "y".repeat(3_000)),
    ];
    let first = site.get(&good).await;

    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.header("content-type"), Some("image/gif"));
    assert_eq!(first.header("cache-control"), Some("no-store"));
    assert_eq!(first.header("content-length"), Some("43"));
    assert!(first.header("set-cookie").is_none());
    assert_eq!(PIXEL.len(), 43);
    for path in bad {
        let reply = site.get(&path).await;
        assert_eq!((reply.status, &reply.headers, &reply.body), (first.status, &first.headers, &first.body), "{path}");
    }
    assert_eq!(counts(&site).await, [("open".to_owned(), 0, 1)]);
});

both!(click_redirects_to_the_destination_at_launch_and_is_counted, |fixture| {
    let site = WebFixture::new(fixture).await;

    let reply = site.get(&format!("/c/{}/0", site.token(0, TokenPurpose::Click))).await;

    assert_eq!(reply.status, StatusCode::FOUND);
    assert_eq!(reply.header("location"), Some(SHOP));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    assert!(reply.header("set-cookie").is_none());
    assert_eq!(counts(&site).await, [("click".to_owned(), 0, 1)]);
});

both!(prefetch_and_head_are_not_counted, |fixture| {
    let site = WebFixture::new(fixture).await;
    let click = format!("/c/{}/0", site.token(0, TokenPurpose::Click));
    let open = format!("/o/{}.gif", site.token(0, TokenPurpose::Open));
    for (method, header) in [
        (Method::HEAD, ("accept", "*/*")),
        (Method::GET, ("purpose", "prefetch")),
        (Method::GET, ("sec-purpose", "prefetch;prerender")),
        (Method::GET, ("x-moz", "prefetch")),
    ] {
        let reply = site.send(method.clone(), &click, &[header], Body::empty()).await;
        assert_eq!(reply.header("location"), Some(SHOP));
        site.send(method, &open, &[header], Body::empty()).await;
    }

    assert_eq!(counts(&site).await, []);
});

both!(click_of_an_erased_contact_redirects, |fixture| {
    let site = WebFixture::new(fixture).await;
    let click = format!("/c/{}/0", site.token(1, TokenPurpose::Click));
    site.post(&format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe)), "").await;
    assert!(!site.is_here(1).await);

    assert_eq!(site.get(&click).await.header("location"), Some(SHOP));
    assert_eq!(counts(&site).await, []);
});

both!(unknown_link_positions_are_not_found, |fixture| {
    let site = WebFixture::new(fixture).await;
    let token = site.token(0, TokenPurpose::Click);
    let forged = site.token(0, TokenPurpose::Open);
    for path in [
        format!("/c/{token}/1"),
        format!("/c/{token}/2"),
        format!("/c/{token}/-1"),
        format!("/c/{token}/+0"),
        format!("/c/{token}/00"),
        format!("/c/{token}/99999999999"),
        format!("/c/{token}/0x"),
        format!("/c/{token}"),
        format!("/c/{forged}/0"),
        format!("/c/{}/0", &token[..40]),
        "/c//0".to_owned(),
    ] {
        let reply = site.get(&path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert!(reply.header("location").is_none(), "{path}");
    }
    assert_eq!(counts(&site).await, []);
});

both!(campaign_launched_later_is_read_on_its_first_click, |fixture| {
    let site = WebFixture::new(fixture).await;
    let campaign = launch(fixture, "later", &site.news).await;
    let token =
        fixture.installation.signer.message_secret(DeliveryRef { campaign, delivery: 1 }).token(TokenPurpose::Click);

    assert_eq!(site.get(&format!("/c/{token}/0")).await.header("location"), Some(SHOP));
});

both!(personal_link_needs_a_valid_tag, |fixture| {
    let site = WebFixture::new(fixture).await;
    let stem = fixture.installation.signer.message_secret(site.delivery(0));
    let token = stem.token(TokenPurpose::Click);
    let path = |position: usize, to: &str, tag: &str| {
        format!("/c/{token}/{position}/{}/{tag}", URL_SAFE_NO_PAD.encode(to.as_bytes()))
    };
    let to = "https://shop.example.org/Казань?x=1";

    let reply = site.get(&path(1, to, &stem.destination_tag(1, to))).await;
    assert_eq!(reply.status, StatusCode::FOUND);
    assert_eq!(reply.header("location"), Some("https://shop.example.org/%D0%9A%D0%B0%D0%B7%D0%B0%D0%BD%D1%8C?x=1"));

    let other = fixture.installation.signer.message_secret(site.delivery(2)).destination_tag(1, to);
    for (position, to, tag) in [
        (0, to, stem.destination_tag(1, to)),
        (1, "https://evil.example", stem.destination_tag(1, to)),
        (1, to, other),
        (1, to, String::from("x")),
        (1, "javascript:alert(1)", stem.destination_tag(1, "javascript:alert(1)")),
        (1, "//evil.example", stem.destination_tag(1, "//evil.example")),
    ] {
        let reply = site.get(&path(position, to, &tag)).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::NOT_FOUND, None), "{to}");
    }
    assert_eq!(counts(&site).await, [("click".to_owned(), 1, 1)]);
});

both!(random_requests_never_redirect_elsewhere, |fixture| {
    let site = WebFixture::new(fixture).await;
    let good = site.token(0, TokenPurpose::Click);
    let alphabet: Vec<char> = "ABCxyz012-_%/\\.@:?&=#".chars().collect();
    let mut redirected = 0;
    for round in 0..3_000 {
        let path = {
            let mut rng = rand::rng();
            let mut token: Vec<u8> = good.bytes().collect();
            for _ in 0..rng.random_range(0..3) {
                let at = rng.random_range(0..token.len());
                token[at] = b"ABCDabcd0123-_"[rng.random_range(0..14)];
            }
            let token = String::from_utf8(token).expect("ASCII");
            let junk: String =
                (0..rng.random_range(0..30)).map(|_| alphabet[rng.random_range(0..alphabet.len())]).collect();
            match round % 4 {
                0 => format!("/c/{token}/{}", rng.random_range(0..3)),
                1 => format!("/c/{token}/0?url=https://evil.example/{junk}"),
                2 => format!("/c/{token}/1/{}/{junk}", URL_SAFE_NO_PAD.encode("https://evil.example")),
                _ => format!("/c/{token}/{junk}"),
            }
        };
        if path.parse::<axum::http::Uri>().is_err() {
            continue;
        }
        let reply = site.get(&path).await;
        if let Some(location) = reply.header("location") {
            assert_eq!(location, SHOP, "{path}");
            redirected += 1;
        }
    }
    assert!(redirected > 0, "the untouched tokens among them still lead to the shop");
});

both!(answers_from_memory_equal_those_of_the_router, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (open, click) = (site.token(0, TokenPurpose::Open), site.token(1, TokenPurpose::Click));
    let paths = [
        format!("/o/{open}.gif"),
        "/o/x.gif".to_owned(),
        "/o/".to_owned(),
        format!("/c/{click}/0"),
        format!("/c/{click}/00"),
        format!("/c/{click}/99"),
        format!("/c/{click}/0/"),
        format!("/c/{open}/0"),
        "/c/".to_owned(),
        "/".to_owned(),
    ];
    for method in [Method::GET, Method::HEAD, Method::POST] {
        for path in &paths {
            let long = site.send(method.clone(), path, &[], Body::empty()).await;
            let service = router::public_service(site.state.clone());
            let mut short = send(service, method.clone(), path, &[], Body::empty()).await;

            // The server adds the length of a body itself.
            if let Some(length) = long.headers.get("content-length") {
                short.headers.entry("content-length").or_insert(length.clone());
            }
            assert_eq!(
                (short.status, short.body, short.headers),
                (long.status, long.body, long.headers),
                "{method} {path}"
            );
        }
    }
    site.state.recorder.flush().await;
    let mut conn = site.state.installation.db.read().await.expect("a connection");
    let rows = sqlx::query("select kind, count(*) from event group by kind order by kind").fetch_all(&mut *conn).await;
    let kinds: Vec<(String, i64)> = rows.expect("counted").iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(kinds, [("click".to_owned(), 2), ("open".to_owned(), 2)], "once from memory, once by the router");
});
