//! The capture inbox: letters that did not leave the machine, read as a mailbox shows them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use url::Url;

use super::client::{self, Answer, ONE_CLICK};
use super::page::{Frame, POLICY, Refusal, show};
use super::personal_data::minute;
use super::received_message::{ReceivedMessage, glance, spell};
use super::state::WebState;
use crate::infra::error::{Error, Message, Result as Outcome};
use crate::mailer::transport::eml_store::EmlStore;

/// Letters on the list page.
const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "desk/inbox.html")]
struct Inbox {
    frame: Frame,
    title: String,
    count: String,
    messages: Vec<Entry>,
}

/// A letter in the list.
struct Entry {
    file: String,
    to: String,
    subject: String,
    at: String,
}

#[derive(Template)]
#[template(path = "desk/message.html")]
struct Page {
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

/// Which part of a letter is looked at.
#[derive(Debug, Deserialize)]
pub struct Part {
    part: Option<String>,
}

/// `GET /inbox`
pub async fn all(State(app): State<Arc<WebState>>, frame: Frame) -> Result<Response, Refusal> {
    let folder = EmlStore::of_capture(&app.installation);
    let entries = off_thread(move || newest(&folder)).await?;
    let count = frame.lang.translate(&Message::new("inbox-count").with("shown", entries.len()));
    Ok(show(&Inbox { frame, title: frame.tr("inbox-title"), count, messages: entries }))
}

/// `GET /inbox/{file}?part=html|text|headers|source`
pub async fn one(
    State(app): State<Arc<WebState>>,
    frame: Frame,
    Path(file): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, Refusal> {
    let letter = open(&app, &file).await?;
    Ok(page(&app, frame, file, letter, part.part.as_deref(), None))
}

/// `GET /inbox/{file}/html`: the HTML part alone, for the frame on the letter's page. As in a
/// mailbox our own pixel is loaded and links open in a tab of their own; no other host is asked for
/// anything by itself.
pub async fn html(State(app): State<Arc<WebState>>, Path(file): Path<String>) -> Result<Response, Refusal> {
    let html = open(&app, &file).await?.html.ok_or_else(Refusal::unknown)?;
    let own = Url::parse(&app.told().public_url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let policy = format!(
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data: {own}; style-src 'unsafe-inline'; form-action 'none'; \
         frame-ancestors 'self'; base-uri 'none'"
    );
    let html = html.replacen("<head>", "<head><base target=\"_blank\">", 1);
    Ok(([(CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response())
}

/// `POST /inbox/{file}/unsubscribe`: sends the one-click request that a mailbox provider would send.
pub async fn unsubscribe(
    State(app): State<Arc<WebState>>,
    frame: Frame,
    Path(file): Path<String>,
) -> Result<Response, Refusal> {
    let letter = open(&app, &file).await?;
    let refuse = || Refusal::new(StatusCode::BAD_REQUEST, "inbox-no-one-click");
    let public_url = app.told().public_url.clone();
    let url = target(&letter, &public_url).ok_or_else(refuse)?;
    let listener = *app.public.get().ok_or_else(refuse)?;
    let answer = client::post_home(listener, &public_url, &url, ONE_CLICK).await?;
    // By now erasure may have taken the letter away; what was read before is shown once more.
    Ok(page(&app, frame, file, letter, Some("headers"), Some(answer)))
}

fn page(
    app: &WebState,
    frame: Frame,
    file: String,
    letter: ReceivedMessage,
    part: Option<&str>,
    answer: Option<Answer>,
) -> Response {
    let there = [("html", letter.html.is_some()), ("text", letter.text.is_some()), ("headers", true), ("source", true)];
    let there: Vec<&'static str> = there.into_iter().filter(|(_, is)| *is).map(|(part, _)| part).collect();
    let chosen = there.iter().copied().find(|known| part == Some(*known)).unwrap_or(there[0]);
    let sizes = Message::new("inbox-size")
        .with("bytes", letter.size)
        .with("html", letter.html.as_ref().map_or(0, String::len))
        .with("text", letter.text.as_ref().map_or(0, String::len));
    let page = Page {
        frame,
        to: spell(&letter.to),
        title: letter.subject.clone(),
        file,
        part: chosen,
        parts: there.into_iter().map(|part| (part, frame.tr(label(part)))).collect(),
        size: frame.lang.translate(&sizes),
        can_unsubscribe: target(&letter, &app.told().public_url).is_some(),
        message: letter,
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

/// The one-click address of a letter, when it is on this installation: no other host is posted to.
fn target(letter: &ReceivedMessage, public_url: &str) -> Option<Url> {
    let url = letter.one_click()?;
    let is_ours = url.strip_prefix(public_url).is_some_and(|path| path.starts_with("/u/"));
    Url::parse(&url).ok().filter(|_| is_ours)
}

fn newest(folder: &EmlStore) -> Outcome<Vec<Entry>> {
    let listed = folder.list(SHOWN)?;
    // A letter that erasure takes away at this moment is no error.
    Ok(listed
        .into_iter()
        .filter_map(|entry| {
            let (_, to, subject) = glance(&folder.read(&entry.file).ok()?)?;
            Some(Entry { to: spell(&to), subject, at: minute(entry.at), file: entry.file })
        })
        .collect())
}

async fn open(app: &WebState, file: &str) -> Result<ReceivedMessage, Refusal> {
    let (folder, file) = (EmlStore::of_capture(&app.installation), file.to_owned());
    let read = off_thread(move || folder.read(&file).map(|bytes| ReceivedMessage::read(&bytes))).await;
    match read {
        Ok(Some(letter)) => Ok(letter),
        Ok(None) | Err(Error::NotFound(_)) => Err(Refusal::new(StatusCode::NOT_FOUND, "inbox-gone")),
        Err(error) => Err(error.into()),
    }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(Message::new("refusal-broken").internal()))
}
