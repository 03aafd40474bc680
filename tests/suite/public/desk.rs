//! Tests of the desk and the capture inbox.

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

use super::fixture::{Reply, WebFixture, send};
use crate::canary;
use crate::fixture::{Fixture, both};

const HERE: (&str, &str) = ("host", "127.0.0.1:8081");

/// The first page of the workspace of the fixture.
const HOME: &str = "/w/main/";

async fn look(site: &WebFixture, path: &str) -> Reply {
    send(site.desk(), Method::GET, path, &[HERE], Body::empty()).await
}

fn capture(fixture: &Fixture, public_url: &str, token: &str) -> String {
    let message = format!(
        "From: Shop <news@example.org>\r\nTo: anna@example.org\r\nSubject: =?utf-8?B?0J/RgNC40LLQtdGC?=\r\n\
         List-Unsubscribe: <mailto:leave@example.org>,\r\n <{public_url}/u/{token}>\r\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         Привет, Анна\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Привет, <b>Анна</b><script>1</script>\r\n--b--\r\n"
    );
    let to = Address::parse("anna@example.org").expect("an address");
    EmlStore::of_capture(&fixture.installation).store(&to, message.as_bytes()).expect("captured")
}

both!(desk_shows_campaigns_and_lists_with_counts, |fixture| {
    let site = WebFixture::new(fixture).await;
    site.get(&format!("/o/{}.gif", site.token(1, TokenPurpose::Open))).await;
    site.state.recorder.flush().await;
    let before = look(&site, HOME).await.body;
    site.post(&format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe)), "").await;
    let after = look(&site, HOME).await.body;

    for (page, left, people) in [(&before, 0, 3), (&after, 1, 2)] {
        for shown in [
            "autumn".to_owned(),
            "running".to_owned(),
            "max=\"3\" value=\"3\"".to_owned(),
            "<dt>accepted</dt><dd>3</dd>".to_owned(),
            "<dt>opened</dt><dd>1</dd>".to_owned(),
            format!("<dt>unsubscribed</dt><dd>{left}</dd>"),
            format!("<dt>Новости</dt><dd>{people}</dd>"),
        ] {
            assert!(page.contains(&shown), "{shown} is missing: {page}");
        }
    }
});

both!(campaign_has_a_page_with_rates_and_their_denominators, |fixture| {
    let site = WebFixture::new(fixture).await;
    site.get(&format!("/o/{}.gif", site.token(1, TokenPurpose::Open))).await;
    site.state.recorder.flush().await;
    let overview = look(&site, HOME).await.body;
    let link = overview.split("href=\"").find(|part| part.contains("campaigns/")).expect("a link to the campaign");
    let path = link.split('"').next().expect("a path").trim_start_matches(['.', '/']);

    let page = look(&site, &format!("/{path}")).await;

    assert_eq!(page.status, StatusCode::OK);
    for shown in [
        "opened at least once, of those accepted",
        "1 / 3",
        "100.0%",
        "were not measured",
        "sendoff export links --campaign autumn",
    ] {
        assert!(page.body.contains(shown), "{shown} is missing: {}", page.body);
    }
    assert!(!page.body.contains("anna"), "a page of numbers names no recipient");
    for unknown in ["/w/main/campaigns/77", "/w/main/campaigns/autumn", "/w/main/campaigns/-1", "/w/other/campaigns"] {
        let status = look(&site, unknown).await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{unknown}");
    }
});

both!(running_campaign_shows_rate_and_end_time_and_reloads, |fixture| {
    let installation = &fixture.installation;
    let list = canary::list(fixture, "News").await;
    let people: Vec<_> =
        (0..100).map(|n| (canary::address(&format!("p{n}@example.org")), Default::default())).collect();
    canary::join(fixture, &list, &people).await;
    let (campaign, _) = canary::launch(fixture, &list, "autumn").await;
    let state = WebState::open(installation.clone(), std::sync::Arc::default()).await.expect("opens");
    let desk = async || send(router::desk(state.clone()), Method::GET, HOME, &[HERE], Body::empty()).await.body;
    let on_the_wire: Vec<i64> = canary::take(fixture, &campaign).await.into_values().collect();
    let end = async |ids: &[i64], state| {
        canary::end(fixture, &campaign, &ids.iter().map(|id| (*id, state)).collect::<Vec<_>>()).await;
    };

    let first = desk().await;
    assert!(first.contains("<meta http-equiv=\"refresh\" content=\"5\">") && first.contains("0 / 100"), "{first}");
    assert!(!first.contains("a second"), "one reading gives no rate: {first}");

    end(&on_the_wire[..49], delivery::State::Accepted).await;
    end(&on_the_wire[49..50], delivery::State::Uncertain).await;
    installation.clock.advance(5_000);
    let second = desk().await;
    for shown in ["50 / 100 · 50 %", "10 messages a second, finished at about", "1 message is uncertain"] {
        assert!(second.contains(shown), "{shown} is missing: {second}");
    }

    end(&on_the_wire[50..], delivery::State::Accepted).await;
    let mut tx = installation.db.write().await.expect("a transaction");
    assert!(lifecycle::finish(&mut tx, campaign.id, installation.clock.now()).await.expect("asked"));
    tx.commit().await.expect("committed");
    let last = desk().await;
    assert!(last.contains("100 / 100 · 100 %") && !last.contains("refresh") && !last.contains("a second"), "{last}");
});

both!(empty_desk_shows_next_step, |fixture| {
    let state = WebState::open(fixture.installation.clone(), std::sync::Arc::default()).await.expect("opens");
    for (path, command) in [(HOME, "w/main/lists"), ("/inbox", "sendoff relay set capture")] {
        let page = send(router::desk(state.clone()), Method::GET, path, &[HERE], Body::empty()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains(command), "{}", page.body);
    }
});

both!(captured_message_is_shown_by_part, |fixture| {
    let site = WebFixture::new(fixture).await;
    let file = capture(fixture, "http://localhost:8080", &site.token(0, TokenPurpose::Unsubscribe));

    assert!(look(&site, "/inbox").await.body.contains("Привет"));
    let page = look(&site, &format!("/inbox/{file}")).await;
    assert!(page.body.contains("<iframe sandbox=\"allow-popups "), "{}", page.body);
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("frame-src 'self'")));
    let html = look(&site, &format!("/inbox/{file}/html")).await;
    assert!(html.body.contains("<b>Анна</b>"));
    let policy = html.header("content-security-policy").expect("a policy");
    assert!(
        policy.starts_with("sandbox allow-popups ")
            && !policy.contains("allow-scripts")
            && policy.contains("img-src data: http://localhost:8080;"),
        "{policy}"
    );
    assert!(look(&site, &format!("/inbox/{file}?part=text")).await.body.contains("Привет, Анна"));
    assert!(look(&site, &format!("/inbox/{file}?part=headers")).await.body.contains("List-Unsubscribe=One-Click"));
    assert!(look(&site, &format!("/inbox/{file}?part=source")).await.body.contains("--b--"));
});

both!(other_files_than_captured_messages_are_not_found, |fixture| {
    let site = WebFixture::new(fixture).await;
    for path in ["/inbox/2.eml", "/inbox/..%2Fkeys%2Ftoken.key", "/inbox/..%2F..%2Fx.eml", "/inbox/%00.eml"] {
        assert_eq!(look(&site, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
});

both!(desk_refuses_requests_of_other_sites, |fixture| {
    let site = WebFixture::new(fixture).await;
    let file = capture(fixture, "http://localhost:8080", &site.token(0, TokenPurpose::Unsubscribe));
    let path = format!("/inbox/{file}/unsubscribe");
    let desk = || site.desk();
    for host in ["evil.example", "127.0.0.1.evil.example:8081", ""] {
        let reply = send(desk(), Method::GET, "/inbox", &[("host", host)], Body::empty()).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{host}");
        assert!(!reply.body.contains("anna"));
    }
    for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let reply = send(desk(), Method::POST, &path, &[HERE, header], Body::empty()).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{header:?}");
    }
    assert!(site.is_here(0).await);
});

both!(inbox_button_sends_one_click_request, |fixture| {
    let site = WebFixture::new(fixture).await;
    let public = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let desk_listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let public_url = format!("http://{}", public.local_addr().expect("an address"));
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, &public_url).await.expect("set");
    tx.commit().await.expect("committed");
    let state = WebState::open(fixture.installation.clone(), site.erased.clone()).await.expect("opens");
    let serving = tokio::spawn(router::serve(state.clone(), public, desk_listener, std::future::pending()));
    while !is_served(&public_url).await {}
    let press_button = async |file: String| {
        let path = format!("/inbox/{file}/unsubscribe");
        send(router::desk(state.clone()), Method::POST, &path, &[HERE], Body::empty()).await
    };

    let elsewhere = capture(fixture, "https://elsewhere.example", &site.token(1, TokenPurpose::Unsubscribe));
    assert_eq!(press_button(elsewhere).await.status, StatusCode::BAD_REQUEST);
    assert!(site.is_here(1).await);

    let reply = press_button(capture(fixture, &public_url, &site.token(1, TokenPurpose::Unsubscribe))).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.body.contains("HTTP/1.1 200 OK"), "{}", reply.body);
    assert!(!site.is_here(1).await);
    serving.abort();
});

async fn is_served(public_url: &str) -> bool {
    let address = public_url.strip_prefix("http://").expect("a URL");
    tokio::net::TcpStream::connect(address).await.is_ok()
}
