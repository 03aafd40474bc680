//! `sendoff workspace add | ls`: the workspaces of an installation. The first, `main`, exists from the start; any
//! other is added explicitly, so that a typing error in `--workspace` adds none.

use clap::Subcommand;

use super::print::Output;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
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
    }
}
