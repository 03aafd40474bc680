//! Deterministic simulation of sending. The real scheduler, feeder, connections and SMTP sessions run in virtual time,
//! on a real SQLite database and against a simulated relay, while mailers die, leases expire, replies are lost,
//! contacts unsubscribe, campaigns are paused and clocks jump. Each seed is one history; invariants are checked after
//! every step.
//!
//! `SEED=17 cargo test --test sim` runs one seed again; `SEEDS=10000` runs more of them. A seed that fails is added to
//! `seeds.txt`, whose seeds run first from then on.

mod drain;
mod driver;
mod faults;
mod installation;
mod invariants;
mod launches;
mod mailer;
mod observations;
mod plan;
mod relay;
mod rng;
mod runner;
mod simulation;

use std::time::Instant;

use plan::Mistake;
use runner::Worker;
use sendoff::infra::failpoint::Bug;

/// Seeds that run by default: on every machine the same ones, fast or slow.
const SEEDS: u64 = 600;

/// Seeds that failed once, one a line.
const FAILED: &str = include_str!("seeds.txt");

#[expect(clippy::disallowed_methods, reason = "a test has no command line to pass it on")]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Runs one seed; fails with its history when it breaks an invariant.
fn run_one(seed: u64) {
    let history = Worker::new().run(seed, None);
    if history.violation.is_some() {
        runner::fail(seed, &history);
    }
}

#[test]
fn every_seed_keeps_the_invariants() {
    if let Some(seed) = variable("SEED") {
        run_one(seed);
        return runner::print(&format!("seed {seed} keeps every invariant"));
    }
    let began = Instant::now();
    let known: Vec<u64> = FAILED.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect();
    known.iter().copied().for_each(run_one);
    let (run, failed) = runner::run_many(variable("SEEDS").unwrap_or(SEEDS), None);
    if let Some(seed) = failed {
        run_one(seed);
        panic!("seed {seed} breaks an invariant, but not by itself");
    }
    let seconds = began.elapsed().as_secs_f64();
    runner::print(&format!("simulation: {} seeds run, {seconds:.1} seconds", run + known.len() as u64));
}

#[test]
fn a_seed_has_the_same_history_every_time() {
    let mut worker = Worker::new();
    for seed in [3, 7, 11, 3, 7, 11] {
        let alone = Worker::new().run(seed, None);
        assert_eq!(worker.run(seed, None).trace, alone.trace, "seed {seed}");
    }
}

/// A mistake must be found within so many seeds.
fn finds(mistake: Mistake, within: u64) {
    let (run, failed) = runner::run_many(within, Some(mistake));
    assert!(failed.is_some(), "{mistake:?} is not found within {within} seeds");
    runner::print(&format!("simulation: {mistake:?} is found within {run} seeds"));
}

#[test]
fn a_mark_after_the_body_is_found_within_100_seeds() {
    finds(Mistake::Of(Bug::MarkAfterBody), 100);
}

#[test]
fn a_skipped_eligibility_check_is_found_within_100_seeds() {
    finds(Mistake::Of(Bug::SkipFinalCheck), 100);
}

#[test]
fn marks_forgotten_by_a_crash_are_found_within_100_seeds() {
    finds(Mistake::MarksForgotten, 100);
}

#[test]
fn a_lost_reply_recorded_as_untried_is_found_within_100_seeds() {
    finds(Mistake::Of(Bug::LostReplyIsUntried), 100);
}

#[test]
fn a_mark_age_counted_too_late_is_found_within_1000_seeds() {
    finds(Mistake::Of(Bug::MarkAgeFromRead), 1000);
}

#[test]
fn sending_without_a_lease_is_found_within_300_seeds() {
    finds(Mistake::Of(Bug::SendWithoutLease), 300);
}

#[test]
fn a_campaign_finished_early_is_found_within_100_seeds() {
    finds(Mistake::FinishedEarly, 100);
}

#[test]
fn a_dropped_result_is_found_within_100_seeds() {
    finds(Mistake::Of(Bug::DropResult), 100);
}

#[test]
fn a_repeat_with_other_bytes_is_found_within_300_seeds() {
    finds(Mistake::SnapshotForgotten, 300);
}

#[test]
fn sending_without_tokens_is_found_within_300_seeds() {
    finds(Mistake::Of(Bug::SkipTokenDraw), 300);
}
