//! A pulse between the task that renews the lease, connections that ask it, and another mailer that takes
//! the lease away once it has run out.

use shuttle::thread;

use crate::infra::clock::Clock;
use crate::infra::sync_shim::{Arc, Mutex};
use crate::mailer::lease_freshness::LeaseFreshness;

const TERM: i64 = 10;

/// Until when the row of the lease is good; `None` once others have taken it away.
type Row = Arc<Mutex<Option<i64>>>;

/// Renews as the product does: the time is asked before the database is.
fn keep(row: &Row, clock: &Clock, pulse: &LeaseFreshness) {
    for _ in 0..3 {
        let asked = clock.now();
        {
            let mut until = row.lock().expect("nobody fails with it");
            let now = clock.now();
            match *until {
                Some(good) if good > now => *until = Some(now + TERM),
                _ => return,
            }
        }
        pulse.renew(asked);
    }
}

/// Once the lease was taken away no connection finds it fresh, then or ever after.
#[test]
fn a_lease_that_others_took_never_looks_fresh_again() {
    crate::explore(|| {
        let (row, clock) = (Row::new(Mutex::new(Some(TERM))), Clock::default());
        let pulse = LeaseFreshness::new(clock.clone(), TERM, clock.now());
        let time = {
            let clock = clock.clone();
            thread::spawn(move || (0..8).for_each(|_| clock.advance(3)))
        };
        let keeper = {
            let (row, clock, pulse) = (row.clone(), clock.clone(), pulse.clone());
            thread::spawn(move || keep(&row, &clock, &pulse))
        };
        let other = {
            let (row, clock) = (row.clone(), clock.clone());
            thread::spawn(move || {
                for _ in 0..4 {
                    let mut until = row.lock().expect("nobody fails with it");
                    *until = until.filter(|good| *good > clock.now());
                }
            })
        };
        for _ in 0..4 {
            let taken = row.lock().expect("nobody fails with it").is_none();
            let fresh = pulse.is_fresh_at(clock.now());
            assert!(!(taken && fresh), "a letter would be begun under a lease that others have taken");
        }
        for thread in [time, keeper, other] {
            thread.join().expect("ended");
        }
    });
}
