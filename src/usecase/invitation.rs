//! Invitations: the way back for someone who was erased by mistake. The operator sends a link that holds the address
//! encrypted, since nothing of the person is stored. Only the button behind the link subscribes the address again and
//! lifts its tombstones; until then they stay.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::consent::ledger::{self, NewReceipt};
use crate::audience::consent::{self, Basis, Evidence, Kind};
use crate::audience::contact::{self, NewContact, Values};
use crate::audience::list::{self, List};
use crate::audience::subscription::{self, NewSubscription, State};
use crate::audience::{hard_bounce, tombstone};
use crate::campaign::sender::Sender;
use crate::content::brand::{self, Brand};
use crate::content::mime::body::BodyEncodings;
use crate::content::mime::header::{HeaderText, Mailbox};
use crate::content::mime::message::{self, MessageHeader, PieceEnds, RenderedEmail};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::lock_addresses_exclusive;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::mailer::{relay, relay_selection, test_send};
use crate::privacy::lifting;

/// How long an invitation is valid.
const VALIDITY: Millis = 30 * DAY;

/// Says what a token is for: other texts are sealed with the same key.
const PURPOSE: &str = "invitation";

/// What to send.
#[derive(Debug)]
pub struct InvitationRequest {
    /// The address, as typed.
    pub address: String,
    /// The list.
    pub list: String,
    /// The sender: a name and an address, or an address.
    pub from: String,
    /// The relay; one that takes the sender when not given.
    pub relay: Option<String>,
}

/// An invitation that was sent.
#[derive(Debug, Serialize)]
pub struct Invited {
    /// The masked address.
    pub to: String,
    /// The list.
    pub list: String,
    /// Day of expiry, in ms.
    #[serde(skip)]
    pub expires: Millis,
    /// The relay's reply.
    pub answer: String,
}

/// The content of a link.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Token {
    purpose: String,
    workspace: Id,
    list: Id,
    sent_at: Millis,
    address: String,
}

/// An invitation whose link was followed.
#[derive(Debug)]
pub struct Invitation {
    /// The list.
    pub list: List,
    /// The address; prints masked.
    pub address: Address,
    /// The sender's brand.
    pub brand: Brand,
    workspace: Id,
    sent_at: Millis,
}

/// Sends an invitation to an erased address.
///
/// # Errors
///
/// `Conflict` for an address that no tombstone keeps off the list.
pub async fn send(installation: &Installation, actor: &Actor, request: &InvitationRequest) -> Result<Invited> {
    let permit = actor.permit(installation, Action::InviteContact).await?;
    let to = Address::parse(&request.address).map_err(|fault| {
        Message::new("address-wrong").with_message("why", Message::new(fault.key())).invalid_field("address")
    })?;
    let from = Sender::parse_setting("from", &request.from).map_err(|message| message.invalid_field("from"))?;
    let mut conn = installation.db.read().await?;
    let list = list::need(&mut conn, permit.workspace, &request.list).await?;
    let digests = tombstone::digests(&installation.keys.tombstone, permit.workspace, &to);
    if tombstone::find_blocking(&mut conn, permit.workspace, list.id, &digests).await?.is_empty() {
        return Err(Message::new("invitation-not-erased").with("list", &list.name).conflict());
    }
    let lang: Lang = setting::get(&mut conn, Setting::Language).await?.parse().unwrap_or(Lang::EN);
    let public_url = setting::get(&mut conn, Setting::PublicUrl).await?;
    let brand = brand::get(&mut conn, permit.workspace).await?;
    let relays = relay::list(installation, &mut conn, permit.workspace).await?;
    drop(conn);
    let now = installation.clock.now();
    let token = Token {
        purpose: PURPOSE.to_owned(),
        workspace: permit.workspace,
        list: list.id,
        sent_at: now,
        address: to.expose(),
    };
    let url = format!("{}/i/{}", public_url.trim_end_matches('/'), seal(installation, &token));
    let sender = if brand.name.is_empty() { from.name.clone() } else { brand.name };
    let text = Message::new("invitation-text")
        .with("list", &list.name)
        .with("sender", sender)
        .with("url", url)
        .with("days", VALIDITY / DAY);
    let subject = lang.translate(&Message::new("invitation-subject").with("list", &list.name));
    let bytes = compose(&from, &to, &subject, &lang.translate(&text), installation.ids.next()?, now)?;
    let mailbox = from.mailbox()?;
    let eligible = relay_selection::eligible_relays(&relays, request.relay.as_deref(), &mailbox);
    let relay = eligible.first().map(|at| &relays[*at]).ok_or_else(|| Message::new("relay-for-others").conflict())?;
    let answer = test_send::send(installation, relay, &mailbox.envelope(), &to, &bytes).await?;
    permit.audit(list.id).await;
    Ok(Invited { to: to.to_string(), list: list.name, expires: now + VALIDITY, answer })
}

/// The invitation behind a link; `None` for a forged or expired one, or when the list is closed.
pub async fn open(installation: &Installation, actor: &Actor, token: &str) -> Result<Option<Invitation>> {
    let permit = actor.permit(installation, Action::AcceptInvitation).await?;
    let found = find(installation, token).await?;
    permit.skip_audit();
    Ok(found)
}

/// Subscribes the address again and lifts its tombstones. `wording` is the text that its owner agreed to. Returns `None`
/// when the invitation is not valid: also after its owner has left once more.
pub async fn accept(
    installation: &Installation,
    actor: &Actor,
    token: &str,
    wording: &str,
) -> Result<Option<Invitation>> {
    let permit = actor.permit(installation, Action::AcceptInvitation).await?;
    let Some(invitation) = find(installation, token).await? else { return Ok(None) };
    let permit = permit.begin(installation).await?;
    let (workspace, list, now) = (invitation.workspace, &invitation.list, installation.clock.now());
    let mut tx = installation.db.write().await?;
    lock_addresses_exclusive(&mut tx).await?;
    list::need_open(&mut tx, workspace, &list.name).await?;
    if !lifting::lift(installation, &mut tx, workspace, list.id, &invitation.address, invitation.sent_at / DAY).await? {
        return Ok(None);
    }
    let id = match contact::find(&mut tx, workspace, &invitation.address).await? {
        Some(contact) => contact.id,
        None => {
            let id = installation.ids.next()?;
            let new = NewContact { id, address: invitation.address.clone(), values: Values::new() };
            contact::insert(&mut tx, workspace, &[new], now).await?;
            id
        }
    };
    let joining = NewSubscription { id: installation.ids.next()?, contact: id, state: State::Confirmed };
    subscription::join(&mut tx, workspace, list.id, &[joining], now).await?;
    subscription::confirm(&mut tx, list.id, id).await?;
    // Who follows the link has a mailbox.
    hard_bounce::lift(&mut tx, id).await?;
    let evidence = Evidence {
        basis: Basis::Consent,
        channel: "invitation".to_owned(),
        source: "page of the invitation".to_owned(),
        wording: wording.to_owned(),
        proof: "the owner of the address followed the link that was sent to it, and pressed the button".to_owned(),
        given_at: now,
    };
    let (purpose, kind) = (consent::purpose_of_list(&mut tx, list.id).await?, Kind::Given);
    let purpose = purpose.as_str();
    let edition = super::policy::edition_in_force(&mut tx, workspace, now).await?;
    let edition = edition.as_str();
    let new = NewReceipt { workspace, contact: id, list: list.id, purpose, kind, edition, evidence: &evidence };
    ledger::append(&mut tx, installation, &new, now).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(Some(invitation))
}

async fn find(installation: &Installation, token: &str) -> Result<Option<Invitation>> {
    let Some(token) = unseal(installation, token) else { return Ok(None) };
    let is_valid = installation.clock.now() < token.sent_at + VALIDITY;
    let Some(address) = Address::parse(&token.address).ok().filter(|_| is_valid) else { return Ok(None) };
    let mut conn = installation.db.read().await?;
    let list = list::get(&mut conn, token.list).await?.filter(|list| !list.closed);
    let brand = brand::get(&mut conn, token.workspace).await?;
    Ok(list.map(|list| Invitation { list, address, brand, workspace: token.workspace, sent_at: token.sent_at }))
}

fn seal(installation: &Installation, token: &Token) -> String {
    let text = serde_json::to_string(token).expect("numbers and texts always serialise");
    URL_SAFE_NO_PAD.encode(installation.keys.seal(&text))
}

fn unseal(installation: &Installation, token: &str) -> Option<Token> {
    let text = installation.keys.open(&URL_SAFE_NO_PAD.decode(token).ok()?)?;
    serde_json::from_str(&text).ok().filter(|token: &Token| token.purpose == PURPOSE)
}

/// A message of the system: some paragraphs, without list headers and never tracked.
pub(super) fn compose(from: &Sender, to: &Address, subject: &str, text: &str, id: Id, now: Millis) -> Result<Vec<u8>> {
    let sender = from.mailbox()?;
    let header = MessageHeader {
        from: Mailbox::new(HeaderText::clean(&from.name), sender.local(), sender.domain())?,
        reply_to: None,
        to: Mailbox::new(HeaderText::clean(""), to.local(), to.domain())?,
        message_id: format!("invitation-{id}@{}", sender.domain()),
        date: now,
        list: None,
    };
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let paragraph = |line: &str| match line.starts_with("http") {
        true => format!("<p><a href=\"{}\">{line}</a></p>\n", line.replace('"', "&quot;")),
        false => format!("<p>{line}</p>\n"),
    };
    let paragraphs: String = escaped.lines().map(str::trim).filter(|line| !line.is_empty()).map(paragraph).collect();
    let email = RenderedEmail {
        subject: HeaderText::clean(subject),
        preheader: HeaderText::clean(""),
        html: format!(
            "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n{paragraphs}</body></html>\n"
        ),
        text: text.to_owned(),
        missing: Vec::new(),
        piece_ends: PieceEnds::default(),
        encodings: BodyEncodings::default(),
    };
    Ok(message::write(&header, &email))
}
