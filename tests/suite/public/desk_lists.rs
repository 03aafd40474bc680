//! Tests of the list pages of the desk: order, filters, pages, and what is done with rows that were chosen.

use axum::http::StatusCode;
use sendoff::audience::subscription::{self, State};
use sendoff::infra::id::Id;

use super::desk_pages::{look, post, target};
use super::fixture::{WebFixture, join};
use crate::fixture::both;
use crate::import::fixture::find;

/// The addresses of a page of people, from top to bottom.
fn addresses(page: &str) -> Vec<String> {
    let rows = page.split("<tbody>").nth(1).and_then(|rest| rest.split("</tbody>").next());
    let cells = rows.unwrap_or_default().split("/people/").skip(1);
    cells.filter_map(|cell| Some(cell.split_once('>')?.1.split_once('<')?.0.to_owned())).collect()
}

async fn state_on(site: &WebFixture, list: Id, contact: Id) -> Option<State> {
    let mut conn = site.state.installation.db.read().await.expect("a connection");
    let states = subscription::states(&mut conn, list, &[contact]).await.expect("asked");
    states.first().map(|(_, state)| *state)
}

both!(people_are_sorted_both_ways_and_no_page_leaves_anybody_out, |fixture| {
    let site = WebFixture::new(fixture).await;
    let names: Vec<String> = (0..70).map(|number| format!("p{:02}@example.org", number * 37 % 70)).collect();
    join(fixture, &site.offers, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (filter, count) in [("", 73), ("list=Offers&", 71), ("list=Offers&state=confirmed&", 71)] {
        for sort in ["added", "-added", "address", "-address"] {
            let mut path = format!("/people?{filter}sort={sort}");
            let mut seen = Vec::new();
            loop {
                let page = look(&site, &path).await.body;
                seen.extend(addresses(&page));
                let next = page.split("class=\"pager\"").nth(1).and_then(|rest| rest.split("people?").nth(1));
                let Some(next) = next.and_then(|rest| rest.split('"').next()) else { break };
                path = format!("/people?{}", next.replace("&#38;", "&").replace("&amp;", "&"));
                assert!(!path.contains('@'), "an address stands in a URL: {path}");
            }
            assert_eq!(seen.len(), count, "{filter}{sort}");
            let mut expected = seen.clone();
            match sort {
                "address" => expected.sort(),
                "-address" => {
                    expected.sort();
                    expected.reverse();
                }
                _ => expected.dedup(),
            }
            assert_eq!(seen, expected, "{filter}{sort}");
        }
    }
    let bounced = look(&site, "/people?list=Offers&state=bounced").await.body;
    assert!(addresses(&bounced).is_empty(), "{bounced}");
    assert!(look(&site, "/people.csv?list=Offers&sort=-address").await.body.contains("\np69@example.org,"));
    let newest = look(&site, "/people?sort=-added").await.body;
    assert_eq!(addresses(&newest)[0], names[69]);
    assert!(newest.contains("aria-sort=\"descending\""), "{newest}");
});

both!(chosen_people_join_leave_and_are_restricted, |fixture| {
    let site = WebFixture::new(fixture).await;
    let id = |person: usize| site.people[person].0.to_string();
    let (anna, boris, vera) = (id(0), id(1), id(2));
    let chosen = [("id", anna.as_str()), ("id", boris.as_str()), ("id", "7")];
    assert!(target(&post(&site, "/people/chosen/join", &[]).await).contains("done=none-chosen"));
    let asked = post(&site, "/people/chosen/join", &chosen).await;
    assert!(asked.body.contains("name=\"proof\"") && !asked.body.contains("anna@"), "{}", asked.body);

    let consent = [("basis", "consent"), ("source", "form"), ("proof", "ticket 7"), ("date", "2026-01-02")];
    let yes = [("confirmed", "1"), ("list", "Offers")];
    let refused = post(&site, "/people/chosen/join", &[&chosen[..], &yes, &consent[..3]].concat()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("ticket 7") && refused.body.contains(&format!("value=\"{boris}\"")));
    let joined = post(&site, "/people/chosen/join", &[&chosen[..], &yes, &consent].concat()).await;
    assert_eq!(joined.status, StatusCode::OK, "{}", joined.body);
    assert_eq!(state_on(&site, site.offers.id, site.people[1].0).await, Some(State::Confirmed));
    let receipts = look(&site, &format!("/people/{boris}")).await.body;
    assert!(receipts.contains("ticket 7"), "{receipts}");

    let restricted = post(&site, "/people/chosen/restrict", &[("id", &vera), ("confirmed", "1")]).await;
    assert_eq!(restricted.status, StatusCode::OK);
    assert_eq!(state_on(&site, site.news.id, site.people[2].0).await, Some(State::Restricted));

    let off = [("confirmed", "1"), ("list", "Новости")];
    let all = [("id", anna.as_str()), ("id", boris.as_str()), ("id", vera.as_str())];
    let wrong = post(&site, "/people/chosen/leave", &[&all[..], &off, &[("people", "2")]].concat()).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(site.is_here(2).await);
    let left = post(&site, "/people/chosen/leave", &[&all[..], &off, &[("people", "3")]].concat()).await;
    assert_eq!(left.status, StatusCode::OK, "{}", left.body);
    assert!(site.is_here(0).await && site.is_here(1).await, "they are on another list");
    assert!(find(fixture, "vera@example.org").await.is_none(), "she was on no other list");
    let back = [("confirmed", "1"), ("list", "Новости")];
    let back = post(&site, "/people/chosen/join", &[&all[..1], &back, &consent].concat()).await;
    assert_eq!(state_on(&site, site.news.id, site.people[0].0).await, None, "who left a list stays off it");
    assert!(back.body.contains('1'), "{}", back.body);
    let file = post(&site, "/people/chosen.csv", &all).await;
    assert!(file.body.contains("anna@example.org") && !file.body.contains("vera@"), "{}", file.body);
});

both!(campaigns_are_sorted_and_chosen_drafts_removed, |fixture| {
    let site = WebFixture::new(fixture).await;
    let draft = async |name: &str| {
        let form = [("name", name), ("list", "Offers"), ("from", "Shop <news@shop.example>"), ("subject", "x")];
        let added = post(&site, "/campaigns/new", &[&form[..], &[("format", "md")]].concat()).await;
        target(&added).split('/').nth(1).expect("a key").to_owned()
    };
    let (alpha, omega) = (draft("alpha").await, draft("omega").await);
    let by_name = look(&site, "/campaigns?sort=-name").await.body;
    let at = |name: &str| by_name.find(&format!(">{name}</a>")).expect("a row");
    assert!(at("omega") < at("autumn") && at("autumn") < at("alpha"), "{by_name}");
    let drafts = look(&site, "/campaigns.csv?state=draft").await.body;
    assert!(drafts.contains("alpha") && !drafts.contains("autumn"), "{drafts}");

    let sent = site.campaign.to_string();
    let refused = post(&site, "/campaigns/remove", &[("id", &sent)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    let removed = post(&site, "/campaigns/remove", &[("id", &alpha), ("id", &omega)]).await;
    assert!(target(&removed).contains("done=removed"));
    let left = look(&site, "/campaigns").await.body;
    assert!(left.contains("autumn") && !left.contains("alpha") && !left.contains("omega"), "{left}");
    assert_eq!(post(&site, "/campaigns/remove", &[("id", &alpha)]).await.status, StatusCode::NOT_FOUND);
});
