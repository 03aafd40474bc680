//! `sendoff audit ls | verify | export`: the log of who did what on this machine.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::print::Output;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::usecase::audit_log::{self, Filter, LogCheck};
use crate::usecase::localize::to_json;
use crate::usecase::{Action, Actor};

/// Commands for the audit log.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List entries, the newest first
    #[command(visible_alias = "list")]
    Ls {
        /// Which entries
        #[command(flatten)]
        filter: FilterArgs,
        /// At most so many
        #[arg(long, value_name = "NUMBER", default_value_t = audit_log::PAGE)]
        limit: usize,
    },
    /// Check that no line of the audit log and of the log of destruction was changed, removed or put in
    Verify,
    /// Write entries into a file, one JSON object a line, as they are in the log
    Export {
        /// Which entries
        #[command(flatten)]
        filter: FilterArgs,
        /// The file; it must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

/// Which entries.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Only of this action, such as `show_contact`
    #[arg(long)]
    action: Option<String>,
    /// Only by the user of this number
    #[arg(long, value_name = "NUMBER")]
    user: Option<Id>,
    /// Only on the subject of this number, such as a contact
    #[arg(long, value_name = "NUMBER")]
    subject: Option<Id>,
    /// Only from this day on: 2026-12-31, UTC
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Only older than the entry of this number
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
}

impl FilterArgs {
    fn filter(self, limit: usize) -> Filter {
        let Self { action, user, subject, from, before } = self;
        Filter { action, user, subject, from, before, limit }
    }
}

/// Runs the command. `failed` is set when a check finds something.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Ls { filter, limit } => {
            let page = audit_log::list(installation, actor, &filter.filter(limit)).await?;
            let lines: Vec<_> = page.entries.iter().map(|entry| line(entry, lang)).collect();
            let text = if lines.is_empty() { lang.tr("audit-none") } else { lines.join("\n") };
            Ok(Output::new(&page, lang, text))
        }
        Command::Verify => {
            let checks = audit_log::verify(installation, actor).await?;
            let intact = checks.iter().all(|check| check.intact);
            let text: Vec<_> = checks.iter().map(|check| describe(check, lang)).collect();
            let json = json!({ "intact": intact, "logs": to_json(&checks, lang) });
            Ok(Output { json, text: text.join("\n"), failed: !intact })
        }
        Command::Export { filter, to } => {
            let exported = audit_log::export(installation, actor, &filter.filter(usize::MAX), &to).await?;
            let message = Message::new("audit-exported").with("entries", exported.entries).with("to", &exported.file);
            Ok(Output::new(&exported, lang, lang.translate(&message)))
        }
    }
}

fn line(entry: &Value, lang: Lang) -> String {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let action = text("action").parse::<Action>().map_or_else(|_| text("action"), |action| lang.tr(action.key()));
    let who = match entry["user_name"].as_str() {
        Some(name) => name.to_owned(),
        None => text("role"),
    };
    let subject = entry["subject"].as_i64().map(|subject| format!("  #{subject}")).unwrap_or_default();
    let outcome = match entry["outcome"].as_str() {
        Some("done") | None => String::new(),
        Some(other) => format!("  ({other})"),
    };
    let at: String = text("at").chars().take(19).collect();
    format!("{:>8}  {at}  {who:<20}  {action}{subject}{outcome}", entry["seq"].as_u64().unwrap_or(0))
}

fn describe(check: &LogCheck, lang: Lang) -> String {
    let entries = Message::new(if check.intact { "audit-verified" } else { "audit-broken" })
        .with("entries", check.entries)
        .with("problems", check.problems.len());
    let mut lines = vec![format!("{}: {}", check.log, lang.translate(&entries))];
    lines.extend(check.problems.iter().map(|problem| format!("  {}", lang.translate(problem))));
    lines.join("\n")
}
