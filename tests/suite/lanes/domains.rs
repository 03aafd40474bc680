//! Lanes by recipient domain.

use sendoff::cli::lane::{self as door, Command};
use sendoff::cli::limit_options::{Limits, OrNone};
use sendoff::infra::i18n::Lang;

use super::fixture::{counts, waiting};
use crate::fixture::both;
use crate::mailer::fixture::{EMAIL, start};

both!(deliveries_are_grouped_by_domain, |fixture| {
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
        "p@iclouds.ru",
        "q@outlook-x.org",
    ];
    fixture.subscribe("News", &people).await;
    start(fixture, EMAIL).await;

    let expected =
        [("gmail", 2), ("icloud", 1), ("mail.ru", 2), ("outlook", 3), ("rest", 6), ("yahoo", 2), ("yandex", 2)];
    assert_eq!(waiting(fixture).await, counts(expected));
});

both!(changed_domains_reassign_pending_deliveries, |fixture| {
    fixture.subscribe("News", &["a@gmail.com", "b@почта.рф", "c@example.org", "d@sub.example.org"]).await;
    start(fixture, EMAIL).await;
    let set = |name: &str, domains: &str| Command::Set {
        name: name.to_owned(),
        domains: Some(domains.to_owned()),
        connections: None,
        limits: Limits::default(),
    };

    let own =
        door::run(&fixture.installation, &fixture.actor, set("own", "Почта.рф,example.*,gmail.com"), Lang::EN).await;
    assert_eq!(own.expect("set").json["moved"], 3);
    assert_eq!(waiting(fixture).await, counts([("own", 3), ("rest", 1)]));

    let removed =
        door::run(&fixture.installation, &fixture.actor, Command::Rm { name: "own".to_owned() }, Lang::RU).await;
    assert_eq!(removed.expect("removed").json["moved"], 3);
    assert_eq!(waiting(fixture).await, counts([("gmail", 1), ("rest", 3)]));
});

both!(lane_is_set_shown_and_reset, |fixture| {
    let run = async |command| door::run(&fixture.installation, &fixture.actor, command, Lang::EN).await;
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
        listed.text.contains("today 0 of 100 messages") && listed.text.contains("2 messages at a time"),
        "{}",
        listed.text
    );

    run(Command::Rm { name: "gmail".to_owned() }).await.expect("taken back");
    for (command, key) in [
        (Command::Rm { name: "gmail".to_owned() }, "lane-not-set"),
        (Command::Resume { name: "gmail".to_owned() }, "lane-not-limited"),
        (set("neu", Limits::default()), "lane-unknown"),
        (set("a b", Limits::default()), "lane-unknown"),
        (set("rest", Limits { rate: Some(OrNone(Some(-1.0))), ..Limits::default() }), "relay-rate"),
        (set("all", Limits { daily: Some(OrNone(Some(0))), ..Limits::default() }), "limit-daily-invalid"),
    ] {
        let refused = run(command).await.expect_err(key);
        assert_eq!((refused.message().key, refused.exit_code()), (key, 2));
    }
});
