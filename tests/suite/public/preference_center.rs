//! The preference centre: other lists, frequency and pause, corrections, copies, and the way in by a link that was asked for.

use axum::http::StatusCode;
use sendoff::audience::contact;
use sendoff::audience::preference::{self, Frequency, Preference};
use sendoff::infra::clock::DAY;
use sendoff::infra::token::TokenPurpose;
use sendoff::usecase::link_mail;
use sendoff::usecase::list as lists;

use super::fixture::WebFixture;
use super::sign_up::links;
use crate::canary;
use crate::erasure::erase;
use crate::fixture::both;
use crate::import::fixture::find;

both!(a_recipient_chooses_lists_frequency_and_a_pause, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let path = format!("/p/{}", site.token(1, TokenPurpose::Preferences));
    assert!(!site.get(&path).await.body.contains("value=\"join\""), "no list is offered before it is published");
    lists::set_public(installation, actor, "Offers", true).await.expect("published");
    let page = site.get(&path).await.body;
    assert!(page.contains("value=\"join\"") && !page.contains("<script") && !page.contains("style="), "{page}");
    let joined = site.post(&path, &format!("action=join&list={}", site.offers.id)).await;
    assert_eq!(joined.status, StatusCode::OK, "{}", joined.body);
    let boris = find(fixture, "boris@example.org").await.expect("there").id;
    let mut conn = installation.db.read().await.expect("a connection");
    let on = sendoff::audience::subscription::of_contact(&mut conn, boris).await.expect("read");
    assert_eq!(on.len(), 2);
    drop(conn);
    let foreign = site.post(&path, "action=join&list=17").await;
    assert_eq!(foreign.status, StatusCode::BAD_REQUEST);

    canary::launch(fixture, &site.news, "later").await;
    let pause = site.post(&path, "action=schedule&frequency=weekly&pause=2027-01-15").await;
    assert_eq!(pause.status, StatusCode::OK, "{}", pause.body);
    assert!(pause.body.contains("value=\"2027-01-15\"") && pause.body.contains("value=\"weekly\" checked"));
    for wrong in ["2026-11-21", "2028-01-01", "soon"] {
        let refused = site.post(&path, &format!("action=schedule&frequency=all&pause={wrong}")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let mut conn = installation.db.read().await.expect("a connection");
    let kept = preference::get(&mut conn, boris).await.expect("read");
    assert_eq!((kept.frequency, kept.paused_until / DAY), (Frequency::Weekly, 20_833));
    drop(conn);
    let skipped = "select count(*) from delivery where state = 'skipped' and reason = 'skipped-paused'";
    assert_eq!(canary::number(fixture, skipped).await, 1, "what was planned before does not go out");
});

both!(a_recipient_refuses_measurement_alone, |fixture| {
    let site = WebFixture::new(fixture).await;
    let path = format!("/p/{}", site.token(0, TokenPurpose::Preferences));
    let page = site.get(&path).await.body;
    assert!(page.contains("name=\"answer\" value=\"no\""), "{page}");
    let refused = site.post(&path, "action=measure&answer=no").await.body;
    assert!(refused.contains("name=\"answer\" value=\"yes\""), "{refused}");
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    assert_eq!(contact::measured(&mut conn, site.people[0].0).await.expect("read"), Some(false));
    let receipts = sendoff::audience::consent::of_contact(&mut conn, site.people[0].0).await.expect("read");
    let last = receipts.last().expect("a receipt");
    assert_eq!((last.purpose.as_str(), last.kind.as_str()), ("measurement", "withdrawn"));
    assert!(site.is_here(0).await, "emails go on");
});

both!(who_rests_is_left_out_of_campaigns, |fixture| {
    let list = canary::list(fixture, "News").await;
    for name in ["all", "weekly", "monthly", "paused"] {
        canary::person(fixture, &list, &format!("{name}@example.org")).await;
    }
    let now = fixture.installation.clock.now();
    let prefer = async |name: &str, frequency, paused_until| {
        let id = canary::id(fixture, &format!("{name}@example.org")).await.expect("there");
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        let wanted = Preference { frequency, paused_until };
        preference::set(&mut tx, fixture.workspace.id, id, &wanted, now).await.expect("set");
        tx.commit().await.expect("committed");
    };
    prefer("weekly", Frequency::Weekly, 0).await;
    prefer("monthly", Frequency::Monthly, 0).await;
    prefer("paused", Frequency::All, now + 20 * DAY).await;
    let (campaign, planned) = canary::launch(fixture, &list, "first").await;
    assert_eq!(planned, 3, "all but the pause");
    let taken = canary::take(fixture, &campaign).await;
    let ends: Vec<_> = taken.values().map(|id| (*id, sendoff::campaign::delivery::State::Accepted)).collect();
    canary::end(fixture, &campaign, &ends).await;
    let planned = async |days: i64| {
        let list = &list;
        let installation = &fixture.installation;
        let mut conn = installation.db.read().await.expect("a connection");
        let member = sendoff::campaign::audience::is_member(&installation.db, &campaign, None, now + days * DAY);
        let query = sendoff::infra::db::Query::new(
            "select c.address from subscription s join contact c on c.id = s.contact_id where {member} order by 1",
        );
        let rows = query.fragment("member", member).fetch_all(&mut conn).await.expect("read");
        let _ = list;
        rows.iter()
            .map(|row| sqlx::Row::get::<String, _>(row, 0).split('@').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(planned(1).await, ["all"]);
    assert_eq!(planned(8).await, ["all", "weekly"]);
    assert_eq!(planned(21).await, ["all", "paused", "weekly"]);
    assert_eq!(planned(31).await, ["all", "monthly", "paused", "weekly"]);
});

both!(a_recipient_corrects_and_takes_everything_along, |fixture| {
    let site = WebFixture::new(fixture).await;
    let path = format!("/p/{}", site.token(0, TokenPurpose::Preferences));
    let corrected = site.post(&path, "action=correct&field-city=%D0%A2%D0%B2%D0%B5%D1%80%D1%8C").await;
    assert_eq!(corrected.status, StatusCode::OK, "{}", corrected.body);
    assert_eq!(find(fixture, "anna@example.org").await.expect("there").values["city"], "Тверь");
    let unknown = site.post(&path, "action=correct&field-shoe=42").await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);

    let json = site.post(&path, "action=copy&file=data.json").await;
    assert_eq!(json.header("content-type"), Some("application/json"));
    let copy: serde_json::Value = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!(copy["address"], "anna@example.org");
    assert_eq!(copy["subscriptions"].as_array().map(Vec::len), Some(2));
    assert_eq!(copy["consents"][0]["kind"], "given");
    let table = site.post(&path, "action=copy&file=consents.csv").await;
    assert!(table.header("content-disposition").is_some_and(|value| value.contains("consents.csv")));
    assert!(table.body.contains("purpose"), "{}", table.body);

    let made = site.post(&path, "action=hand-over").await.body;
    let at = made.find("/h/").expect("a link");
    let link = made[at..].split('"').next().expect("a link").to_owned();
    assert_eq!(site.get(&link).await.status, StatusCode::OK, "a look fetches nothing");
    let fetched = site.post(&link, "").await;
    assert!(fetched.body.contains("anna@example.org"), "{}", fetched.body);
    assert!(!site.post(&link, "").await.body.contains("anna@"), "once");
    let again = site.post(&path, "action=hand-over").await.body;
    let at = again.find("/h/").expect("a link");
    let link = again[at..].split('"').next().expect("a link").to_owned();
    fixture.installation.clock.advance(7 * DAY);
    assert!(!site.post(&link, "").await.body.contains("anna@"), "seven days");
});

both!(a_link_is_sent_to_who_is_known_and_the_answer_tells_nothing, |fixture| {
    let site = WebFixture::new(fixture).await;
    assert!(site.get("/preferences").await.body.contains("name=\"address\""));
    let mut answers = Vec::new();
    for who in ["anna@example.org", "nobody@example.org", "anna@example.org"] {
        let answer = site.post("/preferences", &format!("address={who}")).await;
        answers.push((answer.status, answer.body, format!("{:?}", answer.headers)));
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert_eq!(site.post("/preferences", "address=x").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    link_mail::send_due(&fixture.installation).await.expect("sent");
    let sent = links(fixture, "p");
    assert_eq!(sent.len(), 1, "one to anna, none to who is unknown, none again on the same day");

    let page = site.get(&sent[0]).await;
    assert!(page.status == StatusCode::OK && page.body.contains("Новости"), "{}", page.body);
    let left = site.post(&sent[0], &format!("action=unsubscribe&list={}", site.offers.id)).await;
    assert!(left.status == StatusCode::OK && left.body.contains("Новости"), "{}", left.body);
    let forged = site.get(&sent[0].replace("/p/", "/p/A")).await;
    assert_eq!(forged.status, StatusCode::BAD_REQUEST);
    assert_eq!(site.get("/p/forged").await.status, StatusCode::BAD_REQUEST);
    let asked = site.post(&sent[0], "action=erase").await;
    assert!(asked.body.contains("name=\"confirmed\"") && site.is_here(0).await);
    site.post(&sent[0], "action=erase&confirmed=yes").await;
    assert!(!site.is_here(0).await);
    assert_eq!(site.get(&sent[0]).await.status, StatusCode::BAD_REQUEST, "nothing is left behind the link");
});

both!(leaving_all_lists_erases_and_preferences_go_with_the_person, |fixture| {
    let site = WebFixture::new(fixture).await;
    let path = format!("/p/{}", site.token(0, TokenPurpose::Preferences));
    site.post(&path, "action=schedule&frequency=monthly&pause=").await;
    assert_eq!(canary::number(fixture, "select count(*) from preference").await, 1);
    site.post(&path, "action=leave-all").await;
    assert!(!site.is_here(0).await);
    assert_eq!(canary::number(fixture, "select count(*) from preference").await, 0);

    // A link that waits goes with an erasure too.
    site.post("/preferences", "address=boris@example.org").await;
    link_mail::send_due(&fixture.installation).await.expect("sent");
    assert_eq!(canary::number(fixture, "select count(*) from mailed_link").await, 1);
    erase(fixture, "boris@example.org").await;
    assert_eq!(canary::number(fixture, "select count(*) from mailed_link").await, 0);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    assert!(contact::get(&mut conn, site.people[1].0).await.expect("asked").is_none());
});
