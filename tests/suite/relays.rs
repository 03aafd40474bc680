//! Several relays: weights, failing relays, spare relays, and campaigns bound to a relay.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sendoff::campaign::launch;
use sendoff::campaign::model::transition;
use sendoff::campaign::model::{self, State};
use sendoff::campaign::rate_limit::RateLimit;
use sendoff::cli::relay::{self as door, Command, Traits};
use sendoff::infra::i18n::Lang;
use sendoff::infra::setting::{self, Setting};
use sendoff::mailer::relay::{self, Relay, RelayKind};
use tokio::time::{sleep, timeout};

use crate::fixture::{Fixture, both};
use crate::mail_sink::{Action, Plan, Sink};
use crate::mailer::fixture::{EMAIL, campaign, mail, recipients, start, states, subscribe_many};

fn to(sink: &Sink, name: &str) -> Relay {
    Relay { name: name.to_owned(), ..Relay::to(RelayKind::Smtp(Box::new(sink.target()))) }
}

async fn set(fixture: &Fixture, relays: &[Relay]) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    for relay in relays {
        relay::save(&fixture.installation, &mut tx, fixture.workspace.id, relay).await.expect("a relay");
    }
    setting::set(&mut tx, Setting::RelayPatience, "1").await.expect("a setting");
    tx.commit().await.expect("committed");
}

async fn resume(fixture: &Fixture) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    transition::resume(&mut tx, &campaign(fixture).await).await.expect("resumed");
    tx.commit().await.expect("committed");
}

/// A server that refuses sessions while it is failing.
async fn sickly(sick: &Arc<AtomicBool>) -> Sink {
    let sick = sick.clone();
    Plan::new()
        .on(move |at| match at.verb {
            "CONNECT" | "MAIL" if sick.load(Ordering::SeqCst) => Action::Drop,
            _ => Action::Usual,
        })
        .start()
        .await
}

both!(messages_are_spread_over_relays_by_weight, |fixture| {
    subscribe_many(fixture, 1_000).await;
    let (one, two, three) = (Plan::new().start().await, Plan::new().start().await, Plan::new().start().await);
    let relays = [(&one, "main", 5), (&two, "b", 3), (&three, "c", 2)];
    set(fixture, &relays.map(|(sink, name, weight)| Relay { weight, ..to(sink, name) })).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 1_000)].into());
    let dealt = [&one, &two, &three].map(|sink| recipients(sink).len());
    for (count, share) in dealt.iter().zip([500_i64, 300, 200]) {
        assert!((*count as i64 - share).abs() <= 30, "{dealt:?}");
    }
});

both!(failing_relay_loses_its_share_and_gets_it_back, |fixture| {
    subscribe_many(fixture, 400).await;
    let sick = Arc::new(AtomicBool::new(true));
    let weak = sickly(&sick).await;
    let strong = Plan::new().at(".", Action::late(25)).start().await;
    set(fixture, &[to(&weak, "main"), Relay { connections: 2, ..to(&strong, "other") }]).await;
    start(fixture, EMAIL).await;

    let recovering = async {
        while recipients(&strong).len() < 100 {
            sleep(Duration::from_millis(10)).await;
        }
        sick.store(false, Ordering::SeqCst);
    };
    timeout(Duration::from_secs(240), async { tokio::join!(mail(fixture), recovering) }).await.expect("an end");

    assert_eq!(states(fixture).await, [("accepted", 400)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
    let (first, second) = (recipients(&weak), recipients(&strong));
    assert!(!first.is_empty() && second.len() >= 100, "{} and {}", first.len(), second.len());
    assert!(first.keys().all(|person| !second.contains_key(person)), "no recipient gets two");
});

both!(campaign_is_paused_only_when_every_relay_fails, |fixture| {
    subscribe_many(fixture, 30).await;
    let (sick, well) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
    let (one, two) = (sickly(&sick).await, sickly(&well).await);
    set(fixture, &[to(&one, "main"), to(&two, "other")]).await;
    start(fixture, EMAIL).await;

    timeout(Duration::from_secs(120), mail(fixture)).await.expect("an end");
    assert_eq!(campaign(fixture).await.state, State::Paused);
    assert_eq!(states(fixture).await, [("pending", 30)].into());

    // A resume resets the breakers, and one relay is enough.
    well.store(false, Ordering::SeqCst);
    resume(fixture).await;
    timeout(Duration::from_secs(120), mail(fixture)).await.expect("an end");
    assert_eq!(states(fixture).await, [("accepted", 30)].into());
    assert_eq!((recipients(&one).len(), recipients(&two).len()), (0, 30));
});

both!(spare_relay_is_used_only_while_no_other_is_available, |fixture| {
    subscribe_many(fixture, 40).await;
    let sick = Arc::new(AtomicBool::default());
    let (one, two) = (sickly(&sick).await, Plan::new().start().await);
    set(fixture, &[to(&one, "main"), Relay { spare: true, weight: 100, ..to(&two, "spare") }]).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;
    assert_eq!((recipients(&one).len(), recipients(&two).len()), (40, 0));

    sick.store(true, Ordering::SeqCst);
    let again = EMAIL.replace("autumn", "winter");
    let second = start_as(fixture, &again, "winter").await;
    timeout(Duration::from_secs(120), mail(fixture)).await.expect("an end");
    assert_eq!(second, 40);
    assert_eq!((recipients(&one).len(), recipients(&two).len()), (40, 40));
});

/// Launches an email under another name; returns the number of deliveries.
pub async fn start_as(fixture: &Fixture, email: &str, name: &str) -> u64 {
    let draft = fixture.draft_to_news(name, email).await;
    launch::start(&fixture.installation, &draft).await.expect("launched").expect("begun")
}

both!(bound_campaign_uses_its_relay_or_waits, |fixture| {
    subscribe_many(fixture, 10).await;
    let sick = Arc::new(AtomicBool::new(true));
    let (general, bound, named) = (Plan::new().start().await, Plan::new().start().await, sickly(&sick).await);
    let senders = vec!["shop.example".to_owned()];
    set(fixture, &[to(&general, "main"), Relay { senders, ..to(&bound, "shop") }, to(&named, "third")]).await;

    // By its sender, news@shop.example.
    start(fixture, EMAIL).await;
    mail(fixture).await;
    assert_eq!((recipients(&general).len(), recipients(&bound).len(), recipients(&named).len()), (0, 10, 0));

    // By its name; no other relay is used.
    let email = EMAIL.replace("autumn", "winter").replace("subject", "relay = \"third\"\nsubject");
    start_as(fixture, &email, "winter").await;
    timeout(Duration::from_secs(120), mail(fixture)).await.expect("an end");
    assert_eq!((recipients(&general).len(), recipients(&bound).len(), recipients(&named).len()), (0, 10, 0));
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let paused = model::find_by_name(&mut tx, fixture.workspace.id, "winter").await.expect("there");
    assert_eq!(paused.state, State::Paused);
    sick.store(false, Ordering::SeqCst);
    transition::resume(&mut tx, &paused).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(fixture).await;
    assert_eq!(recipients(&named).len(), 10);

    // An unknown relay is the reason of the pause.
    let email = EMAIL.replace("autumn", "spring").replace("subject", "relay = \"fourth\"\nsubject");
    start_as(fixture, &email, "spring").await;
    mail(fixture).await;
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let paused = model::find_by_name(&mut conn, fixture.workspace.id, "spring").await.expect("there");
    let reason = Lang::EN.translate_packed(&paused.reason.expect("a reason"));
    assert!(paused.state == State::Paused && reason.contains("“fourth”"), "{reason}");
});

both!(hanging_relay_does_not_delay_the_others, |fixture| {
    subscribe_many(fixture, 1_400).await;
    let (hangs, goes) = (Plan::new().at("MAIL", Action::Silent).start().await, Plan::new().start().await);
    set(fixture, &[Relay { connections: 1, ..to(&hangs, "main") }, to(&goes, "other")]).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::SmtpTimers, "1").await.expect("a setting");
    tx.commit().await.expect("committed");
    start(fixture, EMAIL).await;

    timeout(Duration::from_secs(240), mail(fixture)).await.expect("an end");

    assert_eq!(states(fixture).await, [("accepted", 1_400)].into());
    assert_eq!(recipients(&goes).len(), 1_400);
});

both!(relay_with_exhausted_quota_leaves_the_rest_to_others, |fixture| {
    subscribe_many(fixture, 50).await;
    let (one, two) = (Plan::new().start().await, Plan::new().start().await);
    let cap = |daily| RateLimit { daily: Some(daily), ..RateLimit::default() };
    set(
        fixture,
        &[Relay { rate_limit: cap(10), ..to(&one, "main") }, Relay { rate_limit: cap(25), ..to(&two, "other") }],
    )
    .await;
    start(fixture, EMAIL).await;

    let next = mail(fixture).await;

    assert_eq!((recipients(&one).len(), recipients(&two).len()), (10, 25));
    assert!(next.is_some_and(|next| next > fixture.installation.clock.now()));
});

both!(command_manages_several_relays, |fixture| {
    let run = async |command| door::run(&fixture.installation, &fixture.actor, command, Lang::EN).await;
    let set = |name: &str, target: Option<&str>, traits: Traits| Command::Set {
        name: name.to_owned(),
        target: target.map(str::to_owned),
        traits,
    };
    let plain = Traits::default;

    run(set("smtp", Some("smtp://one.example.org"), plain())).await.expect("main");
    let folder = fixture.folder.path().join("out");
    let traits = Traits {
        weight: Some(3),
        spare: Some(true),
        ahead: Some(8),
        senders: vec!["News@Shop.example".to_owned(), "почта.рф".to_owned()],
        ..plain()
    };
    let added = run(set("second", Some(&format!("file:{}", folder.display())), traits)).await.expect("added");
    assert_eq!(added.json["for"], serde_json::json!(["n***@s***.example", "xn--80a1acny.xn--p1ai"]));
    assert!(!format!("{added:?}").contains("news@"), "an address is not printed");

    run(set("second", None, Traits { weight: Some(7), ..plain() })).await.expect("changed");
    let listed = run(Command::Ls).await.expect("listed").json;
    let rows: Vec<_> = listed
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (&row["name"], &row["weight"], &row["spare"], &row["ahead"]))
        .collect();
    assert_eq!(
        rows,
        [(&"main".into(), &1.into(), &false.into(), &1.into()), (&"second".into(), &7.into(), &true.into(), &8.into())]
    );
    assert_eq!(run(Command::Show { name: None }).await.expect("shown").json["target"], "smtp://one.example.org:25");
    let kept = relay::list(
        &fixture.installation,
        &mut fixture.installation.db.read().await.expect("a connection"),
        fixture.workspace.id,
    )
    .await;
    let kept = kept.expect("read");
    assert_eq!((kept[0].id, &kept[1].kind), (fixture.workspace.id, &RelayKind::Folder(PathBuf::from(&folder))));
    assert!(kept[1].id != kept[0].id && kept[1].senders[0] == "news@shop.example");

    for (command, key) in [
        (set("third", None, plain()), "relay-unknown"),
        (set("capture", Some("smtp://x.example.org"), plain()), "relay-name-reserved"),
        (set("second", None, Traits { senders: vec!["nobody".to_owned()], ..plain() }), "relay-for"),
        (set("second", None, Traits { weight: Some(0), ..plain() }), "relay-weight"),
        (set("second", None, Traits { ahead: Some(0), ..plain() }), "relay-ahead"),
        (set("a b", Some("capture"), plain()), "lane-name"),
        (Command::Rm { name: "third".to_owned() }, "relay-unknown"),
    ] {
        let refused = run(command).await.expect_err(key);
        assert_eq!((refused.message().key, refused.exit_code()), (key, 2));
    }
    let removed = run(Command::Rm { name: "main".to_owned() }).await.expect("removed");
    assert_eq!(removed.json["left"], serde_json::json!(["second"]));
});
