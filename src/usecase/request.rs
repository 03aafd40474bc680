//! Requests of people about their data: entered by an operator or made on the preferences page, with an identity check, a due
//! date by law, reminders and an outcome.

use serde::Serialize;

use super::contact::parse;
use super::preference::Subject;
use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::contact;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
pub use crate::privacy::due_date::Law;
use crate::privacy::policy;
use crate::privacy::subject_request::{self, Identity, RequestState, RequestText, SubjectRequest};
pub use crate::privacy::subject_request::{RequestKind, RequestState as State};

/// How long before a due date owners are reminded.
pub const REMINDER: Millis = 3 * DAY;
/// The ways in which a request comes to an operator.
const CHANNELS: &[&str] = &["post", "phone", "email", "person"];
/// Characters of a note.
const MAX_NOTE_CHARS: usize = 4_000;

/// A request as an operator enters it.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// The address of the person.
    pub address: String,
    /// What they ask for.
    pub kind: RequestKind,
    /// The way it came in, such as `post`.
    pub channel: String,
    /// What was asked, in words.
    pub note: String,
    /// How the operator checked who asks; `None` when nobody has.
    pub checked: Option<String>,
    /// The law; that of the workspace without one.
    pub law: Option<Law>,
    /// The day on which it came in; today without one.
    pub received: Option<String>,
}

/// A request, for lists and pages.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRow {
    /// Its number.
    pub request: Id,
    /// What is asked for.
    pub kind: &'static str,
    /// `open`, `done` or `refused`.
    pub state: &'static str,
    /// The way it came in.
    pub channel: String,
    /// The law.
    pub law: &'static str,
    /// How it is known who asks.
    pub identity: &'static str,
    /// Masked; empty once the person was erased.
    pub address: String,
    /// When it came in.
    #[serde(serialize_with = "super::output::time")]
    pub received_at: Millis,
    /// When it must be answered.
    #[serde(serialize_with = "super::output::time")]
    pub due_at: Millis,
    /// True when it is open and late.
    pub overdue: bool,
    /// True when the due date was extended.
    pub extended: bool,
    /// When it was answered or refused.
    pub closed: Option<String>,
}

/// A request with its notes.
#[derive(Debug, Clone, Serialize)]
pub struct RequestDetails {
    /// Its state.
    #[serde(flatten)]
    pub row: RequestRow,
    /// The contact, while there is one.
    pub contact: Option<Id>,
    /// What was asked, in words.
    pub note: String,
    /// How the identity was checked.
    pub checked: String,
    /// Why the due date was extended.
    pub extension: String,
    /// What was answered, or why it was refused.
    pub outcome: String,
}

/// The requests of a workspace.
#[derive(Debug, Serialize)]
pub struct Requests {
    /// Open ones first, by due date.
    pub requests: Vec<RequestRow>,
}

fn row(request: &SubjectRequest, now: Millis) -> RequestRow {
    let address = request.text.as_ref().map(|text| Address::parse_stored(&text.address).to_string());
    RequestRow {
        request: request.id,
        kind: request.kind.as_str(),
        state: request.state.as_str(),
        channel: request.channel.clone(),
        law: request.law.as_str(),
        identity: request.identity.as_str(),
        address: address.unwrap_or_default(),
        received_at: request.received_at,
        due_at: request.due_at,
        overdue: request.state == RequestState::Open && request.due_at < now,
        extended: request.extended_at.is_some(),
        closed: request.closed_at.map(super::output::utc),
    }
}

pub(super) fn details(request: SubjectRequest, now: Millis) -> RequestDetails {
    let (row, text) = (row(&request, now), request.text.unwrap_or_default());
    let RequestText { note, identity, extension, outcome, .. } = text;
    RequestDetails { row, contact: request.contact, note, checked: identity, extension, outcome }
}

/// Enters a request that came by post, by phone or in another way.
///
/// # Errors
/// Invalid for a wrong address or day, and for a note that is too long.
pub async fn add(installation: &Installation, actor: &Actor, new: &NewRequest) -> Result<RequestDetails> {
    let permit = actor.permit(installation, Action::ManageRequests).await?.begin(installation).await?;
    let address = parse(&new.address)?;
    let now = installation.clock.now();
    // The word stays after an erasure, so it must name nobody.
    if !CHANNELS.contains(&new.channel.as_str()) {
        let known = CHANNELS.join(", ");
        let message = Message::new("request-channel").with("channel", &new.channel).with("known", known);
        return Err(message.invalid_field("channel"));
    }
    let received_at = match new.received.as_deref().map(str::trim).filter(|day| !day.is_empty()) {
        None => now,
        Some(day) => {
            let wrong = || Message::new("request-day").with("day", day).invalid_field("received");
            let date: jiff::civil::Date = day.parse().map_err(|_| wrong())?;
            let start = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?.timestamp().as_millisecond();
            if start > now {
                return Err(wrong());
            }
            start
        }
    };
    let checked = new.checked.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let mut tx = installation.db.write().await?;
    let contact = contact::find(&mut tx, permit.workspace, &address).await?.map(|contact| contact.id);
    let law = match new.law {
        Some(law) => law,
        None => usual_law(&mut tx, permit.workspace).await?,
    };
    let request = SubjectRequest {
        id: installation.ids.next()?,
        workspace: permit.workspace,
        contact,
        text: Some(RequestText {
            address: address.expose(),
            note: checked_note(&new.note)?,
            identity: checked_note(checked.unwrap_or_default())?,
            ..RequestText::default()
        }),
        kind: new.kind,
        channel: new.channel.clone(),
        law,
        state: RequestState::Open,
        identity: if checked.is_some() { Identity::Noted } else { Identity::Unknown },
        received_at,
        due_at: law.due_at(received_at),
        extended_at: None,
        closed_at: None,
    };
    subject_request::save(installation, &mut tx, &request).await?;
    tx.commit().await?;
    permit.audit(request.id).await;
    Ok(details(request, now))
}

/// The law for a request that names none: that of the policy; without one that of the language of the installation.
async fn usual_law(conn: &mut Conn, workspace: Id) -> Result<Law> {
    if let Some(policy) = policy::current(conn, workspace).await? {
        return policy.jurisdiction.as_str().parse();
    }
    let lang = setting::get(conn, Setting::Language).await?;
    Ok(if lang == "ru" { Law::Ru } else { Law::Eu })
}

pub(super) fn checked_note(note: &str) -> Result<String> {
    if note.chars().count() > MAX_NOTE_CHARS {
        return Err(Message::new("form-text-long").with("limit", MAX_NOTE_CHARS).invalid_field("note"));
    }
    Ok(note.trim().to_owned())
}

/// Makes a request from the preferences page. The link that led there proves who asks.
///
/// # Errors
/// Invalid for a note that is too long.
pub async fn ask(
    installation: &Installation,
    actor: &Actor,
    subject: Subject,
    kind: RequestKind,
    note: &str,
) -> Result<Millis> {
    let permit = actor.permit(installation, Action::ChangeSelf).await?.begin(installation).await?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    let found = contact::get_of_workspace(&mut tx, subject.workspace, subject.contact).await?;
    let contact = found.ok_or_else(|| Message::new("data-none").not_found())?;
    let open = subject_request::of_contact(installation, &mut tx, contact.id).await?;
    if open.iter().filter(|one| one.state == RequestState::Open).count() >= 10 {
        return Err(Message::new("request-many").invalid_field("note"));
    }
    let law = usual_law(&mut tx, subject.workspace).await?;
    let request = SubjectRequest {
        id: installation.ids.next()?,
        workspace: subject.workspace,
        contact: Some(contact.id),
        text: Some(RequestText {
            address: contact.address.expose(),
            note: checked_note(note)?,
            ..RequestText::default()
        }),
        kind,
        channel: "self".to_owned(),
        law,
        state: RequestState::Open,
        identity: Identity::Link,
        received_at: now,
        due_at: law.due_at(now),
        extended_at: None,
        closed_at: None,
    };
    subject_request::save(installation, &mut tx, &request).await?;
    tx.commit().await?;
    permit.audit(request.id).await;
    Ok(request.due_at)
}

/// Lists the requests of the workspace.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Requests> {
    let permit = actor.permit(installation, Action::ListRequests).await?;
    let found = subject_request::list(installation, &mut *installation.db.read().await?, permit.workspace).await?;
    permit.audit(None).await;
    let now = installation.clock.now();
    Ok(Requests { requests: found.iter().map(|request| row(request, now)).collect() })
}

/// Number of open requests, and of those that are due within three days or late.
pub async fn count_open(installation: &Installation, actor: &Actor) -> Result<(usize, usize)> {
    let permit = actor.permit(installation, Action::ReadOverview).await?;
    permit.skip_audit();
    let found = subject_request::list(installation, &mut *installation.db.read().await?, permit.workspace).await?;
    let open: Vec<_> = found.into_iter().filter(|request| request.state == RequestState::Open).collect();
    let soon = installation.clock.now() + REMINDER;
    Ok((open.len(), open.iter().filter(|request| request.due_at < soon).count()))
}

/// Shows a request with its notes.
///
/// # Errors
/// `NotFound` for another number.
pub async fn show(installation: &Installation, actor: &Actor, id: Id) -> Result<RequestDetails> {
    let permit = actor.permit(installation, Action::ListRequests).await?;
    let mut tx = installation.db.write().await?;
    let request = find(installation, &mut tx, permit.workspace, id).await?;
    permit.audit(id).await;
    Ok(details(request, installation.clock.now()))
}

async fn find(installation: &Installation, conn: &mut Conn, workspace: Id, id: Id) -> Result<SubjectRequest> {
    let found = subject_request::get(installation, conn, id).await?.filter(|request| request.workspace == workspace);
    found.ok_or_else(|| Message::new("request-unknown").with("id", id).not_found())
}

/// An open request.
pub(super) async fn find_open(
    installation: &Installation,
    conn: &mut Conn,
    workspace: Id,
    id: Id,
) -> Result<SubjectRequest> {
    let request = find(installation, conn, workspace, id).await?;
    if request.state != RequestState::Open {
        return Err(Message::new("request-closed").with("id", id).conflict());
    }
    Ok(request)
}

/// Extends the due date, once, with the reason that the person is told.
///
/// # Errors
/// `Conflict` for a request that is closed, late or extended already; invalid without a reason.
pub async fn extend(installation: &Installation, actor: &Actor, id: Id, reason: &str) -> Result<RequestDetails> {
    let permit = actor.permit(installation, Action::ManageRequests).await?.begin(installation).await?;
    let now = installation.clock.now();
    if reason.trim().is_empty() {
        return Err(Message::new("request-extend-reason").invalid_field("reason"));
    }
    let mut tx = installation.db.write().await?;
    let mut request = find_open(installation, &mut tx, permit.workspace, id).await?;
    if request.extended_at.is_some() || request.due_at < now {
        return Err(Message::new("request-extended").with("id", id).conflict());
    }
    request.extended_at = Some(now);
    request.due_at = request.law.extended(request.received_at);
    if let Some(text) = &mut request.text {
        text.extension = checked_note(reason)?;
    }
    subject_request::save(installation, &mut tx, &request).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(details(request, now))
}

/// Closes a request as answered or as refused, with what was answered. One that gives data is answered only when it is known who
/// asks; otherwise it is refused.
///
/// # Errors
/// `Conflict` for a request that is closed, or that would give data to who may be somebody else; invalid for a refusal without a
/// reason.
pub async fn close(
    installation: &Installation,
    actor: &Actor,
    id: Id,
    state: State,
    outcome: &str,
) -> Result<RequestDetails> {
    let permit = actor.permit(installation, Action::ManageRequests).await?.begin(installation).await?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    let mut request = find_open(installation, &mut tx, permit.workspace, id).await?;
    match state {
        State::Done if request.kind.gives_data() && request.identity == Identity::Unknown => {
            return Err(Message::new("request-identity").with("id", id).conflict());
        }
        State::Refused if outcome.trim().is_empty() => {
            return Err(Message::new("request-refuse-reason").invalid_field("outcome"));
        }
        State::Open => return Err(Message::new("request-outcome").invalid_field("outcome")),
        State::Done | State::Refused => {}
    }
    request.state = state;
    request.closed_at = Some(now);
    if let Some(text) = &mut request.text {
        text.outcome = checked_note(outcome)?;
    }
    subject_request::save(installation, &mut tx, &request).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(details(request, now))
}
