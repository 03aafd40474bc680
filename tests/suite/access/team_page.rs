//! Page of the team, through the real router of the desk.

use axum::http::{Method, StatusCode};
use sendoff::usecase::{Actor, Role, team};
use sendoff::web::state::WebState;

use super::fixture::{Staff, key, send_as};
use crate::fixture::both;
use crate::public::fixture::Reply;

async fn ask(state: &WebState, session: &str, method: Method, path: &str, form: &str) -> Reply {
    send_as(state, session, method, &format!("/w/main/settings/team{path}"), form).await
}

both!(owner_invites_changes_roles_and_ends_access, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let state = WebState::open(fixture.installation.clone(), std::sync::Arc::default()).await.expect("opens");
    let get = async || ask(&state, anna.session.expose(), Method::GET, "", "").await;
    let post = async |path: &str, form: &str| ask(&state, anna.session.expose(), Method::POST, path, form).await;
    assert!(get().await.body.contains("anna@example.org"));
    for (form, typed) in [
        ("email=boris&role=analyst", "value=\"boris\""),
        ("email=boris%40example.org&role=support", "value=\"boris@example.org\""),
        ("email=boris%40example.org&role=chief", "value=\"boris@example.org\""),
    ] {
        let refused = post("/invite", form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        assert!(refused.body.contains(typed) && refused.body.contains("id=\"mistake\""), "{}", refused.body);
    }

    let invited = post("/invite", "email=boris%40example.org&role=support&until=2026-11-30").await;

    assert_eq!(invited.status, StatusCode::OK);
    let link = invited.body.split("<code>").nth(1).and_then(|rest| rest.split("</code>").next()).expect("a link");
    let token = link.strip_prefix("http://127.0.0.1:8025/invitation/").expect("at this desk");
    let listed = get().await.body;
    assert!(listed.contains("boris@example.org") && !listed.contains(token), "the link is shown once");
    let open = team::open_invitation(&fixture.installation, &Actor::visitor(), token).await.expect("asked");
    assert_eq!(open.expect("valid").email, "boris@example.org");

    let vera = staff.join("vera@example.org", Role::Marketer, None).await;
    let session = vera.session.expose();
    assert_eq!(ask(&state, session, Method::GET, "", "").await.status, StatusCode::FORBIDDEN, "a marketer");
    let changed = post(&format!("/{}/role", vera.user), "role=support&until=2026-12-31").await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER, "{}", changed.body);
    assert!(get().await.body.contains("value=\"2026-12-31\""), "the last day is shown as it was chosen");
    let removed = post(&format!("/{}/remove", vera.user), "").await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    assert!(!get().await.body.contains("vera@example.org") && staff.find(&vera).await.is_none());
    assert_eq!(post(&format!("/{}/remove", vera.user), "").await.status, StatusCode::NOT_FOUND);
});

both!(owner_sees_and_keeps_the_last_owner, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let vera = staff.join("vera@example.org", Role::Owner, None).await;
    let state = WebState::open(fixture.installation.clone(), std::sync::Arc::default()).await.expect("opens");
    team::remove(&fixture.installation, &fixture.actor, anna.user).await.expect("removed");

    let path = format!("/{}/remove", vera.user);
    let refused = ask(&state, vera.session.expose(), Method::POST, &path, "").await;

    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("last owner"), "{}", refused.body);
    let owner = staff.find(&vera).await.expect("signed in").actor(fixture.workspace.id).expect("may enter");
    let removed = team::remove(&fixture.installation, &owner, vera.user).await.expect_err("the last owner");
    assert_eq!(key(removed), "team-last-owner");
});
