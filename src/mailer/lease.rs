//! Table `lease`: which mailers are alive. A mailer renews its lease while it works; what it held is
//! given back, or listed as uncertain, once the lease has run out by the database's clock.
//!
//! A lease is also the fence. Every transaction that leases, marks or records first holds the row of
//! its lease ([`lock_row`]), and what a mailer held is settled only by whoever could delete that row:
//! one or the other comes first. A mailer that was stopped for longer than its term finds the row
//! gone and writes nothing. A message is begun only while the lease is fresh ([`LeaseFreshness`]).
//!
//! On SQLite a lock on a file keeps a second mailer out of the folder altogether, so every other
//! lease there is a dead one. With PostgreSQL the same lock tells a mailer that the last one of its
//! own folder is dead.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use sqlx::Row;

use super::lease_freshness::LeaseFreshness;
use super::restore_guard::RestoreGuard;
use crate::campaign::delivery::{self, uncertain};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Conn, Db, Script, Sql, StatementResult};
use crate::infra::error::{Error, Message, Result};
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};

/// A mailer's right to send.
pub struct Lease {
    /// The mailer's number in the rows it holds.
    pub id: Id,
    pulse: LeaseFreshness,
    beat: RestoreGuard,
    _lock: Option<File>,
}

/// What earlier mailers had left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Deliveries that were taken and not begun; pending again.
    pub given_back: u64,
    /// Deliveries whose fate the relay alone knows.
    pub uncertain: u64,
    /// Of those, the ones whose campaign has them sent again.
    pub resent: u64,
    /// Campaigns that stand still because the database is older than what was sent.
    pub halted: u64,
}

impl Lease {
    /// Registers a mailer and settles what dead ones left.
    pub async fn acquire(installation: &Installation) -> Result<(Self, Recovered)> {
        let lock = match lock_file(&installation.config.data.join("mailer.lock")) {
            Ok(lock) => Some(lock),
            // Several may share the database, even from one folder.
            Err(_) if installation.db.is_shared() => None,
            Err(error) => return Err(error),
        };
        let note = installation.config.data.join("mailer.lease");
        let id = installation.ids.next();
        let asked = installation.clock.uptime();
        let mut tx = installation.db.write().await?;
        installation.db.check_schema_version(&mut tx).await?;
        let term = setting::get(&mut tx, Setting::LeaseTerm).await?.parse::<Millis>().unwrap_or(30) * 1_000;
        if !installation.db.is_shared() {
            sqlx::query("delete from lease").execute(&mut *tx).await?;
        } else if lock.is_some() {
            // Who held the lock of this folder before us is dead: no need to wait for the lease to run out.
            let before: Id = fs::read_to_string(&note).ok().and_then(|id| id.trim().parse().ok()).unwrap_or(0);
            sqlx::query("delete from lease where id = $1").bind(before).execute(&mut *tx).await?;
        }
        let mut sql = Sql::new("insert into lease (id, until) values (");
        sql.bind(id).push(", ").push(installation.db.now()).push(" + ").bind(term).push(") returning until");
        follow(installation, sql.first(&mut tx).await?.map(|row| row.get(0)), term);
        let (beat, halted) = RestoreGuard::open(installation, &mut tx).await?;
        let left = Recovered { halted, ..recover_expired(&mut tx, installation).await? };
        tx.commit().await?;
        beat.note(installation)?;
        if installation.db.is_shared() && lock.is_some() {
            fs::write(&note, format!("{id}\n")).map_err(Error::io(note.display()))?;
        }
        Ok((Self { id, pulse: LeaseFreshness::new(installation.clock.clone(), term, asked), beat, _lock: lock }, left))
    }

    /// Whether it holds, for those who must know at once.
    pub fn pulse(&self) -> LeaseFreshness {
        self.pulse.clone()
    }

    /// Holds the lease for another term. False when it had run out and others may have settled what
    /// this mailer held: then it must stop at once.
    pub async fn renew(&mut self, installation: &Installation) -> Result<bool> {
        let asked = installation.clock.uptime();
        let mut tx = installation.db.write().await?;
        installation.db.check_schema_version(&mut tx).await?;
        let mut sql = Sql::new("update lease set until = ");
        sql.push(installation.db.now()).push(" + ").bind(self.pulse.term()).push(" where id = ").bind(self.id);
        sql.push(" and until > ").push(installation.db.now()).push(" returning until");
        let Some(until) = sql.first(&mut tx).await?.map(|row| row.get(0)) else { return Ok(false) };
        self.beat.count(&mut tx).await?;
        tx.commit().await?;
        self.pulse.renew(asked);
        follow(installation, Some(until), self.pulse.term());
        self.beat.note(installation)?;
        Ok(true)
    }

    /// Ends the lease; whatever the mailer still held is settled as after a crash.
    pub async fn end(mut self, installation: &Installation) -> Result<Recovered> {
        let mut tx = installation.db.write().await?;
        sqlx::query("delete from lease where id = $1").bind(self.id).execute(&mut *tx).await?;
        let left = recover_expired(&mut tx, installation).await?;
        self.beat.count(&mut tx).await?;
        tx.commit().await?;
        self.beat.note(installation)?;
        Ok(left)
    }
}

/// Holds the lease of a mailer until the transaction ends, so that nobody settles meanwhile what it
/// has. [`Error::Fenced`] when it is gone or has run out: nothing may be claimed or marked.
pub async fn lock_row(conn: &mut Conn, db: &Db, mailer: Id) -> Result<()> {
    let mut script = Script::new(conn);
    ask(&mut script, db, mailer, false);
    confirm(&script.run(conn).await?.remove(0))
}

/// True when no other mailer has a lease, be it one that has run out.
pub async fn is_only_mailer(conn: &mut Conn, mailer: Id) -> Result<bool> {
    let mut sql = Sql::new("select 1 from lease where id <> ");
    Ok(sql.bind(mailer).push(" limit 1").first(conn).await?.is_none())
}

/// Appends the question for [`confirm`]. One that is `late` asks for no more than that nobody has
/// settled what the mailer held, which is enough to write down known results: a database that was
/// away for a while costs no certainty.
pub fn ask(script: &mut Script, db: &Db, mailer: Id, late: bool) {
    let (select, share) = db.pin();
    let sql = script.add(select).push("from lease where id = ").bind(mailer);
    if !late {
        sql.push(" and until > ").push(db.now());
    }
    sql.push(share);
}

/// [`Error::Fenced`] when the question of [`ask`] found no lease: nothing may be committed.
pub fn confirm(asked: &StatementResult) -> Result<()> {
    if asked.rows.is_empty() && !failpoint::has_bug(Bug::SendWithoutLease) { Err(Error::Fenced) } else { Ok(()) }
}

/// Goes by the clock of a database that several machines share.
fn follow(installation: &Installation, until: Option<Millis>, term: Millis) {
    if let Some(until) = until.filter(|_| installation.db.is_shared())
        && let Some(wrong) = installation.clock.synchronize(until - term)
    {
        tracing::warn!(seconds = wrong / 1_000, "the clock of this machine differs from the database's, which is used");
    }
}

/// Takes up what others left. Apart from the renewal: the dead must not keep the living from living.
pub async fn sweep(installation: &Installation) -> Result<Recovered> {
    let mut tx = installation.db.write().await?;
    let left = recover_expired(&mut tx, installation).await?;
    tx.commit().await?;
    Ok(left)
}

/// Takes away the leases that have run out, and what dead mailers held. A lease that is good for
/// more than a day was made by hand or before the database's clock was set back.
pub async fn recover_expired(conn: &mut Conn, installation: &Installation) -> Result<Recovered> {
    let db = &installation.db;
    let mut sql = Sql::new("delete from lease where id in (select id from lease where until <= ");
    sql.push(db.now()).push(" or until > ").push(db.now()).push(" + ").bind(DAY).push(db.skip_held());
    sql.push(")").run(&mut *conn).await?;
    let dead = sqlx::query(
        "select distinct d.mailer_id from delivery d where d.mailer_id is not null \
         and not exists (select 1 from lease l where l.id = d.mailer_id)",
    )
    .fetch_all(&mut *conn)
    .await?;
    // By name, since the dead never come back: "all but the living" would hit one just born.
    let dead: Vec<Id> = dead.iter().map(|row| row.get(0)).collect();
    let now = installation.clock.now();
    let (given_back, uncertain) = delivery::recover(conn, &dead, now).await?;
    let resent = uncertain::resend_due(conn, None, now).await?;
    Ok(Recovered { given_back, uncertain, resent, halted: 0 })
}

/// Locks a file for this process and writes down who holds it; the system lets go when we die.
pub fn lock_file(path: &Path) -> Result<File> {
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
            Err(Message::new("lock-held").with("file", path.display()).with("pid", holder.trim()).unavailable())
        }
        Err(TryLockError::Error(error)) => Err(Error::io(path.display())(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::Clock;

    #[test]
    fn a_lease_is_fresh_for_most_of_its_term_and_again_once_renewed() {
        let pulse = LeaseFreshness::new(Clock::system(), 30_000, 1_000);

        assert!(pulse.is_fresh_at(1_000) && pulse.is_fresh_at(24_999));
        assert!(!pulse.is_fresh_at(25_000));
        pulse.renew(20_000);
        assert!(pulse.clone().is_fresh_at(43_999) && !pulse.is_fresh_at(44_000));
    }
}
