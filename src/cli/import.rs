//! `sendoff import`: a file of people onto a list.

use std::path::PathBuf;

use super::print::{Bar, Report};
use crate::audience::import::{self, Phase, Progress, Request, Summary};
use crate::audience::workspace::Workspace;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;

/// Import people from a CSV file onto a list.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file: comma, semicolon or tab; UTF-8, UTF-16, windows-1251 or KOI8-R
    pub file: PathBuf,
    /// The list that everyone in the file joins
    #[arg(long, value_name = "NAME")]
    pub list: Option<String>,
    /// Where the data was collected, such as "checkout form of shop.example"
    #[arg(long, value_name = "TEXT")]
    pub source: Option<String>,
    /// The legal basis: consent, contract or interest
    #[arg(long, value_name = "BASIS")]
    pub basis: Option<String>,
    /// What proves it, such as "export of form answers, file 17"
    #[arg(long, value_name = "TEXT")]
    pub proof: Option<String>,
    /// The day on which consent was given, such as 2026-10-31
    #[arg(long, value_name = "DATE")]
    pub date: Option<String>,
    /// Which field a column fills: `email` for the address, `-` to leave the column out
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub map: Vec<String>,
    /// The encoding, when it is not found out rightly
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// Count only; write nothing to the database
    #[arg(long)]
    pub dry_run: bool,
    /// Where to write the rows that were not taken, with line and reason
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

impl Args {
    fn request(self) -> Result<Request> {
        let text = |given: Option<String>| given.unwrap_or_default();
        let (list, source, basis) = (text(self.list), text(self.source), text(self.basis));
        let (proof, date) = (text(self.proof), text(self.date));
        import::refuse_blank(&[
            ("--list", &list),
            ("--source", &source),
            ("--basis", &basis),
            ("--proof", &proof),
            ("--date", &date),
        ])?;
        let map = self.map.iter().map(|pair| read_pair(pair)).collect::<Result<_>>()?;
        Ok(Request {
            path: self.file,
            list,
            source,
            basis: basis.parse()?,
            proof,
            date,
            map,
            encoding: self.encoding,
            dry_run: self.dry_run,
            rejects: self.rejects,
        })
    }
}

fn read_pair(pair: &str) -> Result<(String, String)> {
    let parts = pair.rsplit_once('=').filter(|(column, field)| !column.trim().is_empty() && !field.trim().is_empty());
    let (column, field) =
        parts.ok_or_else(|| Message::new("import-map-shape").with("given", pair).invalid_field("map"))?;
    Ok((column.trim().to_owned(), field.trim().to_owned()))
}

/// Imports the file and says what came of it.
pub async fn run(
    installation: &Installation,
    workspace: &Workspace,
    args: Args,
    lang: Lang,
    json: bool,
) -> Result<Report> {
    let request = args.request()?;
    let mut bars = Bars { lang, shown: None, quiet: json };
    let outcome = import::run(installation, workspace.id, &request, lang, &mut |progress| bars.show(progress)).await;
    bars.finish();
    let outcome = outcome?;
    Ok(Report { json: outcome.json(), text: describe(&outcome, &request, lang), failed: false })
}

/// One bar a pass.
struct Bars {
    lang: Lang,
    shown: Option<(Phase, Bar)>,
    quiet: bool,
}

impl Bars {
    fn show(&mut self, progress: Progress) {
        if self.quiet {
            return;
        }
        let (key, done, total) = match progress.phase {
            Phase::Reading => ("import-reading", progress.bytes_read, progress.bytes_total),
            Phase::Merging => ("import-merging", progress.rows, progress.rows_total),
        };
        if self.shown.as_ref().is_none_or(|(phase, _)| *phase != progress.phase) {
            self.finish();
            self.shown = Some((progress.phase, Bar::new(&self.lang.tr(key), total)));
        }
        if let Some((_, bar)) = &mut self.shown {
            bar.set(done);
        }
    }

    fn finish(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish();
        }
    }
}

fn describe(outcome: &Summary, request: &Request, lang: Lang) -> String {
    let title = Message::new(if outcome.dry_run { "import-rehearsed" } else { "import-done" })
        .with("file", request.path.display())
        .with("list", &request.list)
        .with("encoding", &outcome.encoding)
        .with("delimiter", lang.tr(delimiter(outcome)));
    let mut text = lang.translate(&title) + "\n";
    if outcome.dry_run {
        let columns: Vec<_> = outcome.columns.iter().map(|(column, field)| format!("{column} → {field}")).collect();
        text += &(lang.translate(&Message::new("import-columns-read").with("columns", columns.join(", "))) + "\n");
    }
    text += "\n";
    for (key, count) in [
        ("import-new", outcome.new),
        ("import-updated", outcome.updated),
        ("import-unchanged", outcome.unchanged),
        ("import-duplicates", outcome.duplicates),
        ("import-tombstoned", outcome.tombstoned),
        ("import-invalid", outcome.invalid_total()),
    ] {
        text += &format!("{count:>10}  {}\n", lang.tr(key));
    }
    for (reason, count) in &outcome.invalid {
        text += &format!("{count:>14}  {}: {}\n", reason, import::explain(reason, lang));
    }
    if outcome.duplicates + outcome.invalid_total() > 0 {
        let hint = match &request.rejects {
            Some(file) => Message::new("import-rejects-written").with("file", file.display()),
            None => Message::new("import-rejects-hint"),
        };
        text += &format!("\n{}\n", lang.translate(&hint));
    }
    text
}

fn delimiter(outcome: &Summary) -> &'static str {
    match outcome.delimiter {
        import::Delimiter::Comma => "import-comma",
        import::Delimiter::Semicolon => "import-semicolon",
        import::Delimiter::Tab => "import-tab",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_split_at_its_last_equals_sign() {
        assert_eq!(read_pair("a=b = city").expect("a pair"), ("a=b".to_owned(), "city".to_owned()));
        assert_eq!(read_pair("x=-").expect("a pair"), ("x".to_owned(), "-".to_owned()));
        for wrong in ["city", "=city", "city="] {
            assert_eq!(read_pair(wrong).expect_err(wrong).message().key, "import-map-shape");
        }
    }
}
