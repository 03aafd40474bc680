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
}

/// Runs the search. `failed` is set when anything was found.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let bar = Arc::new(Mutex::new(Bar::new(&lang.tr("trace-progress"), 0)));
    let shown = bar.clone();
    let progress = move |done, total| {
        if let Ok(mut bar) = shown.lock() {
            bar.set(done, total);
        }
    };
    let searched = trace_search::search(installation, actor, &command.address, progress).await;
    if let Some(bar) = Arc::into_inner(bar).and_then(|bar| bar.into_inner().ok()) {
        bar.finish();
    }
    let searched = searched?;
    let failed = searched.report.hits > 0;
    Ok(Output { failed, ..Output::new(&searched, lang, describe(&searched, lang)) })
}

fn describe(searched: &Searched, lang: Lang) -> String {
    let report = &searched.report;
    let message = Message::new(if report.hits == 0 { "trace-none" } else { "trace-some" })
        .with("address", &searched.address)
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
    lines.join("\n")
}
