//! Pages: the reader's language, security headers on every response, and errors as a page with a message and a next step.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::{FromRef, FromRequestParts, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::asset;
use super::refusal::Refusal;
use super::settings::SettingsCache;
use crate::infra::clock::Millis;
use crate::infra::error::{self, Error, Message};
use crate::infra::i18n::Lang;
use crate::infra::metric;
use crate::usecase::signed_in::SignedIn;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::time::timeout;
use url::Url;

use crate::content::Locale;
use crate::content::brand::Brand;

/// The content security policy of our pages: only our stylesheet and icon are loaded.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                          frame-ancestors 'none'; base-uri 'none'";

/// How long a page waits for the database.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// Seconds after which a client may repeat a request that needs the database.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// What every page needs besides its content.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// The reader's language.
    pub lang: Lang,
    /// The number of folders of the path, for relative links.
    depth: usize,
}

impl Frame {
    fn of(headers: &HeaderMap, uri: &Uri, settings: &SettingsCache) -> Self {
        let depth = uri.path().matches('/').count().saturating_sub(1);
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Self { lang: asked.and_then(Lang::from_accept_language).unwrap_or_else(|| settings.language()), depth }
    }

    /// The same page in the language of its reader, or of the email that led to it, where that is known.
    pub fn in_language(self, lang: Option<Lang>) -> Self {
        Self { lang: lang.unwrap_or(self.lang), ..self }
    }

    /// A message of the catalogue.
    pub fn tr(&self, key: &'static str) -> String {
        self.lang.tr(key)
    }

    /// A message about a list.
    pub fn about(&self, key: &'static str, list: &str) -> String {
        self.lang.translate(&Message::new(key).with("list", list))
    }

    /// A path relative to the page, since a reverse proxy may serve us below a folder.
    pub fn at(&self, path: &str) -> String {
        let relative = format!("{}{}", "../".repeat(self.depth), path.trim_start_matches('/'));
        // An empty reference would be the page itself.
        if relative.is_empty() { "./".to_owned() } else { relative }
    }

    /// The path of the stylesheet.
    pub fn style(&self) -> String {
        self.at(asset::style())
    }

    /// The path of the stylesheet of the desk.
    pub fn desk_style(&self) -> String {
        self.at(asset::desk_style())
    }

    /// The path of the script of the desk.
    pub fn script(&self) -> String {
        self.at(asset::script())
    }

    /// The path of the icon.
    pub fn icon(&self) -> String {
        self.at(asset::icon())
    }
}

impl<S> FromRequestParts<S> for Frame
where
    S: Send + Sync,
    Arc<SettingsCache>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let frame = Self::of(&parts.headers, &parts.uri, &Arc::from_ref(state));
        Ok(frame.in_language(parts.extensions.get::<Arc<SignedIn>>().and_then(|user| user.lang)))
    }
}

/// Whose page it is, shown above its content; empty where that is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageBrand {
    /// The name of the sender.
    pub name: String,
    /// The web address of an image; may be empty.
    pub logo: String,
    /// `#rrggbb`.
    pub color: String,
}

impl From<&Brand> for PageBrand {
    fn from(brand: &Brand) -> Self {
        Self { name: brand.name.clone(), logo: brand.logo.clone(), color: brand.color.clone() }
    }
}

impl PageBrand {
    /// Whether there is anything to show.
    pub fn is_shown(&self) -> bool {
        !self.name.is_empty() || !self.logo.is_empty()
    }

    /// The content security policy of a page with the logo.
    fn policy(&self) -> Option<HeaderValue> {
        let origin = Url::parse(&self.logo).ok()?.origin();
        let sources = format!("img-src 'self' {}", origin.ascii_serialization());
        HeaderValue::from_str(&POLICY.replace("img-src 'self'", &sources)).ok().filter(|_| origin.is_tuple())
    }
}

/// A page with a heading and a message.
#[derive(Template)]
#[template(path = "public/notice.html")]
pub struct Notice {
    /// The language and paths.
    pub frame: Frame,
    /// The heading.
    pub title: String,
    /// The paragraphs.
    pub lines: Vec<String>,
    /// Path and label of a link to the next step.
    pub link: Option<(String, String)>,
    /// Whose page it is.
    pub brand: PageBrand,
}

impl Notice {
    /// A page with a heading and one paragraph.
    pub fn new(frame: Frame, title: String, line: String) -> Self {
        Self { frame, title, lines: vec![line], link: None, brand: PageBrand::default() }
    }

    /// The same page with a brand.
    pub fn of(self, brand: &PageBrand) -> Self {
        Self { brand: brand.clone(), ..self }
    }
}

/// Waits for the database for as long as a reader would wait for a page.
pub async fn within<T>(answer: impl Future<Output = error::Result<T>>) -> error::Result<T> {
    timeout(READ_TIMEOUT, answer).await.unwrap_or(Err(Error::Db(sqlx::Error::PoolTimedOut)))
}

/// Renders a page with status 200.
pub fn show(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            Refusal::broken().into_response()
        }
    }
}

/// Renders a page of a brand with status 200.
pub fn show_branded(page: &impl Template, brand: &PageBrand) -> Response {
    let mut response = show(page);
    if let Some(policy) = brand.policy() {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Marks a response whose body is kept, whatever the status: an answer for programs, or a form with its mistakes.
#[derive(Debug, Clone, Copy)]
pub struct KeptBody;

/// Middleware: turns error responses, also those of the framework, into pages, and adds the security headers.
pub async fn finish_response(State(settings): State<Arc<SettingsCache>>, request: Request, next: Next) -> Response {
    let frame = Frame::of(request.headers(), request.uri(), &settings);
    let is_head = request.method() == Method::HEAD;
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let status = response.status();
    metric::count_request(endpoint(&path), status.as_str());
    let is_page = response.extensions().get::<KeptBody>().is_none();
    if is_page && (status.is_client_error() || status.is_server_error()) {
        let message = match response.extensions_mut().remove::<Refusal>() {
            Some(refusal) => refusal.message,
            None => Message::new(text_key(status)),
        };
        let allow = response.headers_mut().remove(header::ALLOW);
        let mut page = Notice::new(frame, frame.tr(title_key(status)), frame.lang.translate(&message));
        if path.starts_with("/w/") {
            if message.key == "refusal-unknown" {
                page.lines = vec![frame.tr("desk-unknown")];
            }
            if message.key != "refusal-unknown" {
                page.lines = vec![frame.lang.translate_for_desk(&message)];
            }
            page.link = Some((frame.at("/"), frame.tr("desk-to-home")));
        }
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
    add_security_headers(response.headers_mut(), settings.is_https());
    response
}

/// The endpoint of a path, without tokens and names, for metrics.
fn endpoint(path: &str) -> &'static str {
    match path.split('/').nth(1).unwrap_or_default() {
        "" => "home",
        "o" => "open",
        "c" => "click",
        "u" => "unsubscribe",
        "p" | "preferences" | "h" | "r" => "preferences",
        "v" => "view",
        "f" => "form",
        "m" => "picture",
        "w" => "desk",
        "inbox" => "inbox",
        "static" => "static",
        "healthz" => "health",
        "metrics" => "metrics",
        _ => "other",
    }
}

fn title_key(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "refusal-title-unknown",
        StatusCode::SERVICE_UNAVAILABLE => "refusal-title-unavailable",
        status if status.is_server_error() => "refusal-title-internal",
        _ => "refusal-title",
    }
}

fn text_key(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "refusal-unknown",
        StatusCode::METHOD_NOT_ALLOWED => "refusal-method",
        StatusCode::PAYLOAD_TOO_LARGE => "refusal-large",
        StatusCode::FORBIDDEN => "refusal-cross-site",
        status if status.is_server_error() => "refusal-internal",
        _ => "refusal-request",
    }
}

/// A day in UTC as people write it, such as `December 31, 2026`.
pub fn day(lang: Lang, at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map_or_else(|_| "-".to_owned(), |at| long_date(lang, at.to_zoned(TimeZone::UTC).date()))
}

/// A date as people write it.
pub fn long_date(lang: Lang, date: Date) -> String {
    Locale::of(lang).date(date, &lang.tr("email-date-long"))
}

/// A minute in UTC as `2026-12-31 10:00`.
pub fn minute(at: Millis) -> String {
    format_utc(at, "%Y-%m-%d %H:%M")
}

fn format_utc(at: Millis, format: &str) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| "-".to_owned(), |at| at.strftime(format).to_string())
}

/// Adds the security headers of every response. Headers that a handler has set are kept.
pub(super) fn add_security_headers(headers: &mut HeaderMap, https: bool) {
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
