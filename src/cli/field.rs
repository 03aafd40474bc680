//! `sendoff field add NAME TYPE | ls`

use clap::Subcommand;

use super::print::Report;
use crate::audience::field::{self, Field};
use crate::audience::workspace::Workspace;
use crate::ground::error::{Message, Result};
use crate::ground::installation::Installation;
use crate::ground::text::Lang;

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
}

/// Carries the command out.
pub async fn run(home: &Installation, workspace: &Workspace, command: Command, lang: Lang) -> Result<Report> {
    if let Command::Add { name, kind } = command {
        let field = Field::declare(&name, &kind)?;
        field::add(home, workspace.id, &field).await?;
        return Ok(Report {
            json: serde_json::json!({ "name": field.name, "type": field.kind.as_str(), "choices": field.choices }),
            text: lang.say(&Message::new("field-added").with("name", &field.name).with("kind", field.kind)),
            failed: false,
        });
    }
    let fields = field::all(&mut *home.db.read().await?, workspace.id).await?;
    let rows =
        fields.iter().map(|f| serde_json::json!({ "name": f.name, "type": f.kind.as_str(), "choices": f.choices }));
    let lines: Vec<String> =
        fields.iter().map(|f| format!("{:<24} {:<8} {}", f.name, f.kind, f.choices.join(", "))).collect();
    let text = if lines.is_empty() { lang.tr("field-none") } else { lines.join("\n") };
    Ok(Report { json: rows.collect(), text, failed: false })
}
