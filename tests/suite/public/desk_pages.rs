//! Tests of the pages of a workspace: what a form changes, what it says when it is refused, and that nothing typed is lost.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use sendoff::audience::workspace;
use sendoff::infra::setting::{self, Setting};
use sendoff::usecase::form::{self, FormInput};
use sendoff::usecase::request::{self, NewRequest, RequestKind};
use sendoff::web::desk::routes;

use super::fixture::{Reply, WebFixture, send};
use crate::fixture::both;
use crate::import::fixture::find;

pub const HERE: (&str, &str) = ("host", "127.0.0.1:8081");

pub async fn look(site: &WebFixture, path: &str) -> Reply {
    send(site.desk(), Method::GET, &format!("/w/main{path}"), &[HERE], Body::empty()).await
}

/// A page once what it counts in the background is there.
pub async fn look_counted(site: &WebFixture, path: &str) -> Reply {
    for _ in 0..100 {
        let page = look(site, path).await;
        if !page.body.contains("http-equiv=\"refresh\"") {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{path} is still counting");
}

/// Posts a form; the fields are as a browser would encode them.
pub async fn post(site: &WebFixture, path: &str, fields: &[(&str, &str)]) -> Reply {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [HERE, ("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    send(site.desk(), Method::POST, &format!("/w/main{path}"), &headers, Body::from(body)).await
}

/// Where a form leads after it was accepted.
pub fn target(reply: &Reply) -> &str {
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
    reply.header("location").expect("a location").trim_start_matches("../").trim_start_matches("w/main/")
}

both!(people_are_searched_shown_corrected_and_erased, |fixture| {
    let site = WebFixture::new(fixture).await;
    let all = look(&site, "/people").await.body;
    assert!(["anna@", "boris@", "vera@"].iter().all(|part| all.contains(part)), "{all}");
    let found = post(&site, "/people", &[("q", "ANNA")]).await.body;
    assert!(found.contains("anna@example.org") && !found.contains("boris@"), "{found}");
    let on = look(&site, "/people?list=Offers").await.body;
    assert!(on.contains("anna@example.org") && !on.contains("boris@"), "{on}");
    let json: serde_json::Value =
        serde_json::from_str(&look(&site, "/people.json?list=Offers").await.body).expect("JSON");
    assert_eq!(json["contacts"][0]["email"], "anna@example.org");
    assert!(!found.contains("q=") && !found.contains("people?anna"), "a search stands in no URL: {found}");
    assert!(look(&site, "/people.csv").await.body.starts_with("email,fields,"));

    let person = format!("/people/{}", site.people[0].0);
    let page = look(&site, &person).await.body;
    assert!(page.contains("anna@example.org") && page.contains("Offers") && page.contains("autumn"), "{page}");
    let saved =
        post(&site, &format!("{person}/correct"), &[("address", "anna@example.org"), ("field-city", "Тверь")]).await;
    assert!(target(&saved).ends_with("done=saved"));
    assert!(look(&site, &person).await.body.contains("Тверь"));
    let taken =
        post(&site, &format!("{person}/correct"), &[("address", "boris@example.org"), ("field-city", "Омск")]).await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(taken.body.contains("value=\"boris@example.org\"") && taken.body.contains("Омск"), "{}", taken.body);

    post(&site, &format!("{person}/restrict"), &[]).await;
    assert!(look(&site, &person).await.body.contains("/unrestrict"));
    post(&site, &format!("{person}/unrestrict"), &[]).await;

    let wrong = post(&site, &format!("{person}/erase"), &[("confirm", "boris@example.org")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(site.is_here(0).await);
    let erased = post(&site, &format!("{person}/erase"), &[("confirm", "Anna@example.org")]).await;
    assert!(target(&erased).starts_with("people"));
    assert!(!site.is_here(0).await);
    assert_eq!(look(&site, &person).await.status, StatusCode::NOT_FOUND);
});

both!(person_is_added_with_the_proof_of_consent, |fixture| {
    let site = WebFixture::new(fixture).await;
    let consent = [("basis", "consent"), ("source", "form"), ("proof", "ticket 7"), ("date", "2026-01-02")];
    let with = |address| [("address", address), ("list", "Offers"), ("field-city", "Казань")];
    let refused = post(&site, "/people/add", &[&with("gina at example")[..], &consent].concat()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("gina at example") && refused.body.contains("ticket 7"), "{}", refused.body);
    let added = post(&site, "/people/add", &[&with("gina@example.org")[..], &consent].concat()).await;
    assert!(target(&added).starts_with("people?list=Offers"));
    assert!(find(fixture, "gina@example.org").await.is_some());
});

both!(lists_are_added_renamed_and_closed_with_their_number, |fixture| {
    let site = WebFixture::new(fixture).await;
    assert!(target(&post(&site, "/lists/add", &[("name", "Клуб")]).await).starts_with("lists"));
    assert_eq!(post(&site, "/lists/add", &[("name", " ")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let list = format!("/lists/{}", site.news.id);
    post(&site, &format!("{list}/rename"), &[("name", "Вести")]).await;
    assert!(look(&site, "/lists").await.body.contains("Вести"));
    let asked = post(&site, &format!("{list}/close"), &[("people", "2")]).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(site.is_here(1).await);
    post(&site, &format!("{list}/close"), &[("people", "3")]).await;
    assert!(!site.is_here(1).await && site.is_here(0).await, "anna is on another list");
});

both!(segment_is_counted_while_it_is_written_and_saved, |fixture| {
    let site = WebFixture::new(fixture).await;
    let counted = look(&site, "/segments/edit?q=on(%22Offers%22)").await;
    assert!(counted.body.contains("anna@example.org") && !counted.body.contains("boris@"), "{}", counted.body);
    let wrong = look(&site, "/segments/edit?q=citty+%3D+1").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("citty = 1"), "the expression stays: {}", wrong.body);
    post(&site, "/segments/save", &[("name", "offers"), ("expression", "on(\"Offers\")")]).await;
    assert!(look(&site, "/segments").await.body.contains("on(&#34;Offers&#34;)"));
    assert!(look(&site, "/people?segment=offers").await.body.contains("anna@example.org"));
    post(&site, "/segments/remove", &[("name", "offers")]).await;
    assert!(!look(&site, "/segments").await.body.contains("on(&#34;Offers&#34;)"));
});

both!(campaign_is_written_checked_and_started, |fixture| {
    let site = WebFixture::new(fixture).await;
    post(&site, "/settings/fields/add", &[("name", "job"), ("kind", "text")]).await;
    let settings = [("name", "winter"), ("list", "Offers"), ("from", "Shop <news@shop.example>")];
    let blank = post(&site, "/campaigns/new", &[&settings[..], &[("subject", ""), ("format", "md")]].concat()).await;
    assert_eq!(blank.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(blank.body.contains("value=\"winter\""), "{}", blank.body);
    let added =
        post(&site, "/campaigns/new", &[&settings[..], &[("subject", "Зима"), ("format", "md")]].concat()).await;
    let editor = format!("/{}", target(&added).split('?').next().expect("a path"));
    let campaign = editor.trim_end_matches("/email").to_owned();

    let page = look(&site, &editor).await.body;
    let version =
        page.split("name=\"version\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a version");
    let email = [("version", version), ("subject", "Зима близко"), ("body", "Привет, {{ job }}")];
    let saved = post(&site, &editor, &[&settings[..], &email].concat()).await;
    assert_eq!(saved.status, StatusCode::OK);
    assert!(saved.body.contains("Зима близко"), "{}", saved.body);
    let stale =
        post(&site, &editor, &[&settings[..], &email[..1], &[("subject", "x"), ("body", "mine")]].concat()).await;
    assert_eq!(stale.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(stale.body.contains(">mine</textarea>") && stale.body.contains("name=\"overwrite\""), "{}", stale.body);
    let broken = [("subject", "x"), ("body", "{{ job"), ("overwrite", "on")];
    let broken = post(&site, &editor, &[&settings[..], &broken].concat()).await;
    assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(broken.body.contains("{{ job</textarea>"), "{}", broken.body);
    // What has a mistake is kept, and keeps the campaign from being sent until it is right.
    let right = [("subject", "Зима близко"), ("body", "Привет, {{ job }}"), ("overwrite", "on")];
    assert_eq!(post(&site, &editor, &[&settings[..], &right].concat()).await.status, StatusCode::OK);

    let preview = look(&site, &format!("{campaign}/preview?part=html")).await;
    assert!(preview.body.contains("[job]"), "invented values: {}", preview.body);
    assert!(preview.header("content-security-policy").is_some_and(|policy| policy.starts_with("sandbox;")));
    let person = look(&site, &format!("{campaign}/preview?after=0")).await;
    assert!(person.body.contains("a***@e***.org") && !person.body.contains("anna"), "{}", person.body);

    let check = look(&site, &format!("{campaign}/check")).await.body;
    assert!(check.contains("<code>job</code>"), "a value is missing: {check}");
    let refused = post(&site, &format!("{campaign}/start"), &[("skip-missing", "on")]).await;
    assert!(refused.body.contains("localhost"), "links would lead nowhere: {}", refused.body);
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "https://news.example.org").await.expect("set");
    tx.commit().await.expect("committed");
    let refused = post(&site, &format!("{campaign}/start"), &[]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let started = post(&site, &format!("{campaign}/start"), &[("skip-missing", "on")]).await;
    assert!(target(&started).contains("done=started"), "{}", started.body);
    let paused = post(&site, &format!("{campaign}/pause"), &[]).await;
    assert!(matches!(paused.status, StatusCode::SEE_OTHER | StatusCode::UNPROCESSABLE_ENTITY));
    let copy = post(&site, &format!("{campaign}/duplicate"), &[("name", "spring")]).await;
    assert!(target(&copy).contains("done=added"));
    assert!(look(&site, "/campaigns").await.body.contains("spring"));
    assert_eq!(look(&site, &editor).await.status, StatusCode::SEE_OTHER, "an email that is sent is not edited");
});

both!(settings_are_saved_and_mistakes_named, |fixture| {
    let site = WebFixture::new(fixture).await;
    let wrong = post(&site, "/settings/sender/save", &[("name", "Магазин"), ("color", "blue-ish")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("blue-ish") && wrong.body.contains("Магазин"), "{}", wrong.body);
    post(&site, "/settings/sender/save", &[("name", "Магазин"), ("color", "#123456"), ("address", "Омск")]).await;
    assert!(look(&site, "/settings/sender").await.body.contains("#123456"));
    assert!(
        target(&post(&site, "/settings/fields/add", &[("name", "age"), ("kind", "number")]).await).contains("added")
    );
    let again = post(&site, "/settings/fields/add", &[("name", "age"), ("kind", "text")]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    let relay = [("kind", "smtps"), ("host", "mail example"), ("user", "u"), ("password", "secret-word")];
    let refused = post(&site, "/settings/relay/set", &relay).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("mail example") && !refused.body.contains("secret-word"), "{}", refused.body);
    let relay = [("kind", "smtps"), ("host", "mail.example"), ("user", "u@x"), ("password", "secret-word")];
    assert!(target(&post(&site, "/settings/relay/set", &relay).await).contains("saved"));
    let page = look(&site, "/settings/relay").await.body;
    assert!(page.contains("mail.example") && !page.contains("secret-word"), "{page}");
});

both!(every_route_answers_and_none_of_another_workspace, |fixture| {
    let site = WebFixture::new(fixture).await;
    let other = workspace::ensure(&fixture.installation, "other").await.expect("a workspace");
    assert_ne!(other.id, fixture.workspace.id);
    let input = FormInput { lists: vec![("Offers".to_owned(), String::new())], ..FormInput::default() };
    let form = form::add(&fixture.installation, &fixture.actor, "footer", &input).await.expect("a form").row.id;
    let new = NewRequest {
        address: "anna@example.org".to_owned(),
        kind: RequestKind::Access,
        channel: "post".to_owned(),
        note: String::new(),
        checked: None,
        law: None,
        received: None,
    };
    let request = request::add(&fixture.installation, &fixture.actor, &new).await.expect("a request").row.request;
    // The pages of an upload, of a search and of a month have tests of their own, and a segment is needed to be removed.
    let tested = ["/imports", "/privacy/search", "/privacy/destruction/", "/segments/remove"];
    let has_test = |path: &str| tested.iter().any(|one| path.starts_with(one));
    let paths = routes::all().into_iter().filter(|route| !has_test(route.path)).map(|route| {
        let key = if route.path.starts_with("/people") { site.people[0].0 } else { site.campaign };
        let key = match route.path {
            path if path.starts_with("/lists") => site.news.id,
            path if path.starts_with("/forms") => form,
            path if path.starts_with("/requests") => request,
            _ => key,
        };
        (
            route.path,
            route
                .path
                .replace("/edit", "/edit?name=city")
                .replace("{id}", &key.to_string())
                .replace("{kind}", "links")
                .replace("{page}", "start"),
        )
    });
    for (route, path) in paths {
        let own = send(site.desk(), Method::GET, &format!("/w/main{path}"), &[HERE], Body::empty()).await;
        let is_fine = [StatusCode::OK, StatusCode::METHOD_NOT_ALLOWED, StatusCode::SEE_OTHER].contains(&own.status);
        assert!(is_fine, "{route}: {} {}", own.status, own.body);
        if route.contains("{id}") && own.status == StatusCode::OK {
            let foreign = format!("/w/other{path}");
            let foreign = send(site.desk(), Method::GET, &foreign, &[HERE], Body::empty()).await;
            assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{route}");
            assert!(!foreign.body.contains("anna") && !foreign.body.contains("autumn"), "{route}");
        }
    }
});

/// Uploads a file for a list; returns the path of the page of the import.
pub async fn upload(site: &WebFixture, list: &str, file: &str) -> String {
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"list\"\r\n\r\n{list}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"people.csv\"\r\n\r\n{file}\r\n--b--\r\n"
    );
    let headers = [HERE, ("content-type", "multipart/form-data; boundary=b"), ("sec-fetch-site", "same-origin")];
    let desk = site.desk();
    let reply = send(desk, Method::POST, "/w/main/people/import", &headers, Body::from(body)).await;
    format!("/{}", target(&reply))
}

both!(file_is_uploaded_read_mapped_and_imported, |fixture| {
    let site = WebFixture::new(fixture).await;
    let empty = upload(&site, "Offers", "email,Profession\ngina@example.org,baker\nnot an address,x\n").await;
    let page = look(&site, &empty).await.body;
    assert!(page.contains("gina@example.org") && page.contains(">Profession<"), "{page}");
    assert!(find(fixture, "gina@example.org").await.is_none(), "nothing is imported yet");

    let without_proof = post(&site, &empty, &[("answers", "1"), ("basis", "consent"), ("import", "yes")]).await;
    assert_eq!(without_proof.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mapping = [("answers", "1"), ("name-2", "Profession"), ("map-1", "email"), ("map-2", "new:text")];
    post(&site, &empty, &mapping).await;
    assert!(look(&site, &empty).await.body.contains("profession: baker"), "the new field is filled");
    let consent =
        [("basis", "consent"), ("source", "form"), ("proof", "ticket"), ("date", "2026-01-02"), ("import", "yes")];
    let imported = post(&site, &empty, &consent).await;
    assert_eq!(imported.status, StatusCode::SEE_OTHER, "{}", imported.body);
    assert!(find(fixture, "gina@example.org").await.is_some());
    let done = look(&site, &empty).await.body;
    assert!(done.contains("rejects.csv") && !done.contains("name=\"import\""), "{done}");
    assert!(look(&site, &format!("{empty}/rejects.csv")).await.body.contains("not an address"));

    let next = upload(&site, "Offers", "email\nhans@example.org\n").await;
    assert!(look(&site, &next).await.body.contains("value=\"ticket\""), "the proof is remembered");
    let foreign = format!("/w/other{next}");
    workspace::ensure(&fixture.installation, "other").await.expect("a workspace");
    let foreign = send(site.desk(), Method::GET, &foreign, &[HERE], Body::empty()).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
});

both!(field_is_labelled_renamed_and_removed_with_the_number_of_its_people, |fixture| {
    let site = WebFixture::new(fixture).await;
    let person = format!("/people/{}/correct", site.people[0].0);
    post(&site, "/settings/fields/add", &[("name", "job"), ("kind", "text")]).await;
    post(&site, &person, &[("address", "anna@example.org"), ("field-job", "baker")]).await;
    let page = look_counted(&site, "/settings/fields/edit?name=job").await.body;
    assert!(page.contains("<dd>1</dd>"), "who has a value: {page}");
    let labelled = [("name", "job"), ("label-en", "Job"), ("label-ru", "Работа")];
    assert!(target(&post(&site, "/settings/fields/label", &labelled).await).contains("done=saved"));
    assert!(look(&site, "/settings/fields/edit?name=job").await.body.contains("value=\"Работа\""));
    post(&site, "/settings/fields/rename", &[("name", "job"), ("new", "work")]).await;
    assert!(look(&site, "/settings/fields").await.body.contains("<code>work</code>"));
    let refused = post(&site, "/settings/fields/remove", &[("name", "work"), ("people", "99")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let removed = post(&site, "/settings/fields/remove", &[("name", "work"), ("people", "1")]).await;
    assert!(target(&removed).contains("done=removed"), "{}", removed.body);
    assert!(!look(&site, "/settings/fields").await.body.contains("<code>work</code>"));
});

both!(new_workspace_shows_its_first_steps_until_a_campaign_was_launched, |fixture| {
    workspace::ensure(&fixture.installation, "fresh").await.expect("a workspace");
    let site = WebFixture::new(fixture).await;
    let fresh = async || send(site.desk(), Method::GET, "/w/fresh/", &[HERE], Body::empty()).await.body;
    let before = fresh().await;
    assert!(before.contains("w/fresh/people/import") && !before.contains("is-done"), "{before}");
    let headers = [HERE, ("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let body = Body::from("name=News");
    send(site.desk(), Method::POST, "/w/fresh/lists/add", &headers, body).await;
    assert_eq!(fresh().await.matches("is-done").count(), 1);
    assert!(!look(&site, "/").await.body.contains("class=\"steps\""), "a campaign was launched here");
});
