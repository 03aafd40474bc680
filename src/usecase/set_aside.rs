//! Lines that are set aside: opens, clicks and requests of recipients that could not be processed. List them, process them
//! again, dismiss them.

use serde::Serialize;

use super::localize::StoredMessage;
use super::output::time;
use super::{Action, Actor};
use crate::feedback::replay;
use crate::feedback::set_aside::{self, Queue, SetAside};
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::request_journal;

/// Lines read at a time.
const PAGE: i64 = 500;
/// Lines of a list.
const LIST_LENGTH: i64 = 1_000;

/// A line that is set aside.
#[derive(Debug, Serialize)]
pub struct SetAsideRow {
    /// Its number, for `retry` and `dismiss`.
    pub id: Id,
    /// `event` for an open or click, `request` for an unsubscribe request.
    pub queue: String,
    /// Since when.
    #[serde(serialize_with = "time")]
    pub at: Millis,
    /// Why.
    pub reason: StoredMessage,
    /// The line: numbers and an action; none when it is damaged.
    pub line: Option<String>,
}

/// All lines that are set aside.
#[derive(Debug, Serialize)]
pub struct SetAsideList {
    /// Opens and clicks.
    pub events: u64,
    /// Requests of recipients.
    pub requests: u64,
    /// The oldest lines.
    pub lines: Vec<SetAsideRow>,
}

/// What became of the lines.
#[derive(Debug, Default, Serialize)]
pub struct SetAsideEnd {
    /// Processed now.
    pub processed: u64,
    /// Dismissed.
    pub dismissed: u64,
    /// Still set aside: they failed again.
    pub failed: u64,
}

/// Which lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// The one with this number.
    One(Id),
}

/// Lists the lines that are set aside, the oldest first.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<SetAsideList> {
    let permit = actor.permit(installation, Action::ListSetAside).await?;
    let mut conn = installation.db.read().await?;
    let row = |line: SetAside| SetAsideRow {
        id: line.id,
        queue: line.queue,
        at: line.at,
        reason: StoredMessage(line.reason),
        line: line.line,
    };
    let list = SetAsideList {
        events: set_aside::count(&mut conn, Queue::Event).await?,
        requests: set_aside::count(&mut conn, Queue::Request).await?,
        lines: set_aside::list(&mut conn, 0, LIST_LENGTH).await?.into_iter().map(row).collect(),
    };
    permit.audit(None).await;
    Ok(list)
}

/// Processes lines again. Those that fail again stay set aside.
pub async fn retry(installation: &Installation, actor: &Actor, which: Which) -> Result<SetAsideEnd> {
    let permit = actor.permit(installation, Action::SettleSetAside).await?.begin(installation).await?;
    let mut end = SetAsideEnd::default();
    for_each(installation, which, async |line| {
        match process(installation, &line).await {
            Ok(()) => end.processed += 1,
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                tracing::warn!(reason = error.message().key, "a line that is set aside failed again");
                end.failed += 1;
            }
        }
        Ok(())
    })
    .await?;
    permit.audit(None).await;
    Ok(end)
}

/// Deletes lines without processing them.
pub async fn dismiss(installation: &Installation, actor: &Actor, which: Which) -> Result<SetAsideEnd> {
    let permit = actor.permit(installation, Action::SettleSetAside).await?.begin(installation).await?;
    let mut end = SetAsideEnd::default();
    for_each(installation, which, async |line| {
        let mut tx = installation.db.write().await?;
        end.dismissed += u64::from(set_aside::delete(&mut tx, line.id).await?);
        tx.commit().await
    })
    .await?;
    permit.audit(None).await;
    Ok(end)
}

async fn for_each(
    installation: &Installation,
    which: Which,
    mut work: impl AsyncFnMut(SetAside) -> Result<()>,
) -> Result<()> {
    let (mut after, limit) = match which {
        Which::All => (0, PAGE),
        Which::One(id) => (id.saturating_sub(1), 1),
    };
    loop {
        let page = set_aside::list(&mut *installation.db.read().await?, after, limit).await?;
        let Some(last) = page.last().map(|line| line.id) else { break };
        if let Which::One(id) = which
            && last != id
        {
            break;
        }
        for line in page {
            work(line).await?;
        }
        if which != Which::All {
            return Ok(());
        }
        after = last;
    }
    match which {
        Which::All => Ok(()),
        Which::One(id) => Err(Message::new("set-aside-unknown").with("id", id).not_found()),
    }
}

async fn process(installation: &Installation, line: &SetAside) -> Result<()> {
    let text = line.line.as_deref().ok_or_else(|| Message::new("set-aside-damaged").invalid())?;
    if line.queue == Queue::Request.as_str() {
        request_journal::execute_line(installation, text).await?;
    }
    let mut tx = installation.db.write().await?;
    if line.queue == Queue::Event.as_str() {
        replay::insert_line(installation, &mut tx, text).await?;
    }
    set_aside::delete(&mut tx, line.id).await?;
    tx.commit().await
}
