//! Page of the pictures of a workspace: upload some, describe them, copy one into an email, remove one.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::DeskState;
use super::listing::{self, Shape};
use super::visit::{Params, Visit};
use crate::content::picture::prepare::MAX_BYTES;
use crate::infra::error::{Error, Message};
use crate::infra::id::Id;
use crate::usecase::Action;
use crate::usecase::picture::{self, PictureRow};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

/// Bytes of an upload: large files are read to their end, so that the refusal can be said.
pub const UPLOAD_LIMIT: usize = 256 << 20;

#[derive(Template)]
#[template(path = "desk/media.html")]
struct MediaPage {
    visit: Visit,
    title: String,
    form: Form,
    pictures: Vec<PictureRow>,
    /// What became of each file that was not taken.
    refused: Vec<String>,
    /// The picture whose removal has to be confirmed.
    asked: Option<Id>,
}

impl MediaPage {
    /// Pixels and bytes of a picture.
    fn measures(&self, picture: &PictureRow) -> String {
        format!("{} × {}, {} KB", picture.width, picture.height, (picture.size + 999) / 1_000)
    }
}

async fn page(desk: &DeskState, visit: Visit, form: Form) -> Result<MediaPage, Refusal> {
    let pictures = picture::list(&desk.installation, &visit.actor).await?;
    Ok(MediaPage { title: visit.tr("media-title"), form, pictures, refused: Vec::new(), asked: None, visit })
}

/// `GET /media`
pub async fn list(State(desk): State<Arc<DeskState>>, visit: Visit, shape: Shape) -> Result<Response, Refusal> {
    if shape != Shape::Page {
        let rows = picture::list(&desk.installation, &visit.actor).await?;
        return Ok(listing::rows(&visit, shape, "pictures", &rows));
    }
    let page = page(&desk, visit, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `GET /media/file?id=`: the picture itself.
pub async fn file(State(desk): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let Ok(id) = params.get("id").parse() else { return Ok(visit.go("media", "")) };
    let (kind, bytes) = picture::read_own(&desk.installation, &visit.actor, id).await?;
    let headers = [(CONTENT_TYPE, kind.media_type()), (CACHE_CONTROL, "private, max-age=86400")];
    Ok((headers, bytes).into_response())
}

/// `POST /media/add`: takes the files; those that are refused are named.
pub async fn add(State(desk): State<Arc<DeskState>>, visit: Visit, mut parts: Multipart) -> Result<Response, Refusal> {
    let broken = |_| Refusal::new(StatusCode::BAD_REQUEST, "desk-import-broken");
    let (mut added, mut refused, mut alt) = (0, Vec::new(), None);
    while let Some(mut part) = parts.next_field().await.map_err(broken)? {
        match part.name() {
            Some("alt") => alt = Some(part.text().await.map_err(broken)?).filter(|alt| !alt.trim().is_empty()),
            Some("decorative") => alt = Some(String::new()),
            Some("file") => {
                let name = part.file_name().unwrap_or_default().to_owned();
                let mut bytes = Vec::new();
                while let Some(chunk) = part.chunk().await.map_err(broken)? {
                    // What is too large is read on and not kept.
                    if bytes.len() <= MAX_BYTES {
                        bytes.extend_from_slice(&chunk);
                    }
                }
                if name.is_empty() && bytes.is_empty() {
                    continue;
                }
                match picture::add(&desk.installation, &visit.actor, &name, alt.as_deref(), bytes).await {
                    Ok(_) => added += 1,
                    Err(error) if error.is_user_error() => {
                        let message = Message::new("media-refused").with("name", &name);
                        refused.push(visit.say(&message.with_message("why", error.message())));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            _ => {}
        }
    }
    if refused.is_empty() && added > 0 {
        return Ok(visit.go("media", "added"));
    }
    if refused.is_empty() {
        refused.push(visit.tr("media-nothing"));
    }
    let page = MediaPage { refused, ..page(&desk, visit, Form::default()).await? };
    Ok(page.visit.refuse(&page))
}

fn key(form: &Form) -> Result<Id, Refusal> {
    form.value("id").parse().map_err(|_| Refusal::unknown())
}

/// `POST /media/describe`
pub async fn describe(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let id = key(&form)?;
    let alt = if form.has("decorative") { "" } else { form.value("alt").trim() };
    let is_missing = alt.is_empty() && !form.has("decorative");
    let described = match is_missing {
        true => Err(Message::new("media-alt-missing").invalid_field("alt")),
        false => picture::describe(&desk.installation, &visit.actor, id, alt).await,
    };
    after(&desk, visit, form, None, described, "saved").await
}

/// `POST /media/remove`: a picture that campaigns use needs `confirm`.
pub async fn remove(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let id = key(&form)?;
    let removed = picture::remove(&desk.installation, &visit.actor, id, form.has("confirm")).await;
    after(&desk, visit, form, Some(id), removed, "removed").await
}

async fn after(
    desk: &DeskState,
    visit: Visit,
    form: Form,
    asked: Option<Id>,
    done: Result<(), Error>,
    said: &'static str,
) -> Result<Response, Refusal> {
    match done {
        Ok(()) => Ok(visit.go("media", said)),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = MediaPage { asked, ..page(desk, visit, form).await? };
            Ok(page.visit.refuse(&page))
        }
    }
}
