//! Table `event`: what came back from people. Rows are added in batches and only while the delivery
//! they belong to exists; when the person goes, their numbers move into the tally.

use std::collections::BTreeSet;

use sqlx::Row;

use crate::campaign::tally;
use crate::ground::clock::Millis;
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
        let mut sql = Sql::new(
            "insert into event (id, workspace_id, campaign_id, delivery_id, contact_id, kind, position, at) \
             select v.column1, d.workspace_id, d.campaign_id, d.id, d.contact_id, v.column3, v.column4, v.column5 from (values ",
        );
        for (index, hit) in some.iter().enumerate() {
            sql.push(if index == 0 { "(cast(" } else { ", (cast(" });
            sql.bind(ids.next()).push(" as bigint), cast(").bind(hit.delivery).push(" as bigint), cast(");
            sql.bind(hit.kind.to_string()).push(" as text), cast(").bind(hit.position).push(" as integer), cast(");
            sql.bind(hit.at).push(" as bigint))");
        }
        sql.push(
            ") as v join delivery d on d.id = v.column2 where not exists \
             (select 1 from subscription s where s.contact_id = d.contact_id and s.state = 'restricted')",
        );
        written += sql.run(conn).await?;
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
pub async fn forget(conn: &mut Conn, contact: Id, list: Option<Id>) -> Result<()> {
    let rows = sqlx::query(
        "delete from event where contact_id = $1 and ($2 = 0 or campaign_id in (select id from campaign where list_id = $2)) \
         returning campaign_id, delivery_id, kind, position",
    )
    .bind(contact)
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
    tally::absorb(conn, &counts).await
}
