//! `sendoff export`: rows and numbers for other tools.

use std::path::PathBuf;

use clap::Args;

use super::print::{Bar, Output};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::export::{self, Request};

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

/// Runs the command. With standard output as the file, nothing else is printed there: `json` is null and `text` is
/// empty.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let request = Request {
        kind: command.what.parse()?,
        format: command.format.parse()?,
        campaign: command.campaign,
        file: (command.out != "-").then(|| PathBuf::from(command.out)),
    };
    let mut bar = Bar::new(&lang.tr("export-bar"), 0);
    let exported = export::run(installation, actor, &request, &mut |done, total| bar.set(done, total)).await;
    bar.finish();
    let Some(exported) = exported? else {
        return Ok(Output::default());
    };
    let message = Message::new("export-done").with("rows", exported.rows).with("file", &exported.file);
    Ok(Output::new(&exported, lang, lang.translate(&message)))
}
