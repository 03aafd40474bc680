//! Evidence of the rows of a workspace: for each promise the numbers that must be zero, and those that show its extent.

use super::{Findings, Scope};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::usecase::output::utc;

/// What a query returns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A number that must be zero.
    None,
    /// A number.
    Count,
    /// A time.
    Time,
}

use Kind::{Count, None as MustBeNone, Time};

/// A query over the rows of a workspace, and the sentence about its result.
type Row = (Kind, &'static str, &'static str);

const PEOPLE_WITHOUT_LIST: Row = (
    MustBeNone,
    "proof-people-without-list",
    "select count(*) from contact c
      where c.workspace_id = :workspace and not exists (select 1 from subscription s where s.contact_id = c.id)",
);
const DELIVERIES_WITHOUT_PERSON: Row = (
    MustBeNone,
    "proof-deliveries-without-person",
    "select count(*) from delivery d
      where d.workspace_id = :workspace and not exists (select 1 from contact c where c.id = d.contact_id)",
);
const EVENTS_WITHOUT_PERSON: Row = (
    MustBeNone,
    "proof-events-without-person",
    "select count(*) from event e
      where e.workspace_id = :workspace and not exists (select 1 from contact c where c.id = e.contact_id)",
);
const DEPARTED: Row = (
    Count,
    "proof-departed",
    "select cast(coalesce(sum(count), 0) as bigint) from daily_count
      where workspace_id = :workspace and list_id <> 0 and kind in ('unsubscribed', 'erased', 'closed')",
);
const TOMBSTONES: Row = (Count, "proof-tombstones", "select count(*) from tombstone where workspace_id = :workspace");
const UNPROVEN: Row = (
    MustBeNone,
    "proof-without-consent",
    "select count(*) from subscription s
      where s.workspace_id = :workspace and s.state = 'confirmed'
        and not exists (select 1 from consent c where c.contact_id = s.contact_id and c.list_id = s.list_id)",
);
const CONSENTS: Row = (Count, "proof-consents", "select count(*) from consent where workspace_id = :workspace");
const OLDEST_CONSENT: Row =
    (Time, "proof-oldest-consent", "select min(recorded_at) from consent where workspace_id = :workspace");
const NEWEST_CONSENT: Row =
    (Time, "proof-newest-consent", "select max(recorded_at) from consent where workspace_id = :workspace");
const SUBSCRIPTIONS: Row =
    (Count, "proof-subscriptions", "select count(*) from subscription where workspace_id = :workspace");
const CROSSING: Row = (
    MustBeNone,
    "proof-crossing-rows",
    "select count(*) from subscription s
       join contact c on c.id = s.contact_id
       join list l on l.id = s.list_id
      where s.workspace_id = :workspace and (c.workspace_id <> s.workspace_id or l.workspace_id <> s.workspace_id)",
);
const CROSSING_DELIVERIES: Row = (
    MustBeNone,
    "proof-crossing-deliveries",
    "select count(*) from delivery d
       join campaign k on k.id = d.campaign_id
      where d.workspace_id = :workspace and k.workspace_id <> d.workspace_id",
);
const ERASED_COUNTS: Row = (
    Count,
    "proof-erased-counts",
    "select count(*) from erased_count n join campaign k on k.id = n.campaign_id where k.workspace_id = :workspace",
);
const RESTRICTED: Row = (
    Count,
    "proof-restricted",
    "select count(*) from subscription where workspace_id = :workspace and state = 'restricted'",
);
const SENDING_TO_RESTRICTED: Row = (
    MustBeNone,
    "proof-sending-to-restricted",
    "select count(*) from delivery d
      where d.workspace_id = :workspace and d.state in ('leased', 'sending')
        and exists (select 1 from subscription s where s.contact_id = d.contact_id and s.state = 'restricted')",
);
const REFUSED_MEASUREMENT: Row = (
    Count,
    "proof-refused-measurement",
    "select count(*) from contact where workspace_id = :workspace and measured = 0",
);
const AGREED_MEASUREMENT: Row = (
    Count,
    "proof-agreed-measurement",
    "select count(*) from contact where workspace_id = :workspace and measured = 1",
);
const MEASURED_AGAINST_WILL: Row = (
    MustBeNone,
    "proof-measured-against-will",
    "select count(*) from event e
       join delivery d on d.id = e.delivery_id
      where e.workspace_id = :workspace and d.measured = 0 and e.kind in ('open', 'click')",
);
const EVENTS: Row = (Count, "proof-events", "select count(*) from event where workspace_id = :workspace");
const OLDEST_EVENT: Row = (Time, "proof-oldest-event", "select min(at) from event where workspace_id = :workspace");
const NEWEST_EVENT: Row = (Time, "proof-newest-event", "select max(at) from event where workspace_id = :workspace");
const OLDEST_DELIVERY: Row =
    (Time, "proof-oldest-delivery", "select min(changed_at) from delivery where workspace_id = :workspace");

/// The rows that bear each promise out.
const ROWS: &[(&str, &[Row])] = &[
    ("J2", &[PEOPLE_WITHOUT_LIST, DELIVERIES_WITHOUT_PERSON, EVENTS_WITHOUT_PERSON, DEPARTED, TOMBSTONES]),
    (
        "J3",
        &[
            (
                MustBeNone,
                "proof-on-closed-lists",
                "select count(*) from subscription s join list l on l.id = s.list_id
                  where s.workspace_id = :workspace and l.closed_at is not null",
            ),
            (
                Count,
                "proof-closed-lists",
                "select count(*) from list where workspace_id = :workspace and closed_at is not null",
            ),
            PEOPLE_WITHOUT_LIST,
        ],
    ),
    (
        "J4",
        &[
            SUBSCRIPTIONS,
            (Time, "proof-newest-subscription", "select max(joined_at) from subscription where workspace_id = :workspace"),
            (
                Count,
                "proof-opened",
                "select count(*) from contact where workspace_id = :workspace and opened_at is not null",
            ),
            (
                Count,
                "proof-clicked",
                "select count(*) from contact where workspace_id = :workspace and clicked_at is not null",
            ),
            (
                Count,
                "proof-reachable",
                "select count(*) from contact where workspace_id = :workspace and reachable = 1",
            ),
        ],
    ),
    ("J5", &[OLDEST_EVENT, OLDEST_DELIVERY, CONSENTS]),
    ("J6", &[UNPROVEN, CONSENTS, NEWEST_CONSENT, TOMBSTONES]),
    ("J9", &[DELIVERIES_WITHOUT_PERSON, EVENTS_WITHOUT_PERSON, TOMBSTONES]),
    ("M1", &[CROSSING, CROSSING_DELIVERIES, (Count, "proof-workspaces", "select count(*) from workspace where id <> -:workspace")]),
    ("M4", &[EVENTS_WITHOUT_PERSON, DELIVERIES_WITHOUT_PERSON, ERASED_COUNTS]),
    ("M8", &[DEPARTED]),
    ("C1", &[SENDING_TO_RESTRICTED, RESTRICTED]),
    (
        "C3",
        &[
            (
                MustBeNone,
                "proof-automation-other",
                "select count(*) from series s
                  where s.workspace_id = :workspace
                    and not exists (select 1 from campaign k where k.id = s.campaign_id and k.workspace_id = s.workspace_id)",
            ),
            (Count, "proof-series", "select count(*) from series where workspace_id = :workspace"),
        ],
    ),
    (
        "C5",
        &[
            (
                MustBeNone,
                "proof-imports-without-proof",
                "select count(*) from evidence
                  where workspace_id = :workspace and channel = 'import' and (source = '' or proof = '')",
            ),
            (
                Count,
                "proof-imports",
                "select count(*) from evidence where workspace_id = :workspace and channel = 'import'",
            ),
            UNPROVEN,
        ],
    ),
    (
        "R4",
        &[
            (
                MustBeNone,
                "proof-campaigns-to-closed-lists",
                "select count(*) from campaign k join list l on l.id = k.list_id
                  where k.workspace_id = :workspace and k.state in ('running', 'scheduled') and l.closed_at is not null",
            ),
            (
                Count,
                "proof-open-lists",
                "select count(*) from list where workspace_id = :workspace and closed_at is null",
            ),
            (Count, "proof-segments", "select count(*) from segment where workspace_id = :workspace"),
        ],
    ),
    ("R5", &[MEASURED_AGAINST_WILL, REFUSED_MEASUREMENT, AGREED_MEASUREMENT, EVENTS]),
    ("R7", &[EVENTS, OLDEST_EVENT, NEWEST_EVENT]),
    ("H2", &[UNPROVEN, CONSENTS, OLDEST_CONSENT, NEWEST_CONSENT]),
];

/// Adds the numbers of a promise.
pub(super) async fn add(scope: &Scope<'_>, id: &str, findings: &mut Findings) -> Result<()> {
    let Some((_, rows)) = ROWS.iter().find(|(promise, _)| *promise == id) else { return Ok(()) };
    let mut conn = scope.installation.db.read().await?;
    for (kind, what, sql) in *rows {
        let value = number(&mut conn, scope.workspace, sql).await?;
        match kind {
            MustBeNone => findings.none_of(what, value.unwrap_or(0)),
            Count => findings.fact(what, value.unwrap_or(0)),
            Time => findings.fact(what, value.map_or_else(|| "—".to_owned(), utc)),
        }
    }
    Ok(())
}

async fn number(conn: &mut Conn, workspace: Id, sql: &'static str) -> Result<Option<i64>> {
    let row = Query::new(sql).bind("workspace", workspace).fetch_optional(conn).await?;
    row.map(|row| row.cell(0)).transpose().map(Option::flatten)
}

/// The number that a query with one term in milliseconds finds.
pub(super) async fn count_before(scope: &Scope<'_>, sql: &'static str, before: i64) -> Result<i64> {
    let query = Query::new(sql).bind("workspace", scope.workspace).bind("before", before);
    let row = query.fetch_optional(&mut *scope.installation.db.read().await?).await?;
    row.map_or(Ok(0), |row| row.cell(0))
}
