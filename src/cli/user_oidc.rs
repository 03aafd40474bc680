//! `sendoff user oidc set | show | rm`: the identity provider by which the staff may sign in.

use std::fs;
use std::io::read_to_string;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::print::Output;
use crate::access::identity_provider::IdentityProvider;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::identity_provider::{self, ProviderView};
use crate::usecase::{Actor, user};

/// Commands for the identity provider.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Set the provider, once it answers as it should
    Set {
        /// The issuer, as the provider names itself, such as `https://id.example.org/realms/staff`
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// How the provider calls this installation
        #[arg(long, value_name = "ID")]
        client_id: String,
        /// A file with the secret that the provider gave; `-` reads standard input. The variable `SENDOFF_OIDC_SECRET`
        /// serves too; a public client has none
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        /// The secret from the environment; an option of the command line could be seen in the list of processes
        #[arg(long = "secret-from-environment", env = "SENDOFF_OIDC_SECRET", hide = true, hide_env_values = true)]
        secret: Option<String>,
        /// What the button on the sign-in page calls it; its host without one
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
    },
    /// Show the provider, and whether it answers
    Show,
    /// Remove the provider; nobody is signed out
    Rm,
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Set { issuer, client_id, secret_file, secret, label } => {
            let secret = match secret_file {
                Some(file) if file.as_os_str() == "-" => {
                    Some(read_to_string(std::io::stdin()).map_err(Error::io("-"))?)
                }
                Some(file) => Some(fs::read_to_string(&file).map_err(Error::io(file.display()))?),
                None => secret.filter(|secret| !secret.is_empty()),
            };
            let secret = secret.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
            let host = || url::Url::parse(&issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
            let label = label.or_else(host).unwrap_or_default();
            let new = IdentityProvider { issuer, client_id, secret, label };
            let set = identity_provider::set(installation, actor, &new).await?;
            show(installation, "provider-set", &set, lang).await
        }
        Command::Show => match identity_provider::show(installation, actor).await? {
            Some(found) => show(installation, "provider-shown", &found, lang).await,
            None => Ok(Output { json: json!({ "provider": null }), text: lang.tr("provider-none"), failed: false }),
        },
        Command::Rm => {
            identity_provider::remove(installation, actor).await?;
            Ok(Output { json: json!({ "provider": null }), text: lang.tr("provider-removed"), failed: false })
        }
    }
}

async fn show(installation: &Installation, key: &'static str, found: &ProviderView, lang: Lang) -> Result<Output> {
    let url = format!("{}/login/provider/reply", user::desk_url(installation).await?);
    let message = Message::new(key)
        .with("issuer", &found.issuer)
        .with("client", &found.client_id)
        .with("label", &found.label)
        .with("secret", found.has_secret)
        .with("answers", found.answers)
        .with("url", &url);
    let json = json!({ "provider": found, "redirect_uri": url });
    Ok(Output { json, text: lang.translate(&message), failed: false })
}
