//! Health of the installation and of this process: a snapshot of database and disk, and the problems it shows.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use crate::feedback::recorder::{Recorder, SpoolCause};
use crate::feedback::set_aside::{self, Queue};
use crate::infra::db::PhysicalErasure;
use crate::infra::disk::{self, DiskSpace};
use crate::infra::error::{Error, Message};
use crate::infra::installation::Installation;
use crate::mailer::machine::{self, Machine};
use crate::privacy::physical_erasure::{self, Due};
use crate::privacy::request_journal::RequestJournal;
use crate::privacy::subject_request;
use crate::report::stats::{self, Stats};
use crate::usecase::request;

/// How long the database and the disk may take to answer.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

const MIB: u64 = 1 << 20;
/// With less free space than this, a database or a journal may fail to write.
const DISK_FULL: u64 = 64 * MIB;
/// The write-ahead log of SQLite stays below this, unless something keeps it from beginning again.
const WAL_LONG: u64 = 128 * MIB;
/// With less free space than this, the operator should act.
const DISK_SCARCE: u64 = 1_024 * MIB;

/// The state of database and disk at one moment.
#[derive(Debug)]
pub struct HealthSnapshot {
    /// When it was taken.
    pub taken_at: Instant,
    /// Stats of the database; `None` while it does not answer.
    pub stats: Option<Stats>,
    /// Lines that are set aside: of opens and clicks, and of requests.
    pub set_aside: (u64, u64),
    /// Requests of people that are due within three days, and those of them that are late.
    pub requests_due: (i64, i64),
    /// The machines that sending waits for after an older copy of the database was put back.
    pub awaited: Vec<Machine>,
    /// Bytes of erased contacts that are still in the files of the database, and until when (PostgreSQL).
    pub erasure: Option<Due>,
    /// Bytes of SQLite's write-ahead log.
    pub wal: u64,
    /// State of the data folder; `None` while the disk does not answer.
    pub disk: Option<DiskStatus>,
}

/// The state of the data folder.
#[derive(Debug)]
pub struct DiskStatus {
    /// Unsubscribe requests that wait on disk for the database.
    pub pending_requests: u64,
    /// Opens and clicks that wait on disk for the database.
    pub spilled_events: u64,
    /// Why they wait.
    pub cause: SpoolCause,
    /// Free space and size, where the system reports them.
    pub space: Option<DiskSpace>,
}

/// A problem of this process or of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The message; its key without `health-` is the reason for programs.
    pub message: Message,
    /// Whether this process cannot do its work.
    pub blocks: bool,
}

impl HealthSnapshot {
    /// Takes a snapshot, within two seconds.
    pub async fn take(installation: &Installation, journal: &RequestJournal, recorder: &Recorder) -> Self {
        let reading_stats = async {
            let mut conn = installation.db.read().await?;
            let events = set_aside::count(&mut conn, Queue::Event).await?;
            let requests = set_aside::count(&mut conn, Queue::Request).await?;
            let stats = stats::read(&mut conn, installation).await?;
            let awaited = machine::list_awaited(&mut conn).await?;
            let erasure = physical_erasure::due(installation).await?;
            let now = installation.clock.now();
            let due = subject_request::count_due(&mut conn, now + request::REMINDER, now).await?;
            Ok::<_, Error>((stats, ((events, requests), awaited, erasure, due)))
        };
        let (journal, recorder, data) = (journal.clone(), recorder.clone(), installation.config.data.clone());
        let reading_disk = spawn_blocking(move || DiskStatus {
            pending_requests: journal.count_pending(),
            spilled_events: recorder.spilled(),
            cause: recorder.cause(),
            space: disk::space(&data),
        });
        let (stats, disk) = tokio::join!(timeout(READ_TIMEOUT, reading_stats), timeout(READ_TIMEOUT, reading_disk));
        let (stats, others) = stats.ok().and_then(Result::ok).unzip();
        let (set_aside, awaited, erasure, requests_due) = others.unwrap_or_default();
        Self {
            taken_at: Instant::now(),
            stats,
            set_aside,
            requests_due,
            awaited,
            erasure,
            wal: installation.db.wal_state().length,
            disk: disk.ok().and_then(Result::ok),
        }
    }

    /// All problems, those that block first.
    pub fn problems(&self, installation: &Installation, recorder: &Recorder) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut add = |blocks, message| problems.push(Problem { message, blocks });
        match &self.stats {
            None => add(true, Message::new("health-database-unreachable")),
            Some(stats) if stats.newer => add(true, Message::new("health-database-newer")),
            Some(_) => {}
        }
        if !self.awaited.is_empty() {
            add(true, Message::new("health-restore-awaited").with("machines", machine::names(&self.awaited)));
        }
        if installation.audit_log.failures() > 0 {
            add(false, Message::new("health-audit-unwritten").with("count", installation.audit_log.failures()));
        }
        let status = &installation.mailer_status;
        if let Some(cause) = status.exit_reason() {
            add(true, Message::new("health-mailer-exited").with("cause", cause));
        } else if status.mailers.get() > 0 && status.leases.get() == 0 {
            add(true, Message::new("health-lease-lost"));
        }
        if let Some((count, part)) = installation.panics.recent() {
            add(false, Message::new("health-panics").with("count", count).with("part", part));
        }
        match self.disk.as_ref().map(|disk| disk.space.map(|space| space.free)) {
            None => add(true, Message::new("health-disk-unreachable")),
            Some(Some(free)) if free < DISK_FULL => add(true, Message::new("health-disk-full").with("mib", free / MIB)),
            Some(Some(free)) if free < DISK_SCARCE => {
                add(false, Message::new("health-disk-scarce").with("mib", free / MIB));
            }
            Some(_) => {}
        }
        if let Some(disk) = &self.disk {
            if disk.pending_requests > 0 {
                add(false, Message::new("health-unsubscribes-pending").with("count", disk.pending_requests));
            }
            if disk.spilled_events > 0 {
                let message = Message::new("health-events-pending").with("count", disk.spilled_events);
                let cause = match disk.cause {
                    SpoolCause::DatabaseAway => "away",
                    SpoolCause::TooFast => "fast",
                    SpoolCause::Backlog => "backlog",
                };
                add(false, message.with("cause", cause));
            }
        }
        if recorder.lost() > 0 {
            let cause = if 2 * recorder.lost_in_memory() > recorder.lost() { "slow" } else { "disk" };
            add(false, Message::new("health-events-lost").with("count", recorder.lost()).with("cause", cause));
        }
        let (events, requests) = self.set_aside;
        if requests > 0 {
            add(false, Message::new("health-requests-set-aside").with("count", requests));
        }
        if events > 0 {
            add(false, Message::new("health-events-set-aside").with("count", events));
        }
        let (due, late) = self.requests_due;
        if due > 0 {
            add(false, Message::new("health-people-waiting").with("count", due).with("late", late));
        }
        if self.wal > WAL_LONG {
            add(false, Message::new("health-wal-long").with("mib", self.wal / MIB));
        }
        if installation.db.physical_erasure() == PhysicalErasure::File {
            add(false, Message::new("health-pages-unavailable"));
        }
        if let Some(due) = self.erasure.filter(|due| due.latest < installation.clock.now() && due.latest > due.since) {
            add(false, Message::new("health-erasure-overdue").with("time", due.latest_text()));
        }
        if let Some(stats) = &self.stats {
            if stats.paused_by_engine > 0 {
                let message = Message::new("health-campaigns-halted");
                add(
                    false,
                    message.with("count", stats.paused_by_engine).with("causes", stats.pause_reasons.join(", ")),
                );
            }
            if stats.mailers == 0 && stats.backlogs.values().any(|queue| queue.age > 0) {
                add(false, Message::new("health-no-mailer"));
            }
        }
        problems
    }
}
