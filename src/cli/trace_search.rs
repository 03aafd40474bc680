//! `sendoff residue`: is anything of this address left, and where?

use std::sync::{Arc, Mutex};

use clap::Args;

use super::print::{Bar, Report};
use crate::audience::address::Address;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::privacy::physical_erasure;
use crate::privacy::trace_search::{self, TraceReport};

/// Whom to look for.
#[derive(Debug, Clone, Args)]
pub struct Command {
    /// The e-mail address, known here or not
    pub address: String,
}

/// Looks. What is owed to people erased a moment ago is done first, as the background would do it.
/// Hits are bad news: `failed` is set then.
pub async fn run(installation: &Installation, command: Command, lang: Lang) -> Result<Report> {
    let address = Address::parse(&command.address)
        .map_err(|fault| Message::new("residue-address").with("why", lang.tr(fault.key())).invalid_field("address"))?;
    physical_erasure::run_if_pending(installation).await?;
    let bar = Arc::new(Mutex::new(Bar::new(&lang.tr("residue-bar"), 0)));
    let shown = bar.clone();
    let progress = move |done, total| {
        if let Ok(mut bar) = shown.lock() {
            bar.set_of(done, total);
        }
    };
    let residue = trace_search::search(installation, &command.address, &address, progress).await?;
    if let Some(bar) = Arc::into_inner(bar).and_then(|bar| bar.into_inner().ok()) {
        bar.finish();
    }
    let failed = residue.hits > 0;
    Ok(Report { text: describe(&residue, &address, lang), json: serde_json::json!(residue), failed })
}

fn describe(residue: &TraceReport, address: &Address, lang: Lang) -> String {
    let key = if residue.hits == 0 { "residue-none" } else { "residue-some" };
    let mut lines = vec![lang.translate(&Message::new(key).with("address", address).with("hits", residue.hits))];
    for finding in &residue.findings {
        lines.push(format!("  {:>6} × {}  {}", finding.count, finding.form, finding.place));
    }
    if residue.hits > 0 {
        lines.push(lang.tr("residue-next"));
    }
    for place in &residue.unreachable {
        lines.push(lang.translate(&Message::new("residue-unreachable").with("place", place)));
    }
    lines.join("\n")
}
