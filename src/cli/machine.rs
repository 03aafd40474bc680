//! `sendoff machine ls | forget`: the machines that share a PostgreSQL database, and which of them sending waits for after
//! an older copy of the database was put back.

use clap::Subcommand;

use super::print::Output;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::{Actor, machine};

/// Commands for machines.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// List the machines, and those whose erasure log is awaited
    #[command(visible_alias = "list")]
    Ls,
    /// Forget a machine that does not come back; its erasure log is not awaited
    Forget {
        /// Its name or id, as `machine ls` shows it
        name: String,
    },
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Ls => {
            let list = machine::list(installation, actor).await?;
            let line = |row: &machine::MachineRow| {
                let key = if row.awaited { "machine-awaited" } else { "machine-row" };
                lang.translate(&Message::new(key).with("name", &row.machine).with("id", &row.id))
            };
            let lines: Vec<_> = list.machines.iter().map(line).collect();
            let text = if lines.is_empty() { lang.tr("machine-none") } else { lines.join("\n") };
            Ok(Output::new(&list, lang, text))
        }
        Command::Forget { name } => {
            let forgotten = machine::forget(installation, actor, &name).await?;
            let message = Message::new("machine-forgotten").with("name", &forgotten.machine);
            Ok(Output::new(&forgotten, lang, lang.translate(&message)))
        }
    }
}
