//! Pages of setup, sign-in and the own account, through the real router of the desk.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use sendoff::infra::setting::{self, Setting};
use sendoff::usecase::{Actor, Role, setup, team, user};
use sendoff::web::router;
use sendoff::web::state::WebState;

use super::fixture::{ANNA, PASSWORD};
use crate::fixture::{Fixture, both};
use crate::public::fixture::{Reply, send};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A browser with its cookies.
pub struct Browser {
    pub state: WebState,
    desk: axum::Router,
    pub host: &'static str,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub async fn new(fixture: &Fixture) -> Self {
        let state = WebState::open(fixture.installation.clone(), Arc::default()).await.expect("opens");
        let desk = router::desk(state.clone());
        Self { state, desk, host: "127.0.0.1:8025", cookies: BTreeMap::new() }
    }

    /// Another browser at the same desk.
    pub fn another(&self) -> Self {
        Self { state: self.state.clone(), desk: self.desk.clone(), host: self.host, cookies: BTreeMap::new() }
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, "").await
    }

    pub async fn post(&mut self, path: &str, form: &str) -> Reply {
        self.send(Method::POST, path, form).await
    }

    async fn send(&mut self, method: Method, path: &str, form: &str) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let headers = [("host", self.host), ("cookie", &cookies), ("accept-language", "en"), FORM];
        let reply = send(self.desk.clone(), method, path, &headers, Body::from(form.to_owned())).await;
        for line in reply.headers.get_all("set-cookie") {
            let line = line.to_str().expect("text");
            let (name, value) = line.split(';').next().expect("a pair").split_once('=').expect("a pair");
            match line.contains("Max-Age=0;") {
                true => drop(self.cookies.remove(name)),
                false => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        reply
    }

    /// Makes the first administrator.
    pub async fn set_up(&mut self, fixture: &Fixture) -> Reply {
        let link = setup::pending_link(&fixture.installation).await.expect("asked").expect("a link");
        let form = format!("token={}&name=Anna&email=anna%40example.org&password={PASSWORD}", link.expose());
        self.post("/setup", &form).await
    }

    async fn sign_in(&mut self) -> Reply {
        self.post("/login", &format!("email=anna%40example.org&password={PASSWORD}&code=")).await
    }
}

both!(link_of_the_setup_leads_into_the_desk, |fixture| {
    let mut browser = Browser::new(fixture).await;
    assert!(browser.get("/login").await.body.contains("sendoff serve"), "nobody can sign in yet");
    assert!(browser.get("/setup?token=forged").await.body.contains("expired or was used"));
    let link = setup::pending_link(&fixture.installation).await.expect("asked").expect("a link");
    let page = browser.get(&format!("/setup?token={}", link.expose())).await;
    assert!(page.body.contains("autocomplete=\"new-password\""), "{}", page.body);
    let wrong = "name=%3Cb%3EAnna&email=anna&password=secret-word-17";
    let refused = browser.post("/setup", wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("value=\"&#60;b&#62;Anna\"") && refused.body.contains("id=\"email-wrong\""));
    assert!(!refused.body.contains("secret-word-17"), "a password is not shown again");

    let form = format!("name=Anna&email=anna%40example.org&password={PASSWORD}");
    let done = browser.post("/setup", &form).await;

    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, Some("./")));
    let cookies: Vec<_> = done.headers.get_all("set-cookie").iter().map(|line| line.to_str().expect("text")).collect();
    for line in &cookies {
        assert!(line.contains("; HttpOnly; SameSite=Lax") && !line.contains("Secure"), "{line}");
    }
    assert!(cookies[0].starts_with("session=") && cookies[1].starts_with("client="));
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
    let twice = browser.post("/setup", &form).await;
    assert_eq!((twice.status, twice.header("location")), (StatusCode::SEE_OTHER, Some("login")));
});

both!(desk_leads_to_the_sign_in_and_back_to_the_page_that_was_wanted, |fixture| {
    let mut anna = Browser::new(fixture).await;
    assert_eq!(anna.get("/inbox").await.status, StatusCode::OK, "the machine's operator, before there is anybody");
    anna.set_up(fixture).await;
    let mut browser = anna.another();

    let wanted = browser.get("/inbox?part=text").await;
    let login = "login?next=%2Finbox%3Fpart%3Dtext";
    assert_eq!((wanted.status, wanted.header("location")), (StatusCode::SEE_OTHER, Some(login)));
    let page = browser.get(&format!("/{login}")).await;
    assert!(page.body.contains("name=\"next\" value=\"/inbox?part=text\""), "{}", page.body);
    let wrong = browser.post("/login", "next=%2Finbox&email=anna%40example.org&password=wrong-17").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("value=\"anna@example.org\"") && wrong.body.contains("id=\"password-wrong\""));
    assert!(!wrong.body.contains("wrong-17"));
    let form = format!("next=%2Finbox%3Fpart%3Dtext&email=anna%40example.org&password={PASSWORD}&code=");
    let entered = browser.post("/login", &form).await;
    assert_eq!((entered.status, entered.header("location")), (StatusCode::SEE_OTHER, Some("inbox?part=text")));
    assert_eq!(browser.get("/inbox").await.status, StatusCode::OK);

    let out = browser.post("/logout", "").await;
    assert_eq!(out.header("location"), Some("login?done=out"));
    assert!(browser.cookies.contains_key("client") && !browser.cookies.contains_key("session"));
    assert_eq!(browser.get("/inbox").await.status, StatusCode::SEE_OTHER);
    assert_eq!(anna.get("/inbox").await.status, StatusCode::OK, "other browsers stay signed in");
    for path in ["/healthz/live", "/metrics", "/login"] {
        assert_eq!(browser.get(path).await.status, StatusCode::OK, "{path}");
    }
});

both!(form_of_somebody_signed_out_changes_nothing_and_says_how_to_go_on, |fixture| {
    let mut anna = Browser::new(fixture).await;
    anna.set_up(fixture).await;
    let session = anna.cookies.remove("session").expect("signed in");

    let refused = anna.post("/account/profile", "name=Vera&language=").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.body.contains("Sign in in another tab"), "{}", refused.body);

    anna.cookies.insert("session".to_owned(), session);
    assert!(anna.get("/account").await.body.contains("value=\"Anna\""));
});

both!(too_many_attempts_are_refused_with_a_time, |fixture| {
    let mut anna = Browser::new(fixture).await;
    anna.set_up(fixture).await;
    let mut other = anna.another();
    for _ in 0..10 {
        let wrong = other.post("/login", "email=anna%40example.org&password=wrong").await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    let refused = other.sign_in().await;

    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, Some("900")));
    assert!(refused.body.contains("Try again in 15 minutes"), "{}", refused.body);
    anna.post("/logout", "").await;
    assert_eq!(anna.sign_in().await.status, StatusCode::SEE_OTHER, "her own browser keeps a way in");
});

both!(cookies_of_https_are_bound_to_the_host, |fixture| {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::DeskUrl, "https://desk.example.org").await.expect("set");
    tx.commit().await.expect("committed");
    let mut browser = Browser { host: "desk.example.org", ..Browser::new(fixture).await };

    let done = browser.set_up(fixture).await;

    let cookies: Vec<_> = done.headers.get_all("set-cookie").iter().map(|line| line.to_str().expect("text")).collect();
    assert!(
        cookies[0].starts_with("__Host-session=")
            && cookies[0].ends_with("; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax; Secure"),
        "{cookies:?}"
    );
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
    let token = browser.cookies["__Host-session"].clone();
    browser.cookies = BTreeMap::from([("session".to_owned(), token)]);
    assert_eq!(
        browser.get("/account").await.status,
        StatusCode::SEE_OTHER,
        "a cookie that any site of the host can set"
    );
    let mut foreign = Browser { host: "evil.example", ..browser.another() };
    assert_eq!(foreign.get("/login").await.status, StatusCode::FORBIDDEN);
});

both!(member_sees_the_account_and_no_page_of_the_installation, |fixture| {
    let mut anna = Browser::new(fixture).await;
    anna.set_up(fixture).await;
    let installation = &fixture.installation;
    let invited = team::invite(installation, &fixture.actor, "boris@example.org", Role::Marketer, None).await;
    let path = format!("/invitation/{}", invited.expect("invited").token.expose());
    let mut boris = anna.another();
    let page = boris.get(&path).await;
    assert!(page.body.contains("Join “main”") && page.body.contains("as: Marketer"), "{}", page.body);
    let short = boris.post(&path, "name=Boris&password=short").await;
    assert!(short.body.contains("id=\"password-wrong\"") && short.body.contains("value=\"Boris\""));

    let joined = boris.post(&path, &format!("name=Boris&password={PASSWORD}")).await;

    assert_eq!((joined.status, joined.header("location")), (StatusCode::SEE_OTHER, Some(".././")));
    assert_eq!(boris.get("/account").await.status, StatusCode::OK);
    for path in ["/inbox", "/inbox/1.eml"] {
        assert_eq!(boris.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(boris.get(&path).await.body.contains("used already"));
});

both!(user_with_an_account_signs_in_to_accept_an_invitation, |fixture| {
    let mut anna = Browser::new(fixture).await;
    anna.set_up(fixture).await;
    let installation = &fixture.installation;
    let other = sendoff::audience::workspace::ensure(installation, "other").await.expect("a workspace").id;
    let invited = team::invite(installation, &Actor::operator(other), ANNA, Role::Analyst, None).await;
    let path = format!("/invitation/{}", invited.expect("invited").token.expose());
    let mut elsewhere = anna.another();
    assert!(elsewhere.get(&path).await.body.contains("has an account already"));
    let refused = elsewhere.post(&path, &format!("name=Mallory&password={PASSWORD}")).await;
    assert_eq!(refused.header("location"), Some(format!("../login?next={path}").as_str()));

    assert!(anna.get(&path).await.body.contains("signed in as"));
    assert_eq!(anna.post(&path, "").await.status, StatusCode::SEE_OTHER);

    let team = team::list(installation, &Actor::operator(other)).await.expect("listed");
    assert_eq!(
        team.members.iter().map(|one| (one.name.as_str(), one.role)).collect::<Vec<_>>(),
        [("Anna", Role::Analyst)]
    );
});

both!(account_changes_name_password_and_second_factor, |fixture| {
    let mut anna = Browser::new(fixture).await;
    anna.set_up(fixture).await;
    let mut phone = anna.another();
    phone.sign_in().await;
    assert_eq!(anna.post("/account/profile", "name=&language=ru").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let saved = anna.post("/account/profile", "name=%D0%90%D0%BD%D0%BD%D0%B0&language=ru").await;
    assert_eq!(saved.header("location"), Some("../account?done=profile"));
    let page = anna.get("/account?done=profile").await.body;
    assert!(page.contains("lang=\"ru\"") && page.contains("value=\"Анна\"") && page.contains("Сохранено."), "{page}");
    anna.post("/account/profile", "name=Anna&language=en").await;

    let refused = anna.post("/account/password", "current=wrong&password=yellow-1911").await;
    assert!(refused.body.contains("id=\"current-wrong\""), "{}", refused.body);
    let changed = anna.post("/account/password", &format!("current={PASSWORD}&password=yellow-1911")).await;
    assert_eq!(changed.header("location"), Some("../account?done=password"));
    assert_eq!(phone.get("/account").await.status, StatusCode::SEE_OTHER, "the phone is signed out");

    let page = anna.get("/account/second-factor").await.body;
    let between = |text: &str, from: &str, to: &str| {
        text.split(from).nth(1).and_then(|rest| rest.split(to).next()).expect(from).to_owned()
    };
    let (sealed, secret) = (between(&page, "name=\"sealed\" value=\"", "\""), between(&page, "<code>", "</code>"));
    assert!(page.contains("<svg class=\"qr\"") && secret.len() == 32);
    let form = |code: &str| format!("sealed={sealed}&current=yellow-1911&code={code}");
    let wrong = anna.post("/account/second-factor", &form("12345")).await;
    assert!(wrong.body.contains("id=\"code-wrong\"") && wrong.body.contains(&secret), "the same secret again");
    let code = super::fixture::secret_of(&secret).code_at(fixture.installation.clock.now());
    let codes = anna.post("/account/second-factor", &form(&code)).await.body;
    assert_eq!(codes.matches("<li><code>").count(), 10);
    let recovery = between(&codes, "<li><code>", "</code>");
    let form = |code: &str| format!("email=anna%40example.org&password=yellow-1911&code={code}");
    assert!(phone.post("/login", &form("")).await.body.contains("id=\"code-wrong\""));
    assert_eq!(phone.post("/login", &form(&recovery)).await.status, StatusCode::SEE_OTHER);

    let page = anna.get("/account").await.body;
    let path = format!("/account/sessions/{}", between(&page, "\"account/sessions/", "\"").replace("/end", ""));
    anna.post(&format!("{path}/end"), "").await;
    assert_eq!(phone.get("/account").await.status, StatusCode::SEE_OTHER, "ended from the other browser");
});

both!(password_is_chosen_by_a_link_and_then_asked_for, |fixture| {
    let mut anna = Browser::new(fixture).await;
    anna.set_up(fixture).await;
    let link = user::reset(&fixture.installation, &fixture.actor, ANNA, false).await.expect("a link").token;
    let path = format!("/password/{}", link.expose());
    let mut browser = anna.another();
    assert!(browser.get(&path).await.body.contains("Anna, choose"));
    assert_eq!(browser.post(&path, "password=short").await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let chosen = browser.post(&path, "password=yellow-1911").await;

    assert_eq!(chosen.header("location"), Some("../login?done=password"));
    assert!(!browser.cookies.contains_key("session"), "a link does not sign in");
    assert_eq!(anna.get("/account").await.status, StatusCode::SEE_OTHER);
    assert!(browser.get(&path).await.body.contains("expired or was used"));
    let form = "email=anna%40example.org&password=yellow-1911&code=";
    assert_eq!(browser.post("/login", form).await.status, StatusCode::SEE_OTHER);
});

both!(link_of_a_demo_signs_in_once, |fixture| {
    let mut browser = Browser::new(fixture).await;
    let link = setup::demo_link(&fixture.installation, &fixture.actor, None).await.expect("a link");
    let path = format!("/enter/{}", link.expose());
    browser.send(Method::HEAD, &path, "").await;
    assert!(browser.cookies.is_empty(), "a program that looks at links does not use it up");

    let entered = browser.get(&path).await;

    assert_eq!((entered.status, entered.header("location")), (StatusCode::SEE_OTHER, Some(".././")));
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
    assert!(browser.another().get(&path).await.body.contains("used already"));
});

both!(pages_are_not_framed_not_cached_and_load_nothing_of_others, |fixture| {
    let mut anna = Browser::new(fixture).await;
    anna.set_up(fixture).await;
    for path in ["/account", "/account/second-factor", "/account/recovery-codes", "/account/second-factor/remove"] {
        let page = anna.get(path).await;
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert!(!page.body.contains("style=") && !page.body.contains("<script"), "{path}");
        for label in page.body.split("<input ").skip(1).filter(|input| !input.contains("type=\"hidden\"")) {
            let id = label.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
            assert!(page.body.contains(&format!("<label for=\"{id}\"")), "{path}: {id} has no label");
        }
    }
});
