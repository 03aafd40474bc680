//! A clock that is set, and the commands that concern time.

use std::time::Duration;

use sendoff::campaign::delivery::claim::Hand;
use sendoff::campaign::delivery::{Claim, Claimed, Mark};
use sendoff::campaign::launch;
use sendoff::campaign::model::{self, Campaign, State};
use sendoff::campaign::zoned_time::Moment;
use sendoff::cli::campaign::{self as cli, Command};
use sendoff::infra::clock::Millis;
use sendoff::infra::error::Error;
use sendoff::infra::i18n::Lang;
use sendoff::infra::id::Id;
use sendoff::infra::setting::{self, Setting};
use serde_json::Value;

use crate::canary;
use crate::fixture::House;
use crate::mail_sink::Sink;
use crate::mailer::fixture::{LETTER, campaign};

pub const HOUR: Millis = 3_600_000;

/// The letter with more lines in its front matter.
pub fn letter(lines: &str) -> String {
    LETTER.replacen("\n+++\n", &format!("\n{lines}\n+++\n"), 1)
}

/// Sets the clock of the house.
pub fn set_clock(house: &House, to: &str) {
    let to = at(to);
    house.home.clock.advance(to - house.home.clock.now());
}

pub fn at(text: &str) -> Millis {
    Moment::read(text, None).expect("a moment").at
}

/// A public address that needs no network to be looked at.
pub async fn publish(house: &House) {
    let mut tx = house.home.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "http://10.0.0.1").await.expect("set");
    tx.commit().await.expect("committed");
}

pub async fn call(house: &House, command: Command) -> Result<(Value, String), Error> {
    let report = Box::pin(cli::run(&house.home, &house.workspace, command, Lang::En)).await?;
    Ok((report.json, report.text))
}

pub async fn schedule(house: &House) -> Result<(Value, String), Error> {
    call(house, Command::Schedule { name: "autumn".to_owned(), at: None, zone: None }).await
}

pub fn named() -> String {
    "autumn".to_owned()
}

pub async fn resume(house: &House, until: Option<&str>) -> Result<(Value, String), Error> {
    call(house, Command::Resume { name: named(), until: until.map(str::to_owned) }).await
}

pub async fn now_runs(house: &House) -> State {
    launch::due(&house.home).await.expect("looked at the clock");
    campaign(house).await.state
}

/// Waits until so many letters have come.
pub async fn letters(sink: &Sink, count: usize) {
    while sink.log().letters.len() < count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Takes the due deliveries of a campaign in hand.
pub async fn claim(house: &House, campaign: Id, mailer: Id) -> Vec<Claimed> {
    let wanted = Claim { mailer, campaign, lane: "rest", limit: 10, now: house.home.clock.now() };
    canary::claim_in_memory(house, &Hand::default(), &wanted).await
}

pub fn mark_of(claimed: &Claimed) -> Mark {
    Mark { id: claimed.id, campaign: claimed.campaign, relay: 1 }
}

pub async fn pause(house: &House, running: &Campaign) {
    let mut tx = house.home.db.write().await.expect("a transaction");
    model::pause(&mut tx, running, "by hand").await.expect("paused");
    tx.commit().await.expect("committed");
}
