//! `sendoff settings set | get | ls | rotate-key`: settings of the installation and the key of its tokens.

use clap::Subcommand;

use super::print::Output;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::setting::{self, SettingRow};

/// Commands for settings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set a value
    Set {
        /// The setting
        key: String,
        /// Its value
        value: String,
    },
    /// Show one value
    Get {
        /// The setting
        key: String,
    },
    /// List all settings and their values
    #[command(visible_alias = "list")]
    Ls,
    /// Make a new key for the tokens in messages; links in messages already sent stay valid
    RotateKey,
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Set { key, value } => {
            let set = setting::set(installation, actor, &key, &value).await?;
            let line = |row: &SettingRow| {
                let message = Message::new("setting-set").with("name", row.setting.name()).with("value", &row.value);
                lang.translate(&message)
            };
            let text = set.0.iter().map(line).collect();
            Ok(Output::new(&set, lang, text))
        }
        Command::Get { key } => {
            let found = setting::get(installation, actor, &key).await?;
            let text = found.0.iter().map(|row| row.value.clone()).collect();
            Ok(Output::new(&found, lang, text))
        }
        Command::Ls => {
            let settings = setting::list(installation, actor).await?;
            let line = |row: &SettingRow| {
                format!("{:<22} {:<32} {}", row.setting.name(), row.value, lang.translate(&row.setting.description()))
            };
            let text = settings.0.iter().map(line).collect::<Vec<_>>().join("\n");
            Ok(Output::new(&settings, lang, text))
        }
        Command::RotateKey => {
            let rotated = setting::rotate_key(installation, actor).await?;
            let message = Message::new("key-rotated").with("id", rotated.key);
            Ok(Output::new(&rotated, lang, lang.translate(&message)))
        }
    }
}
