//! A hard bounce suppresses the person on every list until the suppression is lifted, the address is corrected or the
//! person is erased.

use sendoff::audience::hard_bounce::{self, HardBounce};
use sendoff::audience::segment;
use sendoff::usecase::contact::{self, Correction, Urgency};
use sendoff::usecase::preflight;

use crate::canary;
use crate::fixture::{Fixture, both};
use crate::mail_sink::{Action, Plan};
use crate::mailer::fixture::{EMAIL, draft, mail, recipients, start, states, subscribe_many, use_relay};
use crate::relays::start_as;

const ADDRESS: &str = "person1@example.org";

async fn stored(fixture: &Fixture) -> serde_json::Value {
    contact::show(&fixture.installation, &fixture.actor, ADDRESS).await.expect("shown")
}

async fn count(fixture: &Fixture, text: &str) -> i64 {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    segment::save(installation, workspace, "counted", text).await.expect("saved");
    segment::count(installation, workspace, "counted").await.expect("counted")
}

async fn excluded(fixture: &Fixture) -> i64 {
    draft(fixture, EMAIL).await;
    let found =
        preflight::preflight(&fixture.installation, &fixture.actor, "autumn", |_, _| {}).await.expect("checked");
    found.excluded.get("excluded-bounced").copied().unwrap_or(0)
}

/// Sends a campaign to three people, of whom one has no mailbox, and subscribes that one to another list as well.
async fn bounce(fixture: &Fixture) {
    subscribe_many(fixture, 3).await;
    fixture.subscribe("Offers", &[ADDRESS]).await;
    let sink = Plan::new()
        .on(|at| match at.line.contains("person1@") {
            true => Action::Say("550 5.1.1 <person1@example.org>: user unknown"),
            false => Action::Usual,
        })
        .start()
        .await;
    use_relay(fixture, sink.target(), 1).await;
    let campaign = start_as(fixture, &EMAIL.replace("autumn", "first"), "first").await;
    assert_eq!(campaign, 3);
    mail(fixture).await;
    assert_eq!(recipients(&sink).len(), 2);
}

both!(bounced_person_is_excluded_from_every_list_until_it_is_lifted, |fixture| {
    bounce(fixture).await;

    let shown = stored(fixture).await;
    assert_eq!(shown["bounce"]["status"], "550 5.1.1");
    assert!(shown["subscriptions"].as_array().expect("rows").iter().all(|row| row["state"] == "bounced"), "{shown}");
    assert_eq!((count(fixture, "reachable").await, count(fixture, "on(\"News\")").await), (2, 2));
    assert_eq!(excluded(fixture).await, 1);
    fixture.subscribe("Third", &[ADDRESS]).await;
    assert_eq!(count(fixture, "on(\"Third\")").await, 0, "a list joined later");

    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 2)].into());
    assert!(!sink.has_received("person1@"));

    let lifted = contact::unsuppress(&fixture.installation, &fixture.actor, ADDRESS).await.expect("lifted");
    assert!(lifted.unsuppressed);
    assert!(!contact::unsuppress(&fixture.installation, &fixture.actor, ADDRESS).await.expect("again").unsuppressed);
    assert_eq!((count(fixture, "reachable").await, stored(fixture).await.get("bounce")), (3, None));
    assert_eq!(start_as(fixture, &EMAIL.replace("autumn", "winter"), "winter").await, 3);
    mail(fixture).await;
    assert!(sink.has_received("person1@"));
});

both!(delivery_of_a_running_campaign_is_suppressed_at_the_mark, |fixture| {
    subscribe_many(fixture, 2).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;
    let person = fixture.contact_id(ADDRESS).await.expect("there");
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let bounce = HardBounce { contact: person, status: "550 5.1.1".to_owned() };
    hard_bounce::record(&mut tx, &[bounce], 1).await.expect("recorded");
    tx.commit().await.expect("committed");

    // As after a crash between the two transactions: the next mailer applies it first.
    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 1), ("suppressed", 1)].into());
});

both!(corrected_address_is_mailed_again, |fixture| {
    bounce(fixture).await;
    let correction = Correction { address: Some("right@example.org".to_owned()), ..Correction::default() };
    contact::correct(&fixture.installation, &fixture.actor, ADDRESS, &correction).await.expect("corrected");

    assert_eq!((count(fixture, "reachable").await, excluded(fixture).await), (3, 0));
});

both!(restriction_and_bounce_do_not_cancel_each_other, |fixture| {
    bounce(fixture).await;
    contact::restrict(&fixture.installation, &fixture.actor, ADDRESS).await.expect("restricted");
    contact::unrestrict(&fixture.installation, &fixture.actor, ADDRESS).await.expect("lifted");

    let shown = stored(fixture).await;
    let subscriptions = shown["subscriptions"].as_array().expect("rows");
    assert!(subscriptions.iter().all(|row| row["state"] != "confirmed"), "{shown}");
});

both!(erased_person_leaves_no_bounce, |fixture| {
    bounce(fixture).await;
    assert_eq!(canary::number(fixture, "select count(*) from hard_bounce").await, 1);

    contact::erase(&fixture.installation, &fixture.actor, ADDRESS, Urgency::Now).await.expect("erased");

    assert_eq!(canary::number(fixture, "select count(*) from hard_bounce").await, 0);
});
