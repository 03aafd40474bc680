//! Campaigns that come again and again: one for each slot, whatever clocks and mailers do.

use sendoff::campaign::launch;
use sendoff::campaign::model::{self, Campaign, State};
use sendoff::campaign::series::{self, State as Stand};
use sendoff::cli::campaign::Command;
use sendoff::cli::series::Command as Series;
use sendoff::infra::clock::{Clock, DAY};
use sendoff::infra::i18n::Lang;
use sendoff::infra::installation::Installation;
use tokio::task::JoinSet;

use crate::fixture::{House, Kind, both};
use crate::mail_sink::Plan;
use crate::mailer::fixture::{house_with, mail, recipients, use_relay};
use crate::time::fixture::{at, call, letter, publish, set_clock};

const DAILY: &str = "every = \"day\"\nat = \"09:00\"\nzone = \"Europe/Berlin\"";

/// Adds the file and lets its series begin.
async fn begin(house: &House, lines: &str) {
    house_with(house, 2).await;
    publish(house).await;
    add(house, lines).await;
    let schedule = Command::Schedule { name: "autumn".to_owned(), at: None, zone: None };
    call(house, schedule).await.expect("begun");
}

async fn add(house: &House, lines: &str) {
    let path = house.folder.path().join("letter.md");
    std::fs::write(&path, letter(lines)).expect("a file");
    call(house, Command::Add { file: path }).await.expect("added");
}

async fn command(house: &House, command: Series) -> (serde_json::Value, String) {
    call(house, Command::Series { command }).await.expect("carried out")
}

/// The campaigns that slots became, oldest first, without the name of the series.
async fn made(house: &House) -> Vec<String> {
    let all = campaigns(house).await.into_iter().rev();
    all.filter_map(|campaign| campaign.name.strip_prefix("autumn-").map(str::to_owned)).collect()
}

async fn campaigns(house: &House) -> Vec<Campaign> {
    let mut conn = house.home.db.read().await.expect("a connection");
    model::all(&mut conn, house.workspace.id).await.expect("listed")
}

async fn stand(house: &House) -> (Stand, Option<String>) {
    let mut conn = house.home.db.read().await.expect("a connection");
    let all = series::all(&mut conn, house.workspace.id).await.expect("listed");
    (all[0].state, all[0].reason.as_deref().map(|reason| Lang::En.recall(reason)))
}

async fn look(house: &House, time: &str) {
    set_clock(house, time);
    launch::due(&house.home).await.expect("looked at the clock");
}

both!(a_slot_is_one_campaign_for_twenty_mailers, |house| {
    begin(house, DAILY).await;
    look(house, "2026-11-22T07:59:59.999Z").await;
    assert!(made(house).await.is_empty());
    set_clock(house, "2026-11-22T08:00:00Z");

    let mut looks = JoinSet::new();
    for _ in 0..20 {
        let home = house.home.clone();
        looks.spawn(async move { launch::due(&home).await });
    }
    for look in looks.join_all().await {
        look.expect("looked");
    }

    assert_eq!(made(house).await, ["2026-11-22"]);
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 2).await;
    mail(house).await;
    mail(house).await;
    assert_eq!(recipients(&sink).values().copied().collect::<Vec<_>>(), [1, 1]);
});

both!(a_mailer_that_died_between_slot_and_launch_is_made_up_for, |house| {
    begin(house, DAILY).await;
    set_clock(house, "2026-11-22T08:00:00Z");
    series::due(&house.home).await.expect("a slot is written");
    assert_eq!(campaigns(house).await[0].state, State::Scheduled);

    // Another process opens the same database an hour later.
    let later = Clock::fixed(at("2026-11-22T09:00:00Z"));
    let home = Installation::open(house.home.config.clone(), later).await.expect("opens");
    launch::due(&home).await.expect("looked");

    assert_eq!(made(house).await, ["2026-11-22"]);
    let campaign = &campaigns(house).await[0];
    assert_eq!((campaign.state, campaign.starts_at), (State::Running, Some(at("2026-11-22T08:00:00Z"))));
    assert_eq!(campaign.starts_local.as_deref(), Some("2026-11-22 09:00"));
    home.db.close().await;
});

both!(slots_keep_their_hour_when_the_clocks_change, |house| {
    set_clock(house, "2027-03-26T12:00:00Z");
    begin(house, DAILY).await;
    for time in ["2027-03-27T07:59", "2027-03-27T08:00", "2027-03-28T06:59", "2027-03-28T07:00", "2027-03-29T07:00"] {
        look(house, &format!("{time}:00Z")).await;
    }
    assert_eq!(made(house).await, ["2027-03-27", "2027-03-28", "2027-03-29"]);

    set_clock(house, "2027-10-30T06:59:00Z");
    command(house, Series::Resume { name: "autumn".to_owned(), send_missed: false }).await;
    for time in ["2027-10-30T07:00", "2027-10-31T07:59", "2027-10-31T08:00", "2027-10-31T09:00"] {
        look(house, &format!("{time}:00Z")).await;
    }
    assert_eq!(made(house).await[3..], ["2027-10-30", "2027-10-31"]);
});

both!(the_thirty_first_of_february_is_its_last_day, |house| {
    set_clock(house, "2027-01-31T12:00:00Z");
    begin(house, "every = \"month\"\non = 31\nat = \"09:00\"\nzone = \"Europe/Moscow\"").await;
    for day in ["02-27", "02-28", "03-01", "03-28", "03-31", "04-30"] {
        look(house, &format!("2027-{day}T06:00:30Z")).await;
    }
    assert_eq!(made(house).await, ["2027-02-28", "2027-03-31", "2027-04-30"]);
});

both!(slots_missed_while_all_was_down_are_never_a_burst, |house| {
    begin(house, DAILY).await;
    look(house, "2026-11-22T08:00:00Z").await;

    look(house, "2026-11-27T20:00:00Z").await;

    assert_eq!(made(house).await, ["2026-11-22", "2026-11-27"]);
    add(house, &format!("{DAILY}\nlate = \"skip\"")).await;
    look(house, "2026-11-29T20:00:00Z").await;
    look(house, "2026-11-30T08:04:00Z").await;
    assert_eq!(made(house).await, ["2026-11-22", "2026-11-27", "2026-11-30"]);
});

both!(a_series_that_asks_waits_for_an_answer, |house| {
    begin(house, &format!("{DAILY}\nlate = \"ask\"")).await;
    look(house, "2026-11-24T12:00:00Z").await;
    let (stand_now, reason) = stand(house).await;
    assert_eq!(stand_now, Stand::Asking);
    assert!(reason.expect("a reason").contains("The slot of 2026-11-24 was missed"));
    look(house, "2026-11-25T08:00:00Z").await;
    assert!(made(house).await.is_empty());

    set_clock(house, "2026-11-25T12:00:00Z");
    command(house, Series::Resume { name: "autumn".to_owned(), send_missed: true }).await;
    look(house, "2026-11-25T12:00:01Z").await;
    assert_eq!(made(house).await, ["2026-11-25"]);
    assert_eq!(stand(house).await.0, Stand::Running);

    look(house, "2026-11-27T12:00:00Z").await;
    command(house, Series::Resume { name: "autumn".to_owned(), send_missed: false }).await;
    look(house, "2026-11-27T12:00:01Z").await;
    look(house, "2026-11-28T08:00:00Z").await;
    assert_eq!(made(house).await, ["2026-11-25", "2026-11-28"]);
});

both!(a_clock_that_jumps_makes_no_slot_twice_and_silences_none, |house| {
    begin(house, DAILY).await;
    for time in [
        "2026-11-22T08:00:00Z",
        "2026-11-23T08:00:00Z",
        "2026-11-23T07:00:00Z",
        "2026-11-22T08:01:00Z",
        "2026-11-20T08:00:00Z",
        "2026-11-23T08:00:30Z",
        "2026-11-23T12:00:00Z",
    ] {
        look(house, time).await;
    }
    assert_eq!(made(house).await, ["2026-11-22", "2026-11-23"]);

    // A year ahead for a moment, and back: the series goes on with its next day.
    look(house, "2027-11-23T12:00:00Z").await;
    look(house, "2026-11-23T13:00:00Z").await;
    look(house, "2026-11-24T08:00:00Z").await;
    look(house, "2026-11-25T20:00:00Z").await;
    let all = made(house).await;
    assert_eq!(all, ["2026-11-22", "2026-11-23", "2027-11-23", "2026-11-24", "2026-11-25"]);
});

both!(a_series_that_was_stopped_sends_nothing_of_the_time_between, |house| {
    begin(house, DAILY).await;
    let (json, text) = command(house, Series::Ls).await;
    assert_eq!(json[0]["next"], "2026-11-22T08:00:00Z");
    assert!(text.contains("next at 2026-11-22 09:00 Europe/Berlin"), "{text}");
    command(house, Series::Stop { name: "autumn".to_owned() }).await;
    look(house, "2026-11-22T08:00:00Z").await;
    look(house, "2026-11-23T08:00:00Z").await;
    command(house, Series::Resume { name: "autumn".to_owned(), send_missed: true }).await;
    look(house, "2026-11-23T08:00:01Z").await;
    assert!(made(house).await.is_empty());
    look(house, "2026-11-24T08:00:00Z").await;
    assert_eq!(made(house).await, ["2026-11-24"]);
});

both!(a_series_that_cannot_go_on_stops_and_says_why, |house| {
    begin(house, DAILY).await;
    add(house, DAILY).await;
    let path = house.folder.path().join("other.md");
    std::fs::write(&path, letter("").replace("\"autumn\"", "\"autumn-2026-11-22\"")).expect("a file");
    call(house, Command::Add { file: path }).await.expect("added");

    look(house, "2026-11-22T08:00:00Z").await;

    let (stand_now, reason) = stand(house).await;
    assert_eq!(stand_now, Stand::Stopped);
    assert!(reason.expect("a reason").contains("There is a campaign “autumn-2026-11-22” that no series made"));

    add(house, "hold = 5").await;
    let refused =
        call(house, Command::Series { command: Series::Resume { name: "autumn".to_owned(), send_missed: false } })
            .await;
    assert_eq!(refused.expect_err("no rhythm").message().key, "series-no-rhythm");
});

both!(each_slot_has_its_own_latest_time, |house| {
    begin(house, &format!("{DAILY}\nuntil = \"08:00\"")).await;
    look(house, "2026-11-22T08:00:00Z").await;
    assert_eq!(campaigns(house).await[0].until_at, Some(at("2026-11-22T08:00:00Z") + 23 * DAY / 24));
});

both!(the_draft_of_a_series_has_no_single_start, |house| {
    begin(house, DAILY).await;
    let start = Command::Start { name: "autumn".to_owned(), skip_missing: false, until: None };
    assert_eq!(call(house, start).await.expect_err("refused").message().key, "series-start");
    let (list, _) = command(house, Series::Ls).await;
    assert_eq!(list[0]["state"], "running");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_whose_list_is_closed_stops() {
    let house = House::new(Kind::Sqlite).await;
    begin(&house, DAILY).await;
    let list = campaigns(&house).await[0].list;
    sendoff::privacy::erasure::close(&house.home, house.workspace.id, list, |_| {}).await.expect("closed");

    look(&house, "2026-11-22T08:00:00Z").await;

    assert_eq!(stand(&house).await.0, Stand::Stopped);
    assert!(made(&house).await.is_empty());
    house.leave().await;
}
