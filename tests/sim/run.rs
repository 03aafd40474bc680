//! Runs seeds: one, or many on all cores; says which failed and how to run it again, and remembers it.

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};

use crate::observations::{Broken, Kept};
use crate::plan::Breach;
use crate::site::Ground;
use crate::world::World;

/// Steps between two countings.
const COUNT: usize = 12;

/// How a seed went.
pub struct Course {
    /// What was done, step by step.
    pub trace: Vec<String>,
    /// The promise that was broken.
    pub broken: Option<Broken>,
}

/// One who runs seeds, one after the other.
pub struct Hand {
    runtime: Runtime,
    ground: Option<Ground>,
}

impl Hand {
    /// One who has run none yet.
    pub fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { runtime, ground: None }
    }

    /// Runs a seed. One that panics has broken a promise too.
    pub fn run(&mut self, seed: u64, breach: Option<Breach>) -> Course {
        let run = AssertUnwindSafe(|| self.try_run(seed, breach));
        catch_unwind(run).unwrap_or_else(|panic| {
            let why = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            let broken = Some(Broken(format!("it panics: {}", why.unwrap_or("without a word"))));
            Course { trace: Vec::new(), broken }
        })
    }

    fn try_run(&mut self, seed: u64, breach: Option<Breach>) -> Course {
        let Self { runtime, ground } = self;
        runtime.block_on(async {
            let mut used = match ground.take() {
                Some(ground) => ground,
                None => Ground::open().await,
            };
            let mut world = match World::begin(used.site().await, seed, breach).await {
                Ok(world) => world,
                Err(broken) => return Course { trace: Vec::new(), broken: Some(broken) },
            };
            let broken = Box::pin(live(&mut world)).await.err();
            // Whatever a broken seed has left behind is its own affair.
            *ground = Some(used).filter(|_| broken.is_none());
            Course { trace: world.trace, broken }
        })
    }
}

async fn live(world: &mut World) -> Kept {
    for step in 0..world.plan.steps {
        world.step().await?;
        if step % COUNT == 0 {
            world.weigh_counts().await?;
        }
    }
    world.clear_up().await?;
    world.weigh_ends().await
}

/// Runs `count` seeds on all cores, until one fails. Returns how many were run and the smallest that failed.
pub fn many(count: u64, breach: Option<Breach>) -> (u64, Option<u64>) {
    let (next, failed) = (AtomicU64::new(1), Mutex::new(None::<u64>));
    let hands = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for at in 0..hands {
            let (next, failed) = (&next, &failed);
            scope.spawn(move || {
                stay(at);
                let mut hand = Hand::new();
                while failed.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed > count {
                        return;
                    }
                    if hand.run(seed, breach).broken.is_some() {
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

/// Keeps a thread, and those it starts, on one core: a seed and its database take turns, and waking
/// another core at each turn costs more than the turn.
#[cfg(target_os = "linux")]
fn stay(at: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let Ok(open) = sched_getaffinity(None) else { return };
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| open.is_set(*core)).collect();
    let mut one = CpuSet::new();
    one.set(cores[at % cores.len()]);
    // Where that is not allowed it is slower.
    let _ = sched_setaffinity(None, &one);
}

#[cfg(not(target_os = "linux"))]
fn stay(_at: usize) {}

/// Says a line past the test's captured output.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Fails with the way of a seed to its end and the line that runs it again, and has it run first from now on.
pub fn fail(seed: u64, course: &Course) -> ! {
    let Some(Broken(why)) = &course.broken else { panic!("seed {seed} failed once and does not fail again") };
    let last = course.trace.len().saturating_sub(60);
    for line in course.trace.iter().take(1).chain(course.trace.iter().skip(last.max(1))) {
        say(line);
    }
    say(&format!("broken: {why}"));
    say(&format!("SEED={seed} cargo test --test sim"));
    if remember(seed, why).is_err() {
        say(&format!("tests/sim/seeds.txt cannot be written; it lacks the line: {seed} {why}"));
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
