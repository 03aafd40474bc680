//! `sendoff mail [--until-idle]`: sends what is due.

use super::mailer_supervisor::MailerSupervisor;
use super::print::{Output, time};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::mailer::scheduler::Mode;
use crate::usecase::Actor;
use crate::usecase::mail::{self, MailReport};

/// How long to send.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End as soon as nothing is due
    #[arg(long)]
    until_idle: bool,
}

/// Sends, and reports the campaigns. `failed` is set when a campaign was paused meanwhile.
pub async fn run(installation: &Installation, actor: &Actor, args: Args, lang: Lang) -> Result<Output> {
    let mode = if args.until_idle { Mode::UntilIdle } else { Mode::Forever };
    let run = mail::begin(installation, actor).await?;
    let supervisor = MailerSupervisor::start(installation).await?;
    let next_due = supervisor.send(installation, mode, run.gate.clone()).await?;
    supervisor.exit_error()?;
    let report = run.finish(installation, next_due).await?;
    Ok(Output { failed: report.has_paused, ..Output::new(&report, lang, describe(&report, lang)) })
}

fn describe(report: &MailReport, lang: Lang) -> String {
    let campaigns = report.campaigns.iter().map(|row| super::campaign::line(&row.campaign, &row.summary, lang));
    let lanes = report.paused_lanes.iter().map(|(lane, reason)| format!("{lane}: {}", reason.translate(lang)));
    let next = report.next_due.map(|at| lang.translate(&Message::new("mail-waiting").with("time", time(at))));
    let lines: Vec<_> = campaigns.chain(lanes).chain(next).collect();
    if lines.is_empty() { lang.tr("mail-nothing") } else { lines.join("\n") }
}
