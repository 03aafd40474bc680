//! Values of a wrong type in every column of every table: readers report an error or leave the row out, none panics; and a
//! delivery that cannot be read stops itself only. On SQLite: PostgreSQL stores no value of another type.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use sendoff::campaign::model::State;
use sendoff::campaign::{launch, recall, series};
use sendoff::infra::db::table::Table;
use sendoff::infra::db::value::Kind as ValueKind;
use sendoff::infra::id::Id;
use sendoff::infra::token::DeliveryRef;
use sendoff::report::slow_counts::SlowCounts;
use sendoff::report::stats;
use sendoff::usecase::{
    Actor, brand, campaign as campaigns, campaign_report, contact, contact_search, desk, field, lane, list, machine,
    recipient, relay, segment, set_aside, setting, uncertain, web_cache, workspace,
};
use sqlx::{AssertSqlSafe, Row};
use tokio::time::timeout;

use crate::fixture::{Fixture, Kind};
use crate::mail_sink::Plan;
use crate::mailer::fixture::{
    EMAIL, campaign as find_campaign, mail, recipients, start, states, subscribe_many, use_relay,
};

async fn execute(fixture: &Fixture, sql: String) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut *tx).await.expect(&sql);
    tx.commit().await.expect("committed");
}

/// The values of a column as SQL, by row.
async fn column(fixture: &Fixture, table: &str, column: &str) -> Vec<(i64, String)> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let sql = format!("select rowid, quote(\"{column}\") from \"{table}\" order by rowid");
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.clone())).fetch_all(&mut *conn).await.expect(&sql);
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Rows in tables that are empty otherwise.
const ROWS: &str = "
    insert into lane (workspace_id, name, domains, connections) select id, 'slow', '[\"slow.example\"]', 2 from workspace;
    insert into lane_backoff (workspace_id, lane, reduced_rate, normal_rate, slowed_at, sender_faults, faults_day)
      select id, 'rest', 1, 2, 3, 0, 0 from workspace;
    insert into rate_account (workspace_id, lane, relay_id, next_free_us, day, used, sending_days)
      select id, 'rest', 0, 0, 0, 0, 0 from workspace;
    insert into hard_bounce (contact_id, status, bounced_at, applied) select max(id), '550 5.1.1', 1, 0 from contact;
    insert into series (id, workspace_id, campaign_id, state, began_at, checked_day)
      select 1, workspace_id, id, 'running', 0, '2026-11-20' from campaign limit 1;
    insert into machine (folder_id, name, added_at) values (1, 'a', 1);
    insert into set_aside (id, queue, line, reason, at) values (1, 'event', 'x', 'y', 1);
    insert into tombstone (workspace_id, list_id, digest, reason, day) select id, 0, x'00', 'erased', 1 from workspace;
    insert into erased_count (campaign_id, kind, position, count) select id, 'open', 0, 1 from campaign limit 1;
    insert into event (id, workspace_id, campaign_id, delivery_id, contact_id, kind, position, at)
      select id + 1, workspace_id, campaign_id, id, contact_id, 'open', 0, 1 from delivery;
    update delivery set state = 'uncertain' where id = (select max(id) from delivery);";

/// Runs what reads rows: use cases, pages and what a mailer does by the clock. Returns the first that panics.
async fn first_panic(fixture: &Fixture, contact: Id, campaign: Id) -> Option<&'static str> {
    let (installation, actor, id) = (&fixture.installation, &fixture.actor, fixture.workspace.id);
    let delivery = DeliveryRef { campaign, delivery: 0 };
    macro_rules! read {
        ($($name:literal: $reader:expr),+ $(,)?) => {
            $(if AssertUnwindSafe(async { drop($reader.await) }).catch_unwind().await.is_err() {
                return Some($name);
            })+
        };
    }
    let counts = SlowCounts::default();
    read!(
        "overview": desk::overview(installation, &Actor::desk(), &counts),
        "report": campaign_report::read(installation, &Actor::desk(), campaign),
        "campaign list": campaigns::list(installation, actor),
        "campaign show": campaigns::show(installation, actor, "autumn"),
        "campaign file": campaigns::show(installation, actor, "winter"),
        "contact show": contact::show(installation, actor, "person0@example.org"),
        "contact find": contact_search::find(installation, actor, "person", 10),
        "stored data": recipient::stored_data(installation, &Actor::recipient(), contact, delivery),
        "fields": field::list(installation, actor),
        "lists": list::list(installation, actor),
        "lanes": lane::list(installation, actor),
        "relays": relay::list(installation, actor),
        "machines": machine::list(installation, actor),
        "segments": segment::list(installation, actor),
        "count": segment::count(installation, actor, "all"),
        "explain": segment::explain(installation, actor, "all", "person0@example.org"),
        "set aside": set_aside::list(installation, actor),
        "settings": setting::list(installation, actor),
        "uncertain": uncertain::list(installation, actor, None),
        "brand": brand::show(installation, actor),
        "workspaces": workspace::list(installation, actor),
        "page settings": web_cache::read_settings(installation),
        "launched": web_cache::list_launched(installation),
        "running": web_cache::list_new_running(installation, |_| false),
        "due": launch::run_due(installation),
        "recall": recall::skip_returned(installation),
        "health": async { stats::read(&mut *installation.db.read().await?, installation).await },
        "series": async { series::list(&mut *installation.db.read().await?, id).await },
    );
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_panics_on_a_value_of_another_type() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    subscribe_many(&fixture, 3).await;
    fixture.draft_to_news("winter", &EMAIL.replace("autumn", "winter")).await;
    let campaign = start(&fixture, EMAIL).await.id;
    let contact = fixture.contact_id("person0@example.org").await.expect("a contact");
    field::add(&fixture.installation, &fixture.actor, "city", "text").await.expect("a field");
    segment::save(&fixture.installation, &fixture.actor, "all", "reachable", true, |_, _| {}).await.expect("a segment");
    execute(&fixture, ROWS.to_owned()).await;
    assert_eq!(first_panic(&fixture, contact, campaign).await, None);
    let mut tried = 0;

    for Table { name, columns, key } in fixture.installation.db.all_tables().await.expect("tables") {
        for (_, one) in columns.iter().enumerate().filter(|(at, _)| !key.contains(at)) {
            let wrong = if one.kind == ValueKind::Text { "x'ff00'" } else { "'wrong'" };
            let before = column(&fixture, &name, &one.name).await;
            let first = format!("(select min(rowid) from \"{name}\")");
            execute(&fixture, format!("update \"{name}\" set \"{}\" = {wrong} where rowid = {first}", one.name)).await;
            assert_eq!(first_panic(&fixture, contact, campaign).await, None, "{name}.{}", one.name);
            tried += usize::from(!before.is_empty());
            for (row, value) in before.into_iter().take(1) {
                execute(&fixture, format!("update \"{name}\" set \"{}\" = {value} where rowid = {row}", one.name))
                    .await;
            }
        }
    }

    assert!(tried > 100, "{tried} values were replaced");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_that_cannot_be_read_stops_itself_only() {
    let first = "id = (select min(id) from delivery)";
    for (change, reason) in [
        (format!("update delivery set attempts = 'x' where {first}"), Some("skipped-row")),
        (format!("update delivery set dated_at = 'x' where {first}"), Some("skipped-row")),
        (format!("update delivery set snapshot_fields = x'ff' where {first}"), Some("skipped-row")),
        (format!("update delivery set due_at = 'x' where {first}"), Some("skipped-row")),
        (format!("update delivery set lane = x'ff' where {first}"), Some("skipped-row")),
        (format!("update delivery set state = 'odd' where {first}"), None),
        ("update contact set address = x'ff' where id = (select min(id) from contact)".to_owned(), Some("skipped-row")),
        ("update contact set fields = x'ff' where id = (select min(id) from contact)".to_owned(), Some("skipped-row")),
        ("update contact set fields = '[' where id = (select min(id) from contact)".to_owned(), Some("skipped-fields")),
    ] {
        let fixture = Fixture::new(Kind::Sqlite).await;
        subscribe_many(&fixture, 30).await;
        let sink = Plan::new().start().await;
        use_relay(&fixture, sink.target(), 2).await;
        let email = EMAIL.replace("# Hello", "# Hello {{ name | default(\"friend\") }}");
        field::add(&fixture.installation, &fixture.actor, "name", "text").await.expect("a field");
        start(&fixture, &email).await;
        execute(&fixture, change.clone()).await;

        timeout(Duration::from_secs(30), mail(&fixture)).await.expect(&change);

        let states = states(&fixture).await;
        assert_eq!(states.get("accepted"), Some(&29), "{change}: {states:?}");
        assert_eq!(recipients(&sink).values().sum::<usize>(), 29, "{change}");
        if let Some(reason) = reason {
            assert_eq!(states.get("skipped"), Some(&1), "{change}: {states:?}");
            assert_eq!(find_campaign(&fixture).await.state, State::Finished, "{change}");
            let shown = campaigns::show(&fixture.installation, &fixture.actor, "autumn").await.expect("shown");
            assert_eq!(shown.skip_reasons, [(reason, 1)].into(), "{change}");
        }
        fixture.close().await;
    }
}
