//! Settings of the installation, and the rotation of the token key.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Action, Actor};
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::infra::secret::Keyring;
use crate::infra::setting::{self, Setting};

/// A setting and its value. A list of them serialises as one object.
#[derive(Debug)]
pub struct SettingRow {
    /// The setting.
    pub setting: Setting,
    /// Its value.
    pub value: String,
}

/// Settings with their values.
#[derive(Debug)]
pub struct Settings(pub Vec<SettingRow>);

impl Serialize for Settings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = |row: &SettingRow| (row.setting.name().to_owned(), Value::from(row.value.as_str()));
        self.0.iter().map(entry).collect::<Map<_, _>>().serialize(serializer)
    }
}

/// A new key for tokens.
#[derive(Debug, Serialize)]
pub struct Rotated {
    /// The id of the key.
    pub key: u8,
}

/// Changes a setting and returns it as stored.
pub async fn set(installation: &Installation, actor: &Actor, name: &str, value: &str) -> Result<Settings> {
    let permit = actor.permit(installation, Action::ChangeSetting).await?;
    let setting = Setting::find(name)?;
    let mut tx = installation.db.write().await?;
    setting::set(&mut tx, setting, value).await?;
    tx.commit().await?;
    let value = setting::get(&mut *installation.db.read().await?, setting).await?;
    permit.audit(None).await;
    Ok(Settings(vec![SettingRow { setting, value }]))
}

/// Reads one setting.
pub async fn get(installation: &Installation, actor: &Actor, name: &str) -> Result<Settings> {
    let permit = actor.permit(installation, Action::ListSettings).await?;
    let setting = Setting::find(name)?;
    let value = setting::get(&mut *installation.db.read().await?, setting).await?;
    permit.audit(None).await;
    Ok(Settings(vec![SettingRow { setting, value }]))
}

/// Lists all settings.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Settings> {
    let permit = actor.permit(installation, Action::ListSettings).await?;
    let mut conn = installation.db.read().await?;
    let mut rows = Vec::new();
    for setting in Setting::ALL {
        rows.push(SettingRow { setting: *setting, value: setting::get(&mut conn, *setting).await? });
    }
    permit.audit(None).await;
    Ok(Settings(rows))
}

/// Makes a new key that signs the tokens of new messages; tokens signed by older keys stay valid.
pub async fn rotate_key(installation: &Installation, actor: &Actor) -> Result<Rotated> {
    let permit = actor.permit(installation, Action::RotateTokenKey).await?.begin(installation).await?;
    let key = Keyring::rotate(&installation.config.keys_dir())?;
    permit.audit(None).await;
    Ok(Rotated { key })
}
