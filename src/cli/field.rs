//! `sendoff field add | ls | index | unindex`: the fields of contacts.

use clap::Subcommand;

use super::print::{Bar, Output};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
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

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Add { name, kind } => {
            let field = field::add(installation, actor, &name, &kind).await?;
            let message = Message::new("field-added").with("name", &field.name).with("kind", field.kind);
            Ok(Output::new(&field, lang, lang.translate(&message)))
        }
        Command::Ls => list(installation, actor, lang).await,
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

async fn list(installation: &Installation, actor: &Actor, lang: Lang) -> Result<Output> {
    let fields = field::list(installation, actor).await?;
    let lines: Vec<String> = fields
        .iter()
        .map(|field| format!("{:<24} {:<8} {}", field.name, field.kind, field.choices.join(", ")))
        .collect();
    let text = if lines.is_empty() { lang.tr("field-none") } else { lines.join("\n") };
    Ok(Output::new(&fields, lang, text))
}
