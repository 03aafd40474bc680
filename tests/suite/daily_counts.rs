//! Numbers by day and at launch that stay when people go, and exports of what is new.

use std::collections::BTreeMap;

use sendoff::audience::list::List;
use sendoff::campaign::delivery::State;
use sendoff::campaign::launch;
use sendoff::feedback::event::{self, EventKind, NewEvent};
use sendoff::infra::clock::DAY;
use sendoff::privacy::erasure::{self, Reason};
use sendoff::report::export::{self, Export, Format, Kind};
use serde_json::Value;

use crate::canary;
use crate::fixture::{Fixture, NOW, both};

async fn rows(fixture: &Fixture, kind: Kind, since: Option<i64>) -> Vec<Value> {
    let path = fixture.installation.config.export_dir().join(format!("{kind}.ndjson"));
    let wanted = Export { since, ..Export::new(kind, Format::Ndjson, fixture.workspace.id) };
    export::to_file(&fixture.installation, &wanted, &path, &mut |_, _| {}).await.expect("exported");
    let text = std::fs::read_to_string(&path).expect("read");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The counts by day, kind, list and campaign.
fn counts(rows: &[Value]) -> BTreeMap<String, i64> {
    let key = |row: &Value| {
        let cell = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
        [cell("day"), cell("kind"), cell("list"), cell("campaign")].join(" ")
    };
    rows.iter().map(|row| (key(row), row["count"].as_i64().expect("a count"))).collect()
}

async fn leave(fixture: &Fixture, list: &List, text: &str, campaign: Option<i64>) {
    let person = canary::id(fixture, text).await.expect("there");
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    erasure::unsubscribe(installation, workspace, person, list.id, Reason::Unsubscribed, campaign).await.expect("left");
}

both!(joins_departures_and_bounces_are_dated_and_name_no_one, |fixture| {
    let (news, sales) = (canary::list(fixture, "News").await, canary::list(fixture, "Sales").await);
    for text in ["a@x.test", "b@x.test", "c@x.test", "d@x.test", "e@x.test"] {
        canary::person(fixture, &news, text).await;
    }
    for text in ["a@x.test", "b@x.test"] {
        canary::person(fixture, &sales, text).await;
    }
    let (campaign, _) = canary::launch(fixture, &news, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    canary::end(fixture, &campaign, &[(taken["d@x.test"], State::Rejected), (taken["e@x.test"], State::Rejected)])
        .await;
    fixture.installation.clock.advance(2 * DAY);

    leave(fixture, &news, "a@x.test", Some(campaign.id)).await;
    leave(fixture, &news, "c@x.test", None).await;
    for text in ["b@x.test", "d@x.test", "nobody@x.test"] {
        let address = canary::address(text);
        erasure::erase(&fixture.installation, fixture.workspace.id, &address, Reason::Erased, None)
            .await
            .expect("erased");
    }
    leave(fixture, &sales, "a@x.test", None).await;
    erasure::close_list(&fixture.installation, fixture.workspace.id, news.id, |_| {}).await.expect("closed");

    let changes = rows(fixture, Kind::Changes, None).await;
    let expected = [
        ("2026-11-21 joined News -", 5),
        ("2026-11-21 joined Sales -", 2),
        ("2026-11-21 refused News autumn", 2),
        ("2026-11-23 closed News -", 1),
        ("2026-11-23 erased News -", 2),
        ("2026-11-23 erased Sales -", 1),
        ("2026-11-23 unsubscribed News -", 1),
        ("2026-11-23 unsubscribed News autumn", 1),
        ("2026-11-23 unsubscribed Sales -", 1),
    ];
    assert_eq!(counts(&changes), expected.map(|(key, count)| (key.to_owned(), count)).into());
    assert!(!changes.iter().any(|row| row.to_string().contains("@x.test")), "{changes:?}");
    let lists = rows(fixture, Kind::Lists, None).await;
    let sizes = |list: &str| {
        let of = lists.iter().filter(|row| row["list"] == list);
        of.map(|row| (row["day"].as_str().expect("a day"), row["size"].as_i64().expect("a size"))).collect::<Vec<_>>()
    };
    assert_eq!(sizes("News"), [("2026-11-21", 5), ("2026-11-22", 5), ("2026-11-23", 0)]);
    assert_eq!(sizes("Sales"), [("2026-11-21", 2), ("2026-11-22", 2), ("2026-11-23", 0)]);
});

both!(the_audience_at_launch_stays_when_people_go, |fixture| {
    let list = fixture.subscribe("News", &["a@x.test", "b@x.test", "c@x.test"]).await;
    let source = "+++\nname = \"autumn\"\nlist = \"News\"\nfrom = \"Shop <shop@x.test>\"\nsubject = \"Hi\"\n\
                  tracking = \"individual\"\n+++\nHello\n";
    let campaign = fixture.save_draft(fixture.workspace.id, list, "autumn", source).await;
    launch::start(&fixture.installation, &campaign).await.expect("started");
    let before = rows(fixture, Kind::Audience, None).await;
    let count = |name: &str| before.iter().find(|row| row["name"] == name).and_then(|row| row["count"].as_i64());
    assert_eq!((count("planned"), count("confirmed"), count("outside_segment")), (Some(3), Some(3), Some(0)));
    assert_eq!(
        before.iter().filter(|row| row["kind"] == "lane").filter_map(|row| row["count"].as_i64()).sum::<i64>(),
        3
    );

    let address = canary::address("a@x.test");
    erasure::erase(&fixture.installation, fixture.workspace.id, &address, Reason::Erased, None).await.expect("erased");

    assert_eq!(rows(fixture, Kind::Audience, None).await, before);
    let summary = &rows(fixture, Kind::Summary, None).await[0];
    let cell = |name: &str| summary[name].clone();
    assert_eq!(
        (cell("list"), cell("subject"), cell("sender")),
        ("News".into(), "Hi".into(), "Shop <shop@x.test>".into())
    );
    assert_eq!(
        (cell("measured"), cell("opens_per_accepted"), cell("accepted_per_planned")),
        ("yes".into(), Value::Null, 0.0.into())
    );
});

both!(only_what_is_new_is_exported_since_a_time, |fixture| {
    let list = canary::list(fixture, "News").await;
    for text in ["a@x.test", "b@x.test", "c@x.test"] {
        canary::person(fixture, &list, text).await;
    }
    let (campaign, _) = canary::launch(fixture, &list, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    canary::end(fixture, &campaign, &taken.values().map(|id| (*id, State::Accepted)).collect::<Vec<_>>()).await;
    canary::react(fixture, taken["a@x.test"]).await;
    fixture.installation.clock.advance(DAY);
    let since = fixture.installation.clock.now();
    assert_eq!(rows(fixture, Kind::Deliveries, Some(since)).await, Vec::<Value>::new());

    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let late = NewEvent { delivery: taken["b@x.test"], kind: EventKind::Open, position: 0, at: NOW };
    event::insert(&mut tx, &fixture.installation.ids, &[late]).await.expect("added");
    tx.commit().await.expect("committed");

    let deliveries = rows(fixture, Kind::Deliveries, Some(since)).await;
    assert_eq!(
        (deliveries.len(), &deliveries[0]["address"], &deliveries[0]["opens"]),
        (1, &"b@x.test".into(), &1.into())
    );
    let events = rows(fixture, Kind::Events, Some(since)).await;
    assert_eq!((events.len(), &events[0]["address"]), (1, &"b@x.test".into()), "spooled for a day, new all the same");
    assert_eq!(rows(fixture, Kind::Deliveries, None).await.len(), 3);
});
