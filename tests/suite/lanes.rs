//! Groups of recipient domains: one that is slowed, paused or used up for today holds up no other,
//! and no limit is exceeded by restarting or by sending from two machines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use sendoff::audience::subscription;
use sendoff::campaign::cap::Cap;
use sendoff::campaign::delivery::{self, Mark, regroup};
use sendoff::campaign::lane::{self, Lane};
use sendoff::campaign::state::{self, State};
use sendoff::cli::cap::{Limits, OrNone};
use sendoff::cli::lane::{self as door, Command};
use sendoff::ground::clock::DAY;
use sendoff::ground::text::Lang;
use sendoff::mailer::reception::{self, STRIKES};
use sendoff::mailer::shift::{self, Mode};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::canary;
use crate::house::{House, Kind, NOW, both};
use crate::mailer::{LETTER, campaign, house_with, mail, recipients, start, states, use_relay};
use crate::sink::{Act, Plan, Sink};

/// Puts `count` people at a domain on the list.
async fn at(house: &House, domain: &str, count: usize) {
    let people: Vec<_> = (0..count).map(|n| format!("person{n}@{domain}")).collect();
    house.join("News", &people.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

async fn limit(house: &House, lane: Lane) {
    let mut tx = house.home.db.write().await.expect("a transaction");
    lane::set(&mut tx, house.workspace.id, &lane).await.expect("a lane");
    tx.commit().await.expect("committed");
}

fn all(cap: Cap) -> Lane {
    Lane { cap, ..Lane::new("all", "") }
}

fn daily(daily: i64) -> Cap {
    Cap { daily: Some(daily), ..Cap::default() }
}

fn rate(rate: f64) -> Cap {
    Cap { rate: Some(rate), ..Cap::default() }
}

async fn waiting(house: &House) -> BTreeMap<String, i64> {
    let id = campaign(house).await.id;
    let mut conn = house.home.db.read().await.expect("a connection");
    regroup::waiting(&mut conn, id).await.expect("counted").into_iter().collect()
}

fn counts<const N: usize>(counts: [(&str, i64); N]) -> BTreeMap<String, i64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// Letters to a domain that the server accepted.
fn to(sink: &Sink, domain: &str) -> usize {
    recipients(sink).keys().filter(|to| to.contains(domain)).count()
}

async fn reception_of(house: &House, lane: &str) -> Option<reception::Reception> {
    let mut conn = house.home.db.read().await.expect("a connection");
    let all = reception::all(&mut conn, house.workspace.id).await.expect("read");
    all.into_iter().find(|(name, _)| name == lane).map(|(_, reception)| reception)
}

/// Sends for a moment, then stops.
async fn mail_for(house: &House, time: Duration) {
    let (stop, stopped) = watch::channel(false);
    let stopping = async {
        sleep(time).await;
        stop.send(true).expect("someone listens");
    };
    let (ended, ()) = tokio::join!(shift::work(&house.home, Mode::Forever, Arc::new(|| true), stopped), stopping);
    ended.expect("a clean end");
}

async fn until(met: impl Fn() -> bool) {
    timeout(Duration::from_secs(20), async {
        while !met() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it happens");
}

both!(letters_are_grouped_by_the_servers_behind_their_domains, |house| {
    let people = [
        "a@gmail.com",
        "b@googlemail.com",
        "c@hotmail.co.uk",
        "d@live.nl",
        "e@msn.com",
        "f@me.com",
        "g@bk.ru",
        "h@internet.ru",
        "i@yandex.kz",
        "j@ya.ru",
        "k@yahoo.co.jp",
        "l@aol.com",
        "\"x@gmail.com\"@example.org",
        "m@mail.gmail.com",
        "n@notgmail.com",
        "o@почта.рф",
    ];
    house.join("News", &people).await;
    start(house, LETTER).await;

    let expected =
        [("gmail", 2), ("icloud", 1), ("mail.ru", 2), ("outlook", 3), ("rest", 4), ("yahoo", 2), ("yandex", 2)];
    assert_eq!(waiting(house).await, counts(expected));
});

both!(changed_domains_regroup_what_waits, |house| {
    house.join("News", &["a@gmail.com", "b@почта.рф", "c@example.org", "d@sub.example.org"]).await;
    start(house, LETTER).await;
    let set = |name: &str, domains: &str| Command::Set {
        name: name.to_owned(),
        domains: Some(domains.to_owned()),
        connections: None,
        limits: Limits::default(),
    };

    let own = door::run(&house.home, &house.workspace, set("own", "Почта.рф,example.*,gmail.com"), Lang::En).await;
    assert_eq!(own.expect("set").json["moved"], 3);
    assert_eq!(waiting(house).await, counts([("own", 3), ("rest", 1)]));

    let removed = door::run(&house.home, &house.workspace, Command::Rm { name: "own".to_owned() }, Lang::Ru).await;
    assert_eq!(removed.expect("removed").json["moved"], 3);
    assert_eq!(waiting(house).await, counts([("gmail", 1), ("rest", 3)]));
});

both!(a_lane_is_set_shown_and_taken_back, |house| {
    let run = async |command| door::run(&house.home, &house.workspace, command, Lang::En).await;
    let set = |name: &str, limits: Limits| Command::Set {
        name: name.to_owned(),
        domains: None,
        connections: Some(OrNone(Some(2))),
        limits,
    };
    let limits = Limits {
        rate: Some(OrNone(Some(2.5))),
        daily: Some(OrNone(Some(1_000))),
        warm_up: Some(OrNone(Some("100:2".parse().expect("a ramp")))),
    };

    run(set("gmail", limits)).await.expect("set");
    let only_rate = Limits { rate: Some(OrNone(None)), ..Limits::default() };
    run(set("gmail", only_rate)).await.expect("set");
    let listed = run(Command::Ls).await.expect("listed");
    let gmail = listed.json.as_array().expect("rows").iter().find(|row| row["name"] == "gmail").expect("there").clone();
    assert_eq!(
        (&gmail["rate"], &gmail["daily"], &gmail["connections"]),
        (&serde_json::Value::Null, &1_000.into(), &2.into())
    );
    assert_eq!((&gmail["today"]["quota"], &gmail["domains"][0]), (&100.into(), &"gmail.com".into()));
    assert!(
        listed.text.contains("today 0 of 100 letters") && listed.text.contains("2 letters at a time"),
        "{}",
        listed.text
    );

    run(Command::Rm { name: "gmail".to_owned() }).await.expect("taken back");
    for (command, key) in [
        (Command::Rm { name: "gmail".to_owned() }, "lane-not-set"),
        (Command::Resume { name: "gmail".to_owned() }, "lane-at-ease"),
        (set("neu", Limits::default()), "lane-unknown"),
        (set("a b", Limits::default()), "lane-unknown"),
        (set("rest", Limits { rate: Some(OrNone(Some(-1.0))), ..Limits::default() }), "relay-rate"),
        (set("all", Limits { daily: Some(OrNone(Some(0))), ..Limits::default() }), "cap-daily"),
    ] {
        let refused = run(command).await.expect_err(key);
        assert_eq!((refused.message().key, refused.exit_code()), (key, 2));
    }
});

both!(a_greylisting_lane_holds_up_no_other_and_is_not_slowed, |house| {
    at(house, "gmail.com", 60).await;
    at(house, "example.org", 60).await;
    let sink = Plan::new()
        .on(|at| match at.verb {
            "RCPT" if at.line.contains("gmail") => Act::Say("451 4.7.1 Greylisted, come back in 5 minutes"),
            _ => Act::Usual,
        })
        .start()
        .await;
    use_relay(house, sink.target(), 2).await;
    start(house, LETTER).await;

    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 60), ("pending", 60)].into());
    assert_eq!(campaign(house).await.state, State::Running);
    assert_eq!(reception_of(house, "gmail").await, None);
});

both!(a_lane_that_is_told_too_fast_is_slowed_alone, |house| {
    at(house, "yandex.ru", 200).await;
    at(house, "example.org", 100).await;
    let sink = Plan::new()
        .on(|at| match at.verb {
            "RCPT" if at.line.contains("yandex") => Act::SayAndDrop("421 4.7.0 Try again later, too many messages"),
            _ => Act::Usual,
        })
        .start()
        .await;
    use_relay(house, sink.target(), 4).await;
    start(house, LETTER).await;

    mail_for(house, Duration::from_secs(3)).await;

    assert_eq!(to(&sink, "example.org"), 100);
    let pace = reception_of(house, "yandex").await.and_then(|reception| reception.pace(NOW)).expect("a pace");
    assert!(pace >= 0.1, "{pace}");
    assert_eq!(reception_of(house, "rest").await, None);
    let tried = 200 - waiting_untried(house).await;
    assert!(tried < 150, "{tried} were tried although the server wants fewer");
    assert_eq!(campaign(house).await.state, State::Running, "the relay is not in trouble");
    assert_eq!(states(house).await, [("accepted", 100), ("pending", 200)].into());

    // A restart begins at the pace that was learnt.
    let before = sink.log().connections;
    mail_for(house, Duration::from_secs(1)).await;
    assert!(sink.log().connections - before <= 2 + pace.ceil() as usize);
});

async fn waiting_untried(house: &House) -> i64 {
    let mut conn = house.home.db.read().await.expect("a connection");
    let row = sqlx::query("select count(*) from delivery where state = 'pending' and attempts = 0 and lane = 'yandex'");
    sqlx::Row::get(&row.fetch_one(&mut *conn).await.expect("counted"), 0)
}

both!(a_fault_of_ours_pauses_the_lane_and_touches_nobody, |house| {
    at(house, "gmail.com", 50).await;
    at(house, "example.org", 30).await;
    let mended = Arc::new(AtomicBool::default());
    let is_mended = mended.clone();
    let sink = Plan::new()
        .on(move |at| match at.verb {
            "RCPT" if at.line.contains("gmail") && !is_mended.load(Ordering::SeqCst) => {
                Act::Say("550 5.7.25 The IP address sending this message does not have a PTR record")
            }
            _ => Act::Usual,
        })
        .start()
        .await;
    use_relay(house, sink.target(), 3).await;
    let list = start(house, LETTER).await.list;

    let next = mail(house).await;

    assert_eq!(states(house).await, [("accepted", 30), ("pending", 50)].into());
    assert_eq!(campaign(house).await.state, State::Running);
    let asked = sink.log().commands.iter().filter(|line| line.starts_with("RCPT") && line.contains("gmail")).count();
    assert!((STRIKES as usize..STRIKES as usize + 3).contains(&asked), "{asked} were named before the pause");
    let people =
        subscription::count(&mut house.home.db.read().await.expect("a connection"), list).await.expect("counted");
    assert_eq!(people.iter().map(|(_, count)| count).sum::<i64>(), 80);
    let reason = reception_of(house, "gmail").await.expect("known").reason.expect("paused");
    for (lang, words) in [(Lang::En, "PTR record"), (Lang::Ru, "записи PTR")] {
        let told = lang.recall(&reason);
        assert!(
            told.contains(words) && told.contains("sendoff lane resume gmail") && !told.contains("person"),
            "{told}"
        );
    }
    assert!(next.is_none_or(|next| next > NOW), "{next:?}");

    // Nothing moves until someone says that it is mended.
    mail(house).await;
    assert_eq!(to(&sink, "gmail"), 0);
    mended.store(true, Ordering::SeqCst);
    door::run(&house.home, &house.workspace, Command::Resume { name: "gmail".to_owned() }, Lang::En)
        .await
        .expect("resumed");
    house.home.clock.advance(900_001);
    mail(house).await;
    assert_eq!(states(house).await, [("accepted", 80)].into());
    assert_eq!(campaign(house).await.state, State::Finished);
});

both!(a_lane_has_only_so_many_letters_on_the_wire, |house| {
    at(house, "gmail.com", 30).await;
    let (now, most) = (Arc::<AtomicI64>::default(), Arc::<AtomicI64>::default());
    let (on_wire, seen) = (now.clone(), most.clone());
    let sink = Plan::new()
        .on(move |at| {
            if at.verb == "RCPT" {
                seen.fetch_max(on_wire.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                return Act::late(5);
            }
            if at.verb == "." {
                on_wire.fetch_sub(1, Ordering::SeqCst);
            }
            Act::Usual
        })
        .start()
        .await;
    use_relay(house, sink.target(), 6).await;
    limit(house, Lane { connections: Some(2), ..Lane::new("gmail", "gmail.com googlemail.com") }).await;
    start(house, LETTER).await;

    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 30)].into());
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)), "{most:?}");
});

both!(a_quota_goes_on_the_next_day, |house| {
    house_with(house, 25).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 4).await;
    limit(house, all(daily(10))).await;
    start(house, LETTER).await;
    let midnight = (NOW / DAY + 1) * DAY;

    assert_eq!(mail(house).await, Some(midnight));
    assert_eq!(states(house).await, [("accepted", 10), ("pending", 15)].into());
    assert_eq!(mail(house).await, Some(midnight), "asking again gives no more");
    assert_eq!(states(house).await["accepted"], 10);

    house.home.clock.advance(DAY);
    assert_eq!(mail(house).await, Some(midnight + DAY));
    assert_eq!(states(house).await["accepted"], 20);
    house.home.clock.advance(DAY);
    assert_eq!(mail(house).await, None);
    assert_eq!(states(house).await, [("accepted", 25)].into());
    assert_eq!(campaign(house).await.state, State::Finished);
});

both!(a_warm_up_grows_only_by_days_of_sending, |house| {
    at(house, "gmail.com", 40).await;
    at(house, "example.org", 5).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 4).await;
    let cap = Cap { daily: Some(12), ramp: Some("4:2".parse().expect("a ramp")), rate: None };
    limit(house, Lane { cap, ..Lane::new("gmail", "gmail.com googlemail.com") }).await;
    start(house, LETTER).await;

    let mut sent = Vec::new();
    for days in [0, 1, 5, 1] {
        house.home.clock.advance(days * DAY);
        mail(house).await;
        sent.push(to(&sink, "gmail"));
    }

    assert_eq!(sent, [4, 12, 24, 36], "4, 8, then the quota of 12");
    assert_eq!(to(&sink, "example.org"), 5, "another lane has no ramp");
});

both!(a_restart_does_not_burst, |house| {
    house_with(house, 60).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 4).await;
    limit(house, all(rate(5.0))).await;
    start(house, LETTER).await;

    // The clock stands: one second's worth is all there is, however often we begin.
    for _ in 0..4 {
        mail_for(house, Duration::from_millis(1_200)).await;
    }
    assert_eq!(recipients(&sink).len(), 5);
    house.home.clock.advance(1_000);
    mail_for(house, Duration::from_millis(1_200)).await;
    assert_eq!(recipients(&sink).len(), 10);
});

both!(a_limit_changes_while_letters_go_out, |house| {
    house_with(house, 80).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 4).await;
    limit(house, Lane { cap: rate(3.0), ..Lane::new("rest", "") }).await;
    start(house, LETTER).await;

    let lifting = async {
        until(|| sink.log().letters.len() == 3).await;
        limit(house, Lane::new("rest", "")).await;
    };
    timeout(Duration::from_secs(20), async { tokio::join!(mail(house), lifting) }).await.expect("an end");

    assert_eq!(states(house).await, [("accepted", 80)].into());
});

both!(a_paused_campaign_gives_back_what_it_had_drawn, |house| {
    house_with(house, 40).await;
    let sink = Plan::new().at(".", Act::late(20)).start().await;
    use_relay(house, sink.target(), 2).await;
    limit(house, all(daily(40))).await;
    let running = start(house, LETTER).await;

    let pausing = async {
        until(|| sink.log().letters.len() >= 3).await;
        let mut tx = house.home.db.write().await.expect("a transaction");
        state::pause(&mut tx, &running, "by hand").await.expect("paused");
        tx.commit().await.expect("committed");
    };
    tokio::join!(mail(house), pausing);
    assert!(sink.log().letters.len() < 40);
    let mut tx = house.home.db.write().await.expect("a transaction");
    state::resume(&mut tx, &campaign(house).await).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 40)].into(), "the day has exactly as many");
});

both!(too_many_unknown_addresses_stop_a_campaign_once, |house| {
    house_with(house, 120).await;
    let sink = Plan::new().at("RCPT", Act::Say("550 5.1.1 no such user")).start().await;
    use_relay(house, sink.target(), 3).await;
    start(house, LETTER).await;

    mail(house).await;

    let stopped = campaign(house).await;
    assert_eq!(stopped.state, State::Paused);
    assert!(stopped.reason.expect("a reason").contains("breaker-bounces"));
    let rejected = states(house).await["rejected"];
    assert!((26..26 + 6).contains(&rejected), "{rejected}");

    // Whoever resumes it has decided.
    let mut tx = house.home.db.write().await.expect("a transaction");
    state::resume(&mut tx, &campaign(house).await).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(house).await;
    assert_eq!(states(house).await, [("rejected", 120)].into());
    let counts =
        delivery::count(&mut house.home.db.read().await.expect("a connection"), campaign(house).await.id).await;
    assert_eq!(counts.expect("counted").len(), 1);
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_mailers_share_one_limit() {
    if crate::house::server().is_none() {
        return;
    }
    let house = House::new(Kind::Postgres).await;
    house_with(&house, 120).await;
    let sink = Plan::new().at(".", Act::late(5)).start().await;
    use_relay(&house, sink.target(), 3).await;
    limit(&house, all(daily(50))).await;
    limit(&house, Lane { cap: rate(20.0), ..Lane::new("rest", "") }).await;
    start(&house, LETTER).await;

    // The clock stands: a second's worth of the rate for both together.
    tokio::join!(mail_for(&house, Duration::from_secs(2)), mail_for(&house, Duration::from_secs(2)));
    assert_eq!(recipients(&sink).len(), 20);

    limit(&house, Lane::new("rest", "")).await;
    tokio::join!(mail(&house), mail(&house));
    assert_eq!(recipients(&sink).len(), 50, "the day's letters for both together");
    assert_eq!(states(&house).await, [("accepted", 50), ("pending", 70)].into());
    house.leave().await;
}

both!(a_letter_put_off_is_not_marked_before_its_time, |house| {
    house_with(house, 1).await;
    let running = start(house, LETTER).await;
    let [claimed] = canary::claim(house, canary::MAILER, running.id, 1).await.try_into().expect("one letter");
    let mark = async || {
        let mark = Mark { id: claimed.id, campaign: running.id, relay: 1 };
        let mut tx = house.home.db.write().await.expect("a transaction");
        let marked = delivery::mark(&mut tx, canary::MAILER, &[mark], house.home.clock.now()).await.expect("asked");
        tx.commit().await.expect("committed");
        marked.len()
    };

    assert_eq!(mark().await, 1);
    canary::end(house, &running, &[(claimed.id, delivery::State::Pending)]).await;
    assert_eq!(mark().await, 0, "whoever had claimed it before it was put off must not send it");
    house.home.clock.advance(1);
    assert_eq!(mark().await, 1);
});
