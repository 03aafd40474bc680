//! Fields of contacts: declare, list, index, label.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Action, Actor};
use crate::audience::field::{self, Field};
use crate::audience::{contact, field_indexing, segment};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::privacy::policy;

/// A declared field.
#[derive(Debug, Serialize)]
pub struct FieldRow {
    /// Its name in files, segments and merge tags.
    pub name: String,
    /// text, number, date, flag or choice.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The values a choice may have.
    pub choices: Vec<String>,
    /// What recipients' pages call it, by tag of a language.
    pub labels: BTreeMap<String, String>,
}

impl From<Field> for FieldRow {
    fn from(field: Field) -> Self {
        Self { name: field.name, kind: field.kind.as_str(), choices: field.choices, labels: field.labels }
    }
}

/// A field whose index was added or removed.
#[derive(Debug, Serialize)]
pub struct Indexed {
    /// The field.
    pub name: String,
    /// True when the field has an index that stays.
    pub indexed: bool,
}

/// Declares a field. `kind` is text, number, date, flag or `choice:one,two`.
pub async fn add(installation: &Installation, actor: &Actor, name: &str, kind: &str) -> Result<FieldRow> {
    let permit = actor.permit(installation, Action::AddField).await?;
    let field = Field::declare(name, kind)?;
    refuse_special(name)?;
    field::add(installation, permit.workspace, &field).await?;
    permit.audit(None).await;
    Ok(field.into())
}

/// Refuses a field of a special category, with a policy or without one.
pub(super) fn refuse_special(name: &str) -> Result<()> {
    let Some(category) = policy::special_category(name) else { return Ok(()) };
    let message = Message::new("policy-special").with("name", name).with("category", category.as_str());
    Err(message.invalid_field("name"))
}

/// Lists the declared fields.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Vec<FieldRow>> {
    let permit = actor.permit(installation, Action::ListFields).await?;
    let fields = field::all(&mut *installation.db.read().await?, permit.workspace).await?;
    permit.audit(None).await;
    Ok(fields.into_iter().map(FieldRow::from).collect())
}

/// Indexes a field for segments, or removes the index once no segment needs it. `progress` is called with the
/// contacts indexed so far and all of them.
pub async fn index(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    indexed: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<Indexed> {
    let permit = actor.permit(installation, Action::IndexField).await?;
    let field = field::need(&mut *installation.db.read().await?, permit.workspace, name).await?;
    if !field_indexing::pin(installation, permit.workspace, &field, indexed).await? {
        return Err(Message::new("field-index-full").with("name", name).conflict());
    }
    let total = contact::count(&mut *installation.db.read().await?, permit.workspace).await?.unsigned_abs();
    segment::reconcile_indexes(installation, permit.workspace, None, |done| progress(done, total)).await?;
    permit.audit(None).await;
    Ok(Indexed { name: name.to_owned(), indexed })
}

/// Sets what recipients' pages call a field, in each of these languages; a blank text takes the label away.
pub async fn label(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    labels: &[(Lang, String)],
) -> Result<FieldRow> {
    let permit = actor.permit(installation, Action::ChangeField).await?;
    if labels.is_empty() {
        return Err(Message::new("field-label-nothing").with("name", name).invalid_field("label"));
    }
    let mut tx = installation.db.write().await?;
    field::lock_all(&mut tx, permit.workspace).await?;
    let field = field::set_labels(&mut tx, permit.workspace, name, labels).await?;
    tx.commit().await?;
    permit.audit(None).await;
    Ok(field.into())
}
