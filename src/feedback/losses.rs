//! Losses: opens and clicks that could be stored nowhere, counted by campaign, so that its report can say that its numbers are
//! low. The counts go into the database; while it is away they are in `journal/events.lost`, whose bytes are allocated at the
//! start, so that a full disk does not lose them too.
//!
//! The file has two halves, which are written in turn: a crash damages at most the one being written.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::campaign::erased_counts::{self, ErasedCounts};
use crate::infra::error::{Error, Result};
use crate::infra::fsync;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::spool_position;

/// Bytes of one half of the file: about 800 campaigns.
const HALF: usize = 32 * 1024;
/// Ends a complete half.
const END: &str = ".\n";

/// Lost events of this process and of earlier ones whose counts the database lacks.
#[derive(Debug)]
pub struct Losses {
    path: PathBuf,
    since_start: AtomicU64,
    state: Mutex<State>,
}

/// Counts by campaign; 0 for those that found no place in the file.
type Counts = BTreeMap<Id, u64>;

#[derive(Debug, Default)]
struct State {
    /// Counts that are not in the file yet.
    new: Counts,
    /// Counts in the file.
    in_file: Counts,
    /// Id of the counts in the file, 0 without one yet; the database remembers it, so that it adds them once.
    id: Id,
    /// Number of the last write; its lowest bit tells the half.
    sequence: u64,
}

impl Losses {
    /// Reads the counts that an earlier process left, and allocates the file.
    pub fn open(installation: &Installation) -> Self {
        let path = installation.config.journal_dir().join("events.lost");
        let mut bytes = Vec::new();
        let _ = File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes));
        let read = bytes.chunks(HALF).filter_map(parse).max_by_key(|state| state.sequence);
        let state =
            read.unwrap_or_else(|| State { id: installation.ids.next().unwrap_or_default(), ..State::default() });
        if bytes.len() < 2 * HALF
            && let Err(error) = allocate(&path)
        {
            tracing::warn!(%error, "no space is kept for counting lost events");
        }
        Self { path, since_start: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// Counts lost events of a campaign.
    pub fn add(&self, campaign: Id, count: u64) {
        self.since_start.fetch_add(count, Ordering::Relaxed);
        *self.locked().new.entry(campaign).or_default() += count;
    }

    /// Number of events that this process lost.
    pub fn since_start(&self) -> u64 {
        self.since_start.load(Ordering::Relaxed)
    }

    /// True while counts are not in the database.
    pub fn is_pending(&self) -> bool {
        let state = self.locked();
        !(state.new.is_empty() && state.in_file.is_empty())
    }

    /// Writes new counts to the file.
    pub async fn write_file(&self) -> Result<()> {
        let (text, at) = {
            let mut state = self.locked();
            if state.new.is_empty() {
                return Ok(());
            }
            for (campaign, count) in std::mem::take(&mut state.new) {
                *state.in_file.entry(campaign).or_default() += count;
            }
            state.next_write()
        };
        self.write(text, at).await
    }

    /// Moves the counts into the database, once, however often this is interrupted.
    pub async fn move_to_database(&self, installation: &Installation) -> Result<()> {
        self.write_file().await?;
        let next_id = installation.ids.next()?;
        if self.locked().id == 0 {
            // No id could be claimed at the start.
            let (text, at) = {
                let mut state = self.locked();
                state.id = installation.ids.next()?;
                state.next_write()
            };
            self.write(text, at).await?;
        }
        let (id, counts) = {
            let state = self.locked();
            (state.id, state.in_file.clone())
        };
        if counts.is_empty() {
            return Ok(());
        }
        let mut tx = installation.db.write().await?;
        if spool_position::set_once(&mut tx, id).await? {
            let count = |count: &u64| i64::try_from(*count).unwrap_or(i64::MAX);
            let rows = counts.iter().map(|(campaign, lost)| ((*campaign, erased_counts::LOST, 0), count(lost)));
            erased_counts::add_all(&mut tx, &rows.collect::<ErasedCounts>()).await?;
        }
        tx.commit().await?;
        let (text, at) = {
            let mut state = self.locked();
            state.in_file.clear();
            state.id = next_id;
            state.next_write()
        };
        self.write(text, at).await?;
        // What follows a crash here is one row of two numbers.
        let mut tx = installation.db.write().await?;
        spool_position::remove(&mut tx, id).await?;
        tx.commit().await
    }

    async fn write(&self, text: String, at: u64) -> Result<()> {
        let path = self.path.clone();
        let writing =
            tokio::task::spawn_blocking(move || overwrite(&path, at, &text).map_err(Error::io(path.display())));
        writing.await.unwrap_or_else(|_| Err(Error::io("events.lost")(io::Error::other("stopped"))))
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The text of the counts and the position that it is written to.
    fn next_write(&mut self) -> (String, u64) {
        self.sequence += 1;
        let mut text = format!("{} {}\n", self.sequence, self.id);
        let mut rest = 0;
        for (campaign, count) in &self.in_file {
            let line = format!("{campaign} {count}\n");
            if text.len() + line.len() + 64 > HALF { rest += count } else { text.push_str(&line) }
        }
        if rest > 0 {
            text.push_str(&format!("0 {rest}\n"));
        }
        text.push_str(END);
        (text, (self.sequence & 1) * HALF as u64)
    }
}

/// The counts of a half; `None` when it was never written, or not to its end.
fn parse(half: &[u8]) -> Option<State> {
    let end = half.windows(END.len()).position(|bytes| bytes == END.as_bytes())?;
    let text = str::from_utf8(&half[..end]).ok()?;
    let pair = |line: &str| {
        let (first, second) = line.split_once(' ')?;
        Some((first.parse::<i64>().ok()?, second.parse::<i64>().ok()?))
    };
    let mut pairs = text.lines().map(pair);
    let (sequence, id) = pairs.next()??;
    let counts = pairs.map(|pair| pair.and_then(|(campaign, count)| Some((campaign, u64::try_from(count).ok()?))));
    Some(State {
        new: Counts::new(),
        in_file: counts.collect::<Option<_>>()?,
        id,
        sequence: u64::try_from(sequence).ok()?,
    })
}

fn allocate(path: &PathBuf) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all(&vec![b' '; (2 * HALF).saturating_sub(length)])?;
    fsync::or_exit(path.display(), file.sync_all());
    Ok(())
}

fn overwrite(path: &PathBuf, at: u64, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(text.as_bytes())?;
    fsync::or_exit(path.display(), file.sync_data());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(text: &str) -> Vec<u8> {
        format!("{text:<HALF$}").into_bytes()
    }

    #[test]
    fn written_counts_are_read_and_a_cut_half_is_not() {
        let mut state = State { in_file: Counts::from([(7, 3), (9, 12)]), id: 40, ..State::default() };
        let (text, at) = state.next_write();

        let read = parse(&half(&text)).expect("whole");
        assert_eq!((read.id, read.sequence, &read.in_file, at), (40, 1, &state.in_file, HALF as u64));
        for end in 0..text.len() - 1 {
            assert!(parse(&half(&text[..end])).is_none(), "{end}");
        }
        assert!(parse(&half("")).is_none() && parse(b"\xff\xff.\n").is_none() && parse(b"1 2\n3 -4\n.\n").is_none());
    }

    #[test]
    fn more_campaigns_than_the_file_has_room_for_are_counted_together() {
        let mut state = State { in_file: (1..5_000).map(|id| (id, 2)).collect(), ..State::default() };

        let read = parse(&half(&state.next_write().0)).expect("whole");

        assert_eq!(read.in_file.values().sum::<u64>(), 2 * 4_999);
        assert!(read.in_file[&0] > 0);
    }
}
