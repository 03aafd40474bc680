//! Eligibility: preflight, freeze, mark, `may_send`, release and segments give one answer for every
//! subscription state.

use std::collections::{BTreeMap, BTreeSet};

use sendoff::audience::contact::{self, Values};
use sendoff::audience::list::List;
use sendoff::audience::segment;
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::campaign::delivery;
use sendoff::campaign::model::Campaign;
use sendoff::campaign::preflight;
use sendoff::infra::id::Id;
use sqlx::Row;

use crate::canary;
use crate::fixture::{Fixture, NOW, both};

/// The situation of a contact, as seen from the list `News`.
const SITUATIONS: [&str; 6] =
    ["confirmed", "pending", "restricted", "restricted-elsewhere", "only-elsewhere", "on-no-list"];

/// The only situation in which a contact may be mailed on `News`.
const MAILABLE: &str = "confirmed";

fn email(situation: &str) -> String {
    format!("{situation}@example.org")
}

async fn set_state(fixture: &Fixture, list: &List, contact: Id, state: State) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::query("update subscription set state = $1 where contact_id = $2 and list_id = $3")
        .bind(state.as_str())
        .bind(contact)
        .bind(list.id)
        .execute(&mut *tx)
        .await
        .expect("updated");
    contact::recompute_reachable(&mut tx, &[contact]).await.expect("recomputed");
    tx.commit().await.expect("committed");
}

/// Subscribes a contact to the other list in this state.
async fn join(fixture: &Fixture, list: &List, contact: Id, state: State) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let one = NewSubscription { id: fixture.installation.ids.next().expect("an id"), contact, state };
    subscription::join(&mut tx, fixture.workspace.id, list.id, &[one], NOW).await.expect("joined");
    tx.commit().await.expect("committed");
}

async fn leave(fixture: &Fixture, list: &List, contact: Id) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    subscription::forget(&mut tx, &[contact], Some(list.id)).await.expect("left");
    tx.commit().await.expect("committed");
}

/// Brings each contact, confirmed on `News` so far, into its situation.
async fn apply_situations(fixture: &Fixture, news: &List, offers: &List, contacts: &BTreeMap<&str, Id>) {
    for (situation, contact) in contacts {
        match *situation {
            "confirmed" => {}
            "pending" => set_state(fixture, news, *contact, State::Pending).await,
            "restricted" => {
                let mut tx = fixture.installation.db.write().await.expect("a transaction");
                subscription::restrict(&mut tx, *contact).await.expect("restricted");
                tx.commit().await.expect("committed");
            }
            "restricted-elsewhere" => join(fixture, offers, *contact, State::Restricted).await,
            "only-elsewhere" => {
                join(fixture, offers, *contact, State::Confirmed).await;
                leave(fixture, news, *contact).await;
            }
            _ => leave(fixture, news, *contact).await,
        }
    }
}

/// The delivery of each contact in a campaign.
async fn deliveries(fixture: &Fixture, campaign: &Campaign) -> BTreeMap<Id, Id> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let rows = sqlx::query("select contact_id, id from delivery where campaign_id = $1")
        .bind(campaign.id)
        .fetch_all(&mut *conn)
        .await
        .expect("read");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Number of recipients that the preflight check of a new draft to the list announces.
async fn announced(fixture: &Fixture, list: &List) -> i64 {
    let installation = &fixture.installation;
    let source =
        "+++\nname = \"draft\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Hi\"\n+++\nHello\n";
    let campaign = fixture.save_draft(fixture.workspace.id, list.id, "draft", source).await;
    preflight::check(installation, &campaign, true, |_, _| {}).await.expect("checked").recipients
}

both!(every_statement_agrees_on_who_may_be_mailed, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    let (news, offers) = (canary::list(fixture, "News").await, canary::list(fixture, "Offers").await);
    let everyone: Vec<_> = SITUATIONS.iter().map(|one| (canary::address(&email(one)), Values::new())).collect();
    canary::join(fixture, &news, &everyone).await;
    let mut contacts = BTreeMap::new();
    for situation in SITUATIONS {
        contacts.insert(situation, canary::id(fixture, &email(situation)).await.expect("joined"));
    }
    let (claimed, planned) = canary::launch(fixture, &news, "claimed").await;
    let (marked, _) = canary::launch(fixture, &news, "marked").await;
    assert_eq!(planned, 6, "all are confirmed when the campaigns are frozen");
    let on_hand = canary::claim(fixture, canary::MAILER, claimed.id, 10).await;
    assert_eq!(canary::take(fixture, &marked).await.len(), 6);
    assert_eq!(on_hand.len(), 6);

    apply_situations(fixture, &news, &offers, &contacts).await;

    let expected: BTreeSet<Id> = [contacts[MAILABLE]].into();
    assert_eq!(announced(fixture, &news).await, 1, "preflight");
    assert_eq!(canary::launch(fixture, &news, "frozen").await.1, 1, "freeze");
    segment::save(installation, workspace, "news", "on(\"News\")").await.expect("saved");
    assert_eq!(segment::count(installation, workspace, "news").await.expect("counted"), 1, "segment");
    segment::save(installation, workspace, "all", "email is set").await.expect("saved");
    assert_eq!(segment::count(installation, workspace, "all").await.expect("counted"), 2, "news or offers");

    let mut tx = installation.db.write().await.expect("a transaction");
    let mut may_send = BTreeSet::new();
    for (contact, id) in deliveries(fixture, &marked).await {
        if delivery::may_send(&mut tx, canary::MAILER, id, NOW).await.expect("asked") {
            may_send.insert(contact);
        }
    }
    assert_eq!(may_send, expected, "may_send");
    drop(tx);

    let by_contact = deliveries(fixture, &claimed).await;
    let passed: BTreeSet<Id> = canary::mark(fixture, canary::MAILER, &on_hand).await.into_keys().collect();
    assert_eq!(passed, expected.iter().map(|contact| by_contact[contact]).collect(), "mark");
    let mut conn = installation.db.read().await.expect("a connection");
    for (contact, id) in by_contact {
        // A delivery that does not pass the mark is released.
        let row = sqlx::query("select state from delivery where id = $1").bind(id).fetch_one(&mut *conn).await;
        let state: String = row.expect("read").get(0);
        assert_eq!(state, if expected.contains(&contact) { "sending" } else { "suppressed" }, "release");
    }
});

both!(a_restriction_covers_every_list, |fixture| {
    let (news, offers) = (canary::list(fixture, "News").await, canary::list(fixture, "Offers").await);
    let contact = canary::person(fixture, &news, "anna@example.org").await;

    join(fixture, &offers, contact, State::Restricted).await;

    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let states = subscription::of_contact(&mut conn, contact).await.expect("read");
    assert!(states.iter().all(|one| one.state == State::Restricted), "{states:?}");
    let later = canary::list(fixture, "Later").await;
    drop(conn);
    join(fixture, &later, contact, State::Confirmed).await;
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    assert_eq!(
        subscription::states(&mut conn, later.id, &[contact]).await.expect("read"),
        [(contact, State::Restricted)],
        "a new subscription of a restricted contact is restricted"
    );
});
