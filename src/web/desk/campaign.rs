//! Page of a campaign, one address for its whole life: as a draft its audience, email, time and checks; while it runs its
//! progress; afterwards its funnel with the denominator of each rate, its links, and the deliveries without a message.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::visit::{Key, Visit};
use super::{DeskState, Progress as JobProgress, events, notes};
use crate::campaign::model::State as CampaignState;
use crate::infra::error::{Error, Message};
use crate::infra::id::Id;
use crate::report::progress::Progress;
use crate::report::rates::Rates;
use crate::report::summary::LinkCount;
use crate::usecase::campaign::{self as campaigns, StartOptions};
use crate::usecase::campaign_report::{self, CampaignReport};
use crate::usecase::preflight::{self, PreflightView};
use crate::usecase::uncertain::{self, Settlement};
use crate::usecase::{Action, schedule as schedules};
use crate::web::form::Form;
use crate::web::page::minute;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/campaign.html")]
struct CampaignPage {
    visit: Visit,
    title: String,
    id: Id,
    /// The name as an argument of a command.
    argument: String,
    form: Form,
    list: String,
    segment: Option<String>,
    state: CampaignState,
    state_name: String,
    subject: String,
    sender: String,
    starts: String,
    measured: bool,
    /// Whether opens and clicks are being counted.
    is_counting: bool,
    progress: Progress,
    notes: Vec<String>,
    rates: Vec<RateView>,
    links: Vec<LinkView>,
    skipped: Vec<(String, i64)>,
    /// How far a check or a start is.
    working: Option<JobProgress>,
    check: Option<CheckView>,
}

impl CampaignPage {
    /// Whether it can be paused.
    fn is_active(&self) -> bool {
        matches!(self.state, CampaignState::Running | CampaignState::Scheduled)
    }

    /// Whether it has deliveries that may not be sent yet.
    fn is_launched(&self) -> bool {
        matches!(self.state, CampaignState::Running | CampaignState::Paused)
    }

    /// Whether it has neither ended nor is a draft.
    fn is_open(&self) -> bool {
        self.is_launched() || self.state == CampaignState::Scheduled
    }

    /// Its numbers that people stand behind, by the group of these people.
    fn counts(&self) -> Vec<(&'static str, String, i64)> {
        let numbers = &self.progress.numbers;
        let measured = |count| if self.measured { count } else { 0 };
        let counts = [
            ("planned", "desk-planned", numbers.planned),
            ("accepted", "desk-accepted", numbers.accepted),
            ("rejected", "desk-rejected", numbers.rejected),
            ("uncertain", "desk-uncertain-count", numbers.uncertain),
            ("suppressed", "desk-suppressed", numbers.suppressed),
            ("skipped", "desk-skipped", numbers.skipped),
            ("pending", "desk-waiting", numbers.pending),
            ("opened", "desk-opens", measured(numbers.opens)),
            ("clicked", "desk-clicks", measured(numbers.clicks)),
        ];
        let shown = counts.into_iter().filter(|(group, _, count)| *count > 0 || *group == "planned");
        shown.map(|(group, key, count)| (group, self.visit.tr(key), count)).collect()
    }

    /// Whether its email and its time can still be changed.
    fn is_startable(&self) -> bool {
        matches!(self.state, CampaignState::Draft | CampaignState::Scheduled)
    }
}

/// A rate on the page.
struct RateView {
    name: String,
    share: String,
    numerator: i64,
    denominator: i64,
}

/// A link on the page.
struct LinkView {
    destination: String,
    clicks: i64,
    total: i64,
}

/// What a check found.
struct CheckView {
    recipients: i64,
    /// People on the list.
    on_list: i64,
    /// Those of them who are no recipients: the reason, the number, and the state of their subscription.
    excluded: Vec<(String, i64, &'static str)>,
    missing: Vec<(String, i64)>,
    problems: Vec<String>,
    warnings: Vec<String>,
    size: String,
    is_ready: bool,
    /// Whether the number of recipients has to be typed.
    needs_number: bool,
}

/// `GET /campaigns/{id}`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let page = page(&desk, visit, id, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `GET /campaigns/{id}/check`: composes every message without sending it.
pub async fn check(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let (installation, actor) = (desk.installation.clone(), visit.actor);
    let job = desk.checks.run(id, |job| async move {
        preflight::preflight(&installation, &actor, &name, |done, total| job.set_progress(done, total)).await
    });
    let job = job.await;
    let mut form = Form::default();
    if let Some(Err(message)) = job.result() {
        form = form.refused(visit.frame.lang, message.clone().conflict())?;
    }
    let page = page(&desk, visit, id, form).await?;
    Ok(page.visit.show(&page))
}

/// `POST /campaigns/{id}/test`: sends a test message to an address, with the values of a contact if one is named.
pub async fn test(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let sent = campaigns::test(&desk.installation, &visit.actor, &name, form.value("to"), form.given("as")).await;
    answer(&desk, visit, id, form, sent, "tested").await
}

/// `POST /campaigns/{id}/schedule`
pub async fn schedule(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    // The field of a browser has a `T` between day and time.
    let at = form.given("at").map(|at| at.replace('T', " "));
    let zone = form.given("zone");
    let done = schedules::set(&desk.installation, &visit.actor, &name, at.as_deref(), zone, |_, _| {}).await;
    answer(&desk, visit, id, form, done, "scheduled").await
}

/// `POST /campaigns/{id}/unschedule`
pub async fn unschedule(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let done = schedules::unschedule(&desk.installation, &visit.actor, &name).await;
    answer(&desk, visit, id, form, done, "saved").await
}

/// `POST /campaigns/{id}/start`: starts the campaign; above some people their number has to be typed.
pub async fn start(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let (installation, actor) = (desk.installation.clone(), visit.actor);
    let options = StartOptions {
        skip_missing: form.has("skip-missing"),
        asks_number: true,
        people: form.given("people").and_then(|people| people.parse().ok()),
        ..StartOptions::default()
    };
    let job = desk.starts.run(id, |job| async move {
        let progress = |done, total| job.set_progress(done, total);
        campaigns::start(&installation, &actor, &name, &options, progress).await
    });
    match job.await.result() {
        None => Ok(visit.go(&format!("campaigns/{id}"), "")),
        Some(Ok(_)) => {
            desk.starts.forget(id);
            Ok(visit.go(&format!("campaigns/{id}"), "started"))
        }
        Some(Err(message)) => {
            let error = message.clone().conflict();
            desk.starts.forget(id);
            refused(&desk, visit, id, form, error).await
        }
    }
}

/// `POST /campaigns/{id}/pause`
pub async fn pause(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let done = campaigns::pause(&desk.installation, &visit.actor, &name).await;
    answer(&desk, visit, id, form, done, "paused").await
}

/// `POST /campaigns/{id}/resume`
pub async fn resume(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let (until, refused) = (form.given("until"), form.has("refused"));
    let done = campaigns::resume(&desk.installation, &visit.actor, &name, until, refused).await;
    answer(&desk, visit, id, form, done, "resumed").await
}

/// `POST /campaigns/{id}/recall`
pub async fn recall(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let done = schedules::recall(&desk.installation, &visit.actor, &name).await;
    answer(&desk, visit, id, form, done, "recalled").await
}

/// `POST /campaigns/{id}/cancel`
pub async fn cancel(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let done = campaigns::cancel(&desk.installation, &visit.actor, &name).await;
    answer(&desk, visit, id, form, done, "cancelled").await
}

/// `POST /campaigns/{id}/settle`: leaves uncertain deliveries as they are, or sends them again.
pub async fn settle(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let settlement = if form.is("how", "resend") { Settlement::Resend } else { Settlement::Hold };
    let done = uncertain::settle(&desk.installation, &visit.actor, Some(&name), &settlement).await;
    answer(&desk, visit, id, form, done, "settled").await
}

/// The name of a campaign of the workspace.
pub async fn find_name(desk: &DeskState, visit: &Visit, id: Id) -> Result<String, Refusal> {
    Ok(campaign_report::find_name(&desk.installation, &visit.actor, id).await?)
}

/// The page of the campaign after an action, or with what the action found wrong.
async fn answer<T>(
    desk: &Arc<DeskState>,
    visit: Visit,
    id: Id,
    form: Form,
    done: Result<T, Error>,
    said: &'static str,
) -> Result<Response, Refusal> {
    match done {
        Ok(_) => Ok(visit.go(&format!("campaigns/{id}"), said)),
        Err(error) => refused(desk, visit, id, form, error).await,
    }
}

/// The page of the campaign with what an action found wrong.
pub async fn refused(
    desk: &Arc<DeskState>,
    visit: Visit,
    id: Id,
    form: Form,
    error: Error,
) -> Result<Response, Refusal> {
    let form = form.refused(visit.frame.lang, error)?;
    let page = page(desk, visit, id, form).await?;
    Ok(page.visit.refuse(&page))
}

async fn page(desk: &DeskState, visit: Visit, id: Id, form: Form) -> Result<CampaignPage, Refusal> {
    let events = match campaign_report::is_large(&desk.installation, &visit.actor, id).await? {
        true => Some(events::of(desk, &visit, id).await),
        false => None,
    };
    let is_counting = matches!(events, Some(None));
    let known = events.map(Option::unwrap_or_default);
    let CampaignReport { list, segment, headline, mut view, progress, .. } =
        campaign_report::read(&desk.installation, &visit.actor, id, known).await?;
    if is_counting {
        view.measured = false;
        view.rates = Rates::of(&view.summary, false);
    }
    let (frame, now) = (visit.frame, desk.installation.clock.now());
    let progress = desk.with_rate(id, progress);
    let rates = view.rates.iter().map(|rate| RateView {
        name: frame.tr(rate.key),
        share: rate.percent(frame.lang),
        numerator: rate.numerator,
        denominator: rate.denominator,
    });
    let link =
        |link: &LinkCount| LinkView { destination: link.destination.clone(), clicks: link.clicks, total: link.total };
    let starts = match (&view.starts_local, view.campaign.starts_at) {
        (Some(local), _) => format!("{local} {}", view.zone.as_deref().unwrap_or_default()),
        (None, Some(at)) => format!("{} UTC", minute(at)),
        (None, None) => String::new(),
    };
    let (checking, starting) = (desk.checks.find(id), desk.starts.find(id));
    let working = starting.filter(|job| job.result().is_none()).map(|job| JobProgress::of(job.progress()));
    let working = working
        .or_else(|| checking.as_ref().filter(|job| job.result().is_none()).map(|job| JobProgress::of(job.progress())));
    let check = checking.as_ref().and_then(|job| job.result()?.ok()).map(|found| check_view(&visit, found));
    Ok(CampaignPage {
        argument: shell_argument(&view.campaign.name),
        title: view.campaign.name.clone(),
        id,
        form,
        list,
        segment,
        state: view.campaign.state,
        state_name: frame.tr(view.campaign.state.key()),
        subject: headline.as_ref().map(|headline| headline.subject.clone()).unwrap_or_default(),
        sender: headline.as_ref().map(|headline| headline.from.to_setting()).unwrap_or_default(),
        starts,
        measured: view.measured,
        is_counting,
        notes: notes(frame, view.reason.as_ref(), &progress, now),
        rates: rates.collect(),
        links: view.summary.links.iter().map(link).collect(),
        skipped: view.skip_reasons.iter().map(|(reason, count)| (frame.tr(reason), *count)).collect(),
        working,
        check: check.filter(|_| view.campaign.is_startable()),
        progress,
        visit,
    })
}

fn check_view(visit: &Visit, found: &PreflightView) -> CheckView {
    CheckView {
        recipients: found.recipients,
        on_list: found.recipients + found.excluded.values().sum::<i64>(),
        excluded: found.excluded.iter().map(|(reason, count)| (visit.tr(reason), *count, state_of(reason))).collect(),
        missing: found.missing.iter().map(|(field, count)| (field.clone(), *count)).collect(),
        problems: found.problems.iter().map(|problem| visit.say(problem)).collect(),
        warnings: found.warnings.iter().map(|warning| visit.say(warning)).collect(),
        size: visit.say(&Message::new("desk-check-size").with("kilobytes", found.largest_bytes.div_ceil(1024))),
        is_ready: found.ready,
        needs_number: campaigns::needs_number(found.recipients),
    }
}

/// The state of the subscription that excludes people, from the key of the reason; empty for another reason.
fn state_of(reason: &str) -> &'static str {
    let states = ["pending", "bounced", "restricted"];
    states.into_iter().find(|state| reason.strip_prefix("excluded-") == Some(state)).unwrap_or_default()
}

/// A text as one word of a shell.
fn shell_argument(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.starts_with('-') && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
