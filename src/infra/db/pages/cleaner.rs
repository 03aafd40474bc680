//! Cleaning of pages: overwrites the bytes of a SQLite file that belong to nothing, page by page, in short write
//! transactions. Pages are read and written through the table `sqlite_dbpage`, so that all connections and the
//! write-ahead log see what they see of any other transaction.
//!
//! A row that is gone leaves copies only on pages that held it, and no page gets a new copy of it. So each page needs
//! one look after the row was deleted, in any order.

use std::collections::HashMap;
use std::fs::File;
use std::time::{Duration, Instant};

use sqlx::any::AnyConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::task::spawn_blocking;

use super::image::{self, Layout};
use super::page_set::PageSet;
use super::written::WrittenPages;
use crate::infra::db::session::session;
use crate::infra::db::{Cells, Conn, Db, Dialect, is_unsynced};
use crate::infra::error::{Error, Result};
use crate::infra::{failpoint, fsync};

/// Pages read at a time, outside of a write transaction.
const READ_PAGES: usize = 256;
/// A write transaction ends after this many pages or this time.
const WRITE_PAGES: usize = 64;
const WRITE_TIME: Duration = Duration::from_millis(10);
/// Pages between two looks at the time.
const WRITE_STEP: usize = 8;
/// Overflow pages read at a time.
const CHAIN_PAGES: u32 = 256;

/// The one cleaner of a database. It has a connection of its own; when it is dropped, what it has not finished is known.
pub struct PageCleaner {
    db: Db,
    pages: WrittenPages,
    conn: Conn,
    layout: Layout,
    /// Pages to look at.
    left: PageSet,
    next: u32,
    written: u64,
    /// How many of them are on disk.
    synced: u64,
    /// The trunks of the list of free pages when it was read last.
    trunks: Vec<u32>,
    _lock: File,
}

/// A page with bytes that belong to nothing.
struct Unclean {
    /// The page whose content says so.
    owner: u32,
    page: u32,
    cleaned: Vec<u8>,
}

impl Db {
    /// The cleaner of pages. `None` while another process or task has it, and where this SQLite has no table of
    /// pages.
    pub async fn page_cleaner(&self) -> Result<Option<PageCleaner>> {
        let Some(pages) = self.pages.clone().filter(|_| self.can_clean) else { return Ok(None) };
        let Some(lock) = pages.lock_cleaner().map_err(Error::io("page cleaner"))? else { return Ok(None) };
        let options: AnyConnectOptions = self.address.0.parse()?;
        let mut conn = options.disable_statement_logging().connect().await?;
        conn.execute(session(Dialect::Sqlite)).await?;
        // Others would wait for the disk; see `PageCleaner::save`.
        sqlx::raw_sql("pragma synchronous = normal").execute(&mut conn).await?;
        let size = number(&mut conn, "pragma page_size").await?;
        let first = read(&mut conn, &[1]).await?;
        let reserved = first.first().and_then(|(_, bytes)| bytes.get(20)).copied().unwrap_or(0);
        let layout = Layout { page: size as usize, usable: size as usize - usize::from(reserved) };
        let (db, left) = (self.clone(), PageSet::default());
        Ok(Some(PageCleaner {
            db,
            pages,
            conn,
            layout,
            left,
            next: 1,
            written: 0,
            synced: 0,
            trunks: Vec::new(),
            _lock: lock,
        }))
    }
}

impl Db {
    /// True while a process or task has the cleaner of pages.
    pub fn is_cleaner_busy(&self) -> bool {
        self.pages.as_ref().is_some_and(WrittenPages::is_cleaner_busy)
    }
}

impl PageCleaner {
    /// Takes over all pages written until now, and those that an earlier cleaner did not finish.
    pub async fn take(&mut self) -> Result<()> {
        if self.pages.wal_length() == 0 {
            // Otherwise the first write of all would begin a WAL about which nothing is known.
            self.db.touch().await?;
        }
        let pages = self.pages.clone();
        let taken = run(move || {
            let locked = pages.lock()?;
            let before = locked.load();
            let mut record = before.clone();
            locked.read_wal(&mut record)?;
            record.taken.extend(&std::mem::take(&mut record.written));
            if record != before {
                locked.store(&record)?;
            }
            Ok(record.taken)
        })
        .await?;
        self.left.extend(&taken);
        let count = number(&mut self.conn, "pragma page_count").await?;
        self.left.truncate(u32::try_from(count).unwrap_or(u32::MAX));
        self.next = 1;
        Ok(())
    }

    /// How many pages are left to look at.
    pub fn left(&self) -> u64 {
        self.left.len()
    }

    /// How many pages were overwritten so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Looks at some of the pages and overwrites what belongs to nothing. Returns how many are left.
    pub async fn clean_some(&mut self) -> Result<u64> {
        let numbers = self.left.range(self.next, READ_PAGES);
        let Some(last) = numbers.last() else {
            self.next = 1;
            return Ok(self.left());
        };
        let mut tx = self.conn.begin().await?;
        let mut owners: Vec<u32> =
            examine(&mut tx, self.layout, &numbers, &mut self.trunks).await?.iter().map(|one| one.owner).collect();
        tx.rollback().await?;
        owners.dedup();
        for some in owners.chunks(WRITE_PAGES) {
            self.overwrite(some).await?;
            failpoint::hit("between-page-chunks");
        }
        for number in &numbers {
            self.left.remove(*number);
        }
        self.next = last + 1;
        Ok(self.left())
    }

    /// Closes its connection.
    pub async fn close(self) -> Result<()> {
        Ok(self.conn.close().await?)
    }

    /// Keeps what is left, so that another cleaner goes on from here. The transactions of this one are on disk before.
    pub async fn save(&mut self) -> Result<()> {
        if self.synced < self.written {
            self.db.touch().await?;
            self.synced = self.written;
        }
        let (pages, left) = (self.pages.clone(), self.left.clone());
        run(move || {
            let locked = pages.lock()?;
            let mut record = locked.load();
            if record.taken == left {
                return Ok(());
            }
            record.taken = left;
            locked.store(&record)
        })
        .await
    }

    /// Overwrites pages in write transactions of at most [`WRITE_TIME`] each. The pages are read again, as other
    /// transactions may have changed them.
    async fn overwrite(&mut self, owners: &[u32]) -> Result<()> {
        let mut at = 0;
        while at < owners.len() {
            let turn = self.db.write_turn.clone().lock_owned().await;
            let began = Instant::now();
            let mut tx = self.conn.begin_with("begin immediate").await?;
            while at < owners.len() && began.elapsed() < WRITE_TIME {
                let some = &owners[at..owners.len().min(at + WRITE_STEP)];
                for unclean in examine(&mut tx, self.layout, some, &mut self.trunks).await? {
                    sqlx::query("update sqlite_dbpage set data = $1 where pgno = $2")
                        .bind(unclean.cleaned)
                        .bind(i64::from(unclean.page))
                        .execute(&mut *tx)
                        .await?;
                    self.written += 1;
                }
                at += some.len();
            }
            match tx.commit().await {
                Err(error) if is_unsynced(&error) => fsync::exit("the database", error),
                committed => committed?,
            }
            self.db.checkpointer.end_commit(turn).await;
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// The pages among these, or belonging to them, that have bytes to overwrite. All is read in the caller's transaction.
async fn examine(conn: &mut Conn, layout: Layout, numbers: &[u32], trunks: &mut Vec<u32>) -> Result<Vec<Unclean>> {
    let mut found = Vec::new();
    let mut free = None;
    for (number, bytes) in read(conn, numbers).await? {
        if bytes.iter().all(|byte| *byte == 0) {
            continue;
        }
        if free.is_none() {
            free = Some(free_pages(conn, layout, trunks).await?);
        }
        let unclean = |cleaned| Unclean { owner: number, page: number, cleaned };
        match free.as_ref().and_then(|free| free.kind(number)) {
            Some(FreePage::Leaf) => found.extend(image::clean_free(&bytes, layout).map(unclean)),
            Some(FreePage::Trunk { leaves }) => found.extend(image::clean_trunk(&bytes, leaves, layout).map(unclean)),
            None if image::is_btree(&bytes, number) => match image::read_btree(&bytes, number, layout) {
                Some(page) => {
                    found.extend(page.cleaned.map(unclean));
                    for overflow in page.overflows {
                        found.extend(examine_overflow(conn, layout, number, overflow).await?);
                    }
                }
                None => tracing::warn!(page = number, "a page of the database could not be read and was not cleaned"),
            },
            // An overflow page: the page where its value begins tells how much of it is used.
            None => {}
        }
    }
    Ok(found)
}

/// The last page of a long value, when it has bytes to overwrite.
async fn examine_overflow(
    conn: &mut Conn,
    layout: Layout,
    owner: u32,
    overflow: image::Overflow,
) -> Result<Option<Unclean>> {
    let (mut number, mut left) = (overflow.first, overflow.pages);
    loop {
        // The pages of a value mostly follow each other.
        let guess: Vec<u32> = (0..left.min(CHAIN_PAGES)).filter_map(|index| number.checked_add(index)).collect();
        for (found, bytes) in read(conn, &guess).await? {
            if found != number {
                break;
            }
            left -= 1;
            let next = image::next_page(&bytes).unwrap_or(0);
            if left == 0 {
                let cleaned = image::clean_last_overflow(&bytes, overflow.last_bytes, layout);
                return Ok(cleaned.filter(|_| next == 0).map(|cleaned| Unclean { owner, page: found, cleaned }));
            }
            number = next;
        }
        if number == 0 || guess.is_empty() {
            return Ok(None);
        }
    }
}

/// The pages of the list of free ones.
#[derive(Default)]
struct FreePages {
    leaves: PageSet,
    trunks: Vec<(u32, usize)>,
}

enum FreePage {
    Leaf,
    Trunk { leaves: usize },
}

impl FreePages {
    fn kind(&self, number: u32) -> Option<FreePage> {
        match self.trunks.iter().find(|(trunk, _)| *trunk == number) {
            Some((_, leaves)) => Some(FreePage::Trunk { leaves: *leaves }),
            None => self.leaves.contains(number).then_some(FreePage::Leaf),
        }
    }
}

/// Reads the list of free pages. `known` are its trunks as they were last, which are read together.
async fn free_pages(conn: &mut Conn, layout: Layout, known: &mut Vec<u32>) -> Result<FreePages> {
    let mut free = FreePages::default();
    let first = read(conn, &[1]).await?;
    let (mut trunk, mut left) = first.first().and_then(|(_, bytes)| image::free_list_head(bytes)).unwrap_or((0, 0));
    let mut at_hand: HashMap<u32, Vec<u8>> = HashMap::new();
    if left > 0 {
        at_hand.extend(read(conn, known).await?);
    }
    while trunk > 0 && left > 0 {
        let bytes = match at_hand.remove(&trunk) {
            Some(bytes) => bytes,
            None => read(conn, &[trunk]).await?.pop().map(|(_, bytes)| bytes).unwrap_or_default(),
        };
        let Some(leaves) = image::read_trunk(&bytes, layout) else { break };
        free.trunks.push((trunk, leaves.len()));
        for leaf in &leaves {
            free.leaves.insert(*leaf);
        }
        left = left.saturating_sub(1 + leaves.len() as u32);
        trunk = image::next_page(&bytes).unwrap_or(0);
    }
    *known = free.trunks.iter().map(|(trunk, _)| *trunk).collect();
    Ok(free)
}

/// Pages by their numbers, in this order, without those behind the end of the file. They travel as one value, because
/// the driver wakes another thread for each row.
async fn read(conn: &mut Conn, numbers: &[u32]) -> Result<Vec<(u32, Vec<u8>)>> {
    let wanted = serde_json::to_string(numbers).map_err(|error| Error::Db(sqlx::Error::Encode(Box::new(error))))?;
    let row = sqlx::query(
        "select cast(group_concat(page.data, '') as blob), group_concat(page.pgno, ' ') \
         from json_each($1) wanted cross join sqlite_dbpage page on page.pgno = wanted.value",
    )
    .bind(wanted)
    .fetch_one(conn)
    .await?;
    let (Some(bytes), Some(found)) = (row.cell::<Option<Vec<u8>>>(0)?, row.cell::<Option<String>>(1)?) else {
        return Ok(Vec::new());
    };
    let found: Vec<u32> = found.split(' ').filter_map(|number| number.parse().ok()).collect();
    if found.is_empty() || bytes.len() % found.len() > 0 {
        return Err(Error::Db(sqlx::Error::RowNotFound));
    }
    Ok(found.iter().copied().zip(bytes.chunks(bytes.len() / found.len()).map(<[u8]>::to_vec)).collect())
}

async fn number(conn: &mut Conn, pragma: &'static str) -> Result<i64> {
    sqlx::raw_sql(pragma).fetch_one(conn).await?.cell(0)
}

/// Runs file operations outside of the runtime's threads.
async fn run<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T> {
    let done = spawn_blocking(work).await.map_err(|error| Error::io("page numbers")(std::io::Error::other(error)))?;
    done.map_err(Error::io("page numbers"))
}
