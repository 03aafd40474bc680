//! The email of a draft as a contact would get it, or with invented values.

use super::received_message::ReceivedMessage;
use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::contact;
use crate::campaign::{model, test_message};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// An email as one contact would get it.
#[derive(Debug)]
pub struct EmailPreview {
    /// The message; `None` when none can be made for this contact.
    pub message: Option<ReceivedMessage>,
    /// Why there is none, such as a value that the contact lacks.
    pub problem: Option<Message>,
    /// The contact whose values it has.
    pub contact: Option<Id>,
    /// The address of that contact, masked.
    pub address: Option<String>,
    /// The next contact of the list.
    pub next: Option<Id>,
}

/// Composes the email of a campaign: with the values of `contact`, or of the next contact behind `after`, or invented ones.
///
/// # Errors
/// `NotFound` for a campaign of another workspace.
pub async fn read(installation: &Installation, actor: &Actor, id: Id, after: Option<Id>) -> Result<EmailPreview> {
    let permit = actor.permit(installation, Action::PreflightCampaign).await?;
    let mut conn = installation.db.read().await?;
    let campaign = model::find(&mut conn, id).await?.filter(|campaign| campaign.workspace == permit.workspace);
    let campaign = campaign.ok_or_else(|| Message::new("campaign-gone").not_found())?;
    let mut shown = Vec::new();
    if let Some(after) = after {
        shown = contact::list_page(&mut conn, permit.workspace, Some(campaign.list), after, 2).await?;
    }
    drop(conn);
    let next = if shown.len() > 1 { shown.first().map(|contact| contact.id) } else { None };
    let persona = shown.into_iter().next();
    let to = match &persona {
        Some(contact) => contact.address.clone(),
        None => Address::parse_stored("preview@example.org"),
    };
    let composed = test_message::compose(installation, &campaign, &to, persona.as_ref().map(|one| &one.address)).await;
    let (message, problem) = match composed {
        Ok(composed) => (ReceivedMessage::parse(&composed.bytes), None),
        Err(error) if error.is_user_error() => (None, Some(error.message())),
        Err(error) => return Err(error),
    };
    permit.audit(persona.as_ref().map(|contact| contact.id)).await;
    Ok(EmailPreview {
        message,
        problem,
        contact: persona.as_ref().map(|contact| contact.id),
        address: persona.map(|contact| contact.address.to_string()),
        next,
    })
}

/// An email as a program in dark mode shows it, or as one in light mode does: the queries of its style sheets are answered
/// whatever mode the reader's browser is in.
pub fn in_mode(html: &str, is_dark: bool) -> String {
    let (dark, light) = if is_dark { ("(min-width:0)", "(max-width:0)") } else { ("(max-width:0)", "(min-width:0)") };
    let scheme = if is_dark { "color-scheme:dark" } else { "color-scheme:light" };
    html.replace("(prefers-color-scheme: dark)", dark)
        .replace("(prefers-color-scheme:dark)", dark)
        .replace("(prefers-color-scheme: light)", light)
        .replace("(prefers-color-scheme:light)", light)
        .replace("color-scheme: light dark", scheme)
}

#[cfg(test)]
mod tests {
    use super::in_mode;

    #[test]
    fn queries_of_style_sheets_are_answered() {
        let html = "<style>:root { color-scheme: light dark } @media (prefers-color-scheme: dark) { a }</style>";
        assert!(
            in_mode(html, true).contains("@media (min-width:0)") && in_mode(html, true).contains("color-scheme:dark")
        );
        assert!(in_mode(html, false).contains("@media (max-width:0)"));
    }
}
