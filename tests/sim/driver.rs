//! SQLite driver in virtual time: every statement is complete when its call returns.
//!
//! SQLite works on a thread of its own, and when its reply arrives differs from run to run. This driver waits for the
//! reply inside the call, so that no task runs meanwhile and the order of everything depends on the seed alone. It also
//! replaces the clock of the database by a virtual one, and makes commits slow, or refuses them, when the seed says so.
//!
//! sqlx takes drivers through its `Database` trait, whose types for rows and values are not used here: they exist to
//! satisfy the trait.

use std::cell::RefCell;
use std::future::ready;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use sendoff::infra::clock::Clock;
use sqlx::any::{AnyArguments, AnyConnectOptions, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Either, Error, SqlSafeStr, SqlStr};
use sqlx_core::any::AnyConnectionBackend;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::rng::Rng;
use stub::Simulated;

mod stub;

type Result<T> = std::result::Result<T, Error>;

/// How long a commit takes at least. Without it a mailer could try the same thing for ever in no time.
const SYNC: Duration = Duration::from_millis(3);

thread_local! {
    static CONDITIONS: RefCell<Conditions> = RefCell::default();
}

/// How the database of this thread behaves towards mailers.
#[derive(Default)]
pub struct Conditions {
    /// The clock of the database, and the SQL expression that asks for it.
    pub clock: Option<(Clock, &'static str)>,
    /// Makes some commits slow.
    pub delays: Option<Rng>,
    /// Commits that are refused next.
    pub refuse: usize,
    /// Stops the next commit half-way, for as long as it takes to kill its process.
    pub stop: Option<(Moment, Arc<Notify>)>,
}

/// A moment of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing is written yet.
    Before,
    /// Everything is written, and the mailer does not know it yet.
    After,
}

/// Changes the conditions of this thread.
pub fn set<T>(change: impl FnOnce(&mut Conditions) -> T) -> T {
    CONDITIONS.with_borrow_mut(change)
}

/// Installs this driver for all connections of the process.
pub fn install() {
    const DRIVER: sqlx_core::any::driver::AnyDriver = sqlx_core::any::driver::AnyDriver::without_migrate::<Simulated>();
    // Every test of this binary installs the same one.
    let _ = sqlx::any::install_drivers(&[DRIVER]);
    sendoff::infra::db::keep_installed_drivers();
}

/// A connection to SQLite.
#[derive(Debug)]
pub struct SimulatedConnection(SqliteConnection);

/// What happens to one commit.
struct Commit {
    before: Duration,
    after: Duration,
    refused: bool,
    stop: Option<(Moment, Arc<Notify>)>,
}

impl Commit {
    /// Commits of the simulation itself, which is no task of the runtime, are always in order.
    fn next() -> Self {
        let mut commit = Self { before: SYNC, after: Duration::ZERO, refused: false, stop: None };
        if tokio::task::try_id().is_none() {
            commit.before = Duration::ZERO;
        } else {
            set(|conditions| {
                commit.refused = conditions.refuse > 0;
                conditions.refuse = conditions.refuse.saturating_sub(1);
                commit.stop = conditions.stop.take();
                if let Some(rng) = &mut conditions.delays {
                    let mut delay = || Duration::from_millis(rng.weighted(&[(70, 0), (20, 3), (8, 30), (2, 400)]));
                    (commit.before, commit.after) = (SYNC + delay(), delay());
                }
            });
        }
        commit
    }

    async fn pass(&self, moment: Moment, delay: Duration) {
        if let Some((at, reached)) = &self.stop
            && *at == moment
        {
            reached.notify_one();
            sleep(Duration::from_secs(1)).await;
        }
        if !delay.is_zero() {
            sleep(delay).await;
        }
    }
}

/// Wakes the thread that waits for SQLite.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for SQLite; nothing else of this thread runs meanwhile.
fn wait<T>(reply: impl Future<Output = T>) -> T {
    let mut reply = pin!(reply);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match reply.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The statement with the time of the virtual clock; true when it asked for the time.
fn at_virtual_time(sql: SqlStr) -> (SqlStr, bool) {
    let now = set(|conditions| conditions.clock.as_ref().map(|(clock, expression)| (clock.now(), *expression)));
    match now {
        Some((now, expression)) if sql.as_str().contains(expression) => {
            (AssertSqlSafe(sql.as_str().replace(expression, &now.to_string())).into_sql_str(), true)
        }
        _ => (sql, false),
    }
}

impl AnyConnectionBackend for SimulatedConnection {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(ready(wait(AnyConnectionBackend::close(Box::new(self.0)))))
    }

    fn close_hard(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(ready(wait(AnyConnectionBackend::close_hard(Box::new(self.0)))))
    }

    fn ping(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(ready(wait(AnyConnectionBackend::ping(&mut self.0))))
    }

    fn begin(&mut self, statement: Option<SqlStr>) -> BoxFuture<'_, Result<()>> {
        Box::pin(ready(wait(AnyConnectionBackend::begin(&mut self.0, statement))))
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let commit = Commit::next();
            if commit.refused {
                return Err(Error::Io(std::io::Error::other("the disk refuses a commit")));
            }
            commit.pass(Moment::Before, commit.before).await;
            let done = wait(AnyConnectionBackend::commit(&mut self.0));
            commit.pass(Moment::After, commit.after).await;
            done
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(ready(wait(AnyConnectionBackend::rollback(&mut self.0))))
    }

    fn start_rollback(&mut self) {
        AnyConnectionBackend::start_rollback(&mut self.0);
    }

    fn get_transaction_depth(&self) -> usize {
        AnyConnectionBackend::get_transaction_depth(&self.0)
    }

    fn shrink_buffers(&mut self) {
        AnyConnectionBackend::shrink_buffers(&mut self.0);
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(ready(wait(AnyConnectionBackend::flush(&mut self.0))))
    }

    fn should_flush(&self) -> bool {
        AnyConnectionBackend::should_flush(&self.0)
    }

    fn as_migrate(&mut self) -> Result<&mut (dyn sqlx_core::migrate::Migrate + Send + 'static)> {
        AnyConnectionBackend::as_migrate(&mut self.0)
    }

    fn fetch_many(
        &mut self,
        query: SqlStr,
        persistent: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxStream<'_, Result<Either<AnyQueryResult, AnyRow>>> {
        let (query, timed) = at_virtual_time(query);
        let rows = AnyConnectionBackend::fetch_many(&mut self.0, query, persistent && !timed, arguments);
        let rows: Vec<_> = wait(rows.collect());
        Box::pin(stream::iter(rows))
    }

    fn fetch_optional(
        &mut self,
        query: SqlStr,
        persistent: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxFuture<'_, Result<Option<AnyRow>>> {
        let (query, timed) = at_virtual_time(query);
        let row = AnyConnectionBackend::fetch_optional(&mut self.0, query, persistent && !timed, arguments);
        Box::pin(ready(wait(row)))
    }

    fn prepare_with<'c, 'q: 'c>(
        &'c mut self,
        sql: SqlStr,
        parameters: &[AnyTypeInfo],
    ) -> BoxFuture<'c, Result<AnyStatement>> {
        Box::pin(ready(wait(AnyConnectionBackend::prepare_with(&mut self.0, sql, parameters))))
    }
}

/// Where to connect.
#[derive(Debug, Clone)]
pub struct SimulatedOptions(SqliteConnectOptions);

impl FromStr for SimulatedOptions {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        url.parse().map(Self)
    }
}

impl<'o> TryFrom<&'o AnyConnectOptions> for SimulatedOptions {
    type Error = Error;

    fn try_from(options: &'o AnyConnectOptions) -> Result<Self> {
        SqliteConnectOptions::try_from(options).map(Self)
    }
}

impl ConnectOptions for SimulatedOptions {
    type Connection = SimulatedConnection;

    fn from_url(url: &sqlx_core::Url) -> Result<Self> {
        SqliteConnectOptions::from_url(url).map(Self)
    }

    async fn connect(&self) -> Result<SimulatedConnection> {
        wait(self.0.connect()).map(SimulatedConnection)
    }

    fn log_statements(self, level: log::LevelFilter) -> Self {
        Self(self.0.log_statements(level))
    }

    fn log_slow_statements(self, level: log::LevelFilter, duration: Duration) -> Self {
        Self(self.0.log_slow_statements(level, duration))
    }
}
