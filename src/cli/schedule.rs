//! `sendoff campaign schedule | recall`, and the lines that show the times of a campaign.

use super::preflight_bar::PreflightBar;
use super::print::Output;
use crate::campaign::model::State;
use crate::campaign::zoned_time::format_in_zone;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::campaign_view::CampaignView;
use crate::usecase::output::utc;
use crate::usecase::{Actor, schedule};

/// Schedules a campaign, or starts a series.
pub async fn set(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    at: Option<&str>,
    zone: Option<&str>,
    lang: Lang,
) -> Result<Output> {
    let mut bar = PreflightBar::new(lang);
    let scheduled = schedule::set(installation, actor, name, at, zone, bar.progress()).await;
    bar.finish();
    let scheduled = scheduled?;
    let messages = [&scheduled.message].into_iter().chain(&scheduled.notes);
    let text = messages.map(|message| lang.translate(message)).collect::<Vec<_>>().join("\n");
    Ok(Output::new(&scheduled, lang, text))
}

/// Recalls the messages of a campaign that are not sent yet.
pub async fn recall(installation: &Installation, actor: &Actor, name: &str, lang: Lang) -> Result<Output> {
    let recalled = schedule::recall(installation, actor, name).await?;
    let message = Message::new("campaign-recalled")
        .with("name", name)
        .with("recalled", recalled.recalled)
        .with("accepted", recalled.accepted)
        .with("uncertain", recalled.uncertain)
        .with("sending", recalled.sending)
        .with("planned", recalled.planned);
    Ok(Output::new(&recalled, lang, lang.translate(&message)))
}

/// The times of a campaign that are still to come, one a line.
pub fn lines(view: &CampaignView, lang: Lang) -> Vec<String> {
    let campaign = &view.campaign;
    let time = |key, at| Message::new(key).with("at", format_in_zone(at, campaign.zone()));
    let starts = campaign.starts_at.filter(|_| campaign.state == State::Scheduled);
    let starts = starts.map(|at| match &view.recipient_local {
        Some(local) => Message::new("show-starts-local").with("local", local).with("utc", utc(at)),
        None => time("show-starts", at).with("utc", utc(at)),
    });
    let is_open = !matches!(campaign.state, State::Finished | State::Cancelled);
    let until = campaign.until_at.filter(|_| is_open).map(|at| time("show-until", at));
    let times = [starts, until].into_iter().flatten().map(|message| format!("  {}", lang.translate(&message)));
    times.chain(hold_line(view, lang)).collect()
}

/// How long a campaign holds before its first message.
pub fn hold_line(view: &CampaignView, lang: Lang) -> Option<String> {
    let message = Message::new("show-held").with("count", view.held_seconds?).with("name", &view.campaign.name);
    Some(format!("  {}", lang.translate(&message)))
}
