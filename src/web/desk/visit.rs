//! A visit of a member of the staff to a page of a workspace: who it is, in which workspace, and what the page's frame needs.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRef, FromRequestParts, RawPathParams, Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{command, help};
use crate::infra::error::{Kind, Message};
use crate::usecase::signed_in::SignedIn;
use crate::usecase::workspace;
use crate::usecase::{Action, Actor};
use crate::web::page::{Frame, KeptBody, show};
use crate::web::refusal::Refusal;
use crate::web::settings::SettingsCache;
use crate::web::state::WebState;

/// The content security policy of the desk: our stylesheets and scripts, and frames of our own for emails.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Bytes of a name that need no escape in a path.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The sentences that a page can show after something was done, by their names in the address.
const DONE: &[(&str, &str)] = &[
    ("added", "desk-done-added"),
    ("saved", "desk-done-saved"),
    ("removed", "desk-done-removed"),
    ("closed", "desk-done-closed"),
    ("erased", "desk-done-erased"),
    ("restricted", "desk-done-restricted"),
    ("unrestricted", "desk-done-unrestricted"),
    ("tested", "desk-done-tested"),
    ("scheduled", "desk-done-scheduled"),
    ("started", "desk-done-started"),
    ("paused", "desk-done-paused"),
    ("resumed", "desk-done-resumed"),
    ("recalled", "desk-done-recalled"),
    ("cancelled", "desk-done-cancelled"),
    ("settled", "desk-done-settled"),
    ("none-chosen", "contacts-none-chosen"),
    ("restored", "revisions-restored"),
];

/// A visit to a page of a workspace.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Language and relative paths.
    pub frame: Frame,
    /// The name of the workspace.
    pub workspace: String,
    /// Who visits, for the use cases.
    pub actor: Actor,
    /// The path within the workspace, without a leading slash.
    path: String,
    /// The path of its route.
    route: &'static str,
    done: Option<&'static str>,
    signed_in: Option<Arc<SignedIn>>,
}

impl Visit {
    /// Who is signed in; nobody before there is an administrator.
    pub fn user(&self) -> Option<&SignedIn> {
        self.signed_in.as_deref()
    }

    /// The first pages of the other workspaces of the visitor, with their names.
    pub fn others(&self) -> Vec<(String, String)> {
        let own = self.signed_in.iter().flat_map(|user| &user.memberships);
        let others = own.filter(|one| one.workspace != self.actor.workspace);
        others.map(|one| (self.frame.at(&format!("w/{}/", segment(&one.name))), one.name.clone())).collect()
    }

    /// A message of the catalogue.
    pub fn tr(&self, key: &'static str) -> String {
        self.frame.tr(key)
    }

    /// The values of a flag.
    pub fn yes_and_no(&self) -> Vec<String> {
        vec![self.tr("desk-yes"), self.tr("desk-no")]
    }

    /// A message with its values.
    pub fn say(&self, message: &Message) -> String {
        self.frame.lang.translate_for_desk(message)
    }

    /// A path within the workspace, relative to the page.
    pub fn url(&self, path: &str) -> String {
        self.frame.at(&format!("w/{}/{path}", segment(&self.workspace)))
    }

    /// Whether the visitor may perform the action.
    pub fn may(&self, action: Action) -> bool {
        action.is_permitted_to(self.actor.role)
    }

    /// `page` for the section that the page belongs to, as the value of `aria-current`.
    pub fn current(&self, section: &str) -> &'static str {
        let first = self.path.split('/').next().unwrap_or_default();
        if first == section { "page" } else { "false" }
    }

    /// The path of the help about this page.
    pub fn help(&self) -> String {
        self.url(&format!("help/{}", help::topic_of(&self.path)))
    }

    /// What the page does, as commands.
    pub fn commands(&self) -> &'static [&'static str] {
        command::of(self.route)
    }

    /// What was done just before.
    pub fn done(&self) -> Option<String> {
        self.done.map(|key| self.tr(key))
    }

    /// Renders a page.
    pub fn show(&self, page: &impl Template) -> Response {
        let mut response = show(page);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        response
    }

    /// Renders a page with a form that was refused.
    pub fn refuse(&self, page: &impl Template) -> Response {
        let mut response = (StatusCode::UNPROCESSABLE_ENTITY, self.show(page)).into_response();
        response.extensions_mut().insert(KeptBody);
        response
    }

    /// Leads to another page of the workspace, which says what was done.
    pub fn go(&self, path: &str, done: &'static str) -> Response {
        debug_assert!(done.is_empty() || DONE.iter().any(|(name, _)| *name == done));
        let mark = if path.contains('?') { '&' } else { '?' };
        let query = if done.is_empty() { String::new() } else { format!("{mark}done={done}") };
        (StatusCode::SEE_OTHER, [(LOCATION, format!("{}{query}", self.url(path)))]).into_response()
    }
}

/// A name as a segment of a path.
pub fn segment(name: &str) -> String {
    utf8_percent_encode(name, PATH_SEGMENT).to_string()
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Refusal::broken)
    }
}

/// What the middleware of a route needs.
#[derive(Clone)]
pub struct Gate {
    /// The state of the web role.
    pub state: WebState,
    /// What a visitor must be permitted to do.
    pub action: Action,
    /// The path of the route.
    pub route: &'static str,
}

impl FromRef<Gate> for Arc<SettingsCache> {
    fn from_ref(gate: &Gate) -> Self {
        gate.state.settings.clone()
    }
}

/// Middleware of the routes of a workspace: finds who visits and whether they may perform the action of the route.
///
/// A workspace that does not exist or that the visitor has no part in is not found; an action that the role may not perform
/// is forbidden.
pub async fn admit(
    State(gate): State<Gate>,
    frame: Frame,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let name = params.iter().find(|(name, _)| *name == "workspace").map(|(_, value)| value.to_owned());
    let name = name.ok_or_else(Refusal::unknown)?;
    let found = workspace::find(&gate.state.installation, &name).await.map_err(|error| match error.kind() {
        Kind::NotFound => Refusal::unknown(),
        _ => Refusal::from(error),
    })?;
    // Without a session the gate of the desk lets nobody pass but who works on the machine, before there is an administrator.
    let signed_in = request.extensions().get::<Arc<SignedIn>>().cloned();
    let actor = match &signed_in {
        Some(user) => user.actor(found.id).ok_or_else(Refusal::unknown)?,
        None => Actor { workspace: found.id, ..Actor::desk() },
    };
    let frame = frame.in_language(signed_in.as_ref().and_then(|user| user.lang));
    if !gate.action.is_permitted_to(actor.role) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "desk-forbidden"));
    }
    let path = request.uri().path().splitn(4, '/').nth(3).unwrap_or_default().to_owned();
    let query = request.uri().query().unwrap_or_default();
    let done = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done");
    let done = done.and_then(|(_, value)| DONE.iter().find(|(name, _)| *name == value)).map(|(_, key)| *key);
    request.extensions_mut().insert(Visit {
        frame,
        workspace: found.name,
        actor,
        path,
        route: gate.route,
        done,
        signed_in,
    });
    Ok(next.run(request).await)
}

/// The number at the end of a path, such as the key of a campaign; not found for anything else.
pub struct Key(pub crate::infra::id::Id);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Refusal::unknown())?;
        let id = params.iter().find(|(name, _)| *name == "id").and_then(|(_, value)| value.parse().ok());
        id.map(Self).ok_or_else(Refusal::unknown)
    }
}

/// The values of the query, by name.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// The value of this name without blanks around it; empty without one.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.trim())
    }
}

impl Params {
    /// These values.
    pub fn of<'a>(values: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The values of a query as it stands in an address.
    pub fn parse(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// All values of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}
