//! Tests of the growth of a list on its page.

use sendoff::infra::clock::DAY;
use sendoff::usecase::contact::{self as contacts, Urgency};

use super::desk_pages::{look, look_counted};
use super::fixture::{WebFixture, join};
use crate::fixture::both;

both!(growth_of_a_list_counts_who_is_here_and_who_left, |fixture| {
    let site = WebFixture::new(fixture).await;
    let installation = &fixture.installation;
    installation.clock.advance(3 * DAY);
    join(fixture, &site.news, &["gina@example.org"]).await;
    contacts::erase(installation, &fixture.actor, "vera@example.org", Urgency::Usual).await.expect("erased");
    let path = format!("/lists/{}", site.news.id);
    let json: serde_json::Value =
        serde_json::from_str(&look(&site, &format!("{path}/growth.json")).await.body).expect("JSON");
    let days = json["days"].as_array().expect("days");
    let last = days.last().expect("a day");
    // The fixture joins everyone a day before its own time.
    assert_eq!((&days[0]["day"], &days[0]["joined"], &days[0]["size"]), (&"2026-11-20".into(), &4.into(), &4.into()));
    assert_eq!((&last["day"], &last["left"], &last["size"]), (&"2026-11-24".into(), &1.into(), &3.into()));
    assert_eq!(json["cohorts"][0]["month"], "2026-11-01");
    assert_eq!((json["cohorts"][0]["joined"].as_i64(), json["cohorts"][0]["here"].as_i64()), (Some(4), Some(3)));
    let page = look_counted(&site, &path).await.body;
    assert!(page.contains("<polyline") && page.contains("November 2026") && page.contains("75 %"), "{page}");
    assert!(look(&site, &format!("{path}/growth.csv")).await.body.starts_with("day,joined,left,size\n"));
});
