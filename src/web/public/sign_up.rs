//! Pages of a sign-up form: the form itself, what is said after it was sent, and the page behind the link in the message, whose
//! button confirms. Only a POST changes anything. A form on a page of another site may post here too.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::state::RecipientState;
use super::stored_data::{label_of, shown_values};
use crate::audience::field::{Field, Kind};
use crate::infra::error::Message;
use crate::infra::id::Id;
use crate::usecase::Actor;
use crate::usecase::sign_up::{self, Confirmation, OpenForm, Posted, SignedUp};
use crate::web::entering::browser;
use crate::web::form::Form;
use crate::web::listener::PeerAddress;
use crate::web::page::{Frame, KeptBody, Notice, PageBrand, show, show_branded, within};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "public/sign_up.html")]
struct SignUpPage {
    frame: Frame,
    title: String,
    intro: String,
    action: String,
    /// Each field with what it is called.
    fields: Vec<(Field, String)>,
    /// Each box: its position, its text, whether it is required and whether it was ticked.
    boxes: Vec<(usize, String, bool, bool)>,
    form: Form,
    token: String,
    /// What is said above the form when it is shown again.
    again: Option<String>,
    brand: PageBrand,
}

#[derive(Template)]
#[template(path = "public/sign_up_confirm.html")]
struct ConfirmPage {
    frame: Frame,
    title: String,
    address: String,
    texts: Vec<String>,
    values: Vec<(String, String)>,
    action: String,
    brand: PageBrand,
}

/// `GET /f/{id}`
pub async fn read(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let opened = open(&state, &id).await?;
    let page = page(frame, opened, Form::default(), None);
    Ok(show_branded(&page, &page.brand))
}

async fn open(state: &RecipientState, id: &str) -> Result<OpenForm, Refusal> {
    let id: Id = id.parse().map_err(|_| Refusal::unknown())?;
    let opened = within(sign_up::open(&state.installation, &Actor::recipient(), id)).await?;
    opened.ok_or_else(Refusal::unknown)
}

fn page(frame: Frame, opened: OpenForm, form: Form, again: Option<&'static str>) -> SignUpPage {
    let definition = opened.form.definition;
    let frame = frame.in_language(definition.language.parse().ok());
    let ticked: Vec<usize> = form.all("box").filter_map(|at| at.parse().ok()).collect();
    let boxes = definition.boxes.into_iter().enumerate();
    SignUpPage {
        title: definition.title,
        intro: definition.intro,
        action: frame.at(&format!("/f/{}", opened.form.id)),
        fields: opened.fields.into_iter().map(|field| (field.clone(), label_of(frame, &field))).collect(),
        boxes: boxes.map(|(at, one)| (at, one.text, one.required, ticked.contains(&at))).collect(),
        form,
        token: opened.token,
        again: again.map(|key| frame.tr(key)),
        brand: PageBrand::from(&opened.brand),
        frame,
    }
}

/// `POST /f/{id}`: takes the sign-up. The answer is the same for every address.
pub async fn submit(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(id): Path<String>,
    peer: Option<axum::Extension<PeerAddress>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Refusal> {
    let opened = open(&state, &id).await?;
    let posted = Posted {
        address: form.value("address").to_owned(),
        values: form.with_prefix("field-").map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        boxes: form.all("box").filter_map(|at| at.parse().ok()).collect(),
        token: form.value("t").to_owned(),
        trap: form.value("website").to_owned(),
        network: browser::address(&headers, peer.map(|axum::Extension(peer)| peer)),
    };
    let frame = frame.in_language(opened.form.definition.language.parse().ok());
    match sign_up::submit(&state.installation, &Actor::recipient(), opened.form.id, &posted).await {
        Ok(SignedUp::Accepted) => {
            let brand = PageBrand::from(&opened.brand);
            let notice = Notice::new(frame, frame.tr("form-sent-title"), frame.tr("form-sent-text"));
            Ok(show_branded(&notice.of(&brand), &brand))
        }
        Ok(SignedUp::Again) => {
            let page = page(frame, opened, form, Some("form-again"));
            Ok(show_branded(&page, &page.brand))
        }
        Ok(SignedUp::Busy) => Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "form-busy")),
        Err(error) => {
            let page = page(frame, opened, form.refused(frame.lang, error)?, None);
            let shown = show_branded(&page, &page.brand);
            let mut response = (StatusCode::UNPROCESSABLE_ENTITY, shown).into_response();
            response.extensions_mut().insert(KeptBody);
            Ok(response)
        }
    }
}

/// `GET /f/confirm/{token}`: shows what was agreed to, and changes nothing.
pub async fn ask(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let found = within(sign_up::find(&state.installation, &Actor::recipient(), &token)).await?;
    let Some(Confirmation { address, values, texts, language, brand }) = found else { return Ok(expired(frame)) };
    let frame = frame.in_language(language.parse().ok());
    let page = ConfirmPage {
        frame,
        title: frame.tr("form-confirm-title"),
        address: frame.lang.translate(&Message::new("form-confirm-ask").with("address", &address)),
        texts,
        values: shown_values(frame, &values),
        action: frame.at(&format!("/f/confirm/{token}")),
        brand: PageBrand::from(&brand),
    };
    Ok(show_branded(&page, &page.brand))
}

/// `POST /f/confirm/{token}`: the owner of the address confirms, or says that somebody else has typed it.
pub async fn confirm(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Refusal> {
    let found = within(sign_up::find(&state.installation, &Actor::recipient(), &token)).await?;
    let Some(found) = found else { return Ok(expired(frame)) };
    let frame = frame.in_language(found.language.parse().ok());
    let brand = PageBrand::from(&found.brand);
    let say = |title, text| show_branded(&Notice::new(frame, title, text).of(&brand), &brand);
    if form.is("action", "refuse") {
        sign_up::refuse(&state.installation, &Actor::recipient(), &token).await?;
        return Ok(say(frame.tr("form-refused-title"), frame.tr("form-refused-text")));
    }
    // In a task of its own: a client that disconnects does not stop it half way.
    let confirming =
        tokio::spawn(async move { sign_up::confirm(&state.installation, &Actor::recipient(), &token).await });
    match confirming.await.map_err(|_| Refusal::broken())?? {
        Some(lists) => {
            let lists = lists.join(", ");
            Ok(say(frame.about("form-confirmed-title", &lists), frame.about("form-confirmed-text", &lists)))
        }
        None => Ok(expired(frame)),
    }
}

fn expired(frame: Frame) -> Response {
    show(&Notice::new(frame, frame.tr("form-expired-title"), frame.tr("form-expired-text")))
}

/// The type of the input of a field.
fn input_type(field: &Field) -> &'static str {
    if field.kind == Kind::Date { "date" } else { "text" }
}
