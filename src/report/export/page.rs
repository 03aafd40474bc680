//! What stands in the rows of each export, read page by page in the order of the key, so that memory
//! stays flat and nothing waits. People who are restricted on some list are left out: their data is
//! kept and not used.

use serde_json::Deserializer;
use sqlx::Row;

use super::table_writer::Cell;
use crate::audience::contact::Values;
use crate::audience::field::Field;
use crate::campaign::model::delivery_range;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Rows a page.
const ROWS: i64 = 2_000;

/// Whose rows: a workspace, narrowed to one of its campaigns.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// The workspace.
    pub workspace: Id,
    /// One campaign of it, and the list that one goes to.
    pub campaign: Option<(Id, Id)>,
}

/// One kind of rows: a table that is walked by its key `id`.
pub struct TableScan {
    /// The table that is walked; it has alias `w`.
    table: &'static str,
    /// What is looked up for a row.
    select: &'static str,
    /// The cells that are made of it.
    cells: &'static str,
    /// Which of them are points in time.
    times: &'static [usize],
    /// Whether the last is the fields of the person.
    fields: bool,
    joins: &'static str,
    only: &'static str,
    counted: Counted,
    by_list: bool,
}

/// Where the number of rows is known without a look at them.
enum Counted {
    /// An index begins with the key of this table of the workspace.
    By(&'static str),
    /// They were counted when they came into this state; people who are gone are among them.
    As(&'static str),
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
pub const DELIVERIES: TableScan = TableScan {
    table: "delivery",
    select: "k.name, c.address, w.state, w.reason, w.code, w.reply, w.attempts, w.dated_at, w.changed_at",
    cells: "name, address, state, reason, code, reply, attempts, dated_at, changed_at",
    times: &[7, 8],
    fields: false,
    joins: "join campaign k on k.id = w.campaign_id join contact c on c.id = w.contact_id",
    only: "",
    counted: Counted::As("planned"),
    by_list: false,
};

/// Opens and clicks.
pub const EVENTS: TableScan = TableScan {
    table: "event",
    select: "k.name, c.address, w.kind, w.position, l.destination, w.at",
    cells: "name, address, kind, position, destination, at, null, null",
    times: &[5],
    fields: false,
    joins: "join campaign k on k.id = w.campaign_id join contact c on c.id = w.contact_id \
            left join link l on l.campaign_id = w.campaign_id and l.position = w.position and w.kind = 'click'",
    only: "",
    counted: Counted::By("campaign"),
    by_list: false,
};

/// Letters that were refused for good, as events.
pub const BOUNCES: TableScan = TableScan {
    table: "delivery",
    select: "k.name, c.address, w.changed_at, w.code, w.reply",
    cells: "name, address, 'bounce', null, null, changed_at, code, reply",
    times: &[5],
    fields: false,
    joins: "join campaign k on k.id = w.campaign_id join contact c on c.id = w.contact_id",
    only: " and w.state = 'rejected'",
    counted: Counted::As("rejected"),
    by_list: false,
};

/// People on lists: since when and on what ground, whether and when they last opened and clicked a
/// letter of the list, whether the last one that ended reached them, and their fields.
pub const SUBSCRIPTIONS: TableScan = TableScan {
    table: "subscription",
    select: "l.name, c.address, w.state, e.basis, e.channel, e.source, e.proof, w.joined_at, e.given_at, \
             (select max(o.at) from event o join campaign k on k.id = o.campaign_id \
              where o.contact_id = w.contact_id and o.kind = 'open' and k.list_id = w.list_id) as opened_at, \
             (select max(o.at) from event o join campaign k on k.id = o.campaign_id \
              where o.contact_id = w.contact_id and o.kind = 'click' and k.list_id = w.list_id) as clicked_at, \
             (select d.state from delivery d join campaign k on k.id = d.campaign_id \
              where d.contact_id = w.contact_id and k.list_id = w.list_id and d.state in ('accepted', 'rejected') \
              order by d.changed_at desc, d.id desc limit 1) as ended, c.fields",
    cells: "name, address, state, joined_at, basis, channel, source, proof, given_at, \
            case when opened_at is null then 0 else 1 end, opened_at, \
            case when clicked_at is null then 0 else 1 end, clicked_at, \
            case ended when 'accepted' then 'yes' when 'rejected' then 'no' end, fields",
    times: &[3, 8, 10, 12],
    fields: true,
    joins: "join list l on l.id = w.list_id join contact c on c.id = w.contact_id \
            left join consent n on n.id = (select max(x.id) from consent x where x.contact_id = w.contact_id and x.list_id = w.list_id) \
            left join evidence e on e.id = n.evidence_id",
    only: "",
    counted: Counted::By("list"),
    by_list: true,
};

impl TableScan {
    /// About how many rows there are, for the bar: restricted people are among them.
    pub async fn count(&self, conn: &mut Conn, scope: Scope) -> Result<u64> {
        let mut sql = Sql::new("select cast(coalesce(");
        match self.counted {
            Counted::By(owner) => {
                sql.push("count(*), 0) as bigint) from ").push(self.table).push(" w where w.");
                match self.narrowed(scope) {
                    Some((column, narrow)) => sql.push(column).push(" = ").bind(narrow),
                    None => {
                        sql.push(owner).push("_id in (select id from ").push(owner).push(" where workspace_id = ");
                        sql.bind(scope.workspace).push(")")
                    }
                };
            }
            Counted::As(state) => {
                sql.push("sum(w.count), 0) as bigint) from progress w join campaign k on k.id = w.campaign_id");
                sql.push(" where k.workspace_id = ").bind(scope.workspace);
                sql.push(" and w.state = ").bind(state.to_owned());
                if let Some((column, narrow)) = self.narrowed(scope) {
                    sql.push(" and w.").push(column).push(" = ").bind(narrow);
                }
            }
        }
        let row = sql.first(conn).await?.expect("an aggregate is always a row");
        Ok(row.get::<i64, _>(0).unsigned_abs())
    }

    /// The keys just before the first row and of the last, so that a walk neither begins too early
    /// nor follows what is added meanwhile.
    pub async fn range(&self, conn: &mut Conn, scope: Scope) -> Result<(Id, Id)> {
        let mut sql = Sql::new("select coalesce(");
        self.end_of_range(&mut sql, scope, "min");
        sql.push(", 1) - 1, coalesce(");
        self.end_of_range(&mut sql, scope, "max");
        let row = sql.push(", 0)").first(conn).await?.expect("two values are always a row");
        Ok((row.get(0), row.get(1)))
    }

    /// One end a select: two in one would be looked for among all rows.
    fn end_of_range(&self, sql: &mut Sql, scope: Scope, end: &str) {
        sql.push("(select ").push(end).push("(id) from ").push(self.table).push(" where ");
        match (self.narrowed(scope), &self.counted) {
            (Some((_, campaign)), Counted::As(_)) => delivery_range::within(sql, campaign),
            (Some((column, narrow)), Counted::By(_)) => sql.push(column).push(" = ").bind(narrow),
            (None, _) => sql.push("workspace_id = ").bind(scope.workspace),
        };
        sql.push(")");
    }

    /// The text of the rows after key `after` up to `last`, and the key to go on from; `None` at
    /// the end.
    pub async fn page(&self, conn: &mut Conn, scope: Scope, (after, last): (Id, Id)) -> Result<Option<(String, Id)>> {
        let mut sql = Sql::new("select w.id, ");
        sql.push(self.select).push(" from ").push(self.table).push(" w ").push(self.joins);
        // The plus signs keep the planner from the indexes of these columns: the walk is by the key.
        sql.push(" where +w.workspace_id = ").bind(scope.workspace).push(self.only);
        if let Some((column, narrow)) = self.narrowed(scope) {
            sql.push(" and +w.").push(column).push(" = ").bind(narrow);
        }
        // Who is reachable is restricted nowhere.
        sql.push(" and (c.reachable = 1 or not exists (select 1 from subscription r where r.contact_id = w.contact_id and r.state = 'restricted'))");
        sql.push(" and w.id > ").bind(after).push(" and w.id <= ").bind(last);
        sql.push(" order by w.id limit ").bind(ROWS).strung(conn, self.cells, "id").await
    }

    /// Hands each row of a page to `take`, with the values of these fields where they belong to it.
    pub fn rows<E>(
        &self,
        page: &str,
        fields: &[Field],
        mut take: impl FnMut(&[Cell<'_>]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        for row in Deserializer::from_str(page).into_iter::<Vec<Cell<'_>>>() {
            let mut cells = row.expect("the database writes JSON of these columns");
            self.times.iter().for_each(|index| cells[*index].date());
            if self.fields {
                let values = cells.pop();
                let values = values.as_ref().and_then(Cell::text).and_then(|text| serde_json::from_str(text).ok());
                let mut values: Values = values.unwrap_or_default();
                cells.extend(fields.iter().map(|field| values.remove(&field.name).map_or(Cell::Null, Cell::Json)));
            }
            take(&cells)?;
        }
        Ok(())
    }

    fn narrowed(&self, scope: Scope) -> Option<(&'static str, Id)> {
        scope.campaign.map(|(campaign, list)| if self.by_list { ("list_id", list) } else { ("campaign_id", campaign) })
    }
}
