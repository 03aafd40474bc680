//! Table `lease`: which mailers are alive. A mailer renews its lease while it works; what it held is
//! given back, or listed as uncertain, once the lease has run out. On SQLite a lock on a file keeps
//! a second mailer out of the folder altogether, so every other lease there is a dead one. With
//! PostgreSQL the same lock tells a mailer that the last one of its own folder is dead.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use sqlx::Row;

use crate::campaign::delivery;
use crate::ground::clock::Millis;
use crate::ground::db::Conn;
use crate::ground::error::{Error, Message, Result};
use crate::ground::id::Id;
use crate::ground::installation::Installation;

/// How long a lease holds unless it is renewed.
pub const TERM: Millis = 30_000;

/// A mailer's right to send.
pub struct Lease {
    /// The mailer's number in the rows it holds.
    pub id: Id,
    _lock: Option<File>,
}

/// What earlier mailers had left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// Deliveries that were taken and not begun; pending again.
    pub given_back: u64,
    /// Deliveries whose fate the relay alone knows.
    pub uncertain: u64,
}

impl Lease {
    /// Registers a mailer and settles what dead ones left.
    pub async fn take(home: &Installation) -> Result<(Self, Left)> {
        let lock = match lock(&home.config.data.join("mailer.lock")) {
            Ok(lock) => Some(lock),
            // Several may share the database, even from one folder.
            Err(_) if home.db.is_shared() => None,
            Err(error) => return Err(error),
        };
        let note = home.config.data.join("mailer.lease");
        let lease = Self { id: home.ids.next(), _lock: lock };
        let mut tx = home.db.write().await?;
        let now = home.clock.now();
        if !home.db.is_shared() {
            sqlx::query("delete from lease").execute(&mut *tx).await?;
        } else if lease._lock.is_some() {
            // Who held the lock of this folder before us is dead: no need to wait for the lease to run out.
            let before: Id = fs::read_to_string(&note).ok().and_then(|id| id.trim().parse().ok()).unwrap_or(0);
            sqlx::query("delete from lease where id = $1").bind(before).execute(&mut *tx).await?;
        }
        sqlx::query("insert into lease (id, until) values ($1, $2)")
            .bind(lease.id)
            .bind(now + TERM)
            .execute(&mut *tx)
            .await?;
        let left = settle(&mut tx, now).await?;
        tx.commit().await?;
        if home.db.is_shared() && lease._lock.is_some() {
            fs::write(&note, format!("{}\n", lease.id)).map_err(Error::io(note.display()))?;
        }
        Ok((lease, left))
    }

    /// Holds the lease for another term. False when it had run out and others may have settled what
    /// this mailer held: then it must stop at once.
    pub async fn renew(&self, home: &Installation) -> Result<bool> {
        let now = home.clock.now();
        let mut tx = home.db.write().await?;
        let held = sqlx::query("update lease set until = $1 where id = $2 and until > $3")
            .bind(now + TERM)
            .bind(self.id)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        settle(&mut tx, now).await?;
        tx.commit().await?;
        Ok(held.rows_affected() == 1)
    }

    /// Ends the lease; whatever the mailer still held is settled as after a crash.
    pub async fn end(self, home: &Installation) -> Result<Left> {
        let mut tx = home.db.write().await?;
        sqlx::query("delete from lease where id = $1").bind(self.id).execute(&mut *tx).await?;
        let left = settle(&mut tx, home.clock.now()).await?;
        tx.commit().await?;
        Ok(left)
    }
}

async fn settle(conn: &mut Conn, now: Millis) -> Result<Left> {
    sqlx::query("delete from lease where until <= $1").bind(now).execute(&mut *conn).await?;
    let rows = sqlx::query("select id from lease").fetch_all(&mut *conn).await?;
    let alive: Vec<Id> = rows.iter().map(|row| row.get(0)).collect();
    let (given_back, uncertain) = delivery::recover(conn, &alive, now).await?;
    Ok(Left { given_back, uncertain })
}

/// Locks a file for this process and writes down who holds it; the system lets go when we die.
pub fn lock(path: &Path) -> Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(Error::io(path.display()))?;
    match file.try_lock() {
        Ok(()) => {
            let mine = format!("{}\n", std::process::id());
            let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(mine.as_bytes()));
            written.map_err(Error::io(path.display()))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            Err(Message::new("lock-held").with("file", path.display()).with("pid", holder.trim()).failed())
        }
        Err(TryLockError::Error(error)) => Err(Error::io(path.display())(error)),
    }
}
