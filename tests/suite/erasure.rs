//! Tests of erasure: unsubscribe, erase, close a list; counts reconcile afterwards.

use sendoff::audience::contact::Values;
use sendoff::audience::subscription;
use sendoff::audience::tombstone::{self, EVERY_LIST};
use sendoff::campaign::delivery::State;
use sendoff::infra::db::Sql;
use sendoff::infra::token::DeliveryRef;
use sendoff::privacy::erasure::{self, Erased, Reason, Unsubscription};
use sendoff::privacy::erasure_log;
use sendoff::privacy::request_journal::{RecipientRequest, RequestJournal, RequestStatus};
use sendoff::report::summary::Summary;

use crate::canary;
use crate::fixture::{Fixture, Kind, both};

pub async fn unsubscribe(fixture: &Fixture, person: i64, list: i64, through: Option<i64>) -> Erased {
    erasure::unsubscribe(&fixture.installation, fixture.workspace.id, person, list, Reason::Unsubscribed, through)
        .await
        .expect("unsubscribed")
}

pub async fn erase(fixture: &Fixture, text: &str) -> Erased {
    let address = canary::address(text);
    erasure::erase(&fixture.installation, fixture.workspace.id, &address, Reason::Erased, None).await.expect("erased")
}

pub async fn is_blocked(fixture: &Fixture, text: &str, list: i64) -> bool {
    let mark = tombstone::digest(&fixture.installation.keys.tombstone, fixture.workspace.id, &canary::address(text));
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let standing = tombstone::find_blocking(&mut conn, fixture.workspace.id, list, &[mark]).await.expect("asked");
    standing.contains(&mark)
}

both!(unsubscribing_from_the_last_list_erases_the_contact, |fixture| {
    let (news, sales) = (canary::list(fixture, "News").await, canary::list(fixture, "Sales").await);
    let person = canary::person(fixture, &news, "anna@example.org").await;
    canary::person(fixture, &sales, "anna@example.org").await;

    assert_eq!(unsubscribe(fixture, person, news.id, None).await, Erased::Subscription);
    assert!(is_blocked(fixture, "anna@example.org", news.id).await);
    assert!(!is_blocked(fixture, "anna@example.org", sales.id).await);
    assert_eq!(canary::number(fixture, "select count(*) from consent").await, 1);

    assert_eq!(unsubscribe(fixture, person, sales.id, None).await, Erased::Contact);
    for query in ["select count(*) from contact", "select count(*) from consent", "select count(*) from evidence"] {
        assert_eq!(canary::number(fixture, query).await, 0, "{query}");
    }
    assert_eq!(unsubscribe(fixture, person, sales.id, None).await, Erased::Nothing);
});

both!(erased_address_is_blocked_on_every_list_and_erasing_twice_succeeds, |fixture| {
    let list = canary::list(fixture, "News").await;
    canary::person(fixture, &list, "иван@почта.рф").await;

    assert_eq!(erase(fixture, "Иван@ПОЧТА.рф").await, Erased::Contact);
    assert_eq!(erase(fixture, "иван@почта.рф").await, Erased::Nothing);
    assert_eq!(erase(fixture, "nobody@example.org").await, Erased::Nothing);

    assert!(is_blocked(fixture, "иван@xn--80a1acny.xn--p1ai", EVERY_LIST).await);
    assert!(is_blocked(fixture, "nobody@example.org", list.id).await);
    assert_eq!(canary::number(fixture, "select count(*) from tombstone").await, 2);
});

/// A campaign to nine contacts, one in each delivery state and one without events.
async fn every_state(fixture: &Fixture) -> (sendoff::campaign::model::Campaign, i64, Vec<String>) {
    let list = canary::list(fixture, "News").await;
    let people: Vec<String> = (0..9).map(|index| format!("p{index}@example.org")).collect();
    for text in &people {
        canary::person(fixture, &list, text).await;
    }
    let (campaign, planned) = canary::launch(fixture, &list, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    let of = |index: usize| taken[&people[index]];
    let ends = [(of(0), State::Accepted), (of(1), State::Rejected), (of(2), State::Uncertain), (of(3), State::Skipped)];
    canary::end(fixture, &campaign, &ends).await;
    canary::end(fixture, &campaign, &[(of(4), State::Pending), (of(5), State::Suppressed)]).await;
    // 6 stays on the wire; 7 is claimed and 8 is pending.
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    for (state, index) in [("leased", 7), ("pending", 8)] {
        let mut sql = Sql::new("update delivery set state = ");
        sql.bind(state.to_owned()).push(" where id = ").bind(of(index)).run(&mut tx).await.expect("set");
    }
    tx.commit().await.expect("committed");
    canary::react(fixture, of(0)).await;
    canary::react(fixture, of(2)).await;
    (campaign, planned, people)
}

fn ends(summary: &Summary) -> [i64; 6] {
    let Summary { accepted, rejected, uncertain, suppressed, skipped, pending, .. } = summary;
    [*accepted, *rejected, *uncertain, *suppressed, *skipped, *pending]
}

both!(counts_reconcile_before_and_after_erasures_in_every_state, |fixture| {
    let (campaign, planned, people) = every_state(fixture).await;
    let before = canary::summary(fixture, &campaign).await;
    assert_eq!((planned, before.planned), (9, 9));
    assert_eq!(ends(&before), [1, 1, 1, 1, 1, 4]);
    assert_eq!((before.sending, before.deferred), (1, 1));
    assert_eq!((before.opens, before.clicks), (2, 2));
    assert_eq!(before.links.iter().map(|link| link.clicks).collect::<Vec<_>>(), [2, 2]);

    for text in &people {
        assert_eq!(erase(fixture, text).await, Erased::Contact);

        let after = canary::summary(fixture, &campaign).await;
        assert_eq!(after.planned, planned, "{text}");
        assert_eq!((after.opens, after.clicks, &after.links), (before.opens, before.clicks, &before.links), "{text}");
    }
    // Pending deliveries are suppressed; those on the wire are uncertain.
    assert_eq!(ends(&canary::summary(fixture, &campaign).await), [1, 1, 2, 4, 1, 0]);
    assert_eq!(canary::number(fixture, "select count(*) from delivery").await, 0);
    assert_eq!(canary::number(fixture, "select count(*) from event").await, 0);
});

both!(delivery_erased_on_the_wire_is_counted_by_its_result, |fixture| {
    let list = canary::list(fixture, "News").await;
    let ways = [State::Accepted, State::Rejected, State::Uncertain, State::Pending, State::Skipped];
    let people: Vec<String> = (0..ways.len()).map(|index| format!("p{index}@example.org")).collect();
    for text in &people {
        canary::person(fixture, &list, text).await;
    }
    let (campaign, planned) = canary::launch(fixture, &list, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;

    for text in &people {
        let person = canary::id(fixture, text).await.expect("there");
        assert_eq!(unsubscribe(fixture, person, list.id, Some(campaign.id)).await, Erased::Contact);
    }
    assert_eq!(ends(&canary::summary(fixture, &campaign).await), [0, 0, 5, 0, 0, 0]);
    for (text, state) in people.iter().zip(ways) {
        canary::end(fixture, &campaign, &[(taken[text], state)]).await;
    }

    let after = canary::summary(fixture, &campaign).await;
    assert_eq!(ends(&after), [1, 1, 1, 1, 1, 0]);
    assert_eq!((after.planned, after.unsubscribed), (planned, 5));
});

both!(hundred_concurrent_unsubscribes_count_once, |fixture| {
    let list = canary::list(fixture, "News").await;
    let person = canary::person(fixture, &list, "anna@example.org").await;
    let (campaign, _) = canary::launch(fixture, &list, "autumn").await;

    let all: Vec<_> = (0..100)
        .map(|index| {
            let (installation, workspace, list, campaign) =
                (fixture.installation.clone(), fixture.workspace.id, list.id, campaign.id);
            tokio::spawn(async move {
                if index % 2 == 0 {
                    erasure::unsubscribe(&installation, workspace, person, list, Reason::Unsubscribed, Some(campaign))
                        .await
                } else {
                    let address = canary::address("anna@example.org");
                    erasure::erase(&installation, workspace, &address, Reason::Erased, Some(campaign)).await
                }
            })
        })
        .collect();
    let mut effects = 0;
    for one in all {
        effects += i32::from(one.await.expect("ran").expect("done") != Erased::Nothing);
    }

    assert_eq!(effects, 1);
    let after = canary::summary(fixture, &campaign).await;
    assert_eq!((after.unsubscribed, after.suppressed, after.planned), (1, 1, 1));
});

both!(batch_unsubscribes_like_single_requests, |fixture| {
    let (news, sales) = (canary::list(fixture, "News").await, canary::list(fixture, "Sales").await);
    let mut people = Vec::new();
    for text in ["anna@example.org", "boris@example.org", "vera@example.org", "stays@example.org"] {
        people.push(canary::person(fixture, &news, text).await);
    }
    canary::person(fixture, &sales, "boris@example.org").await;
    let outsider = canary::person(fixture, &sales, "gleb@example.org").await;
    let (campaign, planned) = canary::launch(fixture, &news, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    canary::react(fixture, taken["anna@example.org"]).await;
    canary::react(fixture, taken["boris@example.org"]).await;
    let before = canary::summary(fixture, &campaign).await;
    let unsubscription = |person, list: i64| Unsubscription {
        workspace: fixture.workspace.id,
        contact: person,
        list,
        campaign: Some(campaign.id),
    };
    let unsubscriptions = [
        unsubscription(people[0], news.id),
        unsubscription(people[1], news.id),
        unsubscription(people[0], news.id),
        unsubscription(people[2], news.id),
        unsubscription(outsider, news.id),
        unsubscription(people[1] + 1, news.id),
        unsubscription(people[2], sales.id),
    ];

    let erased_many = erasure::unsubscribe_many(&fixture.installation, &unsubscriptions, Reason::Unsubscribed)
        .await
        .expect("unsubscribed");

    use Erased::{Contact, Nothing, Subscription};
    assert_eq!(erased_many, [Contact, Subscription, Nothing, Contact, Nothing, Nothing, Nothing]);
    for (text, kept_out) in [("anna", true), ("boris", true), ("vera", true), ("stays", false), ("gleb", false)] {
        assert_eq!(is_blocked(fixture, &format!("{text}@example.org"), news.id).await, kept_out, "{text}");
    }
    let after = canary::summary(fixture, &campaign).await;
    assert_eq!((after.planned, after.unsubscribed), (planned, 3));
    assert_eq!((after.opens, after.clicks, &after.links), (before.opens, before.clicks, &before.links));
    assert_eq!(canary::number(fixture, "select count(*) from contact").await, 3);
    assert_eq!(canary::number(fixture, "select count(*) from delivery").await, 1);
    assert_eq!(canary::number(fixture, "select count(*) from event").await, 0);
    assert_eq!(canary::number(fixture, "select count(*) from consent").await, 3);
    assert_eq!(canary::number(fixture, "select count(*) from contact where reachable = 1").await, 3);
    assert_eq!(erasure_log::read_from(&fixture.installation, 0).expect("read").0.len(), 3);
});

both!(concurrent_unsubscribes_from_both_lists_erase_the_contact, |fixture| {
    let (news, sales) = (canary::list(fixture, "News").await, canary::list(fixture, "Sales").await);
    for round in 0..20 {
        let text = format!("p{round}@example.org");
        let person = canary::person(fixture, &news, &text).await;
        canary::person(fixture, &sales, &text).await;

        let (one, other) =
            tokio::join!(unsubscribe(fixture, person, news.id, None), unsubscribe(fixture, person, sales.id, None));

        assert!([one, other].contains(&Erased::Contact), "{round}: {one:?} {other:?}");
    }
    assert_eq!(canary::number(fixture, "select count(*) from contact").await, 0);
});

both!(closing_a_list_unsubscribes_all_its_contacts, |fixture| {
    let (news, sales) = (canary::list(fixture, "News").await, canary::list(fixture, "Sales").await);
    let people: Vec<_> =
        (0..450).map(|index| (canary::address(&format!("p{index}@example.org")), Values::new())).collect();
    canary::join(fixture, &news, &people).await;
    canary::join(fixture, &sales, &people[..10]).await;
    let (campaign, planned) = canary::launch(fixture, &news, "autumn").await;

    let left = erasure::close_list(&fixture.installation, fixture.workspace.id, news.id, |_| {}).await.expect("closed");

    assert_eq!(left, 450);
    assert_eq!(canary::number(fixture, "select count(*) from contact").await, 10);
    assert!(is_blocked(fixture, "p449@example.org", news.id).await);
    let after = canary::summary(fixture, &campaign).await;
    assert_eq!((after.planned, after.skipped), (planned, 450));
    assert_eq!(erasure_log::read_from(&fixture.installation, 0).expect("read").0.len(), 450);
    assert_eq!(
        erasure::close_list(&fixture.installation, fixture.workspace.id, news.id, |_| {}).await.expect("again"),
        0
    );
});

both!(lifting_a_restriction_restores_the_subscriptions, |fixture| {
    let list = canary::list(fixture, "News").await;
    let person = canary::person(fixture, &list, "anna@example.org").await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");

    assert_eq!(subscription::restrict(&mut tx, person).await.expect("restricted"), 1);
    let states = subscription::states(&mut tx, list.id, &[person]).await.expect("states");
    assert_eq!(states, [(person, subscription::State::Restricted)]);
    assert_eq!(subscription::unrestrict(&mut tx, person).await.expect("ended"), 1);

    let lists = subscription::of_contact(&mut tx, person).await.expect("asked");
    assert_eq!(lists[0].state, subscription::State::Confirmed);
});

both!(damaged_rows_do_not_prevent_an_erasure, |fixture| {
    let (campaign, _, people) = every_state(fixture).await;
    let delivery = canary::number(fixture, "select max(delivery_id) from event").await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let mut damages = vec![
        "update event set kind = 'from a later version'",
        "update delivery set state = 'from a later version'",
        "update campaign set state = 'from a later version'",
        "update contact set fields = '{'",
    ];
    if fixture.kind == Kind::Sqlite {
        damages.extend(["update event set kind = x'00ff'", "update event set position = 'first'"]);
    }
    for damage in damages {
        sqlx::query(damage).execute(&mut *tx).await.expect(damage);
    }
    tx.commit().await.expect("committed");
    let before = canary::number(fixture, "select count(*) from contact").await;

    let journal = RequestJournal::new(&fixture.installation);
    let reference = DeliveryRef { campaign: campaign.id, delivery };
    let (status, _) = journal.submit(reference, RecipientRequest::Erase).await.expect("erased");
    assert_eq!(status, RequestStatus::Done(Erased::Contact));
    for text in &people {
        erase(fixture, text).await;
    }

    assert_eq!((before, canary::number(fixture, "select count(*) from contact").await), (9, 0));
    assert_eq!(canary::number(fixture, "select count(*) from event").await, 0);
});
