//! One click, and what must not count as one.

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

use super::fixture::{Stage, delivery_of, dump, join, launch};
use crate::fixture::both;

const MULTIPART: &str =
    "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";

both!(every_form_of_the_one_click_request_leaves, |fixture| {
    let stage = Stage::new(fixture).await;
    let everyone = ["a1@example.org", "a2@example.org", "a3@example.org", "a4@example.org", "a5@example.org"];
    let contacts = join(fixture, &stage.news, &everyone).await;
    let campaign = launch(fixture, "forms", &stage.news).await;
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
        let reply = stage.send(Method::POST, &path, &[("content-type", kind)], Body::from(body)).await;

        assert_eq!(reply.status, StatusCode::OK, "{kind}");
        assert!(reply.header("location").is_none() && reply.header("set-cookie").is_none(), "{kind}");
        assert!(reply.body.len() < 4_096, "a small body");
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        assert!(sendoff::audience::contact::get(&mut conn, contact).await.expect("asked").is_none(), "{kind}");
    }
});

both!(who_hangs_up_before_the_answer_has_left_all_the_same, |fixture| {
    let stage = Stage::new(fixture).await;
    let path = format!("/u/{}", stage.token(1, TokenPurpose::Unsubscribe));
    let body = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());

    let gone = tokio::time::timeout(Duration::from_millis(500), stage.send(Method::POST, &path, &[], body)).await;

    assert!(gone.is_err(), "the body never ends");
    assert!(!stage.is_here(1).await);
});

both!(whoever_leaves_is_gone_with_a_tombstone_and_one_number, |fixture| {
    let stage = Stage::new(fixture).await;

    let reply =
        stage.post(&format!("/u/{}", stage.token(1, TokenPurpose::Unsubscribe)), "List-Unsubscribe=One-Click").await;

    assert!(reply.body.contains("Новости"), "{}", reply.body);
    assert!(!stage.is_here(1).await);
    assert!(stage.is_here(2).await);
    assert_eq!(stage.unsubscribed().await, 1);
    let address = Address::parse("boris@example.org").expect("an address");
    let mark = tombstone::digest(&fixture.installation.keys.tombstone, fixture.workspace.id, &address);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let standing =
        tombstone::find_blocking(&mut conn, fixture.workspace.id, stage.news.id, &[mark]).await.expect("asked");
    assert!(standing.contains(&mark));
    tokio::time::timeout(Duration::from_secs(1), stage.erased.notified()).await.expect("the sweeper is told");
});

both!(a_thousand_scanners_change_nothing, |fixture| {
    let stage = Stage::new(fixture).await;
    let before = dump(fixture).await;
    assert!(before.contains("anna@example.org") && before.contains("Казань"), "the dump sees rows");
    let paths = [
        format!("/u/{}", stage.token(0, TokenPurpose::Unsubscribe)),
        format!("/u/{}/", stage.token(0, TokenPurpose::Unsubscribe)),
        format!("/p/{}", stage.token(0, TokenPurpose::Preferences)),
        format!("/v/{}", stage.token(0, TokenPurpose::View)),
        format!("/u/{}?List-Unsubscribe=One-Click", stage.token(0, TokenPurpose::Unsubscribe)),
    ];
    let agents = [
        ("user-agent", "Mozilla/5.0 (compatible; Barracuda Sentinel)"),
        ("sec-purpose", "prefetch;prerender"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    for round in 0..1_000 {
        let method = [Method::GET, Method::HEAD, Method::OPTIONS, Method::GET][round % 4].clone();
        let is_options = method == Method::OPTIONS;
        let reply = stage.send(method, &paths[round % 5], &[agents[round % 3]], Body::empty()).await;
        assert_eq!(reply.status, if is_options { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::OK });
    }
    stage.app.recorder.flush().await;

    assert_eq!(dump(fixture).await, before);
});

both!(nothing_but_the_token_is_needed_or_looked_at, |fixture| {
    let stage = Stage::new(fixture).await;
    let path = format!("/u/{}", stage.token(1, TokenPurpose::Unsubscribe));
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

    let reply = stage.send(Method::POST, &path, &headers, Body::from("List-Unsubscribe=One-Click")).await;

    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.body.contains("script"));
    assert!(!stage.is_here(1).await);
});

both!(the_second_time_reads_like_the_first, |fixture| {
    let stage = Stage::new(fixture).await;
    let token = stage.token(1, TokenPurpose::Unsubscribe);

    let first = stage.post(&format!("/u/{token}"), "").await;
    let second = stage.post(&format!("/u/{token}"), "").await;
    let slashed = stage.post(&format!("/u/{token}/"), "").await;

    assert_eq!(first.body, second.body);
    assert_eq!(first.body, slashed.body.replace("../../", "../"));
    assert_eq!([second.status, slashed.status], [StatusCode::OK; 2]);
    assert_eq!(stage.unsubscribed().await, 1);
    let page = stage.get(&format!("/u/{token}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("You are not on") && !page.body.contains("<form"));
});

both!(a_hundred_requests_at_once_are_one_erasure, |fixture| {
    let stage = Arc::new(Stage::new(fixture).await);
    let path = format!("/u/{}", stage.token(1, TokenPurpose::Unsubscribe));
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let (stage, path) = (stage.clone(), path.clone());
            tokio::spawn(async move { stage.post(&path, "List-Unsubscribe=One-Click").await.status })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.expect("answered"), StatusCode::OK);
    }

    // A database that is slow to answer leaves some of them noted, to be carried out before anything is sent.
    stage.app.journal.replay().await.expect("carried out");
    assert_eq!(stage.unsubscribed().await, 1);
    let log = std::fs::read_to_string(fixture.installation.config.journal_dir().join("erasures.log")).expect("a log");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(stage.app.journal.is_empty());
});

both!(a_token_of_another_door_or_a_changed_one_opens_nothing, |fixture| {
    let stage = Stage::new(fixture).await;
    let before = dump(fixture).await;
    let token = stage.token(1, TokenPurpose::Unsubscribe);
    let bytes = URL_SAFE_NO_PAD.decode(&token).expect("base64url");
    let mut bad: Vec<String> = [TokenPurpose::Open, TokenPurpose::Click, TokenPurpose::Preferences, TokenPurpose::View]
        .map(|door| stage.token(1, door))
        .to_vec();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        bad.push(URL_SAFE_NO_PAD.encode(changed));
    }
    bad.extend([token[..43].to_owned(), format!("{token}A"), "%00".to_owned(), "x".repeat(5_000)]);
    let mut texts = Vec::new();
    for bad in bad {
        for reply in [stage.post(&format!("/u/{bad}"), "").await, stage.get(&format!("/u/{bad}")).await] {
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{bad}");
            texts.push(reply.body);
        }
    }

    texts.dedup();
    assert_eq!(texts.len(), 1, "one answer to all of them");
    assert_eq!(dump(fixture).await, before);
});

both!(who_is_on_another_list_is_shown_the_way_to_it, |fixture| {
    let stage = Stage::new(fixture).await;
    launch(fixture, "offers", &stage.offers).await;

    let reply = stage.post(&format!("/u/{}", stage.token(0, TokenPurpose::Unsubscribe)), "").await;

    assert!(stage.is_here(0).await);
    let start = reply.body.find("/p/").expect("a link to the preferences");
    let link = &reply.body[start..start + 3 + 44];
    let page = stage.get(link).await;
    assert!(page.body.contains("Offers") && !page.body.contains("Новости"), "{}", page.body);
});

both!(a_test_letter_changes_nothing, |fixture| {
    let stage = Stage::new(fixture).await;
    let before = dump(fixture).await;
    let stem = fixture.installation.signer.message_secret(DeliveryRef { campaign: stage.campaign, delivery: 0 });
    for (path, body) in [
        (format!("/u/{}", stem.token(TokenPurpose::Unsubscribe)), "List-Unsubscribe=One-Click"),
        (format!("/p/{}", stem.token(TokenPurpose::Preferences)), "action=erase&sure=yes"),
    ] {
        for reply in [stage.get(&path).await, stage.post(&path, body).await] {
            assert_eq!(reply.status, StatusCode::OK);
            assert!(reply.body.contains("test letter"), "{}", reply.body);
        }
    }
    let click = stage.get(&format!("/c/{}/0", stem.token(TokenPurpose::Click))).await;
    assert_eq!(click.status, StatusCode::FOUND);
    stage.get(&format!("/o/{}.gif", stem.token(TokenPurpose::Open))).await;
    stage.app.recorder.flush().await;

    assert_eq!(dump(fixture).await, before);
});

both!(a_mailbox_provider_speaks_bytes, |fixture| {
    let stage = Stage::new(fixture).await;
    let public = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let desk = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = public.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(router::serve(stage.app.clone(), public, desk, async move { drop(stopped.await) }));
    let path = format!("/u/{}", stage.token(2, TokenPurpose::Unsubscribe));
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
    assert!(!stage.is_here(2).await);
    stop.send(()).expect("asked to stop");
    let served = tokio::time::timeout(Duration::from_secs(5), serving).await.expect("stops").expect("no panic");
    served.expect("served");
});
