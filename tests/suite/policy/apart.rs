//! Workspaces apart: every use case of a workspace is tried with the names and ids of another one. None reads, changes or joins
//! anything there, and the rows of the other workspace stay as they were.

use std::collections::BTreeSet;

use sendoff::audience::consent::Basis;
use sendoff::audience::import::Request;
use sendoff::audience::workspace;
use sendoff::content::email::Format;
use sendoff::infra::error::{Error, Kind as ErrorKind};
use sendoff::infra::i18n::Lang;
use sendoff::infra::id::Id;
use sendoff::report::export::{Format as ExportFormat, Kind};
use sendoff::usecase::action::{Action, Scope};
use sendoff::usecase::chosen_contacts::{self, Joining};
use sendoff::usecase::contact::{self, Correction, Urgency};
use sendoff::usecase::contact_search::{self, Addition};
use sendoff::usecase::field_change::{self, Confirmation};
use sendoff::usecase::invitation::{self, InvitationRequest};
use sendoff::usecase::policy::proof;
use sendoff::usecase::{
    Actor, Role, campaign, campaign_draft, campaign_preview, campaign_report, campaign_revision, click_map, consent,
    export, field, form, import, link_check, list, picture, policy, preflight, relay, request, schedule, segment,
    series, team,
};

use super::fixture::{POLICY, file};
use crate::canary;
use crate::fixture::{Fixture, both};
use crate::import::fixture as importing;

/// The other workspace: a list, a field, a segment, a campaign and a person.
async fn other(fixture: &Fixture) -> (Actor, Id, Id) {
    let installation = &fixture.installation;
    let other = workspace::ensure(installation, "other").await.expect("a workspace");
    let actor = Actor::operator(other.id);
    list::add(installation, &actor, "Secret").await.expect("a list");
    field::add(installation, &actor, "hidden", "text").await.expect("a field");
    let addition = Addition {
        address: "them@x.test".to_owned(),
        list: "Secret".to_owned(),
        set: vec![("hidden".to_owned(), "treasure".to_owned())],
        source: "shop".to_owned(),
        basis: Basis::Consent,
        proof: "form".to_owned(),
        date: "2026-05-05".to_owned(),
    };
    contact_search::add(installation, &actor, &addition).await.expect("added");
    segment::save(installation, &actor, "rich", "hidden is set", false, |_, _| {}).await.expect("saved");
    let text =
        "+++\nname = \"private\"\nlist = \"Secret\"\nfrom = \"a@x.test\"\nsubject = \"S\"\n+++\nHi {{ hidden }}\n";
    let source = campaign::Source { text: text.to_owned(), format: Format::Md };
    campaign::add(installation, &actor, &source).await.expect("a draft");
    policy::apply(installation, &actor, &file(&POLICY.replace("\"News\"", "\"Secret\""))).await.expect("applied");
    let contact = canary::number(fixture, "select id from contact").await;
    (actor, contact, canary::number(fixture, "select id from campaign").await)
}

/// All rows of the other workspace as one text.
async fn rows(fixture: &Fixture) -> Vec<i64> {
    let mut numbers = Vec::new();
    for query in [
        "select count(*) from contact where fields like '%treasure%'",
        "select count(*) from subscription where state = 'confirmed'",
        "select count(*) from list where closed_at is null and name = 'Secret'",
        "select count(*) from segment where expression = 'hidden is set' and name = 'rich'",
        "select count(*) from campaign where name = 'private' and state = 'draft'",
        "select count(*) from field where name = 'hidden' and labels = '{}'",
        "select count(*) from consent",
        "select count(*) from policy",
        "select count(*) from tombstone where workspace_id = (select id from workspace where name = 'other')",
        "select count(*) from delivery",
    ] {
        numbers.push(canary::number(fixture, query).await);
    }
    numbers
}

/// Use cases that take no name and no id: what they return is of their own workspace by construction, and the outputs are
/// searched for anything of the other one below.
const NAMELESS: &[Action] = &[
    Action::AddField,
    Action::AddList,
    Action::ListFields,
    Action::ListLists,
    Action::ListSegments,
    Action::ShowBrand,
    Action::ChangeBrand,
    Action::ListTeam,
    Action::ListLanes,
    Action::ChangeLane,
    Action::ReadOverview,
    Action::ReadReturnedMail,
    Action::SuppressContacts,
    Action::ListUncertain,
    Action::SettleUncertain,
    Action::UndoImport,
    Action::ChangePolicy,
    Action::ReadAuditLog,
    Action::ReadDestructionLog,
    Action::RunRetention,
    Action::EndWorkspace,
];

both!(no_use_case_reaches_into_another_workspace, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let (theirs, contact_id, campaign_id) = other(fixture).await;
    list::add(installation, actor, "News").await.expect("a list");
    policy::apply(installation, actor, &file(POLICY)).await.expect("applied");
    let before = rows(fixture).await;
    let mut tried = BTreeSet::new();
    let mut refuse = |action: Action, what: &str, result: Result<String, Error>| {
        tried.insert(action);
        match result {
            Ok(output) => assert!(
                !output.contains("treasure") && !output.contains("them@") && !output.contains("Secret"),
                "{action} {what}: {output}"
            ),
            Err(error) => {
                let kind = error.kind();
                let expected = [ErrorKind::NotFound, ErrorKind::Conflict, ErrorKind::Invalid];
                assert!(expected.contains(&kind), "{action} {what}: {kind:?} {}", error.message().key);
            }
        }
    };
    /// The output of a use case as text.
    macro_rules! attempt {
        ($action:ident, $what:literal, $call:expr) => {
            let result = Box::pin($call).await.map(|output| format!("{output:?}"));
            refuse(Action::$action, $what, result);
        };
    }
    let none = |_: u64, _: u64| {};
    attempt!(RenameList, "list", list::rename(installation, actor, "Secret", "Mine"));
    attempt!(CloseList, "list", list::close(installation, actor, "Secret", Some(1), none));
    attempt!(CloseList, "count", list::count_to_close(installation, actor, "Secret"));
    attempt!(IndexField, "field", field::index(installation, actor, "hidden", true, none));
    attempt!(ChangeField, "label", field::label(installation, actor, "hidden", &[(Lang::EN, "x".to_owned())]));
    attempt!(ChangeField, "name", field_change::rename(installation, actor, "hidden", "mine", none));
    let confirmed = Confirmation { people: Some(1), used: true };
    attempt!(RemoveField, "field", field_change::remove(installation, actor, "hidden", confirmed, none));
    let path = importing::file(fixture, "people.csv", "email\nmine@x.test\n");
    let request = Request { list: "Secret".to_owned(), ..importing::request(path) };
    attempt!(ImportContacts, "list", async {
        let done = import::run(installation, actor, &request, Lang::EN, &mut |_| {}).await?;
        Ok::<_, Error>(done.0.json().to_string())
    });
    attempt!(ListContacts, "list", contact_search::list(installation, actor, Some("Secret"), 0, 50));
    attempt!(ListContacts, "find", contact_search::find(installation, actor, "treasure", 50));
    let addition = Addition {
        address: "mine@x.test".to_owned(),
        list: "Secret".to_owned(),
        set: Vec::new(),
        source: "shop".to_owned(),
        basis: Basis::Consent,
        proof: "form".to_owned(),
        date: "2026-05-05".to_owned(),
    };
    attempt!(AddContact, "list", contact_search::add(installation, actor, &addition));
    let joining = Joining {
        list: "News".to_owned(),
        source: "shop".to_owned(),
        basis: Basis::Consent,
        proof: "form".to_owned(),
        date: "2026-05-05".to_owned(),
    };
    attempt!(AddContact, "id", chosen_contacts::join(installation, actor, &[contact_id], &joining));
    attempt!(EraseContact, "id", chosen_contacts::leave(installation, actor, &[contact_id], "News", Some(1)));
    attempt!(EraseContact, "list", chosen_contacts::leave(installation, actor, &[contact_id], "Secret", Some(1)));
    attempt!(RestrictContact, "id", chosen_contacts::restrict(installation, actor, &[contact_id]));
    attempt!(ExportContacts, "id", chosen_contacts::read(installation, actor, &[contact_id]));
    attempt!(ShowContact, "address", contact::show(installation, actor, "them@x.test"));
    let correction = Correction { set: vec![("hidden".to_owned(), "x".to_owned())], address: None };
    attempt!(CorrectContact, "address", contact::correct(installation, actor, "them@x.test", &correction));
    attempt!(RestrictContact, "address", contact::restrict(installation, actor, "them@x.test"));
    attempt!(UnrestrictContact, "address", contact::unrestrict(installation, actor, "them@x.test"));
    attempt!(UnsuppressContact, "address", contact::unsuppress(installation, actor, "them@x.test"));
    let invitation = InvitationRequest {
        address: "them@x.test".to_owned(),
        list: "Secret".to_owned(),
        from: "a@x.test".to_owned(),
        relay: None,
    };
    attempt!(InviteContact, "list", invitation::send(installation, actor, &invitation));
    attempt!(SaveSegment, "list", segment::save(installation, actor, "x", "on(\"Secret\")", false, none));
    attempt!(SaveSegment, "field", segment::save(installation, actor, "x", "hidden is set", false, none));
    attempt!(SaveSegment, "campaign", segment::save(installation, actor, "x", "opened(\"private\")", false, none));
    attempt!(ReadSegment, "count", segment::count(installation, actor, "rich"));
    attempt!(ReadSegment, "explain", segment::explain(installation, actor, "rich", "them@x.test"));
    attempt!(RemoveSegment, "segment", segment::remove(installation, actor, "rich"));
    let text = "+++\nname = \"mine\"\nlist = \"Secret\"\nfrom = \"a@x.test\"\nsubject = \"S\"\n+++\nHi\n";
    let source = campaign::Source { text: text.to_owned(), format: Format::Md };
    // The file is the user's own; nothing of the list may come back.
    tried_names_only(campaign::add(installation, actor, &source).await.map(drop));
    attempt!(AddCampaign, "copy", campaign_draft::duplicate(installation, actor, "private", "mine"));
    attempt!(AddCampaign, "revision", campaign_revision::restore(installation, actor, campaign_id, campaign_id));
    attempt!(PreflightCampaign, "name", preflight::preflight(installation, actor, "private", none));
    attempt!(PreflightCampaign, "preview", async {
        campaign_preview::read(installation, actor, campaign_id, None).await.map(drop)
    });
    attempt!(PreflightCampaign, "links", async { link_check::check(installation, actor, campaign_id).await.map(drop) });
    attempt!(TestCampaign, "name", campaign::test(installation, actor, "private", "me@x.test", None));
    attempt!(
        ScheduleCampaign,
        "name",
        schedule::set(installation, actor, "private", Some("2027-01-01 10:00"), Some("UTC"), none)
    );
    attempt!(ScheduleCampaign, "back", schedule::unschedule(installation, actor, "private"));
    let options = campaign::StartOptions::default();
    attempt!(StartCampaign, "name", campaign::start(installation, actor, "private", &options, none));
    attempt!(PauseCampaign, "name", campaign::pause(installation, actor, "private"));
    attempt!(ResumeCampaign, "name", campaign::resume(installation, actor, "private", None, false));
    attempt!(RecallCampaign, "name", schedule::recall(installation, actor, "private"));
    attempt!(CancelCampaign, "name", campaign::cancel(installation, actor, "private"));
    attempt!(RemoveCampaign, "name", campaign_draft::remove(installation, actor, "private"));
    attempt!(ShowCampaign, "name", campaign::show(installation, actor, "private"));
    attempt!(ShowCampaign, "file", async { campaign_draft::read_file(installation, actor, "private").await.map(drop) });
    attempt!(ShowCampaign, "report", async {
        campaign_report::read(installation, actor, campaign_id, None).await.map(drop)
    });
    attempt!(ShowCampaign, "clicks", async { click_map::read(installation, actor, campaign_id).await.map(drop) });
    attempt!(ShowCampaign, "revisions", async {
        campaign_revision::list(installation, actor, campaign_id).await.map(drop)
    });
    attempt!(ListPictures, "id", picture::read_own(installation, actor, campaign_id));
    attempt!(ChangePictures, "id", picture::remove(installation, actor, campaign_id, true));
    attempt!(StopSeries, "name", series::stop(installation, actor, "private"));
    attempt!(ResumeSeries, "name", series::resume(installation, actor, "private", false));
    for kind in [Kind::People, Kind::Subscriptions, Kind::Processor, Kind::Deliveries, Kind::Lists] {
        let out = fixture.folder.path().join(format!("{kind}.csv"));
        let request = |campaign: Option<&str>| export::Request {
            kind,
            format: ExportFormat::Csv,
            excel: None,
            campaign: campaign.map(str::to_owned),
            since: None,
            file: Some(out.clone()),
        };
        attempt!(Export, "all", async {
            export::run(installation, actor, &request(None), &mut |_, _| {}).await?;
            Ok::<_, Error>(std::fs::read_to_string(&out).expect("an export"))
        });
        attempt!(
            ExportContacts,
            "campaign",
            export::run(installation, actor, &request(Some("private")), &mut |_, _| {})
        );
    }
    attempt!(ShowRelay, "name", relay::show(installation, actor, Some("theirs")));
    attempt!(ChangeRelay, "name", relay::remove(installation, actor, "theirs"));
    attempt!(TestRelay, "name", relay::test(installation, actor, Some("theirs")));
    attempt!(ChangeTeam, "id", team::set_role(installation, actor, contact_id, Role::Owner, None));
    attempt!(ListForms, "name", async { form::show(installation, actor, "theirs").await.map(drop) });
    attempt!(ChangeForms, "name", async { form::remove(installation, actor, "theirs").await.map(drop) });
    attempt!(ListRequests, "id", async { request::show(installation, actor, contact_id).await.map(drop) });
    attempt!(ManageRequests, "id", async { request::extend(installation, actor, contact_id, "x").await.map(drop) });
    attempt!(ProveConsent, "address", async { consent::prove(installation, actor, "them@x.test").await.map(drop) });
    let withdrawal = consent::Withdrawal {
        purpose: "marketing".to_owned(),
        list: Some("Secret".to_owned()),
        channel: "post".to_owned(),
        note: "17".to_owned(),
    };
    attempt!(WithdrawConsent, "address", async {
        consent::withdraw(installation, actor, "them@x.test", &withdrawal).await.map(drop)
    });
    attempt!(ReadPolicy, "policy", policy::show(installation, actor));
    attempt!(ReadPolicy, "proof", async {
        let proof = proof::prove(installation, actor).await?;
        Ok::<_, Error>(format!("{:?}", proof.promises))
    });
    attempt!(EraseContact, "address", contact::erase(installation, actor, "them@x.test", Urgency::Usual));

    assert_eq!(rows(fixture).await, before, "the rows of the other workspace");
    assert!(contact::show(installation, &theirs, "them@x.test").await.is_ok());
    // The list is complete: a new use case of a workspace is tried here, or takes no name.
    let of_workspace = Action::ALL.iter().filter(|action| action.scope() == Scope::Workspace);
    let missing: Vec<_> = of_workspace.filter(|action| !tried.contains(action) && !NAMELESS.contains(action)).collect();
    assert!(missing.is_empty(), "not tried with names of another workspace: {missing:?}");
});

/// A refusal may repeat the name that the user has typed.
fn tried_names_only(result: Result<(), Error>) {
    assert_eq!(result.expect_err("a list of another workspace").message().key, "list-unknown");
}
