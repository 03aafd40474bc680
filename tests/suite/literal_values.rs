//! Names and values that look like sentences, templates or HTML are shown as they are: in pages, on the command line and in
//! JSON, in every language.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use sendoff::cli::print::Output;
use sendoff::cli::{campaign, contact as person, list, relay, segment};
use sendoff::infra::error::{Message, Result};
use sendoff::infra::i18n::Lang;
use sendoff::infra::token::TokenPurpose;
use sendoff::web::router;
use sendoff::web::state::WebState;
use sqlx::query;

use crate::fixture::both;
use crate::public::fixture::{WebFixture, send};

const NAMES: [&str; 10] = [
    r#"["list-unnamed",{}]"#,
    r#"["people",[]]"#,
    r#"["people",{"count":"7"}]"#,
    r#"["people",[["count","7"]]]"#,
    r#"[["people",[["count","7"]]]]"#,
    r#"["move-interrupted",{"why":[["people",{"count":"7"}]]}]"#,
    "{ $x } { people } { -brand }",
    r#"{"$message":"[\"people\",[]]"}"#,
    r#"["people",[]] <b>bold</b> &amp;"#,
    "+007",
];

/// The text of a page without its escapes.
fn text(page: &str) -> String {
    let escapes = [("&#34;", "\""), ("&quot;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&lt;", "<"), ("&#62;", ">")];
    let plain = escapes.iter().fold(page.to_owned(), |page, (escape, plain)| page.replace(escape, plain));
    plain.replace("&gt;", ">").replace("&#38;", "&").replacen("&amp;amp;", "&amp;", usize::MAX)
}

/// The name is in the text, and in the JSON as a text or within one.
fn assert_shown(shown: Result<Output>, name: &str) {
    let shown = shown.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let inner = serde_json::Value::from(name).to_string();
    let json = shown.json.to_string();
    assert!(shown.text.contains(name), "{name} is not in {}", shown.text);
    assert!(json.contains(inner.trim_matches('"')), "{name} is not in {json}");
}

both!(names_and_values_are_shown_as_they_are, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let anna = || "anna@example.org".to_owned();
    let pages = [TokenPurpose::Unsubscribe, TokenPurpose::Preferences].map(|purpose| {
        let folder = if purpose == TokenPurpose::Unsubscribe { "u" } else { "p" };
        format!("/{folder}/{}", site.token(1, purpose))
    });
    for name in NAMES {
        let mut tx = installation.db.write().await.expect("a transaction");
        for (statement, id) in [
            ("update list set name = $1 where id = $2", site.news.id),
            ("update campaign set name = $1 where id = $2", site.campaign),
        ] {
            query(statement).bind(name).bind(id).execute(&mut *tx).await.expect("renamed");
        }
        tx.commit().await.expect("committed");
        for lang in [Lang::EN, Lang::RU] {
            let show = campaign::Command::Show { name: name.to_owned(), watch: false };
            assert_shown(campaign::run(installation, actor, show, lang).await, name);
            assert_shown(list::run(installation, actor, list::Command::Ls, lang).await, name);
            assert_shown(
                list::run(installation, actor, list::Command::Add { name: name.to_owned() }, lang).await,
                name,
            );

            let set = vec![format!("city={name}")];
            let correct = person::Command::Correct { address: anna(), set, new: None };
            person::run(installation, actor, correct, lang).await.expect("corrected");
            let shown = person::run(installation, actor, person::Command::Show { address: anna() }, lang).await;
            assert_shown(shown, name);

            let expression = "city = \"Казань\"".to_owned();
            let save = segment::Command::Save { name: name.to_owned(), expression, wait: false };
            assert_shown(segment::run(installation, actor, save, lang).await, name);
            assert_shown(segment::run(installation, actor, segment::Command::Ls, lang).await, name);

            let unknown = format!("{name} too");
            let show = campaign::Command::Show { name: unknown.clone(), watch: false };
            let refusals = [
                campaign::run(installation, actor, show, lang).await.map(drop),
                list::run(installation, actor, list::Command::Close { name: unknown.clone(), people: None }, lang)
                    .await
                    .map(drop),
                relay::run(installation, actor, relay::Command::Rm { name: unknown.clone() }, lang).await.map(drop),
            ];
            for refused in refusals {
                let said = lang.translate(&refused.expect_err("unknown").message());
                assert!(said.contains(&unknown), "{unknown} is not in {said}");
            }
            // As the reason of a pause keeps it.
            let kept =
                Message::new("preflight-relay-silent").with("relay", name).with_message("why", Message::new("people"));
            assert!(lang.translate_packed(&kept.pack()).contains(name), "{name}");

            let headers = [("host", "127.0.0.1:8081"), ("accept-language", lang.as_str())];
            // The pages keep the names of lists, which no command changes.
            let state = WebState::open(installation.clone(), Arc::default()).await.expect("opens");
            let desk = send(router::desk(state.clone()), Method::GET, "/w/main/", &headers, Body::empty()).await.body;
            let mut shown = vec![desk];
            for page in &pages {
                shown.push(
                    send(router::public(state.clone()), Method::GET, page, &headers[1..], Body::empty()).await.body,
                );
            }
            for page in shown {
                assert!(text(&page).contains(name), "{name} is not in {page}");
                assert!(!page.contains("<b>bold</b>"), "{page}");
            }
        }
    }
});
