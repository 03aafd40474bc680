//! Fields of contacts whose values change with them: rename one, remove one, and say first who uses it.
//!
//! Millions of values are changed some at a time, so that sending goes on. A rename copies them under the new name first and
//! changes in one transaction all that names the field; so a segment finds the same people at every moment.

use serde::Serialize;

use super::{Action, Actor};
use crate::audience::{contact, field, field_indexing, indexed_field, segment};
use crate::campaign::{delivery, field_use};
use crate::infra::db::{Conn, Tx, lock_configuration};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::physical_erasure::Urgency;
use crate::privacy::{correction_log, physical_erasure};

/// Contacts per transaction.
const SLICE: i64 = 1_000;

/// Who uses a field.
#[derive(Debug, Clone, Serialize)]
pub struct FieldUsage {
    /// Its name.
    pub name: String,
    /// People who have a value.
    pub people: i64,
    /// True when it has an index.
    pub indexed: bool,
    /// Segments that name it.
    pub segments: Vec<String>,
    /// Campaigns that use it and were not launched.
    pub campaigns: Vec<String>,
    /// Campaigns that use it and are sending.
    pub sending: Vec<String>,
    /// Campaigns that used it and have ended.
    pub ended: Vec<String>,
}

/// What the user has confirmed about a field to remove.
#[derive(Debug, Clone, Copy, Default)]
pub struct Confirmation {
    /// The number of people whose values are erased.
    pub people: Option<i64>,
    /// Segments and campaigns that use it may break.
    pub used: bool,
}

/// A field that was removed.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// Who used it.
    #[serde(flatten)]
    pub usage: FieldUsage,
    /// Always true.
    pub removed: bool,
    /// False when bytes of the values may still be in free pages.
    pub scrubbed: bool,
    /// What is to be said about them.
    #[serde(skip)]
    pub pending: Option<Message>,
}

/// A field that was renamed.
#[derive(Debug, Serialize)]
pub struct Renamed {
    /// Its name before.
    pub before: String,
    /// Its name now.
    pub name: String,
    /// Segments that were rewritten.
    pub segments: Vec<String>,
    /// Campaigns that were rewritten.
    pub campaigns: Vec<String>,
}

/// Says who uses a field. One that is not declared any more has people while its removal was interrupted.
pub async fn usage(installation: &Installation, actor: &Actor, name: &str) -> Result<FieldUsage> {
    let permit = actor.permit(installation, Action::ListFields).await?;
    let found = find_usage(&mut *installation.db.read().await?, permit.workspace, name).await?;
    permit.audit(None).await;
    Ok(found)
}

async fn find_usage(conn: &mut Conn, workspace: Id, name: &str) -> Result<FieldUsage> {
    let people = contact::count_with_value(conn, workspace, name).await?;
    if people == 0 {
        field::need(conn, workspace, name).await?;
    }
    let campaigns = field_use::find(conn, workspace, name).await?;
    Ok(FieldUsage {
        name: name.to_owned(),
        people,
        indexed: indexed_field::list_readable(conn, workspace).await?.iter().any(|indexed| indexed.field == name),
        segments: segment::names_with_field(conn, workspace, name).await?,
        campaigns: field_use::names(&campaigns.open),
        sending: field_use::names(&campaigns.sending),
        ended: field_use::names(&campaigns.ended),
    })
}

/// Removes a field and erases its values for good, or completes a removal that was interrupted. `progress` is called with
/// the people done so far and all of them.
///
/// # Errors
///
/// `Conflict` while a campaign that sends uses it; and when another number of people has a value than was confirmed, or
/// segments or campaigns use it and that was not confirmed.
pub async fn remove(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    confirmed: Confirmation,
    mut progress: impl FnMut(u64, u64),
) -> Result<Removed> {
    let permit = actor.permit(installation, Action::RemoveField).await?.begin(installation).await?;
    let workspace = permit.workspace;
    let mut tx = begin_change(installation, workspace).await?;
    let usage = find_usage(&mut tx, workspace, name).await?;
    refuse_unconfirmed(&usage, confirmed)?;
    field::remove(&mut tx, workspace, name).await?;
    field_indexing::lock_exclusive(&mut tx, workspace).await?;
    field_indexing::give_up(&mut tx, workspace, name, installation.clock.now()).await?;
    correction_log::record(installation, &mut tx, workspace, None).await?;
    tx.commit().await?;
    remove_values(installation, workspace, name, None, &mut |done| progress(done, usage.people.unsigned_abs())).await?;
    segment::reconcile_indexes(installation, workspace, None, |_| {}).await?;
    // An erasure of bytes that ran meanwhile has not seen the columns of the index emptied.
    let mut tx = installation.db.write().await?;
    correction_log::record(installation, &mut tx, workspace, None).await?;
    tx.commit().await?;
    let pending = physical_erasure::run_for_command(installation, Urgency::Usual).await?;
    permit.audit(None).await;
    Ok(Removed { usage, removed: true, scrubbed: pending.is_none(), pending })
}

impl FieldUsage {
    /// A message with all of it.
    pub fn message(&self, key: &'static str) -> Message {
        let or_none = |names: &[String]| if names.is_empty() { "—".to_owned() } else { names.join(", ") };
        Message::new(key)
            .with("name", &self.name)
            .with("count", self.people)
            .with("segments", or_none(&self.segments))
            .with("campaigns", or_none(&self.campaigns))
            .with("ended", or_none(&self.ended))
            .with("indexed", if self.indexed { "yes" } else { "no" })
    }
}

fn refuse_unconfirmed(usage: &FieldUsage, confirmed: Confirmation) -> Result<()> {
    if !usage.sending.is_empty() {
        return Err(sending_error(&usage.name, &usage.sending));
    }
    let is_used = !usage.segments.is_empty() || !usage.campaigns.is_empty();
    if is_used && !confirmed.used {
        return Err(usage.message("field-remove-used").conflict());
    }
    match confirmed.people {
        people if people.unwrap_or(0) == usage.people => Ok(()),
        None => Err(usage.message("field-remove-number").conflict()),
        Some(_) => Err(usage.message("field-remove-other-number").conflict()),
    }
}

fn sending_error(name: &str, campaigns: &[String]) -> Error {
    Message::new("field-used-sending").with("name", name).with("campaigns", campaigns.join(", ")).conflict()
}

/// Renames a field: its values, and the segments and campaigns that name it. A rename that was interrupted is completed by
/// the same call. `progress` is called with the people done so far and all of them.
///
/// # Errors
///
/// `Conflict` while a campaign that sends uses it, when another field has the new name, and when the file of a campaign names
/// it in a way that must be changed by hand.
pub async fn rename(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    new: &str,
    mut progress: impl FnMut(u64, u64),
) -> Result<Renamed> {
    let permit = actor.permit(installation, Action::ChangeField).await?;
    let (workspace, new) = (permit.workspace, new.trim());
    super::field::refuse_special(new)?;
    let people = contact::count_with_value(&mut *installation.db.read().await?, workspace, name).await?.unsigned_abs();
    if people > 0 && is_only_declared(installation, workspace, new, name).await? {
        remove_values(installation, workspace, name, Some(new), &mut |done| progress(done, people)).await?;
        permit.audit(None).await;
        return Ok(Renamed { before: name.to_owned(), name: new.to_owned(), segments: vec![], campaigns: vec![] });
    }
    // Nothing is copied when the rename would be refused.
    let mut tx = begin_change(installation, workspace).await?;
    rename_mentions(&mut tx, workspace, name, new).await?;
    drop(tx);
    let (mut after, mut done) = (0, 0);
    loop {
        let mut tx = installation.db.write().await?;
        let now = installation.clock.now();
        let copied = contact::copy_value(&mut tx, workspace, (name, new), (after, SLICE), now).await?;
        tx.commit().await?;
        let Some(last) = copied.last() else { break };
        (after, done) = (*last, done + copied.len() as u64);
        progress(done.min(people), 2 * people);
        tokio::task::yield_now().await;
    }
    let mut tx = begin_change(installation, workspace).await?;
    let (segments, campaigns) = rename_mentions(&mut tx, workspace, name, new).await?;
    field_indexing::lock_exclusive(&mut tx, workspace).await?;
    // Values that were written meanwhile.
    while !copy_rest(installation, &mut tx, workspace, name, new).await? {}
    field::rename(&mut tx, workspace, name, new).await?;
    field_indexing::rename(&mut tx, workspace, name, new).await?;
    tx.commit().await?;
    remove_values(installation, workspace, name, Some(new), &mut |done| progress(people + done, 2 * people)).await?;
    permit.audit(None).await;
    Ok(Renamed { before: name.to_owned(), name: new.to_owned(), segments, campaigns })
}

/// Whether `name` is declared and `other` is not.
async fn is_only_declared(installation: &Installation, workspace: Id, name: &str, other: &str) -> Result<bool> {
    let fields = field::all(&mut *installation.db.read().await?, workspace).await?;
    let is_declared = |name: &str| fields.iter().any(|field| field.name == name);
    Ok(is_declared(name) && !is_declared(other))
}

async fn copy_rest(installation: &Installation, conn: &mut Conn, workspace: Id, name: &str, new: &str) -> Result<bool> {
    let now = installation.clock.now();
    Ok(contact::copy_value(conn, workspace, (name, new), (0, SLICE), now).await?.is_empty())
}

/// Checks the new name and writes it into segments, files of campaigns and frozen contents. Returns the segments and
/// campaigns.
async fn rename_mentions(conn: &mut Conn, workspace: Id, name: &str, new: &str) -> Result<(Vec<String>, Vec<String>)> {
    field::need(conn, workspace, name).await?;
    let new = field::check_new_name(conn, workspace, name, new).await?;
    if new == name {
        return Err(Message::new("field-rename-same").with("name", name).invalid_field("name"));
    }
    let campaigns = field_use::find(conn, workspace, name).await?;
    if !campaigns.sending.is_empty() {
        return Err(sending_error(name, &field_use::names(&campaigns.sending)));
    }
    let mut by_hand = Vec::new();
    for campaign in &campaigns.open {
        if !field_use::rename_in_file(conn, campaign, name, new).await? {
            by_hand.push(campaign.name.clone());
        }
    }
    if !by_hand.is_empty() {
        let message = Message::new("field-rename-by-hand").with("name", name).with("new", new);
        return Err(message.with("campaigns", by_hand.join(", ")).conflict());
    }
    for campaign in &campaigns.ended {
        field_use::rename_in_frozen(conn, campaign, name, new).await?;
    }
    Ok((segment::rename_field(conn, workspace, name, new).await?, field_use::names(&campaigns.open)))
}

/// Begins a transaction that alone changes the configuration and the fields.
async fn begin_change(installation: &Installation, workspace: Id) -> Result<Tx> {
    let mut tx = installation.db.write().await?;
    lock_configuration(&mut tx).await?;
    field::lock_all(&mut tx, workspace).await?;
    Ok(tx)
}

/// Removes the values of a field that is not declared any more. `heir` is its new name.
async fn remove_values(
    installation: &Installation,
    workspace: Id,
    name: &str,
    heir: Option<&str>,
    progress: &mut impl FnMut(u64),
) -> Result<()> {
    let (mut after, mut done) = (0, 0);
    loop {
        let mut tx = installation.db.write().await?;
        let now = installation.clock.now();
        let changed = contact::remove_value(&mut tx, workspace, name, heir, (after, SLICE), now).await?;
        let Some(last) = changed.last() else { return Ok(()) };
        // Messages that must be repeated would be made from the values under the old name.
        delivery::forget::forget_snapshots(&mut tx, &changed).await?;
        if heir.is_none() {
            correction_log::record(installation, &mut tx, workspace, None).await?;
        }
        tx.commit().await?;
        (after, done) = (*last, done + changed.len() as u64);
        progress(done);
        // Others that write have their turn.
        tokio::task::yield_now().await;
    }
}
