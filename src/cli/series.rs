//! `sendoff campaign series ls | stop | resume`

use clap::Subcommand;

use super::print::Output;
use crate::campaign::series::State;
use crate::campaign::zoned_time::format_in_zone;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::series::{self, SeriesRow};

/// Commands for series.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List all series with their next occurrence
    #[command(visible_alias = "list")]
    Ls,
    /// Make no more campaigns; those that were made continue
    Stop {
        /// The draft that the series is made from
        name: String,
    },
    /// Continue with the next occurrence
    Resume {
        /// The draft that the series is made from
        name: String,
        /// Send the occurrence that was missed first
        #[arg(long)]
        send_missed: bool,
    },
}

/// Runs the command and lists the series.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let rows = match command {
        Command::Ls => series::list(installation, actor).await?,
        Command::Stop { name } => series::stop(installation, actor, &name).await?,
        Command::Resume { name, send_missed } => series::resume(installation, actor, &name, send_missed).await?,
    };
    let lines: Vec<_> = rows.iter().map(|row| line(row, lang)).collect();
    let text = if lines.is_empty() { lang.tr("series-none") } else { lines.join("\n") };
    Ok(Output::new(&rows, lang, text))
}

fn line(row: &SeriesRow, lang: Lang) -> String {
    let message = match (row.state, row.next) {
        (State::Running, Some(at)) => Message::new("series-next").with("next", format_in_zone(at, &row.zone)),
        (State::Asking, _) => Message::new("series-asking"),
        _ => Message::new("series-stopped"),
    };
    let reason = row.reason.as_ref().map(|reason| format!("\n  {}", reason.translate(lang))).unwrap_or_default();
    format!("{:<24} {}{reason}", row.name, lang.translate(&message))
}
