//! `sendoff uncertain ls | settle`: deliveries of which only the relay knows whether it took the message.

use std::path::PathBuf;

use clap::Subcommand;

use super::print::{Output, time};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::uncertain::{self, LogSettlement, Settled, Settlement, UncertainRow};

/// Commands for uncertain deliveries.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them: recipient, campaign, since when, why
    #[command(visible_alias = "list")]
    Ls {
        /// Of this campaign only
        #[arg(long, value_name = "NAME")]
        campaign: Option<String>,
    },
    /// Decide what becomes of them
    Settle(Settle),
}

/// How to settle.
#[derive(Debug, clap::Args)]
pub struct Settle {
    #[command(flatten)]
    method: Method,
    /// With --from-maillog: send again the messages that the log should name and does not
    #[arg(long, requires = "from_maillog")]
    resend_missing: bool,
    /// With --from-maillog: seconds for which the log must continue after a message was lost
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "from_maillog")]
    margin: u32,
    /// With --from-maillog: time zone of a log that names none; this machine's by default
    #[arg(long, value_name = "ZONE", requires = "from_maillog")]
    zone: Option<String>,
    /// Of this campaign only
    #[arg(long, value_name = "NAME")]
    campaign: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Method {
    /// Leave them as they are: each recipient gets at most one message
    #[arg(long)]
    hold: bool,
    /// Send them again with the same bytes and Message-ID: each recipient gets at least one message
    #[arg(long)]
    resend: bool,
    /// Read the log of the Postfix that took the messages; - reads standard input
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from_maillog: Vec<PathBuf>,
}

impl Settle {
    fn settlement(self) -> (Option<String>, Settlement) {
        let Self { method, resend_missing, margin, zone, campaign } = self;
        let settlement = if method.hold {
            Settlement::Hold
        } else if method.resend {
            Settlement::Resend
        } else {
            Settlement::FromLog(LogSettlement { files: method.from_maillog, resend_missing, margin, zone })
        };
        (campaign, settlement)
    }
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Ls { campaign } => {
            let rows = uncertain::list(installation, actor, campaign.as_deref()).await?;
            let line = |row: &UncertainRow| {
                format!("{:<24} {:<24} {}  {}", row.to, row.campaign, time(row.since), lang.tr(row.why))
            };
            let lines: Vec<_> = rows.iter().map(line).collect();
            let text = if lines.is_empty() { lang.tr("uncertain-none") } else { lines.join("\n") };
            Ok(Output::new(&rows, lang, text))
        }
        Command::Settle(settle) => {
            let (campaign, settlement) = settle.settlement();
            let settled = uncertain::settle(installation, actor, campaign.as_deref(), &settlement).await?;
            Ok(Output::new(&settled, lang, describe(&settled, lang)))
        }
    }
}

fn describe(settled: &Settled, lang: Lang) -> String {
    let counts = [
        ("settled-accepted", settled.accepted),
        ("settled-rejected", settled.rejected),
        ("settled-resent", settled.resent),
        ("settled-held", settled.held),
        ("settled-missing", settled.missing),
        ("settled-outside", settled.outside),
    ];
    let mut lines: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(key, count)| lang.translate(&Message::new(key).with("count", count)))
        .collect();
    lines.push(lang.translate(&Message::new("settled-uncertain").with("count", settled.uncertain)));
    lines.join("\n")
}
