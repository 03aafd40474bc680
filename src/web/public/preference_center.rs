//! What a recipient can do on the preferences page besides unsubscribing and erasing: join another list, choose how often emails
//! come, pause them, correct the fields, take a copy along or hand it over.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::sync::Arc;

use super::state::RecipientState;
use super::stored_data::label_of;
use crate::audience::field::{Field, Kind};
use crate::audience::preference::{Frequency, LONGEST_PAUSE};
use crate::infra::clock::{DAY, Millis};
use crate::infra::error::Message;
use crate::infra::id::Id;
use crate::privacy::subject_access::SubjectData;
use crate::usecase::Actor;
use crate::usecase::preference::{self, Center, Subject};
use crate::usecase::preference_link::{self, LinkAsked};
use crate::usecase::request::{self, RequestKind};
use crate::web::entering::browser;
use crate::web::form::Form;
use crate::web::listener::PeerAddress;
use crate::web::page::{Frame, KeptBody, Notice, PageBrand, day, show, within};
use crate::web::refusal::Refusal;

/// The part of the page with which a recipient changes something.
pub struct CenterView {
    /// Lists that can be joined: key, name and the text that is agreed to.
    pub topics: Vec<(Id, String, String)>,
    /// How often emails come: word, name, and whether it is chosen.
    pub frequencies: Vec<(&'static str, String, bool)>,
    /// The first day of emails after a pause, as a date field has it; empty without a pause.
    pub pause: String,
    /// What is said about a pause.
    pub paused: Option<String>,
    /// The first and the last day that can be chosen.
    pub pause_range: (String, String),
    /// Each field with what it is called and its value.
    pub fields: Vec<(Field, String, String)>,
    /// The names of the files of a copy.
    pub files: Vec<String>,
    /// What is said about the recording of opens and clicks, and the word and the name of the button that changes it.
    pub measurement: (String, &'static str, String),
    /// Who else gets data, what the sender uses it for and how long it is kept, as the policy says.
    pub policy: Vec<String>,
    /// What can be requested: word and name.
    pub requests: Vec<(&'static str, String)>,
    /// What is said about what was done, or a mistake in it.
    pub mistake: Option<String>,
    /// The address of a copy for another organisation, just made.
    pub hand_over: Option<String>,
}

/// What can be requested on the page; for the rest it has buttons.
const REQUESTS: &[(RequestKind, &str)] = &[
    (RequestKind::Objection, "request-kind-objection"),
    (RequestKind::Complaint, "request-kind-complaint"),
    (RequestKind::Correction, "request-kind-correction"),
    (RequestKind::Restriction, "request-kind-restriction"),
    (RequestKind::Withdrawal, "request-kind-withdrawal"),
    (RequestKind::Access, "request-kind-access"),
];

/// What became of an action.
pub enum Acted {
    /// The page is shown again, with this sentence.
    Done(String),
    /// The page is shown again, with this mistake.
    Mistake(String),
    /// The page is shown again, with the address of a copy for another organisation.
    HandOver(String),
    /// A file.
    File(Response),
}

impl CenterView {
    /// The part for a recipient.
    pub fn new(frame: Frame, center: &Center, data: &SubjectData) -> Self {
        let until = center.preference.paused_until;
        let is_paused = until > center.now;
        let name = |frequency: &Frequency| match frequency {
            Frequency::All => frame.tr("preference-all"),
            Frequency::Weekly => frame.tr("preference-weekly"),
            Frequency::Monthly => frame.tr("preference-monthly"),
        };
        let chosen = center.preference.frequency;
        let fields = center.fields.iter();
        Self {
            topics: center.topics.iter().map(|list| (list.id, list.name.clone(), wording(frame, &list.name))).collect(),
            frequencies: Frequency::ALL.iter().map(|one| (one.as_str(), name(one), *one == chosen)).collect(),
            pause: if is_paused { date(until) } else { String::new() },
            paused: is_paused
                .then(|| frame.lang.translate(&Message::new("preference-paused").with("day", day(frame.lang, until)))),
            pause_range: (date(center.now + DAY), date(center.now + LONGEST_PAUSE - DAY)),
            fields: fields
                .map(|field| (field.clone(), label_of(frame, field), typed(data.fields.get(&field.name))))
                .collect(),
            files: ["data.json", "contact.csv", "subscriptions.csv", "consents.csv", "deliveries.csv", "events.csv"]
                .map(str::to_owned)
                .to_vec(),
            measurement: measurement(frame, center),
            policy: policy_lines(frame, center),
            requests: REQUESTS.iter().map(|(kind, key)| (kind.as_str(), frame.tr(key))).collect(),
            mistake: None,
            hand_over: None,
        }
    }
}

fn measurement(frame: Frame, center: &Center) -> (String, &'static str, String) {
    let is_recorded = match &center.policy {
        Some(policy) => policy.measurement.allows(center.measured),
        None => center.measured != Some(false),
    };
    match is_recorded {
        true => (frame.tr("preference-measured"), "no", frame.tr("preference-measure-not")),
        false => (frame.tr("preference-not-measured"), "yes", frame.tr("preference-measure")),
    }
}

fn policy_lines(frame: Frame, center: &Center) -> Vec<String> {
    let Some(policy) = &center.policy else { return Vec::new() };
    let mut lines = vec![
        frame.lang.translate(
            &Message::new("preference-controller")
                .with("name", &policy.controller.name)
                .with("address", &policy.controller.address)
                .with("email", &policy.controller.email),
        ),
    ];
    for purpose in &policy.purposes {
        let text = purpose.text(frame.lang.as_str());
        let line = Message::new("preference-purpose").with("text", if text.is_empty() { &purpose.name } else { text });
        lines.push(frame.lang.translate(&line.with("days", purpose.retention.unwrap_or(0))));
        for processor in &purpose.processors {
            let line = Message::new("preference-processor").with("name", &processor.name);
            lines.push(frame.lang.translate(&line.with("facts", processor.facts.join(", "))));
        }
    }
    lines
}

fn wording(frame: Frame, list: &str) -> String {
    frame.about("preference-join-wording", list)
}

fn date(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at).map(|at| at.to_zoned(TimeZone::UTC).date().to_string());
    at.unwrap_or_default()
}

/// A value as the input of its field has it.
fn typed(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Whether the input of a field is a date.
pub(super) fn is_date(field: &Field) -> bool {
    field.kind == Kind::Date
}

/// Carries out an action of the page.
pub async fn act(state: &RecipientState, frame: Frame, subject: Subject, form: &Form) -> Result<Acted, Refusal> {
    let (installation, actor) = (&state.installation, Actor::recipient());
    let done = match form.value("action") {
        "join" => {
            let center = within(preference::read(installation, &actor, subject)).await?;
            let list = form.value("list").parse().unwrap_or(0);
            let Some(topic) = center.topics.iter().find(|topic| topic.id == list) else {
                return Err(Refusal::new(StatusCode::BAD_REQUEST, "refusal-request"));
            };
            let wording = wording(frame, &topic.name);
            preference::join(installation, &actor, subject, list, &wording).await.map(|()| "preference-saved")
        }
        "schedule" => {
            let (frequency, pause) = (form.value("frequency"), form.value("pause"));
            let set = preference::set_schedule(installation, &actor, subject, frequency, pause).await;
            set.map(|()| "preference-saved")
        }
        "measure" => {
            let agreed = form.is("answer", "yes");
            let wording = frame.tr(if agreed { "preference-measure" } else { "preference-measure-not" });
            let set = preference::set_measured(installation, &actor, subject, agreed, &wording).await;
            set.map(|()| "preference-saved")
        }
        "correct" => {
            let data = within(preference::stored(installation, &actor, subject)).await?;
            let changed = form
                .with_prefix("field-")
                .filter(|(name, value)| value.trim() != typed(data.fields.get(*name)))
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            let changed = changed.collect();
            preference::correct(installation, &actor, subject, changed).await.map(|()| "preference-corrected")
        }
        "copy" => {
            let files = preference::copy(installation, &actor, subject).await?;
            let found = files.into_iter().find(|(name, _)| name == form.value("file"));
            let (name, bytes) = found.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "refusal-request"))?;
            return Ok(Acted::File(file(&name, bytes)));
        }
        "request" => {
            let kind: RequestKind =
                form.value("kind").parse().map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "refusal-request"))?;
            let asked = request::ask(installation, &actor, subject, kind, form.value("note")).await;
            match asked {
                Ok(due) => {
                    let message = Message::new("request-made").with("day", day(frame.lang, due));
                    return Ok(Acted::Done(frame.lang.translate(&message)));
                }
                Err(error) => Err(error),
            }
        }
        "hand-over" => return Ok(Acted::HandOver(preference_link::hand_over(installation, &actor, subject).await?)),
        _ => return Err(Refusal::new(StatusCode::BAD_REQUEST, "refusal-request")),
    };
    match done {
        Ok(key) => Ok(Acted::Done(frame.tr(key))),
        Err(error) if error.is_user_error() => Ok(Acted::Mistake(frame.lang.translate_for_desk(&error.message()))),
        Err(error) => Err(error.into()),
    }
}

fn file(name: &str, bytes: Vec<u8>) -> Response {
    let kind = if name.ends_with(".json") { "application/json" } else { "text/csv; charset=utf-8" };
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

#[derive(Template)]
#[template(path = "public/ask_link.html")]
struct AskLinkPage {
    frame: Frame,
    title: String,
    form: Form,
    action: String,
    brand: PageBrand,
}

/// `GET /preferences`: asks for an address.
pub async fn ask_link(frame: Frame) -> Response {
    show(&ask_page(frame, Form::default()))
}

fn ask_page(frame: Frame, form: Form) -> AskLinkPage {
    let (title, action) = (frame.tr("preference-ask-title"), frame.at("/preferences"));
    AskLinkPage { frame, title, form, action, brand: PageBrand::default() }
}

/// `POST /preferences`: sends a link to the address. The answer is the same for every address.
pub async fn send_link(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    peer: Option<axum::Extension<PeerAddress>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Refusal> {
    let network = browser::address(&headers, peer.map(|axum::Extension(peer)| peer));
    let (actor, address) = (Actor::recipient(), form.value("address"));
    match preference_link::ask_link(&state.installation, &actor, address, frame.lang, network).await {
        Ok(LinkAsked::Accepted) => {
            Ok(show(&Notice::new(frame, frame.tr("preference-sent-title"), frame.tr("preference-sent-text"))))
        }
        Ok(LinkAsked::Busy) => Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "form-busy")),
        Err(error) => {
            let page = ask_page(frame, form.refused(frame.lang, error)?);
            let mut response = (StatusCode::UNPROCESSABLE_ENTITY, show(&page)).into_response();
            response.extensions_mut().insert(KeptBody);
            Ok(response)
        }
    }
}

#[derive(Template)]
#[template(path = "public/hand_over.html")]
struct HandOverPage {
    frame: Frame,
    title: String,
    action: String,
    brand: PageBrand,
}

/// `GET /h/{token}`: says what the button fetches, and changes nothing.
pub async fn ask_hand_over(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    if !within(preference_link::is_hand_over_valid(&state.installation, &Actor::recipient(), &token)).await? {
        return Ok(used(frame));
    }
    let (title, action) = (frame.tr("hand-over-title"), frame.at(&format!("/h/{token}")));
    Ok(show(&HandOverPage { frame, title, action, brand: PageBrand::default() }))
}

/// `POST /h/{token}`: hands the copy over, once.
pub async fn hand_over(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let fetched = preference_link::fetch_hand_over(&state.installation, &Actor::recipient(), &token).await?;
    let Some(stored) = fetched else { return Ok(used(frame)) };
    let json = serde_json::to_vec_pretty(&stored).unwrap_or_default();
    Ok(file("data.json", json))
}

fn used(frame: Frame) -> Response {
    show(&Notice::new(frame, frame.tr("form-expired-title"), frame.tr("hand-over-used")))
}
