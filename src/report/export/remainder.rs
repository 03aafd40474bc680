//! Remainder rows: how many deliveries and events of a campaign have no row of their own, because their contact was erased
//! or is restricted. With them the rows add up to the summary.

use super::page::Scope;
use super::schema::{Kind, link_id};
use super::table_writer::Cell;
use crate::campaign::delivery::State;
use crate::campaign::erased_counts;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Rows without a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remainder {
    campaign: Id,
    name: String,
    /// State of deliveries or kind of events.
    what: String,
    position: i32,
    destination: Option<String>,
    count: i64,
    /// `erased` or `restricted`.
    why: &'static str,
}

const ERASED: &str = "
    select k.id, k.name, w.kind, w.position, l.destination, w.count
      from erased_count w
      join campaign k on k.id = w.campaign_id
      left join link l on l.campaign_id = k.id and l.position = w.position and w.kind = 'click_total'
     where k.workspace_id = :workspace and {narrowed} and w.count <> 0
     order by k.id, w.kind, w.position";

const RESTRICTED_DELIVERIES: &str = "
    select k.id, k.name, w.state, 0, null, count(*)
      from delivery w
      join campaign k on k.id = w.campaign_id
     where w.contact_id in ({restricted}) and k.workspace_id = :workspace and {narrowed}
     group by k.id, k.name, w.state
     order by k.id, w.state";

const RESTRICTED_EVENTS: &str = "
    select k.id, k.name, w.kind, w.position, max(l.destination), count(*)
      from event w
      join campaign k on k.id = w.campaign_id
      left join link l on l.campaign_id = k.id and l.position = w.position and w.kind = 'click'
     where w.contact_id in ({restricted}) and k.workspace_id = :workspace and {narrowed}
     group by k.id, k.name, w.kind, w.position
     order by k.id, w.kind, w.position";

const RESTRICTED: &str = "
    select s.contact_id
      from subscription s
     where s.list_id in (select id from list where workspace_id = :workspace) and s.state = 'restricted'";

/// The remainder rows of an export of deliveries or events; none of others.
pub async fn read(conn: &mut Conn, kind: Kind, scope: Scope) -> Result<Vec<Vec<Cell<'static>>>> {
    let erased = fetch(conn, ERASED, scope, "erased").await?.into_iter().filter_map(|row| as_kind(kind, row));
    let mut all: Vec<Remainder> = erased.collect();
    let deliveries = fetch(conn, RESTRICTED_DELIVERIES, scope, "restricted").await?;
    match kind {
        Kind::Deliveries => all.extend(deliveries),
        Kind::Events => {
            let bounces = deliveries.into_iter().filter(|row| row.what == State::Rejected.as_str());
            all.extend(bounces.map(|row| Remainder { what: "bounce".to_owned(), ..row }));
            all.extend(fetch(conn, RESTRICTED_EVENTS, scope, "restricted").await?);
        }
        _ => return Ok(Vec::new()),
    }
    Ok(all.into_iter().map(|row| row.cells(kind)).collect())
}

async fn fetch(conn: &mut Conn, select: &'static str, scope: Scope, why: &'static str) -> Result<Vec<Remainder>> {
    let narrowed = match scope.campaign {
        Some((campaign, _)) => Query::new("k.id = :campaign").bind("campaign", campaign),
        None => Query::new("1 = 1"),
    };
    let rows = Query::new(select)
        .bind("workspace", scope.workspace)
        .fragment("narrowed", narrowed)
        .fragment("restricted", Query::new(RESTRICTED).bind("workspace", scope.workspace))
        .fetch_all(conn)
        .await?;
    let row = |row: &sqlx::any::AnyRow| {
        Ok(Remainder {
            campaign: row.cell(0)?,
            name: row.cell(1)?,
            what: row.cell(2)?,
            position: row.cell(3)?,
            destination: row.cell(4)?,
            count: row.cell(5)?,
            why,
        })
    };
    rows.iter().map(row).collect()
}

/// An erased count as rows of a kind; `None` when it counts something else.
fn as_kind(kind: Kind, row: Remainder) -> Option<Remainder> {
    let what = match (kind, row.what.as_str()) {
        (Kind::Deliveries, state) => {
            let known = state.parse::<State>().ok().filter(|state| state.is_final())?;
            known.as_str().to_owned()
        }
        (_, erased_counts::OPEN_TOTAL) => "open".to_owned(),
        (_, erased_counts::CLICK_TOTAL) => "click".to_owned(),
        (_, erased_counts::COMPLAINT) => erased_counts::COMPLAINT.to_owned(),
        (_, "rejected") => "bounce".to_owned(),
        (_, other) => other.strip_prefix("event:")?.to_owned(),
    };
    Some(Remainder { what, ..row })
}

impl Remainder {
    fn cells(self, kind: Kind) -> Vec<Cell<'static>> {
        let mut cells = vec![Cell::Null; kind.columns().len()];
        let mut set = |name: &str, cell| cells[kind.place(name)] = cell;
        let is_click = self.what == "click";
        set("campaign", Cell::Text(self.name.into()));
        set(if kind == Kind::Deliveries { "state" } else { "kind" }, Cell::Text(self.what.into()));
        set("campaign_id", Cell::Whole(self.campaign));
        set("remainder", self.why.into());
        set("count", self.count.into());
        if kind == Kind::Events && is_click {
            set("position", i64::from(self.position).into());
            set("destination", self.destination.map_or(Cell::Null, |url| Cell::Text(url.into())));
            set("link_id", link_id(self.campaign, self.position.into()));
        }
        cells
    }
}
