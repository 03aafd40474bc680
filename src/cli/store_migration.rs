//! `sendoff move`: moves the data of the installation to another store, and wipes the previous one.

use clap::ValueEnum;

use super::print::{Bar, Output};
use crate::infra::config::Config;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::store_migration::Step;
use crate::usecase::Actor;
use crate::usecase::store_migration::{self, Migrated, Moved, Request};

/// Where to move the data, and what becomes of the previous store.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// postgres://… or a folder; the variable keeps a password out of the list of processes
    #[arg(long, value_name = "PLACE", env = "SENDOFF_MOVE_TO", hide_env_values = true)]
    to: Option<String>,
    /// What becomes of the store that holds the data now
    #[arg(long, value_enum)]
    old: Option<Old>,
    /// Cancel a move that was begun; with --to, remove what was copied there
    #[arg(long, conflicts_with = "old")]
    cancel: bool,
}

/// What becomes of the previous store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Old {
    /// It is kept, closed for good, until it is wiped
    Keep,
    /// It is wiped
    Wipe,
}

/// Runs the command.
pub async fn run(config: Config, actor: &Actor, args: Args, lang: Lang) -> Result<Output> {
    if args.cancel {
        let cancelled = store_migration::cancel(config, actor, args.to.as_deref()).await?;
        let key = if args.to.is_some() { "move-cancelled-wiped" } else { "move-cancelled" };
        let message = Message::new(key).with("place", &cancelled.place);
        return Ok(Output::new(&cancelled, lang, lang.translate(&message)));
    }
    let request = Request { to: args.to, wipe_old: args.old == Some(Old::Wipe) };
    let mut bars = Bars::new(lang);
    let migrated = store_migration::run(config, actor, &request, &mut |step| bars.show(&step)).await;
    bars.finish();
    let migrated = migrated?;
    Ok(Output::new(&migrated, lang, describe(&migrated, lang)))
}

fn describe(migrated: &Migrated, lang: Lang) -> String {
    let mut lines = migrated.moved.as_ref().map(|moved| moved_lines(moved, lang)).unwrap_or_default();
    if let Some(old) = &migrated.old {
        match &old.place {
            Some(place) => lines.push(lang.translate(&Message::new("move-wiped").with("place", place))),
            None => lines.push(lang.tr("move-kept")),
        }
        if old.clean == Some(false) {
            lines.push(lang.tr("scrub-incomplete"));
        }
    }
    lines.join("\n")
}

fn moved_lines(moved: &Moved, lang: Lang) -> Vec<String> {
    let place = &moved.place;
    if moved.tables.is_empty() {
        return vec![lang.translate(&Message::new("move-already-there").with("place", place))];
    }
    let mut lines = vec![lang.tr("move-compared")];
    for (table, sum) in &moved.tables {
        lines.push(format!("  {table:<24} {:>12}  {}", sum.rows, &sum.checksum[..16]));
    }
    if moved.left > 0 {
        lines.push(lang.translate(&Message::new("move-erased").with("count", moved.left)));
    }
    lines.push(lang.translate(&Message::new("move-done").with("place", place)));
    lines
}

/// One progress bar while rows are copied, and one while they are compared; of a move and of a backup.
pub(super) struct Bars {
    lang: Lang,
    bar: Option<(&'static str, Bar)>,
    total: u64,
    done: u64,
}

impl Bars {
    pub(super) fn new(lang: Lang) -> Self {
        Self { lang, bar: None, total: 0, done: 0 }
    }

    pub(super) fn show(&mut self, step: &Step) {
        match step {
            Step::Started => {}
            Step::WaitingForMailers => self.draw("move-waiting", 0),
            Step::Counted { rows } => self.total = *rows,
            Step::Copying { rows, .. } => self.draw("move-copying", *rows),
            Step::Comparing { rows, .. } => self.draw("move-comparing", *rows),
        }
    }

    fn draw(&mut self, key: &'static str, rows: u64) {
        if self.bar.as_ref().is_none_or(|(shown, _)| *shown != key) {
            self.finish();
            self.done = 0;
            self.bar = Some((key, Bar::new(&self.lang.tr(key), self.total)));
        }
        self.done += rows;
        if let Some((_, bar)) = &mut self.bar {
            bar.set(self.done, self.total);
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish();
        }
    }
}
