//! Teams: invitations, roles, grants to the support.

use sendoff::audience::workspace;
use sendoff::infra::clock::DAY;
use sendoff::infra::error::Kind as ErrorKind;
use sendoff::report::export::{Format, Kind};
use sendoff::usecase::team::{self, NewAccount};
use sendoff::usecase::{Action, Actor, Role, export, field};

use super::fixture::{ANNA, NO_BROWSER, PASSWORD, Staff, key};
use crate::canary;
use crate::fixture::{NOW, both};

const BORIS: &str = "boris@example.org";

both!(invitation_lets_its_address_in_once_with_its_role, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let installation = &fixture.installation;
    let owner = staff.find(&anna).await.expect("signed in").actor(fixture.workspace.id).expect("may enter");
    let invited = team::invite(installation, &owner, BORIS, Role::Marketer, None).await.expect("invited");
    let replaced = invited.token;
    let invited = team::invite(installation, &owner, BORIS, Role::Analyst, None).await.expect("invited again");
    let open = async |token: &str| team::open_invitation(installation, &Actor::visitor(), token).await.expect("asked");
    assert!(open(replaced.expose()).await.is_none());
    let shown = open(invited.token.expose()).await.expect("valid");
    assert_eq!((shown.workspace.as_str(), shown.email.as_str(), shown.has_account), ("main", BORIS, false));
    let join = async |name: &str| {
        let new = NewAccount { name, password: PASSWORD, lang: None };
        team::join(installation, &Actor::visitor(), invited.token.expose(), &new, &NO_BROWSER).await
    };
    assert_eq!(join("").await.expect_err("no name").field(), Some("name"));

    let boris = join("Boris").await.expect("joined");

    let signed_in = staff.find(&boris).await.expect("signed in");
    assert!(!signed_in.administrator && signed_in.operator().is_none());
    let actor = signed_in.actor(fixture.workspace.id).expect("may enter");
    assert_eq!((actor.role, actor.user), (Role::Analyst, Some(boris.user)));
    assert_eq!(key(join("Boris").await.expect_err("used")), "team-invitation-invalid");
    let again = team::invite(installation, &owner, "BORIS@example.org", Role::Analyst, None).await;
    assert_eq!(again.expect_err("a member").field(), Some("email"));
    let refused = team::invite(installation, &actor, "vera@example.org", Role::Owner, None).await;
    assert_eq!(refused.expect_err("an analyst").kind(), ErrorKind::Forbidden);
});

both!(invitation_of_a_user_is_accepted_by_that_user_alone, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let installation = &fixture.installation;
    let boris = staff.join(BORIS, Role::Analyst, None).await;
    let other = workspace::ensure(installation, "other").await.expect("a workspace").id;
    let invite = async || {
        let invited = team::invite(installation, &Actor::operator(other), BORIS, Role::Owner, None).await;
        invited.expect("invited").token
    };
    let token = invite().await;
    let shown = team::open_invitation(installation, &Actor::visitor(), token.expose()).await.expect("asked");
    assert!(shown.expect("valid").has_account);
    let new = NewAccount { name: "Mallory", password: "another-1912", lang: None };

    let refused = team::join(installation, &Actor::visitor(), token.expose(), &new, &NO_BROWSER).await;
    assert_eq!(key(refused.expect_err("the account is not replaced")), "team-sign-in-first");
    let refused = team::join_as_user(installation, &Actor::at_account(anna.user), token.expose()).await;
    assert_eq!(key(refused.expect_err("not hers")), "team-other-address");
    let joined = team::join_as_user(installation, &Actor::at_account(boris.user), token.expose()).await;
    assert_eq!(joined.expect("joined"), other);

    let signed_in = staff.find(&boris).await.expect("signed in");
    let role = |workspace| signed_in.actor(workspace).map(|actor| actor.role);
    assert_eq!((role(fixture.workspace.id), role(other)), (Some(Role::Analyst), Some(Role::Owner)));
    assert_eq!(role(other + 1), None);
});

both!(role_is_what_its_holder_may_do_at_once, |fixture| {
    let (staff, _) = Staff::with_anna(fixture).await;
    let installation = &fixture.installation;
    let boris = staff.join(BORIS, Role::Marketer, None).await;
    let actor = async || staff.find(&boris).await.expect("signed in").actor(fixture.workspace.id);
    field::add(installation, &actor().await.expect("may enter"), "city", "text").await.expect("a marketer may");

    team::set_role(installation, &fixture.actor, boris.user, Role::Auditor, None).await.expect("changed");

    let refused = field::add(installation, &actor().await.expect("may enter"), "age", "number").await;
    assert_eq!(refused.expect_err("an auditor may not").kind(), ErrorKind::Forbidden);
    let unknown = team::set_role(installation, &fixture.actor, boris.user + 1, Role::Auditor, None).await;
    assert_eq!(key(unknown.expect_err("nobody")), "team-member-unknown");
});

both!(grant_to_the_support_reads_and_ends, |fixture| {
    let (staff, _) = Staff::with_anna(fixture).await;
    let installation = &fixture.installation;
    for (role, until, wrong) in [
        (Role::Support, None, "team-grant-needed"),
        (Role::Support, Some(NOW), "team-grant-term"),
        (Role::Support, Some(NOW + 91 * DAY), "team-grant-term"),
        (Role::Marketer, Some(NOW + DAY), "team-grant-role"),
    ] {
        let refused = team::invite(installation, &fixture.actor, BORIS, role, until).await.expect_err(wrong);
        assert_eq!((refused.field(), refused.message().key), (Some("until"), wrong));
    }

    let boris = staff.join(BORIS, Role::Support, Some(NOW + DAY)).await;

    let actor = async || staff.find(&boris).await.expect("signed in").actor(fixture.workspace.id);
    let role = actor().await.expect("may enter").role;
    assert!(Action::ShowContact.is_permitted_to(role) && Action::ShowCampaign.is_permitted_to(role));
    for action in [Action::Export, Action::EraseContact, Action::CorrectContact, Action::StartCampaign] {
        assert!(!action.is_permitted_to(role), "{action}");
    }
    installation.clock.advance(DAY);
    assert_eq!(actor().await, None, "the grant has ended");
    team::set_role(installation, &fixture.actor, boris.user, Role::Support, Some(NOW + 3 * DAY)).await.expect("again");
    assert!(actor().await.is_some());
});

both!(workspace_keeps_an_owner_and_a_removed_member_is_erased, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let installation = &fixture.installation;
    let word = canary::word();
    let email = format!("{word}@example.org");
    let vera = staff.join(&email, Role::Owner, None).await;
    let owner = staff.find(&vera).await.expect("signed in").actor(fixture.workspace.id).expect("may enter");
    assert_eq!(team::list(installation, &owner).await.expect("listed").members.len(), 2);
    team::remove(installation, &owner, anna.user).await.expect("removed");
    for refused in [
        team::remove(installation, &owner, vera.user).await,
        team::set_role(installation, &owner, vera.user, Role::Analyst, None).await,
    ] {
        assert_eq!(key(refused.expect_err("the last owner")), "team-last-owner");
    }
    let signed_in = staff.find(&anna).await.expect("an administrator stays a user");
    assert_eq!(signed_in.actor(fixture.workspace.id).map(|actor| actor.role), Some(Role::Operator));
    assert!(canary::search(fixture, &email).await.hits > 0);

    team::remove(installation, &fixture.actor, vera.user).await.expect("the operator decides");

    assert!(staff.find(&vera).await.is_none());
    assert!(sendoff::privacy::physical_erasure::run(installation).await.expect("rewritten"));
    assert_eq!(canary::search(fixture, &email).await.traces, []);
    staff.sign_in(ANNA, PASSWORD, "", NO_BROWSER).await.expect("others stay");
});

both!(withdrawn_and_expired_invitations_let_nobody_in, |fixture| {
    let installation = &fixture.installation;
    let invite = async |email: &str| {
        team::invite(installation, &fixture.actor, email, Role::Marketer, None).await.expect("invited").token
    };
    let is_open = async |token: &str| {
        team::open_invitation(installation, &Actor::visitor(), token).await.expect("asked").is_some()
    };
    let (withdrawn, expired) = (invite(BORIS).await, invite("vera@example.org").await);
    let listed = team::list(installation, &fixture.actor).await.expect("listed").invitations;
    let id = listed.iter().find(|one| one.email == BORIS).expect("listed").id;
    let other = workspace::ensure(installation, "other").await.expect("a workspace").id;
    let refused = team::withdraw(installation, &Actor::operator(other), id).await.expect_err("another workspace");
    assert_eq!(refused.kind(), ErrorKind::NotFound);

    team::withdraw(installation, &fixture.actor, id).await.expect("withdrawn");
    assert!(!is_open(withdrawn.expose()).await && is_open(expired.expose()).await);
    installation.clock.advance(7 * DAY);
    assert!(!is_open(expired.expose()).await);
});

both!(analyst_exports_numbers_and_no_addresses, |fixture| {
    let (staff, _) = Staff::with_anna(fixture).await;
    let boris = staff.join(BORIS, Role::Analyst, None).await;
    let actor = staff.find(&boris).await.expect("signed in").actor(fixture.workspace.id).expect("may enter");
    let mut permitted = Vec::new();
    for kind in Kind::ALL {
        let file = Some(fixture.folder.path().join(kind.as_str()));
        let request =
            export::Request { kind: *kind, format: Format::Csv, excel: None, campaign: None, since: None, file };
        let names_people = kind.columns().iter().any(|column| ["address", "first_name"].contains(&column.name));
        match export::run(&fixture.installation, &actor, &request, &mut |_, _| {}).await {
            Ok(_) => permitted.push((*kind, names_people)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Forbidden, "{kind}"),
        }
    }

    let named: Vec<_> = permitted.iter().filter(|(_, names_people)| *names_people).collect();
    assert!(named.is_empty(), "{named:?}");
    let kinds: Vec<Kind> = permitted.into_iter().map(|(kind, _)| kind).collect();
    assert!(kinds.contains(&Kind::Links) && !kinds.contains(&Kind::Subscriptions) && !kinds.contains(&Kind::People));
});
