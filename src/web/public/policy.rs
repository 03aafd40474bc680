//! Public page of the privacy policy of a workspace: the edition in force, the others, and what each changed. It needs no token.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::state::RecipientState;
use crate::infra::error::Message;
use crate::usecase::Actor;
use crate::usecase::policy::publication::{self, Publication, Standing};
use crate::web::page::within;
use crate::web::page::{Frame, PageBrand, show};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "public/policy.html")]
struct PolicyPage {
    frame: Frame,
    title: String,
    brand: PageBrand,
    publication: Publication,
    /// The editions: path, name and whether it is the one that is shown.
    editions: Vec<(String, String, bool)>,
    /// Paragraphs of the text.
    paragraphs: Vec<String>,
}

/// `GET /policy/{workspace}`: the edition in force.
pub async fn read(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(workspace): Path<String>,
) -> Result<Response, Refusal> {
    page(&state, frame, &workspace, None).await
}

/// `GET /policy/{workspace}/{edition}`
pub async fn edition(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path((workspace, number)): Path<(String, u32)>,
) -> Result<Response, Refusal> {
    page(&state, frame, &workspace, Some(number)).await
}

async fn page(state: &RecipientState, frame: Frame, workspace: &str, number: Option<u32>) -> Result<Response, Refusal> {
    let actor = Actor::recipient();
    let read = publication::read(&state.installation, &actor, workspace, number, frame.lang.as_str());
    let publication = within(read).await?.ok_or_else(Refusal::unknown)?;
    let name = |row: &publication::EditionRow| {
        let standing = match row.standing {
            Standing::InForce => "in-force",
            Standing::Coming => "coming",
            Standing::Earlier => "earlier",
        };
        let message = Message::new("public-policy-edition").with("number", row.number).with("dated", row.dated);
        frame.lang.translate(&message.with("effective", row.effective).with("standing", standing))
    };
    let path = |number: u32| {
        let workspace =
            percent_encoding::utf8_percent_encode(&publication.workspace, percent_encoding::NON_ALPHANUMERIC);
        frame.at(&format!("policy/{workspace}/{number}"))
    };
    let editions = publication.editions.iter();
    let page = PolicyPage {
        title: frame.tr("public-policy-title"),
        brand: PageBrand { name: publication.controller.name.clone(), ..PageBrand::default() },
        editions: editions.map(|row| (path(row.number), name(row), row.number == publication.shown.number)).collect(),
        paragraphs: publication.text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect(),
        publication,
        frame,
    };
    Ok(show(&page))
}
