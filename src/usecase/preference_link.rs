//! Links of the preferences page: one that somebody asks for at their address, and one by which another organisation fetches a
//! copy of the data.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::contact::stored_json;
use super::link_mail::{LinkMessage, public_link, send_message};
use super::preference::{Subject, need};
use super::{Action, Actor, sign_up};
use crate::audience::address::Address;
use crate::audience::mailed_link::{self, LinkKind, MailedLink, NewLink};
use crate::audience::{contact, public_limit, workspace};
use crate::content::brand;
use crate::infra::clock::{DAY, Millis};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};

/// How long a link to one's preferences is valid.
pub const LINK_LIFETIME: Millis = DAY;
/// How long another organisation can fetch a copy.
pub const HAND_OVER_LIFETIME: Millis = 7 * DAY;
const HOUR: Millis = 3_600_000;
/// Links to preferences within an hour: from one network, and of the installation.
const PER_NETWORK: i64 = 20;
const PER_INSTALLATION: i64 = 5_000;

/// How a request for a link was answered: the same for every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkAsked {
    /// The person is told to look into their mailbox, whatever happens.
    Accepted,
    /// Too many requests came from this network.
    Busy,
}

/// What waits behind a link to preferences, or for another organisation.
#[derive(Serialize, Deserialize)]
pub(super) struct LinkContent {
    address: String,
    language: String,
    pub(super) contact: Id,
}

/// The content of a link.
pub(super) fn read_content(link: &MailedLink) -> Option<LinkContent> {
    serde_json::from_str(&link.content).ok()
}

/// Makes a link by which another organisation fetches a copy of the data, once within seven days. Returns its address.
pub async fn hand_over(installation: &Installation, actor: &Actor, subject: Subject) -> Result<String> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    let mut tx = installation.db.write().await?;
    let contact = need(&mut tx, subject).await?;
    let content = LinkContent { address: String::new(), language: String::new(), contact: contact.id };
    let new = NewLink {
        kind: LinkKind::HandOver,
        workspace: subject.workspace,
        form: 0,
        address: &contact.address,
        content: serde_json::to_string(&content).expect("texts and numbers always serialise"),
        lifetime: HAND_OVER_LIFETIME,
        is_mailed: false,
    };
    let id = mailed_link::insert(installation, &mut tx, &new).await?;
    let url = setting::get(&mut tx, Setting::PublicUrl).await?;
    tx.commit().await?;
    permit.audit(subject.contact).await;
    let token = mailed_link::token(&installation.keys, LinkKind::HandOver, id);
    Ok(format!("{}/h/{token}", url.trim_end_matches('/')))
}

/// Whether a link for another organisation is still valid.
pub async fn is_hand_over_valid(installation: &Installation, actor: &Actor, token: &str) -> Result<bool> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    permit.skip_audit();
    let mut conn = installation.db.read().await?;
    Ok(mailed_link::open(installation, &mut conn, LinkKind::HandOver, token).await?.is_some())
}

/// Fetches the copy behind a link for another organisation; the link is used up. `None` when it is not valid.
pub async fn fetch_hand_over(installation: &Installation, actor: &Actor, token: &str) -> Result<Option<Value>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    let mut tx = installation.db.write().await?;
    let Some(link) = mailed_link::open(installation, &mut tx, LinkKind::HandOver, token).await? else {
        return Ok(None);
    };
    let Some(content) = read_content(&link) else { return Ok(None) };
    if !mailed_link::remove(&mut tx, link.id).await? {
        return Ok(None);
    }
    let subject = Subject { workspace: link.workspace, contact: content.contact };
    let contact = need(&mut tx, subject).await?;
    let stored = stored_json(installation, &mut tx, subject.workspace, &contact).await?;
    tx.commit().await?;
    permit.audit(contact.id).await;
    Ok(Some(stored))
}

/// Asks for a link to one's preferences at an address. The answer and the work are the same for every address.
///
/// # Errors
/// Invalid for what is no address.
pub async fn ask_link(
    installation: &Installation,
    actor: &Actor,
    address: &str,
    language: Lang,
    network: Option<IpAddr>,
) -> Result<LinkAsked> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    permit.skip_audit();
    let address = Address::parse(address).map_err(|fault| {
        Message::new("form-address-wrong").with_message("why", Message::new(fault.key())).invalid_field("address")
    })?;
    let (keys, now) = (&installation.keys, installation.clock.now());
    let network = public_limit::network(network);
    let mut tx = installation.db.write().await?;
    let from = public_limit::key(keys, "preferences of a network", &[network.as_bytes()]);
    let all = public_limit::key(keys, "preferences", &[]);
    let mut is_within = public_limit::take(&mut tx, &from, PER_NETWORK, HOUR, now).await?;
    is_within &= public_limit::take(&mut tx, &all, PER_INSTALLATION, HOUR, now).await?;
    if !is_within {
        tx.commit().await?;
        return Ok(LinkAsked::Busy);
    }
    let canonical = address.canonical();
    let daily = public_limit::key(keys, "preferences of an address", &[canonical.as_bytes()]);
    let mut is_mailed = public_limit::take(&mut tx, &daily, 1, DAY, now).await?;
    is_mailed = sign_up::take_message(is_mailed, &mut tx, keys, &canonical, now).await?;
    // The same statements for every address: one that gets no message now has a row that is over at once.
    let typed = if is_mailed { address.expose() } else { String::new() };
    let content = LinkContent { address: typed, language: language.to_string(), contact: 0 };
    let new = NewLink {
        kind: LinkKind::Preferences,
        workspace: 0,
        form: 0,
        address: &address,
        content: serde_json::to_string(&content).expect("texts and numbers always serialise"),
        lifetime: if is_mailed { LINK_LIFETIME } else { 0 },
        is_mailed,
    };
    mailed_link::insert(installation, &mut tx, &new).await?;
    tx.commit().await?;
    Ok(LinkAsked::Accepted)
}

/// Sends the links to the preferences of an address: one message for each workspace that knows it, and none to an address that
/// no workspace knows. Returns whether any was sent.
pub(super) async fn send_links(installation: &Installation, link: &MailedLink) -> Result<bool> {
    let gone = || Message::new("data-none").conflict();
    let asked = read_content(link).ok_or_else(gone)?;
    let address = Address::parse(&asked.address).map_err(|_| gone())?;
    let lang: Lang = asked.language.parse().unwrap_or(Lang::EN);
    let workspaces = workspace::all(&mut *installation.db.read().await?).await?;
    let mut is_sent = false;
    for workspace in workspaces {
        let mut tx = installation.db.write().await?;
        let Some(contact) = contact::find(&mut tx, workspace.id, &address).await? else { continue };
        let content = LinkContent { contact: contact.id, address: String::new(), language: asked.language.clone() };
        let new = NewLink {
            kind: LinkKind::Preferences,
            workspace: workspace.id,
            form: 0,
            address: &address,
            content: serde_json::to_string(&content).expect("texts and numbers always serialise"),
            lifetime: LINK_LIFETIME,
            is_mailed: false,
        };
        let id = mailed_link::insert(installation, &mut tx, &new).await?;
        let stored = MailedLink { id, workspace: workspace.id, ..link.clone() };
        let url = public_link(&mut tx, "p", installation, &stored).await?;
        let name = brand::get(&mut tx, workspace.id).await?.name;
        tx.commit().await?;
        let sender = if name.is_empty() { workspace.name.clone() } else { name };
        let text = Message::new("preference-mail-text")
            .with("sender", &sender)
            .with("url", url)
            .with("hours", LINK_LIFETIME / HOUR);
        let message = LinkMessage {
            workspace: workspace.id,
            from: "",
            relay: None,
            to: &address,
            subject: lang.translate(&Message::new("preference-mail-subject").with("sender", &sender)),
            text: lang.translate(&text),
        };
        send_message(installation, message).await?;
        is_sent = true;
    }
    let mut tx = installation.db.write().await?;
    mailed_link::remove(&mut tx, link.id).await?;
    tx.commit().await?;
    Ok(is_sent)
}
