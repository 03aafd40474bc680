//! Import: turns a CSV file of people into contacts, subscriptions and consent receipts.
//!
//! ```text
//! file ─ source ─ decoder ─ survey                            before: header, formats of columns, statuses
//! file ─ decoder ─ record ─ batch ─ row ─ external_sort ─┐    first pass: read, validate, sort
//!                                    └ rejects           │
//!              contact, subscription, consent ─ merge ─ slices   second pass
//! ```
//!
//! Memory use does not depend on the size of the file. Rows are merged in the order of addresses, each slice in
//! one transaction (on PostgreSQL new contacts are copied in by a second one). Merging a slice again changes nothing:
//! an import that was killed and is run again ends as if it had not been killed.

pub mod added_range;
mod address_column;
mod batch;
mod charset;
mod charset_detection;
mod charset_question;
mod column_map;
mod column_names;
mod decoder;
mod delimiter;
mod double_byte;
mod external_sort;
mod first_pass;
mod header;
mod import_row;
mod input;
mod letter_model;
mod merge;
mod quote_history;
mod reading;
mod record;
mod rejects;
mod row;
mod scan;
mod script;
mod source;
pub mod staging;
mod standing;
mod summary;
mod survey;
mod target;
mod type_inference;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::task::{JoinError, JoinSet};

pub use self::delimiter::Delimiter;
use self::first_pass::FirstPass;
pub use self::first_pass::UniqueRows;
pub use self::import_row::ImportRow;
use self::input::Input;
use self::merge::{Destination, SliceCounts};
pub use self::reading::{Purpose, Reading, StatusRule};
pub use self::row::explain;
pub use self::standing::Standing;
pub use self::summary::{Summary, SuppressedCounts};
pub use self::survey::standing_key;
use super::consent::{Basis, Evidence, Terms};
use super::list_rule::{self, ListRule};
use super::{field, list};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::pg_copy::CopyConnection;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Rows read between two calls of `progress`.
const BATCH: usize = 10_000;

/// Rows merged in one transaction; a mailer that waits for the writer waits about 100 ms.
const SLICE: usize = 8_000;

/// Slices merged at once on PostgreSQL. SQLite has one writer.
const CONCURRENT_SLICES: usize = 2;

/// The file to import, the list to join, and the proof of consent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The number under which the contacts that it adds are remembered, so that they can be removed again ([`added_range`]).
    pub id: Option<Id>,
    /// The file; `-` is standard input.
    pub path: PathBuf,
    /// The name of the list that the contacts join.
    pub list: String,
    /// Where the data was collected.
    pub source: String,
    /// The legal basis.
    pub basis: Basis,
    /// The proof of consent.
    pub proof: String,
    /// The day of the consent, as entered.
    pub date: String,
    /// Columns and the fields they fill; `email` is the address, `-` ignores a column.
    pub map: Vec<(String, String)>,
    /// The encoding of the file; detected when not given, or not proven.
    pub encoding: Option<String>,
    /// What the user decided about columns.
    pub reading: Reading,
    /// Count only, write nothing.
    pub dry_run: bool,
    /// The file for rejected rows.
    pub rejects: Option<PathBuf>,
}

/// A pass of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// First pass: the file is read and validated.
    Reading,
    /// Second pass: rows are merged with the database.
    Merging,
}

/// Progress of an import.
#[derive(Debug, Clone, Copy)]
pub struct ImportProgress {
    /// The current pass.
    pub phase: Phase,
    /// Bytes of the file read.
    pub bytes_read: u64,
    /// Bytes of the file; 0 for a pipe.
    pub bytes_total: u64,
    /// Rows read, or rows merged.
    pub rows: u64,
    /// Rows to be merged; 0 while reading.
    pub rows_total: u64,
}

/// Refuses blank texts of a request, naming all of them at once.
pub fn refuse_blank(given: &[(&str, &str)]) -> Result<()> {
    let blank: Vec<_> = given.iter().filter(|(_, text)| text.trim().is_empty()).map(|(name, _)| *name).collect();
    if blank.is_empty() {
        Ok(())
    } else {
        Err(Message::new("import-missing").with("flags", blank.join(", ")).invalid())
    }
}

/// Suppresses people who may not be mailed, as the file says. Returns the number of contacts that were unsubscribed.
pub type Suppress<'a> = dyn FnMut(Vec<ImportRow>) -> BoxFuture<'a, Result<i64>> + Send + 'a;

/// Imports a file. Reasons in the rejects file are written in `lang`.
pub async fn run(
    installation: &Installation,
    workspace: Id,
    request: &Request,
    lang: Lang,
    progress: &mut (dyn FnMut(ImportProgress) + Send),
) -> Result<Summary> {
    run_with(installation, workspace, request, "", lang, progress, &mut |_| Box::pin(async { Ok(0) })).await
}

/// [`run`] under an edition of the policy, which the receipts name, and calls `suppress` for people who may not be mailed, as the
/// file says.
pub async fn run_with(
    installation: &Installation,
    workspace: Id,
    request: &Request,
    edition: &str,
    lang: Lang,
    progress: &mut (dyn FnMut(ImportProgress) + Send),
    suppress: &mut Suppress<'_>,
) -> Result<Summary> {
    let (destination, rule) = destination(installation, workspace, request, edition).await?;
    let destination = Arc::new(destination);
    let first_pass = read(installation, workspace, Purpose::Subscribe, rule, request, lang, progress).await?;
    let mut summary = Summary::of_first_pass(&first_pass, request.dry_run);
    summary.import = request.id;
    let (bytes_read, bytes_total) = (first_pass.bytes_read(), first_pass.bytes_total());
    let rows = run_blocking(move || first_pass.finish()).await?;
    let rows_total = rows.valid_rows;
    let (mut merged, mut merges, mut connections) = (0, JoinSet::new(), Vec::new());
    let concurrent = if installation.db.is_shared() { CONCURRENT_SLICES } else { 1 };
    let mut next = next_slice(rows);
    loop {
        let (rows, slice) = next.await?;
        summary.duplicates = rows.duplicates;
        while merges.len() >= if slice.is_empty() { 1 } else { concurrent } {
            let Some(ended) = merges.join_next().await else { break };
            let (count, counts, connection): (u64, SliceCounts, Option<CopyConnection>) = join_result(ended)?;
            summary.add(counts);
            merged += count;
            connections.extend(connection);
            progress(ImportProgress {
                phase: Phase::Merging,
                bytes_read,
                bytes_total,
                rows: merged + summary.duplicates as u64,
                rows_total,
            });
        }
        if slice.is_empty() {
            return Ok(summary);
        }
        // The next slice is sorted while this one is merged.
        next = next_slice(rows);
        let (slice, others): (Vec<_>, Vec<_>) = slice.into_iter().partition(|row| row.standing == Standing::Mailable);
        if !others.is_empty() {
            summary.suppressed.count(&others);
            merged += others.len() as u64;
            summary.suppressed.unsubscribed += if request.dry_run { 0 } else { suppress(others).await? };
        }
        merges.spawn(merge(installation.clone(), destination.clone(), slice, request.dry_run, connections.pop()));
    }
}

/// Merges one slice. Returns its number of rows, its counts, and the connection for the next slice.
async fn merge(
    installation: Installation,
    destination: Arc<Destination>,
    slice: Vec<ImportRow>,
    dry_run: bool,
    mut copy: Option<CopyConnection>,
) -> Result<(u64, SliceCounts, Option<CopyConnection>)> {
    let counts = if dry_run {
        merge::dry_run(&installation, &destination, &slice).await?
    } else {
        if copy.is_none() {
            copy = CopyConnection::open(&installation.db).await?;
        }
        merge::apply(&installation, &destination, &slice, &mut copy).await?
    };
    Ok((slice.len() as u64, counts, copy))
}

/// Reads the people of a file for this purpose, without writing anything but the rejects file. Returns the counts and the
/// rows in order of addresses.
pub async fn read_rows(
    installation: &Installation,
    workspace: Id,
    purpose: Purpose,
    request: &Request,
    lang: Lang,
    progress: &mut (dyn FnMut(ImportProgress) + Send),
) -> Result<(Summary, UniqueRows)> {
    let first_pass = read(installation, workspace, purpose, None, request, lang, progress).await?;
    let summary = Summary::of_first_pass(&first_pass, request.dry_run);
    Ok((summary, run_blocking(move || first_pass.finish()).await?))
}

/// Runs the first pass, some thousands of rows at a time.
async fn read(
    installation: &Installation,
    workspace: Id,
    purpose: Purpose,
    rule: Option<ListRule>,
    request: &Request,
    lang: Lang,
    progress: &mut (dyn FnMut(ImportProgress) + Send),
) -> Result<FirstPass> {
    let fields = field::all(&mut *installation.db.read().await?, workspace).await?;
    let input = Input {
        path: request.path.clone(),
        purpose,
        encoding: request.encoding.clone(),
        map: request.map.clone(),
        reading: request.reading,
        list: request.list.clone(),
        latest_birth: rule.as_ref().and_then(|rule| rule.latest_birth(installation.clock.now())),
        rule,
        fields,
        rejects: request.rejects.clone(),
        staging: installation.config.staging_dir(),
        year: Timestamp::from_millisecond(installation.clock.now())
            .map_or(2000, |now| now.to_zoned(TimeZone::UTC).year()),
        lang,
    };
    let mut first_pass = run_blocking(move || FirstPass::open(input)).await?;
    let mut has_more = true;
    while has_more {
        (first_pass, has_more) =
            run_blocking(move || first_pass.read_rows(BATCH).map(|has_more| (first_pass, has_more))).await?;
        progress(ImportProgress {
            phase: Phase::Reading,
            bytes_read: first_pass.bytes_read(),
            bytes_total: first_pass.bytes_total(),
            rows: first_pass.counts.rows,
            rows_total: 0,
        });
    }
    if first_pass.counts.rows == 0 {
        return Err(Message::new("import-no-rows").with("file", request.path.display()).invalid());
    }
    Ok(first_pass)
}

/// Checks the request and finds the list, and what the policy allows on it.
async fn destination(
    installation: &Installation,
    workspace: Id,
    request: &Request,
    edition: &str,
) -> Result<(Destination, Option<ListRule>)> {
    refuse_blank(&[
        ("--list", &request.list),
        ("--source", &request.source),
        ("--proof", &request.proof),
        ("--date", &request.date),
    ])?;
    let evidence = Evidence {
        basis: request.basis,
        channel: "import".to_owned(),
        source: request.source.trim().to_owned(),
        wording: String::new(),
        proof: request.proof.trim().to_owned(),
        given_at: given_at(&request.date, installation.clock.now(), &TimeZone::system())?,
    };
    let mut conn = installation.db.read().await?;
    let list = list::need(&mut conn, workspace, &request.list).await?;
    let rule = list_rule::of_list(&mut conn, list.id).await?;
    if let Some(rule) = &rule {
        rule.check_basis(&list.name, request.basis)?;
    }
    let terms = Terms::of_list(&mut conn, list.id, edition).await?;
    let fields = field::all(&mut conn, workspace).await?;
    Ok((Destination { workspace, import: request.id, list, evidence, terms, fields }, rule))
}

/// The day of a consent as entered, at 00:00 UTC; one after today, in the zone of this machine, is refused.
pub fn consent_day(date: &str, now: Millis) -> Result<Millis> {
    given_at(date, now, &TimeZone::system())
}

/// The day of the consent at 00:00 UTC. A day after today, in the user's time zone, is refused.
fn given_at(date: &str, now: Millis, zone: &TimeZone) -> Result<Millis> {
    let refuse = |key| Message::new(key).with("date", date).invalid();
    let day: Option<Date> = field::read_date(date.trim()).and_then(|day| day.parse().ok());
    let day = day.ok_or_else(|| refuse("import-date"))?;
    let today = Timestamp::from_millisecond(now).ok().map(|now| now.to_zoned(zone.clone()).date());
    if today.is_some_and(|today| day > today) {
        return Err(refuse("import-date-future"));
    }
    let epoch = Date::constant(1970, 1, 1);
    Ok(day.since(epoch).map_or(0, |span| i64::from(span.get_days())) * DAY)
}

/// The next rows, at most `count`; none at the end.
pub async fn next_rows(mut rows: UniqueRows, count: usize) -> Result<(UniqueRows, Vec<ImportRow>)> {
    run_blocking(move || rows.next_slice(count).map(|slice| (rows, slice))).await
}

/// Starts to take the next slice of sorted rows.
fn next_slice(mut rows: UniqueRows) -> impl Future<Output = Result<(UniqueRows, Vec<ImportRow>)>> {
    run_blocking(move || rows.next_slice(SLICE).map(|slice| (rows, slice)))
}

/// Starts at once, on a thread for blocking work.
fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> impl Future<Output = Result<T>> {
    let task = tokio::task::spawn_blocking(work);
    async { join_result(task.await) }
}

/// The result of a task. A panic of the task is resumed here.
fn join_result<T>(ended: Result<Result<T>, JoinError>) -> Result<T> {
    match ended {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Message::new("import-stopped").internal()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Millis = 1_795_255_200_000 + 2 * 3_600_000;

    fn refusal(date: &str) -> &'static str {
        given_at(date, NOON, &TimeZone::UTC).expect_err(date).message().key
    }

    #[test]
    fn a_day_of_consent_in_the_future_is_refused() {
        assert_eq!(given_at("2026-11-21", NOON, &TimeZone::UTC).expect("today"), 1_795_219_200_000);
        assert_eq!(given_at("31.12.1969", NOON, &TimeZone::UTC).expect("long ago"), -DAY);
        assert_eq!(refusal("2026-11-22"), "import-date-future");
        assert_eq!(refusal("yesterday"), "import-date");

        let east = TimeZone::fixed(jiff::tz::offset(13));
        assert!(given_at("2026-11-22", NOON, &east).is_ok(), "already that day in Tonga");
    }

    #[test]
    fn all_blank_flags_are_named_at_once() {
        let message =
            refuse_blank(&[("--list", "News"), ("--source", " "), ("--proof", "")]).expect_err("two").message();

        assert_eq!(message.text("flags"), "--source, --proof");
        assert!(refuse_blank(&[("--list", "News")]).is_ok());
    }
}
