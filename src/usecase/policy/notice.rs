//! The notice of a new edition: one campaign for each list, made by the engine, so that everyone whom the policy concerns gets it
//! once, before the edition takes effect. Its deliveries are the log of who was told.

use serde::Serialize;

use super::super::campaign::{StartOptions, start};
use super::super::preflight::check;
use super::super::{Action, Actor};
use crate::audience::{list, segment, subscription};
use crate::campaign::model::{self, Campaign, NewCampaign};
use crate::campaign::policy_notice;
use crate::campaign::sender::Sender;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::privacy::policy::{self, Edition, Policy};
use crate::report::summary;

/// What to send.
#[derive(Debug, Default)]
pub struct NoticeRequest {
    /// The sender; the controller of the policy by default.
    pub from: Option<String>,
    /// Links that lead to this machine, for the demo and for tests.
    pub local: bool,
}

/// A notice.
#[derive(Debug, Serialize)]
pub struct NoticeView {
    /// The edition that it announces.
    pub edition: u32,
    /// The day from which the edition applies.
    pub effective: policy::Day,
    /// People who were told, or will be.
    pub people: i64,
    /// The campaigns.
    pub campaigns: Vec<NoticeCampaign>,
}

/// The campaign of a list.
#[derive(Debug, Serialize)]
pub struct NoticeCampaign {
    /// Its name.
    pub campaign: String,
    /// The list.
    pub list: String,
    /// Its deliveries.
    pub planned: i64,
    /// Those that a relay accepted.
    pub accepted: i64,
}

/// Announces the coming edition. What was sent already is not sent again, so a call that was interrupted can be repeated.
///
/// # Errors
/// `Conflict` when no edition is to come, or with the problems of the preflight.
pub async fn send(installation: &Installation, actor: &Actor, request: &NoticeRequest) -> Result<NoticeView> {
    let permit = actor.permit(installation, Action::ChangePolicy).await?.begin(installation).await?;
    let mut conn = installation.db.read().await?;
    let policy = policy::current(&mut conn, permit.workspace).await?;
    let policy = policy.ok_or_else(|| Message::new("policy-missing-here").conflict())?;
    let edition = policy.coming_edition(installation.clock.now());
    let edition = edition.ok_or_else(|| Message::new("policy-notice-none").conflict())?;
    let from =
        request.from.clone().unwrap_or_else(|| format!("{} <{}>", policy.controller.name, policy.controller.email));
    Sender::parse_setting("from", &from).map_err(|message| message.invalid_field("from"))?;
    let mut lists = Vec::new();
    for list in list::all(&mut conn, permit.workspace).await?.into_iter().filter(|list| !list.closed) {
        let counts = subscription::count(&mut conn, list.id).await?;
        if counts.iter().any(|(state, count)| *state == subscription::State::Confirmed && *count > 0) {
            lists.push(list);
        }
    }
    let lang: Lang = setting::get(&mut conn, Setting::Language).await?.parse().unwrap_or_default();
    let source = Source { policy: &policy, edition, from: &from, lang, url: String::new() };
    let workspace = crate::audience::workspace::name_of(&mut conn, permit.workspace).await?;
    let public = setting::get(&mut conn, Setting::PublicUrl).await?;
    let source = Source { url: page_url(&public, &workspace, edition.number), ..source };
    drop(conn);
    for (index, list) in lists.iter().enumerate() {
        let earlier: Vec<&str> = lists[..index].iter().map(|list| list.name.as_str()).collect();
        let Some(campaign) = prepare(installation, permit.workspace, &source, list, &earlier).await? else { continue };
        let found = Box::pin(check(installation, &campaign, request.local, |_, _| {})).await?;
        if found.recipients == 0 {
            // Everyone on this list is told as a member of an earlier one.
            let mut tx = installation.db.write().await?;
            policy_notice::forget(&mut tx, campaign.id).await?;
            model::remove(&mut tx, &campaign).await?;
            tx.commit().await?;
            continue;
        }
        let options = StartOptions { local: request.local, ..StartOptions::default() };
        Box::pin(start(installation, actor, &campaign.name, &options, |_, _| {})).await?;
    }
    permit.audit(None).await;
    view(installation, permit.workspace, edition).await
}

/// What became of the notice of an edition; of the newest one that is in force or to come.
pub async fn show(installation: &Installation, actor: &Actor) -> Result<Option<NoticeView>> {
    let permit = actor.permit(installation, Action::ReadPolicy).await?;
    let policy = policy::current(&mut *installation.db.read().await?, permit.workspace).await?;
    permit.skip_audit();
    match policy.as_ref().and_then(|policy| policy.editions.last()) {
        Some(edition) => view(installation, permit.workspace, edition).await.map(Some),
        None => Ok(None),
    }
}

async fn view(installation: &Installation, workspace: Id, edition: &Edition) -> Result<NoticeView> {
    let mut conn = installation.db.read().await?;
    let mut campaigns = Vec::new();
    for id in policy_notice::campaigns(&mut conn, workspace, edition.number).await? {
        let Some(campaign) = model::find(&mut conn, id).await? else { continue };
        let list = list::get(&mut conn, campaign.list).await?.map(|list| list.name).unwrap_or_default();
        let summary = summary::read(&mut conn, &campaign).await?;
        campaigns.push(NoticeCampaign {
            campaign: campaign.name,
            list,
            planned: summary.planned,
            accepted: summary.accepted,
        });
    }
    let people = campaigns.iter().map(|campaign| campaign.planned).sum();
    Ok(NoticeView { edition: edition.number, effective: edition.effective, people, campaigns })
}

/// The address of the public page of an edition.
pub(super) fn page_url(public_url: &str, workspace: &str, number: u32) -> String {
    let workspace = percent_encoding::utf8_percent_encode(workspace, percent_encoding::NON_ALPHANUMERIC);
    format!("{}/policy/{workspace}/{number}", public_url.trim_end_matches('/'))
}

/// What the message is made from.
struct Source<'a> {
    policy: &'a Policy,
    edition: &'a Edition,
    from: &'a str,
    lang: Lang,
    url: String,
}

/// The draft of the notice to a list; `None` when it was started before.
async fn prepare(
    installation: &Installation,
    workspace: Id,
    source: &Source<'_>,
    list: &list::List,
    earlier: &[&str],
) -> Result<Option<Campaign>> {
    let number = source.edition.number;
    let name =
        source.lang.translate(&Message::new("policy-notice-name").with("number", number).with("list", &list.name));
    if let Some(id) = policy_notice::find(&mut *installation.db.read().await?, workspace, number, list.id).await? {
        let found = model::find(&mut *installation.db.read().await?, id).await?;
        return Ok(found.filter(Campaign::is_startable));
    }
    let segment = match earlier.is_empty() {
        true => None,
        false => {
            let quoted = |name: &&str| format!("not on(\"{}\")", name.replace('\\', "\\\\").replace('"', "\\\""));
            let expression = earlier.iter().map(quoted).collect::<Vec<_>>().join(" and ");
            Some(segment::save(installation, workspace, &name, &expression).await?)
        }
    };
    let text = file(source, &name, list, segment.as_ref().map(|segment| segment.name.as_str()));
    let new = NewCampaign {
        id: installation.ids.next()?,
        name: &name,
        format: "md",
        source: &text,
        list: list.id,
        segment: segment.map(|segment| segment.id),
    };
    let mut tx = installation.db.write().await?;
    let id = model::save_draft(&mut tx, workspace, &new, installation.clock.now()).await?;
    policy_notice::record(&mut tx, workspace, number, (list.id, id), installation.clock.now()).await?;
    let campaign = model::find(&mut tx, id).await?;
    tx.commit().await?;
    Ok(campaign)
}

/// The campaign file of the notice.
fn file(source: &Source<'_>, name: &str, list: &list::List, segment: Option<&str>) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let plain = |text: &str| text.replace(['{', '}', '<', '>', '*', '_', '[', ']', '`', '#'], "");
    let about = |key| {
        Message::new(key)
            .with("company", plain(&source.policy.controller.name))
            .with("number", source.edition.number)
            .with("dated", source.edition.dated)
            .with("effective", source.edition.effective)
            .with("email", plain(&source.policy.controller.email))
            .with("url", &source.url)
    };
    let mut settings = vec![
        format!("name = {}", quoted(name)),
        format!("list = {}", quoted(&list.name)),
        format!("from = {}", quoted(source.from)),
        format!("subject = {}", quoted(&source.lang.translate(&about("policy-notice-subject")))),
        "tracking = \"none\"".to_owned(),
    ];
    settings.extend(segment.map(|segment| format!("segment = {}", quoted(segment))));
    format!("+++\n{}\n+++\n{}\n", settings.join("\n"), source.lang.translate(&about("policy-notice-text")))
}
