//! `sendoff policy check | plan | apply | show | notice | proof`: the privacy policy of a workspace.

use std::path::PathBuf;

use clap::Subcommand;

use super::print::{self, Output};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::policy::{self, Effect, read_file};

/// Commands for the privacy policy of a workspace.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Say what is wrong with a policy file, and what the engine would refuse, allow and delete under it
    Check {
        /// The policy file (TOML; docs/policy.md)
        file: PathBuf,
    },
    /// Show what applying a policy file would change, and for how many people
    Plan {
        /// The policy file
        file: PathBuf,
    },
    /// Apply a policy file; the same file again changes nothing
    Apply {
        /// The policy file
        file: PathBuf,
    },
    /// Show the policy in force
    Show {
        /// Print the file as it was applied
        #[arg(long)]
        file: bool,
    },
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Check { file } => {
            let checked = policy::check(installation, actor, &read_file(&file)?).await?;
            let mut lines = vec![lang.tr("policy-valid")];
            lines.extend(describe(&checked.effect, lang));
            lines.extend(section("policy-head-conflicts", &checked.conflicts, lang));
            let failed = !checked.conflicts.is_empty();
            Ok(Output { failed, ..Output::new(&checked, lang, lines.join("\n")) })
        }
        Command::Plan { file } => {
            let plan = policy::plan(installation, actor, &read_file(&file)?).await?;
            let mut lines: Vec<String> = plan.sentences.iter().map(|one| lang.translate(one)).collect();
            lines.extend(section("policy-head-conflicts", &plan.conflicts, lang));
            let failed = !plan.conflicts.is_empty();
            Ok(Output { failed, ..Output::new(&plan, lang, lines.join("\n")) })
        }
        Command::Apply { file } => {
            let applied = policy::apply(installation, actor, &read_file(&file)?).await?;
            let message = Message::new(if applied.changed { "policy-applied" } else { "policy-unchanged" });
            let message = message.with("number", applied.number).with("digest", &applied.digest[..12]);
            Ok(Output::new(&applied, lang, lang.translate(&message)))
        }
        Command::Show { file } => {
            let Some(view) = policy::show(installation, actor).await? else {
                return Ok(Output { text: lang.tr("policy-none"), ..Output::default() });
            };
            if file {
                return Ok(Output::new(&view, lang, view.source.clone()));
            }
            let message = Message::new("policy-in-force").with("number", view.number);
            let message = message.with("at", print::time(view.applied_at)).with("digest", &view.digest[..12]);
            let mut lines = vec![lang.translate(&message)];
            lines.extend(describe(&view.effect, lang));
            Ok(Output::new(&view, lang, lines.join("\n")))
        }
    }
}

fn describe(effect: &Effect, lang: Lang) -> Vec<String> {
    let parts = [
        ("policy-head-allows", &effect.allows),
        ("policy-head-refuses", &effect.refuses),
        ("policy-head-deletes", &effect.deletes),
    ];
    parts.into_iter().flat_map(|(head, messages)| section(head, messages, lang)).collect()
}

fn section(head: &'static str, messages: &[Message], lang: Lang) -> Vec<String> {
    let head = (!messages.is_empty()).then(|| format!("\n{}", lang.translate(&Message::new(head))));
    head.into_iter().chain(messages.iter().map(|one| format!("  • {}", lang.translate(one)))).collect()
}
