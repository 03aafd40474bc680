//! Reports by mail: a user chooses how often, and gets the numbers of a workspace's last week or month. A report names no
//! recipient.

use std::time::Duration;

use tokio::time::sleep;

use super::{Action, Actor};
pub use crate::access::mailed_report::Period;
use crate::access::mailed_report::{self as reports, MailedReport};
use crate::access::{membership, user};
use crate::audience::address::Address;
use crate::audience::workspace;
use crate::campaign::sender::Sender;
use crate::campaign::{headline, model};
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::infra::setting::{self, Setting};
use crate::mailer::{relay, relay_selection, test_send};
use crate::report::list_growth::date_of;
use crate::report::period_summary::{self, PeriodSummary};

/// How often reports that are due are looked for.
const INTERVAL: Duration = Duration::from_secs(600);

/// How often the actor gets reports of the workspace.
pub async fn read(installation: &Installation, actor: &Actor) -> Result<Option<Period>> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    permit.skip_audit();
    let Some(user) = permit.user else { return Ok(None) };
    reports::find(&mut *installation.db.read().await?, user, permit.workspace).await
}

/// Chooses how often the actor gets reports of the workspace; `None` for never. The first report is about the period that is
/// under way.
///
/// # Errors
/// `Conflict` for somebody who is no member of the workspace.
pub async fn set(installation: &Installation, actor: &Actor, period: Option<Period>) -> Result<()> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let handled = period.and_then(|period| period.last(installation.clock.now())).map(|(_, end)| end);
    let mut tx = installation.db.write().await?;
    let is_member = match permit.user {
        Some(user) => membership::set_report(&mut tx, user, permit.workspace, period, handled).await?,
        None => false,
    };
    if !is_member {
        return Err(Message::new("report-no-member").conflict());
    }
    tx.commit().await?;
    permit.audit(permit.user).await;
    Ok(())
}

/// Sends the report of the last period to the actor at once.
///
/// # Errors
/// As for [`set`]; what a relay refuses.
pub async fn send_now(installation: &Installation, actor: &Actor, period: Period) -> Result<()> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let user = permit.user.ok_or_else(|| Message::new("report-no-member").conflict())?;
    send(installation, &MailedReport { user, workspace: permit.workspace, period, reported_day: None }).await?;
    permit.audit(user).await;
    Ok(())
}

/// Sends reports that are due, without end.
pub async fn send_in_background(installation: &Installation) {
    loop {
        let sent = panic::catch_async(send_due(installation)).await.flatten();
        if let Err(error) = sent {
            tracing::warn!(error = error.message().key, "reports could not be sent; trying again");
        }
        sleep(INTERVAL).await;
    }
}

/// Sends the reports whose period is over. Returns how many were sent. One that cannot be sent is tried again by a later call.
pub async fn send_due(installation: &Installation) -> Result<u64> {
    let wanted = reports::list(&mut *installation.db.read().await?).await?;
    let mut sent = 0;
    for report in wanted {
        let Some((_, end)) = report.period.last(installation.clock.now()) else { continue };
        if report.reported_day.is_some_and(|day| day >= end) {
            continue;
        }
        // Another process may look at the same moment: who moves the day on sends.
        let mut tx = installation.db.write().await?;
        let is_mine =
            membership::set_reported(&mut tx, report.user, report.workspace, report.reported_day, end).await?;
        tx.commit().await?;
        if !is_mine {
            continue;
        }
        match send(installation, &report).await {
            Ok(()) => sent += 1,
            Err(error) => {
                tracing::warn!(error = error.message().key, user.id = report.user, "a report was not sent");
                let mut tx = installation.db.write().await?;
                membership::set_reported(&mut tx, report.user, report.workspace, Some(end), end - 1).await?;
                tx.commit().await?;
            }
        }
    }
    Ok(sent)
}

async fn send(installation: &Installation, report: &MailedReport) -> Result<()> {
    let now = installation.clock.now();
    let (first, end) = report.period.last(now).ok_or_else(|| Message::new("report-no-member").conflict())?;
    let mut conn = installation.db.read().await?;
    let memberships = membership::of_user(&mut conn, report.user).await?;
    let is_member = memberships.iter().any(|one| one.workspace == report.workspace && one.is_valid(now));
    let user = user::find(installation, &mut conn, report.user).await?.filter(|user| is_member || user.administrator);
    let user = user.ok_or_else(|| Message::new("report-no-member").conflict())?;
    let from = newest_sender(&mut conn, report.workspace).await?;
    let usual: Lang = setting::get(&mut conn, Setting::Language).await?.parse().unwrap_or(Lang::EN);
    let desk_url = setting::get(&mut conn, Setting::DeskUrl).await?;
    let name = workspace::all(&mut conn).await?.into_iter().find(|one| one.id == report.workspace);
    let name = name.map(|one| one.name).unwrap_or_default();
    let summary = period_summary::read(&mut conn, report.workspace, first, end).await?;
    let relays = relay::list(installation, &mut conn, report.workspace).await?;
    drop(conn);
    let lang = user.lang.unwrap_or(usual);
    let dates = |message: Message| message.with("first", shown(first)).with("last", shown(end - 1));
    let subject = lang.translate(&dates(Message::new("report-mail-subject").with("workspace", &name)));
    let text = text(lang, &dates(Message::new("report-mail-head").with("workspace", &name)), &summary, &desk_url);
    let to: &Address = &user.email;
    let bytes = super::invitation::compose(&from, to, &subject, &text, installation.ids.next()?, now)?;
    let mailbox = from.mailbox()?;
    let eligible = relay_selection::eligible_relays(&relays, None, &mailbox);
    let relay = eligible.first().map(|at| &relays[*at]).ok_or_else(|| Message::new("relay-for-others").conflict())?;
    test_send::send(installation, relay, &mailbox.envelope(), to, &bytes).await?;
    Ok(())
}

/// The sender of the newest campaign that has one: reports come from an address that the relay takes.
pub(super) async fn newest_sender(conn: &mut Conn, workspace: Id) -> Result<Sender> {
    let mut campaigns = model::list(conn, workspace).await?;
    campaigns.sort_by_key(|campaign| std::cmp::Reverse(campaign.id));
    for campaign in campaigns.iter().take(20) {
        if let Some(headline) = headline::read(conn, campaign).await? {
            return Ok(headline.from);
        }
    }
    Err(Message::new("report-no-sender").conflict())
}

fn shown(day: i64) -> String {
    date_of(day).map_or_else(String::new, |date| date.to_string())
}

fn text(lang: Lang, head: &Message, summary: &PeriodSummary, desk_url: &str) -> String {
    let mut lines = vec![lang.translate(head), String::new(), lang.tr("report-mail-campaigns")];
    if summary.campaigns.is_empty() {
        lines.push(lang.tr("report-mail-no-campaigns"));
    }
    for one in &summary.campaigns {
        let line = Message::new("report-mail-campaign").with("name", &one.name).with("planned", one.planned);
        let line = line.with("accepted", one.accepted).with("opens", one.opens).with("clicks", one.clicks);
        lines.push(lang.translate(&line.with("unsubscribed", one.unsubscribed)));
    }
    lines.extend([String::new(), lang.tr("report-mail-lists")]);
    for one in &summary.lists {
        let line = Message::new("report-mail-list").with("name", &one.name).with("size", one.size);
        lines.push(lang.translate(&line.with("joined", one.joined).with("left", one.left)));
    }
    if !desk_url.is_empty() {
        lines.extend([String::new(), desk_url.to_owned()]);
    }
    lines.push(String::new());
    lines.push(lang.tr("report-mail-why"));
    lines.join("\n")
}

/// The time at which the next report is sent, for the page.
pub fn next_at(period: Period, now: Millis) -> Option<Millis> {
    let (first, end) = period.last(now)?;
    let length = end - first;
    // The next period begins where the last one ended; months differ in length.
    let later = (1..=length + 3).map(|days| now + days * crate::infra::clock::DAY);
    later
        .filter_map(|at| period.last(at))
        .find(|(_, other)| *other > end)
        .map(|(_, end)| end * crate::infra::clock::DAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::DAY;

    #[test]
    fn a_period_is_the_last_whole_week_or_month() {
        // 2026-11-21 is a Saturday.
        let now = 1_795_255_200_000;
        let dates = |period: Period, now| period.last(now).map(|(first, end)| (shown(first), shown(end - 1)));
        let pair = |first: &str, last: &str| Some((first.to_owned(), last.to_owned()));
        assert_eq!(dates(Period::Weekly, now), pair("2026-11-09", "2026-11-15"));
        assert_eq!(dates(Period::Weekly, now + 2 * DAY), pair("2026-11-16", "2026-11-22"));
        assert_eq!(dates(Period::Monthly, now), pair("2026-10-01", "2026-10-31"));
        assert_eq!(next_at(Period::Weekly, now).map(|at| shown(at / DAY)), Some("2026-11-23".to_owned()));
        assert_eq!(next_at(Period::Monthly, now).map(|at| shown(at / DAY)), Some("2026-12-01".to_owned()));
    }
}
