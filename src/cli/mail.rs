//! `sendoff mail [--until-idle]`: sends what is due.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::mailer_supervisor::Vigil;
use super::print::Output;
use crate::campaign::model;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::limits::lane_backoff::{self, LaneBackoff};
use crate::mailer::scheduler::Mode;
use crate::privacy::request_journal::RequestJournal;
use crate::report::summary;

/// How long to send.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End as soon as nothing is due
    #[arg(long)]
    until_idle: bool,
}

/// Carries the command out.
pub async fn run(installation: &Installation, args: Args, lang: Lang) -> Result<Output> {
    let journal = RequestJournal::new(installation);
    journal.replay().await?;
    let gate = Arc::new(move || journal.is_empty());
    let mode = if args.until_idle { Mode::UntilIdle } else { Mode::Forever };
    let before = paused(installation).await?;
    let vigil = Vigil::start(installation).await?;
    let next = vigil.send(installation, mode, gate).await?;
    vigil.verdict()?;
    let failed = paused(installation).await?.difference(&before).count() > 0;
    Ok(Output { failed, ..told(installation, next, lang).await? })
}

/// The campaigns that stand still for a reason of the relay's.
async fn paused(installation: &Installation) -> Result<BTreeSet<Id>> {
    let by_hand = Message::new("paused-by-hand").pack();
    let all = model::list_in_state(&mut *installation.db.read().await?, model::State::Paused).await?;
    Ok(all
        .into_iter()
        .filter(|campaign| campaign.reason.as_ref() != Some(&by_hand))
        .map(|campaign| campaign.id)
        .collect())
}

/// What the lanes of the workspaces that send are known for.
async fn receptions(conn: &mut Conn) -> Result<Vec<(String, LaneBackoff)>> {
    let running = model::list_in_state(conn, model::State::Running).await?;
    let mut receptions = Vec::new();
    for workspace in running.iter().map(|campaign| campaign.workspace).collect::<BTreeSet<_>>() {
        receptions.extend(lane_backoff::list(conn, workspace).await?);
    }
    Ok(receptions)
}

/// What the campaigns came to.
async fn told(installation: &Installation, next: Option<i64>, lang: Lang) -> Result<Output> {
    let mut conn = installation.db.read().await?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for state in [model::State::Running, model::State::Paused, model::State::Finished] {
        for campaign in model::list_in_state(&mut conn, state).await? {
            let summary = summary::read(&mut conn, &campaign).await?;
            rows.push(json!({ "name": campaign.name, "summary": summary, "reason": campaign.reason.as_deref().map(|r| lang.translate_packed(r)) }));
            lines.push(super::campaign::line(&campaign, &summary, lang));
        }
    }
    for (lane, reception) in receptions(&mut conn).await? {
        lines.extend(reception.reason.map(|reason| format!("{lane}: {}", lang.translate_packed(&reason))));
    }
    if let Some(at) = next {
        lines.push(lang.translate(&Message::new("mail-waiting").with("time", super::print::time(at))));
    }
    if lines.is_empty() {
        lines.push(lang.tr("mail-nothing"));
    }
    Ok(Output {
        json: json!({ "next_due": next.map(super::print::time), "campaigns": rows }),
        text: lines.join("\n"),
        failed: false,
    })
}
