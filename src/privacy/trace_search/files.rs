//! Search through files: those of the database and those of the data folder, by several threads. Large files of pages
//! are searched in pieces.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::TraceReport;
use super::scan::{Counts, Patterns, Scan, StreamKind};
use crate::infra::error::Result;
use crate::infra::export_register;
use crate::infra::installation::Installation;
use crate::infra::store_location;

/// Bytes of a piece of a file of pages.
const PIECE: u64 = 16 << 20;
/// Bytes read at a time.
const BUFFER: usize = 1 << 18;
/// More threads than this wait for the disk.
const MAX_THREADS: usize = 4;

/// A file to search.
struct File {
    path: PathBuf,
    name: String,
    kind: StreamKind,
}

/// The files to search.
#[derive(Default)]
pub(super) struct SearchedFiles {
    files: Vec<File>,
    unreachable: Vec<String>,
    sqlite: Option<PathBuf>,
}

impl SearchedFiles {
    pub(super) async fn collect(installation: &Installation) -> Result<Self> {
        let mut files = Self::default();
        let data = installation.config.data.clone();
        match (installation.db.data_path().await?, installation.db.database_folder().await?) {
            (None, _) => files.unreachable.push("the data directory of the database server".to_owned()),
            (Some(file), None) => {
                files.add_sqlite(&file, &data);
                files.sqlite = Some(file);
            }
            (Some(folder), Some(database)) => files.walk(&folder, Some(&database)),
        }
        files.walk(&data, None);
        files.add_exports(installation, &data);
        Ok(files)
    }

    /// Adds a SQLite file outside the data folder, with its journals.
    fn add_sqlite(&mut self, file: &Path, data: &Path) {
        let inside = |path: &Path| Some(path.canonicalize().ok()?.starts_with(data.canonicalize().ok()?));
        if inside(file) == Some(true) {
            return;
        }
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let path = store_location::beside(file, suffix);
            if path.exists() {
                let name = path.display().to_string();
                self.files.push(File { path, name, kind: StreamKind::Pages });
            }
        }
    }

    /// Adds the exports outside the data folder that the engine has written and that are still there.
    fn add_exports(&mut self, installation: &Installation, data: &Path) {
        let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
        let mut exports: Vec<PathBuf> = export_register::read(&installation.config).into_keys().collect();
        exports.retain(|path| path.is_file() && !path.starts_with(&data));
        exports.sort();
        for path in exports {
            let name = path.display().to_string();
            self.files.push(File { path, name, kind: StreamKind::Text });
        }
    }

    /// Adds every file below a folder, also through links. In the data folder of a PostgreSQL server, other databases
    /// than `database` are left out.
    fn walk(&mut self, root: &Path, database: Option<&str>) {
        let mut seen = HashSet::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            if !folder.canonicalize().is_ok_and(|real| seen.insert(real)) {
                continue;
            }
            let Ok(entries) = fs::read_dir(&folder) else {
                self.unreachable.push(folder.display().to_string());
                continue;
            };
            for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
                if path.is_dir() {
                    if database.is_none_or(|database| !is_other_database(&path, database)) {
                        folders.push(path);
                    }
                } else if path.is_file() {
                    let name = if database.is_some() { &path } else { path.strip_prefix(root).unwrap_or(&path) };
                    let name = name.display().to_string();
                    let kind =
                        if database.is_some() || self.is_sqlite(&path) { StreamKind::Pages } else { StreamKind::Text };
                    self.files.push(File { path, name, kind });
                }
            }
        }
    }
}

impl SearchedFiles {
    /// The bytes of all files.
    pub(super) fn length(&self) -> u64 {
        self.files.iter().map(|file| length(&file.path)).sum()
    }

    /// Whether the file is the SQLite database or one of its journals.
    fn is_sqlite(&self, path: &Path) -> bool {
        let database = self.sqlite.as_ref().map(|sqlite| sqlite.to_string_lossy());
        database.is_some_and(|database| path.to_string_lossy().starts_with(&*database))
    }
}

/// Whether the folder holds another database of the same PostgreSQL server; such folders are named by a number.
fn is_other_database(folder: &Path, database: &str) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name != database && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// A file, or a part of one.
struct Piece {
    file: usize,
    range: Range<u64>,
}

/// What all threads share.
struct Shared<'a, P> {
    files: &'a SearchedFiles,
    patterns: &'a Patterns,
    pieces: Vec<Piece>,
    next: AtomicUsize,
    found: Mutex<Found<P>>,
}

struct Found<P> {
    counts: BTreeMap<usize, Counts>,
    unreachable: BTreeSet<String>,
    read: u64,
    progress: P,
}

/// Searches all files and adds what is found to the report. `progress` is called with the bytes read so far.
pub(super) fn search(
    files: SearchedFiles,
    patterns: &Patterns,
    mut report: TraceReport,
    progress: impl FnMut(u64) + Send,
) -> TraceReport {
    let unreachable = files.unreachable.iter().cloned().collect();
    let found = Mutex::new(Found { counts: BTreeMap::new(), unreachable, read: 0, progress });
    let shared = Shared { files: &files, patterns, pieces: pieces(&files), next: AtomicUsize::new(0), found };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| shared.work());
        }
        shared.work();
    });
    let found = shared.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (file, counts) in found.counts {
        report.add(&files.files[file].name, counts);
    }
    report.unreachable.extend(found.unreachable);
    report
}

fn pieces(files: &SearchedFiles) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (file, searched) in files.files.iter().enumerate() {
        let length = length(&searched.path);
        if searched.kind == StreamKind::Text || length <= PIECE {
            pieces.push(Piece { file, range: 0..u64::MAX });
            continue;
        }
        let starts = (0..length).step_by(PIECE as usize);
        // The last piece ends with the file, which may have grown.
        let end = |start| if start + PIECE < length { start + PIECE } else { u64::MAX };
        pieces.extend(starts.map(|start| Piece { file, range: start..end(start) }));
    }
    pieces
}

impl<P: FnMut(u64) + Send> Shared<'_, P> {
    /// Searches pieces until none is left.
    fn work(&self) {
        let mut opened: HashMap<usize, fs::File> = HashMap::new();
        while let Some(piece) = self.pieces.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let searched = &self.files.files[piece.file];
            let is_sqlite = self.files.is_sqlite(&searched.path);
            let counts = match opened.remove(&piece.file) {
                Some(file) => Ok(file),
                None => fs::File::open(&searched.path),
            }
            .and_then(|mut file| {
                let counts = self.search_piece(&mut file, piece, searched.kind);
                if is_sqlite {
                    opened.insert(piece.file, file);
                }
                counts
            });
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            match counts {
                Ok(counts) => {
                    let sums = found.counts.entry(piece.file).or_default();
                    counts.into_iter().for_each(|(form, count)| *sums.entry(form).or_default() += count);
                }
                // Journals and captured messages may vanish during the search.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => drop(found.unreachable.insert(searched.name.clone())),
            }
        }
        // Closing such a file would release every POSIX lock that SQLite holds on it in this process.
        opened.into_values().for_each(std::mem::forget);
    }

    fn search_piece(&self, file: &mut fs::File, piece: &Piece, kind: StreamKind) -> io::Result<Counts> {
        file.seek(SeekFrom::Start(piece.range.start))?;
        let mut scan = Scan::new(self.patterns, kind);
        let mut left = piece.range.end - piece.range.start;
        let mut buffer = vec![0; BUFFER];
        while left > 0 {
            let wanted = left.min(BUFFER as u64) as usize;
            let length = file.read(&mut buffer[..wanted])?;
            if length == 0 {
                return Ok(scan.finish());
            }
            scan.feed(&buffer[..length]);
            left -= length as u64;
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.read += length as u64;
            let read = found.read;
            (found.progress)(read);
        }
        let mut ahead = Vec::new();
        file.take(self.patterns.longest() as u64).read_to_end(&mut ahead)?;
        Ok(scan.finish_before(&ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::super::encodings;
    use super::*;
    use crate::audience::address::Address;

    #[test]
    fn matches_at_the_border_of_two_pieces_are_counted_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("large");
        let text = b"anna@example.org";
        let mut bytes = vec![b'.'; 2 * PIECE as usize + 100];
        for at in [0, PIECE as usize - 5, PIECE as usize + 11, 2 * PIECE as usize - 16, 2 * PIECE as usize + 84] {
            bytes[at..at + text.len()].copy_from_slice(text);
        }
        fs::write(&path, bytes).expect("written");
        let file = File { path, name: "large".to_owned(), kind: StreamKind::Pages };
        let files = SearchedFiles { files: vec![file], ..SearchedFiles::default() };
        let address = Address::parse("anna@example.org").expect("an address");
        let patterns = Patterns::new(&encodings::all("anna@example.org", &address), &[]).expect("built");

        let report = search(files, &patterns, TraceReport::default(), |_| {});

        assert_eq!((report.hits, report.traces.len()), (5, 1));
    }
}
