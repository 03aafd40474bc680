//! What we hold about the person a letter went to, and the two ways out: leave one list, or be
//! erased from all. Only the POST changes something, erasing after a second page has asked.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::page::{Frame, Notice, Refusal, show};
use super::personal_data::{self, Held};
use super::state::WebState;
use super::unsubscribe;
use crate::audience::list;
use crate::campaign::delivery;
use crate::infra::error::Message;
use crate::infra::id::Id;
use crate::infra::token::{DeliveryRef, TokenPurpose};
use crate::privacy::erasure::Erased;
use crate::privacy::request_journal::{RecipientRequest, RequestStatus};

#[derive(Template)]
#[template(path = "public/preferences.html")]
struct Preferences {
    frame: Frame,
    title: String,
    intro: String,
    done: Option<String>,
    data: Held,
    /// Where the buttons post to; `None` when no letter with a link of its own is on record.
    action: Option<String>,
}

#[derive(Template)]
#[template(path = "public/erase.html")]
struct Sure {
    frame: Frame,
    title: String,
    action: String,
}

/// What a button of the page sends.
#[derive(Debug, Deserialize)]
pub struct Order {
    action: String,
    list: Option<Id>,
    sure: Option<String>,
}

/// `GET /p/{token}`: shows, and changes nothing.
pub async fn look(
    State(app): State<Arc<WebState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let claim = app.installation.signer.verify(TokenPurpose::Preferences, &token).ok_or_else(Refusal::link)?;
    if claim.delivery == personal_data::TEST {
        return Ok(unsubscribe::test_letter(frame, &unsubscribe::list_name(&app, frame, claim).await));
    }
    match app.ask(async |conn| delivery::contact_of(conn, claim.delivery).await).await? {
        Some((person, _)) => overview(&app, frame, claim, person, None).await,
        None => Ok(nothing(frame)),
    }
}

/// `POST /p/{token}`: leaves a list, or erases when asked twice.
pub async fn change(
    State(app): State<Arc<WebState>>,
    frame: Frame,
    Path(token): Path<String>,
    Form(order): Form<Order>,
) -> Result<Response, Refusal> {
    let claim = app.installation.signer.verify(TokenPurpose::Preferences, &token).ok_or_else(Refusal::link)?;
    if claim.delivery == personal_data::TEST {
        return Ok(unsubscribe::test_letter(frame, &unsubscribe::list_name(&app, frame, claim).await));
    }
    match (order.action.as_str(), order.list) {
        ("leave", Some(list)) => leave(&app, frame, claim, list).await,
        ("erase", _) if order.sure.is_some() => app
            .grant(claim, RecipientRequest::Erase)
            .await
            .map(|(granted, _)| erased(frame, granted))
            .map_err(Refusal::from),
        ("erase", _) => {
            Ok(show(&Sure { frame, title: frame.tr("erase-title"), action: frame.at(&format!("/p/{token}")) }))
        }
        _ => Err(Refusal::new(axum::http::StatusCode::BAD_REQUEST, "refusal-request")),
    }
}

async fn leave(app: &Arc<WebState>, frame: Frame, claim: DeliveryRef, list: Id) -> Result<Response, Refusal> {
    let (granted, person) = app.grant(claim, RecipientRequest::UnsubscribeFrom(list)).await?;
    match (granted, person) {
        (RequestStatus::Done(gone), Some(person)) => {
            let name = app.ask(async |conn| list::get(conn, list).await).await?;
            let done = name.filter(|_| gone != Erased::Nothing).map(|list| frame.about("left-title", &list.name));
            overview(app, frame, claim, person, done).await
        }
        (RequestStatus::Done(_), _) => Ok(nothing(frame)),
        (RequestStatus::Recorded, _) => Ok(show(&Notice::new(frame, frame.tr("noted-title"), frame.tr("noted-text")))),
    }
}

/// The page for a person, through the letter at hand or, when that has gone with its list, another.
async fn overview(
    app: &WebState,
    frame: Frame,
    claim: DeliveryRef,
    person: Id,
    done: Option<String>,
) -> Result<Response, Refusal> {
    let Some(campaign) = app.campaign(claim.campaign).await? else {
        return Ok(nothing(frame));
    };
    let (held, letter) = app
        .ask(async |conn| {
            let held = personal_data::gather(conn, frame, campaign.workspace, person).await?;
            let same = delivery::contact_of(conn, claim.delivery).await?.map(|_| claim);
            Ok((
                held,
                match same {
                    Some(claim) => Some(claim),
                    None => personal_data::letter_of(conn, person).await?,
                },
            ))
        })
        .await?;
    let Some(held) = held else {
        return Ok(done.map_or_else(|| nothing(frame), |title| show(&Notice::new(frame, title, frame.tr("held-last")))));
    };
    let intro = Message::new("held-intro").with("address", &held.address).with("day", &held.since);
    let action = letter.map(|claim| {
        frame.at(&format!("/p/{}", app.installation.signer.message_secret(claim).token(TokenPurpose::Preferences)))
    });
    Ok(show(&Preferences {
        frame,
        title: frame.tr("held-title"),
        intro: frame.lang.translate(&intro),
        done,
        data: held,
        action,
    }))
}

fn erased(frame: Frame, granted: RequestStatus) -> Response {
    let sentence = match granted {
        RequestStatus::Done(_) => "erased-done",
        RequestStatus::Recorded => "erased-noted",
    };
    show(&Notice::new(frame, frame.tr("erased-title"), frame.tr(sentence)))
}

fn nothing(frame: Frame) -> Response {
    show(&Notice::new(frame, frame.tr("held-nothing-title"), frame.tr("held-nothing")))
}
