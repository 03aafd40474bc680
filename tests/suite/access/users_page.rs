//! Page of the users of the installation, through the real router of the desk.

use axum::http::{Method, StatusCode};
use sendoff::usecase::Role;
use sendoff::web::state::WebState;

use super::fixture::{Staff, send_as};
use crate::fixture::both;
use crate::public::fixture::Reply;

async fn ask(state: &WebState, session: &str, method: Method, path: &str, form: &str) -> Reply {
    send_as(state, session, method, &format!("/w/main/settings/users{path}"), form).await
}

both!(administrator_adds_resets_and_removes_users, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let vera = staff.join("vera@example.org", Role::Owner, None).await;
    let state = WebState::open(fixture.installation.clone(), std::sync::Arc::default()).await.expect("opens");
    let get = async || ask(&state, anna.session.expose(), Method::GET, "", "").await.body;
    let post = async |path: &str, form: &str| ask(&state, anna.session.expose(), Method::POST, path, form).await;
    let owner = ask(&state, vera.session.expose(), Method::GET, "", "").await;
    assert_eq!(owner.status, StatusCode::FORBIDDEN, "an owner of a workspace");
    assert!(get().await.contains("vera@example.org"));

    let added = post("/add", "name=Boris&email=boris%40example.org&role=analyst").await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.body);
    let link = added.body.split("<code>").nth(1).and_then(|rest| rest.split("</code>").next()).expect("a link");
    let token = link.strip_prefix("http://127.0.0.1:8025/password/").expect("at this desk");
    let listed = get().await;
    assert!(listed.contains("boris@example.org") && !listed.contains(token), "the link is shown once");
    let again = post("/add", "name=Boris&email=boris%40example.org&role=analyst").await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);

    let reset = post(&format!("/{}/reset", vera.user), "").await;
    assert!(reset.body.contains("/password/"), "{}", reset.body);
    assert!(staff.find(&vera).await.is_some());
    let page = get().await;
    let sessions: Vec<&str> =
        page.split("name=\"session\" value=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(sessions.len(), 2, "Anna's and Vera's: {page}");
    assert_eq!(post(&format!("/{}/sessions", vera.user), "session=17").await.status, StatusCode::SEE_OTHER);
    assert!(staff.find(&vera).await.is_some(), "a session of somebody else, or of nobody, ends no other");
    assert_eq!(post(&format!("/{}/sessions", vera.user), "").await.status, StatusCode::SEE_OTHER);
    assert!(staff.find(&vera).await.is_none(), "her sessions are over");
    let last = post(&format!("/{}/administrator", anna.user), "is=no").await;
    assert_eq!(last.status, StatusCode::UNPROCESSABLE_ENTITY, "the last administrator stays one");
    assert_eq!(post(&format!("/{}/administrator", vera.user), "is=yes").await.status, StatusCode::SEE_OTHER);
    let other = post(&format!("/{}/remove", vera.user), "confirm=boris%40example.org").await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        post(&format!("/{}/remove", vera.user), "confirm=vera%40example.org").await.status,
        StatusCode::SEE_OTHER
    );
    assert!(!get().await.contains("vera@example.org"));
});
