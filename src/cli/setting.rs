//! `sendoff settings set KEY VALUE | ls`, and the rotation of token keys.

use clap::Subcommand;

use super::print::Report;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::infra::secret::Keyring;
use crate::infra::setting::{self, Setting};

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set a value
    Set {
        /// Which setting
        key: String,
        /// Its value
        value: String,
    },
    /// List all settings and their values
    Ls,
    /// Make a new key for the tokens in letters; links of letters already sent stay valid
    RotateKey,
}

/// Carries the command out.
pub async fn run(installation: &Installation, command: Command, lang: Lang) -> Result<Report> {
    match command {
        Command::Set { key, value } => {
            let setting = Setting::find(&key)?;
            let mut tx = installation.db.write().await?;
            setting::set(&mut tx, setting, &value).await?;
            tx.commit().await?;
            let value = setting::get(&mut *installation.db.read().await?, setting).await?;
            let text = lang.translate(&Message::new("setting-set").with("name", setting.name()).with("value", &value));
            Ok(Report { json: serde_json::json!({ setting.name(): value }), text, failed: false })
        }
        Command::Ls => {
            let mut conn = installation.db.read().await?;
            let (mut json, mut lines) = (serde_json::Map::new(), Vec::new());
            for setting in Setting::ALL {
                let value = setting::get(&mut conn, *setting).await?;
                lines.push(format!("{:<22} {:<32} {}", setting.name(), value, lang.translate(&setting.description())));
                json.insert(setting.name().to_owned(), value.into());
            }
            Ok(Report { json: json.into(), text: lines.join("\n"), failed: false })
        }
        Command::RotateKey => {
            let id = Keyring::rotate(&installation.config.keys_dir())?;
            Ok(Report {
                json: serde_json::json!({ "key": id }),
                text: lang.translate(&Message::new("key-rotated").with("id", id)),
                failed: false,
            })
        }
    }
}
