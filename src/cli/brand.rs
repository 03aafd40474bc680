//! `sendoff brand show | set`: the sender's name, postal address, colour and logo in emails.

use clap::Subcommand;

use super::print::Output;
use crate::content::brand::BrandChange;
use crate::infra::error::Result;
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::{Actor, brand};

/// Commands for the brand of a workspace.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Change the name, postal address, colour or logo; options left out keep their value
    Set {
        /// The sender's name in the head and the footer of emails
        #[arg(long)]
        name: Option<String>,
        /// The postal address in the footer, on one or several lines
        #[arg(long)]
        address: Option<String>,
        /// The colour of links and buttons, e.g. 2d5be3
        #[arg(long)]
        color: Option<String>,
        /// The https address of the logo; empty removes it
        #[arg(long)]
        logo: Option<String>,
    },
    /// Show the brand
    Show,
}

/// Runs the command and shows the brand as it is afterwards.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let brand = match command {
        Command::Show => brand::show(installation, actor).await?,
        Command::Set { name, address, color, logo } => {
            brand::set(installation, actor, &BrandChange { name, address, color, logo }).await?
        }
    };
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
    Ok(Output::new(&brand, lang, lines.join("\n")))
}
