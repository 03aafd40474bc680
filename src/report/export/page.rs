//! Reads a table by its key, page by page, so that memory stays constant and nothing is locked.

use serde_json::Deserializer;

use super::schema::Kind;
use super::table_writer::Cell;
use crate::audience::contact::Values;
use crate::audience::eligibility;
use crate::audience::field::Field;
use crate::campaign::model::delivery_range;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
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
    /// Only rows that were added or changed at this time or later.
    pub since: Option<Millis>,
}

/// A scan of one table.
pub struct TableScan {
    /// The export whose rows it reads.
    pub kind: Kind,
    /// The table; its alias is `w`.
    pub table: &'static str,
    /// Select of one page. Parameters: `:after`, `:last`, `:page`, `{in_scope}`.
    pub select: &'static str,
    /// Cells of a row, as expressions over the columns of the select; the fields of the contact follow where the kind has
    /// them.
    pub cells: &'static str,
    /// Column that the scope of one campaign narrows.
    pub scope: ScopeColumn,
    /// How the number of rows is known.
    pub counted: Counted,
}

/// Column that the scope of one campaign narrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeColumn {
    /// The campaign.
    Campaign,
    /// The list of the campaign.
    List,
    /// The key, of contacts on the list of the campaign.
    Contact,
}

/// How the number of rows is known without a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// By an index that begins with the scope column.
    ByIndex,
    /// By the stored delivery counts of this state; they contain erased contacts.
    ByDeliveryCount(&'static str),
}

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
                        (ScopeColumn::Contact, _) => {
                            Query::new("w.workspace_id = :workspace").bind("workspace", scope.workspace)
                        }
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
        Ok(row.cell::<i64>(0)?.unsigned_abs())
    }

    /// The key before the first row and that of the last row. The scan begins there, and does not follow rows that are
    /// added meanwhile.
    pub async fn range(&self, conn: &mut Conn, scope: Scope) -> Result<(Id, Id)> {
        let in_scope = match (scope.campaign, &self.counted) {
            (Some((campaign, _)), Counted::ByDeliveryCount(_)) => delivery_range::within(campaign),
            (Some(_), Counted::ByIndex) if self.scope != ScopeColumn::Contact => self.narrowed(scope, ""),
            _ => Query::new("workspace_id = :workspace").bind("workspace", scope.workspace),
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
        Ok((row.cell(0)?, row.cell(1)?))
    }

    /// The rows after key `after` up to `last` as text, and the key of the last one; `None` at the end.
    pub async fn page(&self, conn: &mut Conn, scope: Scope, (after, last): (Id, Id)) -> Result<Option<(String, Id)>> {
        // The plus signs keep the planner off the indexes of these columns: the scan follows the key. A reachable contact is
        // restricted nowhere.
        let (contact, key) = match self.scope {
            ScopeColumn::Contact => ("w", "w.id"),
            ScopeColumn::Campaign | ScopeColumn::List => ("c", "w.contact_id"),
        };
        let in_scope = Query::new(
            "+w.workspace_id = :workspace and {narrowed} and {changed} and ({contact}.reachable = 1 or not {restricted})",
        )
        .bind("workspace", scope.workspace)
        .fragment("narrowed", self.narrowed(scope, "+w."))
        .fragment("changed", self.changed(scope.since))
        .fragment("contact", contact)
        .fragment("restricted", eligibility::restricted(key));
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
        mut take: impl FnMut(&mut Vec<Cell<'_>>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        for row in Deserializer::from_str(page).into_iter::<Vec<Cell<'_>>>() {
            let mut cells = row.expect("the database writes JSON of these columns");
            if self.kind.has_fields() {
                let values = cells.pop();
                let values = values.as_ref().and_then(Cell::text).and_then(|text| serde_json::from_str(text).ok());
                let mut values: Values = values.unwrap_or_default();
                cells.extend(fields.iter().map(|field| values.remove(&field.name).map_or(Cell::Null, Cell::Json)));
            }
            take(&mut cells)?;
        }
        Ok(())
    }

    /// Condition that a row was added or changed since.
    fn changed(&self, since: Option<Millis>) -> Query {
        let Some(since) = since else { return Query::new("1 = 1") };
        let query = match self.table {
            "event" => Query::new("coalesce(w.recorded_at, w.at) >= :since"),
            _ => Query::new(
                "(w.changed_at >= :since
                  or exists (select 1
                               from event n
                              where n.contact_id = w.contact_id and n.campaign_id = w.campaign_id
                                and coalesce(n.recorded_at, n.at) >= :since))",
            ),
        };
        query.bind("since", since)
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
            (ScopeColumn::Contact, Some((_, list))) => {
                Query::new("exists (select 1 from subscription o where o.contact_id = w.id and o.list_id = :list)")
                    .bind("list", list)
            }
        }
    }
}
