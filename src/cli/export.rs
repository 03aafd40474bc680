//! `sendoff export`: rows and numbers for other tools.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::print::{Bar, Report};
use crate::audience::workspace::Workspace;
use crate::campaign::model;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::privacy::{erasure_log, file_erasure};
use crate::report::export::{self, Export};

/// What to export, and where to.
#[derive(Debug, Clone, Args)]
pub struct Command {
    /// deliveries, events, links, subscriptions or summary
    pub what: String,
    /// Only of this campaign; subscriptions are then those of its list
    #[arg(long, value_name = "NAME")]
    pub campaign: Option<String>,
    /// csv (safe to open in a spreadsheet) or ndjson (the values as they are)
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub format: String,
    /// The file to write; - is standard output
    #[arg(long, value_name = "FILE")]
    pub out: String,
}

/// Exports. To standard output it reports nothing else there: `json` is null and `text` empty.
pub async fn run(installation: &Installation, workspace: &Workspace, command: Command, lang: Lang) -> Result<Report> {
    let (kind, format) = (command.what.parse()?, command.format.parse()?);
    let campaign = match &command.campaign {
        Some(name) => Some(model::find_by_name(&mut *installation.db.read().await?, workspace.id, name).await?),
        None => None,
    };
    let wanted = Export { kind, format, workspace: workspace.id, campaign: campaign.as_ref() };
    let mut bar = Bar::new(&lang.tr("export-bar"), 0);
    let mut progress = |done, total| bar.set_of(done, total);
    if command.out == "-" {
        export::to_stdout(&installation.db, &wanted, &mut progress).await?;
        bar.finish();
        return Ok(Report::default());
    }
    let path = Path::new(&command.out);
    let log = erasure_log::length(installation);
    let rows = export::to_file(&installation.db, &wanted, path, &mut progress).await?;
    bar.finish();
    if path.is_file() {
        // Who was erased while the file was written is in it, and no sweep had found it yet.
        file_erasure::erase_from_file(installation, path, log).await?;
    }
    Ok(Report {
        json: json!({ "exported": kind.as_str(), "rows": rows, "file": command.out }),
        text: lang.translate(&Message::new("export-done").with("rows", rows).with("file", &command.out)),
        ..Report::default()
    })
}
