//! Letters as files of a folder: what the capture received and what the `file` relay wrote. A name
//! is `<person>-<time>-<number>.eml`; `person` is a keyed digest of the recipient's address, so that
//! a person's letters can be found and removed, and nobody without the key can read who they were.
//! A letter is written aside, synced and renamed: there is a whole file or none.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audience::address::Address;
use crate::infra::clock::{Clock, Millis};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Ids;
use crate::infra::installation::Installation;
use crate::infra::secret::Key;

/// A folder of letters.
#[derive(Debug, Clone)]
pub struct EmlStore {
    path: PathBuf,
    key: Key,
    clock: Clock,
    ids: Arc<Ids>,
}

/// A letter in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its file name.
    pub file: String,
    /// When it came.
    pub at: Millis,
    /// Its length in bytes.
    pub size: u64,
}

impl EmlStore {
    /// The folder at `path`, with the keys and the clock of an installation.
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

    /// Keeps a letter and returns its file name once it is durable.
    pub fn store(&self, to: &Address, letter: &[u8]) -> Result<String> {
        let file = format!("{}-{:013}-{:016x}.eml", self.person(to), self.clock.now(), self.ids.next());
        let aside = self.path.join(format!(".{file}.part"));
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&self.path)?;
            let mut part = private(&aside)?;
            part.write_all(letter)?;
            part.sync_all()?;
            fs::rename(&aside, self.path.join(&file))?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| {
            // A half-written part is no letter; if it cannot go now, it names nobody.
            let _ = fs::remove_file(&aside);
            Error::io(self.path.display())(error)
        })?;
        Ok(file)
    }

    /// The newest letters first, at most `limit`. Only those are looked at; the rest are names.
    pub fn list(&self, limit: usize) -> Result<Vec<StoredMessage>> {
        let mut found: Vec<_> = self.names()?.into_iter().filter_map(|file| Some((moment(&file)?, file))).collect();
        found.sort_unstable_by(|one, two| two.cmp(one));
        found.truncate(limit);
        // One that vanishes meanwhile was erased meanwhile.
        let entry = |((at, _), file): ((Millis, u64), String)| {
            let size = fs::metadata(self.path.join(&file)).ok()?.len();
            Some(StoredMessage { file, at, size })
        };
        Ok(found.into_iter().filter_map(entry).collect())
    }

    /// The bytes of a letter. A name that is not of our making names no letter, wherever it points.
    pub fn read(&self, file: &str) -> Result<Vec<u8>> {
        let missing = || Message::new("folder-letter-missing").not_found();
        if moment(file).is_none() {
            return Err(missing());
        }
        let path = self.path.join(file);
        fs::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(),
            _ => Error::io(path.display())(error),
        })
    }

    /// Removes every letter to a person, finished or not, and returns how many there were.
    pub fn delete_for(&self, person: &Address) -> Result<u64> {
        let prefix = self.person(person);
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

    fn person(&self, address: &Address) -> String {
        let digest = self.key.mac(&[b"folder", address.canonical().as_bytes()]);
        digest[..12].iter().map(|byte| format!("{byte:02x}")).collect()
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

/// When a letter came and its number, from its name; `None` for every other name.
fn moment(file: &str) -> Option<(Millis, u64)> {
    let mut parts = file.strip_suffix(".eml")?.split('-');
    let (person, at, number) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ours = parts.next().is_none() && person.len() == 24 && is_hex(person) && number.len() == 16 && is_hex(number);
    let at = if ours && at.bytes().all(|byte| byte.is_ascii_digit()) { at.parse().ok()? } else { return None };
    Some((at, u64::from_str_radix(number, 16).ok()?))
}

fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_255_200_000;

    fn folder(path: &Path) -> EmlStore {
        let clock = Clock::fixed(NOW);
        EmlStore { path: path.to_owned(), key: Key::generate(), ids: Arc::new(Ids::new(clock.clone())), clock }
    }

    fn address(text: &str) -> Address {
        Address::parse(text).expect(text)
    }

    #[test]
    fn letters_are_listed_newest_first_and_read_back_to_the_byte() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder(place.path());

        let first = folder.store(&address("anna@example.org"), b"one\r\n").expect("kept");
        let second = folder.store(&address("anna@example.org"), b"second\r\n").expect("kept");
        folder.clock.advance(1);
        let third = folder.store(&address("boris@example.org"), b"\x00\xff").expect("kept");

        let files: Vec<_> = folder.list(10).expect("listed").into_iter().map(|entry| entry.file).collect();
        assert_eq!(files, [third.clone(), second.clone(), first]);
        assert_eq!(folder.list(1).expect("listed"), [StoredMessage { file: third.clone(), at: NOW + 1, size: 2 }]);
        assert_eq!(folder.read(&third).expect("read"), b"\x00\xff");
        assert!(!files.concat().contains("anna"));
    }

    #[test]
    fn forgetting_takes_every_spelling_and_leaves_the_others() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder(place.path());
        folder.store(&address("Иван@ПОЧТА.рф"), b"one").expect("kept");
        folder.store(&address("иван@xn--80a1acny.xn--p1ai"), b"two").expect("kept");
        let half = folder.store(&address("иван@почта.рф"), b"half").expect("kept");
        fs::rename(place.path().join(&half), place.path().join(format!(".{half}.part"))).expect("moved");
        let other = folder.store(&address("olga@почта.рф"), b"three").expect("kept");

        assert_eq!(folder.delete_for(&address("иван@почта.рф")).expect("forgotten"), 3);

        let left: Vec<_> =
            fs::read_dir(place.path()).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
        assert_eq!(left, [other.as_str()]);
        assert_eq!(folder.delete_for(&address("иван@почта.рф")).expect("nothing left"), 0);
    }

    #[test]
    fn a_name_that_is_not_ours_opens_nothing() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder(&place.path().join("letters"));
        fs::write(place.path().join("secret.eml"), "x").expect("written");
        let kept = folder.store(&address("anna@example.org"), b"x").expect("kept");

        for file in
            ["../secret.eml", "/etc/passwd", "", ".", "a-1-2.eml", &format!("../letters/{kept}"), &format!("{kept}\0")]
        {
            assert_eq!(folder.read(file).expect_err(file).message().key, "folder-letter-missing", "{file}");
        }
        assert!(folder.read(&kept).is_ok());
    }

    #[test]
    fn a_folder_that_is_not_there_holds_no_letters() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder(&place.path().join("none"));

        assert_eq!(folder.list(10).expect("listed"), []);
        assert_eq!(folder.delete_for(&address("anna@example.org")).expect("forgotten"), 0);
    }
}
