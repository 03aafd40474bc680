//! What is kept about written pages when a process has closed the database: whether the last one has, so that any other WAL may
//! follow.

use std::io;

use super::written::{FileIdentity, Record, WrittenPages};

impl WrittenPages {
    /// Notes that all processes have closed the database, unless one has it open. Blocks.
    pub fn note_closed(&self) -> io::Result<()> {
        if self.wal_length() > 0 || !self.database.exists() {
            return Ok(());
        }
        let locked = self.lock()?;
        let before = locked.load();
        let closed = Some(FileIdentity::of(&self.database)?);
        // A process that opened the database since has begun a WAL.
        if before.closed == closed || self.wal_length() > 0 {
            return Ok(());
        }
        locked.store(&Record { closed, salts: [0; 2], frames: 0, ..before })
    }

    /// To be called after this process has closed the database without reading the WAL, because another had it open. Was this one
    /// the last after all, the WAL is gone, and all pages count as written. Blocks.
    pub fn note_unread(&self) -> io::Result<()> {
        let is_wal_gone = || !self.beside("-wal").exists();
        if !is_wal_gone() {
            return Ok(());
        }
        let locked = self.lock()?;
        // A process that opened the database since has begun a WAL, which does not follow the one that was read last.
        if is_wal_gone() {
            locked.store(&Record { taken: locked.load().taken, ..Record::unknown() })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::infra::db::pages::page_set::PageSet;

    #[test]
    fn all_pages_count_as_written_when_the_last_process_did_not_read_the_wal() {
        let folder = tempfile::tempdir().expect("a folder");
        let pages = WrittenPages::new(folder.path().join("a.db"));
        let written = || pages.lock().expect("locked").load().written;
        let locked = pages.lock().expect("locked");
        locked.store(&Record { written: PageSet::default(), ..Record::unknown() }).expect("stored");
        drop(locked);
        fs::write(pages.beside("-wal"), "frames that were not read").expect("written");

        pages.note_unread().expect("noted");
        assert_eq!(written(), PageSet::default(), "another process has the database open");

        fs::remove_file(pages.beside("-wal")).expect("removed");
        pages.note_unread().expect("noted");
        assert!(written().contains(4));
    }
}
