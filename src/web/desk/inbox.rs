//! Pages of the capture inbox: the captured messages as a list, and one message as a mailbox shows it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use url::Url;

use super::DeskState;
use crate::infra::error::Message;
use crate::usecase::Actor;
use crate::usecase::inbox;
use crate::usecase::received_message::{ReceivedMessage, unicode_address};
use crate::web::client::{self, Answer, ONE_CLICK};
use crate::web::entering::gate::Operator;
use crate::web::page::{Frame, POLICY, minute, show};
use crate::web::refusal::Refusal;
use crate::web::settings::SettingsCache;

/// Messages on the list page.
const LIST_LENGTH: usize = 100;

#[derive(Template)]
#[template(path = "desk/inbox.html")]
struct InboxPage {
    frame: Frame,
    title: String,
    count: String,
    messages: Vec<MessageRow>,
}

/// A message in the list.
struct MessageRow {
    file: String,
    to: String,
    subject: String,
    at: String,
}

#[derive(Template)]
#[template(path = "desk/message.html")]
struct MessagePage {
    frame: Frame,
    title: String,
    file: String,
    to: String,
    message: ReceivedMessage,
    part: &'static str,
    parts: Vec<(&'static str, String)>,
    size: String,
    can_unsubscribe: bool,
    answer: Option<Answer>,
}

/// The query that selects a part of a message.
#[derive(Debug, Deserialize)]
pub struct PartQuery {
    part: Option<String>,
}

/// `GET /inbox`
pub async fn list(
    State(state): State<Arc<DeskState>>,
    Operator(actor): Operator,
    frame: Frame,
) -> Result<Response, Refusal> {
    let captured = inbox::list(&state.installation, &actor, LIST_LENGTH).await?;
    let count = frame.lang.translate(&Message::new("inbox-count").with("shown", captured.len()));
    let row = |captured: inbox::CapturedMessage| MessageRow {
        to: unicode_address(&captured.to),
        subject: captured.subject,
        at: minute(captured.at),
        file: captured.file,
    };
    let messages = captured.into_iter().map(row).collect();
    Ok(show(&InboxPage { frame, title: frame.tr("inbox-title"), count, messages }))
}

/// `GET /inbox/{file}?part=html|text|headers|source`
pub async fn read(
    State(state): State<Arc<DeskState>>,
    State(settings): State<Arc<SettingsCache>>,
    Operator(actor): Operator,
    frame: Frame,
    Path(file): Path<String>,
    Query(query): Query<PartQuery>,
) -> Result<Response, Refusal> {
    let message = find(&state, &actor, &file).await?;
    Ok(message_page(&settings, frame, file, message, query.part.as_deref(), None))
}

/// `GET /inbox/{file}/html`: the HTML part alone, for the frame on the message page. As in a mailbox, our own pixel is
/// loaded and links open in a new tab; nothing is loaded from other hosts.
pub async fn html(
    State(state): State<Arc<DeskState>>,
    State(settings): State<Arc<SettingsCache>>,
    Operator(actor): Operator,
    Path(file): Path<String>,
) -> Result<Response, Refusal> {
    let html = find(&state, &actor, &file).await?.html.ok_or_else(Refusal::unknown)?;
    let own = Url::parse(&settings.get().public_url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let policy = format!(
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data: {own}; style-src 'unsafe-inline'; form-action 'none'; \
         frame-ancestors 'self'; base-uri 'none'"
    );
    let html = html.replacen("<head>", "<head><base target=\"_blank\">", 1);
    Ok(([(CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response())
}

/// `POST /inbox/{file}/unsubscribe`: sends the one-click request that a mailbox provider would send.
pub async fn unsubscribe(
    State(state): State<Arc<DeskState>>,
    State(settings): State<Arc<SettingsCache>>,
    Operator(actor): Operator,
    frame: Frame,
    Path(file): Path<String>,
) -> Result<Response, Refusal> {
    let message = find(&state, &actor, &file).await?;
    let refuse = || Refusal::new(StatusCode::BAD_REQUEST, "inbox-no-one-click");
    let public_url = settings.get().public_url.clone();
    let url = one_click_url(&message, &public_url).ok_or_else(refuse)?;
    let listener = state.public_address().ok_or_else(refuse)?;
    let answer = client::post_to_listener(listener, &public_url, &url, ONE_CLICK).await?;
    // The erasure may have removed the file by now; the message read before is shown.
    Ok(message_page(&settings, frame, file, message, Some("headers"), Some(answer)))
}

fn message_page(
    settings: &SettingsCache,
    frame: Frame,
    file: String,
    message: ReceivedMessage,
    part: Option<&str>,
    answer: Option<Answer>,
) -> Response {
    let (has_html, has_text) = (message.html.is_some(), message.text.is_some());
    let parts = [("html", has_html), ("text", has_text), ("headers", true), ("source", true)];
    let parts: Vec<&'static str> = parts.into_iter().filter(|(_, exists)| *exists).map(|(part, _)| part).collect();
    let selected = parts.iter().copied().find(|known| part == Some(*known)).unwrap_or(parts[0]);
    let size = Message::new("inbox-size")
        .with("bytes", message.size)
        .with("html", message.html.as_ref().map_or(0, String::len))
        .with("text", message.text.as_ref().map_or(0, String::len));
    let page = MessagePage {
        frame,
        to: unicode_address(&message.to),
        title: message.subject.clone(),
        file,
        part: selected,
        parts: parts.into_iter().map(|part| (part, frame.tr(label(part)))).collect(),
        size: frame.lang.translate(&size),
        can_unsubscribe: one_click_url(&message, &settings.get().public_url).is_some(),
        message,
        answer,
    };
    let policy = POLICY.replace("form-action", "frame-src 'self'; form-action");
    ([(CONTENT_SECURITY_POLICY, policy)], show(&page)).into_response()
}

fn label(part: &str) -> &'static str {
    match part {
        "html" => "inbox-part-html",
        "text" => "inbox-part-text",
        "headers" => "inbox-part-headers",
        _ => "inbox-part-source",
    }
}

/// The one-click URL of a message, if it belongs to this installation: nothing is posted to other hosts.
fn one_click_url(message: &ReceivedMessage, public_url: &str) -> Option<Url> {
    let url = message.one_click()?;
    let is_ours = url.strip_prefix(public_url).is_some_and(|path| path.starts_with("/u/"));
    Url::parse(&url).ok().filter(|_| is_ours)
}

async fn find(state: &DeskState, actor: &Actor, file: &str) -> Result<ReceivedMessage, Refusal> {
    let found = inbox::read(&state.installation, actor, file).await?;
    found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "inbox-missing"))
}
