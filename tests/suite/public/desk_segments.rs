//! Tests of the page of a segment: rows and expression are one thing, and what depends on a segment is shown.

use axum::http::StatusCode;
use sendoff::usecase::segment;

use super::desk_pages::{look, post, target};
use super::fixture::WebFixture;
use crate::fixture::both;

/// The query of the form of rows on a page, as a browser would send it.
fn form_of(page: &str) -> Vec<(String, String)> {
    let form = page.split("id=\"rows\"").nth(1).and_then(|rest| rest.split("</form>").next()).expect("a form");
    let text = |text: &str| {
        text.replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#38;", "&")
    };
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        Some(text(value))
    };
    let mut fields = Vec::new();
    for tag in form.split('<').skip(1) {
        match tag.split([' ', '>']).next() {
            Some("input") => {
                fields.push((attribute(tag, "name").expect("a name"), attribute(tag, "value").unwrap_or_default()))
            }
            Some("select") => fields.push((attribute(tag, "name").expect("a name"), String::new())),
            Some("option") if tag.contains(" selected>") => {
                fields.last_mut().expect("a select").1 = attribute(tag, "value").unwrap_or_default();
            }
            Some("textarea") => {
                fields.push((attribute(tag, "name").expect("a name"), text(tag.split_once('>').expect("a text").1)));
            }
            _ => {}
        }
    }
    fields
}

fn query_of(fields: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The expression that the page shows.
fn expression_of(page: &str) -> String {
    let text = page.split("name=\"q\"").nth(1).and_then(|rest| rest.split('>').nth(1)).expect("an expression");
    let text = text.split('<').next().unwrap_or_default();
    text.replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&")
}

both!(rows_and_expression_are_the_same_both_ways, |fixture| {
    let site = WebFixture::new(fixture).await;
    for (name, kind) in [("age", "number"), ("born", "date"), ("vip", "flag")] {
        post(&site, "/settings/fields/add", &[("name", name), ("kind", kind)]).await;
    }
    for expression in [
        "city = \"Казань\"",
        "not city contains \"o'\\\"h\\\\\" and age >= 18",
        "(city in (\"Омск\", \"Тверь\") or vip = yes) and not opened(any, 90 days)",
        "(age < 18 and born is set) or (born > 30 days ago and on(\"Новости\"))",
        "on(\"Offers\", 7 days) and joined(\"Offers\") >= 2026-01-01 and clicked(\"autumn\")",
        "email ends with \"@mail.ru\" or (age = 1.5 and (vip = no or not (city is set and age != 3)))",
        "city = \" blanks \" or city in (\"a, b\", \"c\")",
        "reachable and city is not set",
    ] {
        let query = query_of(&[("q".to_owned(), expression.to_owned())]);
        let page = look(&site, &format!("/segments/edit?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{expression}: {}", page.body);
        let rows = form_of(&page.body);
        let again = look(&site, &format!("/segments/edit?{}", query_of(&rows))).await;
        assert_eq!(again.status, StatusCode::OK, "{expression}: {}", again.body);
        let written = expression_of(&again.body);
        let plain = |text: &str| text.replace(['(', ')'], "");
        assert_eq!(plain(&written), plain(expression), "nothing is lost");
        let third = query_of(&[("q".to_owned(), written.clone())]);
        let third = look(&site, &format!("/segments/edit?{third}")).await;
        assert_eq!(form_of(&third.body), rows, "{expression} → {written}: the rows stay");
    }
    let mut rows = form_of(&look(&site, "/segments/edit").await.body);
    rows.push(("do".to_owned(), "group".to_owned()));
    let two = look(&site, &format!("/segments/edit?{}", query_of(&rows))).await.body;
    assert!(two.contains("name=\"g1-0-subject\"") && two.contains("name=\"join\""), "{two}");
});

both!(segment_says_who_depends_on_it_and_why_somebody_is_in_it, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    segment::save(installation, actor, "offers", "on(\"Offers\") and city is set", true, |_, _| {})
        .await
        .expect("saved");
    let form = [("name", "winter"), ("list", "Offers"), ("segment", "offers"), ("subject", "x"), ("format", "md")];
    let added = post(&site, "/campaigns/new", &[&form[..], &[("from", "Shop <news@shop.example>")]].concat()).await;
    assert!(target(&added).contains("campaigns/"), "{}", added.body);
    let page = look(&site, "/segments/edit?name=offers").await.body;
    assert!(page.contains(">winter</a>") && page.contains("campaigns/new?segment=offers"), "{page}");
    let asked = look(&site, "/segments/remove?name=offers").await.body;
    assert!(asked.contains(">winter</a>"), "{asked}");
    let refused = post(&site, "/segments/remove", &[("name", "offers")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);

    let inside = post(&site, "/segments/explain", &[("name", "offers"), ("address", "anna@example.org")]).await.body;
    assert!(inside.contains("This person is in the segment") && inside.contains("Казань"), "{inside}");
    let outside = post(&site, "/segments/explain", &[("name", "offers"), ("address", "boris@example.org")]).await.body;
    assert!(outside.contains("This person is not in the segment"), "{outside}");
    let nobody = post(&site, "/segments/explain", &[("name", "offers"), ("address", "not an address")]).await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY);
});
