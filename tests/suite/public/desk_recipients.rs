//! Tests of the people behind the numbers of a campaign.

use axum::http::StatusCode;
use sendoff::feedback::event::{self, EventKind, NewEvent};
use sendoff::usecase::contact::{self as contacts, Urgency};

use super::desk_pages::look;
use super::fixture::WebFixture;
use crate::fixture::{NOW, both};

both!(numbers_of_a_campaign_open_the_people_behind_them, |fixture| {
    let site = WebFixture::new(fixture).await;
    let installation = &fixture.installation;
    let mut tx = installation.db.write().await.expect("a transaction");
    let opened = NewEvent { delivery: site.people[1].1, kind: EventKind::Open, position: 0, at: NOW };
    event::insert(&mut tx, &installation.ids, &[opened]).await.expect("inserted");
    tx.commit().await.expect("committed");
    let path = format!("/campaigns/{}/recipients", site.campaign);
    let all = look(&site, &path).await.body;
    assert!(["anna@", "boris@", "vera@"].iter().all(|part| all.contains(part)), "{all}");
    let opened = look(&site, &format!("{path}?state=opened")).await.body;
    assert!(opened.contains("boris@example.org") && !opened.contains("anna@"), "{opened}");
    assert!(!look(&site, &format!("{path}?state=rejected")).await.body.contains("example.org"));
    let file = look(&site, &format!("{path}.csv?state=accepted")).await.body;
    assert!(file.starts_with("changed,details,email,state\n"), "{file}");
    assert_eq!(file.matches("accepted").count(), 3, "{file}");
    let report = look(&site, &format!("/campaigns/{}", site.campaign)).await.body;
    assert!(report.contains("recipients?state=accepted\">3</a>"), "{report}");

    contacts::erase(installation, &fixture.actor, "anna@example.org", Urgency::Usual).await.expect("erased");
    let left = look(&site, &path).await.body;
    assert!(!left.contains("anna@") && left.contains("vera@"), "{left}");
    assert_eq!(look(&site, "/campaigns/7/recipients").await.status, StatusCode::NOT_FOUND);
});
