//! The desk and the capture inbox.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use sendoff::audience::address::Address;
use sendoff::campaign::delivery;
use sendoff::campaign::lifecycle;
use sendoff::infra::setting::{self, Setting};
use sendoff::infra::token::TokenPurpose;
use sendoff::mailer::transport::eml_store::EmlStore;
use sendoff::web::router;
use sendoff::web::state::WebState;
use tokio::net::TcpListener;

use super::fixture::{Reply, Stage, send};
use crate::canary;
use crate::fixture::{Fixture, both};

const HERE: (&str, &str) = ("host", "127.0.0.1:8081");

async fn look(stage: &Stage, path: &str) -> Reply {
    send(router::desk(stage.app.clone()), Method::GET, path, &[HERE], Body::empty()).await
}

fn capture(fixture: &Fixture, public_url: &str, token: &str) -> String {
    let letter = format!(
        "From: Shop <news@example.org>\r\nTo: anna@example.org\r\nSubject: =?utf-8?B?0J/RgNC40LLQtdGC?=\r\n\
         List-Unsubscribe: <mailto:leave@example.org>,\r\n <{public_url}/u/{token}>\r\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         Привет, Анна\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Привет, <b>Анна</b><script>1</script>\r\n--b--\r\n"
    );
    let to = Address::parse("anna@example.org").expect("an address");
    EmlStore::of_capture(&fixture.installation).store(&to, letter.as_bytes()).expect("captured")
}

both!(the_desk_shows_campaigns_and_lists_with_their_numbers, |fixture| {
    let stage = Stage::new(fixture).await;
    stage.get(&format!("/o/{}.gif", stage.token(1, TokenPurpose::Open))).await;
    stage.app.recorder.flush().await;
    let before = look(&stage, "/").await.body;
    stage.post(&format!("/u/{}", stage.token(1, TokenPurpose::Unsubscribe)), "").await;
    let after = look(&stage, "/").await.body;

    for (page, left, people) in [(&before, 0, 3), (&after, 1, 2)] {
        for shown in [
            "autumn".to_owned(),
            "running".to_owned(),
            "max=\"3\" value=\"3\"".to_owned(),
            "<dt>accepted</dt><dd>3</dd>".to_owned(),
            "<dt>opened</dt><dd>1</dd>".to_owned(),
            format!("<dt>left</dt><dd>{left}</dd>"),
            format!("<dt>Новости</dt><dd>{people}</dd>"),
        ] {
            assert!(page.contains(&shown), "{shown} is missing: {page}");
        }
    }
});

both!(a_running_campaign_shows_its_rate_and_end_and_asks_for_itself_again, |fixture| {
    let installation = &fixture.installation;
    let list = canary::list(fixture, "News").await;
    let people: Vec<_> =
        (0..100).map(|n| (canary::address(&format!("p{n}@example.org")), Default::default())).collect();
    canary::join(fixture, &list, &people).await;
    let (campaign, _) = canary::launch(fixture, &list, "autumn").await;
    let app = WebState::open(installation.clone(), std::sync::Arc::default()).await.expect("opens");
    let desk = async || send(router::desk(app.clone()), Method::GET, "/", &[HERE], Body::empty()).await.body;
    let on_the_wire: Vec<i64> = canary::take(fixture, &campaign).await.into_values().collect();
    let end = async |ids: &[i64], state| {
        canary::end(fixture, &campaign, &ids.iter().map(|id| (*id, state)).collect::<Vec<_>>()).await;
    };

    let first = desk().await;
    assert!(first.contains("<meta http-equiv=\"refresh\" content=\"5\">") && first.contains("0 / 100"), "{first}");
    assert!(!first.contains("a second"), "one look tells no rate: {first}");

    end(&on_the_wire[..49], delivery::State::Accepted).await;
    end(&on_the_wire[49..50], delivery::State::Uncertain).await;
    installation.clock.advance(5_000);
    let second = desk().await;
    for shown in ["50 / 100 · 50 %", "10 letters a second, through at about", "1 letter is uncertain"] {
        assert!(second.contains(shown), "{shown} is missing: {second}");
    }

    end(&on_the_wire[50..], delivery::State::Accepted).await;
    let mut tx = installation.db.write().await.expect("a transaction");
    assert!(lifecycle::finish(&mut tx, campaign.id, installation.clock.now()).await.expect("asked"));
    tx.commit().await.expect("committed");
    let last = desk().await;
    assert!(last.contains("100 / 100 · 100 %") && !last.contains("refresh") && !last.contains("a second"), "{last}");
});

both!(an_empty_desk_says_what_to_do, |fixture| {
    let app = WebState::open(fixture.installation.clone(), std::sync::Arc::default()).await.expect("opens");
    for (path, command) in [("/", "sendoff list add"), ("/inbox", "sendoff relay set capture")] {
        let page = send(router::desk(app.clone()), Method::GET, path, &[HERE], Body::empty()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains(command), "{}", page.body);
    }
});

both!(a_captured_letter_is_read_part_by_part, |fixture| {
    let stage = Stage::new(fixture).await;
    let file = capture(fixture, "http://localhost:8080", &stage.token(0, TokenPurpose::Unsubscribe));

    assert!(look(&stage, "/inbox").await.body.contains("Привет"));
    let page = look(&stage, &format!("/inbox/{file}")).await;
    assert!(page.body.contains("<iframe sandbox=\"allow-popups "), "{}", page.body);
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("frame-src 'self'")));
    let html = look(&stage, &format!("/inbox/{file}/html")).await;
    assert!(html.body.contains("<b>Анна</b>"));
    let policy = html.header("content-security-policy").expect("a policy");
    assert!(
        policy.starts_with("sandbox allow-popups ")
            && !policy.contains("allow-scripts")
            && policy.contains("img-src data: http://localhost:8080;"),
        "{policy}"
    );
    assert!(look(&stage, &format!("/inbox/{file}?part=text")).await.body.contains("Привет, Анна"));
    assert!(look(&stage, &format!("/inbox/{file}?part=headers")).await.body.contains("List-Unsubscribe=One-Click"));
    assert!(look(&stage, &format!("/inbox/{file}?part=source")).await.body.contains("--b--"));
});

both!(only_captured_letters_can_be_opened, |fixture| {
    let stage = Stage::new(fixture).await;
    for path in ["/inbox/2.eml", "/inbox/..%2Fkeys%2Ftoken.key", "/inbox/..%2F..%2Fx.eml", "/inbox/%00.eml"] {
        assert_eq!(look(&stage, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
});

both!(the_desk_answers_no_other_site, |fixture| {
    let stage = Stage::new(fixture).await;
    let file = capture(fixture, "http://localhost:8080", &stage.token(0, TokenPurpose::Unsubscribe));
    let path = format!("/inbox/{file}/unsubscribe");
    let desk = || router::desk(stage.app.clone());
    for host in ["evil.example", "127.0.0.1.evil.example:8081", ""] {
        let reply = send(desk(), Method::GET, "/inbox", &[("host", host)], Body::empty()).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{host}");
        assert!(!reply.body.contains("anna"));
    }
    for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let reply = send(desk(), Method::POST, &path, &[HERE, header], Body::empty()).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{header:?}");
    }
    assert!(stage.is_here(0).await);
});

both!(the_button_unsubscribes_as_a_mailbox_provider_does, |fixture| {
    let stage = Stage::new(fixture).await;
    let public = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let door = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let public_url = format!("http://{}", public.local_addr().expect("an address"));
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, &public_url).await.expect("set");
    tx.commit().await.expect("committed");
    let app = WebState::open(fixture.installation.clone(), stage.erased.clone()).await.expect("opens");
    let serving = tokio::spawn(router::serve(app.clone(), public, door, std::future::pending()));
    while !stage_is_served(&public_url).await {}
    let press = async |file: String| {
        let path = format!("/inbox/{file}/unsubscribe");
        send(router::desk(app.clone()), Method::POST, &path, &[HERE], Body::empty()).await
    };

    let elsewhere = capture(fixture, "https://elsewhere.example", &stage.token(1, TokenPurpose::Unsubscribe));
    assert_eq!(press(elsewhere).await.status, StatusCode::BAD_REQUEST);
    assert!(stage.is_here(1).await);

    let reply = press(capture(fixture, &public_url, &stage.token(1, TokenPurpose::Unsubscribe))).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.body.contains("HTTP/1.1 200 OK"), "{}", reply.body);
    assert!(!stage.is_here(1).await);
    serving.abort();
});

async fn stage_is_served(public_url: &str) -> bool {
    let address = public_url.strip_prefix("http://").expect("a URL");
    tokio::net::TcpStream::connect(address).await.is_ok()
}
