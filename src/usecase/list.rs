//! Lists: add, close, list with their numbers of subscribers.

use serde::Serialize;

use super::{Action, Actor, policy};
use crate::audience::subscription::{self, State};
use crate::audience::{list, segment};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::physical_erasure::Urgency;
use crate::privacy::{erasure, physical_erasure};

/// A list that was added.
#[derive(Debug, Serialize)]
pub struct Added {
    /// Its name.
    pub list: String,
}

/// A list that was closed.
#[derive(Debug, Serialize)]
pub struct Closed {
    /// Its name.
    pub list: String,
    /// Always true.
    pub closed: bool,
    /// How many subscribers were unsubscribed.
    pub left: u64,
    /// False when bytes of the contacts may still be in free pages or files.
    pub scrubbed: bool,
    /// What is to be said about them.
    #[serde(skip)]
    pub pending: Option<Message>,
}

/// A list and its numbers.
#[derive(Debug, Serialize)]
pub struct ListRow {
    /// Its key, for pages.
    #[serde(skip)]
    pub id: Id,
    /// Its name.
    pub list: String,
    /// True when it was closed.
    pub closed: bool,
    /// True when subscribers of other lists may join it on their preferences page.
    pub public: bool,
    /// Confirmed subscriptions.
    pub confirmed: i64,
    /// Subscriptions that wait for their confirmation.
    pub pending: i64,
    /// Subscriptions of contacts whose mailbox does not exist.
    pub bounced: i64,
    /// Restricted subscriptions.
    pub restricted: i64,
}

/// The lists of a workspace.
#[derive(Debug, Serialize)]
pub struct Lists {
    /// The rows, by name.
    pub lists: Vec<ListRow>,
}

/// Adds a list.
pub async fn add(installation: &Installation, actor: &Actor, name: &str) -> Result<Added> {
    let permit = actor.permit(installation, Action::AddList).await?;
    let added = list::add(installation, permit.workspace, name).await?;
    policy::rules::sync(installation, permit.workspace).await?;
    permit.audit(added.id).await;
    Ok(Added { list: added.name })
}

/// A list that may be joined on preferences pages, or no longer.
#[derive(Debug, Serialize)]
pub struct Published {
    /// Its name.
    pub list: String,
    /// True when it may be joined.
    pub public: bool,
}

/// A list that was renamed.
#[derive(Debug, Serialize)]
pub struct Renamed {
    /// Its name before.
    pub before: String,
    /// Its name now.
    pub list: String,
    /// Segments that name it.
    pub segments: Vec<String>,
}

/// Renames a list, also in the segments that name it. Subscriptions, campaigns and links stay as they are.
pub async fn rename(installation: &Installation, actor: &Actor, name: &str, new: &str) -> Result<Renamed> {
    let permit = actor.permit(installation, Action::RenameList).await?;
    let mut tx = installation.db.write().await?;
    let list = list::need(&mut tx, permit.workspace, name).await?;
    let segments = segment::rename_list(&mut tx, permit.workspace, list.id, new.trim()).await?;
    let renamed = list::rename(&mut tx, permit.workspace, name, new).await?;
    tx.commit().await?;
    policy::rules::sync(installation, permit.workspace).await?;
    permit.audit(renamed.id).await;
    Ok(Renamed { before: name.to_owned(), list: renamed.name, segments })
}

/// Says whether subscribers of other lists of the workspace may join the list on their preferences page.
pub async fn set_public(installation: &Installation, actor: &Actor, name: &str, public: bool) -> Result<Published> {
    let permit = actor.permit(installation, Action::RenameList).await?;
    let mut tx = installation.db.write().await?;
    let list = list::need(&mut tx, permit.workspace, name).await?;
    list::set_public(&mut tx, list.id, public).await?;
    tx.commit().await?;
    permit.audit(list.id).await;
    Ok(Published { list: list.name, public })
}

/// Number of people whom closing a list would unsubscribe and erase; 0 for one whose closing was interrupted.
pub async fn count_to_close(installation: &Installation, actor: &Actor, name: &str) -> Result<i64> {
    let permit = actor.permit(installation, Action::CloseList).await?;
    let mut conn = installation.db.read().await?;
    let list = match list::find(&mut conn, permit.workspace, name).await? {
        Some(list) if list.closed => return Ok(0),
        Some(list) => list,
        None => list::need(&mut conn, permit.workspace, name).await?,
    };
    let people = subscription::count(&mut conn, list.id).await?.iter().map(|(_, count)| count).sum();
    permit.skip_audit();
    Ok(people)
}

/// Closes a list and unsubscribes everyone on it, or completes a closing that was interrupted. `people` is their number as
/// the user knows it. `progress` is called with the subscribers unsubscribed so far and all of them.
///
/// # Errors
///
/// `Conflict` when the list has another number of people, or some and none was given.
pub async fn close(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    people: Option<i64>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Closed> {
    let permit = actor.permit(installation, Action::CloseList).await?.begin(installation).await?;
    let mut conn = installation.db.read().await?;
    let list = match list::find(&mut conn, permit.workspace, name).await? {
        Some(list) => list,
        None => list::need(&mut conn, permit.workspace, name).await?,
    };
    let total: i64 = subscription::count(&mut conn, list.id).await?.iter().map(|(_, count)| count).sum();
    drop(conn);
    if !list.closed && people.unwrap_or(0) != total {
        let key = if people.is_some() { "list-close-other-number" } else { "list-close-number" };
        return Err(Message::new(key).with("name", &list.name).with("count", total).conflict());
    }
    let left = erasure::close_list(installation, permit.workspace, list.id, |done| {
        progress(done, total.unsigned_abs());
    })
    .await?;
    let pending = physical_erasure::run_for_command(installation, Urgency::Usual).await?;
    permit.audit(list.id).await;
    Ok(Closed { list: list.name, closed: true, left, scrubbed: pending.is_none(), pending })
}

/// Names of the open lists, for pages that need no numbers: those of a large list take long to count.
pub async fn names(installation: &Installation, actor: &Actor) -> Result<Vec<String>> {
    let permit = actor.permit(installation, Action::ListLists).await?;
    let lists = list::all(&mut *installation.db.read().await?, permit.workspace).await?;
    permit.skip_audit();
    Ok(lists.into_iter().filter(|list| !list.closed).map(|list| list.name).collect())
}

/// Lists the lists with their numbers.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Lists> {
    let permit = actor.permit(installation, Action::ListLists).await?;
    let mut conn = installation.db.read().await?;
    let mut lists = Vec::new();
    for list in list::all(&mut conn, permit.workspace).await? {
        let counts = subscription::count(&mut conn, list.id).await?;
        let number = |state| counts.iter().find(|(found, _)| *found == state).map_or(0, |(_, count)| *count);
        lists.push(ListRow {
            id: list.id,
            closed: list.closed,
            public: list.public,
            confirmed: number(State::Confirmed),
            pending: number(State::Pending),
            bounced: number(State::Bounced),
            restricted: number(State::Restricted),
            list: list.name,
        });
    }
    permit.audit(None).await;
    Ok(Lists { lists })
}
