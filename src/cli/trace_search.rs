//! `sendoff trace search ADDRESS` (also `sendoff residue ADDRESS`): every place that still holds an address.

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
    Ok(Output { text: lines.join("\n"), ..output })
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
