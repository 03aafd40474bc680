//! The gallery of ready emails: list them, show one in the brand of the workspace, and begin a draft with one.

use serde::Serialize;
use serde_json::Map;

use super::campaign::Added;
use super::{Action, Actor, campaign_form};
use crate::audience::field;
use crate::campaign::frozen_content;
use crate::content::compiled_email::CompiledEmail;
use crate::content::email::Format;
use crate::content::gallery::{self, Occasion, ReadyEmail};
use crate::content::renderer::MergeData;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::secret::Keyring;
use crate::infra::token::{DeliveryRef, Signer};

/// A ready email of the list.
#[derive(Debug, Serialize)]
pub struct GalleryRow {
    /// What `--template` names.
    pub template: &'static str,
    /// The tag of its language.
    pub language: &'static str,
    /// What it is for.
    pub name: Message,
    /// Its subject in a workspace without fields.
    pub subject: String,
}

/// A draft to begin.
#[derive(Debug)]
pub struct NewDraft<'a> {
    /// The name of the campaign.
    pub name: &'a str,
    /// The list that it goes to.
    pub list: &'a str,
    /// The mailbox of header From; that of the newest campaign by default.
    pub from: Option<&'a str>,
    /// The occasion of the ready email.
    pub template: &'a str,
    /// Its language.
    pub lang: Lang,
}

/// The occasion of a name.
///
/// # Errors
/// Invalid, with the names that exist.
pub fn occasion(name: &str) -> Result<Occasion> {
    name.trim().parse().map_err(|_| {
        let known: Vec<_> = Occasion::ALL.iter().map(|occasion| occasion.as_str()).collect();
        let message = Message::new("gallery-unknown").with("name", name).with("known", known.join(", "));
        message.invalid_field("template")
    })
}

/// Lists the ready emails of a language.
pub async fn list(installation: &Installation, actor: &Actor, lang: Lang) -> Result<Vec<GalleryRow>> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let row = |occasion: &Occasion| {
        let ready = gallery::find(*occasion, lang, &[])?;
        let name = Message::new(occasion.key());
        Ok(GalleryRow { template: occasion.as_str(), language: ready.lang.as_str(), name, subject: ready.subject })
    };
    let rows = Occasion::ALL.iter().map(row).collect();
    permit.audit(None).await;
    rows
}

/// Reads a ready email for the fields of the workspace.
///
/// # Errors
/// Invalid for an unknown name.
pub async fn find(installation: &Installation, actor: &Actor, template: &str, lang: Lang) -> Result<ReadyEmail> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let fields = field::all(&mut *installation.db.read().await?, permit.workspace).await?;
    let fields: Vec<_> = fields.into_iter().map(|field| field.name).collect();
    let found = gallery::find(occasion(template)?, lang, &fields)?;
    permit.skip_audit();
    Ok(found)
}

/// Renders a ready email as HTML in the brand of the workspace, for somebody of whom nothing is known. Its links lead to their
/// examples, and those of the footer nowhere.
///
/// # Errors
/// Invalid for an unknown name.
pub async fn render(installation: &Installation, actor: &Actor, template: &str, lang: Lang) -> Result<String> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let context = {
        let mut conn = installation.db.read().await?;
        frozen_content::email_context(&mut conn, permit.workspace, lang.tr("gallery-list"), Some(lang)).await?
    };
    let ready = gallery::find(occasion(template)?, lang, &context.fields)?;
    let email = CompiledEmail::compile(&ready.source(), &context)?;
    let secret = Signer::new(&Keyring::ephemeral()).message_secret(DeliveryRef { campaign: 0, delivery: 0 });
    let (address, values) = ("preview@example.org", Map::new());
    let data = MergeData { address, values: &values, secret: &secret, tracked: false, inert: true };
    let rendered = email.render(&data)?;
    permit.skip_audit();
    Ok(rendered.html)
}

/// Begins a draft with a ready email.
///
/// # Errors
/// Invalid for an unknown template or a missing sender, and what [`campaign_form::add`] refuses.
pub async fn begin(installation: &Installation, actor: &Actor, new: &NewDraft<'_>) -> Result<Added> {
    let permit = actor.permit(installation, Action::AddCampaign).await?;
    // Adding it is audited.
    permit.skip_audit();
    let ready = find(installation, actor, new.template, new.lang).await?;
    let from = match new.from {
        Some(from) => from.to_owned(),
        None => campaign_form::last_sender(installation, actor).await?,
    };
    if from.is_empty() {
        return Err(Message::new("gallery-sender").invalid_field("from"));
    }
    let given = [
        ("name", new.name),
        ("list", new.list),
        ("from", &from),
        ("subject", &ready.subject),
        ("preheader", &ready.preheader),
        ("layout", ready.layout.as_str()),
        ("language", ready.lang.as_str()),
        ("body", &ready.body),
    ];
    let (added, _): (Added, Id) = campaign_form::add(installation, actor, Format::Md, &given).await?;
    Ok(added)
}
