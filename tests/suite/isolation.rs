//! Tests of isolation: a damaged campaign, series or relay stops only itself, with a reason.

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::subscription::{self, NewSubscription};
use sendoff::audience::{list, workspace};
use sendoff::campaign::model::transition;
use sendoff::campaign::model::{self, Campaign, State, content};
use sendoff::campaign::recurrence::Recurrence;
use sendoff::campaign::series::{self, State as Stand};
use sendoff::campaign::{delivery, launch};
use sendoff::infra::id::Id;
use sendoff::mailer::relay::{self, Relay, RelayKind};

use crate::fixture::{Fixture, both};
use crate::mail_sink::{Plan, Sink};
use crate::mailer::fixture::{EMAIL, campaign, mail, recipients, start, states, subscribe_many, use_relay};

/// A second workspace with one contact on a list.
async fn second_workspace(fixture: &Fixture) -> (Id, Id) {
    let installation = &fixture.installation;
    let other = workspace::ensure(installation, "other").await.expect("a workspace").id;
    let list = list::add(installation, other, "News").await.expect("a list").id;
    let address = Address::parse("other@example.org").expect("an address");
    let person = NewContact { id: installation.ids.next().expect("an id"), address, values: Values::new() };
    let joining = NewSubscription {
        id: installation.ids.next().expect("an id"),
        contact: person.id,
        state: subscription::State::Confirmed,
    };
    let mut tx = installation.db.write().await.expect("a transaction");
    contact::insert(&mut tx, other, &[person], installation.clock.now()).await.expect("added");
    subscription::join(&mut tx, other, list, &[joining], installation.clock.now()).await.expect("joined");
    tx.commit().await.expect("committed");
    (other, list)
}

async fn draft(fixture: &Fixture, workspace: Id, list: Id, source: &str) -> Campaign {
    fixture.save_draft(workspace, list, "winter", source).await
}

async fn found(fixture: &Fixture, id: Id) -> Campaign {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    model::find(&mut conn, id).await.expect("asked").expect("a campaign")
}

async fn set_relay(fixture: &Fixture, workspace: Id, sink: &Sink) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let relay = Relay::to(RelayKind::Smtp(Box::new(sink.target())));
    relay::save(&fixture.installation, &mut tx, workspace, &relay).await.expect("a relay");
    tx.commit().await.expect("committed");
}

async fn tamper(fixture: &Fixture, query: sqlx::query::Query<'_, sqlx::Any, sqlx::any::AnyArguments>) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    assert_eq!(query.execute(&mut *tx).await.expect("changed").rows_affected(), 1);
    tx.commit().await.expect("committed");
}

async fn resume(fixture: &Fixture, campaign: &Campaign) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    transition::resume(&mut tx, campaign).await.expect("resumed");
    tx.commit().await.expect("committed");
}

both!(unreadable_relay_stops_only_its_workspace, |fixture| {
    subscribe_many(fixture, 20).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 2).await;
    let (other, list) = second_workspace(fixture).await;
    set_relay(fixture, other, &sink).await;
    let winter = draft(fixture, other, list, EMAIL).await;
    launch::start(&fixture.installation, &winter).await.expect("launched");
    start(fixture, EMAIL).await;
    tamper(fixture, sqlx::query("update relay set target = $1 where workspace_id = $2").bind(vec![0_u8]).bind(other))
        .await;

    mail(fixture).await;

    assert_eq!((campaign(fixture).await.state, states(fixture).await), (State::Finished, [("accepted", 20)].into()));
    let stopped = found(fixture, winter.id).await;
    assert_eq!(stopped.state, State::Paused);
    assert!(stopped.reason.as_deref().is_some_and(|reason| reason.contains("relay-sealed")), "{:?}", stopped.reason);

    set_relay(fixture, other, &sink).await;
    resume(fixture, &stopped).await;
    mail(fixture).await;
    assert_eq!(found(fixture, winter.id).await.state, State::Finished);
    assert_eq!(recipients(&sink).values().sum::<usize>(), 21);
});

both!(uncomposable_messages_stop_only_their_campaign, |fixture| {
    subscribe_many(fixture, 20).await;
    let list = fixture.subscribe("Others", &["other@example.org"]).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 2).await;
    let winter = draft(fixture, fixture.workspace.id, list, EMAIL).await;
    launch::start(&fixture.installation, &winter).await.expect("launched");
    start(fixture, EMAIL).await;
    tamper(fixture, sqlx::query("update campaign_content set frozen = '{' where campaign_id = $1").bind(winter.id))
        .await;

    mail(fixture).await;

    assert_eq!((campaign(fixture).await.state, states(fixture).await), (State::Finished, [("accepted", 20)].into()));
    let stopped = found(fixture, winter.id).await;
    assert_eq!(stopped.state, State::Paused);
    assert!(stopped.reason.as_deref().is_some_and(|reason| reason.contains("campaign-frozen")), "{:?}", stopped.reason);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let left = delivery::count(&mut conn, winter.id).await.expect("counted");
    assert_eq!(left, [(delivery::State::Pending, 1)]);
});

both!(unreadable_series_stops_alone_and_can_resume, |fixture| {
    subscribe_many(fixture, 20).await;
    let list = fixture.subscribe("Others", &["other@example.org"]).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 2).await;
    let daily = EMAIL.replace("list =", "every = \"day\"\nat = \"09:00\"\nzone = \"UTC\"\nlist =");
    let pattern = draft(fixture, fixture.workspace.id, list, &daily).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let schedule = content::read_file(&mut tx, pattern.id).await.expect("a file").schedule;
    let recurrence: &Recurrence = schedule.recurrence().expect("a recurrence");
    let now = fixture.installation.clock.now();
    series::start(&mut tx, &pattern, recurrence, fixture.installation.ids.next().expect("an id"), now)
        .await
        .expect("begun");
    tx.commit().await.expect("committed");
    start(fixture, EMAIL).await;
    tamper(fixture, sqlx::query("update series set checked_day = 'soon'")).await;

    mail(fixture).await;

    assert_eq!((campaign(fixture).await.state, states(fixture).await), (State::Finished, [("accepted", 20)].into()));
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let stopped = series::find(&mut tx, &pattern).await.expect("readable");
    assert_eq!(stopped.state, Stand::Stopped);
    assert!(stopped.reason.as_deref().is_some_and(|reason| reason.contains("series-clock")), "{:?}", stopped.reason);
    series::resume(&fixture.installation, &mut tx, &stopped, false).await.expect("it goes on");
    assert_eq!(series::find(&mut tx, &pattern).await.expect("readable").state, Stand::Running);
});
