//! The gate of the desk: finds who is signed in, and leads everybody else to the sign-in page. While there is no administrator,
//! the desk answers on loopback only, and whoever works on the machine is its operator.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::browser::Client;
use super::{EnteringState, go};
use crate::usecase::signed_in::SignedIn;
use crate::usecase::{Actor, session};
use crate::web::listener::PeerAddress;
use crate::web::page::Frame;
use crate::web::refusal::Refusal;

/// Who may see a page of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    /// Everybody, whoever they are.
    Everybody,
    /// Everybody; the page wants to know who is signed in.
    Visitors,
    /// Programs on this machine.
    Machine,
    /// Who is signed in.
    SignedIn,
    /// Administrators.
    Administrators,
}

impl Admission {
    /// By the first folder of the path. What is not listed is for administrators.
    fn of(path: &str) -> Self {
        match path.split('/').nth(1).unwrap_or_default() {
            "static" | "healthz" => Self::Everybody,
            "setup" | "login" | "logout" | "enter" | "password" | "invitation" => Self::Visitors,
            "metrics" => Self::Machine,
            "" | "w" | "account" => Self::SignedIn,
            _ => Self::Administrators,
        }
    }
}

/// Middleware: admits a request to the desk. Pages find the [`SignedIn`] user among the extensions of the request.
pub async fn admit(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let admission = Admission::of(request.uri().path());
    let peer = request.extensions().get::<PeerAddress>().copied();
    if admission == Admission::Machine && peer.is_some_and(|peer| !peer.0.to_canonical().is_loopback()) {
        return Err(Refusal::unknown());
    }
    if matches!(admission, Admission::Everybody | Admission::Machine) {
        return Ok(next.run(request).await);
    }
    let client = Client::new(request.headers(), peer, &state);
    let signed_in = match &client.session {
        Some(token) => session::find(&state.installation, token).await?.map(Arc::new),
        None => None,
    };
    let is_administrator = signed_in.as_ref().is_some_and(|user| user.administrator);
    let is_admitted = match admission {
        Admission::SignedIn => signed_in.is_some(),
        Admission::Administrators => is_administrator,
        Admission::Everybody | Admission::Visitors | Admission::Machine => true,
    };
    if is_admitted || !state.is_set_up().await? {
        if let Some(signed_in) = signed_in {
            request.extensions_mut().insert(signed_in);
        }
        return Ok(next.run(request).await);
    }
    if signed_in.is_some() {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "entering-administrators"));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        let wanted = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let wanted: String = byte_serialize(wanted.as_bytes()).collect();
        return Ok(go(&frame.at(&format!("login?next={wanted}"))));
    }
    // What was typed stays in the browser: it is sent again after a sign-in in another tab.
    Err(Refusal::new(StatusCode::UNAUTHORIZED, "entering-expired"))
}

/// The user who is signed in, for a page that only they see.
pub struct User(pub Arc<SignedIn>);

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let signed_in = parts.extensions.get::<Arc<SignedIn>>().cloned();
        signed_in.map(Self).ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "entering-nobody"))
    }
}

/// The operator at a page of the whole installation: an administrator, or, while there is none, whoever works on the machine.
pub struct Operator(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let actor = match parts.extensions.get::<Arc<SignedIn>>() {
            Some(signed_in) => signed_in.operator(),
            // The gate lets nobody else pass without a session.
            None => Some(Actor::desk()),
        };
        actor.map(Self).ok_or_else(|| Refusal::new(StatusCode::FORBIDDEN, "entering-administrators"))
    }
}

/// Middleware: refuses requests that reach the desk by a foreign name, which DNS records of others can point here. Known are
/// IP addresses, `localhost`, and the hosts of the installation's own URLs.
pub async fn only_own_hosts(
    State(state): State<Arc<EnteringState>>,
    request: Request,
    next: Next,
) -> Result<Response, Response> {
    let settings = state.settings.get();
    let is_own = host(request.headers()).is_some_and(|host| {
        host == "localhost"
            || host.parse::<IpAddr>().is_ok()
            || [&settings.desk_url, &settings.public_url].into_iter().any(|url| is_host_of(&host, url))
    });
    match is_own {
        true => Ok(next.run(request).await),
        false => Err(Refusal::new(StatusCode::FORBIDDEN, "refusal-host").into_response()),
    }
}

fn host(headers: &HeaderMap) -> Option<String> {
    let authority = headers.get(HOST)?.to_str().ok()?.parse::<Authority>().ok()?;
    Some(authority.host().trim_matches(['[', ']']).to_ascii_lowercase())
}

fn is_host_of(host: &str, url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.host_str() == Some(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_for_administrators_unless_they_are_listed() {
        for (path, admission) in [
            ("/static/a.css", Admission::Everybody),
            ("/healthz/ready", Admission::Everybody),
            ("/login", Admission::Visitors),
            ("/invitation/abc", Admission::Visitors),
            ("/metrics", Admission::Machine),
            ("/account/password", Admission::SignedIn),
            ("/w/main/people", Admission::SignedIn),
            ("/", Admission::SignedIn),
            ("/inbox/1.eml", Admission::Administrators),
            ("//login", Admission::SignedIn),
            ("/new", Admission::Administrators),
        ] {
            assert_eq!(Admission::of(path), admission, "{path}");
        }
    }
}
