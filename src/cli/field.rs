//! `sendoff field add | ls | rename | label | rm | index | unindex`: the fields of contacts.

use std::io::IsTerminal;

use clap::{Arg, ArgMatches, Command as ClapCommand, FromArgMatches, Subcommand};

use super::print::{self, Bar, Output};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::field_change::{self, Confirmation, FieldUsage};
use crate::usecase::{Actor, field};

/// Commands for fields.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Declare a field
    Add {
        /// Its name in files, segments and merge tags
        name: String,
        /// text, number, date, flag or choice:one,two
        #[arg(value_name = "TYPE")]
        kind: String,
    },
    /// List the declared fields
    #[command(visible_alias = "list")]
    Ls,
    /// Give a field another name, also in the segments and drafts that use it
    Rename {
        /// Its name
        name: String,
        /// Its new name
        new: String,
    },
    /// Set what recipients' pages call a field, in each language; an empty text takes the label away
    Label {
        /// The field
        name: String,
        /// The labels
        #[command(flatten)]
        labels: Labels,
    },
    /// Remove a field and erase its values for good; says first who uses it
    #[command(visible_alias = "remove")]
    Rm {
        /// The field
        name: String,
        /// The number of people whose values this erases; asked for on a terminal
        #[arg(long, value_name = "N")]
        people: Option<i64>,
        /// Also while segments and drafts use it, which then cannot be used
        #[arg(long)]
        yes: bool,
    },
    /// Add an index, so that segments by this field are fast with millions of contacts
    Index {
        /// The field
        name: String,
    },
    /// Remove the index once no segment needs it
    Unindex {
        /// The field
        name: String,
    },
}

/// One option for each language of the catalogues: `--en TEXT`.
#[derive(Debug)]
pub struct Labels(Vec<(Lang, String)>);

impl clap::Args for Labels {
    fn augment_args(command: ClapCommand) -> ClapCommand {
        Lang::ALL.iter().fold(command, |command, lang| {
            let help = format!("The label in {}", lang.name());
            command.arg(Arg::new(lang.as_str()).long(lang.as_str()).value_name("TEXT").help(help))
        })
    }

    fn augment_args_for_update(command: ClapCommand) -> ClapCommand {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Labels {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let given = |lang: &Lang| Some((*lang, matches.get_one::<String>(lang.as_str())?.clone()));
        Ok(Self(Lang::ALL.iter().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Add { name, kind } => {
            let field = field::add(installation, actor, &name, &kind).await?;
            let message = Message::new("field-added").with("name", &field.name).with("kind", field.kind);
            Ok(Output::new(&field, lang, lang.translate(&message)))
        }
        Command::Ls => list(installation, actor, lang).await,
        Command::Rename { name, new } => rename(installation, actor, &name, &new, lang).await,
        Command::Label { name, labels } => {
            let field = field::label(installation, actor, &name, &labels.0).await?;
            let message = Message::new("field-labelled").with("name", &field.name);
            let message = message.with("labels", shown_labels(&field)).with("count", field.labels.len());
            Ok(Output::new(&field, lang, lang.translate(&message)))
        }
        Command::Rm { name, people, yes } => {
            remove(installation, actor, &name, Confirmation { people, used: yes }, lang).await
        }
        Command::Index { name } => index(installation, actor, &name, true, lang).await,
        Command::Unindex { name } => index(installation, actor, &name, false, lang).await,
    }
}

async fn index(installation: &Installation, actor: &Actor, name: &str, indexed: bool, lang: Lang) -> Result<Output> {
    let mut bar = Bar::new(&lang.tr("field-indexing"), 0);
    let outcome = field::index(installation, actor, name, indexed, |done, total| bar.set(done, total)).await;
    bar.finish();
    let key = if indexed { "field-indexed" } else { "field-unindexed" };
    Ok(Output::new(&outcome?, lang, lang.translate(&Message::new(key).with("name", name))))
}

async fn rename(installation: &Installation, actor: &Actor, name: &str, new: &str, lang: Lang) -> Result<Output> {
    let mut bar = Bar::new(&lang.tr("field-renaming"), 0);
    let renamed = field_change::rename(installation, actor, name, new, |done, total| bar.set(done, total)).await;
    bar.finish();
    let renamed = renamed?;
    let message = Message::new("field-renamed")
        .with("before", &renamed.before)
        .with("name", &renamed.name)
        .with("segments", or_none(&renamed.segments))
        .with("campaigns", or_none(&renamed.campaigns));
    Ok(Output::new(&renamed, lang, lang.translate(&message)))
}

async fn remove(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    mut confirmed: Confirmation,
    lang: Lang,
) -> Result<Output> {
    if confirmed.people.is_none() && std::io::stdin().is_terminal() {
        let usage = field_change::usage(installation, actor, name).await?;
        if usage.sending.is_empty() && (usage.people > 0 || !usage.segments.is_empty() || !usage.campaigns.is_empty()) {
            confirmed = ask(&usage, lang)?;
        }
    }
    let mut bar = Bar::new(&lang.tr("field-removing"), 0);
    let removed = field_change::remove(installation, actor, name, confirmed, |done, total| bar.set(done, total)).await;
    bar.finish();
    let removed = removed?;
    let message = Message::new("field-removed").with("name", name).with("count", removed.usage.people);
    let mut lines = vec![lang.translate(&message)];
    lines.extend(removed.pending.as_ref().map(|pending| lang.translate(pending)));
    Ok(Output::new(&removed, lang, lines.join("\n")))
}

/// Shows who uses a field, and asks for the number of people whose values are erased.
fn ask(usage: &FieldUsage, lang: Lang) -> Result<Confirmation> {
    print::line(&lang.translate(&usage.message("field-remove-ask")));
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).map_err(Error::io("stdin"))?;
    Ok(Confirmation { people: Some(typed.trim().parse().unwrap_or(-1)), used: true })
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "—".to_owned() } else { names.join(", ") }
}

fn shown_labels(field: &field::FieldRow) -> String {
    field.labels.iter().map(|(lang, text)| format!("{lang} “{text}”")).collect::<Vec<_>>().join(", ")
}

async fn list(installation: &Installation, actor: &Actor, lang: Lang) -> Result<Output> {
    let fields = field::list(installation, actor).await?;
    let line = |field: &field::FieldRow| {
        let line = format!("{:<24} {:<8} {}", field.name, field.kind, field.choices.join(", "));
        let labels = shown_labels(field);
        if labels.is_empty() { line } else { format!("{} {labels}", line.trim_end()) }
    };
    let lines: Vec<String> = fields.iter().map(line).collect();
    let text = if lines.is_empty() { lang.tr("field-none") } else { lines.join("\n") };
    Ok(Output::new(&fields, lang, text))
}
