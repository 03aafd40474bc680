//! `sendoff list add | rename | close | ls`: the lists that contacts subscribe to.

use std::io::IsTerminal;

use clap::Subcommand;

use super::print::{self, Bar, Output};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::{Actor, list};

/// Commands for lists.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Add a list
    Add {
        /// Its name
        name: String,
    },
    /// Give a list another name, also in the segments that name it
    Rename {
        /// Its name
        name: String,
        /// Its new name
        new: String,
    },
    /// Let subscribers of other lists join a list on their preferences page
    Publish {
        /// Its name
        name: String,
        /// Do not offer it any more
        #[arg(long)]
        undo: bool,
    },
    /// Close a list for good: all its subscribers are unsubscribed and erased like anyone who unsubscribes
    Close {
        /// Its name
        name: String,
        /// The number of people whom this erases, as `list ls` shows it; asked for on a terminal
        #[arg(long, value_name = "N")]
        people: Option<i64>,
    },
    /// Show the lists and their numbers of subscribers
    #[command(visible_alias = "list")]
    Ls,
}

/// Asks on a terminal for the number of people whom closing a list erases. `None` elsewhere.
async fn ask_number(installation: &Installation, actor: &Actor, name: &str, lang: Lang) -> Result<Option<i64>> {
    let people = list::count_to_close(installation, actor, name).await?;
    if people == 0 || !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let question = Message::new("list-close-ask").with("name", name).with("count", people);
    print::line(&lang.translate(&question));
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).map_err(Error::io("stdin"))?;
    Ok(Some(typed.trim().parse().unwrap_or(-1)))
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Add { name } => {
            let added = list::add(installation, actor, &name).await?;
            let message = Message::new("list-added").with("name", &added.list);
            Ok(Output::new(&added, lang, lang.translate(&message)))
        }
        Command::Rename { name, new } => {
            let renamed = list::rename(installation, actor, &name, &new).await?;
            let message = Message::new("list-renamed")
                .with("before", &renamed.before)
                .with("name", &renamed.list)
                .with("segments", renamed.segments.len());
            Ok(Output::new(&renamed, lang, lang.translate(&message)))
        }
        Command::Publish { name, undo } => {
            let published = list::set_public(installation, actor, &name, !undo).await?;
            let key = if published.public { "list-published" } else { "list-unpublished" };
            let message = Message::new(key).with("name", &published.list);
            Ok(Output::new(&published, lang, lang.translate(&message)))
        }
        Command::Close { name, people } => {
            let people = match people {
                None => ask_number(installation, actor, &name, lang).await?,
                given => given,
            };
            let mut bar = Bar::new(&lang.tr("list-close-progress"), 0);
            let closed = list::close(installation, actor, &name, people, |done, total| bar.set(done, total)).await;
            bar.finish();
            let closed = closed?;
            let message = Message::new("list-close-done").with("name", &closed.list).with("count", closed.left);
            let mut lines = vec![lang.translate(&message)];
            lines.extend(closed.pending.as_ref().map(|pending| lang.translate(pending)));
            Ok(Output::new(&closed, lang, lines.join("\n")))
        }
        Command::Ls => {
            let lists = list::list(installation, actor).await?;
            let line = |row: &list::ListRow| {
                let message = Message::new(if row.closed { "list-line-closed" } else { "list-line" })
                    .with("name", &row.list)
                    .with("confirmed", row.confirmed)
                    .with("pending", row.pending)
                    .with("bounced", row.bounced)
                    .with("restricted", row.restricted);
                lang.translate(&message)
            };
            let lines: Vec<_> = lists.lists.iter().map(line).collect();
            let text = if lines.is_empty() { lang.tr("list-none") } else { lines.join("\n") };
            Ok(Output::new(&lists, lang, text))
        }
    }
}
