//! The rows of each export: a scan of a table by its key, page by page, so that memory stays constant and nothing is
//! locked. Contacts that are restricted on a list are left out: their data is stored and not used.

use serde_json::Deserializer;
use sqlx::Row;

use super::table_writer::Cell;
use crate::audience::contact::Values;
use crate::audience::eligibility;
use crate::audience::field::Field;
use crate::campaign::model::delivery_range;
use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Rows per page.
const PAGE: i64 = 2_000;

/// Which rows: those of a workspace, or of one of its campaigns.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// The workspace.
    pub workspace: Id,
    /// One campaign, and the list it goes to.
    pub campaign: Option<(Id, Id)>,
}

/// A scan of one table.
pub struct TableScan {
    /// The table; its alias is `w`.
    table: &'static str,
    /// Select of one page. Parameters: `:after`, `:last`, `:page`, `{in_scope}`.
    select: &'static str,
    /// Cells of a row, as expressions over the columns of the select.
    cells: &'static str,
    /// Indexes of the cells that are times.
    times: &'static [usize],
    /// True when the last cell is the fields of the contact.
    has_fields: bool,
    /// Column that the scope of one campaign narrows.
    scope: ScopeColumn,
    counted: Counted,
}

/// Column that the scope of one campaign narrows.
#[derive(Clone, Copy, PartialEq)]
enum ScopeColumn {
    Campaign,
    List,
}

/// How the number of rows is known without a scan.
enum Counted {
    /// By an index that begins with the scope column.
    ByIndex,
    /// By the stored delivery counts of this state; they contain erased contacts.
    ByDeliveryCount(&'static str),
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

/// Deliveries with their results.
pub const DELIVERIES: TableScan = TableScan {
    table: "delivery",
    select: "
        select w.id, k.name, c.address, w.state, w.reason, w.code, w.reply, w.attempts, w.dated_at, w.changed_at
          from delivery w
          join campaign k on k.id = w.campaign_id
          join contact c on c.id = w.contact_id
         where {in_scope} and w.id > :after and w.id <= :last
         order by w.id
         limit :page",
    cells: "name, address, state, reason, code, reply, attempts, dated_at, changed_at",
    times: &[7, 8],
    has_fields: false,
    scope: ScopeColumn::Campaign,
    counted: Counted::ByDeliveryCount("planned"),
};

/// Events; a kind that this program does not know keeps its name.
pub const EVENTS: TableScan = TableScan {
    table: "event",
    select: "
        select w.id, k.name, c.address, w.kind, w.position, l.destination, w.at
          from event w
          join campaign k on k.id = w.campaign_id
          join contact c on c.id = w.contact_id
          left join link l on l.campaign_id = w.campaign_id and l.position = w.position and w.kind = 'click'
         where {in_scope} and w.id > :after and w.id <= :last
         order by w.id
         limit :page",
    cells: "name, address, kind, position, destination, at, null, null",
    times: &[5],
    has_fields: false,
    scope: ScopeColumn::Campaign,
    counted: Counted::ByIndex,
};

/// Rejected deliveries, as events.
pub const BOUNCES: TableScan = TableScan {
    table: "delivery",
    select: "
        select w.id, k.name, c.address, w.changed_at, w.code, w.reply
          from delivery w
          join campaign k on k.id = w.campaign_id
          join contact c on c.id = w.contact_id
         where {in_scope} and w.state = 'rejected' and w.id > :after and w.id <= :last
         order by w.id
         limit :page",
    cells: "name, address, 'bounce', null, null, changed_at, code, reply",
    times: &[5],
    has_fields: false,
    scope: ScopeColumn::Campaign,
    counted: Counted::ByDeliveryCount("rejected"),
};

/// Subscriptions: their consent, last open and last click of a message of the list, whether the last final delivery was
/// accepted, and the fields of the contact.
pub const SUBSCRIPTIONS: TableScan = TableScan {
    table: "subscription",
    select: "
        select w.id, l.name, c.address, w.state, e.basis, e.channel, e.source, e.proof, w.joined_at, e.given_at,
               (select max(o.at)
                  from event o
                  join campaign k on k.id = o.campaign_id
                 where o.contact_id = w.contact_id and o.kind = 'open' and k.list_id = w.list_id) as opened_at,
               (select max(o.at)
                  from event o
                  join campaign k on k.id = o.campaign_id
                 where o.contact_id = w.contact_id and o.kind = 'click' and k.list_id = w.list_id) as clicked_at,
               (select d.state
                  from delivery d
                  join campaign k on k.id = d.campaign_id
                 where d.contact_id = w.contact_id and k.list_id = w.list_id and d.state in ('accepted', 'rejected')
                 order by d.changed_at desc, d.id desc
                 limit 1) as result,
               c.fields
          from subscription w
          join list l on l.id = w.list_id
          join contact c on c.id = w.contact_id
          left join consent n on n.id = (select max(x.id)
                                           from consent x
                                          where x.contact_id = w.contact_id and x.list_id = w.list_id)
          left join evidence e on e.id = n.evidence_id
         where {in_scope} and w.id > :after and w.id <= :last
         order by w.id
         limit :page",
    cells: "name, address, state, joined_at, basis, channel, source, proof, given_at,
            case when opened_at is null then 0 else 1 end, opened_at,
            case when clicked_at is null then 0 else 1 end, clicked_at,
            case result when 'accepted' then 'yes' when 'rejected' then 'no' end, fields",
    times: &[3, 8, 10, 12],
    has_fields: true,
    scope: ScopeColumn::List,
    counted: Counted::ByIndex,
};

impl TableScan {
    /// Approximate number of rows, for a progress bar: it contains restricted contacts.
    pub async fn count(&self, conn: &mut Conn, scope: Scope) -> Result<u64> {
        let query = match self.counted {
            Counted::ByIndex => {
                Query::new("select count(*) from {table} w where {in_scope}").fragment("table", self.table).fragment(
                    "in_scope",
                    match (self.scope, scope.campaign) {
                        (ScopeColumn::Campaign, Some((campaign, _))) => {
                            Query::new("w.campaign_id = :campaign").bind("campaign", campaign)
                        }
                        (ScopeColumn::Campaign, None) => {
                            Query::new("w.campaign_id in (select id from campaign where workspace_id = :workspace)")
                                .bind("workspace", scope.workspace)
                        }
                        (ScopeColumn::List, Some((_, list))) => Query::new("w.list_id = :list").bind("list", list),
                        (ScopeColumn::List, None) => {
                            Query::new("w.list_id in (select id from list where workspace_id = :workspace)")
                                .bind("workspace", scope.workspace)
                        }
                    },
                )
            }
            Counted::ByDeliveryCount(state) => Query::new(
                "select cast(coalesce(sum(w.count), 0) as bigint)
                   from delivery_count w
                   join campaign k on k.id = w.campaign_id
                  where k.workspace_id = :workspace and w.state = :state and {narrowed}",
            )
            .bind("workspace", scope.workspace)
            .bind("state", state)
            .fragment("narrowed", self.narrowed(scope, "w.")),
        };
        let row = query.fetch_optional(conn).await?.expect("an aggregate is always a row");
        Ok(row.get::<i64, _>(0).unsigned_abs())
    }

    /// The key before the first row and that of the last row. The scan begins there, and does not follow rows that are
    /// added meanwhile.
    pub async fn range(&self, conn: &mut Conn, scope: Scope) -> Result<(Id, Id)> {
        let in_scope = match (scope.campaign, &self.counted) {
            (Some((campaign, _)), Counted::ByDeliveryCount(_)) => delivery_range::within(campaign),
            (Some(_), Counted::ByIndex) => self.narrowed(scope, ""),
            (None, _) => Query::new("workspace_id = :workspace").bind("workspace", scope.workspace),
        };
        // One select for each end: for both together the databases would scan all rows.
        let row = Query::new(
            "select coalesce((select min(id) from {table} where {in_scope}), 1) - 1,
                    coalesce((select max(id) from {table} where {in_scope}), 0)",
        )
        .fragment("table", self.table)
        .fragment("in_scope", in_scope)
        .fetch_optional(conn)
        .await?
        .expect("two values are always a row");
        Ok((row.get(0), row.get(1)))
    }

    /// The rows after key `after` up to `last` as text, and the key of the last one; `None` at the end.
    pub async fn page(&self, conn: &mut Conn, scope: Scope, (after, last): (Id, Id)) -> Result<Option<(String, Id)>> {
        // The plus signs keep the planner off the indexes of these columns: the scan follows the key. A reachable contact is
        // restricted nowhere.
        let in_scope =
            Query::new("+w.workspace_id = :workspace and {narrowed} and (c.reachable = 1 or not {restricted})")
                .bind("workspace", scope.workspace)
                .fragment("narrowed", self.narrowed(scope, "+w."))
                .fragment("restricted", eligibility::restricted("w.contact_id"));
        Query::new(self.select)
            .fragment("in_scope", in_scope)
            .bind("after", after)
            .bind("last", last)
            .bind("page", PAGE)
            .fetch_json_lines(conn, self.cells, "id")
            .await
    }

    /// Calls `take` with the cells of each row of a page, followed by the values of these fields where the scan has them.
    pub fn rows<E>(
        &self,
        page: &str,
        fields: &[Field],
        mut take: impl FnMut(&[Cell<'_>]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        for row in Deserializer::from_str(page).into_iter::<Vec<Cell<'_>>>() {
            let mut cells = row.expect("the database writes JSON of these columns");
            self.times.iter().for_each(|index| cells[*index].convert_to_time());
            if self.has_fields {
                let values = cells.pop();
                let values = values.as_ref().and_then(Cell::text).and_then(|text| serde_json::from_str(text).ok());
                let mut values: Values = values.unwrap_or_default();
                cells.extend(fields.iter().map(|field| values.remove(&field.name).map_or(Cell::Null, Cell::Json)));
            }
            take(&cells)?;
        }
        Ok(())
    }

    /// Condition that the scope column, written behind `prefix`, is of the scope's campaign; true for a whole workspace.
    fn narrowed(&self, scope: Scope, prefix: &'static str) -> Query {
        match (self.scope, scope.campaign) {
            (_, None) => Query::new("1 = 1"),
            (ScopeColumn::Campaign, Some((campaign, _))) => {
                Query::new("{prefix}campaign_id = :campaign").bind("campaign", campaign).fragment("prefix", prefix)
            }
            (ScopeColumn::List, Some((_, list))) => {
                Query::new("{prefix}list_id = :list").bind("list", list).fragment("prefix", prefix)
            }
        }
    }
}
