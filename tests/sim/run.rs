//! Runs seeds: one, or many on all cores, and says which failed and how to run it again.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::facts::{Broken, Kept};
use crate::plan::Breach;
use crate::world::World;

/// Steps between two countings.
const COUNT: usize = 8;

/// How a seed went.
pub struct Course {
    /// What was done, step by step.
    pub trace: Vec<String>,
    /// The promise that was broken.
    pub broken: Option<Broken>,
}

/// Runs one seed.
pub fn one(seed: u64, breach: Option<Breach>) -> Course {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut world = match World::begin(seed, breach).await {
            Ok(world) => world,
            Err(broken) => return Course { trace: Vec::new(), broken: Some(broken) },
        };
        let broken = Box::pin(live(&mut world)).await.err();
        world.site.close().await;
        Course { trace: world.trace, broken }
    })
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

/// Runs seeds from `first` on, at most `count`, on all cores, until one fails or `until` says enough.
/// Returns how many were run and the smallest that failed.
pub fn many(first: u64, count: u64, breach: Option<Breach>, enough: impl Fn() -> bool + Sync) -> (u64, Option<u64>) {
    let (next, failed) = (AtomicU64::new(first), Mutex::new(None::<u64>));
    let hands = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..hands {
            scope.spawn(|| {
                while !enough() && failed.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + count {
                        return;
                    }
                    if one(seed, breach).broken.is_some() {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        *failed = Some(failed.map_or(seed, |other| other.min(seed)));
                    }
                }
            });
        }
    });
    let run = next.load(Ordering::SeqCst).min(first + count) - first;
    (run, failed.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Says a line past the test's captured output.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Fails with the way of a seed to its end, and the line that runs it again.
pub fn fail(seed: u64, course: &Course) -> ! {
    let Some(Broken(why)) = &course.broken else { panic!("seed {seed} failed once and does not fail again") };
    let last = course.trace.len().saturating_sub(60);
    for line in course.trace.iter().take(1).chain(&course.trace[last.max(1)..]) {
        say(line);
    }
    say(&format!("broken: {why}"));
    say(&format!("SEED={seed} cargo test --test sim"));
    panic!("seed {seed}: {why}");
}
