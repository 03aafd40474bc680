//! Fixture of the tests about time: sets the clock, runs the commands that concern time.

use std::time::Duration;

use sendoff::campaign::delivery::claim::InFlight;
use sendoff::campaign::delivery::{Claim, Claimed, Mark};
use sendoff::campaign::launch;
use sendoff::campaign::model::transition;
use sendoff::campaign::model::{Campaign, State};
use sendoff::campaign::zoned_time::ZonedTime;
use sendoff::cli::campaign::{self as cli, Command};
use sendoff::infra::clock::Millis;
use sendoff::infra::error::Error;
use sendoff::infra::i18n::Lang;
use sendoff::infra::id::Id;
use sendoff::infra::setting::{self, Setting};
use serde_json::Value;

use crate::canary;
use crate::fixture::Fixture;
use crate::mail_sink::Sink;
use crate::mailer::fixture::{EMAIL, campaign};

pub const HOUR: Millis = 3_600_000;

/// The campaign file with more settings.
pub fn email_with(lines: &str) -> String {
    EMAIL.replacen("\n+++\n", &format!("\n{lines}\n+++\n"), 1)
}

/// Sets the clock of the fixture.
pub fn set_clock(fixture: &Fixture, to: &str) {
    let to = at(to);
    fixture.installation.clock.advance(to - fixture.installation.clock.now());
}

pub fn at(text: &str) -> Millis {
    ZonedTime::parse(text, None).expect("a time").at
}

/// Sets a public URL that is checked without a network.
pub async fn publish(fixture: &Fixture) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "http://10.0.0.1").await.expect("set");
    tx.commit().await.expect("committed");
}

pub async fn call(fixture: &Fixture, command: Command) -> Result<(Value, String), Error> {
    let report = Box::pin(cli::run(&fixture.installation, &fixture.actor, command, Lang::EN)).await?;
    Ok((report.json, report.text))
}

pub async fn schedule(fixture: &Fixture) -> Result<(Value, String), Error> {
    call(fixture, Command::Schedule { name: "autumn".to_owned(), at: None, zone: None }).await
}

pub fn name() -> String {
    "autumn".to_owned()
}

pub async fn resume(fixture: &Fixture, until: Option<&str>) -> Result<(Value, String), Error> {
    call(fixture, Command::Resume { name: name(), until: until.map(str::to_owned), refused: false }).await
}

pub async fn state_after_run_due(fixture: &Fixture) -> State {
    launch::run_due(&fixture.installation).await.expect("run");
    campaign(fixture).await.state
}

/// Waits until the sink has received so many messages.
pub async fn wait_for_messages(sink: &Sink, count: usize) {
    while sink.log().messages.len() < count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Claims the due deliveries of a campaign.
pub async fn claim(fixture: &Fixture, campaign: Id, mailer: Id) -> Vec<Claimed> {
    let wanted = Claim { mailer, campaign, lane: "rest", limit: 10, now: fixture.installation.clock.now() };
    canary::claim_in_memory(fixture, &InFlight::default(), &wanted).await
}

pub fn mark_of(claimed: &Claimed) -> Mark {
    Mark { id: claimed.id, campaign: claimed.campaign, relay: 1 }
}

pub async fn pause(fixture: &Fixture, running: &Campaign) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    transition::pause(&mut tx, running, "by hand").await.expect("paused");
    tx.commit().await.expect("committed");
}
