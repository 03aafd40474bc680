//! Tests of the calendar of campaigns at the desk: what was sent, what is scheduled, and the coming days of a series.

use axum::http::StatusCode;
use sendoff::infra::setting::{self, Setting};

use super::desk_pages::{look, post, target};
use super::fixture::WebFixture;
use crate::fixture::{NOW, both};

/// The days of a month that have a campaign of this name, with its place in the calendar and its time.
async fn days_of(site: &WebFixture, query: &str, name: &str) -> Vec<(String, String, String)> {
    let json: serde_json::Value =
        serde_json::from_str(&look(site, &format!("/campaigns/calendar.json{query}")).await.body).expect("JSON");
    let mut found = Vec::new();
    for day in json["days"].as_array().expect("days") {
        for one in day["campaigns"].as_array().expect("campaigns").iter().filter(|one| one["name"] == name) {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            found.push((text(&day["day"]), text(&one["what"]), text(&one["time"])));
        }
    }
    found
}

async fn draft(site: &WebFixture, name: &str, more: &str) -> i64 {
    let list = &site.news.name;
    let source = format!(
        "+++\nname = \"{name}\"\nlist = \"{list}\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"x\"\n{more}\n+++\nHello\n"
    );
    let installation = &site.state.installation;
    let mut tx = installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "https://news.example.org").await.expect("set");
    tx.commit().await.expect("committed");
    let source = sendoff::usecase::campaign::Source { text: source, format: sendoff::content::email::Format::Md };
    let workspace = sendoff::audience::workspace::ensure(installation, "main").await.expect("a workspace").id;
    let actor = sendoff::usecase::Actor::operator(workspace);
    sendoff::usecase::campaign::add(installation, &actor, &source).await.expect("a draft");
    let mut conn = installation.db.read().await.expect("a connection");
    sendoff::campaign::model::find_by_name(&mut conn, workspace, name).await.expect("found").id
}

both!(calendar_shows_what_was_sent_is_scheduled_and_comes_of_a_series, |fixture| {
    let site = WebFixture::new(fixture).await;
    assert_eq!(NOW, 1_795_255_200_000, "2026-11-21 10:00 UTC");
    assert_eq!(
        days_of(&site, "?zone=UTC", "autumn").await,
        [("2026-11-21".to_owned(), "sent".to_owned(), "10:00".to_owned())]
    );
    let later = draft(&site, "later", "").await;
    let at = [("at", "2026-12-01T01:30"), ("zone", "Europe/Moscow")];
    let scheduled = post(&site, &format!("/campaigns/{later}/schedule"), &at).await;
    assert!(target(&scheduled).contains("done=scheduled"), "{}", scheduled.body);
    let found = days_of(&site, "?month=2026-11&zone=UTC", "later").await;
    assert_eq!(found, [("2026-11-30".to_owned(), "scheduled".to_owned(), "22:30".to_owned())], "the day of the zone");
    let found = days_of(&site, "?month=2026-12", "later").await;
    assert_eq!(found[0].0, "2026-12-01", "without a zone it is that of the newest campaign");

    let weekly = draft(&site, "weekly", "every = \"week\"\non = \"monday\"\nat = \"09:00\"").await;
    let begun = post(&site, &format!("/campaigns/{weekly}/schedule"), &[]).await;
    assert!(target(&begun).contains("done="), "{}", begun.body);
    let days: Vec<String> =
        days_of(&site, "?month=2026-12&zone=UTC", "weekly").await.into_iter().map(|(day, ..)| day).collect();
    assert_eq!(days, ["2026-11-30", "2026-12-07", "2026-12-14", "2026-12-21", "2026-12-28"]);
    let page = look(&site, "/campaigns/calendar?month=2026-12&zone=UTC").await.body;
    assert!(page.contains("December 2026") && page.contains("month=2027-01"), "{page}");
    for wrong in ["?month=2026-13", "?month=soon", "?zone=Atlantis"] {
        let refused = look(&site, &format!("/campaigns/calendar{wrong}")).await.status;
        assert!(refused.is_client_error() && refused != StatusCode::NOT_FOUND, "{wrong}: {refused}");
    }
});
