//! Campaigns: add, test, start, pause, resume, recall, cancel, show, list.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::campaign_view::{CampaignRow, CampaignView, ProgressView};
use super::output::optional_time;
use super::preflight::{check, refuse_problems};
use super::schedule::{first_start, read_until};
use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::{list, segment};
use crate::campaign::composer::Composer;
use crate::campaign::deadline;
use crate::campaign::delivery;
use crate::campaign::file::{self, CampaignFile, FileMistakes};
use crate::campaign::frozen_content;
use crate::campaign::lifecycle;
use crate::campaign::mistakes;
use crate::campaign::model::transition;
use crate::campaign::model::{self, NewCampaign, State};
use crate::campaign::revision::{self, Saved};
use crate::campaign::{launch, test_message, unfinished_draft};
use crate::content::compiled_email::CompiledEmail;
use crate::content::email::{EmailSource, Format};
use crate::content::lint;
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::{relay, relay_selection, test_send};
use crate::report::progress::RateEstimator;
use crate::report::summary;

/// The text of a campaign file.
#[derive(Debug)]
pub struct Source {
    /// The text.
    pub text: String,
    /// Markdown or HTML.
    pub format: Format,
}

impl Source {
    /// Reads a campaign file; its ending names the format.
    pub fn read(path: &Path) -> Result<Self> {
        let format = match path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase).as_deref() {
            Some("md" | "markdown") => Format::Md,
            Some("html" | "htm") => Format::Html,
            Some("mjml") => Format::Mjml,
            _ => return Err(Message::new("campaign-file-ending").invalid_field("file")),
        };
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(Error::io(path.display()))?;
        file.take(file::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(Error::io(path.display()))?;
        if bytes.len() > file::MAX_BYTES {
            return Err(Message::new("campaign-file-long")
                .with("limit", file::MAX_BYTES / 1_024)
                .invalid_field("file"));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to() + 1;
            Message::new("campaign-file-encoding").with("at", at).invalid_field("file")
        })?;
        Ok(Self { text, format })
    }
}

/// A draft that was added or replaced.
#[derive(Debug, Serialize)]
pub struct Added {
    /// Its name.
    pub name: String,
    /// draft; scheduled or paused when the file of such a campaign was replaced.
    pub state: &'static str,
    /// Its list.
    pub list: String,
    /// Its segment.
    pub segment: Option<String>,
    /// When it would start, as far as the file says.
    #[serde(serialize_with = "optional_time")]
    pub at: Option<Millis>,
    /// How many links the email has.
    pub links: usize,
    /// What was left out of the email or changed in it, and tags of other tools.
    pub warnings: Vec<Message>,
}

/// A test message that was sent.
#[derive(Debug, Serialize)]
pub struct TestSent {
    /// The recipient as it was typed.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The size.
    pub bytes: usize,
    /// The reply of the server.
    pub answer: String,
}

/// How a draft came to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    /// Somebody asked for it.
    ByHand,
    /// A page did by itself, after a change.
    Automatic,
}

/// What a start allows.
#[derive(Debug, Default)]
pub struct StartOptions {
    /// Links that lead to this machine, for the demo.
    pub local: bool,
    /// Recipients for whom no message can be made; they are counted as skipped.
    pub skip_missing: bool,
    /// Whether the number of recipients must have been typed, above some people.
    pub asks_number: bool,
    /// That number, as the user typed it.
    pub people: Option<i64>,
    /// The time from which nothing is sent; that of the file by default.
    pub until: Option<String>,
}

/// People up to whom a start needs no typed number.
const UNCONFIRMED_PEOPLE: i64 = 50;

/// Whether a start for so many people needs their number, so that nobody writes to thousands by one click.
pub fn needs_number(recipients: i64) -> bool {
    recipients > UNCONFIRMED_PEOPLE
}

/// A campaign that was started.
#[derive(Debug, Serialize)]
pub struct Started {
    /// The campaign.
    #[serde(flatten)]
    pub campaign: CampaignView,
    /// How many deliveries were planned; `None` when another process has started it.
    #[serde(skip)]
    pub launched: Option<u64>,
}

/// Reads a campaign file and saves the draft; the file of a campaign of the same name that has not started is replaced, and
/// a scheduled one keeps its time. The email must compile.
pub async fn add(installation: &Installation, actor: &Actor, source: &Source) -> Result<Added> {
    let permit = actor.permit(installation, Action::AddCampaign).await?;
    // Saving it is audited.
    permit.skip_audit();
    save(installation, actor, source, Saving::ByHand).await
}

/// [`add`], for a page that may save by itself. Each change is kept as a revision.
pub(super) async fn save(installation: &Installation, actor: &Actor, source: &Source, saving: Saving) -> Result<Added> {
    let permit = actor.permit(installation, Action::AddCampaign).await?;
    let now = installation.clock.now();
    let parsed = CampaignFile::parse_all(&source.text, source.format);
    let mut tx = installation.db.write().await?;
    let file = match parsed {
        Ok(file) => file,
        Err(FileMistakes { problems, draft }) => {
            return Err(mistakes::combined(with_email_mistakes(&mut tx, permit.workspace, problems, draft).await?));
        }
    };
    let list = list::need_open(&mut tx, permit.workspace, &file.list).await;
    let segment = match &file.segment {
        Some(name) => segment::need(&mut tx, permit.workspace, name).await.map(|segment| Some(segment.id)),
        None => Ok(None),
    };
    let (list, segment) = match (list, segment) {
        (Ok(list), Ok(segment)) => (list, segment),
        (list, segment) => {
            let mut errors: Vec<Error> = list.err().into_iter().chain(segment.err()).collect();
            if let Some(at) = errors.iter().position(|error| !error.is_user_error()) {
                return Err(errors.swap_remove(at));
            }
            let problems = errors.iter().map(Error::message).collect();
            let problems = with_email_mistakes(&mut tx, permit.workspace, problems, Some(Box::new(file.draft))).await?;
            return Err(if problems.len() == 1 { errors.remove(0) } else { mistakes::combined(problems) });
        }
    };
    let new = NewCampaign {
        id: installation.ids.next()?,
        name: &file.name,
        format: source.format.as_str(),
        source: &source.text,
        list: list.id,
        segment,
    };
    let id = model::save_draft(&mut tx, permit.workspace, &new, now).await?;
    let campaign = model::find(&mut tx, id).await?.ok_or_else(|| Message::new("campaign-gone").internal())?;
    let composer = Composer::compile(installation, launch::current_content(&mut tx, &campaign, now).await?)?;
    let saved = Saved {
        id: installation.ids.next()?,
        campaign: id,
        saved_by: permit.user,
        is_automatic: saving == Saving::Automatic,
        format: new.format,
        source: &source.text,
    };
    revision::record(&mut tx, &saved, now).await?;
    unfinished_draft::remove(&mut tx, id).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(Added {
        at: campaign.starts_at.or_else(|| first_start(&file.schedule, now)),
        name: file.name,
        state: campaign.state.as_str(),
        list: list.name,
        segment: file.segment,
        links: composer.email().links().len(),
        warnings: lint::source_warnings(&composer.content().draft, &composer.content().frame, composer.email()),
    })
}

/// The mistakes of the settings and those of the email.
async fn with_email_mistakes(
    conn: &mut Conn,
    workspace: Id,
    mut problems: Vec<Message>,
    draft: Option<Box<EmailSource>>,
) -> Result<Vec<Message>> {
    // A missing subject is a mistake of the settings already.
    if let Some(draft) = draft.filter(|draft| !draft.subject.trim().is_empty()) {
        let context = frozen_content::email_context(conn, workspace, String::new(), None).await?;
        if let Err(error) = CompiledEmail::compile(&draft, &context) {
            problems.extend(mistakes::each(error.message()));
        }
    }
    Ok(problems)
}

/// Sends a test message of a campaign to one address, with the values of `persona` where one is named. Its links
/// measure nothing.
pub async fn test(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    to: &str,
    persona: Option<&str>,
) -> Result<TestSent> {
    let permit = actor.permit(installation, Action::TestCampaign).await?;
    let address = |text: &str, field: &str| {
        Address::parse(text).map_err(|fault| {
            Message::new("address-wrong").with_message("why", Message::new(fault.key())).invalid_field(field)
        })
    };
    let to = address(to, "to")?;
    let persona = persona.map(|text| address(text, "as")).transpose()?;
    let mut conn = installation.db.read().await?;
    let campaign = model::find_by_name(&mut conn, permit.workspace, name).await?;
    unfinished_draft::refuse(&mut conn, &campaign).await?;
    drop(conn);
    let message = test_message::compose(installation, &campaign, &to, persona.as_ref()).await?;
    let relays = relay::list(installation, &mut *installation.db.read().await?, permit.workspace).await?;
    let eligible = relay_selection::eligible_relays(&relays, message.relay.as_deref(), &message.from);
    let relay = eligible.first().map(|at| &relays[*at]).ok_or_else(|| Message::new("relay-for-others").conflict())?;
    let answer = test_send::send(installation, relay, &message.sender, &to, &message.bytes).await?;
    permit.audit(campaign.id).await;
    Ok(TestSent { to: to.expose(), subject: message.subject, bytes: message.bytes.len(), answer })
}

/// Runs the preflight, freezes the audience and starts the campaign. `progress` is called with the recipients
/// checked so far and all of them.
///
/// # Errors
///
/// `Conflict` with every problem of the preflight, or when the campaign is in another state; Invalid field `people` when the
/// number of recipients is needed and another one was typed.
pub async fn start(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    options: &StartOptions,
    progress: impl FnMut(u64, u64),
) -> Result<Started> {
    let permit = actor.permit(installation, Action::StartCampaign).await?;
    let mut campaign = model::find_by_name(&mut *installation.db.read().await?, permit.workspace, name).await?;
    let is_startable = campaign.is_startable();
    if let Some(until) = &options.until {
        if !is_startable {
            return Err(transition::refusal(&campaign, "start"));
        }
        let mut conn = installation.db.read().await?;
        campaign.until_at = Some(read_until(&mut conn, until, &campaign, installation.clock.now()).await?);
    }
    if is_startable {
        let found = check(installation, &campaign, options.local, progress).await?;
        if options.asks_number && needs_number(found.recipients) && options.people != Some(found.recipients) {
            let count = found.recipients;
            return Err(Message::new("campaign-start-number").with("count", count).invalid_field("people"));
        }
        refuse_problems(&found, options.skip_missing)?;
    }
    let launched = launch::start(installation, &campaign).await?;
    installation.mailer_status.wake();
    permit.audit(campaign.id).await;
    Ok(Started { campaign: CampaignView::of(installation, campaign.id).await?, launched })
}

/// Pauses a campaign; messages in flight are completed. A scheduled campaign does not start while it is paused.
pub async fn pause(installation: &Installation, actor: &Actor, name: &str) -> Result<CampaignView> {
    let permit = actor.permit(installation, Action::PauseCampaign).await?;
    let mut tx = installation.db.write().await?;
    let campaign = model::find_by_name(&mut tx, permit.workspace, name).await?;
    transition::pause(&mut tx, &campaign, &Message::new(PAUSED_BY_USER).pack()).await?;
    tx.commit().await?;
    permit.audit(campaign.id).await;
    CampaignView::of(installation, campaign.id).await
}

/// The reason of a pause that a user asked for.
pub const PAUSED_BY_USER: &str = "paused-by-hand";

/// Resumes a campaign. `until` replaces its deadline; `never` removes it. With `refused` the deliveries that were refused,
/// and not because the mailbox does not exist, are sent again; then the campaign may be finished or running as well.
///
/// # Errors
///
/// `Conflict` when its deadline has passed and no other is named, when it was scheduled and its start has passed, and when the policy
/// does not allow it.
pub async fn resume(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    until: Option<&str>,
    refused: bool,
) -> Result<CampaignView> {
    let permit = actor.permit(installation, Action::ResumeCampaign).await?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    let campaign = model::find_by_name(&mut tx, permit.workspace, name).await?;
    match until {
        Some("never") => deadline::set_until(&mut tx, campaign.id, None).await?,
        Some(text) => {
            let until = read_until(&mut tx, text, &campaign, now).await?;
            deadline::set_until(&mut tx, campaign.id, Some(until)).await?;
        }
        None if (campaign.state == State::Paused || refused) && campaign.is_late(now) => {
            return Err(Message::new("campaign-late").with("name", name).conflict());
        }
        None => {}
    }
    let refused_by_policy = Box::pin(super::policy::unlawful::problems(installation, &mut tx, &campaign, now)).await?;
    if !refused_by_policy.is_empty() {
        return Err(Message::new("preflight-refused").with_list("problems", refused_by_policy).conflict());
    }
    if !campaign.is_launched() && campaign.starts_at.is_some_and(|at| at <= now) {
        return Err(Message::new("campaign-start-passed").with("name", name).conflict());
    }
    match campaign.state {
        State::Running if refused => {}
        State::Finished if refused => transition::reopen(&mut tx, campaign.id).await?,
        _ => transition::resume(&mut tx, &campaign).await?,
    }
    if refused {
        delivery::record::resend_refused(&mut tx, campaign.id, now).await?;
    }
    tx.commit().await?;
    installation.mailer_status.wake();
    permit.audit(campaign.id).await;
    CampaignView::of(installation, campaign.id).await
}

/// Cancels a campaign; deliveries not sent are skipped.
pub async fn cancel(installation: &Installation, actor: &Actor, name: &str) -> Result<CampaignView> {
    let permit = actor.permit(installation, Action::CancelCampaign).await?;
    let mut tx = installation.db.write().await?;
    let campaign = model::find_by_name(&mut tx, permit.workspace, name).await?;
    lifecycle::cancel(&mut tx, &campaign, installation.clock.now()).await?;
    tx.commit().await?;
    permit.audit(campaign.id).await;
    CampaignView::of(installation, campaign.id).await
}

/// Shows the numbers, times and lanes of a campaign.
pub async fn show(installation: &Installation, actor: &Actor, name: &str) -> Result<CampaignView> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let campaign = model::find_by_name(&mut *installation.db.read().await?, permit.workspace, name).await?;
    permit.audit(campaign.id).await;
    CampaignView::of(installation, campaign.id).await
}

/// Lists the campaigns.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Vec<CampaignRow>> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let campaigns = model::list(&mut conn, permit.workspace).await?;
    // Opens and clicks are counted for one campaign at a time; a list has none.
    let summaries = summary::read_stored(&mut conn, &campaigns).await?;
    permit.audit(None).await;
    Ok(campaigns.into_iter().zip(summaries).map(|(campaign, summary)| CampaignRow::new(campaign, summary)).collect())
}

/// Reads how far a campaign is, for a view that is refreshed; `rate` estimates its speed from one call to the next.
/// The calls are not audited.
pub async fn progress(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    rate: &mut RateEstimator,
) -> Result<ProgressView> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let campaign = model::find_by_name(&mut conn, permit.workspace, name).await?;
    permit.skip_audit();
    ProgressView::read(&mut conn, campaign, rate, installation.clock.now()).await
}
