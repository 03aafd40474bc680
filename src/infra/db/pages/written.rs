//! Which pages of a SQLite file were written since they were last checked for bytes of deleted rows.
//!
//! The frames of the write-ahead log (WAL) name the pages that were written. A checkpoint makes room for other frames, so
//! every checkpoint of this program reads them first and keeps the page numbers in a file beside the database
//! (`sendoff.db-pages`). When it cannot be certain that no frame was missed (another program emptied the WAL, another
//! copy of the database was put in place, the file is lost), all pages count as written.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::page_set::PageSet;
use crate::infra::atomic_file::AtomicFile;
use crate::infra::{private_file, store_location};

/// First line of the file.
const MAGIC: &[u8] = b"sendoff pages 1\n";
const WAL_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;
/// The first 31 bits of every WAL.
const WAL_MAGIC: u32 = 0x377f_0682;

/// The file beside a database that names its written pages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WrittenPages {
    pub(super) database: PathBuf,
}

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The two random numbers of the WAL that was read last; zero before the first.
    pub(super) salts: [u32; 2],
    /// How many frames of it were read.
    pub(super) frames: u64,
    /// The database file after the last process had closed it.
    pub(super) closed: Option<FileIdentity>,
    /// Pages written since.
    pub(super) written: PageSet,
    /// Pages that a cleaner has taken over and not finished.
    pub(super) taken: PageSet,
}

/// A file at one moment; any write changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileIdentity([u64; 2]);

impl FileIdentity {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        let modified = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self([found.len(), u64::try_from(modified.as_nanos()).unwrap_or(0)]))
    }
}

/// The WAL file at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WalState {
    /// Its bytes.
    pub length: u64,
    /// Changes with every write.
    identity: Option<FileIdentity>,
}

/// Lets one process at a time change the file. Held until dropped.
pub(super) struct Locked<'w> {
    pages: &'w WrittenPages,
    _lock: File,
}

impl WrittenPages {
    /// The written pages of the database in this file.
    pub fn new(database: PathBuf) -> Self {
        Self { database }
    }

    /// The bytes of the WAL file, 0 without one.
    pub fn wal_length(&self) -> u64 {
        fs::metadata(self.beside("-wal")).map_or(0, |found| found.len())
    }

    /// The bytes of the WAL that are in use. A WAL that began again stays as long as it was: behind its frames stand those of
    /// before, which bear other salts (sqlite.org/fileformat2.html, section 4.1).
    ///
    /// SQLite's own count stands in the index of the WAL (`-shm`). This process must not open that file, nor the database:
    /// closing any descriptor of it would drop the locks that SQLite holds on it here (fcntl(2), "Record locking").
    pub fn used_wal_length(&self) -> u64 {
        let length = self.wal_length();
        let used = || -> io::Result<Option<u64>> {
            let mut wal = File::open(self.beside("-wal"))?;
            let Some((salts, page)) = read_header(&mut wal)? else { return Ok(None) };
            let step = FRAME_HEADER + u64::from(page);
            let (mut low, mut high) = (0, length.saturating_sub(WAL_HEADER) / step);
            let mut bytes = [0; FRAME_HEADER as usize];
            while low < high {
                let middle = low + (high - low) / 2;
                wal.seek(io::SeekFrom::Start(WAL_HEADER + middle * step))?;
                let is_new = read_whole(&mut wal, &mut bytes)? && [u32_at(&bytes, 8), u32_at(&bytes, 12)] == salts;
                if is_new { low = middle + 1 } else { high = middle }
            }
            Ok(Some(WAL_HEADER + low * step))
        };
        used().ok().flatten().unwrap_or(length)
    }

    /// The two random numbers with which the WAL began; `None` while it is empty.
    pub fn wal_salts(&self) -> Option<[u32; 2]> {
        let mut wal = File::open(self.beside("-wal")).ok()?;
        read_header(&mut wal).ok().flatten().map(|(salts, _)| salts)
    }

    /// True when the WAL has at most one frame.
    pub fn is_wal_short(&self) -> bool {
        let header = File::open(self.beside("-wal")).and_then(|mut wal| read_header(&mut wal)).ok().flatten();
        header.is_none_or(|(_, page)| self.wal_length() <= WAL_HEADER + FRAME_HEADER + u64::from(page))
    }

    /// Reads the frames of the WAL that were not read yet and keeps their pages, on disk when this returns. Blocks.
    pub fn note(&self) -> io::Result<()> {
        let locked = self.lock()?;
        let before = locked.load();
        let mut record = before.clone();
        locked.read_wal(&mut record)?;
        if record == before { Ok(()) } else { locked.store(&record) }
    }

    /// The WAL file as it is now.
    pub fn wal_state(&self) -> WalState {
        let identity = FileIdentity::of(&self.beside("-wal")).ok();
        WalState { length: identity.map_or(0, |FileIdentity([length, _])| length), identity }
    }

    /// True while a process or task has the lock of the one cleaner.
    pub fn is_cleaner_busy(&self) -> bool {
        matches!(self.lock_cleaner(), Ok(None))
    }

    /// The lock of the one cleaner; `None` while another process holds it.
    pub(super) fn lock_cleaner(&self) -> io::Result<Option<File>> {
        let file = open_lock(&self.beside("-cleaner.lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Waits for the lock of the file.
    pub(super) fn lock(&self) -> io::Result<Locked<'_>> {
        let file = open_lock(&self.beside("-pages.lock"))?;
        file.lock()?;
        Ok(Locked { pages: self, _lock: file })
    }

    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        store_location::beside(&self.database, suffix)
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    private_file::options().create(true).append(true).open(path)
}

impl Record {
    /// Of a file about which nothing is known.
    pub(super) fn unknown() -> Self {
        Self { salts: [0; 2], frames: 0, closed: None, written: PageSet::all(), taken: PageSet::default() }
    }
}

impl Locked<'_> {
    /// What the file says; a file that is missing or damaged says that all pages were written.
    pub(super) fn load(&self) -> Record {
        fs::read(self.pages.beside("-pages")).ok().and_then(|bytes| parse(&bytes)).unwrap_or_else(Record::unknown)
    }

    /// Replaces the file, durably.
    pub(super) fn store(&self, record: &Record) -> io::Result<()> {
        let mut file = AtomicFile::create(&self.pages.beside("-pages"))?;
        file.write_all(MAGIC)?;
        file.write_all(&record.salts[0].to_le_bytes())?;
        file.write_all(&record.salts[1].to_le_bytes())?;
        for number in std::iter::once(record.frames).chain(record.closed.unwrap_or(FileIdentity([0; 2])).0) {
            file.write_all(&number.to_le_bytes())?;
        }
        let written = record.written.to_bytes();
        file.write_all(&(written.len() as u64).to_le_bytes())?;
        file.write_all(&written)?;
        file.write_all(&record.taken.to_bytes())?;
        file.persist()
    }

    /// Adds the pages of the frames that were not read yet.
    pub(super) fn read_wal(&self, record: &mut Record) -> io::Result<()> {
        let mut wal = match File::open(self.pages.beside("-wal")) {
            Ok(wal) => Some(BufReader::new(wal)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let header = wal.as_mut().map(read_header).transpose()?.flatten();
        let was_closed = record.closed.is_some() && record.closed == FileIdentity::of(&self.pages.database).ok();
        let (Some(mut wal), Some((salts, page_size))) = (wal, header) else {
            // Of the pages of a WAL that is gone, some may be unknown.
            if !was_closed && (record.closed.is_some() || record.salts != [0; 2]) {
                *record = Record { taken: record.taken.clone(), ..Record::unknown() };
            }
            return Ok(());
        };
        if salts != record.salts {
            // SQLite counts the first number up when it begins the WAL again; that it may do so, all frames were
            // copied into the database by a checkpoint, which had read them.
            let follows = record.salts != [0; 2] && salts[0] == record.salts[0].wrapping_add(1);
            if !follows && !was_closed {
                record.written = PageSet::all();
            }
            (record.salts, record.frames, record.closed) = (salts, 0, None);
        }
        let (mut frame, page_size) = (record.frames, i64::from(page_size));
        wal.seek(io::SeekFrom::Start(WAL_HEADER + frame * (FRAME_HEADER + page_size.unsigned_abs())))?;
        let mut bytes = [0; FRAME_HEADER as usize];
        while read_whole(&mut wal, &mut bytes)? && [u32_at(&bytes, 8), u32_at(&bytes, 12)] == salts {
            frame += 1;
            record.written.insert(u32_at(&bytes, 0));
            // The last frame of a transaction. Frames behind it may be overwritten by another transaction.
            if u32_at(&bytes, 4) > 0 {
                record.frames = frame;
            }
            wal.seek_relative(page_size)?;
        }
        Ok(())
    }
}

/// The two random numbers and the page size of a WAL; `None` before its first transaction.
fn read_header(wal: &mut impl Read) -> io::Result<Option<([u32; 2], u32)>> {
    let mut bytes = [0; WAL_HEADER as usize];
    let is_wal = read_whole(wal, &mut bytes)? && u32_at(&bytes, 0) & !1 == WAL_MAGIC;
    Ok(is_wal.then(|| ([u32_at(&bytes, 16), u32_at(&bytes, 20)], u32_at(&bytes, 8))))
}

/// Fills the bytes; false at the end of the file.
fn read_whole(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn parse(bytes: &[u8]) -> Option<Record> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (salts, rest) = rest.split_first_chunk::<8>()?;
    let salts = [0, 4].map(|at| u32::from_le_bytes([salts[at], salts[at + 1], salts[at + 2], salts[at + 3]]));
    let (numbers, rest) = rest.split_first_chunk::<32>()?;
    let (numbers, _) = numbers.as_chunks::<8>();
    let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_le_bytes(*number)).collect();
    let identity = FileIdentity([numbers[1], numbers[2]]);
    let (written, taken) = rest.split_at_checked(usize::try_from(numbers[3]).ok()?)?;
    Some(Record {
        salts,
        frames: numbers[0],
        closed: (identity.0 != [0; 2]).then_some(identity),
        written: PageSet::from_bytes(written)?,
        taken: PageSet::from_bytes(taken)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A WAL of pages of 8 bytes.
    fn wal(salts: [u32; 2], frames: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            [WAL_MAGIC, 0, 8, 0, salts[0], salts[1], 0, 0].iter().flat_map(|n| n.to_be_bytes()).collect();
        for (page, commit) in frames {
            bytes.extend([*page, *commit, salts[0], salts[1], 0, 0].iter().flat_map(|n| n.to_be_bytes()));
            bytes.extend([0; 8]);
        }
        bytes
    }

    struct Files {
        pages: WrittenPages,
        _folder: tempfile::TempDir,
    }

    impl Files {
        /// A database whose pages are all clean, closed by every process.
        fn clean() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let database = folder.path().join("a.db");
            fs::write(&database, "database").expect("written");
            let files = Self { pages: WrittenPages::new(database), _folder: folder };
            let locked = files.pages.lock().expect("locked");
            locked.store(&Record { written: PageSet::default(), ..Record::unknown() }).expect("stored");
            drop(locked);
            files.pages.note_closed().expect("closed");
            files
        }

        fn write_wal(&self, salts: [u32; 2], frames: &[(u32, u32)]) {
            fs::write(self.pages.beside("-wal"), wal(salts, frames)).expect("written");
        }

        fn written(&self) -> PageSet {
            self.pages.note().expect("noted");
            self.pages.lock().expect("locked").load().written
        }
    }

    #[test]
    fn frames_of_each_wal_are_read_once() {
        let files = Files::clean();
        assert_eq!(files.written(), PageSet::default());
        files.write_wal([7, 1], &[(3, 0), (5, 9)]);
        assert_eq!(files.written().range(1, 9), [3, 5]);
        files.write_wal([7, 1], &[(3, 0), (5, 9), (70, 9), (6, 0)]);
        assert_eq!(files.written().range(1, 9), [3, 5, 6, 70]);
        // Begun again: the first number is one more. Behind the new frames are old ones.
        let mut again = wal([8, 4], &[(2, 9)]);
        again.extend(&wal([7, 1], &[(11, 0), (11, 0)])[WAL_HEADER as usize..]);
        fs::write(files.pages.beside("-wal"), again).expect("written");
        assert_eq!(files.written().range(1, 9), [2, 3, 5, 6, 70]);
    }

    #[test]
    fn frames_of_an_earlier_wal_are_not_in_use() {
        let files = Files::clean();
        let frame = FRAME_HEADER + 8;
        assert_eq!(files.pages.used_wal_length(), 0);
        for frames in 0..5 {
            let mut again = wal([8, 4], &vec![(2, 9); frames]);
            again.extend(&wal([7, 1], &[(11, 0), (11, 0)])[WAL_HEADER as usize..]);
            fs::write(files.pages.beside("-wal"), again).expect("written");
            assert_eq!(files.pages.used_wal_length(), WAL_HEADER + frames as u64 * frame);
        }
    }

    #[test]
    fn all_pages_count_as_written_when_frames_may_be_missed() {
        for change in [
            |files: &Files| files.write_wal([9, 1], &[(3, 9)]),
            |files: &Files| fs::remove_file(files.pages.beside("-wal")).expect("removed"),
            |files: &Files| fs::remove_file(files.pages.beside("-pages")).expect("removed"),
            |files: &Files| fs::write(files.pages.beside("-pages"), "damaged").expect("written"),
        ] {
            let files = Files::clean();
            files.write_wal([7, 1], &[(3, 9)]);
            assert!(!files.written().contains(4));
            change(&files);
            assert!(files.written().contains(4));
        }
        let files = Files::clean();
        fs::write(&files.pages.database, "another copy").expect("written");
        assert!(files.written().contains(4));
    }

    #[test]
    fn a_database_that_all_have_closed_begins_any_wal() {
        let files = Files::clean();
        files.write_wal([7, 1], &[(3, 9)]);
        assert_eq!(files.written().range(1, 9), [3]);
        fs::remove_file(files.pages.beside("-wal")).expect("removed");
        files.pages.note_closed().expect("closed");
        files.write_wal([4_000, 1], &[(4, 9)]);
        assert_eq!(files.written().range(1, 9), [3, 4]);
    }
}
