//! Folder of `.eml` files: the messages that the capture received or a `file` relay wrote.
//!
//! A file name is `<recipient>-<time>-<number>.eml`. `recipient` is a keyed digest of the address, so that an erasure
//! finds the messages of a contact, and the name does not reveal the address. A message is written to a temporary
//! file, synced and renamed: there is a complete file or none.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use crate::audience::address::Address;
use crate::infra::clock::{Clock, Millis};
use crate::infra::error::{Error, Message, Result};
use crate::infra::hex;
use crate::infra::id::Ids;
use crate::infra::installation::Installation;
use crate::infra::private_file;
use crate::infra::secret::Key;

/// A folder of messages.
#[derive(Debug, Clone)]
pub struct EmlStore {
    path: PathBuf,
    key: Key,
    clock: Clock,
    ids: Ids,
}

/// A message in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its file name.
    pub file: String,
    /// When it was stored.
    pub at: Millis,
    /// Its size in bytes.
    pub size: u64,
}

impl EmlStore {
    /// The folder at `path`, with the key and the clock of an installation.
    pub fn new(installation: &Installation, path: PathBuf) -> Self {
        Self {
            path,
            key: installation.keys.tombstone.clone(),
            clock: installation.clock.clone(),
            ids: installation.ids.clone(),
        }
    }

    /// The folder of the capture relay.
    pub fn of_capture(installation: &Installation) -> Self {
        Self::new(installation, installation.config.capture_dir())
    }

    /// Stores a message and returns its file name once it is durable.
    pub fn store(&self, to: &Address, message: &[u8]) -> Result<String> {
        let file = format!("{}-{:013}-{:016x}.eml", self.digest(to), self.clock.now(), self.ids.next()?);
        let temporary = self.path.join(format!(".{file}.part"));
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&self.path)?;
            let mut part = private_file::options().write(true).create_new(true).open(&temporary)?;
            part.write_all(message)?;
            part.sync_all()?;
            fs::rename(&temporary, self.path.join(&file))?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| {
            // An incomplete file is not listed; if it cannot be deleted now, an erasure finds it by its name.
            let _ = fs::remove_file(&temporary);
            Error::io(self.path.display())(error)
        })?;
        Ok(file)
    }

    /// The newest messages first, at most `limit`. Only their files are opened.
    pub fn list(&self, limit: usize) -> Result<Vec<StoredMessage>> {
        let mut found: Vec<_> = self.names()?.into_iter().filter_map(|file| Some((parse_name(&file)?, file))).collect();
        found.sort_unstable_by(|one, two| two.cmp(one));
        found.truncate(limit);
        // A file that is gone meanwhile was erased.
        let entry = |((at, _), file): ((Millis, u64), String)| {
            let size = fs::metadata(self.path.join(&file)).ok()?.len();
            Some(StoredMessage { file, at, size })
        };
        Ok(found.into_iter().filter_map(entry).collect())
    }

    /// The bytes of a message. Names that this store would not give are refused, wherever they point.
    pub fn read(&self, file: &str) -> Result<Vec<u8>> {
        let missing = || Message::new("folder-message-missing").not_found();
        if parse_name(file).is_none() {
            return Err(missing());
        }
        let path = self.path.join(file);
        fs::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(),
            _ => Error::io(path.display())(error),
        })
    }

    /// Deletes every message to a recipient, also incomplete ones, and returns their number.
    pub fn delete_for(&self, recipient: &Address) -> Result<u64> {
        let prefix = self.digest(recipient);
        let mut count = 0;
        for file in self.names()?.iter().filter(|file| file.trim_start_matches('.').starts_with(&prefix)) {
            let path = self.path.join(file);
            match fs::remove_file(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => {
                    other.map_err(Error::io(path.display()))?;
                    count += 1;
                }
            }
        }
        if count > 0 {
            File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(Error::io(self.path.display()))?;
        }
        Ok(count)
    }

    fn digest(&self, address: &Address) -> String {
        let digest = self.key.mac(&[b"folder", address.canonical().as_bytes()]);
        hex::encode(&digest[..12])
    }

    fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(Error::io(self.path.display()))?,
        };
        entries
            .map(|entry| {
                Ok(entry.map_err(Error::io(self.path.display()))?.file_name().into_string().unwrap_or_default())
            })
            .collect()
    }
}

/// Time and number of a message from its file name; `None` for any other name.
fn parse_name(file: &str) -> Option<(Millis, u64)> {
    let mut parts = file.strip_suffix(".eml")?.split('-');
    let (recipient, at, number) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_valid =
        parts.next().is_none() && recipient.len() == 24 && is_hex(recipient) && number.len() == 16 && is_hex(number);
    let at = if is_valid && at.bytes().all(|byte| byte.is_ascii_digit()) { at.parse().ok()? } else { return None };
    Some((at, u64::from_str_radix(number, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const NOW: Millis = 1_795_255_200_000;

    fn folder(path: &Path) -> EmlStore {
        let clock = Clock::fixed(NOW);
        EmlStore { path: path.to_owned(), key: Key::generate(), ids: Ids::new(clock.clone()), clock }
    }

    fn address(text: &str) -> Address {
        Address::parse(text).expect(text)
    }

    #[test]
    fn messages_are_listed_newest_first_and_read_back_unchanged() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = folder(temporary.path());

        let first = folder.store(&address("anna@example.org"), b"one\r\n").expect("stored");
        let second = folder.store(&address("anna@example.org"), b"second\r\n").expect("stored");
        folder.clock.advance(1);
        let third = folder.store(&address("boris@example.org"), b"\x00\xff").expect("stored");

        let files: Vec<_> = folder.list(10).expect("listed").into_iter().map(|entry| entry.file).collect();
        assert_eq!(files, [third.clone(), second.clone(), first]);
        assert_eq!(folder.list(1).expect("listed"), [StoredMessage { file: third.clone(), at: NOW + 1, size: 2 }]);
        assert_eq!(folder.read(&third).expect("read"), b"\x00\xff");
        assert!(!files.concat().contains("anna"));
    }

    #[test]
    fn delete_for_removes_every_spelling_of_an_address_and_no_other() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = folder(temporary.path());
        folder.store(&address("Иван@ПОЧТА.рф"), b"one").expect("stored");
        folder.store(&address("иван@xn--80a1acny.xn--p1ai"), b"two").expect("stored");
        let half = folder.store(&address("иван@почта.рф"), b"half").expect("stored");
        fs::rename(temporary.path().join(&half), temporary.path().join(format!(".{half}.part"))).expect("moved");
        let other = folder.store(&address("olga@почта.рф"), b"three").expect("stored");

        assert_eq!(folder.delete_for(&address("иван@почта.рф")).expect("deleted"), 3);

        let left: Vec<_> =
            fs::read_dir(temporary.path()).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
        assert_eq!(left, [other.as_str()]);
        assert_eq!(folder.delete_for(&address("иван@почта.рф")).expect("nothing left"), 0);
    }

    #[test]
    fn other_file_names_are_refused() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = folder(&temporary.path().join("messages"));
        fs::write(temporary.path().join("secret.eml"), "x").expect("written");
        let stored = folder.store(&address("anna@example.org"), b"x").expect("stored");

        for file in [
            "../secret.eml",
            "/etc/passwd",
            "",
            ".",
            "a-1-2.eml",
            &format!("../messages/{stored}"),
            &format!("{stored}\0"),
        ] {
            assert_eq!(folder.read(file).expect_err(file).message().key, "folder-message-missing", "{file}");
        }
        assert!(folder.read(&stored).is_ok());
    }

    #[test]
    fn missing_folder_has_no_messages() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = folder(&temporary.path().join("none"));

        assert_eq!(folder.list(10).expect("listed"), []);
        assert_eq!(folder.delete_for(&address("anna@example.org")).expect("deleted"), 0);
    }
}
