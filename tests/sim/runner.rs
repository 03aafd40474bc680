//! Runs seeds: one, or many on all cores. Prints the history of one that fails and the command that runs it again, and
//! adds it to `seeds.txt`.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use sendoff::infra::failpoint;
use tokio::runtime::{Builder, Runtime};

use crate::installation::Database;
use crate::observations::{Checked, Shared, Violation};
use crate::plan::{Mistake, Plan};
use crate::rng::Rng;
use crate::simulation::Simulation;

/// Steps between two checks of the counts.
const COUNT_EVERY: usize = 12;

thread_local! {
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a task of this thread's seed panicked.
pub fn has_panicked() -> bool {
    PANICKED.get()
}

/// How a seed went.
pub struct History {
    /// What happened, step by step.
    pub trace: Vec<String>,
    /// The invariant that was broken.
    pub violation: Option<Violation>,
}

/// Runs seeds one after the other, in virtual time on one thread.
pub struct Worker {
    runtime: Runtime,
    database: Option<Database>,
}

impl Worker {
    /// A worker that has run no seed yet.
    pub fn new() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let print = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                PANICKED.set(true);
                print(panic);
            }));
        });
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        Self { runtime, database: None }
    }

    /// Runs a seed. A panic is a violation too.
    pub fn run(&mut self, seed: u64, mistake: Option<Mistake>) -> History {
        PANICKED.set(false);
        let run = AssertUnwindSafe(|| self.try_run(seed, mistake));
        let history = catch_unwind(run).unwrap_or_else(|panic| {
            let why = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            let violation = Some(Violation(format!("it panics: {}", why.unwrap_or("without a message"))));
            History { trace: Vec::new(), violation }
        });
        failpoint::inject(None);
        if history.violation.is_some() {
            // Tasks of a seed that failed must not run on in the next.
            *self = Self::new();
        }
        history
    }

    fn try_run(&mut self, seed: u64, mistake: Option<Mistake>) -> History {
        let Self { runtime, database } = self;
        runtime.block_on(async {
            let mut used = match database.take() {
                Some(database) => database,
                None => Database::open().await,
            };
            let observations = Shared::new();
            let checked = Box::pin(run(&mut used, seed, &observations, mistake)).await;
            *database = Some(used);
            let trace = std::mem::take(&mut observations.lock().trace);
            History { trace, violation: checked.err() }
        })
    }
}

async fn run(database: &mut Database, seed: u64, observations: &Shared, mistake: Option<Mistake>) -> Checked {
    let mut rng = Rng::new(seed);
    let plan = Plan::new(&mut rng);
    let installation = database.reset(plan.shared).await;
    let mut simulation = Simulation::start(installation, (plan, rng), observations.clone(), mistake).await?;
    for step in 0..simulation.plan.steps {
        simulation.step().await?;
        if step % COUNT_EVERY == 0 {
            simulation.check_counts(false).await?;
        }
    }
    simulation.drain().await?;
    simulation.check_ends().await
}

/// Runs `count` seeds on all cores, until one fails. Returns how many were run and the smallest that failed.
pub fn run_many(count: u64, mistake: Option<Mistake>) -> (u64, Option<u64>) {
    let (next, failed) = (AtomicU64::new(1), Mutex::new(None::<u64>));
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for number in 0..workers {
            let (next, failed) = (&next, &failed);
            scope.spawn(move || {
                pin_to_core(number);
                let mut worker = Worker::new();
                while failed.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed > count {
                        return;
                    }
                    if worker.run(seed, mistake).violation.is_some() {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        *failed = Some(failed.map_or(seed, |other| other.min(seed)));
                    }
                }
            });
        }
    });
    let run = next.load(Ordering::SeqCst).min(count + 1) - 1;
    (run, failed.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps a thread, and those it starts, on one core: a seed and its database take turns, and waking another core at
/// each turn costs more than the turn.
#[cfg(target_os = "linux")]
fn pin_to_core(number: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let Ok(open) = sched_getaffinity(None) else { return };
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| open.is_set(*core)).collect();
    let mut one = CpuSet::new();
    one.set(cores[number % cores.len()]);
    // Where that is not allowed it is slower.
    let _ = sched_setaffinity(None, &one);
}

#[cfg(not(target_os = "linux"))]
fn pin_to_core(_number: usize) {}

/// Prints a line past the captured output of the test.
pub fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Fails with the history of a seed and the command that runs it again, and makes it run first from now on.
pub fn fail(seed: u64, history: &History) -> ! {
    let Some(Violation(why)) = &history.violation else { panic!("seed {seed} failed once and does not fail again") };
    let last = history.trace.len().saturating_sub(60);
    for line in history.trace.iter().take(1).chain(history.trace.iter().skip(last.max(1))) {
        print(line);
    }
    print(&format!("violation: {why}"));
    print(&format!("SEED={seed} cargo test --test sim"));
    if remember(seed, why).is_err() {
        print(&format!("tests/sim/seeds.txt cannot be written; it lacks the line: {seed} {why}"));
    }
    panic!("seed {seed}: {why}");
}

/// Adds a seed to those that failed once, unless it is there.
fn remember(seed: u64, why: &str) -> std::io::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim/seeds.txt");
    let known = std::fs::read_to_string(&file)?;
    if known.lines().any(|line| line.split(' ').next() == Some(&seed.to_string())) {
        return Ok(());
    }
    let why = why.replace('\n', " ");
    writeln!(OpenOptions::new().append(true).open(file)?, "{seed} {why}")
}
