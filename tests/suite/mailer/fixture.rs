//! A campaign, its contacts and a relay, and the states of its deliveries.

use std::collections::BTreeMap;
use std::sync::Arc;

use sendoff::campaign::model::{self, Campaign};
use sendoff::campaign::{delivery, launch};
use sendoff::infra::setting::{self, Setting};
use sendoff::mailer::relay::{self, Relay, RelayKind};
use sendoff::mailer::scheduler::{self, Mode};
use sendoff::mailer::smtp::endpoint::Endpoint;
use tokio::sync::watch;

use crate::fixture::Fixture;
use crate::mail_sink::Sink;

pub const EMAIL: &str = "+++\nname = \"autumn\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Autumn\"\n+++\n# Hello\n\n[Look](https://shop.example/)\n";

pub async fn use_relay(fixture: &Fixture, target: Endpoint, connections: u32) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let relay = Relay { connections, ..Relay::to(RelayKind::Smtp(Box::new(target))) };
    relay::save(&fixture.installation, &mut tx, fixture.workspace.id, &relay).await.expect("a relay");
    setting::set(&mut tx, Setting::RelayPatience, "1").await.expect("a setting");
    tx.commit().await.expect("committed");
}

pub async fn start(fixture: &Fixture, email: &str) -> Campaign {
    let draft = draft(fixture, email).await;
    launch::start(&fixture.installation, &draft).await.expect("launched");
    campaign(fixture).await
}

pub async fn draft(fixture: &Fixture, email: &str) -> Campaign {
    fixture.draft_to_news("autumn", email).await
}

pub async fn campaign(fixture: &Fixture) -> Campaign {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    model::find_by_name(&mut conn, fixture.workspace.id, "autumn").await.expect("the campaign")
}

pub async fn mail(fixture: &Fixture) -> Option<i64> {
    let (_keep, stop) = watch::channel(false);
    scheduler::run(&fixture.installation, Mode::UntilIdle, Arc::new(|| true), stop).await.expect("a clean end")
}

pub async fn states(fixture: &Fixture) -> BTreeMap<&'static str, i64> {
    let id = campaign(fixture).await.id;
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let counts = delivery::count(&mut conn, id).await.expect("counted");
    counts.into_iter().map(|(state, count)| (state.as_str(), count)).collect()
}

pub fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("person{n}@example.org")).collect()
}

pub async fn subscribe_many(fixture: &Fixture, count: usize) {
    let addresses = addresses(count);
    fixture.subscribe("News", &addresses.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

pub fn recipients(sink: &Sink) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for message in &sink.log().messages {
        *seen.entry(message.to[0].clone()).or_default() += 1;
    }
    seen
}
