//! `sendoff import undo`: removes the people that an import alone brought, within a day.

use std::io::IsTerminal;

use super::print::{self, Bar, Output};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::usecase::{Actor, import_undo};

/// A command about an import of before.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Remove the people that an import alone brought and to whom nothing has happened since; within a day
    Undo {
        /// The number of the import, as it was printed
        id: Id,
        /// The number of people whom this removes; asked for on a terminal
        #[arg(long, value_name = "N")]
        people: Option<i64>,
    },
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let Command::Undo { id, people } = command;
    let people = match people {
        None if std::io::stdin().is_terminal() => Some(ask(installation, actor, id, lang).await?),
        given => given,
    };
    let mut bar = Bar::new(&lang.tr("import-undo-progress"), 0);
    let undone = import_undo::undo(installation, actor, id, people, |done, total| bar.set(done, total)).await;
    bar.finish();
    let undone = undone?;
    let mut lines = vec![lang.translate(&Message::new("import-undone").with("count", undone.removed))];
    lines.extend(undone.pending.as_ref().map(|pending| lang.translate(pending)));
    Ok(Output::new(&undone, lang, lines.join("\n")))
}

/// Asks for the number of people whom the undo removes.
async fn ask(installation: &Installation, actor: &Actor, id: Id, lang: Lang) -> Result<i64> {
    let counted = import_undo::count(installation, actor, id).await?;
    let question = Message::new("import-undo-ask").with("count", counted.people).with("list", &counted.list);
    print::line(&lang.translate(&question));
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).map_err(Error::io("stdin"))?;
    Ok(typed.trim().parse().unwrap_or(-1))
}
