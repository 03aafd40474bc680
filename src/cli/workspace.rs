//! `sendoff workspace add | ls`: the workspaces of an installation. The first, `main`, exists from the start; any
//! other is added explicitly, so that a typing error in `--workspace` adds none.

use clap::Subcommand;

use super::print::{Output, time};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::workspace_end::{self, EndRequest, EndView};
use crate::usecase::{Actor, workspace};

/// Commands for workspaces.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Add a workspace; nothing in it is visible in another
    Add {
        /// Its name
        name: String,
    },
    /// List the workspaces
    #[command(visible_alias = "list")]
    Ls,
    /// Show or set the end of the workspace: from then on nothing is sent, measured or exported; later its people are erased
    End {
        /// The first day without sending: 2026-12-31, UTC
        #[arg(long, value_name = "DAY")]
        on: Option<String>,
        /// Days until its people are erased
        #[arg(long, value_name = "DAYS", default_value_t = workspace_end::ERASE_AFTER)]
        erase_after: u32,
        /// Days until the backups that hold them are deleted
        #[arg(long, value_name = "DAYS", default_value_t = workspace_end::BACKUPS_AFTER)]
        backups_after: u32,
        /// Go on after all; possible until its people are erased
        #[arg(long, conflicts_with = "on")]
        take_back: bool,
    },
}

impl Command {
    /// Whether the command concerns the workspace to work in.
    pub const fn needs_workspace(&self) -> bool {
        matches!(self, Self::End { .. })
    }
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Add { name } => {
            let added = workspace::add(installation, actor, &name).await?;
            let message = Message::new("workspace-added").with("name", &added.workspace);
            Ok(Output::new(&added, lang, lang.translate(&message)))
        }
        Command::Ls => {
            let list = workspace::list(installation, actor).await?;
            Ok(Output::new(&list, lang, list.workspaces.join("\n")))
        }
        Command::End { on: None, take_back: false, .. } => {
            Ok(end(&workspace_end::show(installation, actor).await?, lang))
        }
        Command::End { on, erase_after, backups_after, .. } => {
            let request = on.map(|on| EndRequest { on, erase_after, backups_after });
            Ok(end(&workspace_end::set(installation, actor, request.as_ref()).await?, lang))
        }
    }
}

fn end(view: &EndView, lang: Lang) -> Output {
    let lines: Vec<_> = view.sentences(time).iter().map(|line| lang.translate(line)).collect();
    let text = if lines.is_empty() { lang.tr("workspace-goes-on") } else { lines.join("\n") };
    Output::new(view, lang, text)
}
