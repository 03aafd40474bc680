//! Trace search: finds what is left of an address, in every encoding, in all tables, in the files and WAL of
//! the database, and in the data folder. It writes nothing.

use serde::Serialize;

use self::encodings::Form;
use self::files::SearchedFiles;
use self::scan::{Counts, Patterns, Scan, StreamKind};
use crate::audience::address::Address;
use crate::audience::mailed_link;
use crate::infra::db::query::Query;
use crate::infra::db::{Cells, Conn, column_scan};
use crate::infra::error::{Error, Result};
use crate::infra::installation::Installation;
use crate::privacy::subject_request;

pub mod encodings;
mod files;
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
/// is called with the bytes read so far and in all, those of the tables first.
pub async fn search(
    installation: &Installation,
    given: &str,
    address: &Address,
    mut progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<TraceReport> {
    let mut conn = installation.db.read().await?;
    let skipped = longer_addresses(&mut conn, address).await?;
    let patterns = Patterns::new(&encodings::all(given, address), &skipped)?;
    let files = SearchedFiles::collect(installation).await?;
    let in_tables = installation.db.size().await?;
    let total = in_tables + files.length();
    let mut report = TraceReport::default();
    let mut read = 0;
    for (table, columns) in installation.db.tables().await? {
        let mut advance = |bytes| {
            read = in_tables.min(read + bytes);
            progress(read, total);
        };
        search_table(&mut conn, &table, &columns, &patterns, &mut report, &mut advance).await?;
    }
    // Rows that hold the address encrypted are found by its keyed digest.
    for (place, count) in encrypted_rows(installation, &mut conn, address).await? {
        if count > 0 {
            report.add(place, Counts::from([("keyed", count)]));
        }
    }
    drop(conn);
    let work = move || files::search(files, &patterns, report, |bytes| progress(in_tables + bytes, total));
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::io("trace search")(std::io::Error::other(error)))
}

/// Number of rows that hold the address encrypted, by table and column.
async fn encrypted_rows(
    installation: &Installation,
    conn: &mut Conn,
    address: &Address,
) -> Result<[(&'static str, u64); 2]> {
    let links = mailed_link::count_of_address(conn, &installation.keys, address).await?;
    let requests = subject_request::count_of_address(conn, &installation.keys, address).await?;
    Ok([("mailed_link.lookup", links), ("subject_request.lookup", requests)])
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
    let addresses = rows.iter().filter_map(|row| row.cell::<String>(0).ok());
    Ok(addresses.filter_map(|text| Some(encodings::all(&text, &Address::parse(&text).ok()?))).flatten().collect())
}

async fn search_table(
    conn: &mut Conn,
    table: &str,
    columns: &[String],
    patterns: &Patterns,
    report: &mut TraceReport,
    progress: &mut impl FnMut(u64),
) -> Result<()> {
    let mut scans: Vec<Scan<'_>> = columns.iter().map(|_| Scan::new(patterns, StreamKind::Text)).collect();
    column_scan::scan_columns(conn, table, columns, |column, bytes| {
        scans[column].feed(bytes);
        scans[column].feed(&[0]);
        progress(bytes.len() as u64);
    })
    .await?;
    for (column, scan) in columns.iter().zip(scans) {
        report.add(&format!("{table}.{column}"), scan.finish());
    }
    Ok(())
}
