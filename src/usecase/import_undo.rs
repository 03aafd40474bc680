//! Undo of an import within a day: how many people that would remove, and removing them.

use serde::Serialize;

use super::{Action, Actor, contact};
use crate::audience::import::added_range::{self, AddedRange, KEPT};
use crate::audience::list;
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::import_undo;

/// What an undo would remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undoable {
    /// The import.
    pub import: Id,
    /// The list that its people joined.
    pub list: String,
    /// People whom this import alone brought and to whom nothing has happened since.
    pub people: i64,
    /// Until when it can be undone.
    #[serde(serialize_with = "super::output::time")]
    pub until: Millis,
}

/// What an undo removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The import.
    pub import: Id,
    /// People who were removed.
    pub removed: u64,
    /// False when bytes of the people may still be in free pages or files.
    pub scrubbed: bool,
    /// What is to be said about them.
    #[serde(skip)]
    pub pending: Option<Message>,
}

/// Counts whom an undo would remove.
///
/// # Errors
/// `NotFound` for an import that added nobody, of another workspace, or longer than a day ago.
pub async fn count(installation: &Installation, actor: &Actor, import: Id) -> Result<Undoable> {
    let permit = actor.permit(installation, Action::UndoImport).await?;
    let mut conn = installation.db.read().await?;
    let ranges = ranges(&mut conn, permit.workspace, import, installation.clock.now()).await?;
    let mut people = 0;
    for range in &ranges {
        people += added_range::count_untouched(&mut conn, range).await?;
    }
    let lists = list::all(&mut conn, permit.workspace).await?;
    let name = lists.into_iter().find(|list| list.id == ranges[0].list).map(|list| list.name);
    permit.skip_audit();
    Ok(Undoable { import, list: name.unwrap_or_default(), people, until: ranges[0].added_at + KEPT })
}

/// Removes whom this import alone brought and to whom nothing has happened since, as if they had never been imported. `people`
/// is their number as the user knows it. `progress` is called with the people removed so far and all of them.
///
/// # Errors
/// As for [`count`]; Invalid field `people` for another number.
pub async fn undo(
    installation: &Installation,
    actor: &Actor,
    import: Id,
    people: Option<i64>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Undone> {
    let permit = actor.permit(installation, Action::UndoImport).await?.begin(installation).await?;
    let counted = count(installation, actor, import).await?;
    if people != Some(counted.people) {
        return Err(Message::new("import-undo-number").with("count", counted.people).invalid_field("people"));
    }
    let now = installation.clock.now();
    let ranges = ranges(&mut *installation.db.read().await?, permit.workspace, import, now).await?;
    let removed =
        import_undo::undo(installation, &ranges, |done| progress(done, counted.people.unsigned_abs())).await?;
    let mut tx = installation.db.write().await?;
    added_range::remove(&mut tx, import).await?;
    added_range::remove_before(&mut tx, now - KEPT).await?;
    tx.commit().await?;
    let pending = contact::remove_bytes(installation, contact::Urgency::Usual).await;
    permit.audit(import).await;
    Ok(Undone { import, removed, scrubbed: pending.is_none(), pending })
}

/// What the import added within the last day.
async fn ranges(conn: &mut Conn, workspace: Id, import: Id, now: Millis) -> Result<Vec<AddedRange>> {
    let mut ranges = added_range::list(conn, workspace, import).await?;
    ranges.retain(|range| range.added_at > now - KEPT);
    match ranges.is_empty() {
        true => Err(Message::new("import-undo-unknown").not_found()),
        false => Ok(ranges),
    }
}
