//! `sendoff set-aside ls | retry | dismiss`: opens, clicks and requests of recipients that could not be processed.

use clap::Subcommand;

use super::print::{Output, time};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::set_aside::{self, SetAsideEnd, SetAsideRow, Which};

/// Commands for lines that are set aside.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them: number, what, since when, why
    #[command(visible_alias = "list")]
    Ls,
    /// Process them again, for example after a newer version was installed
    Retry {
        /// The number of one; all without it
        id: Option<Id>,
    },
    /// Delete them without processing them
    Dismiss {
        /// The number of one
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<Id>,
        /// All of them
        #[arg(long)]
        all: bool,
    },
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let which = |id: Option<Id>| id.map_or(Which::All, Which::One);
    match command {
        Command::Ls => {
            let list = set_aside::list(installation, actor).await?;
            let counts = Message::new("set-aside-counts").with("events", list.events).with("requests", list.requests);
            let lines: Vec<_> = list.lines.iter().map(|row| line(row, lang)).collect();
            let text = match lines.is_empty() {
                true => lang.tr("set-aside-none"),
                false => format!("{}\n{}", lang.translate(&counts), lines.join("\n")),
            };
            Ok(Output::new(&list, lang, text))
        }
        Command::Retry { id } => Ok(ended(&set_aside::retry(installation, actor, which(id)).await?, lang)),
        Command::Dismiss { id, .. } => Ok(ended(&set_aside::dismiss(installation, actor, which(id)).await?, lang)),
    }
}

fn line(row: &SetAsideRow, lang: Lang) -> String {
    let SetAsideRow { id, queue, at, reason, line } = row;
    let line = line.as_deref().unwrap_or("—");
    format!("{id:<20} {queue:<8} {}  {line}\n    {}", time(*at), reason.translate(lang))
}

fn ended(end: &SetAsideEnd, lang: Lang) -> Output {
    let message = Message::new("set-aside-ended")
        .with("processed", end.processed)
        .with("dismissed", end.dismissed)
        .with("failed", end.failed);
    Output { failed: end.failed > 0, ..Output::new(end, lang, lang.translate(&message)) }
}
