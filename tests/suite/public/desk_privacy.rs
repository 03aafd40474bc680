//! Tests of the page of privacy and of the pages of help at the desk.

use axum::http::StatusCode;
use sendoff::audience::import::Request;
use sendoff::infra::i18n::Lang;
use sendoff::usecase::contact::{self as contacts, Urgency};
use sendoff::usecase::import;

use super::desk_pages::{look, post, target, upload};
use super::fixture::WebFixture;
use crate::fixture::both;
use crate::import::fixture::{file, request};

both!(privacy_counts_who_is_kept_out_and_searches_for_traces, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    contacts::erase(installation, actor, "vera@example.org", Urgency::Usual).await.expect("erased");
    let path = file(fixture, "people.csv", "email\nvera@example.org\ngina@example.org\n");
    let request = Request { list: "Offers".to_owned(), ..request(&path) };
    import::run(installation, actor, &request, Lang::EN, &mut |_| {}).await.expect("imported");
    std::fs::remove_file(&path).expect("removed");
    let page = look(&site, "/privacy").await.body;
    assert!(page.contains("<dt>were erased</dt><dd>1</dd>"), "{page}");
    assert!(page.contains("<dt>rows of files refused, in all</dt><dd>1</dd>"), "{page}");
    assert!(!page.contains("vera"), "{page}");

    let searched = post(&site, "/privacy/search", &[("address", "anna@example.org")]).await;
    let path = target(&searched).to_owned();
    assert!(!path.contains("anna"), "an address stands in no URL: {path}");
    let mut found = look(&site, &format!("/{path}")).await.body;
    for _ in 0..100 {
        if !found.contains("http-equiv=\"refresh\"") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        found = look(&site, &format!("/{path}")).await.body;
    }
    assert!(found.contains("contact.address") && found.contains("a***@e***.org"), "{found}");
    assert!(!found.contains("anna@"), "{found}");
    let wrong = post(&site, "/privacy/search", &[("address", "nobody")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(look(&site, "/privacy/search/7").await.status, StatusCode::NOT_FOUND);
});

both!(help_is_read_by_topic_and_found_by_word, |fixture| {
    let site = WebFixture::new(fixture).await;
    assert!(target(&look(&site, "/help").await).starts_with("help/start"));
    let page = look(&site, "/help/segments").await.body;
    assert!(page.contains("<h1>Segments</h1>") && page.contains("<code>"), "{page}");
    let found = look(&site, "/help?q=undo").await.body;
    assert!(found.contains("/help/import\">Import</a>") && !found.contains("Words</a></h2>"), "{found}");
    assert_eq!(look(&site, "/help/nothing").await.status, StatusCode::NOT_FOUND);
    let people = look(&site, "/people").await.body;
    assert!(people.contains("/help/people\""), "every page leads to its help: {people}");
});

both!(erasing_a_person_takes_them_out_of_uploaded_files, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let path = upload(&site, "Offers", "email\nanna@example.org\nhans@example.org\n").await;
    assert!(look(&site, &path).await.body.contains("hans@example.org"));
    contacts::erase(installation, actor, "anna@example.org", Urgency::Now).await.expect("erased");
    let folder = installation.config.data.join("uploads");
    let files = std::fs::read_dir(&folder).expect("the folder of uploads").flatten();
    let text: String = files.map(|file| std::fs::read_to_string(file.path()).expect("a text")).collect();
    assert!(!text.contains("anna@") && text.contains("hans@example.org"), "{text}");
});
