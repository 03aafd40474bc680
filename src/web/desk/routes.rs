//! The routes of a workspace: one table with the action that each route needs. The router is built from it, and a test tries
//! every route with every role.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use super::visit::{Gate, admit};
use super::{
    audit, calendar, campaign, campaigns, chosen, compare, destruction, draft, exports, fields, forms, growth, help,
    home, import_undo, imports, installation, lists, mailed_reports, people, person, policy, privacy, recipients,
    relays, requests, retention, segment, segments, sender, series, team, users,
};
use super::{clicks, gallery, link_check, media, revisions};
use crate::usecase::Action;
use crate::web::state::WebState;

/// A route of a workspace.
pub struct Route {
    /// The path behind `/w/{workspace}`.
    pub path: &'static str,
    /// What a visitor must be permitted to do.
    pub action: Action,
    handlers: MethodRouter<WebState>,
}

/// All routes of a workspace.
pub fn all() -> Vec<Route> {
    use Action as A;
    let route = |path, action, handlers| Route { path, action, handlers };
    vec![
        route("/", A::ReadOverview, get(home::read)),
        route("/people", A::ListContacts, get(people::list).post(people::search)),
        route("/people.json", A::ExportContacts, get(people::list)),
        route("/people.csv", A::ExportContacts, get(people::list)),
        route("/people/chosen/join", A::AddContact, post(chosen::join)),
        route("/people/chosen/leave", A::EraseContact, post(chosen::leave)),
        route("/people/chosen/restrict", A::RestrictContact, post(chosen::restrict)),
        route("/people/chosen.csv", A::ExportContacts, post(chosen::file)),
        route("/people/add", A::AddContact, get(people::ask).post(people::add)),
        route(
            "/people/import",
            A::ImportContacts,
            get(imports::begin).post(imports::upload).layer(DefaultBodyLimit::max(imports::FILE_LIMIT)),
        ),
        route("/imports/{id}", A::ImportContacts, get(imports::read).post(imports::answer)),
        route("/imports/{id}/undo", A::UndoImport, get(import_undo::ask).post(import_undo::undo)),
        route("/imports/{id}/rejects.csv", A::ImportContacts, get(imports::rejects)),
        route("/people/{id}", A::ShowContact, get(person::read)),
        route("/people/{id}/data.json", A::ShowContact, get(person::data)),
        route("/people/{id}/correct", A::CorrectContact, post(person::correct)),
        route("/people/{id}/restrict", A::RestrictContact, post(person::restrict)),
        route("/people/{id}/unrestrict", A::UnrestrictContact, post(person::unrestrict)),
        route("/people/{id}/unsuppress", A::UnsuppressContact, post(person::unsuppress)),
        route("/people/{id}/erase", A::EraseContact, get(person::ask_erase).post(person::erase)),
        route("/lists", A::ListLists, get(lists::list)),
        route("/lists.json", A::ListLists, get(lists::list)),
        route("/lists.csv", A::ListLists, get(lists::list)),
        route("/lists/add", A::AddList, post(lists::add)),
        route("/lists/{id}", A::ListLists, get(lists::read)),
        route("/lists/{id}/growth.csv", A::ListLists, get(growth::file)),
        route("/lists/{id}/growth.json", A::ListLists, get(growth::file)),
        route("/lists/{id}/rename", A::RenameList, post(lists::rename)),
        route("/lists/{id}/publish", A::RenameList, post(lists::publish)),
        route("/lists/{id}/close", A::CloseList, post(lists::close)),
        route("/forms", A::ListForms, get(forms::list)),
        route("/forms.json", A::ListForms, get(forms::list)),
        route("/forms.csv", A::ListForms, get(forms::list)),
        route("/forms/add", A::ChangeForms, post(forms::add)),
        route("/forms/{id}", A::ListForms, get(forms::read)),
        route("/forms/{id}/change", A::ChangeForms, post(forms::change)),
        route("/forms/{id}/remove", A::ChangeForms, post(forms::remove)),
        route("/segments", A::ListSegments, get(segments::list)),
        route("/segments.json", A::ListSegments, get(segments::list)),
        route("/segments.csv", A::ListSegments, get(segments::list)),
        route("/segments/edit", A::ReadSegment, get(segment::edit)),
        route("/segments/save", A::SaveSegment, post(segment::save)),
        route("/segments/explain", A::ListContacts, post(segment::explain)),
        route("/segments/remove", A::RemoveSegment, get(segments::ask_remove).post(segments::remove)),
        route("/campaigns", A::ShowCampaign, get(campaigns::list)),
        route("/campaigns.json", A::ShowCampaign, get(campaigns::list)),
        route("/campaigns.csv", A::ShowCampaign, get(campaigns::list)),
        route("/campaigns/remove", A::RemoveCampaign, post(campaigns::remove_chosen)),
        route("/campaigns/new", A::AddCampaign, get(draft::begin).post(draft::add)),
        route("/campaigns/calendar", A::ShowCampaign, get(calendar::read)),
        route("/campaigns/calendar.json", A::ShowCampaign, get(calendar::read)),
        route("/campaigns/{id}/recipients", A::ListContacts, get(recipients::list)),
        route("/campaigns/{id}/recipients.csv", A::ExportContacts, get(recipients::list)),
        route("/campaigns/{id}/recipients.json", A::ExportContacts, get(recipients::list)),
        route("/campaigns/{id}", A::ShowCampaign, get(campaign::read)),
        route("/campaigns/{id}/email", A::AddCampaign, get(draft::read).post(draft::save)),
        route("/campaigns/{id}/revisions", A::ShowCampaign, get(revisions::list)),
        route("/campaigns/{id}/revisions/restore", A::AddCampaign, post(revisions::restore)),
        route("/campaigns/{id}/preview", A::PreflightCampaign, get(draft::preview)),
        route("/campaigns/{id}/clicks", A::ShowCampaign, get(clicks::read)),
        route("/campaigns/{id}/links", A::PreflightCampaign, post(link_check::check)),
        route("/campaigns/{id}/check", A::PreflightCampaign, get(campaign::check)),
        route("/campaigns/{id}/test", A::TestCampaign, post(campaign::test)),
        route("/campaigns/{id}/schedule", A::ScheduleCampaign, post(campaign::schedule)),
        route("/campaigns/{id}/unschedule", A::ScheduleCampaign, post(campaign::unschedule)),
        route("/campaigns/{id}/start", A::StartCampaign, post(campaign::start)),
        route("/campaigns/{id}/pause", A::PauseCampaign, post(campaign::pause)),
        route("/campaigns/{id}/resume", A::ResumeCampaign, post(campaign::resume)),
        route("/campaigns/{id}/recall", A::RecallCampaign, post(campaign::recall)),
        route("/campaigns/{id}/cancel", A::CancelCampaign, post(campaign::cancel)),
        route("/campaigns/{id}/settle", A::SettleUncertain, post(campaign::settle)),
        route("/media", A::ListPictures, get(media::list)),
        route("/media/file", A::ListPictures, get(media::file)),
        route("/media/add", A::ChangePictures, post(media::add).layer(DefaultBodyLimit::max(media::UPLOAD_LIMIT))),
        route("/media/describe", A::ChangePictures, post(media::describe)),
        route("/media/remove", A::ChangePictures, post(media::remove)),
        route("/emails", A::ShowCampaign, get(gallery::list)),
        route("/emails/preview", A::ShowCampaign, get(gallery::preview)),
        route("/series", A::ShowCampaign, get(series::list)),
        route("/series/{id}/stop", A::StopSeries, post(series::stop)),
        route("/series/{id}/resume", A::ResumeSeries, post(series::resume)),
        route("/reports/compare", A::ShowCampaign, get(compare::read)),
        route("/reports/compare.json", A::ShowCampaign, get(compare::read)),
        route("/campaigns/{id}/duplicate", A::AddCampaign, post(campaigns::duplicate)),
        route("/campaigns/{id}/remove", A::RemoveCampaign, post(campaigns::remove)),
        route("/privacy", A::ReadOverview, get(privacy::read)),
        route("/privacy/retention", A::RunRetention, get(retention::read).post(retention::run)),
        route("/privacy/end", A::EndWorkspace, post(retention::end)),
        route("/privacy/policy", A::ReadPolicy, get(policy::read)),
        route("/privacy/policy/check", A::ChangePolicy, post(policy::check)),
        route(
            "/privacy/policy/file",
            A::ChangePolicy,
            post(policy::upload).layer(DefaultBodyLimit::max(policy::UPLOAD_LIMIT)),
        ),
        route("/privacy/policy/apply", A::ChangePolicy, post(policy::apply)),
        route("/privacy/policy/notice", A::ChangePolicy, post(policy::announce)),
        route("/privacy/policy/proof", A::ReadPolicy, get(policy::prove)),
        route("/privacy/destruction", A::ReadDestructionLog, get(destruction::list).post(destruction::find)),
        route("/privacy/destruction/{month}", A::ReadDestructionLog, get(destruction::act)),
        route("/privacy/destruction/{month}/log.csv", A::ReadDestructionLog, get(destruction::log)),
        route("/privacy/audit", A::ReadAuditLog, get(audit::list)),
        route("/privacy/consent", A::ProveConsent, post(privacy::prove)),
        route("/privacy/search", A::SearchTraces, post(privacy::search)),
        route("/privacy/search/{id}", A::SearchTraces, get(privacy::found)),
        route("/requests", A::ListRequests, get(requests::list)),
        route("/requests.json", A::ListRequests, get(requests::list)),
        route("/requests.csv", A::ListRequests, get(requests::list)),
        route("/requests/add", A::ManageRequests, post(requests::add)),
        route("/requests/{id}", A::ListRequests, get(requests::read)),
        route("/requests/{id}/check", A::ManageRequests, post(requests::check)),
        route("/requests/{id}/extend", A::ManageRequests, post(requests::extend)),
        route("/requests/{id}/close", A::ManageRequests, post(requests::close)),
        route("/help", A::ReadOverview, get(help::search)),
        route("/help/{page}", A::ReadOverview, get(help::read)),
        route("/exports", A::Export, get(exports::ask)),
        route("/exports/{kind}", A::Export, get(exports::file)),
        route("/settings/fields", A::ListFields, get(fields::list)),
        route("/settings/fields/add", A::AddField, post(fields::add)),
        route("/settings/fields/edit", A::ListFields, get(fields::read)),
        route("/settings/fields/rename", A::ChangeField, post(fields::rename)),
        route("/settings/fields/label", A::ChangeField, post(fields::label)),
        route("/settings/fields/remove", A::RemoveField, post(fields::remove)),
        route("/settings/relay", A::ShowRelay, get(relays::list)),
        route("/settings/relay/set", A::ChangeRelay, post(relays::set)),
        route("/settings/relay/test", A::TestRelay, post(relays::test)),
        route("/settings/relay/remove", A::ChangeRelay, post(relays::remove)),
        route("/settings/installation", A::ListSettings, get(installation::read)),
        route("/settings/installation/save", A::ChangeSetting, post(installation::save)),
        route("/settings/team", A::ListTeam, get(team::list)),
        route("/settings/team/invite", A::ChangeTeam, post(team::invite)),
        route("/settings/team/invitations/{id}/withdraw", A::ChangeTeam, post(team::withdraw)),
        route("/settings/team/{id}/role", A::ChangeTeam, post(team::set_role)),
        route("/settings/team/{id}/remove", A::ChangeTeam, post(team::remove)),
        route("/settings/users", A::ListUsers, get(users::list)),
        route("/settings/users/add", A::AddUser, post(users::add)),
        route("/settings/users/{id}/reset", A::ResetUser, post(users::reset)),
        route("/settings/users/{id}/sessions", A::ManageSessions, post(users::end_sessions)),
        route("/settings/users/{id}/administrator", A::AddUser, post(users::set_administrator)),
        route("/settings/users/{id}/remove", A::RemoveUser, post(users::remove)),
        route("/settings/reports", A::ShowCampaign, get(mailed_reports::read)),
        route("/settings/reports/save", A::ShowCampaign, post(mailed_reports::save)),
        route("/settings/reports/send", A::ShowCampaign, post(mailed_reports::send)),
        route("/settings/sender", A::ShowBrand, get(sender::read)),
        route("/settings/sender/save", A::ChangeBrand, post(sender::save)),
    ]
}

/// The routes of a workspace as a router.
pub fn router(state: &WebState) -> Router<WebState> {
    let add = |router: Router<WebState>, route: Route| {
        let gate = from_fn_with_state(Gate { state: state.clone(), action: route.action }, admit);
        router.route(&format!("/w/{{workspace}}{}", route.path), route.handlers.layer(gate))
    };
    all().into_iter().fold(Router::new(), add)
}
