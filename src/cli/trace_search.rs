//! `sendoff trace search ADDRESS` (also `sendoff residue ADDRESS`): every place that still holds an address.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::{Args, Subcommand};

use super::print::{Bar, Output};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::trace_search::{self, Searched};

/// Commands for traces.
#[derive(Debug, Clone, Subcommand)]
pub enum Trace {
    /// Search every table and file for an address
    Search(Command),
}

/// The address to search for.
#[derive(Debug, Clone, Args)]
pub struct Command {
    /// The email address, known here or not
    pub address: String,
    /// Then remove the bytes of erased contacts that are still stored, and search again
    #[arg(long)]
    pub clean: bool,
    /// Also open these backups, and search them
    #[arg(long = "backup", value_name = "FILE", requires = "identity")]
    pub backups: Vec<PathBuf>,
    /// The private key of the backups
    #[arg(long, value_name = "FILE", requires = "backups")]
    pub identity: Option<PathBuf>,
}

/// Runs the search. `failed` is set when anything was found, with `--clean` by the second search.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let searched = search(installation, actor, &command.address, lang).await?;
    let mut lines = describe(&searched, &command.address, lang);
    let mut output = Output::new(&searched, lang, String::new());
    output.failed = searched.report.hits > 0;
    if command.clean {
        let pending = trace_search::clean(installation, actor).await?;
        let again = search(installation, actor, &command.address, lang).await?;
        lines.push(lang.tr("trace-again"));
        lines.extend(pending.map(|pending| lang.translate(&pending)));
        lines.extend(describe(&again, &command.address, lang));
        output.failed = again.report.hits > 0;
        output.json["after"] = Output::new(&again, lang, String::new()).json;
    } else if searched.pending {
        lines.push(lang.tr("trace-pending"));
    }
    let opened = match &command.identity {
        Some(identity) => {
            trace_search::search_backups(installation, actor, &command.address, &command.backups, identity).await?
        }
        None => Vec::new(),
    };
    for one in &opened {
        let key = if one.report.hits == 0 { "trace-backup-none" } else { "trace-backup-some" };
        let message = Message::new(key).with("file", &one.backup).with("hits", one.report.hits);
        lines.push(lang.translate(&message));
    }
    let known = trace_search::known_backups(installation, actor).await?;
    let unopened: Vec<_> =
        known.into_iter().filter(|path| !opened.iter().any(|one| is_same(&one.backup, path))).collect();
    for file in &unopened {
        lines.push(lang.translate(&Message::new("trace-backup-unopened").with("file", file)));
    }
    output.json["backups"] = Output::new(&opened, lang, String::new()).json;
    output.json["unopened_backups"] = unopened.into();
    Ok(Output { text: lines.join("\n"), ..output })
}

/// Whether a path that was named is the one of a backup that was made.
fn is_same(named: &str, made: &str) -> bool {
    std::path::absolute(named).is_ok_and(|path| path.display().to_string() == made)
}

async fn search(installation: &Installation, actor: &Actor, address: &str, lang: Lang) -> Result<Searched> {
    let bar = Arc::new(Mutex::new(Bar::new(&lang.tr("trace-progress"), 0)));
    let shown = bar.clone();
    let progress = move |done, total| {
        if let Ok(mut bar) = shown.lock() {
            bar.set(done, total);
        }
    };
    let searched = trace_search::search(installation, actor, address, progress).await;
    if let Some(bar) = Arc::into_inner(bar).and_then(|bar| bar.into_inner().ok()) {
        bar.finish();
    }
    searched
}

fn describe(searched: &Searched, address: &str, lang: Lang) -> Vec<String> {
    let report = &searched.report;
    let message = Message::new(if report.hits == 0 { "trace-none" } else { "trace-some" })
        .with("address", address.trim())
        .with("hits", report.hits);
    let mut lines = vec![lang.translate(&message)];
    for trace in &report.traces {
        lines.push(format!("  {:>6} × {}  {}", trace.count, trace.form, trace.place));
    }
    if report.hits > 0 {
        lines.push(lang.tr("trace-next"));
    }
    for place in &report.unreachable {
        lines.push(lang.translate(&Message::new("trace-unreachable").with("place", place)));
    }
    lines
}
