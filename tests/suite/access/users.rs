//! Users of the installation, managed by the operator, and what is left of one who was removed.

use sendoff::infra::clock::DAY;
use sendoff::privacy::physical_erasure;
use sendoff::usecase::user::{self, AddUser};
use sendoff::usecase::{Actor, Role, account, setup, team};

use super::fixture::{ANNA, NO_BROWSER, PASSWORD, Staff, key};
use crate::canary;
use crate::fixture::both;

fn new(email: &str) -> AddUser<'_> {
    AddUser { email, name: "Boris", role: Some(Role::Marketer), granted_until: None, administrator: false, lang: None }
}

both!(added_user_chooses_a_password_by_a_link, |fixture| {
    let (staff, _) = Staff::with_anna(fixture).await;
    let installation = &fixture.installation;
    let added = user::add(installation, &fixture.actor, &new("boris@example.org")).await.expect("added");
    for password in ["", PASSWORD] {
        assert_eq!(staff.refusal("boris@example.org", password, "", NO_BROWSER).await, "sign-in-wrong");
    }
    let again = user::add(installation, &fixture.actor, &new("Boris@EXAMPLE.org")).await;
    assert_eq!(again.expect_err("taken").field(), Some("email"));

    account::choose_password(installation, &Actor::visitor(), added.token.expose(), PASSWORD).await.expect("chosen");

    let entered = staff.sign_in("boris@example.org", PASSWORD, "", NO_BROWSER).await.expect("signed in");
    let signed_in = staff.find(&entered).await.expect("found");
    assert_eq!(signed_in.actor(fixture.workspace.id).map(|actor| actor.role), Some(Role::Marketer));
    let rows = user::list(installation, &fixture.actor).await.expect("listed");
    let shown: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.administrator, row.active)).collect();
    assert_eq!(shown, [("Anna", true, true), ("Boris", false, true)]);
    assert_eq!(rows[1].roles.iter().map(|row| row.role).collect::<Vec<_>>(), [Role::Marketer]);
});

both!(link_to_choose_a_password_ends_after_three_days, |fixture| {
    let added = user::add(&fixture.installation, &fixture.actor, &new("boris@example.org")).await.expect("added");

    fixture.installation.clock.advance(3 * DAY);

    let chosen =
        account::choose_password(&fixture.installation, &Actor::visitor(), added.token.expose(), PASSWORD).await;
    assert_eq!(key(chosen.expect_err("expired")), "password-link-invalid");
});

both!(last_administrator_stays, |fixture| {
    let (staff, _) = Staff::with_anna(fixture).await;
    let installation = &fixture.installation;
    let demote = async |email: &str| user::set_administrator(installation, &fixture.actor, email, false).await;
    let added = AddUser { administrator: true, ..new("boris@example.org") };
    let added = user::add(installation, &fixture.actor, &added).await.expect("added");
    let removed = user::remove(installation, &fixture.actor, ANNA).await;
    assert_eq!(key(removed.expect_err("the other has no password yet")), "user-last-administrator");
    assert_eq!(key(demote(ANNA).await.expect_err("the last")), "user-last-administrator");

    account::choose_password(installation, &Actor::visitor(), added.token.expose(), PASSWORD).await.expect("chosen");
    demote(ANNA).await.expect("there is another");

    assert!(staff.sign_in(ANNA, PASSWORD, "", NO_BROWSER).await.is_ok());
    user::remove(installation, &fixture.actor, ANNA).await.expect("removed");
    assert_eq!(staff.refusal(ANNA, PASSWORD, "", NO_BROWSER).await, "sign-in-wrong");
});

both!(nothing_is_left_of_a_removed_user, |fixture| {
    let (staff, _) = Staff::with_anna(fixture).await;
    let installation = &fixture.installation;
    let word = canary::word();
    let email = format!("{word}@example.org");
    let user = staff.join(&email, Role::Marketer, None).await;
    team::invite(installation, &Actor::operator(7), &email, Role::Owner, None).await.expect("invited elsewhere");
    user::reset(installation, &fixture.actor, &email, false).await.expect("a link");
    let found = canary::search(fixture, &email).await;
    let places: Vec<&str> = found.traces.iter().map(|trace| trace.place.as_str()).collect();
    for place in ["staff_user.email", "staff_user.canonical", "staff_invitation.email"] {
        assert!(places.contains(&place), "{place} in {places:?}");
    }

    let removed = user::remove(installation, &fixture.actor, &email).await.expect("removed");

    assert!(!format!("{removed:?}").contains(&word), "addresses print masked");
    assert!(physical_erasure::run(installation).await.expect("rewritten"));
    assert_eq!(canary::search(fixture, &email).await.traces, []);
    assert!(staff.find(&user).await.is_none());
    for (table, query) in [
        ("membership", "select count(*) from membership where role = 'marketer'"),
        ("session", "select count(*) from session"),
        ("known_client", "select count(*) from known_client"),
        ("setup_link", "select count(*) from setup_link"),
    ] {
        let anna = i64::from(["session", "known_client"].contains(&table));
        assert_eq!(canary::number(fixture, query).await, anna, "{table}");
    }
});

both!(operator_ends_the_sessions_of_a_user, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let installation = &fixture.installation;
    assert_eq!(user::sessions(installation, &fixture.actor, ANNA).await.expect("listed").len(), 1);

    let second = staff.sign_in(ANNA, PASSWORD, "", NO_BROWSER).await.expect("another browser");
    let both = user::sessions(installation, &fixture.actor, ANNA).await.expect("listed");
    user::end_session(installation, &fixture.actor, ANNA, both[0].id).await.expect("ended");
    assert!(staff.find(&second).await.is_none() && staff.find(&anna).await.is_some(), "only that one");
    let gone = user::end_session(installation, &fixture.actor, ANNA, both[0].id).await.expect_err("gone");
    assert_eq!(gone.message().key, "session-unknown");
    assert_eq!(user::end_sessions(installation, &fixture.actor, ANNA).await.expect("ended"), 1);

    assert!(staff.find(&anna).await.is_none());
    let unknown = user::sessions(installation, &fixture.actor, "vera@example.org").await.expect_err("nobody");
    assert_eq!(key(unknown), "user-unknown");
});

both!(members_may_not_manage_users, |fixture| {
    let (staff, _) = Staff::with_anna(fixture).await;
    let owner = staff.join("boris@example.org", Role::Owner, None).await;
    let owner = staff.find(&owner).await.expect("signed in").actor(fixture.workspace.id).expect("may enter");
    let installation = &fixture.installation;

    assert!(user::list(installation, &owner).await.is_err());
    assert!(user::add(installation, &owner, &new("vera@example.org")).await.is_err());
    assert!(user::remove(installation, &owner, ANNA).await.is_err());
    assert!(user::reset(installation, &owner, ANNA, true).await.is_err());
    assert!(setup::demo_link(installation, &owner, None).await.is_err());
    assert!(team::give_role(installation, &owner, ANNA, Role::Analyst, None).await.is_err());
});
