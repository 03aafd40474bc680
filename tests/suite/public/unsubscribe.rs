//! Tests of the unsubscribe page and the one-click endpoint.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sendoff::audience::address::Address;
use sendoff::audience::tombstone;
use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sendoff::web::router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::fixture::{WebFixture, delivery_of, dump, join, launch};
use crate::fixture::both;

const MULTIPART: &str =
    "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";

both!(every_form_of_one_click_request_unsubscribes, |fixture| {
    let site = WebFixture::new(fixture).await;
    let everyone = ["a1@example.org", "a2@example.org", "a3@example.org", "a4@example.org", "a5@example.org"];
    let contacts = join(fixture, &site.news, &everyone).await;
    let campaign = launch(fixture, "forms", &site.news).await;
    let bodies = [
        ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click".to_owned()),
        ("multipart/form-data; boundary=x", MULTIPART.to_owned()),
        ("text/plain", String::new()),
        ("application/json", "{\"nonsense\": 1".to_owned()),
        ("application/octet-stream", "x".repeat(300_000)),
    ];
    for (contact, (kind, body)) in contacts.into_iter().zip(bodies) {
        let delivery = delivery_of(fixture, campaign, contact).await;
        let token = fixture
            .installation
            .signer
            .message_secret(DeliveryRef { campaign, delivery })
            .token(TokenPurpose::Unsubscribe);

        let path = format!("/u/{token}");
        let reply = site.send(Method::POST, &path, &[("content-type", kind)], Body::from(body)).await;

        assert_eq!(reply.status, StatusCode::OK, "{kind}");
        assert!(reply.header("location").is_none() && reply.header("set-cookie").is_none(), "{kind}");
        assert!(reply.body.len() < 4_096, "a small body");
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        assert!(sendoff::audience::contact::get(&mut conn, contact).await.expect("asked").is_none(), "{kind}");
    }
});

both!(client_that_disconnects_is_unsubscribed, |fixture| {
    let site = WebFixture::new(fixture).await;
    let path = format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe));
    let body = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());

    let gone = tokio::time::timeout(Duration::from_millis(500), site.send(Method::POST, &path, &[], body)).await;

    assert!(gone.is_err(), "the body never ends");
    assert!(!site.is_here(1).await);
});

both!(unsubscribe_leaves_a_tombstone_and_a_count, |fixture| {
    let site = WebFixture::new(fixture).await;

    let reply =
        site.post(&format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe)), "List-Unsubscribe=One-Click").await;

    assert!(reply.body.contains("Новости"), "{}", reply.body);
    assert!(!site.is_here(1).await);
    assert!(site.is_here(2).await);
    assert_eq!(site.unsubscribed().await, 1);
    let address = Address::parse("boris@example.org").expect("an address");
    let mark = tombstone::digest(&fixture.installation.keys.tombstone, fixture.workspace.id, &address);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let standing =
        tombstone::find_blocking(&mut conn, fixture.workspace.id, site.news.id, &[mark]).await.expect("asked");
    assert!(standing.contains(&mark));
    tokio::time::timeout(Duration::from_secs(1), site.erased.notified())
        .await
        .expect("the background eraser is notified");
});

both!(get_requests_of_scanners_change_nothing, |fixture| {
    let site = WebFixture::new(fixture).await;
    let before = dump(fixture).await;
    assert!(before.contains("anna@example.org") && before.contains("Казань"), "the dump sees rows");
    let paths = [
        format!("/u/{}", site.token(0, TokenPurpose::Unsubscribe)),
        format!("/u/{}/", site.token(0, TokenPurpose::Unsubscribe)),
        format!("/p/{}", site.token(0, TokenPurpose::Preferences)),
        format!("/v/{}", site.token(0, TokenPurpose::View)),
        format!("/u/{}?List-Unsubscribe=One-Click", site.token(0, TokenPurpose::Unsubscribe)),
    ];
    let agents = [
        ("user-agent", "Mozilla/5.0 (compatible; Barracuda Sentinel)"),
        ("sec-purpose", "prefetch;prerender"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    for round in 0..1_000 {
        let method = [Method::GET, Method::HEAD, Method::OPTIONS, Method::GET][round % 4].clone();
        let is_options = method == Method::OPTIONS;
        let reply = site.send(method, &paths[round % 5], &[agents[round % 3]], Body::empty()).await;
        assert_eq!(reply.status, if is_options { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::OK });
    }
    site.state.recorder.flush().await;

    assert_eq!(dump(fixture).await, before);
});

both!(headers_and_body_of_an_unsubscribe_are_ignored, |fixture| {
    let site = WebFixture::new(fixture).await;
    let path = format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe));
    let hostile = [
        ("cookie", "session=garbage; \u{1}"),
        ("authorization", "Bearer garbage"),
        ("origin", "https://evil.example"),
        ("referer", "https://evil.example/<script>alert(1)</script>"),
        ("sec-fetch-site", "cross-site"),
        ("user-agent", "<script>alert(1)</script>"),
        ("x-forwarded-for", "203.0.113.7"),
    ];
    let headers: Vec<_> = hostile.iter().filter(|(_, value)| !value.contains('\u{1}')).copied().collect();

    let reply = site.send(Method::POST, &path, &headers, Body::from("List-Unsubscribe=One-Click")).await;

    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.body.contains("script"));
    assert!(!site.is_here(1).await);
});

both!(repeated_unsubscribe_answers_the_same, |fixture| {
    let site = WebFixture::new(fixture).await;
    let token = site.token(1, TokenPurpose::Unsubscribe);

    let first = site.post(&format!("/u/{token}"), "").await;
    let second = site.post(&format!("/u/{token}"), "").await;
    let slashed = site.post(&format!("/u/{token}/"), "").await;

    assert_eq!(first.body, second.body);
    assert_eq!(first.body, slashed.body.replace("../../", "../"));
    assert_eq!([second.status, slashed.status], [StatusCode::OK; 2]);
    assert_eq!(site.unsubscribed().await, 1);
    let page = site.get(&format!("/u/{token}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("You are not subscribed") && !page.body.contains("<form"));
});

both!(hundred_concurrent_requests_are_one_erasure, |fixture| {
    let site = Arc::new(WebFixture::new(fixture).await);
    let path = format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe));
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let (site, path) = (site.clone(), path.clone());
            tokio::spawn(async move { site.post(&path, "List-Unsubscribe=One-Click").await.status })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.expect("answered"), StatusCode::OK);
    }

    // A slow database leaves some of them recorded, to be executed before anything is sent.
    site.state.journal.replay().await.expect("executed");
    assert_eq!(site.unsubscribed().await, 1);
    let log = std::fs::read_to_string(fixture.installation.config.journal_dir().join("erasures.log")).expect("a log");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(site.state.journal.is_empty());
});

both!(token_of_another_purpose_or_a_changed_one_is_refused, |fixture| {
    let site = WebFixture::new(fixture).await;
    let before = dump(fixture).await;
    let token = site.token(1, TokenPurpose::Unsubscribe);
    let bytes = URL_SAFE_NO_PAD.decode(&token).expect("base64url");
    let mut bad: Vec<String> = [TokenPurpose::Open, TokenPurpose::Click, TokenPurpose::Preferences, TokenPurpose::View]
        .map(|door| site.token(1, door))
        .to_vec();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        bad.push(URL_SAFE_NO_PAD.encode(changed));
    }
    bad.extend([token[..43].to_owned(), format!("{token}A"), "%00".to_owned(), "x".repeat(5_000)]);
    let mut texts = Vec::new();
    for bad in bad {
        for reply in [site.post(&format!("/u/{bad}"), "").await, site.get(&format!("/u/{bad}")).await] {
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{bad}");
            texts.push(reply.body);
        }
    }

    texts.dedup();
    assert_eq!(texts.len(), 1, "one answer to all of them");
    assert_eq!(dump(fixture).await, before);
});

both!(unsubscribe_shows_link_to_other_lists, |fixture| {
    let site = WebFixture::new(fixture).await;
    launch(fixture, "offers", &site.offers).await;

    let reply = site.post(&format!("/u/{}", site.token(0, TokenPurpose::Unsubscribe)), "").await;

    assert!(site.is_here(0).await);
    let start = reply.body.find("/p/").expect("a link to the preferences");
    let link = &reply.body[start..start + 3 + 44];
    let page = site.get(link).await;
    assert!(page.body.contains("Offers") && !page.body.contains("Новости"), "{}", page.body);
});

both!(tokens_of_a_test_message_change_nothing, |fixture| {
    let site = WebFixture::new(fixture).await;
    let before = dump(fixture).await;
    let stem = fixture.installation.signer.message_secret(DeliveryRef { campaign: site.campaign, delivery: 0 });
    for (path, body) in [
        (format!("/u/{}", stem.token(TokenPurpose::Unsubscribe)), "List-Unsubscribe=One-Click"),
        (format!("/p/{}", stem.token(TokenPurpose::Preferences)), "action=erase&sure=yes"),
    ] {
        for reply in [site.get(&path).await, site.post(&path, body).await] {
            assert_eq!(reply.status, StatusCode::OK);
            assert!(reply.body.contains("test email"), "{}", reply.body);
        }
    }
    let click = site.get(&format!("/c/{}/0", stem.token(TokenPurpose::Click))).await;
    assert_eq!(click.status, StatusCode::FOUND);
    site.get(&format!("/o/{}.gif", stem.token(TokenPurpose::Open))).await;
    site.state.recorder.flush().await;

    assert_eq!(dump(fixture).await, before);
});

both!(raw_one_click_request_over_tcp_is_answered, |fixture| {
    let site = WebFixture::new(fixture).await;
    let public = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let desk = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = public.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(router::serve(site.state.clone(), public, desk, async move { drop(stopped.await) }));
    let path = format!("/u/{}", site.token(2, TokenPurpose::Unsubscribe));
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: news.example.org\r\nContent-Type: multipart/form-data; boundary=x\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{MULTIPART}",
        MULTIPART.len()
    );

    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");

    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(!answer.to_lowercase().contains("\r\nset-cookie:") && !answer.to_lowercase().contains("\r\nlocation:"));
    assert!(!site.is_here(2).await);
    stop.send(()).expect("asked to stop");
    let served = tokio::time::timeout(Duration::from_secs(5), serving).await.expect("stops").expect("no panic");
    served.expect("served");
});
