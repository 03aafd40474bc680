//! `sendoff import`: imports contacts from a file onto a list.

use std::path::PathBuf;

use super::print::{Bar, Output};
use crate::audience::import::{self, ImportProgress, Phase, Request, Summary};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::import::run as import_file;

/// Import contacts from a CSV file onto a list
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file: comma, semicolon or tab; UTF-8, UTF-16, windows-1251 or KOI8-R
    pub file: PathBuf,
    /// The list that every contact in the file is subscribed to
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
    /// The field that a column fills: `email` for the address, `-` to leave the column out
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub map: Vec<String>,
    /// The encoding, when it is detected wrongly
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// Count only; write nothing to the database
    #[arg(long)]
    pub dry_run: bool,
    /// A file for the rows that were not imported, with line and reason
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

/// Runs the import. With `quiet` no progress bar is shown.
pub async fn run(installation: &Installation, actor: &Actor, args: Args, lang: Lang, quiet: bool) -> Result<Output> {
    let request = args.request()?;
    let mut bars = Bars { lang, shown: None, quiet };
    let imported = import_file(installation, actor, &request, lang, &mut |progress| bars.show(progress)).await;
    bars.finish();
    let imported = imported?;
    let text = describe(&imported.0, &request, lang);
    Ok(Output::new(&imported, lang, text))
}

/// One progress bar for each pass.
struct Bars {
    lang: Lang,
    shown: Option<(Phase, Bar)>,
    quiet: bool,
}

impl Bars {
    fn show(&mut self, progress: ImportProgress) {
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
            bar.set(done, total);
        }
    }

    fn finish(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish();
        }
    }
}

fn describe(summary: &Summary, request: &Request, lang: Lang) -> String {
    let title = Message::new(if summary.dry_run { "import-rehearsed" } else { "import-done" })
        .with("file", request.path.display())
        .with("list", &request.list)
        .with("encoding", &summary.encoding)
        .with("delimiter", lang.tr(delimiter(summary)));
    let mut text = lang.translate(&title) + "\n";
    if summary.dry_run {
        let columns: Vec<_> = summary.columns.iter().map(|(column, field)| format!("{column} → {field}")).collect();
        text += &(lang.translate(&Message::new("import-columns-read").with("columns", columns.join(", "))) + "\n");
    }
    text += "\n";
    for (key, count) in [
        ("import-new", summary.new),
        ("import-updated", summary.updated),
        ("import-unchanged", summary.unchanged),
        ("import-duplicates", summary.duplicates),
        ("import-tombstoned", summary.tombstoned),
        ("import-invalid", summary.invalid_total()),
    ] {
        text += &format!("{count:>10}  {}\n", lang.tr(key));
    }
    for (reason, count) in &summary.invalid {
        text += &format!("{count:>14}  {}: {}\n", reason, import::explain(reason, lang));
    }
    if summary.duplicates + summary.invalid_total() > 0 {
        let hint = match &request.rejects {
            Some(file) => Message::new("import-rejects-written").with("file", file.display()),
            None => Message::new("import-rejects-hint"),
        };
        text += &format!("\n{}\n", lang.translate(&hint));
    }
    text
}

fn delimiter(summary: &Summary) -> &'static str {
    match summary.delimiter {
        import::Delimiter::Comma => "import-comma",
        import::Delimiter::Semicolon => "import-semicolon",
        import::Delimiter::Tab => "import-tab",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_option_splits_at_the_last_equals_sign() {
        assert_eq!(read_pair("a=b = city").expect("a pair"), ("a=b".to_owned(), "city".to_owned()));
        assert_eq!(read_pair("x=-").expect("a pair"), ("x".to_owned(), "-".to_owned()));
        for wrong in ["city", "=city", "city="] {
            assert_eq!(read_pair(wrong).expect_err(wrong).message().key, "import-map-shape");
        }
    }
}
