//! Fixture: an installation with an administrator, and short forms of the use cases.

use axum::body::Body;
use axum::http::Method;
use sendoff::access::totp::TotpSecret;
use sendoff::infra::error::{Error, Result};
use sendoff::infra::id::Id;
use sendoff::usecase::session::{Attempt, Browser, Entered};
use sendoff::usecase::setup::FirstUser;
use sendoff::usecase::signed_in::SignedIn;
use sendoff::usecase::team::NewAccount;
use sendoff::usecase::{Actor, Role, account, session, setup, team};
use sendoff::web::router;
use sendoff::web::state::WebState;

use crate::fixture::Fixture;
use crate::public::fixture::{Reply, send};

pub const ANNA: &str = "anna@example.org";
pub const PASSWORD: &str = "violet-1910";

/// A browser of nobody.
pub const NO_BROWSER: Browser<'static> = Browser { address: None, client: None, user_agent: "" };

pub struct Staff<'f> {
    pub fixture: &'f Fixture,
}

impl<'f> Staff<'f> {
    /// Without any user.
    pub fn nobody(fixture: &'f Fixture) -> Self {
        Self { fixture }
    }

    /// With Anna, the first administrator. Returns what her browser got.
    pub async fn with_anna(fixture: &'f Fixture) -> (Self, Entered) {
        let link = setup::pending_link(&fixture.installation).await.expect("asked").expect("nobody is there");
        let first = FirstUser { name: "Anna", email: ANNA, password: PASSWORD, lang: None };
        let entered =
            setup::complete(&fixture.installation, &Actor::visitor(), link.expose(), &first, &NO_BROWSER).await;
        (Self::nobody(fixture), entered.expect("set up"))
    }

    /// Signs in.
    pub async fn sign_in(&self, email: &str, password: &str, code: &str, browser: Browser<'_>) -> Result<Entered> {
        let attempt = Attempt { email, password, code, browser };
        session::sign_in(&self.fixture.installation, &Actor::visitor(), &attempt).await
    }

    /// The catalogue key of why a sign-in is refused.
    pub async fn refusal(&self, email: &str, password: &str, code: &str, browser: Browser<'_>) -> &'static str {
        key(self.sign_in(email, password, code, browser).await.expect_err("refused"))
    }

    pub async fn find(&self, entered: &Entered) -> Option<SignedIn> {
        session::find(&self.fixture.installation, entered.session.expose()).await.expect("asked")
    }

    /// Invites somebody to the workspace of the fixture, who joins it.
    pub async fn join(&self, email: &str, role: Role, until: Option<i64>) -> Entered {
        let installation = &self.fixture.installation;
        let invited = team::invite(installation, &self.fixture.actor, email, role, until).await.expect("invited");
        let new = NewAccount { name: "Boris", password: PASSWORD, lang: None };
        team::join(installation, &Actor::visitor(), invited.token.expose(), &new, &NO_BROWSER).await.expect("joined")
    }

    /// Sets the second factor of a user up. Returns its secret and the recovery codes.
    pub async fn set_second_factor(&self, user: Id) -> (TotpSecret, Vec<String>) {
        let (installation, actor) = (&self.fixture.installation, Actor::at_account(user));
        let pending = account::begin_second_factor(installation, &actor).await.expect("begun");
        let secret = secret_of(&pending.secret);
        let code = secret.code_at(installation.clock.now());
        let codes = account::confirm_second_factor(installation, &actor, &pending.sealed, PASSWORD, &code)
            .await
            .expect("confirmed");
        (secret, codes)
    }
}

/// The secret that an authenticator program reads: base32 without padding.
pub fn secret_of(text: &str) -> TotpSecret {
    let digit = |c: u8| u64::from(if c.is_ascii_uppercase() { c - b'A' } else { c - b'2' + 26 });
    let bytes = text.as_bytes().chunks(8).flat_map(|chunk| {
        let bits = chunk.iter().fold(0_u64, |bits, c| bits << 5 | digit(*c));
        bits.to_be_bytes()[3..].to_vec()
    });
    let hex: String = bytes.map(|byte| format!("{byte:02x}")).collect();
    TotpSecret::from_hex(&hex).expect("a secret")
}

pub fn key(error: Error) -> &'static str {
    error.message().key
}

/// A request to the desk with the cookie of a session, as a form of its own pages sends it.
pub async fn send_as(state: &WebState, session: &str, method: Method, path: &str, form: &str) -> Reply {
    let cookie = format!("session={session}");
    let headers = [
        ("host", "127.0.0.1:8025"),
        ("cookie", cookie.as_str()),
        ("accept-language", "en"),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    send(router::desk(state.clone()), method, path, &headers, Body::from(form.to_owned())).await
}
