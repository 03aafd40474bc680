//! `brand`: how letters look and who signs them.

use clap::Subcommand;
use serde_json::json;

use super::print::Report;
use crate::audience::workspace::Workspace;
use crate::content::brand::{self, Brand, Change};
use crate::infra::error::Result;
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};

/// What to do with the brand of a workspace.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Change name, postal address, colour or logo; what is not named stays.
    Set {
        /// The sender's name in the head and the footer of letters.
        #[arg(long)]
        name: Option<String>,
        /// The postal address in the footer, on one or several lines.
        #[arg(long)]
        address: Option<String>,
        /// The colour of links and buttons, e.g. 2d5be3.
        #[arg(long)]
        color: Option<String>,
        /// The https address of a picture; empty removes it.
        #[arg(long)]
        logo: Option<String>,
    },
    /// Show the brand.
    Show,
}

/// Runs the command and shows the brand as it is afterwards.
pub async fn run(installation: &Installation, workspace: &Workspace, command: Command) -> Result<Report> {
    let lang: Lang = setting::get(&mut *installation.db.read().await?, Setting::Language).await?.parse()?;
    let brand = match command {
        Command::Show => brand::get(&mut *installation.db.read().await?, workspace.id).await?,
        Command::Set { name, address, color, logo } => {
            let mut tx = installation.db.write().await?;
            let brand = brand::set(&mut tx, workspace.id, &Change { name, address, color, logo }).await?;
            tx.commit().await?;
            brand
        }
    };
    Ok(report(&brand, lang))
}

fn report(brand: &Brand, lang: Lang) -> Report {
    let line = |key, value: &str| {
        let value = if value.is_empty() { lang.tr("brand-unset") } else { value.replace('\n', ", ") };
        format!("{:<16}{value}", lang.tr(key))
    };
    let lines = [
        line("brand-line-name", &brand.name),
        line("brand-line-address", &brand.address),
        line("brand-line-color", &brand.color),
        line("brand-line-logo", &brand.logo),
    ];
    let json = json!({ "name": brand.name, "address": brand.address, "color": brand.color, "logo": brand.logo });
    Report { json, text: lines.join("\n"), failed: false }
}
