//! Concurrency tests of the mailer under `shuttle`, a scheduler that decides every step of threads and tasks and
//! explores thousands of interleavings.
//!
//! The source files are those of the product, included with `#[path]`. They take their primitives from
//! `infra::sync_shim`, which is replaced here. A failing interleaving is printed; `shuttle::replay` runs it again.

mod campaign;
mod disk;
mod group_commit;
mod in_flight;
mod infra;
mod lease_freshness;
mod mailer;
mod time;
mod token_reserve;

/// Interleavings to explore at random, and again with few, well placed switches.
const INTERLEAVINGS: usize = 1_000;

/// Runs a scenario under many interleavings.
fn explore(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(scenario.clone(), INTERLEAVINGS);
    shuttle::check_pct(scenario, INTERLEAVINGS, 3);
}
