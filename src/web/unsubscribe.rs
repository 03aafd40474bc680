//! Leaving a list. The page asks, and only the POST leaves: mailbox providers fetch every link of a
//! letter. The POST is that of RFC 8058 as well as that of the button; the token is all it needs, so
//! its body and its other headers are not looked at. Its answer comes after the commit, and who hangs
//! up before it has left all the same.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use tokio::time::timeout;

use super::page::{Frame, Notice, Refusal, show};
use super::personal_data::{self, letter_of};
use super::state::{BRIEFLY, WebState};
use crate::audience::contact;
use crate::campaign::delivery;
use crate::infra::error::{Message, Result as Outcome};
use crate::infra::token::{DeliveryRef, TokenPurpose};
use crate::privacy::erasure::Erased;
use crate::privacy::request_journal::{RecipientRequest, RequestStatus};

/// Bytes of a body that are read away so that a client sees its answer; more is not waited for.
const BODY: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Template)]
#[template(path = "public/unsubscribe.html")]
struct Ask {
    frame: Frame,
    title: String,
    question: String,
    promise: String,
    action: String,
    preferences: String,
}

/// `GET /u/{token}`: asks, and changes nothing.
pub async fn ask(
    State(app): State<Arc<WebState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let claim = app.installation.signer.verify(TokenPurpose::Unsubscribe, &token).ok_or_else(Refusal::link)?;
    let list = list_name(&app, frame, claim).await;
    if claim.delivery == personal_data::TEST {
        return Ok(test_letter(frame, &list));
    }
    let question = match app.ask(async |conn| address(conn, claim).await).await {
        Ok(Some(address)) => {
            frame.lang.translate(&Message::new("unsubscribe-ask").with("list", &list).with("address", address))
        }
        Ok(None) => return Ok(show(&gone(frame, &list))),
        // The button works without the database, so the page must too.
        Err(_) => frame.about("unsubscribe-ask-anyone", &list),
    };
    Ok(show(&Ask {
        frame,
        title: frame.about("unsubscribe-title", &list),
        question,
        promise: frame.tr("unsubscribe-promise"),
        action: frame.at(&format!("/u/{token}")),
        preferences: frame
            .at(&format!("/p/{}", app.installation.signer.message_secret(claim).token(TokenPurpose::Preferences))),
    }))
}

/// `POST /u/{token}`: leaves the list and erases what hung on it.
pub async fn leave(
    State(app): State<Arc<WebState>>,
    frame: Frame,
    Path(token): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    let claim = app.installation.signer.verify(TokenPurpose::Unsubscribe, &token).ok_or_else(Refusal::link)?;
    // A body that is too long or never ends takes nothing from the request.
    let reading = timeout(PATIENCE, axum::body::to_bytes(body, BODY));
    let (carried, _, list) = tokio::join!(carry_out(&app, claim), reading, list_name(&app, frame, claim));
    let Some((granted, other)) = carried? else {
        return Ok(test_letter(frame, &list));
    };
    let mut page = left(frame, &list, granted);
    if let Some(other) = other {
        page.lines.push(frame.tr("left-others"));
        let token = app.installation.signer.message_secret(other).token(TokenPurpose::Preferences);
        page.link = Some((frame.at(&format!("/p/{token}")), frame.tr("left-see-others")));
    }
    Ok(show(&page))
}

/// What became of the request, and a letter that leads to what is left of the person here. `None` for
/// a test letter.
async fn carry_out(app: &Arc<WebState>, claim: DeliveryRef) -> Outcome<Option<(RequestStatus, Option<DeliveryRef>)>> {
    if claim.delivery == personal_data::TEST {
        return Ok(None);
    }
    let (granted, person) = app.grant(claim, RecipientRequest::Unsubscribe).await?;
    let other = match (granted, person) {
        (RequestStatus::Done(Erased::Subscription), Some(person)) => {
            app.ask(async |conn| letter_of(conn, person).await).await.ok().flatten()
        }
        _ => None,
    };
    Ok(Some((granted, other)))
}

/// What someone reads who has left a list, now or before.
pub fn left(frame: Frame, list: &str, granted: RequestStatus) -> Notice {
    let sentence = match granted {
        RequestStatus::Done(_) => "left-done",
        RequestStatus::Recorded => "left-noted",
    };
    Notice::new(frame, frame.about("left-title", list), frame.tr(sentence))
}

fn gone(frame: Frame, list: &str) -> Notice {
    Notice::new(frame, frame.about("gone-title", list), frame.tr("gone-text"))
}

/// What every door of a test letter answers.
pub fn test_letter(frame: Frame, list: &str) -> Response {
    show(&Notice::new(frame, frame.tr("test-letter-title"), frame.about("test-letter-text", list)))
}

/// The list's name, or a word for it where only the database knows the name and is away.
pub async fn list_name(app: &WebState, frame: Frame, claim: DeliveryRef) -> String {
    match timeout(BRIEFLY, app.campaign(claim.campaign)).await {
        Ok(Ok(Some(campaign))) => campaign.list_name.clone(),
        _ => frame.tr("list-unnamed"),
    }
}

/// The masked address of whom the letter went to, while they are there.
async fn address(conn: &mut crate::infra::db::Conn, claim: DeliveryRef) -> Outcome<Option<String>> {
    let Some((person, _)) = delivery::contact_of(conn, claim.delivery).await? else {
        return Ok(None);
    };
    Ok(contact::get(conn, person).await?.map(|found| found.address.to_string()))
}
