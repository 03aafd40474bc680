//! `sendoff workspace`: make the customers of an installation, see which there are. The first, `main`,
//! is made by itself; any other is made on purpose, so that a slip in `--workspace` makes none.

use clap::Subcommand;
use serde_json::json;

use super::print::Report;
use crate::audience::workspace;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;

/// What to do with workspaces.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Make a workspace; nothing in it is visible in another
    Add {
        /// Its name
        name: String,
    },
    /// Show the workspaces
    Ls,
}

/// Does it.
pub async fn run(installation: &Installation, command: Command, lang: Lang) -> Result<Report> {
    match command {
        Command::Add { name } => {
            let made = workspace::add(installation, &name).await?;
            Ok(Report {
                text: lang.translate(&Message::new("workspace-added").with("name", &made.name)),
                json: json!({ "workspace": made.name }),
                failed: false,
            })
        }
        Command::Ls => {
            let all = workspace::all(&mut *installation.db.read().await?).await?;
            let names: Vec<String> = all.into_iter().map(|workspace| workspace.name).collect();
            Ok(Report { text: names.join("\n"), json: json!({ "workspaces": names }), failed: false })
        }
    }
}
