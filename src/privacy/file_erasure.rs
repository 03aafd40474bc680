//! File erasure: removes erased contacts from the files of the data folder: captured messages, exports, rejected import
//! rows, and folders of killed imports. Records of other contacts keep every byte.
//!
//! Addresses in files are compared by the digests of the erasure log, so a failed or interrupted run is repeated without
//! knowing any address.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::correction_log;
use super::erasure_log::{self, ErasureRecord};
use super::physical_erasure::LogLengths;
use crate::audience::address::Address;
use crate::audience::tombstone::{self, Digest};
use crate::infra::atomic_file::{self, AtomicFile};
use crate::infra::error::{Error, Result, of_csv};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::secret::Key;

/// Removes all contacts erased since the last physical erasure, and the addresses that contacts had before they were
/// corrected.
pub async fn erase_pending(installation: &Installation) -> Result<()> {
    let completed = LogLengths::completed(installation);
    let mut erased = ErasedSince::read(installation, completed.erasures)?;
    erased.add(correction_log::read_from(installation, completed.corrections)?);
    if erased.digests.is_empty() {
        return Ok(());
    }
    erase_in_folders(installation, move |found| erased.contains(found)).await
}

/// Removes from one file, in any folder, the contacts erased since the erasure log was `from` bytes long, as contacts
/// may be erased while an export is written.
pub async fn erase_from_file(installation: &Installation, path: &Path, from: u64) -> Result<()> {
    let erased = ErasedSince::read(installation, from)?;
    if erased.digests.is_empty() {
        return Ok(());
    }
    let (lock, path) = (lock_path(installation), path.to_owned());
    run_blocking(move || {
        let _locked = acquire(&lock)?;
        erase_records(&path, &|found: &Address| erased.contains(found)).map_err(Error::io(path.display()))
    })
    .await
}

fn lock_path(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("file_erasure.lock")
}

/// Lets one file erasure run at a time, in all processes: concurrent rewrites would corrupt a file. Held until dropped.
fn acquire(lock: &Path) -> Result<File> {
    let file = File::options().create(true).append(true).open(lock).map_err(Error::io(lock.display()))?;
    file.lock().map_err(Error::io(lock.display()))?;
    Ok(file)
}

/// The digests of contacts erased since a position of the erasure log.
struct ErasedSince {
    key: Key,
    digests: HashMap<Id, HashSet<Digest>>,
}

impl ErasedSince {
    fn read(installation: &Installation, from: u64) -> Result<Self> {
        let mut erased = Self { key: installation.keys.tombstone.clone(), digests: HashMap::new() };
        erased.add(erasure_log::read_from(installation, from)?.0);
        Ok(erased)
    }

    fn add(&mut self, records: Vec<ErasureRecord>) {
        for record in records {
            if record.reason != erasure_log::LIFTED {
                self.digests.entry(record.workspace).or_default().insert(record.digest);
            }
        }
    }

    fn contains(&self, address: &Address) -> bool {
        let is_in = |(workspace, digests): (&Id, &HashSet<Digest>)| {
            tombstone::digests(&self.key, *workspace, address).iter().any(|digest| digests.contains(digest))
        };
        self.digests.iter().any(is_in)
    }
}

async fn erase_in_folders(
    installation: &Installation,
    is_erased: impl Fn(&Address) -> bool + Send + 'static,
) -> Result<()> {
    let (lock, config) = (lock_path(installation), installation.config.clone());
    run_blocking(move || {
        let _locked = acquire(&lock)?;
        for path in files(&config.capture_dir())? {
            erase_message(&path, &is_erased).map_err(Error::io(path.display()))?;
        }
        for path in files(&config.export_dir())? {
            erase_records(&path, &is_erased).map_err(Error::io(path.display()))?;
        }
        let staging = config.staging_dir();
        remove_abandoned_imports(&staging).map_err(Error::io(staging.display()))
    })
    .await
}

async fn run_blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::io("file erasure")(io::Error::other(error)))?
}

/// All files in a folder and its subfolders.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io(folder.display()))? {
            let path = entry.map_err(Error::io(folder.display()))?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// Removes a captured message whose recipient was erased.
fn erase_message(path: &Path, is_erased: &impl Fn(&Address) -> bool) -> io::Result<()> {
    let fields = match File::open(path) {
        Ok(file) => recipient_fields(BufReader::new(file))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !mentions(&fields, is_erased) {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The header fields that name the recipient.
fn recipient_fields(file: impl BufRead) -> io::Result<String> {
    let (mut fields, mut is_wanted) = (String::new(), false);
    for line in file.take(1 << 16).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if line.trim().is_empty() {
            break;
        }
        if !line.starts_with([' ', '\t']) {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            is_wanted = matches!(name.as_str(), "to" | "cc" | "delivered-to" | "envelope-to" | "x-original-to");
        }
        if is_wanted {
            fields.push_str(&line);
            fields.push('\n');
        }
    }
    Ok(fields)
}

/// Rewrites a file without the records that mention an erased contact. A file without such a record is not written.
fn erase_records(path: &Path, is_erased: &impl Fn(&Address) -> bool) -> io::Result<()> {
    if atomic_file::is_unfinished(path) {
        return atomic_file::remove_abandoned(path);
    }
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let found = if is_csv { csv_matches(path, is_erased) } else { line_matches(path, is_erased) };
    match found {
        Ok(matches) if matches.is_empty() => Ok(()),
        Ok(matches) => remove_ranges(path, &matches),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn csv_matches(path: &Path, is_erased: &impl Fn(&Address) -> bool) -> io::Result<Vec<Range<u64>>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(path).map_err(of_csv)?;
    let mut record = csv::ByteRecord::new();
    let mut matches = Vec::new();
    while reader.read_byte_record(&mut record).map_err(of_csv)? {
        let start = record.position().map_or(0, csv::Position::byte);
        if record.iter().any(|cell| mentions(&String::from_utf8_lossy(cell), is_erased)) {
            matches.push(start..reader.position().byte());
        }
    }
    Ok(matches)
}

fn line_matches(path: &Path, is_erased: &impl Fn(&Address) -> bool) -> io::Result<Vec<Range<u64>>> {
    let (mut matches, mut start) = (Vec::new(), 0);
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let line = line?;
        let end = start + line.len() as u64 + 1;
        let text = String::from_utf8_lossy(&line);
        let is_match = match serde_json::from_str(&text) {
            Ok(value) => json_mentions(&value, is_erased),
            Err(_) => mentions(&text, is_erased),
        };
        if is_match {
            matches.push(start..end);
        }
        start = end;
    }
    Ok(matches)
}

fn json_mentions(value: &serde_json::Value, is_erased: &impl Fn(&Address) -> bool) -> bool {
    match value {
        serde_json::Value::String(text) => mentions(text, is_erased),
        serde_json::Value::Array(values) => values.iter().any(|value| json_mentions(value, is_erased)),
        serde_json::Value::Object(fields) => fields.values().any(|value| json_mentions(value, is_erased)),
        _ => false,
    }
}

/// Rewrites the file without the byte ranges, which are in order.
fn remove_ranges(path: &Path, ranges: &[Range<u64>]) -> io::Result<()> {
    let mut from = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut to = AtomicFile::create(path)?;
    let mut at = 0;
    for range in ranges {
        io::copy(&mut from.by_ref().take(range.start - at), &mut to)?;
        io::copy(&mut from.by_ref().take(range.end - range.start), &mut io::sink())?;
        at = range.end;
    }
    io::copy(&mut from, &mut to)?;
    to.flush()?;
    to.persist()
}

/// Whether the text is or contains the address of an erased contact.
fn mentions(text: &str, is_erased: &impl Fn(&Address) -> bool) -> bool {
    if !text.contains('@') && !text.contains("%40") {
        return false;
    }
    let plain = percent_decoded(text);
    let outer = |c: char| c.is_whitespace() || "<>(),;:\"[]\\".contains(c);
    let inner = |c: char| "=&?/'`|{}!#*".contains(c);
    let is_erased_address =
        |word: &str| Address::parse(word.trim_end_matches('.')).is_ok_and(|address| is_erased(&address));
    [text, &plain].into_iter().any(|text| {
        is_erased_address(text)
            || text.split(outer).filter(|word| word.contains('@')).any(|word| {
                is_erased_address(word) || word.split(inner).any(|part| part.contains('@') && is_erased_address(part))
            })
    })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let decoded = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Removes the folders of imports that have ended; a running import holds its `lock` file.
fn remove_abandoned_imports(staging: &Path) -> io::Result<()> {
    for entry in fs::read_dir(staging)? {
        let folder = entry?.path();
        let lock = File::open(folder.join("lock"));
        let is_running = lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)));
        if folder.is_dir() && !is_running {
            fs::remove_dir_all(&folder)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(text: &str) -> bool {
        mentions(text, &|found: &Address| found.canonical() == "анна@xn--80a1acny.xn--p1ai")
    }

    #[test]
    fn address_is_found_in_any_spelling_and_context() {
        for text in [
            "анна@почта.рф",
            "АННА@ПОЧТА.РФ",
            "Anna <анна@почта.рф>",
            "550 5.1.1 <Анна@xn--80a1acny.xn--p1ai>: unknown",
            "https://x.org/?a=1&m=%D0%B0%D0%BD%D0%BD%D0%B0%40%D0%BF%D0%BE%D1%87%D1%82%D0%B0.%D1%80%D1%84",
            "2;анна@почта.рф;Казань",
            "write to анна@почта.рф.",
            "'анна@почта.рф",
        ] {
            assert!(is_match(text), "{text}");
        }
        for text in ["жанна@почта.рф", "анна@почта.рф.org", "anna@example.org", "почта.рф"]
        {
            assert!(!is_match(text), "{text}");
        }
    }

    #[test]
    fn records_of_other_contacts_keep_every_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        let is_erased = |found: &Address| found.canonical() == "b@x.org";
        for (name, before, after) in [
            (
                "a.csv",
                "\"n\",\"a\"\r\n1,a@x.org\r\n\"2\n2\",B@x.org\r\n3,c@x.org\r\n",
                "\"n\",\"a\"\r\n1,a@x.org\r\n3,c@x.org\r\n",
            ),
            ("b.csv", "b@x.org,1\nc@x.org,2", "c@x.org,2"),
            ("c.ndjson", "{\"a\":\"a@x.org\"}\n{\"a\":\"\\u0062@x.org\"}\n", "{\"a\":\"a@x.org\"}\n"),
            ("d.txt", "a@x.org\nb@x.org", "a@x.org\n"),
            ("e.csv", "joe b@x.organ\n", "joe b@x.organ\n"),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, before).expect("written");
            erase_records(&path, &is_erased).expect("erased");
            assert_eq!(fs::read_to_string(&path).expect("read"), after, "{name}");
        }
    }
}
