//! Identity checks of people's requests: a note of the operator, or a link to the address on file whose button proves who asks.

use super::link_mail::{LinkMessage, public_link, send_message};
use super::request::{RequestDetails, checked_note, details, find_open};
use super::{Action, Actor};
use crate::audience::contact;
use crate::audience::mailed_link::{self, LinkKind, MailedLink, NewLink};
use crate::content::brand;
use crate::infra::clock::{DAY, Millis};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::privacy::subject_request::{self, Identity, RequestState};

/// How long the link that checks an identity is valid.
const CHECK_LIFETIME: Millis = 7 * DAY;
/// Notes how it was checked who asks, or, without a note, sends the address on file a link whose button proves it.
///
/// # Errors
/// `Conflict` for a request that is closed, or whose person is erased or no contact; what a relay refuses.
pub async fn check(installation: &Installation, actor: &Actor, id: Id, note: Option<&str>) -> Result<RequestDetails> {
    let permit = actor.permit(installation, Action::ManageRequests).await?.begin(installation).await?;
    let mut tx = installation.db.write().await?;
    let mut request = find_open(installation, &mut tx, permit.workspace, id).await?;
    if let Some(note) = note.map(str::trim).filter(|note| !note.is_empty()) {
        let text = request.text.as_mut().ok_or_else(|| Message::new("request-erased").conflict())?;
        text.identity = checked_note(note)?;
        request.identity = Identity::Noted;
        subject_request::save(installation, &mut tx, &request).await?;
        tx.commit().await?;
    } else {
        let on_file = match request.contact {
            Some(contact) => contact::get(&mut tx, contact).await?,
            None => None,
        };
        let on_file = on_file.ok_or_else(|| Message::new("request-no-contact").conflict())?;
        let new = NewLink {
            kind: LinkKind::Identity,
            workspace: request.workspace,
            form: 0,
            address: &on_file.address,
            content: id.to_string(),
            lifetime: CHECK_LIFETIME,
            is_mailed: false,
        };
        let link = mailed_link::insert(installation, &mut tx, &new).await?;
        let lang: Lang = setting::get(&mut tx, Setting::Language).await?.parse().unwrap_or(Lang::EN);
        let sender = brand::get(&mut tx, request.workspace).await?.name;
        let stored = MailedLink {
            id: link,
            workspace: request.workspace,
            form: 0,
            kind: LinkKind::Identity,
            content: String::new(),
            created_at: 0,
            attempts: 0,
        };
        let url = public_link(&mut tx, "r", installation, &stored).await?;
        tx.commit().await?;
        let text = Message::new("request-mail-text").with("sender", &sender).with("url", url);
        let message = LinkMessage {
            workspace: request.workspace,
            from: "",
            relay: None,
            to: &on_file.address,
            subject: lang.translate(&Message::new("request-mail-subject").with("sender", &sender)),
            text: lang.translate(&text.with("days", CHECK_LIFETIME / DAY)),
        };
        send_message(installation, message).await?;
    }
    permit.audit(id).await;
    Ok(details(request, installation.clock.now()))
}

/// Whether the link that checks an identity is valid.
pub async fn is_check_valid(installation: &Installation, actor: &Actor, token: &str) -> Result<bool> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    permit.skip_audit();
    let mut conn = installation.db.read().await?;
    Ok(mailed_link::open(installation, &mut conn, LinkKind::Identity, token).await?.is_some())
}

/// The owner of the address on file pressed the button: the request is theirs. Returns false when the link is not valid.
pub async fn prove(installation: &Installation, actor: &Actor, token: &str) -> Result<bool> {
    let permit = actor.permit(installation, Action::ChangeSelf).await?;
    let mut tx = installation.db.write().await?;
    let Some(link) = mailed_link::open(installation, &mut tx, LinkKind::Identity, token).await? else {
        permit.skip_audit();
        return Ok(false);
    };
    let permit = permit.begin(installation).await?;
    let id = link.content.parse().unwrap_or(0);
    let found = subject_request::get(installation, &mut tx, id).await?;
    mailed_link::remove(&mut tx, link.id).await?;
    if let Some(mut request) = found.filter(|request| request.state == RequestState::Open) {
        request.identity = Identity::Link;
        subject_request::save(installation, &mut tx, &request).await?;
    }
    tx.commit().await?;
    permit.audit(id).await;
    Ok(true)
}
