//! Files of other programs that say who may be mailed: what is asked, and what follows from each answer.

use sendoff::audience::address::Address;
use sendoff::audience::import::{Reading, Request, StatusRule, Summary};
use sendoff::audience::{contact, hard_bounce, list, subscription};
use sendoff::infra::error::Result;
use sendoff::infra::i18n::Lang;
use sendoff::usecase::import;

use super::fixture::{count, counts, file, find, key, request, set_up};
use crate::fixture::{Fixture, both};

async fn run(fixture: &Fixture, request: &Request) -> Result<Summary> {
    import::run(&fixture.installation, &fixture.actor, request, Lang::EN, &mut |_| {}).await.map(|done| done.0)
}

async fn suppress(fixture: &Fixture, request: &Request) -> Result<Summary> {
    import::suppress(&fixture.installation, &fixture.actor, request, Lang::EN, &mut |_| {}).await.map(|done| done.0)
}

fn following(path: std::path::PathBuf, statuses: StatusRule) -> Request {
    let map = vec![("*".to_owned(), "-".to_owned())];
    Request { map, reading: Reading { statuses, ..Reading::default() }, ..request(path) }
}

async fn states(fixture: &Fixture, address: &str) -> Vec<subscription::State> {
    let Some(contact) = find(fixture, address).await else { return Vec::new() };
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let found = subscription::of_contact(&mut conn, contact.id).await.expect("read");
    found.into_iter().map(|subscription| subscription.state).collect()
}

both!(files_of_people_who_left_are_refused_until_the_user_decides, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    for (name, text) in [
        ("mailchimp.csv", "Email Address,UNSUB_TIME,UNSUB_REASON\na@x.test,2024-05-01 10:00:00,NORMAL\n"),
        ("cleaned.csv", "Email Address,LEID\na@x.test,1\n"),
        ("unsubscribed_segment_export.csv", "Email Address\na@x.test\n"),
        ("listmonk.csv", "email,name,status,attributes\na@x.test,A,enabled,{}\nb@x.test,B,blocklisted,{}\n"),
        ("brevo.csv", "EMAIL,EMAIL_BLACKLISTED\na@x.test,false\nb@x.test,true\n"),
        ("hubspot.csv", "Email,Unsubscribed from all email\na@x.test,true\n"),
        ("mautic.csv", "email,Do Not Contact\na@x.test,1\n"),
        ("mailerlite.csv", "Subscriber,Email,Status\n1,a@x.test,junk\n"),
        ("unisender.csv", "email,email_status\na@x.test,unsubscribed\n"),
        ("words.csv", "email,Статус\na@x.test,отписан\n"),
        ("unknown.csv", "email,status\na@x.test,gold\n"),
    ] {
        let refused = run(fixture, &following(file(fixture, name, text), StatusRule::Ask)).await;
        let message = refused.expect_err(name).message();
        let said = Lang::RU.translate(&message);
        assert!(
            ["import-statuses", "import-file-of-left"].contains(&message.key) && said.contains("--suppress"),
            "{said}"
        );
    }
    assert_eq!(count(fixture, "select count(*) from contact").await, 0);
    let active = file(fixture, "active.csv", "email,status,unsubscribed_at\na@x.test,Active,\nb@x.test,subscribed,\n");
    assert_eq!(counts(&run(fixture, &request(active)).await.expect("imported")), [2, 0, 0, 0, 0, 0]);
});

both!(following_the_status_keeps_out_who_left_and_imports_the_others, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    set_up(fixture, workspace).await;
    list::add(installation, workspace, "Other").await.expect("a list");
    let known = file(fixture, "known.csv", "email\nleft@x.test\nblocked@x.test\nbounced@x.test\nstays@x.test\n");
    run(fixture, &request(known)).await.expect("imported");
    let text = "email,status\nnew@x.test,subscribed\nleft@x.test,subscribed\nleft@x.test,unsubscribed\n\
                blocked@x.test,blocklisted\nbounced@x.test,cleaned\nlost@x.test,bounced\nwho@x.test,gold\nstays@x.test,Active\n";
    let path = file(fixture, "all.csv", text);
    let asked = run(fixture, &following(path.clone(), StatusRule::Ask)).await.expect_err("asked").message();
    assert!(asked.text("words").contains("status: gold"), "{}", asked.text("words"));

    let outcome = run(fixture, &following(path, StatusRule::Follow)).await.expect("imported");

    assert_eq!(counts(&outcome), [1, 0, 1, 1, 0, 0]);
    let suppressed = outcome.suppressed;
    assert_eq!((suppressed.left, suppressed.blocked, suppressed.bounced, suppressed.unsubscribed), (1, 1, 2, 2));
    assert_eq!((outcome.not_mailed, outcome.rows), (1, 8));
    assert_eq!(states(fixture, "new@x.test").await, [subscription::State::Confirmed]);
    assert_eq!(states(fixture, "bounced@x.test").await, [subscription::State::Bounced]);
    for gone in ["left@x.test", "blocked@x.test", "lost@x.test", "who@x.test"] {
        assert!(find(fixture, gone).await.is_none(), "{gone}");
    }
    // Left is one list, blocked and without a mailbox are all of them; a word nobody knows is no tombstone.
    let again = "email\nleft@x.test\nblocked@x.test\nlost@x.test\nwho@x.test\n";
    let elsewhere = Request { list: "Other".to_owned(), ..request(file(fixture, "again.csv", again)) };
    assert_eq!(counts(&run(fixture, &elsewhere).await.expect("imported")), [2, 0, 0, 0, 2, 0]);
    let here = request(file(fixture, "again.csv", again));
    assert_eq!(counts(&run(fixture, &here).await.expect("imported")), [0, 1, 0, 0, 3, 0]);
    let everyone = following(file(fixture, "ignored.csv", "email,status\ni@x.test,pending\n"), StatusRule::Ignore);
    assert_eq!(counts(&run(fixture, &everyone).await.expect("imported")), [1, 0, 0, 0, 0, 0]);
});

both!(a_file_for_suppression_sets_tombstones_and_imports_nobody, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    set_up(fixture, workspace).await;
    run(fixture, &request(file(fixture, "known.csv", "email\na@x.test\nc@x.test\n"))).await.expect("imported");
    let path = file(fixture, "unsubscribed.csv", "E-mail,City\na@x.test,Rome\nb@x.test,Oslo\nbad,\n");
    let everywhere = Request { list: String::new(), ..request(path) };

    let rehearsed = suppress(fixture, &Request { dry_run: true, ..everywhere.clone() }).await.expect("counted");
    assert_eq!((rehearsed.suppressed.left, count(fixture, "select count(*) from tombstone").await), (2, 0));
    let outcome = suppress(fixture, &everywhere).await.expect("suppressed");
    assert_eq!((outcome.suppressed.left, outcome.suppressed.unsubscribed, outcome.invalid_total()), (2, 1, 1));
    let again = suppress(fixture, &everywhere).await.expect("suppressed");
    assert_eq!((again.suppressed.left, again.suppressed.unsubscribed), (2, 0));
    let blocked = run(fixture, &request(file(fixture, "back.csv", "email\na@x.test\nb@x.test\n"))).await.expect("run");
    assert_eq!(counts(&blocked), [0, 0, 0, 0, 2, 0]);

    let bounces = file(fixture, "cleaned.csv", "email\nc@x.test\nd@x.test\n");
    let outcome = suppress(fixture, &Request { list: String::new(), ..request(bounces) }).await.expect("suppressed");
    assert_eq!((outcome.suppressed.bounced, outcome.suppressed.unsubscribed), (2, 0));
    let mut conn = installation.db.read().await.expect("a connection");
    let kept = Address::parse("c@x.test").expect("an address");
    let kept = contact::find(&mut conn, workspace, &kept).await.expect("read").expect("kept");
    assert!(hard_bounce::of_contact(&mut conn, kept.id).await.expect("read").is_some());
    drop(conn);
    let unknown = Request { list: "Nothing".to_owned(), ..everywhere };
    assert_eq!(key(suppress(fixture, &unknown).await), "list-unknown");
});
