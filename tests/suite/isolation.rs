//! What is wrong with one campaign, one series or the relay of one workspace is said where it is wrong, and
//! everything else goes on.

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::subscription::{self, NewSubscription};
use sendoff::audience::{list, workspace};
use sendoff::campaign::model::{self, Campaign, NewCampaign, State};
use sendoff::campaign::recurrence::Rhythm;
use sendoff::campaign::series::{self, State as Stand};
use sendoff::campaign::{delivery, launch};
use sendoff::infra::id::Id;
use sendoff::mailer::relay::{self, Kind, Relay};

use crate::fixture::{House, both};
use crate::mail_sink::{Plan, Sink};
use crate::mailer::fixture::{LETTER, campaign, house_with, mail, recipients, start, states, use_relay};

/// A workspace beside the first, with one person on a list.
async fn settle(house: &House) -> (Id, Id) {
    let home = &house.home;
    let other = workspace::ensure(home, "other").await.expect("a workspace").id;
    let list = list::add(home, other, "News").await.expect("a list").id;
    let address = Address::parse("neighbour@example.org").expect("an address");
    let person = NewContact { id: home.ids.next(), address, values: Values::new() };
    let joining = NewSubscription { id: home.ids.next(), contact: person.id, state: subscription::State::Confirmed };
    let mut tx = home.db.write().await.expect("a transaction");
    contact::add(&mut tx, other, &[person], home.clock.now()).await.expect("added");
    subscription::join(&mut tx, other, list, &[joining], home.clock.now()).await.expect("joined");
    tx.commit().await.expect("committed");
    (other, list)
}

async fn draft(house: &House, workspace: Id, list: Id, source: &str) -> Campaign {
    let home = &house.home;
    let new = NewCampaign { id: home.ids.next(), name: "winter", format: "md", source, list, segment: None };
    let mut tx = home.db.write().await.expect("a transaction");
    let id = model::add(&mut tx, workspace, &new, home.clock.now()).await.expect("a draft");
    tx.commit().await.expect("committed");
    found(house, id).await
}

async fn found(house: &House, id: Id) -> Campaign {
    let mut conn = house.home.db.read().await.expect("a connection");
    model::get(&mut conn, id).await.expect("asked").expect("a campaign")
}

async fn tell(house: &House, workspace: Id, sink: &Sink) {
    let mut tx = house.home.db.write().await.expect("a transaction");
    let relay = Relay::to(Kind::Smtp(Box::new(sink.target())));
    relay::set(&house.home, &mut tx, workspace, &relay).await.expect("a relay");
    tx.commit().await.expect("committed");
}

async fn tamper(house: &House, query: sqlx::query::Query<'_, sqlx::Any, sqlx::any::AnyArguments>) {
    let mut tx = house.home.db.write().await.expect("a transaction");
    assert_eq!(query.execute(&mut *tx).await.expect("changed").rows_affected(), 1);
    tx.commit().await.expect("committed");
}

async fn resume(house: &House, campaign: &Campaign) {
    let mut tx = house.home.db.write().await.expect("a transaction");
    model::resume(&mut tx, campaign).await.expect("resumed");
    tx.commit().await.expect("committed");
}

both!(a_relay_that_cannot_be_read_stops_its_own_workspace_alone, |house| {
    house_with(house, 20).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 2).await;
    let (other, list) = settle(house).await;
    tell(house, other, &sink).await;
    let winter = draft(house, other, list, LETTER).await;
    launch::start(&house.home, &winter).await.expect("launched");
    start(house, LETTER).await;
    tamper(house, sqlx::query("update relay set target = $1 where workspace_id = $2").bind(vec![0_u8]).bind(other))
        .await;

    mail(house).await;

    assert_eq!((campaign(house).await.state, states(house).await), (State::Finished, [("accepted", 20)].into()));
    let stopped = found(house, winter.id).await;
    assert_eq!(stopped.state, State::Paused);
    assert!(stopped.reason.as_deref().is_some_and(|reason| reason.contains("relay-sealed")), "{:?}", stopped.reason);

    tell(house, other, &sink).await;
    resume(house, &stopped).await;
    mail(house).await;
    assert_eq!(found(house, winter.id).await.state, State::Finished);
    assert_eq!(recipients(&sink).values().sum::<usize>(), 21);
});

both!(letters_that_cannot_be_made_again_stop_their_own_campaign_alone, |house| {
    house_with(house, 20).await;
    let list = house.join("Others", &["neighbour@example.org"]).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 2).await;
    let winter = draft(house, house.workspace.id, list, LETTER).await;
    launch::start(&house.home, &winter).await.expect("launched");
    start(house, LETTER).await;
    tamper(house, sqlx::query("update campaign set frozen = '{' where id = $1").bind(winter.id)).await;

    mail(house).await;

    assert_eq!((campaign(house).await.state, states(house).await), (State::Finished, [("accepted", 20)].into()));
    let stopped = found(house, winter.id).await;
    assert_eq!(stopped.state, State::Paused);
    assert!(stopped.reason.as_deref().is_some_and(|reason| reason.contains("campaign-frozen")), "{:?}", stopped.reason);
    let mut conn = house.home.db.read().await.expect("a connection");
    let left = delivery::count(&mut conn, winter.id).await.expect("counted");
    assert_eq!(left, [(delivery::State::Pending, 1)]);
});

both!(a_series_that_cannot_be_read_stops_alone_and_can_go_on, |house| {
    house_with(house, 20).await;
    let list = house.join("Others", &["neighbour@example.org"]).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 2).await;
    let daily = LETTER.replace("list =", "every = \"day\"\nat = \"09:00\"\nzone = \"UTC\"\nlist =");
    let pattern = draft(house, house.workspace.id, list, &daily).await;
    let schedule = pattern.file().expect("a file").schedule;
    let rhythm: &Rhythm = schedule.rhythm().expect("a rhythm");
    let mut tx = house.home.db.write().await.expect("a transaction");
    let now = house.home.clock.now();
    series::begin(&mut tx, &pattern, rhythm, house.home.ids.next(), now).await.expect("begun");
    tx.commit().await.expect("committed");
    start(house, LETTER).await;
    tamper(house, sqlx::query("update series set seen = 'soon'")).await;

    mail(house).await;

    assert_eq!((campaign(house).await.state, states(house).await), (State::Finished, [("accepted", 20)].into()));
    let mut tx = house.home.db.write().await.expect("a transaction");
    let stopped = series::of(&mut tx, &pattern).await.expect("readable");
    assert_eq!(stopped.state, Stand::Stopped);
    assert!(stopped.reason.as_deref().is_some_and(|reason| reason.contains("series-clock")), "{:?}", stopped.reason);
    series::resume(&house.home, &mut tx, &stopped, false).await.expect("it goes on");
    assert_eq!(series::of(&mut tx, &pattern).await.expect("readable").state, Stand::Running);
});
