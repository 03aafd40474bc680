//! Proof that nothing is left: looks for an address, in every form, in every table, in the bytes of
//! the database and its journals, and in everything that lies in the data folder. It writes nothing.

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
use crate::infra::db::{Conn, Sql};
use crate::infra::error::{Error, Result};
use crate::infra::installation::Installation;

pub mod encodings;
pub mod scan;

/// Other people whose addresses contain the one that is looked for; beyond these, theirs count too.
const LOOKALIKES: i64 = 1_000;

/// One place where something was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// `table.column`, or a file: in the data folder by its path from there.
    pub place: String,
    /// In which form.
    pub form: &'static str,
    /// How often.
    pub count: u64,
}

/// What is left of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TraceReport {
    /// How often it was found in all.
    pub hits: u64,
    /// Where.
    #[serde(rename = "where")]
    pub findings: Vec<Trace>,
    /// Files that could not be looked into.
    pub unreachable: Vec<String>,
}

impl TraceReport {
    fn add(&mut self, place: &str, counts: Counts) {
        for (form, count) in counts {
            self.hits += count;
            self.findings.push(Trace { place: place.to_owned(), form, count });
        }
    }
}

/// Looks for an address, known or not. `given` is its spelling as it was asked for. `progress` is
/// told the bytes of files that were read and that there are.
pub async fn search(
    installation: &Installation,
    given: &str,
    address: &Address,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<TraceReport> {
    let mut conn = installation.db.read().await?;
    let others = lookalikes(installation, &mut conn, address).await?;
    let needle = Patterns::new(&encodings::all(given, address), &others)?;
    let mut residue = TraceReport::default();
    for (table, columns) in installation.db.tables().await? {
        in_table(&mut conn, &table, &columns, &needle, &mut residue).await?;
    }
    drop(conn);
    let places = SearchedFiles::of(installation).await?;
    let work = move || in_files(places, &needle, residue, progress);
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::io("residue")(std::io::Error::other(error)))
}

/// The forms of everyone else whose address has this one in it.
async fn lookalikes(installation: &Installation, conn: &mut Conn, address: &Address) -> Result<Vec<Form>> {
    let canonical = address.canonical();
    let mut sql = Sql::new("select address from contact where canonical <> ");
    sql.bind(canonical.clone()).push(" and ").push(installation.db.position()).push("(canonical, ").bind(canonical);
    let rows = sql.push(") > 0 limit ").bind(LOOKALIKES).all(conn).await?;
    let spelled = rows.iter().map(|row| row.get::<String, _>(0));
    Ok(spelled.filter_map(|text| Some(encodings::all(&text, &Address::parse(&text).ok()?))).flatten().collect())
}

async fn in_table(
    conn: &mut Conn,
    table: &str,
    columns: &[String],
    needle: &Patterns,
    residue: &mut TraceReport,
) -> Result<()> {
    let list: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let mut scans: Vec<Scan<'_>> = columns.iter().map(|_| Scan::new(needle, StreamKind::Text)).collect();
    let mut sql = Sql::new("select ");
    sql.push(&list.join(", ")).push(" from \"").push(table).push("\"");
    let mut rows = sql.stream(conn);
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
        residue.add(&format!("{table}.{column}"), scan.end());
    }
    Ok(())
}

/// A file to look into.
struct File {
    path: PathBuf,
    name: String,
    kind: StreamKind,
}

/// The files to look into.
#[derive(Default)]
struct SearchedFiles {
    files: Vec<File>,
    unreachable: Vec<String>,
    sqlite: Option<PathBuf>,
}

impl SearchedFiles {
    async fn of(installation: &Installation) -> Result<Self> {
        let mut places = Self::default();
        let data = installation.config.data.clone();
        match (installation.db.data_path().await?, installation.db.database_folder().await?) {
            (None, _) => places.unreachable.push("the data directory of the database server".to_owned()),
            (Some(file), None) => {
                places.journals(&file, &data);
                places.sqlite = Some(file);
            }
            (Some(folder), Some(own)) => places.walk(&folder, Some(&own)),
        }
        places.walk(&data, None);
        Ok(places)
    }

    /// A SQLite file outside the data folder, with its journals.
    fn journals(&mut self, file: &Path, data: &Path) {
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

    /// Every file below a folder, through links as well. Of a server's databases only `own`.
    fn walk(&mut self, root: &Path, own: Option<&str>) {
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
                    if own.is_none_or(|own| !is_of_another(&path, own)) {
                        folders.push(path);
                    }
                } else if path.is_file() {
                    let name = if own.is_some() { &path } else { path.strip_prefix(root).unwrap_or(&path) };
                    let name = name.display().to_string();
                    let kind =
                        if own.is_some() || self.is_sqlite(&path) { StreamKind::Pages } else { StreamKind::Text };
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

/// Whether the folder holds another database of the same server; such folders bear a number.
fn is_of_another(folder: &Path, own: &str) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name != own && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn in_files(
    places: SearchedFiles,
    needle: &Patterns,
    mut residue: TraceReport,
    mut progress: impl FnMut(u64, u64),
) -> TraceReport {
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let total: u64 = places.files.iter().map(|file| size(&file.path)).sum();
    let mut unreachable: BTreeSet<String> = places.unreachable.iter().cloned().collect();
    let mut read = 0;
    for file in &places.files {
        let counts = fs::File::open(&file.path).and_then(|mut opened| {
            let counts = in_stream(&mut opened, needle, file.kind, |bytes| {
                read += bytes;
                progress(read, total);
            });
            if places.is_sqlite(&file.path) {
                // Closing it would drop every POSIX lock that SQLite holds on it in this process.
                std::mem::forget(opened);
            }
            counts
        });
        match counts {
            Ok(counts) => residue.add(&file.name, counts),
            // Journals and letters come and go while we look.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => {
                unreachable.insert(file.name.clone());
            }
        }
    }
    residue.unreachable.extend(unreachable);
    residue
}

fn in_stream(
    file: &mut impl Read,
    needle: &Patterns,
    kind: StreamKind,
    mut progress: impl FnMut(u64),
) -> std::io::Result<Counts> {
    let mut scan = Scan::new(needle, kind);
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(scan.end()),
            length => {
                scan.feed(&buffer[..length]);
                progress(length as u64);
            }
        }
    }
}
