//! Table `event`: what came back from people. Rows are added in batches and only while the delivery
//! they belong to exists; when the person goes, their numbers move into the tally.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sqlx::Row;

use crate::audience::contact::{self, Seen};
use crate::campaign::tally;
use crate::ground::clock::Millis;
use crate::ground::db::many::{column, whole};
use crate::ground::db::{Conn, Sql};
use crate::ground::error::Result;
use crate::ground::id::{Id, Ids};

crate::text_enum! {
    /// What happened.
    Kind {
        /// The pixel was loaded.
        Open = "open",
        /// A link was followed.
        Click = "click",
    }
}

/// Something that came back, before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// The delivery whose token came.
    pub delivery: Id,
    /// What happened.
    pub kind: Kind,
    /// Which link; 0 for opens.
    pub position: i32,
    /// When.
    pub at: Millis,
}

/// Writes what came back. Hits of people who are gone, or restricted, are dropped. Returns how many
/// were written.
pub async fn add(conn: &mut Conn, ids: &Ids, hits: &[Hit]) -> Result<u64> {
    let mut written = 0;
    for some in hits.chunks(500) {
        let row = |hit: &Hit| json!([ids.next(), hit.delivery, hit.kind.as_str(), hit.position, hit.at]);
        let rows: Vec<_> = some.iter().map(row).collect();
        let mut sql = Sql::new(
            "insert into event (id, workspace_id, campaign_id, delivery_id, contact_id, kind, position, at) select ",
        );
        sql.push(&whole(0)).push(", d.workspace_id, d.campaign_id, d.id, d.contact_id, ").push(&column(2));
        sql.push(", cast(").push(&column(3)).push(" as integer), ").push(&whole(4)).push(" from ").table(conn, &rows);
        sql.push(" join delivery d on d.id = ").push(&whole(1)).push(
            " where not exists \
             (select 1 from subscription s where s.contact_id = d.contact_id and s.state = 'restricted') \
             returning contact_id, kind, at",
        );
        let rows = sql.all(conn).await?;
        written += rows.len() as u64;
        let mut seen: BTreeMap<Id, Seen> = BTreeMap::new();
        for row in rows {
            let last = seen.entry(row.get(0)).or_default();
            let at: Millis = row.get(2);
            match row.get::<String, _>(1).parse()? {
                Kind::Open => last.opened_at = last.opened_at.max(Some(at)),
                Kind::Click => last.clicked_at = last.clicked_at.max(Some(at)),
            }
        }
        contact::see(conn, &seen).await?;
    }
    Ok(written)
}

/// Messages of a campaign by kind and link position: how many had at least one such event.
pub async fn count(conn: &mut Conn, campaign: Id) -> Result<Vec<(Kind, i32, i64)>> {
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

/// Moves a person's events, for one list or all, into the tally and removes the rows.
pub async fn forget(conn: &mut Conn, person: Id, list: Option<Id>) -> Result<()> {
    let rows = sqlx::query(
        "delete from event where contact_id = $1 and ($2 = 0 or campaign_id in (select id from campaign where list_id = $2)) \
         returning campaign_id, delivery_id, kind, position",
    )
    .bind(person)
    .bind(list.unwrap_or(0))
    .fetch_all(&mut *conn)
    .await?;
    let mut seen = BTreeSet::new();
    for row in rows {
        let (campaign, delivery): (Id, Id) = (row.get(0), row.get(1));
        match row.get::<String, _>(2).parse()? {
            Kind::Open => {
                seen.insert((campaign, delivery, tally::OPEN, 0));
            }
            Kind::Click => {
                seen.insert((campaign, delivery, tally::CLICK, row.get(3)));
                seen.insert((campaign, delivery, tally::CLICKED, 0));
            }
        }
    }
    let mut counts = tally::Counts::new();
    for (campaign, _, kind, position) in seen {
        *counts.entry((campaign, kind, position)).or_default() += 1;
    }
    tally::absorb(conn, &counts).await?;
    match list {
        Some(_) => contact::look_back(conn, person).await,
        None => Ok(()),
    }
}
