//! `sendoff segment save | count | explain | rm | ls`: saved expressions over contacts.

use clap::Subcommand;

use super::print::{self, Bar, Output};
use crate::audience::segment::{Reachability, shorten};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::segment::{self, Condition};

/// Commands for segments.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Save an expression under a name
    Save {
        /// The name; a segment of this name is replaced
        name: String,
        /// For example: city = "Казань" and age >= 18 and on("News")
        expression: String,
        /// Wait until all contacts are indexed, instead of leaving the rest to `serve`
        #[arg(long)]
        wait: bool,
    },
    /// Count the contacts of a segment
    Count {
        /// The segment
        name: String,
        /// Estimate from a sample of some thousand contacts; exact where there are few
        #[arg(long)]
        estimate: bool,
    },
    /// Explain why a contact is in a segment or not, condition by condition
    Explain {
        /// The segment
        name: String,
        /// The contact's email address
        address: String,
    },
    /// Remove a segment that no campaign needs any more
    #[command(visible_alias = "remove")]
    Rm {
        /// The segment
        name: String,
    },
    /// List the segments
    #[command(visible_alias = "list")]
    Ls,
}

/// The longest condition in text; longer ones are cut. JSON has them whole.
const MAX_CONDITION_CHARS: usize = 200;

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Save { name, expression, wait } => {
            let mut bar = Bar::new(&lang.tr("field-indexing"), 0);
            let progress = |done, total| bar.set(done, total);
            let saved = segment::save(installation, actor, &name, &expression, wait, progress).await;
            bar.finish();
            let saved = saved?;
            let key = if saved.indexing { "segment-saved-indexing" } else { "segment-saved" };
            let message = Message::new(key).with("name", &saved.segment.segment);
            Ok(Output::new(&saved, lang, lang.translate(&message)))
        }
        Command::Count { name, estimate } => count(installation, actor, &name, estimate, lang).await,
        Command::Explain { name, address } => explain(installation, actor, &name, &address, lang).await,
        Command::Rm { name } => {
            let removed = segment::remove(installation, actor, &name).await?;
            let message = Message::new("segment-removed").with("name", &removed.segment);
            Ok(Output::new(&removed, lang, lang.translate(&message)))
        }
        Command::Ls => {
            let list = segment::list(installation, actor).await?;
            let line = |row: &segment::SegmentRow| {
                format!("{}: {}", row.segment, shorten(&row.expression, MAX_CONDITION_CHARS))
            };
            let lines: Vec<_> = list.segments.iter().map(line).collect();
            let text = if lines.is_empty() { lang.tr("segment-none") } else { lines.join("\n") };
            Ok(Output::new(&list, lang, text))
        }
    }
}

async fn count(installation: &Installation, actor: &Actor, name: &str, estimate: bool, lang: Lang) -> Result<Output> {
    if (estimate || print::is_interactive())
        && let Some(estimated) = segment::estimate(installation, actor, name).await?
    {
        let text = lang.translate(&Message::new("segment-estimate").with("count", estimated.count));
        if estimate {
            return Ok(Output::new(&estimated, lang, text));
        }
        print::interim(&text);
    }
    let counted = segment::count(installation, actor, name).await?;
    let message = Message::new("segment-count").with("name", name).with("count", counted.count);
    Ok(Output::new(&counted, lang, lang.translate(&message)))
}

async fn explain(installation: &Installation, actor: &Actor, name: &str, address: &str, lang: Lang) -> Result<Output> {
    let found = segment::explain(installation, actor, name, address).await?;
    let key = match found.reachability {
        Reachability::Unknown => "segment-explain-unknown",
        Reachability::Restricted => "segment-explain-restricted",
        Reachability::Bounced => "segment-explain-bounced",
        Reachability::Unlisted => "segment-explain-unlisted",
        Reachability::Reachable if found.included => "segment-explain-in",
        Reachability::Reachable => "segment-explain-out",
    };
    let message = Message::new(key).with("address", address.trim()).with("name", name);
    let mut lines = vec![lang.translate(&message)];
    if let Some(condition) = &found.conditions {
        describe(condition, 1, lang, &mut lines);
    }
    Ok(Output::new(&found, lang, lines.join("\n")))
}

fn describe(condition: &Condition, depth: usize, lang: Lang, lines: &mut Vec<String>) {
    let (text, parts) = match condition {
        Condition::All { all, .. } => (lang.tr("segment-all"), &all[..]),
        Condition::Any { any, .. } => (lang.tr("segment-any"), &any[..]),
        Condition::Not { not, .. } => (lang.tr("segment-not"), std::slice::from_ref(&**not)),
        Condition::Leaf { condition, value, .. } => {
            let value = value
                .as_deref()
                .map_or_else(|| lang.tr("segment-no-value"), |value| shorten(value, MAX_CONDITION_CHARS));
            (format!("{} [{value}]", shorten(condition, MAX_CONDITION_CHARS)), &[][..])
        }
    };
    let verdict = lang.tr(if condition.holds() { "segment-yes" } else { "segment-no" });
    lines.push(format!("{}{text} → {verdict}", "  ".repeat(depth)));
    for part in parts {
        describe(part, depth + 1, lang, lines);
    }
}
