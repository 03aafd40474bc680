//! Messages with a link that a person asked for, or that somebody asked for in their name: they are sent in the background, so
//! that no answer takes longer for an address that gets one. A message is sent at least once: a process that is killed between the
//! relay's answer and its record leaves it to be sent again. Also deletes what has expired.

use super::sign_up::{self, Waiting};
use crate::audience::address::Address;
use crate::audience::form::{self, FormEvent};
use crate::audience::mailed_link::{self, LinkKind, MailedLink};
use crate::audience::{public_limit, sealed_receipt, workspace};
use crate::campaign::sender::Sender;
use crate::content::brand;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::mailer::{relay, relay_selection, test_send};
use crate::privacy::policy;

/// Messages sent by one call.
const BATCH: usize = 100;
const HOUR: Millis = 3_600_000;

/// A message to one person, outside campaigns.
pub(super) struct LinkMessage<'a> {
    /// The workspace whose relays are used.
    pub(super) workspace: Id,
    /// The sender, as `Name <address>`; empty for that of the newest campaign.
    pub(super) from: &'a str,
    /// The relay; one that takes the sender without it.
    pub(super) relay: Option<&'a str>,
    /// The recipient.
    pub(super) to: &'a Address,
    pub(super) subject: String,
    pub(super) text: String,
}

/// Sends the messages that are due. Returns how many a relay took. One that is refused is tried again later.
pub async fn send_due(installation: &Installation) -> Result<u64> {
    if !mailed_link::is_due(&mut *installation.db.read().await?, installation.clock.now()).await? {
        return Ok(0);
    }
    let mut sent = 0;
    for _ in 0..BATCH {
        let mut tx = installation.db.write().await?;
        let taken = mailed_link::take_due(installation, &mut tx).await;
        tx.commit().await?;
        let Some(link) = taken? else { break };
        match send(installation, &link).await {
            Ok(is_sent) => {
                sent += u64::from(is_sent);
                let mut tx = installation.db.write().await?;
                mailed_link::set_sent(&mut tx, &link).await?;
                tx.commit().await?;
            }
            Err(error) => {
                tracing::warn!(error = error.message().key, link.id = link.id, "a message with a link was not sent");
                let mut tx = installation.db.write().await?;
                mailed_link::retry(&mut tx, &link, installation.clock.now()).await?;
                tx.commit().await?;
            }
        }
    }
    Ok(sent)
}

async fn send(installation: &Installation, link: &MailedLink) -> Result<bool> {
    match link.kind {
        LinkKind::SignUp => send_confirmation(installation, link).await.map(|()| true),
        LinkKind::Preferences => super::preference_link::send_links(installation, link).await,
        LinkKind::HandOver | LinkKind::Identity => Ok(false),
    }
}

/// The message that asks the owner of an address to confirm a sign-up. It holds no advertising.
async fn send_confirmation(installation: &Installation, link: &MailedLink) -> Result<()> {
    let waiting: Waiting = serde_json::from_str(&link.content).map_err(|_| Message::new("form-gone").conflict())?;
    let to = Address::parse(&waiting.address).map_err(|_| Message::new("form-gone").conflict())?;
    let lang: Lang = waiting.language.parse().unwrap_or(Lang::EN);
    let mut conn = installation.db.read().await?;
    let Some(form) = form::get(&mut conn, link.form).await? else { return Ok(()) };
    let sender = brand::get(&mut conn, link.workspace).await?.name;
    let url = public_link(&mut conn, "f/confirm", installation, link).await?;
    drop(conn);
    let texts: Vec<String> = waiting.boxes.iter().map(|one| format!("– {}", one.text)).collect();
    let title = if sender.is_empty() { waiting.title } else { format!("{} – {sender}", waiting.title) };
    let text = Message::new("form-mail-text")
        .with("title", &title)
        .with("texts", texts.join("\n"))
        .with("url", url)
        .with("hours", sign_up::LIFETIME / HOUR);
    let message = LinkMessage {
        workspace: link.workspace,
        from: &form.definition.from,
        relay: form.definition.relay.as_deref(),
        to: &to,
        subject: lang.translate(&Message::new("form-mail-subject").with("title", &title)),
        text: lang.translate(&text),
    };
    send_message(installation, message).await?;
    let mut tx = installation.db.write().await?;
    form::count(&mut tx, link.form, installation.clock.today(), FormEvent::Mailed).await?;
    tx.commit().await
}

/// The address of a link on the web.
pub(super) async fn public_link(
    conn: &mut Conn,
    path: &str,
    installation: &Installation,
    link: &MailedLink,
) -> Result<String> {
    let public_url = setting::get(conn, Setting::PublicUrl).await?;
    let token = mailed_link::token(&installation.keys, link.kind, link.id);
    Ok(format!("{}/{path}/{token}", public_url.trim_end_matches('/')))
}

/// Sends a message through a relay of the workspace.
pub(super) async fn send_message(installation: &Installation, message: LinkMessage<'_>) -> Result<()> {
    let mut conn = installation.db.read().await?;
    let from = match Sender::parse(message.from) {
        Some(from) => from,
        None => usual_sender(&mut conn, message.workspace).await?,
    };
    let relays = relay::list(installation, &mut conn, message.workspace).await?;
    drop(conn);
    let (id, now) = (installation.ids.next()?, installation.clock.now());
    let bytes = super::invitation::compose(&from, message.to, &message.subject, &message.text, id, now)?;
    let mailbox = from.mailbox()?;
    let eligible = relay_selection::eligible_relays(&relays, message.relay, &mailbox);
    let relay = eligible.first().map(|at| &relays[*at]).ok_or_else(|| Message::new("relay-for-others").conflict())?;
    test_send::send(installation, relay, &mailbox.envelope(), message.to, &bytes).await.map(drop)
}

/// The sender of the newest campaign; without one that of a form.
async fn usual_sender(conn: &mut Conn, workspace: Id) -> Result<Sender> {
    let of_campaign = super::mailed_report::newest_sender(conn, workspace).await;
    if of_campaign.is_ok() {
        return of_campaign;
    }
    let forms = form::all(conn, workspace).await?;
    let of_form = forms.iter().find_map(|form| Sender::parse(&form.definition.from));
    of_form.map_or(of_campaign, Ok)
}

/// Deletes links, counts and sealed receipts whose time is over. Returns the number of links.
pub async fn expire(installation: &Installation) -> Result<u64> {
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    let expired = mailed_link::expire(&mut tx, now).await?;
    public_limit::expire(&mut tx, now).await?;
    for workspace in workspace::all(&mut tx).await? {
        let policy = policy::current(&mut tx, workspace.id).await?;
        let days = policy.and_then(|policy| policy.retention.consents).map_or(sealed_receipt::KEPT_DAYS, i64::from);
        sealed_receipt::expire(&mut tx, workspace.id, now / DAY - days).await?;
    }
    tx.commit().await?;
    Ok(expired)
}
