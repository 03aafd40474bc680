//! A copy of everything that is stored about a contact, as files that other programs read: JSON, and a table in CSV for each
//! kind of rows (GDPR articles 15 and 20).

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{Action, Actor, contact};
use crate::audience::people_file;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;
use crate::infra::private_file;

/// The tables of a copy: the name in the JSON object and of its CSV file.
const TABLES: [&str; 6] = ["subscriptions", "consents", "deliveries", "events", "waiting", "requests"];

/// A copy that was written.
#[derive(Debug, Serialize)]
pub struct Copied {
    /// The folder.
    pub folder: String,
    /// The names of its files.
    pub files: Vec<String>,
}

/// Writes the copy into a folder, which is created, as `data.json`, `contact.csv` and a table for subscriptions, consents,
/// deliveries and events. `docs/exports.md` describes them.
///
/// # Errors
/// Conflict for a folder that holds files already.
pub async fn write(installation: &Installation, actor: &Actor, address: &str, folder: &Path) -> Result<Copied> {
    // The read is audited.
    actor.permit(installation, Action::ShowContact).await?.skip_audit();
    let stored = contact::show(installation, actor, address).await?;
    fs::create_dir_all(folder).map_err(Error::io(folder.display()))?;
    if fs::read_dir(folder).map_err(Error::io(folder.display()))?.next().is_some() {
        return Err(Message::new("contact-copy-occupied").with("folder", folder.display()).conflict());
    }
    let mut files = Vec::new();
    for (name, bytes) in self::files(&stored)? {
        let path = folder.join(&name);
        let write = || -> std::io::Result<()> {
            private_file::options().write(true).create_new(true).open(&path)?.write_all(&bytes)
        };
        write().map_err(Error::io(path.display()))?;
        files.push(name);
    }
    Ok(Copied { folder: folder.display().to_string(), files })
}

/// The files of a copy, by name: what is stored about a contact as JSON, and a table in CSV for each kind of rows.
///
/// # Errors
/// Internal when a value cannot be written.
pub fn files(stored: &Value) -> Result<Vec<(String, Vec<u8>)>> {
    let json = serde_json::to_string_pretty(stored).map_err(|error| Error::io("data.json")(error.into()))?;
    let mut files = vec![("data.json".to_owned(), format!("{json}\n").into_bytes())];
    let mut contact = vec![("address".to_owned(), stored["address"].clone())];
    for key in ["created_at", "updated_at"] {
        contact.push((key.to_owned(), stored[key].clone()));
    }
    for part in ["bounce", "preferences"] {
        for (key, value) in stored[part].as_object().into_iter().flatten() {
            contact.push((format!("{part}_{key}"), value.clone()));
        }
    }
    contact
        .extend(stored["fields"].as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    files.push(("contact.csv".to_owned(), table(&[Value::Object(contact.into_iter().collect())])?));
    for name in TABLES {
        let rows = stored[name].as_array().map(Vec::as_slice).unwrap_or_default();
        files.push((format!("{name}.csv"), table(rows)?));
    }
    Ok(files)
}

/// Rows as CSV with a byte order mark, which spreadsheets need; no cell is taken for a formula.
fn table(rows: &[Value]) -> Result<Vec<u8>> {
    let mut columns: Vec<&String> = Vec::new();
    for key in rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()) {
        if !columns.contains(&key) {
            columns.push(key);
        }
    }
    let cell = |value: &Value| {
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if value.is_string() && people_file::needs_apostrophe(&text) { format!("'{text}") } else { text }
    };
    let write = || -> std::io::Result<Vec<u8>> {
        let mut bytes = "\u{feff}".as_bytes().to_vec();
        let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut bytes);
        table.write_record(columns.iter().map(|name| name.as_bytes()))?;
        for row in rows {
            table.write_record(columns.iter().map(|name| cell(&row[name.as_str()])))?;
        }
        table.flush()?;
        drop(table);
        Ok(bytes)
    };
    write().map_err(Error::io("table"))
}
