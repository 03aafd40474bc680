//! `sendoff export`: rows and numbers for other tools.

use std::path::PathBuf;

use clap::Args;

use super::print::{self, Bar, Output};
use super::word::parse_word;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::report::export::Excel;
use crate::usecase::Actor;
use crate::usecase::export::{self, Request};

/// What to export, and where to.
#[derive(Debug, Clone, Args)]
pub struct Command {
    /// deliveries, events, links, subscriptions, processor, people, summary, audience, changes or lists (docs/exports.md has their
    /// columns)
    #[arg(value_name = "KIND")]
    pub what: String,
    /// Of subscriptions only the columns of this profile: `processor` has the five facts of a mailing processor
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Only of this campaign; subscriptions and people are then those of its list
    #[arg(long, value_name = "NAME")]
    pub campaign: Option<String>,
    /// csv (safe to open in a spreadsheet), ndjson (the values as they are) or, in builds with it, parquet
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub format: String,
    /// CSV for a double click in Excel: a byte order mark, and the separators of the language (--lang)
    #[arg(long)]
    pub excel: bool,
    /// Only deliveries or events that are new or changed: the time that the last export printed
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// The file to write; - is standard output
    #[arg(long, value_name = "FILE")]
    pub out: String,
}

/// Runs the command. With standard output as the file, nothing else is printed there: `json` is null, `text` is
/// empty, and the cursor goes to standard error.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let request = Request {
        kind: match command.profile {
            None => parse_word("KIND", &command.what)?,
            Some(profile) => export::kind_of_profile(parse_word("KIND", &command.what)?, &profile)?,
        },
        format: parse_word("--format", &command.format)?,
        excel: command.excel.then(|| Excel::of(lang)),
        campaign: command.campaign,
        since: command.since,
        file: (command.out != "-").then(|| PathBuf::from(command.out)),
    };
    let mut bar = Bar::new(&lang.tr("export-bar"), 0);
    let exported = export::run(installation, actor, &request, &mut |done, total| bar.set(done, total)).await;
    bar.finish();
    let exported = exported?;
    let next = exported.next_since.map(|at| Message::new("export-next").with("since", print::time(at)));
    let next = next.map(|message| lang.translate(&message));
    let Some(file) = &exported.file else {
        next.iter().for_each(|text| print::interim(text));
        return Ok(Output::default());
    };
    let done = Message::new("export-done").with("rows", exported.rows).with("file", file);
    let remainder = Message::new("export-remainder").with("rows", exported.remainder_rows);
    let remainder = (exported.remainder_rows > 0).then(|| lang.translate(&remainder));
    let lines = [Some(lang.translate(&done)), remainder, next].into_iter().flatten();
    Ok(Output::new(&exported, lang, lines.collect::<Vec<_>>().join("\n")))
}
