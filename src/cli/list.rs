//! `sendoff list`: make a list, close it with everyone on it, see how many are on each.

use clap::Subcommand;
use serde_json::json;

use super::print::{Bar, Report};
use crate::audience::list;
use crate::audience::subscription::{self, State};
use crate::audience::workspace::Workspace;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::privacy::{erasure, physical_erasure};

/// What to do with lists.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Make a list
    Add {
        /// Its name
        name: String,
    },
    /// Let a list cease: everyone on it leaves and is erased like anyone who leaves; nothing brings them back
    Close {
        /// Its name
        name: String,
    },
    /// Show the lists and how many people are on each
    Ls,
}

/// Does it.
pub async fn run(installation: &Installation, workspace: &Workspace, command: Command, lang: Lang) -> Result<Report> {
    match command {
        Command::Add { name } => add(installation, workspace, &name, lang).await,
        Command::Close { name } => close(installation, workspace, &name, lang).await,
        Command::Ls => all(installation, workspace, lang).await,
    }
}

async fn add(installation: &Installation, workspace: &Workspace, name: &str, lang: Lang) -> Result<Report> {
    let list = list::add(installation, workspace.id, name).await?;
    Ok(Report {
        json: json!({ "list": list.name }),
        text: lang.translate(&Message::new("list-added").with("name", &list.name)),
        ..Report::default()
    })
}

/// A list that was closed half-way is closed to the end.
async fn close(installation: &Installation, workspace: &Workspace, name: &str, lang: Lang) -> Result<Report> {
    let mut conn = installation.db.read().await?;
    let list = match list::find(&mut conn, workspace.id, name).await? {
        Some(list) => list,
        None => list::need(&mut conn, workspace.id, name).await?,
    };
    let people: i64 = subscription::count(&mut conn, list.id).await?.iter().map(|(_, count)| count).sum();
    drop(conn);
    let mut bar = Bar::new(&lang.tr("list-bar"), people.unsigned_abs());
    let left = erasure::close_list(installation, workspace.id, list.id, |done| bar.set(done)).await?;
    bar.finish();
    physical_erasure::run(installation).await?;
    Ok(Report {
        json: json!({ "list": list.name, "closed": true, "left": left }),
        text: lang.translate(&Message::new("list-ceased").with("name", &list.name).with("count", left)),
        ..Report::default()
    })
}

async fn all(installation: &Installation, workspace: &Workspace, lang: Lang) -> Result<Report> {
    let mut conn = installation.db.read().await?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for list in list::all(&mut conn, workspace.id).await? {
        let counts = subscription::count(&mut conn, list.id).await?;
        let number = |state| counts.iter().find(|(found, _)| *found == state).map_or(0, |(_, count)| *count);
        let (confirmed, pending, restricted) =
            (number(State::Confirmed), number(State::Pending), number(State::Restricted));
        let key = if list.closed { "list-line-closed" } else { "list-line" };
        lines.push(
            lang.translate(
                &Message::new(key)
                    .with("name", &list.name)
                    .with("confirmed", confirmed)
                    .with("pending", pending)
                    .with("restricted", restricted),
            ),
        );
        rows.push(json!({ "list": list.name, "closed": list.closed, "confirmed": confirmed, "pending": pending, "restricted": restricted }));
    }
    let text = if lines.is_empty() { lang.tr("list-none") } else { lines.join("\n") };
    Ok(Report { json: json!({ "lists": rows }), text, ..Report::default() })
}
