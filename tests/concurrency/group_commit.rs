//! Group commit with several connections that request marks, record results and release deliveries, on a database
//! whose commit may fail once.

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

const DELIVERIES: Id = 9;
const CONNECTIONS: Id = 3;

/// What connections did with their deliveries.
#[derive(Default)]
struct Done {
    sent: BTreeSet<Id>,
    released: BTreeSet<Id>,
    /// Requested a mark and got no answer.
    unanswered: BTreeSet<Id>,
}

/// The end of a mailer.
struct Outcome {
    done: Done,
    healthy: bool,
    halted: bool,
}

/// Checks the answer to a mark; true when the delivery may be sent.
fn may_send(disk: &Disk, id: Id, answer: Result<Option<Marked>, impl Sized>) -> Option<bool> {
    let rows = disk.rows();
    match answer {
        Ok(Some(Marked(marked))) => {
            assert_eq!(marked, id, "the answer is for another delivery");
            assert!(rows.marked.contains(&id), "delivery {id} may be sent, and its mark is not on disk");
            Some(true)
        }
        Ok(None) => {
            assert!(rows.unsubscribed.contains(&id), "delivery {id} is refused, and its contact is subscribed");
            Some(false)
        }
        Err(_) => None,
    }
}

/// One connection: releases every third delivery, marks and sends the others, two at a time.
async fn connect(commit: GroupCommit, disk: Disk, deliveries: Vec<Id>) -> Done {
    let (mut done, mut pending) = (Done::default(), Vec::new());
    let mut guard = commit.guard();
    for id in deliveries {
        if id % 3 == 2 {
            commit.release(id).await;
            done.released.insert(id);
        } else {
            pending.push((id, commit.mark(Mark { id }).await));
        }
    }
    guard.set_sending();
    for (id, answer) in pending {
        match may_send(&disk, id, answer.await) {
            Some(true) => {
                commit.record(DeliveryResult { id }).await;
                done.sent.insert(id);
            }
            Some(false) => {}
            None => drop(done.unanswered.insert(id)),
        }
    }
    commit.flush().await;
    assert!(disk.rows().results.is_superset(&done.sent), "flushed, and a result is not on disk");
    done
}

/// Sends all deliveries.
async fn send_all(installation: &Installation) -> Outcome {
    let in_flight = Arc::new(InFlight::default());
    let all: Vec<Id> = (0..DELIVERIES).collect();
    in_flight.begin_scan().await.take(all.clone(), |id| *id, all.len());
    let (halt, halted) = watch::channel(false);
    let (commit, task) = GroupCommit::start(installation.clone(), 1, in_flight.clone(), halt);
    let connections: Vec<JoinHandle<Done>> = (0..CONNECTIONS)
        .map(|at| {
            let deliveries = all.iter().copied().filter(|id| id / CONNECTIONS == at).collect();
            future::spawn(connect(commit.clone(), installation.db.disk.clone(), deliveries))
        })
        .collect();
    drop(commit);
    let mut done = Done::default();
    for connection in connections {
        let mut one = connection.await.expect("the connection ends");
        done.sent.append(&mut one.sent);
        done.released.append(&mut one.released);
        done.unanswered.append(&mut one.unanswered);
    }
    let healthy = task.await.expect("the group commit ends");
    assert_eq!(in_flight.begin_scan().await.held(), 0, "deliveries that no connection holds are still in flight");
    let halted = *halted.borrow();
    Outcome { done, healthy, halted }
}

#[test]
fn marks_are_durable_before_they_are_answered_and_no_request_is_lost() {
    crate::explore(|| {
        future::block_on(async {
            let installation = Installation::default();
            installation.db.disk.rows().unsubscribed.insert(4);
            let Outcome { done, healthy, halted } = send_all(&installation).await;

            assert!(healthy && !halted, "no commit has failed");
            assert_eq!(done.unanswered, BTreeSet::new(), "marks without an answer");
            let rows = installation.db.disk.rows();
            assert_eq!(rows.results, done.sent, "results on disk, and those that were recorded");
            assert_eq!(rows.released, done.released, "releases on disk, and those that were requested");
            assert_eq!(rows.marked, done.sent, "marks on disk, and deliveries that were sent");
        });
    });
}

#[test]
fn failed_commit_answers_no_mark_and_loses_no_result() {
    crate::explore(|| {
        future::block_on(async {
            let installation = Installation::default();
            let failure = if thread_rng().gen_bool(0.5) { Failure::Refused } else { Failure::ReplyLost };
            installation.db.disk.rows().failing = Some((thread_rng().gen_range(0..4), failure));
            let Outcome { done, healthy, halted } = send_all(&installation).await;

            let rows = installation.db.disk.rows();
            assert!(done.unanswered.is_superset(&rows.failed), "marks of the failed commit were answered");
            assert!(done.unanswered.is_disjoint(&rows.marked), "a mark is on disk and was not answered");
            assert_eq!(rows.results, done.sent, "results on disk, and those that were recorded");
            assert_eq!(rows.marked, done.sent, "marks on disk, and deliveries that were sent");
            assert!(done.unanswered.is_empty() || !healthy && halted, "sending goes on after a failure");
        });
    });
}
