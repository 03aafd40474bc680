//! `sendoff move`: carry the installation to another store, and remove the one it was in.

use clap::ValueEnum;
use serde_json::json;

use super::print::{Bar, Output};
use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::store_migration::{self, MigrationReport, Step, wipe};

/// Where to, and what becomes of the old store.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// postgres://… or a folder; the variable keeps a password out of the list of processes
    #[arg(long, value_name = "PLACE", env = "SENDOFF_MOVE_TO", hide_env_values = true)]
    to: Option<String>,
    /// What becomes of the store that the data are in now
    #[arg(long, value_enum)]
    old: Option<Old>,
    /// Give up a move that was begun; with --to, remove what had come there
    #[arg(long, conflicts_with = "old")]
    cancel: bool,
}

/// What becomes of an old store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Old {
    /// It stays, closed for good, until it is wiped
    Keep,
    /// It is removed
    Wipe,
}

/// Carries the command out.
pub async fn run(config: Config, args: Args, lang: Lang) -> Result<Output> {
    if args.cancel {
        let place = store_migration::cancel(config, Clock::system(), args.to.as_deref()).await?;
        let key = if args.to.is_some() { "move-cancelled-wiped" } else { "move-cancelled" };
        let text = lang.translate(&Message::new(key).with("place", &place));
        return Ok(Output { json: json!({ "cancelled": true, "place": place }), text, failed: false });
    }
    let data = config.data.clone();
    let outcome = match (&args.to, args.old) {
        (Some(to), _) => Some(carry_over(config, to, lang).await?),
        (None, Some(Old::Wipe)) => None,
        (None, _) => return Err(Message::new("move-nowhere").invalid_field("to")),
    };
    let (mut json, mut lines) = (json!({}), Vec::new());
    if let Some(outcome) = &outcome {
        json = described(outcome);
        lines = sentences(outcome, lang);
    }
    if args.old == Some(Old::Wipe) {
        let (place, clean) = wipe::previous_stores(&data).await?;
        json["old"] = json!({ "place": place, "wiped": true, "clean": clean });
        lines.push(lang.translate(&Message::new("move-wiped").with("place", place)));
        if !clean {
            lines.push(lang.tr("scrub-incomplete"));
        }
    } else if outcome.is_some_and(|outcome| !outcome.tables.is_empty()) {
        json["old"] = json!({ "wiped": false });
        lines.push(lang.tr("move-kept"));
    }
    Ok(Output { json, text: lines.join("\n"), failed: false })
}

async fn carry_over(config: Config, to: &str, lang: Lang) -> Result<MigrationReport> {
    let mut bars = Bars { lang, bar: None, begun: false, total: 0, done: 0 };
    let outcome = store_migration::migrate(config, Clock::system(), to, &mut |step| bars.show(&step)).await;
    let begun = bars.begun;
    bars.end();
    match outcome {
        Err(error) if begun => Err(cut_off(&error, lang)),
        outcome => outcome,
    }
}

/// Why it stands still, and the two ways on.
fn cut_off(error: &Error, lang: Lang) -> Error {
    super::log_causes(error);
    Message::new("move-cut").with("why", lang.translate(&error.message())).unavailable()
}

fn described(outcome: &MigrationReport) -> serde_json::Value {
    let tables =
        outcome.tables.iter().map(|sum| (sum.table.clone(), json!({ "rows": sum.rows, "checksum": sum.checksum })));
    json!({ "place": outcome.place, "left": outcome.erasures, "tables": tables.collect::<serde_json::Map<_, _>>() })
}

fn sentences(outcome: &MigrationReport, lang: Lang) -> Vec<String> {
    let place = &outcome.place;
    if outcome.tables.is_empty() {
        return vec![lang.translate(&Message::new("move-there").with("place", place))];
    }
    let mut lines = vec![lang.tr("move-compared")];
    for sum in &outcome.tables {
        lines.push(format!("  {:<24} {:>12}  {}", sum.table, sum.rows, &sum.checksum[..16]));
    }
    if outcome.erasures > 0 {
        lines.push(lang.translate(&Message::new("move-left").with("count", outcome.erasures)));
    }
    lines.push(lang.translate(&Message::new("move-done").with("place", place)));
    lines
}

/// One bar while rows are carried, and one while they are compared.
struct Bars {
    lang: Lang,
    bar: Option<(&'static str, Bar)>,
    begun: bool,
    total: u64,
    done: u64,
}

impl Bars {
    fn show(&mut self, step: &Step) {
        match step {
            Step::Started => self.begun = true,
            Step::WaitingForMailers => self.draw("move-waiting", 0),
            Step::Counted { rows } => self.total = *rows,
            Step::Copying { rows, .. } => self.draw("move-carrying", *rows),
            Step::Comparing { rows, .. } => self.draw("move-comparing", *rows),
        }
    }

    fn draw(&mut self, key: &'static str, rows: u64) {
        if self.bar.as_ref().is_none_or(|(shown, _)| *shown != key) {
            self.end();
            self.done = 0;
            self.bar = Some((key, Bar::new(&self.lang.tr(key), self.total)));
        }
        self.done += rows;
        if let Some((_, bar)) = &mut self.bar {
            bar.set(self.done, self.total);
        }
    }

    fn end(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish();
        }
    }
}
