//! Table `lease`: the mailers that are alive.
//!
//! A mailer renews its lease while it works. When a lease has expired by the database's clock, the deliveries that its
//! mailer held are released, or become uncertain.
//!
//! A lease is also the fence. Every transaction that claims, marks or records first locks the row of its lease
//! ([`lock_row`]); deliveries are recovered only by a transaction that could delete that row. One or the other comes
//! first: a mailer that was suspended for longer than its term finds the row gone and writes nothing. A message is
//! begun only while the lease is fresh ([`LeaseFreshness`]).
//!
//! Of the marked deliveries of a dead mailer only those become uncertain whose body had begun, where its file in this data
//! folder can tell ([`begun_bodies`]).
//!
//! On SQLite a lock file keeps a second mailer out of the data folder, so every other lease is of a dead mailer. Since the
//! lock file tells whether the mailer is alive, its lease does not expire, and an idle mailer writes nothing. On PostgreSQL
//! the same lock tells a mailer that the last one of its own folder is dead; there an idle mailer, which holds nothing that
//! others would have to recover, has a longer term (`work`).

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

pub use self::work::Work;
use super::begun_bodies::{self, Begun, BegunBodies};
use super::lease_freshness::LeaseFreshness;
use super::machine;
use super::restore_guard::RestoreGuard;
use crate::campaign::delivery::{self, uncertain};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Db, Query, Script, StatementResult};
use crate::infra::error::{Error, Result};
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::lock_file;
use crate::infra::setting::{self, Setting};

mod work;

/// Term of a lease whose mailer is alive while it holds the lock file, in ms. In a database that several machines share,
/// where it may be moved to, a lease of more than a day is none.
const HELD_BY_FILE: Millis = 36_500 * DAY;

/// The lease of one mailer.
pub struct Lease {
    /// The id of the mailer in the rows that it holds.
    pub id: Id,
    /// Names the deliveries whose body has begun; `None` if the file could not be made.
    pub begun: Option<Arc<BegunBodies>>,
    work: Work,
    freshness: LeaseFreshness,
    restore_guard: RestoreGuard,
    /// Group commits of this process when the restore guard was increased last.
    commits: u64,
    _lock: Option<File>,
}

/// What was recovered from mailers that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Deliveries that were claimed and not begun; pending again.
    pub released: u64,
    /// Deliveries that became uncertain.
    pub uncertain: u64,
    /// Of those, the ones whose campaign resends uncertain deliveries.
    pub resent: u64,
    /// Campaigns that were halted because the database is older than what was sent.
    pub halted: u64,
}

impl Lease {
    /// Registers a mailer and recovers the deliveries of mailers that are gone.
    ///
    /// # Errors
    /// Unavailable while machines are awaited after an older copy of the database was put back.
    pub async fn acquire(installation: &Installation) -> Result<(Self, Recovered)> {
        let lock = match lock_file::acquire(&lock_path(installation)) {
            Ok(lock) => Some(lock),
            // Several mailers may share the database, even with one data folder.
            Err(_) if installation.db.is_shared() => None,
            Err(error) => return Err(error),
        };
        let id_file = installation.config.data.join("mailer.lease");
        let id = installation.ids.next()?;
        let requested = installation.clock.uptime();
        let mut tx = installation.db.write().await?;
        installation.db.check_schema_version(&mut tx).await?;
        let term = setting::get(&mut tx, Setting::LeaseTerm).await?.parse::<Millis>().unwrap_or(30) * 1_000;
        if !installation.db.is_shared() {
            Query::new("delete from lease").execute(&mut tx).await?;
        } else if lock.is_some() {
            // The last holder of this folder's lock is dead: its lease need not expire first.
            let before: Id = fs::read_to_string(&id_file).ok().and_then(|id| id.trim().parse().ok()).unwrap_or(0);
            delete(&mut tx, before).await?;
        }
        let row = Query::new("insert into lease (id, until) values (:id, {now_ms} + :term) returning until")
            .bind("id", id)
            .bind("term", if installation.db.is_shared() { term } else { HELD_BY_FILE })
            .fetch_optional(&mut tx)
            .await?;
        follow_clock(installation, row.map(|row| row.cell(0)).transpose()?, term);
        let (restore_guard, halted) = RestoreGuard::open(installation, &mut tx).await?;
        // An older database holds marks of another time than the files.
        let knowledge = if halted.is_some() { Knowledge::Nothing } else { Knowledge::Files };
        let recovered = recover_with(&mut tx, installation, &knowledge).await?;
        let recovered = Recovered { halted: halted.unwrap_or(0), ..recovered };
        let awaited = machine::list_awaited(&mut tx).await?;
        let must_wait = !awaited.is_empty();
        if must_wait {
            delete(&mut tx, id).await?;
        }
        let alive = list_alive(&mut tx).await?;
        tx.commit().await?;
        begun_bodies::remove_dead(&installation.config.data, &alive);
        restore_guard.save(installation)?;
        if must_wait {
            return Err(machine::refusal(&awaited));
        }
        if installation.db.is_shared() && lock.is_some() {
            fs::write(&id_file, format!("{id}\n")).map_err(Error::io(id_file.display()))?;
        }
        let freshness = LeaseFreshness::new(installation.clock.clone(), term, requested);
        let begun = match BegunBodies::create(&installation.config.data, id) {
            Ok(begun) => Some(Arc::new(begun)),
            Err(error) => {
                tracing::warn!(
                    error = error.message().key,
                    "begun bodies cannot be named; a crash leaves more uncertain"
                );
                None
            }
        };
        let commits = installation.mailer_status.commits();
        let work = Work::default();
        Ok((Self { id, begun, work, freshness, restore_guard, commits, _lock: lock }, recovered))
    }

    /// The local view of whether the lease holds.
    pub fn freshness(&self) -> LeaseFreshness {
        self.freshness.clone()
    }

    /// Whether the mailer has something to send.
    pub fn work(&self) -> Work {
        self.work.clone()
    }

    /// Renews the lease for another term. False when it had expired: other mailers may have recovered the deliveries,
    /// and this one must stop at once. False also while machines are awaited after a restore.
    pub async fn renew(&mut self, installation: &Installation) -> Result<bool> {
        match installation.db.is_shared() {
            false => self.confirm(installation).await,
            true if self.work.is_idle() && work::holds_long(installation, self.id, &self.freshness).await? => Ok(true),
            true => {
                let was_idle = self.work.is_idle();
                let is_held = self.renew_row(installation).await?;
                // Work that began meanwhile has made the lease short, and this renewal made it long.
                if was_idle && !self.work.is_idle() { self.renew_row(installation).await } else { Ok(is_held) }
            }
        }
    }

    /// Renews a lease that the lock file holds. Writes only after something was sent.
    async fn confirm(&mut self, installation: &Installation) -> Result<bool> {
        let (requested, commits) = (installation.clock.uptime(), installation.mailer_status.commits());
        let mut conn = installation.db.read().await?;
        installation.db.check_schema_version(&mut conn).await?;
        let row =
            Query::new("select 1 from lease where id = :id").bind("id", self.id).fetch_optional(&mut conn).await?;
        if row.is_none() {
            return Ok(false);
        }
        drop(conn);
        if commits != self.commits {
            let mut tx = installation.db.write().await?;
            self.restore_guard.increase(&mut tx).await?;
            tx.commit().await?;
            self.restore_guard.save(installation)?;
            self.commits = commits;
        }
        self.freshness.renew(requested);
        Ok(true)
    }

    async fn renew_row(&mut self, installation: &Installation) -> Result<bool> {
        let requested = installation.clock.uptime();
        let term = self.work.term(self.freshness.term());
        let mut tx = installation.db.write().await?;
        installation.db.check_schema_version(&mut tx).await?;
        let Some(until) = work::extend(&mut tx, self.id, term).await? else { return Ok(false) };
        if !machine::list_awaited(&mut tx).await?.is_empty() {
            return Ok(false);
        }
        self.restore_guard.increase(&mut tx).await?;
        tx.commit().await?;
        self.freshness.renew(requested);
        follow_clock(installation, Some(until), term);
        self.restore_guard.save(installation)?;
        Ok(true)
    }

    /// Releases the lease; deliveries that the mailer still held are recovered as after a crash.
    pub async fn release(mut self, installation: &Installation) -> Result<Recovered> {
        let mut tx = installation.db.write().await?;
        delete(&mut tx, self.id).await?;
        let own = self.begun.as_deref().and_then(BegunBodies::begun);
        let recovered = recover_with(&mut tx, installation, &Knowledge::Own(self.id, own)).await?;
        self.restore_guard.increase(&mut tx).await?;
        tx.commit().await?;
        if let Some(begun) = &self.begun {
            begun.remove();
        }
        self.restore_guard.save(installation)?;
        Ok(recovered)
    }
}

async fn delete(conn: &mut Conn, id: Id) -> Result<()> {
    Query::new("delete from lease where id = :id").bind("id", id).execute(conn).await?;
    Ok(())
}

/// Locks the row of a mailer's lease until the transaction ends, so that its deliveries are not recovered meanwhile.
/// [`Error::Fenced`] when the lease is gone or has expired: nothing may be claimed or marked.
pub async fn lock_row(conn: &mut Conn, db: &Db, mailer: Id) -> Result<()> {
    let mut script = Script::new(conn);
    push_lock(&mut script, db, mailer, false);
    check_lock(&script.run(conn).await?.remove(0))
}

/// True when no other mailer has a lease, not even an expired one.
pub async fn is_only_mailer(conn: &mut Conn, mailer: Id) -> Result<bool> {
    let other = Query::new("select 1 from lease where id <> :mailer limit 1").bind("mailer", mailer);
    Ok(other.fetch_optional(conn).await?.is_none())
}

/// Appends the statement that [`lock_row`] runs, for [`check_lock`]. With `even_expired` the lease only needs to
/// exist: that is enough to record results, so that a database that was away for a while makes no delivery uncertain.
pub fn push_lock(script: &mut Script, db: &Db, mailer: Id, even_expired: bool) {
    let lock = Query::new(
        "{select}
           from lease
          where id = :mailer {not_expired}
         {for_share}",
    )
    .fragment("select", db.select_with_idle_timeout())
    .bind("mailer", mailer)
    .fragment("not_expired", if even_expired { "" } else { "and until > {now_ms}" });
    script.push(&lock);
}

/// [`Error::Fenced`] when the statement of [`push_lock`] found no lease: nothing may be committed.
pub fn check_lock(locked: &StatementResult) -> Result<()> {
    if locked.rows.is_empty() && !failpoint::has_bug(Bug::SendWithoutLease) { Err(Error::Fenced) } else { Ok(()) }
}

/// Follows the clock of a database that several machines share.
fn follow_clock(installation: &Installation, until: Option<Millis>, term: Millis) {
    if let Some(until) = until.filter(|_| installation.db.is_shared())
        && let Some(wrong) = installation.clock.synchronize(until - term)
    {
        tracing::warn!(seconds = wrong / 1_000, "this machine's clock differs from the database's, which is used");
    }
}

/// The mailers that are alive, on all machines.
pub async fn count_alive(conn: &mut Conn, installation: &Installation) -> Result<i64> {
    if !installation.db.is_shared() && !lock_file::is_held(&lock_path(installation)) {
        return Ok(0);
    }
    let row = Query::new("select count(*) from lease where until > {now_ms}").fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

fn lock_path(installation: &Installation) -> PathBuf {
    installation.config.data.join("mailer.lock")
}

/// Recovers deliveries in a transaction of its own, apart from the renewal: that must not wait for it. Writes nothing where
/// there is nothing to recover.
pub async fn recover(installation: &Installation) -> Result<Recovered> {
    let mut conn = installation.db.read().await?;
    if !is_recovery_due(&mut conn, installation.db.is_shared()).await? {
        return Ok(Recovered::default());
    }
    drop(conn);
    let mut tx = installation.db.write().await?;
    let recovered = recover_expired(&mut tx, installation).await?;
    tx.commit().await?;
    Ok(recovered)
}

/// True when [`recover_expired`] would change something.
async fn is_recovery_due(conn: &mut Conn, is_shared: bool) -> Result<bool> {
    let due = Query::new(
        "select 1
          where exists (select 1 from lease where {is_expired})
             or exists (select 1
                          from delivery d
                         where d.mailer_id is not null
                           and not exists (select 1 from lease l where l.id = d.mailer_id))",
    )
    .fragment("is_expired", is_expired(is_shared))
    .fetch_optional(conn)
    .await?;
    Ok(due.is_some() || uncertain::is_resend_due(conn, None).await?)
}

/// The condition that a lease has expired. One of more than a day was made by hand, before the database's clock was set
/// back, or on a database that one machine used. Where a lock file tells, none expires.
fn is_expired(is_shared: bool) -> Query {
    match is_shared {
        true => Query::new("(until <= {now_ms} or until > {now_ms} + :day)").bind("day", DAY),
        false => Query::new("1 = 0"),
    }
}

/// What is known about the bodies that dead mailers have begun.
enum Knowledge {
    /// Nothing: every marked delivery may have been sent.
    Nothing,
    /// What their files in the data folder say.
    Files,
    /// The same, and what this mailer itself says.
    Own(Id, Option<Begun>),
}

async fn list_alive(conn: &mut Conn) -> Result<Vec<Id>> {
    let rows = Query::new("select id from lease").fetch_all(conn).await?;
    rows.iter().map(|row| row.cell(0)).collect()
}

/// Deletes expired leases and recovers the deliveries of mailers without a lease: those that were claimed, and those that
/// were marked and whose body has not begun, are pending again; the other marked ones are uncertain.
pub async fn recover_expired(conn: &mut Conn, installation: &Installation) -> Result<Recovered> {
    recover_with(conn, installation, &Knowledge::Files).await
}

async fn recover_with(conn: &mut Conn, installation: &Installation, knowledge: &Knowledge) -> Result<Recovered> {
    let expired = Query::new("select id from lease where {is_expired}{for_update_skip_locked}")
        .fragment("is_expired", is_expired(installation.db.is_shared()));
    Query::new("delete from lease where id in :expired").bind_query("expired", expired).execute(conn).await?;
    let rows = Query::new(
        "select distinct d.mailer_id
           from delivery d
          where d.mailer_id is not null
            and not exists (select 1 from lease l where l.id = d.mailer_id)",
    )
    .fetch_all(conn)
    .await?;
    // By id: "every mailer without a lease" would also hit one that starts at this moment.
    let dead: Vec<Id> = rows.iter().filter_map(|row| row.cell(0).ok()).collect();
    let now = installation.clock.now();
    let mut unbegun = 0;
    for mailer in &dead {
        let from_file = || begun_bodies::read(&installation.config.data, *mailer);
        let (file, own);
        let begun = match knowledge {
            Knowledge::Nothing => None,
            Knowledge::Own(id, begun) if id == mailer => {
                own = begun.as_ref();
                own
            }
            Knowledge::Own(..) | Knowledge::Files => {
                file = from_file();
                file.as_ref()
            }
        };
        let Some(begun) = begun else { continue };
        let marked = delivery::list_sending(conn, *mailer).await?;
        let ids: Vec<Id> =
            marked.into_iter().filter(|(id, attempts)| !begun.contains(*id, *attempts)).map(|(id, _)| id).collect();
        unbegun += delivery::return_unbegun(conn, *mailer, &ids, now).await?;
    }
    let (released, uncertain) = delivery::recover(conn, &dead, now).await?;
    let released = released + unbegun;
    let resent = uncertain::resend_due(conn, None, now).await?;
    Ok(Recovered { released, uncertain, resent, halted: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::Clock;

    #[test]
    fn lease_is_fresh_for_four_fifths_of_its_term_and_again_after_renewal() {
        let freshness = LeaseFreshness::new(Clock::system(), 30_000, 1_000);

        assert!(freshness.is_fresh_at(1_000) && freshness.is_fresh_at(24_999));
        assert!(!freshness.is_fresh_at(25_000));
        freshness.renew(20_000);
        assert!(freshness.clone().is_fresh_at(43_999) && !freshness.is_fresh_at(44_000));
    }
}
