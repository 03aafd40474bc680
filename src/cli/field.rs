//! `sendoff field add NAME TYPE | ls | index NAME | unindex NAME`

use clap::Subcommand;

use super::print::{Bar, Report};
use crate::audience::field::{self, Field};
use crate::audience::workspace::Workspace;
use crate::audience::{contact, indexed_field, segment};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;

/// What to do with fields.
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
    Ls,
    /// Let segments find people by this field at once, however many there are
    Index {
        /// The field
        name: String,
    },
    /// Let go of the index again, as soon as no segment needs it
    Unindex {
        /// The field
        name: String,
    },
}

/// Carries the command out.
pub async fn run(installation: &Installation, workspace: &Workspace, command: Command, lang: Lang) -> Result<Report> {
    match command {
        Command::Add { name, kind } => add(installation, workspace, &name, &kind, lang).await,
        Command::Ls => list(installation, workspace, lang).await,
        Command::Index { name } => index(installation, workspace, &name, true, lang).await,
        Command::Unindex { name } => index(installation, workspace, &name, false, lang).await,
    }
}

async fn add(installation: &Installation, workspace: &Workspace, name: &str, kind: &str, lang: Lang) -> Result<Report> {
    let field = Field::declare(name, kind)?;
    field::add(installation, workspace.id, &field).await?;
    Ok(Report {
        json: serde_json::json!({ "name": field.name, "type": field.kind.as_str(), "choices": field.choices }),
        text: lang.translate(&Message::new("field-added").with("name", &field.name).with("kind", field.kind)),
        failed: false,
    })
}

async fn index(
    installation: &Installation,
    workspace: &Workspace,
    name: &str,
    wanted: bool,
    lang: Lang,
) -> Result<Report> {
    let fields = field::all(&mut *installation.db.read().await?, workspace.id).await?;
    let field = fields.iter().find(|field| field.name == name).ok_or_else(|| {
        let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        Message::new("field-unknown").with("name", name).with("known", known.join(", ")).not_found()
    })?;
    if !indexed_field::pin(installation, workspace.id, field, wanted).await? {
        return Err(Message::new("field-index-full").with("name", name).conflict());
    }
    let total = contact::count(&mut *installation.db.read().await?, workspace.id).await?;
    let mut bar = Bar::new(&lang.tr("field-indexing"), total.unsigned_abs());
    segment::reconcile_indexes(installation, workspace.id, |done| bar.set(done)).await?;
    bar.finish();
    Ok(Report {
        json: serde_json::json!({ "name": name, "indexed": wanted }),
        text: lang
            .translate(&Message::new(if wanted { "field-indexed" } else { "field-unindexed" }).with("name", name)),
        failed: false,
    })
}

async fn list(installation: &Installation, workspace: &Workspace, lang: Lang) -> Result<Report> {
    let fields = field::all(&mut *installation.db.read().await?, workspace.id).await?;
    let rows =
        fields.iter().map(|f| serde_json::json!({ "name": f.name, "type": f.kind.as_str(), "choices": f.choices }));
    let lines: Vec<String> =
        fields.iter().map(|f| format!("{:<24} {:<8} {}", f.name, f.kind, f.choices.join(", "))).collect();
    let text = if lines.is_empty() { lang.tr("field-none") } else { lines.join("\n") };
    Ok(Report { json: rows.collect(), text, failed: false })
}
