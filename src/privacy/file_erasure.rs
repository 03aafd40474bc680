//! What lies outside the tables: captured letters, exports and refused rows in the data folder, and
//! what a killed import left. A record that names an erased person goes; the others stay as they
//! were, byte for byte.
//!
//! People are recognised by the digests of the log of erasures, so that a sweep that failed, or that
//! a crash prevented, is made up for without knowing any address.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{erasure_log, physical_erasure};
use crate::audience::address::Address;
use crate::audience::tombstone::{self, Digest};
use crate::infra::atomic_file::{self, AtomicFile};
use crate::infra::error::{Error, Result, of_csv};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::secret::Key;

/// Removes what the folders hold under an address that no one has any more. The tables are right even
/// when this fails: so it is logged and no error.
pub async fn erase_address(installation: &Installation, address: &Address) {
    let canonical = address.canonical();
    if let Err(error) = in_folders(installation, move |found| found.canonical() == canonical).await {
        tracing::error!(error = %error, "files still hold an address that was corrected");
    }
}

/// Removes what the folders hold of everyone erased since the last scrub.
pub async fn erase_pending(installation: &Installation) -> Result<()> {
    let gone = ErasedSince::since(installation, physical_erasure::completed_length(installation))?;
    if gone.marks.is_empty() { Ok(()) } else { in_folders(installation, move |found| gone.has(found)).await }
}

/// Removes from one file, wherever it lies, those who were erased since the log was `from` bytes
/// long: while an export is written, people go.
pub async fn erase_from_file(installation: &Installation, path: &Path, from: u64) -> Result<()> {
    let gone = ErasedSince::since(installation, from)?;
    if gone.marks.is_empty() {
        return Ok(());
    }
    let (broom, path) = (broom(installation), path.to_owned());
    blocking(move || {
        let _broom = take(&broom)?;
        records(&path, &|found: &Address| gone.has(found)).map_err(Error::io(path.display()))
    })
    .await
}

fn broom(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("sweep.lock")
}

/// One sweep at a time, in this process or another: two that rewrite one file would cut it by each
/// other's measures. Held until it is dropped.
fn take(broom: &Path) -> Result<File> {
    let file = File::options().create(true).append(true).open(broom).map_err(Error::io(broom.display()))?;
    file.lock().map_err(Error::io(broom.display()))?;
    Ok(file)
}

/// The people of some lines of the log.
struct ErasedSince {
    key: Key,
    marks: HashMap<Id, HashSet<Digest>>,
}

impl ErasedSince {
    fn since(installation: &Installation, from: u64) -> Result<Self> {
        let mut marks: HashMap<Id, HashSet<Digest>> = HashMap::new();
        for entry in erasure_log::read_from(installation, from)?
            .0
            .into_iter()
            .filter(|entry| entry.reason != erasure_log::LIFTED)
        {
            marks.entry(entry.workspace).or_default().insert(entry.mark);
        }
        Ok(Self { key: installation.keys.tombstone.clone(), marks })
    }

    fn has(&self, address: &Address) -> bool {
        self.marks.iter().any(|(workspace, marks)| marks.contains(&tombstone::digest(&self.key, *workspace, address)))
    }
}

async fn in_folders(installation: &Installation, is_gone: impl Fn(&Address) -> bool + Send + 'static) -> Result<()> {
    let (broom, config) = (broom(installation), installation.config.clone());
    blocking(move || {
        let _broom = take(&broom)?;
        for path in files(&config.capture_dir())? {
            letter(&path, &is_gone).map_err(Error::io(path.display()))?;
        }
        for path in files(&config.export_dir())? {
            records(&path, &is_gone).map_err(Error::io(path.display()))?;
        }
        let staging = config.staging_dir();
        leftovers(&staging).map_err(Error::io(staging.display()))
    })
    .await
}

async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::io("sweep")(io::Error::other(error)))?
}

/// All files in a folder and below; those that vanish meanwhile are no concern.
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

/// Removes a letter that is addressed to someone who is gone.
fn letter(path: &Path, is_gone: &impl Fn(&Address) -> bool) -> io::Result<()> {
    let head = match File::open(path) {
        Ok(file) => head_of(BufReader::new(file))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !names(&head, is_gone) {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The values of those header fields that name the recipient.
fn head_of(file: impl BufRead) -> io::Result<String> {
    let (mut head, mut wanted) = (String::new(), false);
    for line in file.take(1 << 16).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if line.trim().is_empty() {
            break;
        }
        if !line.starts_with([' ', '\t']) {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            wanted = matches!(name.as_str(), "to" | "cc" | "delivered-to" | "envelope-to" | "x-original-to");
        }
        if wanted {
            head.push_str(&line);
            head.push('\n');
        }
    }
    Ok(head)
}

/// Rewrites a file of records without those that name someone who is gone. A file without such a
/// record is not touched.
fn records(path: &Path, is_gone: &impl Fn(&Address) -> bool) -> io::Result<()> {
    if atomic_file::is_unfinished(path) {
        return atomic_file::remove_abandoned(path);
    }
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let found = if is_csv { csv_hits(path, is_gone) } else { line_hits(path, is_gone) };
    match found {
        Ok(hits) if hits.is_empty() => Ok(()),
        Ok(hits) => cut(path, &hits),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn csv_hits(path: &Path, is_gone: &impl Fn(&Address) -> bool) -> io::Result<Vec<Range<u64>>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(path).map_err(of_csv)?;
    let mut record = csv::ByteRecord::new();
    let mut hits = Vec::new();
    while reader.read_byte_record(&mut record).map_err(of_csv)? {
        let start = record.position().map_or(0, csv::Position::byte);
        if record.iter().any(|cell| names(&String::from_utf8_lossy(cell), is_gone)) {
            hits.push(start..reader.position().byte());
        }
    }
    Ok(hits)
}

fn line_hits(path: &Path, is_gone: &impl Fn(&Address) -> bool) -> io::Result<Vec<Range<u64>>> {
    let (mut hits, mut start) = (Vec::new(), 0);
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let line = line?;
        let end = start + line.len() as u64 + 1;
        let text = String::from_utf8_lossy(&line);
        let hit = match serde_json::from_str(&text) {
            Ok(value) => in_json(&value, is_gone),
            Err(_) => names(&text, is_gone),
        };
        if hit {
            hits.push(start..end);
        }
        start = end;
    }
    Ok(hits)
}

fn in_json(value: &serde_json::Value, is_gone: &impl Fn(&Address) -> bool) -> bool {
    match value {
        serde_json::Value::String(text) => names(text, is_gone),
        serde_json::Value::Array(values) => values.iter().any(|value| in_json(value, is_gone)),
        serde_json::Value::Object(fields) => fields.values().any(|value| in_json(value, is_gone)),
        _ => false,
    }
}

/// Copies the file without the ranges, which are in order.
fn cut(path: &Path, ranges: &[Range<u64>]) -> io::Result<()> {
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

/// Whether the text is, or holds, the address of someone who is gone.
fn names(text: &str, is_gone: &impl Fn(&Address) -> bool) -> bool {
    if !text.contains('@') && !text.contains("%40") {
        return false;
    }
    let plain = percent_decoded(text);
    let outer = |c: char| c.is_whitespace() || "<>(),;:\"[]\\".contains(c);
    let inner = |c: char| "=&?/'`|{}!#*".contains(c);
    let hit = |word: &str| Address::parse(word.trim_end_matches('.')).is_ok_and(|address| is_gone(&address));
    [text, &plain].into_iter().any(|text| {
        hit(text)
            || text
                .split(outer)
                .filter(|word| word.contains('@'))
                .any(|word| hit(word) || word.split(inner).any(|part| part.contains('@') && hit(part)))
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

/// Removes the sorted runs of imports that are no longer alive; a living one holds its `lock`.
fn leftovers(staging: &Path) -> io::Result<()> {
    for entry in fs::read_dir(staging)? {
        let folder = entry?.path();
        let lock = File::open(folder.join("lock"));
        let alive = lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)));
        if folder.is_dir() && !alive {
            fs::remove_dir_all(&folder)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(text: &str) -> bool {
        names(text, &|found: &Address| found.canonical() == "анна@xn--80a1acny.xn--p1ai")
    }

    #[test]
    fn a_person_is_recognised_in_any_spelling_and_place() {
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
            assert!(hits(text), "{text}");
        }
        for text in ["жанна@почта.рф", "анна@почта.рф.org", "anna@example.org", "почта.рф"]
        {
            assert!(!hits(text), "{text}");
        }
    }

    #[test]
    fn the_other_records_stay_byte_for_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        let is_gone = |found: &Address| found.canonical() == "b@x.org";
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
            records(&path, &is_gone).expect("swept");
            assert_eq!(fs::read_to_string(&path).expect("read"), after, "{name}");
        }
    }
}
