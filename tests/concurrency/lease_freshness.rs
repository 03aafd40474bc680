//! Lease freshness, with a task that renews the lease, connections that ask, and another mailer that deletes the
//! expired lease.

use shuttle::thread;

use crate::infra::clock::Clock;
use crate::infra::sync_shim::{Arc, Mutex};
use crate::mailer::lease_freshness::LeaseFreshness;

const TERM: i64 = 10;

/// The end of the lease in its row; `None` once another mailer has deleted it.
type Row = Arc<Mutex<Option<i64>>>;

/// Renews as the product does: reads the clock before it asks the database.
fn renew(row: &Row, clock: &Clock, freshness: &LeaseFreshness) {
    for _ in 0..3 {
        let requested = clock.now();
        {
            let mut until = row.lock().expect("no thread panics while it holds the lock");
            let now = clock.now();
            match *until {
                Some(end) if end > now => *until = Some(now + TERM),
                _ => return,
            }
        }
        freshness.renew(requested);
    }
}

#[test]
fn deleted_lease_is_never_fresh_again() {
    crate::explore(|| {
        let (row, clock) = (Row::new(Mutex::new(Some(TERM))), Clock::default());
        let freshness = LeaseFreshness::new(clock.clone(), TERM, clock.now());
        let time = {
            let clock = clock.clone();
            thread::spawn(move || (0..8).for_each(|_| clock.advance(3)))
        };
        let keeper = {
            let (row, clock, freshness) = (row.clone(), clock.clone(), freshness.clone());
            thread::spawn(move || renew(&row, &clock, &freshness))
        };
        let other = {
            let (row, clock) = (row.clone(), clock.clone());
            thread::spawn(move || {
                for _ in 0..4 {
                    let mut until = row.lock().expect("no thread panics while it holds the lock");
                    *until = until.filter(|end| *end > clock.now());
                }
            })
        };
        for _ in 0..4 {
            let deleted = row.lock().expect("no thread panics while it holds the lock").is_none();
            let fresh = freshness.is_fresh_at(clock.now());
            assert!(!(deleted && fresh), "a message would be begun under a deleted lease");
        }
        for thread in [time, keeper, other] {
            thread.join().expect("the thread ends");
        }
    });
}
