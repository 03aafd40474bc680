//! Every route of a workspace with every role: who may see a page, and that a workspace without a part in it is not found.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use sendoff::audience::workspace;
use sendoff::infra::clock::DAY;
use sendoff::usecase::Role;
use sendoff::web::desk::routes;

use super::fixture::{WebFixture, send};
use crate::access::fixture::Staff;
use crate::fixture::both;

both!(every_route_is_open_to_the_roles_of_its_action_alone, |fixture| {
    let site = WebFixture::new(fixture).await;
    workspace::ensure(&fixture.installation, "other").await.expect("a workspace");
    let (staff, _) = Staff::with_anna(fixture).await;
    for role in [Role::Owner, Role::Marketer, Role::Analyst, Role::Auditor, Role::Support] {
        let until = (role == Role::Support).then(|| fixture.installation.clock.now() + DAY);
        let entered = staff.join(&format!("{role}@example.org"), role, until).await;
        let cookie = format!("session={}", entered.session.expose());
        let headers = [("host", "127.0.0.1:8025"), ("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        for route in routes::all() {
            // Keys of nothing: what is not forbidden is not found, and nothing changes.
            let path = route.path.replace("{id}", "7").replace("{kind}", "links").replace("{page}", "start");
            for method in [Method::GET, Method::POST] {
                let ask = async |workspace: &str| {
                    let path = format!("/w/{workspace}{path}");
                    send(site.desk(), method.clone(), &path, &headers, Body::empty()).await.status
                };
                let status = ask("main").await;
                let is_forbidden = status == StatusCode::FORBIDDEN;
                let is_other_method = status == StatusCode::METHOD_NOT_ALLOWED;
                let may = route.action.is_permitted_to(role);
                assert!(may != is_forbidden || is_other_method, "{role} {method} {}: {status}", route.path);
                let other = ask("other").await;
                assert!(other == StatusCode::NOT_FOUND || is_other_method, "{role} {method} {}: {other}", route.path);
            }
        }
    }
    let without_session = [("host", "127.0.0.1:8025")];
    for route in routes::all() {
        let path =
            format!("/w/main{}", route.path.replace("{id}", "7").replace("{kind}", "links").replace("{page}", "start"));
        let reply = send(site.desk(), Method::GET, &path, &without_session, Body::empty()).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{path}");
        assert!(reply.header("location").is_some_and(|to| to.contains("login?next=")), "{path}");
    }
});
