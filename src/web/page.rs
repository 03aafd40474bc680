//! How every answer leaves the house: in the reader's language, with the same protective headers,
//! and errors as one page with a sentence and a next step.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::asset;
use super::state::WebState;
use crate::infra::error::{Error, Message};
use crate::infra::i18n::Lang;
use crate::infra::metric;

/// What may load and run on a page of ours: our stylesheet and icon.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                          frame-ancestors 'none'; base-uri 'none'";

/// Seconds after which a page that needs the database may be asked for again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// What each page needs beside its content.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// The reader's language.
    pub lang: Lang,
    /// How many folders the page lies below the root.
    depth: usize,
}

impl Frame {
    fn of(headers: &HeaderMap, uri: &Uri, app: &WebState) -> Self {
        let depth = uri.path().matches('/').count().saturating_sub(1);
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Self { lang: asked.and_then(Lang::from_accept_language).unwrap_or_else(|| app.told().language), depth }
    }

    /// A sentence of the catalogue.
    pub fn tr(&self, key: &'static str) -> String {
        self.lang.tr(key)
    }

    /// A sentence about a list.
    pub fn about(&self, key: &'static str, list: &str) -> String {
        self.lang.translate(&Message::new(key).with("list", list))
    }

    /// A path of ours as seen from the page: the web server in front may serve us below a folder.
    pub fn at(&self, path: &str) -> String {
        format!("{}{}", "../".repeat(self.depth), path.trim_start_matches('/'))
    }

    /// Where the stylesheet is.
    pub fn style(&self) -> String {
        self.at(asset::style())
    }

    /// Where the icon is.
    pub fn icon(&self) -> String {
        self.at(asset::icon())
    }
}

impl FromRequestParts<Arc<WebState>> for Frame {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<WebState>) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers, &parts.uri, app))
    }
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "public/notice.html")]
pub struct Notice {
    /// Language and assets.
    pub frame: Frame,
    /// The heading.
    pub title: String,
    /// A paragraph each.
    pub lines: Vec<String>,
    /// Where to go next, as seen from the page, and its label.
    pub link: Option<(String, String)>,
}

impl Notice {
    /// A page with a heading and one paragraph.
    pub fn new(frame: Frame, title: String, line: String) -> Self {
        Self { frame, title, lines: vec![line], link: None }
    }
}

/// A page with status 200.
pub fn show(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            Refusal::broken().into_response()
        }
    }
}

/// An answer that is not what was asked for. It becomes a page on its way out, in [`dress`].
#[derive(Debug, Clone)]
pub struct Refusal {
    status: StatusCode,
    message: Message,
}

impl Refusal {
    /// A status with a sentence of its own.
    pub fn new(status: StatusCode, key: &'static str) -> Self {
        Self { status, message: Message::new(key) }
    }

    /// The token in the link is cut off, forged, or made for another door.
    pub fn link() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "refusal-link")
    }

    /// There is nothing at this address.
    pub fn unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "refusal-unknown")
    }

    /// Something failed that should not.
    pub fn broken() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "refusal-broken")
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        tracing::warn!(error = error.message().key, "a request could not be served");
        match error {
            Error::Invalid { message, .. }
            | Error::NotFound(message)
            | Error::Conflict(message)
            | Error::Forbidden(message) => Self { status: StatusCode::BAD_REQUEST, message },
            Error::Internal(_) | Error::Unavailable(_) => Self::broken(),
            Error::StoreClosed(_) | Error::Db(_) | Error::Fenced | Error::Io { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "refusal-away")
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// On an answer for a program: its body stays as it is, whatever the status.
#[derive(Debug, Clone, Copy)]
pub struct ForPrograms;

/// Turns refusals, also those of the framework, into pages, and puts the headers on every answer.
pub async fn dress(State(app): State<Arc<WebState>>, request: Request, next: Next) -> Response {
    let frame = Frame::of(request.headers(), request.uri(), &app);
    let is_head = request.method() == Method::HEAD;
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let status = response.status();
    metric::count_request(door(&path), status.as_str());
    let ours = response.extensions().get::<ForPrograms>().is_none();
    if ours && (status.is_client_error() || status.is_server_error()) {
        let message = match response.extensions_mut().remove::<Refusal>() {
            Some(refusal) => refusal.message,
            None => Message::new(sentence(status)),
        };
        let allow = response.headers_mut().remove(header::ALLOW);
        let page = Notice::new(frame, frame.tr(title(status)), frame.lang.translate(&message));
        response = (status, show(&page)).into_response();
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if is_head {
            *response.body_mut() = Body::empty();
        }
    }
    protect(response.headers_mut(), app.told().is_https());
    response
}

/// The room behind a path; tokens and names are left out.
fn door(path: &str) -> &'static str {
    match path.split('/').nth(1).unwrap_or_default() {
        "" => "home",
        "o" => "open",
        "c" => "click",
        "u" => "unsubscribe",
        "p" => "preferences",
        "v" => "view",
        "inbox" => "inbox",
        "static" => "static",
        "healthz" => "health",
        "metrics" => "metrics",
        _ => "elsewhere",
    }
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "refusal-title-unknown",
        StatusCode::SERVICE_UNAVAILABLE => "refusal-title-away",
        status if status.is_server_error() => "refusal-title-broken",
        _ => "refusal-title",
    }
}

fn sentence(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "refusal-unknown",
        StatusCode::METHOD_NOT_ALLOWED => "refusal-method",
        StatusCode::PAYLOAD_TOO_LARGE => "refusal-large",
        StatusCode::FORBIDDEN => "refusal-foreign",
        status if status.is_server_error() => "refusal-broken",
        _ => "refusal-request",
    }
}

/// Puts on the headers that every answer has. Those that a handler has set itself stay as they are.
pub(super) fn protect(headers: &mut HeaderMap, https: bool) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-store");
    set(HeaderName::from_static("x-robots-tag"), "noindex, nofollow");
    if https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}
