//! Reminders of people's requests that are due soon, to the owners of their workspaces.

use super::link_mail::{LinkMessage, send_message};
use super::request::REMINDER;
use crate::access::{Role, membership, user};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::privacy::subject_request;

/// Reminds the owners of workspaces, once, of requests that are due within three days. Returns the number of messages. The
/// message names nobody.
pub async fn remind(installation: &Installation) -> Result<u64> {
    let soon = installation.clock.now() + REMINDER;
    if subject_request::count_due(&mut *installation.db.read().await?, soon, 0).await?.0 == 0 {
        return Ok(0);
    }
    let mut tx = installation.db.write().await?;
    let due = subject_request::take_unreminded(installation, &mut tx, soon).await?;
    tx.commit().await?;
    let mut sent = 0;
    for request in due {
        let mut conn = installation.db.read().await?;
        let usual: Lang = setting::get(&mut conn, Setting::Language).await?.parse().unwrap_or(Lang::EN);
        let desk = setting::get(&mut conn, Setting::DeskUrl).await?;
        let members = membership::of_workspace(&mut conn, request.workspace).await?;
        for member in members.iter().filter(|member| member.role == Role::Owner) {
            let Some(owner) = user::find(installation, &mut conn, member.user).await? else { continue };
            let lang = owner.lang.unwrap_or(usual);
            let facts = Message::new("request-reminder-text")
                .with("id", request.id)
                .with("kind", request.kind)
                .with("day", super::output::utc(request.due_at))
                .with("desk", &desk);
            let message = LinkMessage {
                workspace: request.workspace,
                from: "",
                relay: None,
                to: &owner.email,
                subject: lang.translate(&Message::new("request-reminder-subject").with("id", request.id)),
                text: lang.translate(&facts),
            };
            // Without a relay, or a sender that it takes, the desk and the health page remind alone.
            match send_message(installation, message).await {
                Ok(()) => sent += 1,
                Err(error) => tracing::warn!(error = error.message().key, "a reminder of a request was not sent"),
            }
        }
    }
    Ok(sent)
}
