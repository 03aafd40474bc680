//! The draft of a campaign as a form: the settings and the email of its file one by one, and the file made of them again.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::campaign::{self, Added, Saving, Source};
use super::campaign_draft::{self, StoredFile};
use super::{Action, Actor};
use crate::campaign::model;
use crate::campaign::unfinished_draft::{self, UnfinishedDraft};
use crate::campaign::{file_edit, headline, mistakes};
use crate::content::email::Format;
use crate::infra::error::message::StoredMessage;
use crate::infra::error::{Error, Message, Result};
use crate::infra::hex;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The settings that a form has, in the order in which they are written.
pub const SETTINGS: &[&str] = &[
    "name",
    "list",
    "segment",
    "from",
    "reply-to",
    "subject",
    "preheader",
    "layout",
    "language",
    "tracking",
    "relay",
    "at",
    "at-local",
    "zone",
    "until",
];

/// A draft as a form.
#[derive(Debug, Serialize)]
pub struct DraftForm {
    /// The settings by their keys, and the email as `body`.
    pub values: Vec<(&'static str, String)>,
    /// `md` or `html`.
    pub format: String,
    /// What the file was when it was read: sent back when it is saved.
    pub version: String,
    /// Whether it may be changed.
    pub editable: bool,
    /// What is wrong with what was typed last, packed, where that is kept and not saved yet.
    #[serde(skip)]
    pub mistake: Option<String>,
}

/// Reads the draft of a campaign.
///
/// # Errors
/// `NotFound` for a campaign of another workspace.
pub async fn read(installation: &Installation, actor: &Actor, id: Id) -> Result<DraftForm> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let stored = stored(installation, actor, permit.workspace, id).await?;
    // Reading the file is audited.
    permit.skip_audit();
    let mut values = Vec::new();
    for key in SETTINGS {
        values.push((*key, file_edit::get(&stored.text, key)?));
    }
    values.push(("body", file_edit::body(&stored.text)?));
    let unfinished = unfinished_draft::read(&mut *installation.db.read().await?, id).await?;
    let version = version(&stored.text, unfinished.as_ref());
    for (key, value) in unfinished.iter().flat_map(|unfinished| &unfinished.given) {
        if let Some((_, own)) = values.iter_mut().find(|(own, _)| own == key) {
            own.clone_from(value);
        }
    }
    let mistake = unfinished.map(|unfinished| unfinished.mistake);
    Ok(DraftForm { values, version, format: stored.format, editable: stored.editable, mistake })
}

/// Saves a draft. `given` are the settings that change and the email as `body`; an empty setting is removed. `version` is what
/// the form was read from; without it nobody is asked whether somebody else has changed the draft meanwhile. A draft with a
/// mistake is kept as typed, and the campaign is not sent until it is right.
///
/// # Errors
/// `Conflict` when somebody else has, and what [`campaign::add`] finds wrong; that is kept.
pub async fn save(
    installation: &Installation,
    actor: &Actor,
    id: Id,
    given: &[(&str, &str)],
    read_from: Option<&str>,
    saving: Saving,
) -> Result<Added> {
    let permit = actor.permit(installation, Action::AddCampaign).await?;
    let stored = stored(installation, actor, permit.workspace, id).await?;
    // Adding it is audited.
    permit.skip_audit();
    let unfinished = unfinished_draft::read(&mut *installation.db.read().await?, id).await?;
    if read_from.is_some_and(|read_from| read_from != version(&stored.text, unfinished.as_ref())) {
        return Err(Message::new("campaign-changed-meanwhile").with("name", &stored.name).conflict());
    }
    let name = given.iter().find(|(key, _)| *key == "name").map_or(stored.name.as_str(), |(_, name)| name.trim());
    if name != stored.name {
        return Err(Message::new("campaign-name-fixed").invalid_field("name"));
    }
    // What was typed before and is not in this form.
    let before =
        unfinished.iter().flat_map(|unfinished| &unfinished.given).map(|(key, value)| (key.as_str(), value.as_str()));
    let kept = before.filter(|(key, _)| !given.iter().any(|(own, _)| own == key));
    let all: Vec<(&str, &str)> = kept.chain(given.iter().copied()).collect();
    let saved = save_right(installation, actor, &stored, &all, saving).await;
    if let Err(error @ (Error::Invalid { .. } | Error::NotFound(_))) = &saved
        && stored.editable
    {
        let mut tx = installation.db.write().await?;
        unfinished_draft::keep(&mut tx, id, &all, &error.message(), installation.clock.now()).await?;
        tx.commit().await?;
    }
    saved
}

async fn save_right(
    installation: &Installation,
    actor: &Actor,
    stored: &StoredFile,
    given: &[(&str, &str)],
    saving: Saving,
) -> Result<Added> {
    let text = change(&stored.text, given)?;
    let above = file_edit::lines_above_body(&text)?;
    let saved = campaign::save(installation, actor, &stored.source(text), saving).await;
    let mut added = saved.map_err(|error| without_lines_above(error, above))?;
    added.warnings.iter_mut().for_each(|warning| mistakes::lower_lines(warning, above));
    Ok(added)
}

/// Adds a draft from a form and returns it with its key. Nothing is replaced.
///
/// # Errors
/// `Conflict` when a campaign of this name exists, and what [`campaign::add`] finds wrong.
pub async fn add(
    installation: &Installation,
    actor: &Actor,
    format: Format,
    given: &[(&str, &str)],
) -> Result<(Added, Id)> {
    let permit = actor.permit(installation, Action::AddCampaign).await?;
    let name = given.iter().find(|(key, _)| *key == "name").map_or("", |(_, name)| name.trim());
    let known = model::list(&mut *installation.db.read().await?, permit.workspace).await?;
    if known.iter().any(|campaign| campaign.name == name) {
        return Err(Message::new("campaign-exists").with("name", name).conflict());
    }
    // Adding it is audited.
    permit.skip_audit();
    let text = change("+++\n+++\n", given)?;
    let added = campaign::add(installation, actor, &Source { text, format }).await?;
    let id = model::find_by_name(&mut *installation.db.read().await?, permit.workspace, &added.name).await?.id;
    Ok((added, id))
}

/// The sender of the newest campaign, for the next one; empty without one.
pub async fn last_sender(installation: &Installation, actor: &Actor) -> Result<String> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let newest = model::list(&mut conn, permit.workspace).await?.into_iter().max_by_key(|campaign| campaign.id);
    permit.skip_audit();
    let Some(newest) = newest else { return Ok(String::new()) };
    let from = headline::read(&mut conn, &newest).await?.map(|headline| headline.from);
    Ok(from.map(|from| from.to_setting()).unwrap_or_default())
}

/// The mistakes of an email with the lines of the email, as a form shows it, and not those of the file.
fn without_lines_above(error: Error, above: usize) -> Error {
    match error {
        Error::Invalid { mut message, field } => {
            mistakes::lower_lines(&mut message, above);
            Error::Invalid { message, field }
        }
        other => other,
    }
}

/// The lines that a mistake names, with what stands there in the email.
pub fn mistaken_lines(mistake: &Message, body: &str) -> Vec<(usize, String)> {
    texts(mistakes::lines(mistake), body)
}

/// [`mistaken_lines`] of a mistake that was kept.
pub fn kept_lines(mistake: &str, body: &str) -> Vec<(usize, String)> {
    texts(StoredMessage::parse(mistake).map(|mistake| mistakes::stored_lines(&mistake)).unwrap_or_default(), body)
}

fn texts(lines: Vec<usize>, body: &str) -> Vec<(usize, String)> {
    let text = |line: usize| body.lines().nth(line.checked_sub(1)?).map(|text| (line, text.to_owned()));
    lines.into_iter().filter_map(text).collect()
}

fn change(text: &str, given: &[(&str, &str)]) -> Result<String> {
    let settings: Vec<_> = SETTINGS
        .iter()
        .filter_map(|key| given.iter().find(|(own, _)| own == key))
        .map(|(key, value)| (*key, Some(value.trim()).filter(|value| !value.is_empty())))
        .collect();
    let text = file_edit::set(text, &settings)?;
    match given.iter().find(|(key, _)| *key == "body") {
        Some((_, body)) => file_edit::set_body(&text, body),
        None => Ok(text),
    }
}

async fn stored(installation: &Installation, actor: &Actor, workspace: Id, id: Id) -> Result<StoredFile> {
    let found = model::find(&mut *installation.db.read().await?, id).await?;
    let found = found.filter(|campaign| campaign.workspace == workspace);
    let found = found.ok_or_else(|| Message::new("campaign-gone").not_found())?;
    campaign_draft::read_file(installation, actor, &found.name).await
}

/// What a draft is: its file, and what was typed since that is not right yet.
fn version(text: &str, unfinished: Option<&UnfinishedDraft>) -> String {
    let mut digest = Sha256::new_with_prefix(text);
    for (key, value) in unfinished.iter().flat_map(|unfinished| &unfinished.given) {
        digest.update(format!("\n{key}={value}"));
    }
    hex::encode(&digest.finalize()[..8])
}
