//! Deliveries in flight, with two feeders that scan for due deliveries and a task that marks or releases them.

use std::collections::{BTreeMap, BTreeSet};

use shuttle::sync::mpsc;
use shuttle::{future, thread};

use crate::campaign::in_flight::InFlight;
use crate::infra::sync_shim::{Arc, Mutex};

/// Deliveries of the campaign.
const DELIVERIES: i64 = 4;

/// A row on disk.
#[derive(Default, Clone, Copy)]
struct Row {
    /// No longer pending.
    marked: bool,
    /// Claimed and not released.
    claimed: bool,
}

type Rows = Arc<Mutex<BTreeMap<i64, Row>>>;

/// Claims as the product does: begins a scan, reads the disk, takes what is not in flight.
fn feed(in_flight: &InFlight, rows: &Rows, jobs: &mpsc::Sender<i64>) {
    future::block_on(async {
        let scan = in_flight.begin_scan().await;
        let limit = 1 + scan.held();
        let found: Vec<i64> = {
            let rows = rows.lock().expect("no thread panics while it holds the lock");
            rows.iter().filter(|(_, row)| !row.marked).map(|(id, _)| *id).take(limit).collect()
        };
        for id in scan.take(found, |id| *id, 1) {
            let row = Row { marked: false, claimed: true };
            let before = rows.lock().expect("no thread panics while it holds the lock").insert(id, row);
            assert!(before.is_some_and(|row| !row.marked && !row.claimed), "delivery {id} is claimed twice");
            jobs.send(id).expect("the receiver lives");
        }
    });
}

/// Commits first and removes from the deliveries in flight then. Every third delivery is released the first time.
fn commit(in_flight: &InFlight, rows: &Rows, jobs: &mpsc::Receiver<i64>) {
    let mut released = BTreeSet::new();
    for id in jobs.iter() {
        let release = id % 3 == 0 && released.insert(id);
        let row = Row { marked: !release, claimed: false };
        rows.lock().expect("no thread panics while it holds the lock").insert(id, row);
        in_flight.remove(&[id]);
    }
}

#[test]
fn no_delivery_is_claimed_twice_and_none_stays_in_flight() {
    crate::explore(|| {
        let in_flight = Arc::new(InFlight::default());
        let rows: Rows = Arc::new(Mutex::new((0..DELIVERIES).map(|id| (id, Row::default())).collect()));
        let (jobs, receiver) = mpsc::channel();
        let feeders: Vec<_> = (0..2)
            .map(|_| {
                let (in_flight, rows, jobs) = (in_flight.clone(), rows.clone(), jobs.clone());
                thread::spawn(move || (0..4).for_each(|_| feed(&in_flight, &rows, &jobs)))
            })
            .collect();
        drop(jobs);
        let committer = {
            let (in_flight, rows) = (in_flight.clone(), rows.clone());
            thread::spawn(move || commit(&in_flight, &rows, &receiver))
        };
        for feeder in feeders {
            feeder.join().expect("the feeder ends");
        }
        committer.join().expect("the committer ends");

        let pending: Vec<i64> = {
            let rows = rows.lock().expect("no thread panics while it holds the lock");
            rows.iter().filter(|(_, row)| !row.marked).map(|(id, _)| *id).collect()
        };
        let claimed =
            future::block_on(async { in_flight.begin_scan().await.take(pending.clone(), |id| *id, pending.len()) });
        assert_eq!(claimed, pending, "pending deliveries can be claimed");
    });
}
