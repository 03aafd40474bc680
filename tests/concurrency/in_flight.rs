//! What is in hand, between two who look for letters, and the writer that marks or gives them back.

use std::collections::{BTreeMap, BTreeSet};

use shuttle::sync::mpsc;
use shuttle::{future, thread};

use crate::campaign::in_flight::InFlight;
use crate::infra::sync_shim::{Arc, Mutex};

/// Letters of the campaign.
const LETTERS: i64 = 4;

/// A row, as the disk has it.
#[derive(Default, Clone, Copy)]
struct Row {
    /// It was marked: no longer pending.
    marked: bool,
    /// Someone was given it, and has not given it back.
    out: bool,
}

type Rows = Arc<Mutex<BTreeMap<i64, Row>>>;

/// Looks as the product does: the turn first, then the disk, then what nobody holds.
fn feed(hand: &InFlight, rows: &Rows, jobs: &mpsc::Sender<i64>) {
    future::block_on(async {
        let look = hand.begin_scan().await;
        let reach = 1 + look.held();
        let found: Vec<i64> = {
            let rows = rows.lock().expect("nobody fails with it");
            rows.iter().filter(|(_, row)| !row.marked).map(|(id, _)| *id).take(reach).collect()
        };
        for id in look.take(found, |id| *id, 1) {
            let before = rows.lock().expect("nobody fails with it").insert(id, Row { marked: false, out: true });
            assert!(before.is_some_and(|row| !row.marked && !row.out), "letter {id} is given to two");
            jobs.send(id).expect("someone writes");
        }
    });
}

/// Commits first and forgets then. Every third letter is given back the first time.
fn write(hand: &InFlight, rows: &Rows, jobs: &mpsc::Receiver<i64>) {
    let mut returned = BTreeSet::new();
    for id in jobs.iter() {
        let back = id % 3 == 0 && returned.insert(id);
        rows.lock().expect("nobody fails with it").insert(id, Row { marked: !back, out: false });
        hand.remove(&[id]);
    }
}

/// However the three meet, no letter is in two hands or given out again after its mark, and none stays
/// in hand for ever.
#[test]
fn no_letter_is_given_to_two() {
    crate::explore(|| {
        let hand = Arc::new(InFlight::default());
        let rows: Rows = Arc::new(Mutex::new((0..LETTERS).map(|id| (id, Row::default())).collect()));
        let (jobs, inbox) = mpsc::channel();
        let feeders: Vec<_> = (0..2)
            .map(|_| {
                let (hand, rows, jobs) = (hand.clone(), rows.clone(), jobs.clone());
                thread::spawn(move || (0..4).for_each(|_| feed(&hand, &rows, &jobs)))
            })
            .collect();
        drop(jobs);
        let writer = {
            let (hand, rows) = (hand.clone(), rows.clone());
            thread::spawn(move || write(&hand, &rows, &inbox))
        };
        for thread in feeders {
            thread.join().expect("fed");
        }
        writer.join().expect("written");

        let left: Vec<i64> = {
            let rows = rows.lock().expect("nobody fails with it");
            rows.iter().filter(|(_, row)| !row.marked).map(|(id, _)| *id).collect()
        };
        let found = future::block_on(async { hand.begin_scan().await.take(left.clone(), |id| *id, left.len()) });
        assert_eq!(found, left, "what is pending can be taken");
    });
}
