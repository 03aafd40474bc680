//! `sendoff import`: imports contacts from a file onto a list.

use std::path::PathBuf;

use super::import_undo;
use super::print::{Bar, Output};
use super::word::parse_word;
use crate::audience::cell_format::DateReading;
use crate::audience::consent::Basis;
use crate::audience::import::{
    self, Delimiter, ImportProgress, Phase, Reading, Request, Standing, StatusRule, Summary,
};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::import as usecase;

/// Import contacts from a CSV file onto a list
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    /// What is done with an import of before
    #[command(subcommand)]
    pub command: Option<import_undo::Command>,
    /// The file, or `-` for standard input: cells between commas, semicolons, tabs or `|`, in any common encoding
    #[arg(required = true)]
    pub file: Option<PathBuf>,
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
    /// The field that a column fills: `email` for the address, `-` to leave the column out; `#3` is the third column, `*=-`
    /// leaves out all that nothing else fills
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub map: Vec<String>,
    /// The encoding, when it is detected wrongly or not at all
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// The first line is a person: the file has no header
    #[arg(long)]
    pub no_header: bool,
    /// How dates are written where the file does not tell: day-first or month-first; excel for columns of day numbers, and may
    /// be given beside one of these
    #[arg(long, value_name = "ORDER")]
    pub dates: Vec<String>,
    /// The first of the hundred years in which years of two digits lie, such as 1930
    #[arg(long, value_name = "YEAR")]
    pub years: Option<i16>,
    /// The sign between cells, when it is detected wrongly: , ; | or \t
    #[arg(long, value_name = "SIGN")]
    pub delimiter: Option<String>,
    /// How numbers are written where the file does not tell: 1,234.5 or 1.234,5
    #[arg(long, value_name = "STYLE")]
    pub numbers: Option<String>,
    /// Import those who may be mailed, as the file says, and keep out those who left, are blocked or have no mailbox
    #[arg(long, conflicts_with_all = ["ignore_status", "suppress"])]
    pub follow_status: bool,
    /// Import everyone, whatever the file says of them
    #[arg(long, conflicts_with = "suppress")]
    pub ignore_status: bool,
    /// The people of the file left elsewhere: keep them out of the list, or of every list without --list
    #[arg(long)]
    pub suppress: bool,
    /// Count only; write nothing to the database
    #[arg(long)]
    pub dry_run: bool,
    /// A file for the rows that were not imported or lost a value, with line and reason
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

impl Args {
    fn request(self) -> Result<Request> {
        let text = |given: Option<String>| given.unwrap_or_default();
        let (list, source, basis) = (text(self.list), text(self.source), text(self.basis));
        let (proof, date) = (text(self.proof), text(self.date));
        if !self.suppress {
            import::refuse_blank(&[
                ("--list", &list),
                ("--source", &source),
                ("--basis", &basis),
                ("--proof", &proof),
                ("--date", &date),
            ])?;
        }
        let map = self.map.iter().map(|pair| read_pair(pair)).collect::<Result<_>>()?;
        let mut reading = Reading {
            no_header: self.no_header,
            delimiter: self.delimiter.as_deref().map(Delimiter::parse).transpose()?,
            dates: DateReading::default(),
            numbers: self.numbers.as_deref().map(|text| parse_word("--numbers", text)).transpose()?,
            statuses: match (self.follow_status, self.ignore_status) {
                (true, _) => StatusRule::Follow,
                (_, true) => StatusRule::Ignore,
                _ => StatusRule::Ask,
            },
        };
        reading.set_dates(&self.dates)?;
        reading.set_years(self.years)?;
        Ok(Request {
            id: None,
            path: self.file.unwrap_or_default(),
            list,
            source,
            basis: if self.suppress { Basis::Consent } else { parse_word("--basis", &basis)? },
            proof,
            date,
            map,
            encoding: self.encoding,
            reading,
            dry_run: self.dry_run,
            rejects: self.rejects,
        })
    }
}

fn read_pair(pair: &str) -> Result<(String, String)> {
    // `=-` leaves out the columns without a name.
    let is_pair = |column: &str, field: &str| !field.is_empty() && (!column.is_empty() || field == "-");
    let parts = pair.rsplit_once('=').filter(|(column, field)| is_pair(column.trim(), field.trim()));
    let (column, field) =
        parts.ok_or_else(|| Message::new("import-map-shape").with("given", pair).invalid_field("map"))?;
    Ok((column.trim().to_owned(), field.trim().to_owned()))
}

/// Runs the import. With `quiet` no progress bar is shown. The exit code is 1 when most rows were rejected or lost a value.
pub async fn run(installation: &Installation, actor: &Actor, args: Args, lang: Lang, quiet: bool) -> Result<Output> {
    if let Some(command) = args.command {
        return import_undo::run(installation, actor, command, lang).await;
    }
    let suppress = args.suppress;
    let request = args.request()?;
    let mut bars = Bars { lang, shown: None, quiet };
    let mut progress = |progress| bars.show(progress);
    let done = match suppress {
        true => usecase::suppress(installation, actor, &request, lang, &mut progress).await,
        false => usecase::run(installation, actor, &request, lang, &mut progress).await,
    };
    bars.finish();
    let done = done?;
    let mut text = match suppress {
        true => describe_suppression(&done.0, &request, lang),
        false => describe(&done.0, &request, lang),
    };
    let failed = done.0.is_mostly_wrong();
    if failed {
        text += &format!("\n{}\n", lang.tr("import-mostly-wrong"));
    }
    Ok(Output { failed, ..Output::new(&done, lang, text) })
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
    text += &describe_reading(summary, lang);
    text += "\n";
    for (key, count) in [
        ("import-new", summary.new),
        ("import-updated", summary.updated),
        ("import-unchanged", summary.unchanged),
        ("import-duplicates", summary.duplicates),
        ("import-tombstoned", summary.tombstoned),
        ("import-suppressed", summary.suppressed.total()),
        ("import-not-mailed", summary.not_mailed),
        ("import-invalid", summary.invalid_total()),
    ] {
        if count > 0 || !matches!(key, "import-suppressed" | "import-not-mailed") {
            text += &format!("{count:>10}  {}\n", lang.tr(key));
        }
    }
    text += &describe_invalid(summary, lang);
    if summary.incomplete > 0 {
        text += &format!("{:>10}  {}\n", summary.incomplete, lang.tr("import-incomplete"));
    }
    for ((column, reason), count) in &summary.left_out {
        let first = lang.translate(&Message::new("import-first-line").with("line", count.first_line));
        text += &format!("{:>14}  {column}: {} {first}\n", count.values, import::explain(reason, lang));
    }
    if summary.duplicates + summary.invalid_total() + summary.not_mailed + summary.incomplete > 0 {
        let hint = match &request.rejects {
            Some(file) => Message::new("import-rejects-written").with("file", file.display()),
            None => Message::new("import-rejects-hint"),
        };
        text += &format!("\n{}\n", lang.translate(&hint));
    }
    if let Some(import) = summary.import.filter(|_| summary.can_be_undone()) {
        text += &format!("\n{}\n", lang.translate(&Message::new("import-undo-hint").with("id", import)));
    }
    text
}

fn describe_suppression(summary: &Summary, request: &Request, lang: Lang) -> String {
    let key = if summary.dry_run { "import-suppression-rehearsed" } else { "import-suppression-done" };
    let scope = match request.list.trim() {
        "" => Message::new("import-off-every-list"),
        list => Message::new("import-off-list").with("list", list),
    };
    let title = Message::new(key).with("file", request.path.display()).with_message("where", scope);
    let mut text = lang.translate(&title) + "\n" + &describe_reading(summary, lang) + "\n";
    let counts = &summary.suppressed;
    for (key, count) in [
        (import::standing_key(Standing::Left), counts.left),
        (import::standing_key(Standing::Blocked), counts.blocked),
        (import::standing_key(Standing::Bounced), counts.bounced),
        ("import-suppressed-contacts", counts.unsubscribed),
        ("import-suppressed-mailable", summary.mailable),
        ("import-duplicates", summary.duplicates),
        ("import-invalid", summary.invalid_total()),
    ] {
        text += &format!("{count:>10}  {}\n", lang.tr(key));
    }
    text + &describe_invalid(summary, lang)
}

/// How the file was read: what its shape needs to be said, and in a dry run its columns and some people.
fn describe_reading(summary: &Summary, lang: Lang) -> String {
    let mut text: String = summary.notices.iter().map(|notice| lang.translate(notice) + "\n").collect();
    if !summary.dry_run {
        return text;
    }
    let columns: Vec<_> = summary.columns.iter().map(|(column, field)| format!("{column} → {field}")).collect();
    text += &(lang.translate(&Message::new("import-columns-read").with("columns", columns.join(", "))) + "\n");
    for person in &summary.people {
        let shown = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields = person["fields"].as_object().into_iter().flatten();
        let fields: Vec<_> = fields.map(|(name, value)| format!("{name}: {}", shown(value))).collect();
        let line = Message::new("import-person")
            .with("line", shown(&person["line"]))
            .with("email", shown(&person["email"]))
            .with("fields", fields.join(", "));
        text += &(lang.translate(&line) + "\n");
    }
    text
}

fn describe_invalid(summary: &Summary, lang: Lang) -> String {
    let line =
        |(reason, count): (&&'static str, &i64)| format!("{count:>14}  {reason}: {}\n", import::explain(reason, lang));
    summary.invalid.iter().map(line).collect()
}

fn delimiter(summary: &Summary) -> &'static str {
    match summary.delimiter {
        Delimiter::Comma => "import-comma",
        Delimiter::Semicolon => "import-semicolon",
        Delimiter::Tab => "import-tab",
        Delimiter::Pipe => "import-pipe",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_option_splits_at_the_last_equals_sign() {
        assert_eq!(read_pair("a=b = city").expect("a pair"), ("a=b".to_owned(), "city".to_owned()));
        assert_eq!(read_pair("=-").expect("a pair"), (String::new(), "-".to_owned()));
        assert_eq!(read_pair("x=-").expect("a pair"), ("x".to_owned(), "-".to_owned()));
        for wrong in ["city", "=city", "city="] {
            assert_eq!(read_pair(wrong).expect_err(wrong).message().key, "import-map-shape");
        }
    }
}
