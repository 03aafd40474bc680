//! Series: each occurrence becomes one campaign, whatever clocks and mailers do.

use sendoff::campaign::launch;
use sendoff::campaign::model::{self, Campaign, State};
use sendoff::campaign::series::{self, State as SeriesState};
use sendoff::cli::campaign::Command;
use sendoff::cli::series::Command as Series;
use sendoff::infra::clock::{Clock, DAY};
use sendoff::infra::i18n::Lang;
use sendoff::infra::installation::Installation;
use tokio::task::JoinSet;

use crate::fixture::{Fixture, Kind, both};
use crate::mail_sink::Plan;
use crate::mailer::fixture::{mail, recipients, subscribe_many, use_relay};
use crate::time::fixture::{at, call, email_with, publish, set_clock};

const DAILY: &str = "every = \"day\"\nat = \"09:00\"\nzone = \"Europe/Berlin\"";

/// Adds the file and starts its series.
async fn start_series(fixture: &Fixture, lines: &str) {
    subscribe_many(fixture, 2).await;
    publish(fixture).await;
    add(fixture, lines).await;
    let schedule = Command::Schedule { name: "autumn".to_owned(), at: None, zone: None };
    call(fixture, schedule).await.expect("started");
}

async fn add(fixture: &Fixture, lines: &str) {
    let path = fixture.folder.path().join("email.md");
    std::fs::write(&path, email_with(lines)).expect("a file");
    call(fixture, Command::Add { file: path }).await.expect("added");
}

async fn command(fixture: &Fixture, command: Series) -> (serde_json::Value, String) {
    call(fixture, Command::Series { command }).await.expect("carried out")
}

/// Days of the campaigns of occurrences, oldest first.
async fn occurrences(fixture: &Fixture) -> Vec<String> {
    let all = campaigns(fixture).await.into_iter().rev();
    all.filter_map(|campaign| campaign.name.strip_prefix("autumn-").map(str::to_owned)).collect()
}

async fn campaigns(fixture: &Fixture) -> Vec<Campaign> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    model::list(&mut conn, fixture.workspace.id).await.expect("listed")
}

async fn series_state(fixture: &Fixture) -> (SeriesState, Option<String>) {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let all = series::list(&mut conn, fixture.workspace.id).await.expect("listed");
    (all[0].state, all[0].reason.as_deref().map(|reason| Lang::EN.translate_packed(reason)))
}

async fn run_due_at(fixture: &Fixture, time: &str) {
    set_clock(fixture, time);
    launch::run_due(&fixture.installation).await.expect("run");
}

both!(concurrent_mailers_create_one_campaign_per_occurrence, |fixture| {
    start_series(fixture, DAILY).await;
    run_due_at(fixture, "2026-11-22T07:59:59.999Z").await;
    assert!(occurrences(fixture).await.is_empty());
    set_clock(fixture, "2026-11-22T08:00:00Z");

    let mut runs = JoinSet::new();
    for _ in 0..20 {
        let installation = fixture.installation.clone();
        runs.spawn(async move { launch::run_due(&installation).await });
    }
    for run in runs.join_all().await {
        run.expect("run");
    }

    assert_eq!(occurrences(fixture).await, ["2026-11-22"]);
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 2).await;
    mail(fixture).await;
    mail(fixture).await;
    assert_eq!(recipients(&sink).values().copied().collect::<Vec<_>>(), [1, 1]);
});

both!(a_campaign_created_by_a_dead_mailer_is_started_by_another, |fixture| {
    start_series(fixture, DAILY).await;
    set_clock(fixture, "2026-11-22T08:00:00Z");
    series::run_due(&fixture.installation, &mut Default::default()).await.expect("created");
    assert_eq!(campaigns(fixture).await[0].state, State::Scheduled);

    // Another process opens the same database an hour later.
    let later = Clock::fixed(at("2026-11-22T09:00:00Z"));
    let installation = Installation::open(fixture.installation.config.clone(), later).await.expect("opens");
    launch::run_due(&installation).await.expect("run");

    assert_eq!(occurrences(fixture).await, ["2026-11-22"]);
    let campaign = &campaigns(fixture).await[0];
    assert_eq!((campaign.state, campaign.starts_at), (State::Running, Some(at("2026-11-22T08:00:00Z"))));
    assert_eq!(campaign.starts_local.as_deref(), Some("2026-11-22 09:00"));
    installation.db.close().await;
});

both!(occurrences_keep_their_hour_when_the_clocks_change, |fixture| {
    set_clock(fixture, "2027-03-26T12:00:00Z");
    start_series(fixture, DAILY).await;
    for time in ["2027-03-27T07:59", "2027-03-27T08:00", "2027-03-28T06:59", "2027-03-28T07:00", "2027-03-29T07:00"] {
        run_due_at(fixture, &format!("{time}:00Z")).await;
    }
    assert_eq!(occurrences(fixture).await, ["2027-03-27", "2027-03-28", "2027-03-29"]);

    set_clock(fixture, "2027-10-30T06:59:00Z");
    command(fixture, Series::Resume { name: "autumn".to_owned(), send_missed: false }).await;
    for time in ["2027-10-30T07:00", "2027-10-31T07:59", "2027-10-31T08:00", "2027-10-31T09:00"] {
        run_due_at(fixture, &format!("{time}:00Z")).await;
    }
    assert_eq!(occurrences(fixture).await[3..], ["2027-10-30", "2027-10-31"]);
});

both!(day_31_is_the_last_day_of_a_shorter_month, |fixture| {
    set_clock(fixture, "2027-01-31T12:00:00Z");
    start_series(fixture, "every = \"month\"\non = 31\nat = \"09:00\"\nzone = \"Europe/Moscow\"").await;
    for day in ["02-27", "02-28", "03-01", "03-28", "03-31", "04-30"] {
        run_due_at(fixture, &format!("2027-{day}T06:00:30Z")).await;
    }
    assert_eq!(occurrences(fixture).await, ["2027-02-28", "2027-03-31", "2027-04-30"]);
});

both!(missed_occurrences_are_sent_once_or_skipped, |fixture| {
    start_series(fixture, DAILY).await;
    run_due_at(fixture, "2026-11-22T08:00:00Z").await;

    run_due_at(fixture, "2026-11-27T20:00:00Z").await;

    assert_eq!(occurrences(fixture).await, ["2026-11-22", "2026-11-27"]);
    add(fixture, &format!("{DAILY}\nlate = \"skip\"")).await;
    run_due_at(fixture, "2026-11-29T20:00:00Z").await;
    run_due_at(fixture, "2026-11-30T08:04:00Z").await;
    assert_eq!(occurrences(fixture).await, ["2026-11-22", "2026-11-27", "2026-11-30"]);
});

both!(an_asking_series_waits_for_a_decision, |fixture| {
    start_series(fixture, &format!("{DAILY}\nlate = \"ask\"")).await;
    run_due_at(fixture, "2026-11-24T12:00:00Z").await;
    let (state, reason) = series_state(fixture).await;
    assert_eq!(state, SeriesState::Asking);
    assert!(reason.expect("a reason").contains("The occurrence of 2026-11-24 was missed"));
    run_due_at(fixture, "2026-11-25T08:00:00Z").await;
    assert!(occurrences(fixture).await.is_empty());

    set_clock(fixture, "2026-11-25T12:00:00Z");
    command(fixture, Series::Resume { name: "autumn".to_owned(), send_missed: true }).await;
    run_due_at(fixture, "2026-11-25T12:00:01Z").await;
    assert_eq!(occurrences(fixture).await, ["2026-11-25"]);
    assert_eq!(series_state(fixture).await.0, SeriesState::Running);

    run_due_at(fixture, "2026-11-27T12:00:00Z").await;
    command(fixture, Series::Resume { name: "autumn".to_owned(), send_missed: false }).await;
    run_due_at(fixture, "2026-11-27T12:00:01Z").await;
    run_due_at(fixture, "2026-11-28T08:00:00Z").await;
    assert_eq!(occurrences(fixture).await, ["2026-11-25", "2026-11-28"]);
});

both!(a_jumping_clock_repeats_and_skips_no_occurrence, |fixture| {
    start_series(fixture, DAILY).await;
    for time in [
        "2026-11-22T08:00:00Z",
        "2026-11-23T08:00:00Z",
        "2026-11-23T07:00:00Z",
        "2026-11-22T08:01:00Z",
        "2026-11-20T08:00:00Z",
        "2026-11-23T08:00:30Z",
        "2026-11-23T12:00:00Z",
    ] {
        run_due_at(fixture, time).await;
    }
    assert_eq!(occurrences(fixture).await, ["2026-11-22", "2026-11-23"]);

    // A year ahead for a moment, and back: the series goes on with its next day.
    run_due_at(fixture, "2027-11-23T12:00:00Z").await;
    run_due_at(fixture, "2026-11-23T13:00:00Z").await;
    run_due_at(fixture, "2026-11-24T08:00:00Z").await;
    run_due_at(fixture, "2026-11-25T20:00:00Z").await;
    let all = occurrences(fixture).await;
    assert_eq!(all, ["2026-11-22", "2026-11-23", "2027-11-23", "2026-11-24", "2026-11-25"]);
});

both!(a_stopped_series_skips_the_time_until_its_resume, |fixture| {
    start_series(fixture, DAILY).await;
    let (json, text) = command(fixture, Series::Ls).await;
    assert_eq!(json[0]["next"], "2026-11-22T08:00:00Z");
    assert!(text.contains("next at 2026-11-22 09:00 Europe/Berlin"), "{text}");
    command(fixture, Series::Stop { name: "autumn".to_owned() }).await;
    run_due_at(fixture, "2026-11-22T08:00:00Z").await;
    run_due_at(fixture, "2026-11-23T08:00:00Z").await;
    command(fixture, Series::Resume { name: "autumn".to_owned(), send_missed: true }).await;
    run_due_at(fixture, "2026-11-23T08:00:01Z").await;
    assert!(occurrences(fixture).await.is_empty());
    run_due_at(fixture, "2026-11-24T08:00:00Z").await;
    assert_eq!(occurrences(fixture).await, ["2026-11-24"]);
});

both!(a_broken_series_stops_with_its_reason, |fixture| {
    start_series(fixture, DAILY).await;
    add(fixture, DAILY).await;
    let path = fixture.folder.path().join("other.md");
    std::fs::write(&path, email_with("").replace("\"autumn\"", "\"autumn-2026-11-22\"")).expect("a file");
    call(fixture, Command::Add { file: path }).await.expect("added");

    run_due_at(fixture, "2026-11-22T08:00:00Z").await;

    let (state, reason) = series_state(fixture).await;
    assert_eq!(state, SeriesState::Stopped);
    assert!(
        reason.expect("a reason").contains("A campaign “autumn-2026-11-22” that does not belong to the series exists")
    );

    add(fixture, "hold = 5").await;
    let refused =
        call(fixture, Command::Series { command: Series::Resume { name: "autumn".to_owned(), send_missed: false } })
            .await;
    assert_eq!(refused.expect_err("no recurrence").message().key, "series-no-recurrence");
});

both!(each_occurrence_has_its_own_latest_time, |fixture| {
    start_series(fixture, &format!("{DAILY}\nuntil = \"08:00\"")).await;
    run_due_at(fixture, "2026-11-22T08:00:00Z").await;
    assert_eq!(campaigns(fixture).await[0].until_at, Some(at("2026-11-22T08:00:00Z") + 23 * DAY / 24));
});

both!(the_draft_of_a_series_cannot_be_started, |fixture| {
    start_series(fixture, DAILY).await;
    let start = Command::Start { name: "autumn".to_owned(), skip_missing: false, until: None };
    assert_eq!(call(fixture, start).await.expect_err("refused").message().key, "series-start");
    let (list, _) = command(fixture, Series::Ls).await;
    assert_eq!(list[0]["state"], "running");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_the_list_stops_its_series() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    start_series(&fixture, DAILY).await;
    let list = campaigns(&fixture).await[0].list;
    sendoff::privacy::erasure::close_list(&fixture.installation, fixture.workspace.id, list, |_| {})
        .await
        .expect("closed");

    run_due_at(&fixture, "2026-11-22T08:00:00Z").await;

    assert_eq!(series_state(&fixture).await.0, SeriesState::Stopped);
    assert!(occurrences(&fixture).await.is_empty());
    fixture.close().await;
}
