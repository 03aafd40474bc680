//! `sendoff policy check | plan | apply | show | notice | proof`: the privacy policy of a workspace.

use std::path::PathBuf;

use clap::Subcommand;

use super::print::{self, Output};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::policy::notice::{self, NoticeRequest};
use crate::usecase::policy::{self, Effect, proof, read_file};

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
    /// Tell everyone of the edition that is to come, once, before it takes effect
    Notice {
        /// The sender; the controller of the policy by default
        #[arg(long, value_name = "SENDER")]
        from: Option<String>,
    },
    /// Print, promise by promise, what the running data say
    Proof,
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
            let stopped = applied.stopped.iter().map(|name| Message::new("policy-stopped").with("campaign", name));
            let lines: Vec<String> = std::iter::once(message).chain(stopped).map(|one| lang.translate(&one)).collect();
            Ok(Output::new(&applied, lang, lines.join("\n")))
        }
        Command::Notice { from } => {
            let request = NoticeRequest { from, local: false };
            let sent = Box::pin(notice::send(installation, actor, &request)).await?;
            let message = Message::new("policy-notice-sent").with("edition", sent.edition).with("people", sent.people);
            let line = |one: &notice::NoticeCampaign| {
                let message = Message::new("policy-notice-line").with("campaign", &one.campaign);
                lang.translate(&message.with("accepted", one.accepted).with("planned", one.planned))
            };
            let lines = [lang.translate(&message)].into_iter().chain(sent.campaigns.iter().map(line));
            Ok(Output::new(&sent, lang, lines.collect::<Vec<_>>().join("\n")))
        }
        Command::Proof => prove(installation, actor, lang).await,
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

/// The proof; its JSON is the list of promises.
async fn prove(installation: &Installation, actor: &Actor, lang: Lang) -> Result<Output> {
    let proof = proof::prove(installation, actor).await?;
    let mut lines = Vec::new();
    for one in &proof.promises {
        let word = lang.tr(if one.kept { "proof-kept" } else { "proof-not-kept" });
        lines.push(format!("{:<3} {word}: {}", one.id, lang.translate(&one.promise)));
        for fact in &one.evidence {
            let mark = if fact.against { "✗" } else { "•" };
            lines.push(format!("      {mark} {}: {}", lang.translate(&fact.what), fact.value));
        }
    }
    let summary = Message::new("proof-summary").with("kept", proof.kept).with("all", proof.promises.len());
    lines.push(lang.translate(&summary));
    let failed = proof.kept < proof.promises.len();
    Ok(Output { failed, ..Output::new(&proof.promises, lang, lines.join("\n")) })
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
