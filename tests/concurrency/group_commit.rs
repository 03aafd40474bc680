//! The writer between connections that ask for marks, say how letters ended and give letters back, and a
//! database that may fail once.

use std::collections::BTreeSet;

use shuttle::future::{self, JoinHandle};
use shuttle::rand::{Rng, thread_rng};
use tokio::sync::watch;

use crate::campaign::delivery::{DeliveryResult, Mark, Marked};
use crate::campaign::in_flight::InFlight;
use crate::disk::{Disk, Failure};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::sync_shim::Arc;
use crate::mailer::queue::group_commit::GroupCommit;

/// Letters, dealt out to as many connections as there are letters of each.
const LETTERS: Id = 9;
const CONNECTIONS: Id = 3;

/// What a connection has said of its letters.
#[derive(Default)]
struct Said {
    sent: BTreeSet<Id>,
    released: BTreeSet<Id>,
    /// Asked for a mark and told nothing.
    unanswered: BTreeSet<Id>,
}

/// What a shift with its writer came to.
struct Outcomes {
    said: Said,
    sound: bool,
    halted: bool,
}

/// Weighs the last word on a letter; true when it may be sent.
fn may_send(disk: &Disk, id: Id, answer: Result<Option<Marked>, impl Sized>) -> Option<bool> {
    let rows = disk.rows();
    match answer {
        Ok(Some(Marked(told))) => {
            assert_eq!(told, id, "the answer of another letter");
            assert!(rows.marked.contains(&id), "letter {id} may be sent, and its mark is not on disk");
            Some(true)
        }
        Ok(None) => {
            assert!(rows.gone.contains(&id), "letter {id} is refused, and its person has not left");
            Some(false)
        }
        Err(_) => None,
    }
}

/// One connection: every third letter goes back unmarked, the others are asked for and sent, two at a time.
async fn connect(writer: GroupCommit, disk: Disk, letters: Vec<Id>) -> Said {
    let (mut said, mut asked) = (Said::default(), Vec::new());
    let mut busy = writer.busy();
    for id in letters {
        if id % 3 == 2 {
            writer.release(id).await;
            said.released.insert(id);
        } else {
            asked.push((id, writer.mark(Mark { id }).await));
        }
    }
    busy.begin();
    for (id, answer) in asked {
        match may_send(&disk, id, answer.await) {
            Some(true) => {
                writer.record(DeliveryResult { id }).await;
                said.sent.insert(id);
            }
            Some(false) => {}
            None => drop(said.unanswered.insert(id)),
        }
    }
    writer.settle().await;
    assert!(disk.rows().results.is_superset(&said.sent), "settled, and a result is not on disk");
    said
}

/// A shift from its first letter to its last, over a database that fails as it is told.
async fn work(installation: &Installation) -> Outcomes {
    let hand = Arc::new(InFlight::default());
    let all: Vec<Id> = (0..LETTERS).collect();
    hand.begin_scan().await.take(all.clone(), |id| *id, all.len());
    let (halt, halted) = watch::channel(false);
    let (writer, writing) = GroupCommit::start(installation.clone(), 1, hand.clone(), halt);
    let connections: Vec<JoinHandle<Said>> = (0..CONNECTIONS)
        .map(|at| {
            let letters = all.iter().copied().filter(|id| id / CONNECTIONS == at).collect();
            future::spawn(connect(writer.clone(), installation.db.disk.clone(), letters))
        })
        .collect();
    drop(writer);
    let mut said = Said::default();
    for connection in connections {
        let mut one = connection.await.expect("served");
        said.sent.append(&mut one.sent);
        said.released.append(&mut one.released);
        said.unanswered.append(&mut one.unanswered);
    }
    let sound = writing.await.expect("written");
    assert_eq!(hand.begin_scan().await.held(), 0, "letters that nobody works at are still in hand");
    let halted = *halted.borrow();
    Outcomes { said, sound, halted }
}

/// Each letter gets its own answer, a mark is on disk before its answer, and when the last connection has
/// gone, everything that was said is on disk.
#[test]
fn nobody_is_told_to_send_before_the_disk_knows_and_nothing_said_is_lost() {
    crate::explore(|| {
        future::block_on(async {
            let installation = Installation::default();
            installation.db.disk.rows().gone.insert(4);
            let Outcomes { said, sound, halted } = work(&installation).await;

            assert!(sound && !halted, "nothing has failed");
            assert_eq!(said.unanswered, BTreeSet::new(), "letters without an answer");
            let rows = installation.db.disk.rows();
            assert_eq!(rows.results, said.sent, "results on disk, and those that were said");
            assert_eq!(rows.released, said.released, "letters given back on disk, and those that were said");
            assert_eq!(rows.marked, said.sent, "marks on disk, and letters that were sent");
        });
    });
}

/// Whichever commit fails, and whether or not it was written: all who rode in it are told nothing, nobody
/// is told anything after it, and what had been sent is on disk in the end.
#[test]
fn a_commit_that_fails_lets_nobody_send_and_loses_no_result() {
    crate::explore(|| {
        future::block_on(async {
            let installation = Installation::default();
            let how = if thread_rng().gen_bool(0.5) { Failure::Refused } else { Failure::Unheard };
            installation.db.disk.rows().failing = Some((thread_rng().gen_range(0..4), how));
            let Outcomes { said, sound, halted } = work(&installation).await;

            let rows = installation.db.disk.rows();
            assert!(said.unanswered.is_superset(&rows.failed), "letters of the failed commit were answered");
            assert!(said.unanswered.is_disjoint(&rows.marked), "a mark is on disk and nobody was told");
            assert_eq!(rows.results, said.sent, "results on disk, and those that were said");
            assert_eq!(rows.marked, said.sent, "marks on disk, and letters that were sent");
            assert!(said.unanswered.is_empty() || !sound && halted, "sending goes on after a failure");
        });
    });
}
