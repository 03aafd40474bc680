//! Table `event`: what came back from people. Rows are added in batches and only while the delivery
//! they belong to exists; when the person goes, their numbers move into the tally.

use std::collections::BTreeSet;

use sqlx::Row;

use crate::audience::contact;
use crate::campaign::{erased_counts, model};
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{number, take, words};
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::{Id, Ids, STEP};

/// Hits a statement.
const ROWS: usize = 1_000;

crate::text_enum! {
    /// What happened.
    EventKind {
        /// The pixel was loaded.
        Open = "open",
        /// A link was followed.
        Click = "click",
    }
}

/// Something that came back, before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEvent {
    /// The delivery whose token came.
    pub delivery: Id,
    /// What happened.
    pub kind: EventKind,
    /// Which link; 0 for opens.
    pub position: i32,
    /// When.
    pub at: Millis,
}

/// Writes what came back. Hits of people who are gone, or restricted, are dropped. Returns how many
/// were written.
pub async fn insert(conn: &mut Conn, ids: &Ids, hits: &[NewEvent]) -> Result<u64> {
    let mut written = 0;
    // In the order of the indexes, so that each of their pages is met once.
    let mut hits = hits.to_vec();
    hits.sort_unstable_by_key(|hit| (hit.delivery, hit.at, hit.kind, hit.position));
    for some in hits.chunks(ROWS) {
        let count = some.len() as i64;
        let first = ids.reserve(count);
        let keys = (first..).step_by(STEP as usize);
        let row =
            |(key, hit): (Id, &NewEvent)| ([key, hit.delivery, i64::from(hit.position), hit.at], hit.kind.as_str());
        let mut sql = Sql::new(
            "insert into event (id, workspace_id, campaign_id, delivery_id, contact_id, kind, position, at) select ",
        );
        sql.push(&number(0)).push(", d.workspace_id, d.campaign_id, d.id, d.contact_id, ").push(&words(4));
        sql.push(", cast(").push(&number(2)).push(" as integer), ").push(&number(3));
        sql.push(" from ").strips(conn, keys.zip(some).map(row)).push(" join delivery d on d.id = ");
        sql.push(&number(1)).push(
            " where not exists \
             (select 1 from subscription s where s.contact_id = d.contact_id and s.state = 'restricted')",
        );
        match sql.run(conn).await? {
            0 => {}
            some => {
                written += some;
                contact::record_activity(conn, first, first + (count - 1) * STEP).await?;
            }
        }
    }
    Ok(written)
}

/// Messages of a campaign by kind and link position: how many had at least one such event.
pub async fn count(conn: &mut Conn, campaign: Id) -> Result<Vec<(EventKind, i32, i64)>> {
    let rows = sqlx::query(
        "select kind, position, count(distinct delivery_id) from event where campaign_id = $1 group by kind, position order by kind, position",
    )
    .bind(campaign)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((row.get::<String, _>(0).parse()?, row.get(1), row.get(2)))).collect()
}

/// Messages of a campaign in which any link was followed.
pub async fn count_clicked(conn: &mut Conn, campaign: Id) -> Result<i64> {
    let row = sqlx::query("select count(distinct delivery_id) from event where campaign_id = $1 and kind = 'click'")
        .bind(campaign)
        .fetch_one(conn)
        .await?;
    Ok(row.get(0))
}

/// Moves the events of people, for one list or all, into the tally and removes the rows.
pub async fn forget(conn: &mut Conn, people: &[Id], list: Option<Id>) -> Result<()> {
    let rows: Vec<(Id, Id, String, i32)> =
        take(conn, "event", "campaign_id, delivery_id, kind, position", |sql, conn| {
            sql.push("contact_id").among(conn, people);
            model::push_list_filter(sql, list);
        })
        .await?;
    let mut seen = BTreeSet::new();
    for (campaign, delivery, kind, position) in rows {
        match kind.parse()? {
            EventKind::Open => {
                seen.insert((campaign, delivery, erased_counts::OPEN, 0));
            }
            EventKind::Click => {
                seen.insert((campaign, delivery, erased_counts::CLICK, position));
                seen.insert((campaign, delivery, erased_counts::CLICKED, 0));
            }
        }
    }
    let mut counts = erased_counts::ErasedCounts::new();
    for (campaign, _, kind, position) in seen {
        *counts.entry((campaign, kind, position)).or_default() += 1;
    }
    erased_counts::add_all(conn, &counts).await?;
    match list {
        Some(_) => contact::recompute_activity(conn, people).await,
        None => Ok(()),
    }
}
