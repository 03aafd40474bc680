//! Segments: save, count, estimate, explain, list.

use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::time::sleep;

use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::segment::{self, ConditionResult, Reachability, Segment, Tree};
use crate::audience::{contact, field_indexing};
use crate::campaign::model::{self, State};
use crate::infra::db::lock_configuration;
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;
use crate::infra::panic;

/// How long saving a segment indexes fields, unless it is asked to wait.
const INDEXING_LIMIT: Duration = Duration::from_secs(5);
/// How long indexing in the background works and rests in turn, and how often it looks for work.
const INDEXING_TURN: Duration = Duration::from_millis(200);
const INDEXING_INTERVAL: Duration = Duration::from_secs(5);

/// A saved segment.
#[derive(Debug, Serialize)]
pub struct SegmentRow {
    /// Its name.
    pub segment: String,
    /// Its expression.
    pub expression: String,
}

impl From<Segment> for SegmentRow {
    fn from(segment: Segment) -> Self {
        Self { segment: segment.name, expression: segment.expression }
    }
}

/// The segments of a workspace.
#[derive(Debug, Serialize)]
pub struct Segments {
    /// The rows, by name.
    pub segments: Vec<SegmentRow>,
}

/// How many contacts a segment has.
#[derive(Debug, Serialize)]
pub struct Count {
    /// The segment.
    pub segment: String,
    /// Its contacts.
    pub count: i64,
    /// True when the count is an estimate from a sample.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub estimate: bool,
}

/// Why a contact is in a segment or not.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The segment.
    pub segment: String,
    /// True when the contact is in it.
    pub included: bool,
    /// Whether emails may be sent to the contact at all.
    #[serde(serialize_with = "reachability")]
    pub reachability: Reachability,
    /// The same under its older name.
    #[serde(serialize_with = "reachability")]
    pub standing: Reachability,
    /// The conditions of the expression; those joined by a top-level `and` are listed one by one.
    #[serde(serialize_with = "top_level")]
    pub conditions: Option<Condition>,
    /// The address; prints masked.
    #[serde(skip)]
    pub address: Address,
}

/// A condition of an expression, evaluated for one contact.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Condition {
    /// Holds when all parts hold.
    All {
        /// The parts.
        all: Vec<Condition>,
        /// Whether it holds.
        holds: bool,
    },
    /// Holds when one part holds.
    Any {
        /// The parts.
        any: Vec<Condition>,
        /// Whether it holds.
        holds: bool,
    },
    /// Holds when its part does not.
    Not {
        /// The part.
        not: Box<Condition>,
        /// Whether it holds.
        holds: bool,
    },
    /// A comparison or a function.
    Leaf {
        /// The condition as text.
        condition: String,
        /// Whether it holds.
        holds: bool,
        /// What the contact has: the value of the field, or the day of the last event.
        value: Option<String>,
    },
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        match self {
            Self::All { holds, .. } | Self::Any { holds, .. } | Self::Not { holds, .. } | Self::Leaf { holds, .. } => {
                *holds
            }
        }
    }

    fn from_tree(tree: Tree<ConditionResult>) -> Self {
        let holds = tree.holds(&|result| result.holds);
        let parts = |parts: Vec<_>| parts.into_iter().map(Self::from_tree).collect();
        match tree {
            Tree::All(all) => Self::All { all: parts(all), holds },
            Tree::Any(any) => Self::Any { any: parts(any), holds },
            Tree::Not(part) => Self::Not { not: Box::new(Self::from_tree(*part)), holds },
            Tree::Leaf(leaf) => Self::Leaf { condition: leaf.text, holds, value: leaf.value },
        }
    }
}

fn reachability<S: Serializer>(value: &Reachability, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

fn top_level<S: Serializer>(root: &Option<Condition>, serializer: S) -> Result<S::Ok, S::Error> {
    match root {
        Some(Condition::All { all, .. }) => serializer.collect_seq(all),
        other => serializer.collect_seq(other),
    }
}

/// A segment that was saved.
#[derive(Debug, Serialize)]
pub struct Saved {
    /// The segment.
    #[serde(flatten)]
    pub segment: SegmentRow,
    /// True while its fields are still being indexed; until then counting takes longer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub indexing: bool,
}

/// Saves an expression; a segment of this name is replaced. The fields it names are indexed, for some seconds or, to the end,
/// with `wait`; `serve` does what is left. `progress` is called with the contacts indexed so far and all of them.
pub async fn save(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    expression: &str,
    wait: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<Saved> {
    let permit = actor.permit(installation, Action::SaveSegment).await?;
    let saved = segment::save(installation, permit.workspace, name, expression).await?;
    let total = contact::count(&mut *installation.db.read().await?, permit.workspace).await?.unsigned_abs();
    let limit = (!wait).then_some(INDEXING_LIMIT);
    let report = |done| progress(done, total);
    let is_indexed = segment::reconcile_indexes(installation, permit.workspace, limit, report).await?;
    permit.audit(saved.id).await;
    Ok(Saved { segment: saved.into(), indexing: !is_indexed })
}

/// Indexes what is left of the fields that segments name, without end, resting as long as it works. Reads one row while
/// nothing is left.
pub async fn index_in_background(installation: &Installation) {
    loop {
        let worked = panic::catch_async(field_indexing::work_off(installation, INDEXING_TURN)).await.flatten();
        match worked {
            Ok(true) => sleep(INDEXING_TURN).await,
            Ok(false) => sleep(INDEXING_INTERVAL).await,
            Err(error) => {
                if panic::is_panic(&error) {
                    installation.panics.record("indexing");
                }
                tracing::warn!(error = error.message().key, "fields could not be indexed; trying again");
                sleep(12 * INDEXING_INTERVAL).await;
            }
        }
    }
}

/// A segment that was removed.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// Its name.
    pub segment: String,
    /// Always true.
    pub removed: bool,
}

/// Removes a segment.
///
/// # Errors
///
/// `Conflict` while a campaign that has not ended goes to it.
pub async fn remove(installation: &Installation, actor: &Actor, name: &str) -> Result<Removed> {
    let permit = actor.permit(installation, Action::RemoveSegment).await?;
    let mut tx = installation.db.write().await?;
    lock_configuration(&mut tx).await?;
    let segment = segment::need(&mut tx, permit.workspace, name).await?;
    let campaigns = model::list(&mut tx, permit.workspace).await?;
    let is_open = |state| !matches!(state, State::Finished | State::Cancelled);
    let users = campaigns.iter().filter(|campaign| campaign.segment == Some(segment.id) && is_open(campaign.state));
    let users: Vec<&str> = users.map(|campaign| campaign.name.as_str()).collect();
    if !users.is_empty() {
        let message = Message::new("segment-remove-used").with("name", name).with("campaigns", users.join(", "));
        return Err(message.conflict());
    }
    segment::remove(&mut tx, permit.workspace, name).await?;
    tx.commit().await?;
    permit.audit(segment.id).await;
    Ok(Removed { segment: segment.name, removed: true })
}

/// Lists the segments.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Segments> {
    let permit = actor.permit(installation, Action::ListSegments).await?;
    let segments = segment::all(&mut *installation.db.read().await?, permit.workspace).await?;
    permit.audit(None).await;
    Ok(Segments { segments: segments.into_iter().map(SegmentRow::from).collect() })
}

/// Counts the contacts of a segment.
pub async fn count(installation: &Installation, actor: &Actor, name: &str) -> Result<Count> {
    let permit = actor.permit(installation, Action::ReadSegment).await?;
    let count = segment::count(installation, permit.workspace, name).await?;
    permit.audit(None).await;
    Ok(Count { segment: name.to_owned(), count, estimate: false })
}

/// Estimates the contacts of a segment from a sample; `None` where counting is as fast.
pub async fn estimate(installation: &Installation, actor: &Actor, name: &str) -> Result<Option<Count>> {
    let permit = actor.permit(installation, Action::ReadSegment).await?;
    let count = segment::estimate(installation, permit.workspace, name).await?;
    permit.audit(None).await;
    Ok(count.map(|count| Count { segment: name.to_owned(), count, estimate: true }))
}

/// Explains why the contact with this address is in the segment or not.
pub async fn explain(installation: &Installation, actor: &Actor, name: &str, address: &str) -> Result<Explanation> {
    let permit = actor.permit(installation, Action::ReadSegment).await?;
    let address =
        Address::parse(address).map_err(|_| Message::new("segment-explain-address").invalid_field("address"))?;
    let found = segment::explain(installation, permit.workspace, name, &address).await?;
    permit.audit(None).await;
    Ok(Explanation {
        segment: name.to_owned(),
        included: found.included,
        reachability: found.reachability,
        standing: found.reachability,
        conditions: found.conditions.map(Condition::from_tree),
        address,
    })
}
