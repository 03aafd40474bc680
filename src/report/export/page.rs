//! What stands in the rows of each export, read page by page in the order of the key, so that memory
//! stays flat and nothing waits. People who are restricted on some list are left out: their data is
//! kept and not used.

use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::sheet::{Cell, time};
use crate::audience::contact::Values;
use crate::audience::field::Field;
use crate::ground::db::{Conn, Sql};
use crate::ground::error::Result;
use crate::ground::id::Id;

/// Rows a page.
const ROWS: i64 = 1_000;

/// Whose rows: a workspace, narrowed to one of its campaigns.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// The workspace.
    pub workspace: Id,
    /// One campaign of it, and the list that one goes to.
    pub campaign: Option<(Id, Id)>,
}

/// One kind of rows: a table that is walked by its key `id`.
pub struct Walk {
    /// The table that is walked; it has alias `w`.
    table: &'static str,
    select: &'static str,
    joins: &'static str,
    only: &'static str,
    /// The column that narrows to a campaign, or to its list.
    narrow: &'static str,
    by_list: bool,
    read: fn(&AnyRow, &[Field]) -> Vec<Cell>,
}

/// Columns of the deliveries.
pub const DELIVERY: &[&str] =
    &["campaign", "address", "state", "reason", "code", "reply", "attempts", "dated_at", "changed_at"];
/// Columns of the events and of the bounces among them.
pub const EVENT: &[&str] = &["campaign", "address", "kind", "position", "destination", "at", "code", "reply"];
/// Columns of the subscriptions; the fields of the workspace follow.
pub const SUBSCRIPTION: &[&str] = &[
    "list",
    "address",
    "state",
    "joined_at",
    "basis",
    "channel",
    "source",
    "proof",
    "given_at",
    "opened",
    "opened_at",
    "clicked",
    "clicked_at",
    "reachable",
];

/// Letters and how each ended.
pub const DELIVERIES: Walk = Walk {
    table: "delivery",
    select: "k.name, c.address, w.state, w.reason, w.code, w.reply, w.attempts, w.dated_at, w.changed_at",
    joins: "join campaign k on k.id = w.campaign_id join contact c on c.id = w.contact_id",
    only: "",
    narrow: "campaign_id",
    by_list: false,
    read: |row, _| {
        let mut cells = texts(row, 1..5);
        cells.extend([whole(row, 5), text(row, 6), whole(row, 7), at(row, 8), at(row, 9)]);
        cells
    },
};

/// Opens and clicks.
pub const EVENTS: Walk = Walk {
    table: "event",
    select: "k.name, c.address, w.kind, w.position, l.destination, w.at",
    joins: "join campaign k on k.id = w.campaign_id join contact c on c.id = w.contact_id \
            left join link l on l.campaign_id = w.campaign_id and l.position = w.position and w.kind = 'click'",
    only: "",
    narrow: "campaign_id",
    by_list: false,
    read: |row, _| {
        let mut cells = texts(row, 1..4);
        cells.extend([whole(row, 4), text(row, 5), at(row, 6), Value::Null, Value::Null]);
        cells
    },
};

/// Letters that were refused for good, as events.
pub const BOUNCES: Walk = Walk {
    table: "delivery",
    select: "k.name, c.address, w.changed_at, w.code, w.reply",
    joins: "join campaign k on k.id = w.campaign_id join contact c on c.id = w.contact_id",
    only: " and w.state = 'rejected'",
    narrow: "campaign_id",
    by_list: false,
    read: |row, _| {
        let mut cells = texts(row, 1..3);
        cells.extend(["bounce".into(), Value::Null, Value::Null, at(row, 3), whole(row, 4), text(row, 5)]);
        cells
    },
};

/// People on lists: since when and on what ground, whether and when they last opened and clicked a
/// letter of the list, whether the last one that ended reached them, and their fields.
pub const SUBSCRIPTIONS: Walk = Walk {
    table: "subscription",
    select: "l.name, c.address, w.state, e.basis, e.channel, e.source, e.proof, w.joined_at, e.given_at, \
             (select max(o.at) from event o join campaign k on k.id = o.campaign_id \
              where o.contact_id = w.contact_id and o.kind = 'open' and k.list_id = w.list_id), \
             (select max(o.at) from event o join campaign k on k.id = o.campaign_id \
              where o.contact_id = w.contact_id and o.kind = 'click' and k.list_id = w.list_id), \
             (select d.state from delivery d join campaign k on k.id = d.campaign_id \
              where d.contact_id = w.contact_id and k.list_id = w.list_id and d.state in ('accepted', 'rejected') \
              order by d.changed_at desc, d.id desc limit 1), c.fields",
    joins: "join list l on l.id = w.list_id join contact c on c.id = w.contact_id \
            left join consent n on n.id = (select max(x.id) from consent x where x.contact_id = w.contact_id and x.list_id = w.list_id) \
            left join evidence e on e.id = n.evidence_id",
    only: "",
    narrow: "list_id",
    by_list: true,
    read: subscription,
};

fn subscription(row: &AnyRow, fields: &[Field]) -> Vec<Cell> {
    let happened = |index| Value::from(i32::from(row.get::<Option<i64>, _>(index).is_some()));
    let reachable = match row.get::<Option<String>, _>(12).as_deref() {
        Some("accepted") => "yes".into(),
        Some(_) => "no".into(),
        None => Value::Null,
    };
    let values: Values = serde_json::from_str(row.get(13)).unwrap_or_default();
    let mut cells = texts(row, 1..4);
    cells.push(at(row, 8));
    cells.extend(texts(row, 4..8));
    cells.extend([at(row, 9), happened(10), at(row, 10), happened(11), at(row, 11), reachable]);
    cells.extend(fields.iter().map(|field| values.get(&field.name).cloned().unwrap_or_default()));
    cells
}

impl Walk {
    /// How many rows there are, for the bar.
    pub async fn count(&self, conn: &mut Conn, scope: Scope) -> Result<u64> {
        let mut sql = Sql::new("select count(*) from ");
        sql.push(self.table).push(" w");
        self.limit_to(&mut sql, scope);
        let row = sql.first(conn).await?.expect("a count is always a row");
        Ok(row.get::<i64, _>(0).unsigned_abs())
    }

    /// The keys just before the first row and of the last, so that a walk neither begins too early
    /// nor follows what is added meanwhile.
    pub async fn range(&self, conn: &mut Conn, scope: Scope) -> Result<(Id, Id)> {
        let mut sql = Sql::new("select coalesce(min(w.id), 1) - 1, coalesce(max(w.id), 0) from ");
        sql.push(self.table).push(" w where w.workspace_id = ").bind(scope.workspace);
        if let Some(narrow) = self.narrowed(scope) {
            sql.push(" and w.").push(self.narrow).push(" = ").bind(narrow);
        }
        let row = sql.first(conn).await?.expect("an aggregate is always a row");
        Ok((row.get(0), row.get(1)))
    }

    /// The rows after key `after` up to `last`, and the key to go on from; `None` at the end.
    pub async fn page(
        &self,
        conn: &mut Conn,
        scope: Scope,
        (after, last): (Id, Id),
    ) -> Result<(Vec<AnyRow>, Option<Id>)> {
        let mut sql = Sql::new("select w.id, ");
        sql.push(self.select).push(" from ").push(self.table).push(" w ").push(self.joins);
        self.limit_to(&mut sql, scope);
        sql.push(" and w.id > ").bind(after).push(" and w.id <= ").bind(last);
        let rows = sql.push(" order by w.id limit ").bind(ROWS).all(conn).await?;
        let next = rows.last().map(|row| row.get(0));
        Ok((rows, next))
    }

    /// The cells of a row.
    pub fn cells(&self, row: &AnyRow, fields: &[Field]) -> Vec<Cell> {
        (self.read)(row, fields)
    }

    /// The plus signs keep the planner from the indexes of these columns: the walk is by the key.
    fn limit_to(&self, sql: &mut Sql, scope: Scope) {
        sql.push(" where +w.workspace_id = ").bind(scope.workspace).push(self.only);
        if let Some(narrow) = self.narrowed(scope) {
            sql.push(" and +w.").push(self.narrow).push(" = ").bind(narrow);
        }
        sql.push(" and not exists (select 1 from subscription r where r.contact_id = w.contact_id and r.state = 'restricted')");
    }

    fn narrowed(&self, scope: Scope) -> Option<Id> {
        scope.campaign.map(|(campaign, list)| if self.by_list { list } else { campaign })
    }
}

fn texts(row: &AnyRow, columns: std::ops::Range<usize>) -> Vec<Cell> {
    columns.map(|index| text(row, index)).collect()
}

fn text(row: &AnyRow, index: usize) -> Cell {
    row.get::<Option<String>, _>(index).into()
}

fn whole(row: &AnyRow, index: usize) -> Cell {
    row.get::<Option<i32>, _>(index).into()
}

fn at(row: &AnyRow, index: usize) -> Cell {
    time(row.get(index))
}
