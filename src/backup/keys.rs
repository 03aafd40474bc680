//! Keys of backups in the age format: `age1…` encrypts, the identity that belongs to it decrypts and is kept elsewhere.

use std::fs;
use std::io::Write;
use std::path::Path;

use age::secrecy::ExposeSecret;
use age::x25519::{Identity, Recipient};

use crate::infra::error::{Error, Message, Result};
use crate::infra::private_file;

/// The largest file of identities, in bytes.
const MAX_IDENTITIES: u64 = 1 << 16;

/// Parses public keys.
///
/// # Errors
/// Invalid when there is none, or one is not of the form `age1…`.
pub fn recipients(keys: &[String]) -> Result<Vec<Recipient>> {
    if keys.is_empty() {
        return Err(Message::new("backup-no-recipient").invalid_field("recipient"));
    }
    let parse = |key: &String| {
        key.trim().parse::<Recipient>().map_err(|_| {
            // Somebody may have given the private key, which must not be shown again.
            let shown = if key.starts_with("age1") { key.as_str() } else { "…" };
            Message::new("backup-recipient").with("key", shown).invalid_field("recipient")
        })
    };
    keys.iter().map(parse).collect()
}

/// Reads the identities of a file: one a line, lines that begin with `#` are comments.
///
/// # Errors
/// Invalid when the file has none.
pub fn identities(path: &Path) -> Result<Vec<Identity>> {
    let read = || {
        let size = fs::metadata(path)?.len();
        if size > MAX_IDENTITIES {
            Ok(String::new())
        } else {
            fs::read(path).map(|text| String::from_utf8_lossy(&text).into_owned())
        }
    };
    let text = read().map_err(Error::io(path.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let found: Vec<Identity> = lines.filter_map(|line| line.parse().ok()).collect();
    if found.is_empty() {
        return Err(Message::new("backup-identity").with("file", path.display()).invalid_field("identity"));
    }
    Ok(found)
}

/// Makes a key pair: writes the identity to a new file, mode 0600, and returns the public key.
///
/// # Errors
/// Invalid for a file inside the data folder: whoever has the folder would have the key of its backups.
pub fn generate(path: &Path, data: &Path) -> Result<String> {
    let absolute = std::path::absolute(path).map_err(Error::io(path.display()))?;
    let folder = absolute.parent().unwrap_or(&absolute);
    if folder.canonicalize().ok().zip(data.canonicalize().ok()).is_some_and(|(folder, data)| folder.starts_with(data)) {
        return Err(Message::new("backup-key-inside").with("file", path.display()).invalid_field("new_key"));
    }
    let identity = Identity::generate();
    let public = identity.to_public().to_string();
    let write = || {
        let mut file = private_file::options().write(true).create_new(true).open(path)?;
        writeln!(file, "# public key: {public}\n{}", identity.to_string().expose_secret())?;
        file.sync_all()
    };
    write().map_err(Error::io(path.display()))?;
    Ok(public)
}

/// A key pair for a backup that nobody reads later.
pub fn ephemeral() -> (Identity, Recipient) {
    let identity = Identity::generate();
    let public = identity.to_public();
    (identity, public)
}
