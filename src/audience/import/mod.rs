//! Import: a file of people becomes contacts, subscriptions and consent receipts.
//!
//! ```text
//! file ─ text ─ record ─ batch ─ row ─ sort ─┐    first pass: read, check, put in order
//!                                  └ rejects │
//!              contact, subscription, consent ─ merge ─ slices in order   second pass
//! ```
//!
//! Memory stays flat however large the file is. Rows are merged in the order of addresses, each
//! slice in one transaction (its newcomers in one beside it, where the database has a faster way for
//! them), and a slice that is merged again changes nothing: an import that was killed and is run
//! again ends as one that was not.

mod batch;
mod charset;
mod decoder;
mod delimiter;
mod external_sort;
mod first_pass;
mod header;
mod merge;
mod record;
mod rejects;
mod row;
mod staging;
mod summary;
mod type_inference;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::task::{JoinError, JoinSet};

pub use self::delimiter::Delimiter;
use self::external_sort::Person;
use self::first_pass::{Ordered, Reading, Task};
use self::merge::{Counts, Goal};
pub use self::row::explain;
pub use self::summary::Summary;
use super::consent::{Basis, Evidence};
use super::{field, list};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::pg_copy::CopyConnection;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Rows read between two reports of progress.
const BATCH: usize = 10_000;

/// People merged in one transaction: a sender who waits for its turn waits about 100 ms.
const SLICE: usize = 8_000;

/// Slices that meet a server at once: one of its processes works for each. SQLite has one that writes.
const HANDS: usize = 2;

/// What to import, onto which list, and what proves that these people agreed.
#[derive(Debug, Clone)]
pub struct Request {
    /// The file.
    pub path: PathBuf,
    /// The list that everyone joins.
    pub list: String,
    /// Where the data was collected.
    pub source: String,
    /// The legal basis.
    pub basis: Basis,
    /// What can be shown when someone asks.
    pub proof: String,
    /// The day of the consent, as typed.
    pub date: String,
    /// Columns and the fields they fill; `email` is the address, `-` leaves a column out.
    pub map: Vec<(String, String)>,
    /// The encoding, when the file does not show it.
    pub encoding: Option<String>,
    /// Count only.
    pub dry_run: bool,
    /// Where rows go that were not taken.
    pub rejects: Option<PathBuf>,
}

/// Which pass is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The file is read and checked.
    Reading,
    /// People meet the database.
    Merging,
}

/// How far an import is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Which pass is under way.
    pub phase: Phase,
    /// Bytes of the file read.
    pub bytes_read: u64,
    /// Bytes of the file; 0 for a pipe.
    pub bytes_total: u64,
    /// Rows read, or people merged.
    pub rows: u64,
    /// Rows to be merged; 0 while reading.
    pub rows_total: u64,
}

/// Refuses texts of a request that are left blank, naming all of them at once.
pub fn refuse_blank(given: &[(&str, &str)]) -> Result<()> {
    let blank: Vec<_> = given.iter().filter(|(_, text)| text.trim().is_empty()).map(|(name, _)| *name).collect();
    if blank.is_empty() {
        Ok(())
    } else {
        Err(Message::new("import-missing").with("flags", blank.join(", ")).invalid())
    }
}

/// Imports a file.
pub async fn run(
    installation: &Installation,
    workspace: Id,
    request: &Request,
    lang: Lang,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Summary> {
    let goal = Arc::new(goal(installation, workspace, request).await?);
    let fields = field::all(&mut *installation.db.read().await?, workspace).await?;
    let task = Task {
        path: request.path.clone(),
        encoding: request.encoding.clone(),
        map: request.map.clone(),
        fields,
        rejects: request.rejects.clone(),
        staging: installation.config.staging_dir(),
        lang,
    };
    let reading = read(task, progress).await?;
    if reading.rows == 0 {
        return Err(Message::new("import-no-rows").with("file", request.path.display()).invalid());
    }
    let mut outcome = Summary::begin(&reading, request.dry_run);
    let (bytes_read, bytes_total) = (reading.taken(), reading.size);
    let ordered = blocking(move || reading.finish()).await?;
    let rows_total = ordered.people;
    let (mut merged, mut merges, mut loaders) = (0, JoinSet::new(), Vec::new());
    let hands = if installation.db.is_shared() { HANDS } else { 1 };
    let mut ahead = cut(ordered);
    loop {
        let (ordered, slice) = ahead.await?;
        outcome.duplicates = ordered.duplicates;
        while merges.len() >= if slice.is_empty() { 1 } else { hands } {
            let Some(ended) = merges.join_next().await else { break };
            let (people, counts, loader): (u64, Counts, Option<CopyConnection>) = told(ended)?;
            outcome.add(counts);
            merged += people;
            loaders.extend(loader);
            progress(Progress {
                phase: Phase::Merging,
                bytes_read,
                bytes_total,
                rows: merged + outcome.duplicates as u64,
                rows_total,
            });
        }
        if slice.is_empty() {
            return Ok(outcome);
        }
        // The next slice is put in order while this one meets the database.
        ahead = cut(ordered);
        merges.spawn(merge(installation.clone(), goal.clone(), slice, request.dry_run, loaders.pop()));
    }
}

/// The second pass of one slice: how many people it has, what they come to, and the loader that
/// brought them, for the next slice.
async fn merge(
    installation: Installation,
    goal: Arc<Goal>,
    slice: Vec<Person>,
    dry_run: bool,
    mut loader: Option<CopyConnection>,
) -> Result<(u64, Counts, Option<CopyConnection>)> {
    let counts = if dry_run {
        merge::rehearse(&installation, &goal, &slice).await?
    } else {
        if loader.is_none() {
            loader = CopyConnection::open(&installation.db).await?;
        }
        merge::perform(&installation, &goal, &slice, &mut loader).await?
    };
    Ok((slice.len() as u64, counts, loader))
}

/// The first pass, some thousands of rows at a time.
async fn read(task: Task, progress: &mut (dyn FnMut(Progress) + Send)) -> Result<Reading> {
    let mut reading = blocking(move || Reading::open(task)).await?;
    let mut going = true;
    while going {
        (reading, going) = blocking(move || reading.advance(BATCH).map(|going| (reading, going))).await?;
        progress(Progress {
            phase: Phase::Reading,
            bytes_read: reading.taken(),
            bytes_total: reading.size,
            rows: reading.rows,
            rows_total: 0,
        });
    }
    Ok(reading)
}

async fn goal(installation: &Installation, workspace: Id, request: &Request) -> Result<Goal> {
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
    let list = list::need(&mut *installation.db.read().await?, workspace, &request.list).await?;
    Ok(Goal { workspace, list, evidence })
}

/// The day of the consent at 00:00 UTC. Today is the day where the user sits.
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

/// Begins to put the next people in order.
fn cut(mut ordered: Ordered) -> impl Future<Output = Result<(Ordered, Vec<Person>)>> {
    blocking(move || ordered.slice(SLICE).map(|slice| (ordered, slice)))
}

/// Begins at once, on a thread where it holds up no one.
fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> impl Future<Output = Result<T>> {
    let task = tokio::task::spawn_blocking(work);
    async { told(task.await) }
}

/// What a task says at its end.
fn told<T>(ended: Result<Result<T>, JoinError>) -> Result<T> {
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
    fn the_day_of_consent_is_a_day_that_has_come() {
        assert_eq!(given_at("2026-11-21", NOON, &TimeZone::UTC).expect("today"), 1_795_219_200_000);
        assert_eq!(given_at("31.12.1969", NOON, &TimeZone::UTC).expect("long ago"), -DAY);
        assert_eq!(refusal("2026-11-22"), "import-date-future");
        assert_eq!(refusal("yesterday"), "import-date");

        let east = TimeZone::fixed(jiff::tz::offset(13));
        assert!(given_at("2026-11-22", NOON, &east).is_ok(), "it is tomorrow in Tonga already");
    }

    #[test]
    fn blank_flags_are_named_together() {
        let message =
            refuse_blank(&[("--list", "News"), ("--source", " "), ("--proof", "")]).expect_err("two").message();

        assert_eq!(message.args[0].1, "--source, --proof");
        assert!(refuse_blank(&[("--list", "News")]).is_ok());
    }
}
