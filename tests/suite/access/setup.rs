//! Setup: the link that makes the first administrator.

use sendoff::usecase::setup::{self, FirstUser};
use sendoff::usecase::{Actor, Channel, Role};

use super::fixture::{ANNA, NO_BROWSER, PASSWORD, Staff, key};
use crate::canary;
use crate::fixture::both;

both!(setup_link_makes_one_administrator, |fixture| {
    let installation = &fixture.installation;
    let visitor = Actor::visitor();
    let first = FirstUser { name: "Anna", email: ANNA, password: PASSWORD, lang: None };
    let one = setup::pending_link(installation).await.expect("asked").expect("a link");
    let other = setup::pending_link(installation).await.expect("asked").expect("a link of another start");
    assert!(setup::is_valid(installation, &visitor, one.expose()).await.expect("asked"));

    let entered = setup::complete(installation, &visitor, one.expose(), &first, &NO_BROWSER).await.expect("set up");

    let signed_in = Staff::nobody(fixture).find(&entered).await.expect("signed in");
    assert!(signed_in.administrator && signed_in.name == "Anna" && signed_in.email == ANNA);
    let actor = signed_in.actor(fixture.workspace.id).expect("may enter");
    assert_eq!((actor.role, actor.channel, actor.user), (Role::Operator, Channel::Desk, Some(entered.user)));
    assert_eq!(signed_in.memberships[0].role, Role::Owner);
    for link in [one, other] {
        assert!(!setup::is_valid(installation, &visitor, link.expose()).await.expect("asked"));
        let second = FirstUser { email: "boris@example.org", ..first };
        let refused = setup::complete(installation, &visitor, link.expose(), &second, &NO_BROWSER).await;
        assert_eq!(key(refused.expect_err("used")), "setup-link-invalid");
    }
    assert!(setup::pending_link(installation).await.expect("asked").is_none());
    assert_eq!(canary::number(fixture, "select count(*) from staff_user").await, 1);
});

both!(setup_names_the_field_that_is_wrong_and_keeps_the_link, |fixture| {
    let installation = &fixture.installation;
    let link = setup::pending_link(installation).await.expect("asked").expect("a link");
    let good = FirstUser { name: "Anna", email: ANNA, password: PASSWORD, lang: None };
    for (first, field) in [
        (FirstUser { name: " ", ..good }, "name"),
        (FirstUser { email: "anna", ..good }, "email"),
        (FirstUser { password: "short", ..good }, "password"),
        (FirstUser { password: ANNA, ..good }, "password"),
    ] {
        let refused = setup::complete(installation, &Actor::visitor(), link.expose(), &first, &NO_BROWSER).await;
        assert_eq!(refused.expect_err(field).field(), Some(field));
    }

    setup::complete(installation, &Actor::visitor(), link.expose(), &good, &NO_BROWSER).await.expect("set up");
});

both!(setup_by_two_people_at_once_makes_one_administrator, |fixture| {
    let installation = &fixture.installation;
    let link = setup::pending_link(installation).await.expect("asked").expect("a link");
    let complete = async |email: &'static str| {
        let first = FirstUser { name: "Anna", email, password: PASSWORD, lang: None };
        setup::complete(installation, &Actor::visitor(), link.expose(), &first, &NO_BROWSER).await.is_ok()
    };

    let (one, other) = tokio::join!(complete(ANNA), complete("boris@example.org"));

    assert!(one != other, "{one} {other}");
    assert_eq!(canary::number(fixture, "select count(*) from staff_user").await, 1);
});

both!(setup_link_ends_after_a_week, |fixture| {
    let installation = &fixture.installation;
    let link = setup::pending_link(installation).await.expect("asked").expect("a link");

    installation.clock.advance(7 * sendoff::infra::clock::DAY);

    assert!(!setup::is_valid(installation, &Actor::visitor(), link.expose()).await.expect("asked"));
});
