//! Corrupt values in every column of every table: of another type on SQLite, which stores any, and on both databases what the
//! types let through: unknown words, broken JSON, negative and huge numbers, empty bytes and nulls. Readers report an error or
//! leave the row out, none panics; and a delivery that cannot be read stops itself only.

mod readers;

use std::time::Duration;

use sendoff::access::Role;
use sendoff::campaign::model::State;
use sendoff::infra::db::table::{Column, Table};
use sendoff::infra::db::value::Kind as ValueKind;
use sendoff::usecase::user::{self, AddUser};
use sendoff::usecase::{campaign as campaigns, field, segment, team};
use sqlx::{AssertSqlSafe, Row};
use tokio::time::timeout;

use self::readers::{Rows, STAFF_TABLES, Statements};
use crate::access::fixture::Staff;
use crate::fixture::{Fixture, Kind, NOW, both, postgres_url};
use crate::mail_sink::Plan;
use crate::mailer::fixture::{
    EMAIL, campaign as find_campaign, mail, recipients, start, states, subscribe_many, use_relay,
};

/// Runs a statement; false when the database refuses it.
async fn try_to(fixture: &Fixture, sql: &str) -> bool {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await.is_ok();
    done && tx.commit().await.is_ok()
}

async fn execute(fixture: &Fixture, sql: &str) {
    assert!(try_to(fixture, sql).await, "{sql}");
}

/// A column of the first row of a table.
struct Place<'t> {
    table: &'t Table,
    column: &'t Column,
    /// The condition that only this row fulfils.
    row: String,
    /// Its value as SQL.
    value: String,
}

impl<'t> Place<'t> {
    /// `None` for a table without rows.
    async fn find(fixture: &Fixture, table: &'t Table, column: &'t Column) -> Option<Self> {
        let key: Vec<_> = table.key.iter().map(|&at| format!("\"{}\"", table.columns[at].name)).collect();
        let key = key.join(", ");
        let row = format!("({key}) = (select {key} from \"{0}\" order by {key} limit 1)", table.name);
        let quoted = match fixture.kind {
            Kind::Sqlite => format!("quote(\"{}\")", column.name),
            Kind::Postgres => format!("quote_nullable(cast(\"{}\" as text))", column.name),
        };
        let sql = format!("select {quoted} from \"{}\" where {row}", table.name);
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        let found = sqlx::query(AssertSqlSafe(sql.clone())).fetch_optional(&mut *conn).await.expect(&sql)?;
        Some(Self { table, column, row, value: found.get(0) })
    }

    /// False when the database refuses the value.
    async fn set(&self, fixture: &Fixture, value: &str) -> bool {
        let (table, column, row) = (&self.table.name, &self.column.name, &self.row);
        try_to(fixture, &format!("update \"{table}\" set \"{column}\" = {value} where {row}")).await
    }
}

/// Values that a column of this kind can hold, and no reader expects. Fewer on PostgreSQL, where each reader takes longer.
fn odd_values(kind: ValueKind, database: Kind) -> Vec<&'static str> {
    let mut values = match (kind, database) {
        (ValueKind::Text, Kind::Sqlite) => vec!["'wrong'", "'[null]'", "x'ff00'"],
        (ValueKind::Text, Kind::Postgres) => vec!["'wrong'"],
        (ValueKind::Integer, Kind::Sqlite) => vec!["-9223372036854775808", "9223372036854775807", "'wrong'"],
        (ValueKind::Integer, Kind::Postgres) => vec!["-9223372036854775808"],
        (ValueKind::Real, Kind::Sqlite) => vec!["-1e308", "'wrong'"],
        (ValueKind::Real, Kind::Postgres) => vec!["cast('NaN' as double precision)"],
        (ValueKind::Bytes, Kind::Sqlite) => vec!["x''", "'wrong'"],
        (ValueKind::Bytes, Kind::Postgres) => vec!["'\\x'"],
    };
    values.push("null");
    values
}

/// Rows in tables that are empty otherwise.
const ROWS: &str = "
    insert into lane (workspace_id, name, domains, connections) select id, 'slow', '[\"slow.example\"]', 2 from workspace;
    insert into lane_backoff (workspace_id, lane, reduced_rate, normal_rate, slowed_at, sender_faults, faults_day)
      select id, 'rest', 1, 2, 3, 0, 0 from workspace;
    insert into rate_account (workspace_id, lane, relay_id, next_free_us, day, used, sending_days)
      select id, 'rest', 0, 0, 0, 0, 0 from workspace;
    insert into hard_bounce (contact_id, status, bounced_at, applied) select max(id), '550 5.1.1', 1, 0 from contact;
    insert into returned_message (id, digest, workspace_id, campaign_id, contact_id, kind, class, status, action, received_at)
      select 1, 'a', workspace_id, 1, max(id), 'bounce', 'soft', '4.2.2', 'count', 1 from contact group by workspace_id;
    insert into series (id, workspace_id, campaign_id, state, began_at, checked_day)
      select 1, workspace_id, id, 'running', 0, '2026-11-20' from campaign limit 1;
    insert into machine (folder_id, name, added_at) values (1, 'a', 1);
    insert into set_aside (id, queue, line, reason, at) values (1, 'event', 'x', 'y', 1);
    insert into tombstone (workspace_id, list_id, digest, reason, day) select id, 0, {digest}, 'erased', 1 from workspace;
    insert into erased_count (campaign_id, kind, position, count) select id, 'open', 0, 1 from campaign limit 1;
    insert into event (id, workspace_id, campaign_id, delivery_id, contact_id, kind, position, at)
      select id + 1, workspace_id, campaign_id, id, contact_id, 'open', 0, 1 from delivery;
    update delivery set state = 'uncertain' where id = (select max(id) from delivery);";

async fn fill(fixture: &Fixture) -> Rows {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    subscribe_many(fixture, 3).await;
    fixture.draft_to_news("winter", &EMAIL.replace("autumn", "winter")).await;
    let campaign = start(fixture, EMAIL).await.id;
    let contact = fixture.contact_id("person0@example.org").await.expect("a contact");
    field::add(installation, actor, "city", "text").await.expect("a field");
    segment::save(installation, actor, "all", "reachable", true, |_, _| {}).await.expect("a segment");
    let digest = if fixture.kind == Kind::Sqlite { "x'00'" } else { "'\\x00'" };
    execute(fixture, &ROWS.replace("{digest}", digest)).await;

    let (staff, anna) = Staff::with_anna(fixture).await;
    staff.set_second_factor(anna.user).await;
    let invited = team::invite(installation, actor, "boris@example.org", Role::Marketer, None).await.expect("invited");
    let vera = AddUser {
        name: "Vera",
        email: "vera@example.org",
        role: Some(Role::Support),
        granted_until: Some(NOW + 1_000_000),
        administrator: false,
        lang: None,
    };
    let vera = user::add(installation, actor, &vera).await.expect("added");
    let (invitation, password_link) = (invited.token.expose().to_owned(), vera.token.expose().to_owned());
    Rows { campaign, contact, anna, invitation, password_link, statements: Statements::default() }
}

both!(no_reader_panics_on_a_corrupt_value, |fixture| {
    let rows = fill(fixture).await;
    for table in ["contact", "staff_user"] {
        assert_eq!(rows.first_panic(fixture, table).await, None);
    }
    let (mut tried, mut staff_tried, mut panicked) = (0, 0, Vec::new());

    for table in &fixture.installation.db.all_tables().await.expect("tables") {
        for column in table.columns.iter().enumerate().filter(|(at, _)| !table.key.contains(at)).map(|(_, one)| one) {
            let Some(place) = Place::find(fixture, table, column).await else { continue };
            for value in odd_values(column.kind, fixture.kind) {
                if value == place.value || !place.set(fixture, value).await {
                    continue;
                }
                if let Some(reader) = rows.first_panic(fixture, &table.name).await {
                    panicked.push(format!("{reader}: {}.{} = {value}", table.name, column.name));
                }
                tried += 1;
                staff_tried += usize::from(STAFF_TABLES.contains(&table.name.as_str()));
            }
            assert!(place.set(fixture, &place.value).await, "{}.{}", table.name, column.name);
        }
    }

    assert_eq!(panicked, Vec::<String>::new());
    assert!(tried > 100 && staff_tried > 20, "{tried} values were replaced, {staff_tried} of the staff");
});

/// Changes one of 30 deliveries, and sends: the others go out, and the campaign ends where the row has a reason.
async fn assert_others_are_sent(kind: Kind, change: &str, reason: Option<&str>) {
    let fixture = Fixture::new(kind).await;
    subscribe_many(&fixture, 30).await;
    let sink = Plan::new().start().await;
    use_relay(&fixture, sink.target(), 2).await;
    let email = EMAIL.replace("# Hello", "# Hello {{ name | default(\"friend\") }}");
    field::add(&fixture.installation, &fixture.actor, "name", "text").await.expect("a field");
    start(&fixture, &email).await;
    execute(&fixture, change).await;

    timeout(Duration::from_secs(30), mail(&fixture)).await.expect(change);

    let states = states(&fixture).await;
    let accepted = if reason == Some("accepted") { 30 } else { 29 };
    assert_eq!(states.get("accepted"), Some(&accepted), "{change}: {states:?}");
    assert_eq!(recipients(&sink).values().sum::<usize>() as i64, accepted, "{change}");
    if let Some(reason) = reason {
        assert_eq!(find_campaign(&fixture).await.state, State::Finished, "{change}");
        let skipped = if reason == "accepted" { [].into() } else { [(reason, 1)].into() };
        let shown = campaigns::show(&fixture.installation, &fixture.actor, "autumn").await.expect("shown");
        assert_eq!(shown.skip_reasons, skipped, "{change}");
    }
    fixture.close().await;
}

/// Values that both databases store.
const ODD_DELIVERIES: &[(&str, Option<&str>)] = &[
    ("update delivery set state = 'odd' where {first}", None),
    ("update delivery set due_at = 9223372036854775807 where {first}", None),
    ("update delivery set due_at = -9223372036854775808 where {first}", Some("accepted")),
    ("update delivery set attempts = 2147483647 where {first}", Some("accepted")),
    ("update delivery set attempts = -2147483648 where {first}", Some("accepted")),
    ("update contact set fields = '[' where {first_contact}", Some("skipped-fields")),
];

/// Values that SQLite alone stores.
const MISTYPED_DELIVERIES: &[(&str, Option<&str>)] = &[
    ("update delivery set attempts = 'x' where {first}", Some("skipped-row")),
    ("update delivery set dated_at = 'x' where {first}", Some("skipped-row")),
    ("update delivery set snapshot_fields = x'ff' where {first}", Some("skipped-row")),
    ("update delivery set due_at = 'x' where {first}", Some("skipped-row")),
    ("update delivery set lane = x'ff' where {first}", Some("skipped-row")),
    ("update contact set address = x'ff' where {first_contact}", Some("skipped-row")),
    ("update contact set fields = x'ff' where {first_contact}", Some("skipped-row")),
];

async fn try_all(kind: Kind, changes: &[(&str, Option<&str>)]) {
    for (change, reason) in changes {
        let change = change.replace("{first}", "id = (select min(id) from delivery)");
        let change = change.replace("{first_contact}", "id = (select min(id) from contact)");
        assert_others_are_sent(kind, &change, *reason).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_of_another_type_stops_itself_only() {
    try_all(Kind::Sqlite, MISTYPED_DELIVERIES).await;
    try_all(Kind::Sqlite, ODD_DELIVERIES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_with_impossible_values_stops_itself_only_on_postgres() {
    if postgres_url().is_some() {
        try_all(Kind::Postgres, ODD_DELIVERIES).await;
    }
}
