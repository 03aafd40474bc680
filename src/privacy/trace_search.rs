//! Trace search: finds what is left of an address, in every encoding, in all tables, in the files and WAL of
//! the database, and in the data folder. It writes nothing.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::Row;

use self::encodings::Form;
use self::scan::{Counts, Patterns, Scan, StreamKind};
use crate::audience::address::Address;
use crate::infra::db::Conn;
use crate::infra::db::query::Query;
use crate::infra::error::{Error, Result};
use crate::infra::installation::Installation;

pub mod encodings;
pub mod scan;

/// Contacts whose longer addresses contain the searched one and are therefore skipped; matches of further ones are
/// counted.
const MAX_SKIPPED_CONTACTS: i64 = 1_000;

/// The matches of one encoding in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// `table.column`, or the path of a file, relative to the data folder where it lies in it.
    pub place: String,
    /// The encoding.
    pub form: &'static str,
    /// The number of matches.
    pub count: u64,
}

/// All matches of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TraceReport {
    /// The number of matches.
    pub hits: u64,
    /// The matches by place and encoding.
    #[serde(rename = "where")]
    pub traces: Vec<Trace>,
    /// Files and folders that could not be read.
    pub unreachable: Vec<String>,
}

impl TraceReport {
    fn add(&mut self, place: &str, counts: Counts) {
        for (form, count) in counts {
            self.hits += count;
            self.traces.push(Trace { place: place.to_owned(), form, count });
        }
    }
}

/// Searches for an address, whether it is a contact or not. `given` is its spelling as the user typed it. `progress`
/// is called with the bytes of files read so far and in all.
pub async fn search(
    installation: &Installation,
    given: &str,
    address: &Address,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<TraceReport> {
    let mut conn = installation.db.read().await?;
    let skipped = longer_addresses(&mut conn, address).await?;
    let patterns = Patterns::new(&encodings::all(given, address), &skipped)?;
    let mut report = TraceReport::default();
    for (table, columns) in installation.db.tables().await? {
        search_table(&mut conn, &table, &columns, &patterns, &mut report).await?;
    }
    drop(conn);
    let files = SearchedFiles::collect(installation).await?;
    let work = move || search_files(files, &patterns, report, progress);
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::io("trace search")(std::io::Error::other(error)))
}

/// The encodings of all other contacts whose addresses contain this one.
async fn longer_addresses(conn: &mut Conn, address: &Address) -> Result<Vec<Form>> {
    let rows = Query::new(
        "select address
           from contact
          where canonical <> :canonical
            and {position}(canonical, :canonical) > 0
          limit :limit",
    )
    .bind("canonical", address.canonical())
    .bind("limit", MAX_SKIPPED_CONTACTS)
    .fetch_all(conn)
    .await?;
    let addresses = rows.iter().map(|row| row.get::<String, _>(0));
    Ok(addresses.filter_map(|text| Some(encodings::all(&text, &Address::parse(&text).ok()?))).flatten().collect())
}

async fn search_table(
    conn: &mut Conn,
    table: &str,
    columns: &[String],
    patterns: &Patterns,
    report: &mut TraceReport,
) -> Result<()> {
    let list = columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
    let mut scans: Vec<Scan<'_>> = columns.iter().map(|_| Scan::new(patterns, StreamKind::Text)).collect();
    let mut rows = Query::new("select {columns} from {table}")
        .fragment("columns", list)
        .fragment("table", format!("\"{table}\""))
        .fetch(conn);
    while let Some(row) = rows.try_next().await? {
        for (index, scan) in scans.iter_mut().enumerate() {
            match row.try_get::<Option<String>, _>(index) {
                Ok(text) => scan.feed(text.unwrap_or_default().as_bytes()),
                Err(_) => scan.feed(&row.try_get::<Option<Vec<u8>>, _>(index)?.unwrap_or_default()),
            }
            scan.feed(&[0]);
        }
    }
    for (column, scan) in columns.iter().zip(scans) {
        report.add(&format!("{table}.{column}"), scan.finish());
    }
    Ok(())
}

/// A file to search.
struct File {
    path: PathBuf,
    name: String,
    kind: StreamKind,
}

/// The files to search.
#[derive(Default)]
struct SearchedFiles {
    files: Vec<File>,
    unreachable: Vec<String>,
    sqlite: Option<PathBuf>,
}

impl SearchedFiles {
    async fn collect(installation: &Installation) -> Result<Self> {
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
        Ok(files)
    }

    /// Adds a SQLite file outside the data folder, with its journals.
    fn add_sqlite(&mut self, file: &Path, data: &Path) {
        let inside = |path: &Path| Some(path.canonicalize().ok()?.starts_with(data.canonicalize().ok()?));
        if inside(file) == Some(true) {
            return;
        }
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let path = PathBuf::from(format!("{}{suffix}", file.display()));
            if path.exists() {
                let name = path.display().to_string();
                self.files.push(File { path, name, kind: StreamKind::Pages });
            }
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

fn search_files(
    files: SearchedFiles,
    patterns: &Patterns,
    mut report: TraceReport,
    mut progress: impl FnMut(u64, u64),
) -> TraceReport {
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let total: u64 = files.files.iter().map(|file| size(&file.path)).sum();
    let mut unreachable: BTreeSet<String> = files.unreachable.iter().cloned().collect();
    let mut read = 0;
    for file in &files.files {
        let counts = fs::File::open(&file.path).and_then(|mut opened| {
            let counts = search_stream(&mut opened, patterns, file.kind, |bytes| {
                read += bytes;
                progress(read, total);
            });
            if files.is_sqlite(&file.path) {
                // Closing the file would release every POSIX lock that SQLite holds on it in this process.
                std::mem::forget(opened);
            }
            counts
        });
        match counts {
            Ok(counts) => report.add(&file.name, counts),
            // Journals and captured messages may vanish during the search.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => {
                unreachable.insert(file.name.clone());
            }
        }
    }
    report.unreachable.extend(unreachable);
    report
}

fn search_stream(
    file: &mut impl Read,
    patterns: &Patterns,
    kind: StreamKind,
    mut progress: impl FnMut(u64),
) -> std::io::Result<Counts> {
    let mut scan = Scan::new(patterns, kind);
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(scan.finish()),
            length => {
                scan.feed(&buffer[..length]);
                progress(length as u64);
            }
        }
    }
}
