//! One connection of a relay. It takes a delivery, opens the envelope, has the delivery marked, and
//! only then writes the message; what the relay answers becomes the outcome.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, watch};

use super::dispatch::Job;
use super::fault::Fault;
use super::folder::Folder;
use super::retry;
use super::session::{Session, Verdict};
use super::shift::{Gate, Trouble};
use super::target::Target;
use super::throttle::Throttle;
use super::timer::Timers;
use super::way::{End, Way};
use super::wire::Reply;
use super::writer::Writer;
use crate::audience::address::Address;
use crate::campaign::delivery::{Outcome, State};
use crate::ground::clock::Millis;
use crate::ground::error::Message;
use crate::ground::installation::Installation;

/// What the workers of one relay share.
pub struct Bench {
    /// The installation.
    pub home: Installation,
    /// Where messages go.
    pub way: Way,
    /// The pace of the relay.
    pub throttle: Throttle,
    /// The timers of the dialogue.
    pub timers: Timers,
    /// Distance of the first repeat, in ms.
    pub retry_base: Millis,
    /// Says whether messages may leave at this moment.
    pub gate: Gate,
    /// Marks and results.
    pub writer: Writer,
    /// What stands in the way of the relay, told to the shift.
    pub trouble: Trouble,
}

/// Works until the queue is closed or the stop is called.
pub async fn work(bench: Arc<Bench>, queue: Arc<Mutex<mpsc::Receiver<Job>>>, stop: watch::Receiver<bool>) {
    let mut session = None;
    loop {
        let Some(job) = queue.lock().await.recv().await else { break };
        if *stop.borrow() || bench.trouble.is_serious() || !(bench.gate)() {
            bench.writer.release(job.claimed.id).await;
            continue;
        }
        let outcome = match bench.way.end() {
            End::Smtp(target) => send(&bench, target, &mut session, &job).await,
            End::Folder(folder) => store(&bench, folder, &job).await,
        };
        match outcome {
            Some(outcome) => bench.writer.record(outcome).await,
            None => bench.writer.release(job.claimed.id).await,
        }
    }
    if let Some(session) = session {
        Session::quit(session).await;
    }
}

/// Sends one message. `None` means that nothing was sent and the delivery goes back untried.
async fn send(bench: &Bench, target: &Target, slot: &mut Option<Session>, job: &Job) -> Option<Outcome> {
    let Ok(address) = Address::parse(&job.claimed.address) else {
        return Some(job.skipped("skipped-address"));
    };
    let rendered = match job.press.render(&job.claimed) {
        Ok(rendered) => rendered,
        Err(reason) => return Some(job.skipped(reason.key)),
    };
    bench.throttle.pass().await;
    let session = match slot {
        Some(session) => session,
        None => match Session::open(target, &bench.timers).await {
            Ok(opened) => slot.insert(opened),
            Err(fault) => {
                bench.trouble.report(&fault).await;
                return None;
            }
        },
    };
    match session.envelope(&job.press.sender(), &address.envelope(), job.press.needs_smtputf8(&address)).await {
        Ok(Verdict::Ready) => {}
        Ok(Verdict::Undeliverable) => return Some(job.skipped("skipped-smtputf8")),
        Ok(Verdict::Refused(reply)) => {
            bench.trouble.clear();
            return Some(job.answered(&reply, false, bench));
        }
        // A refused sender is no fault of the recipient's: for now is for later, for good stops us.
        Ok(Verdict::SenderRefused(reply)) if reply.is_transient() => return Some(job.answered(&reply, false, bench)),
        Ok(Verdict::SenderRefused(reply)) => {
            bench.trouble.fail(Message::new("relay-sender").with("code", reply.code), true).await;
            return None;
        }
        Err(fault) => {
            *slot = None;
            bench.trouble.report(&fault).await;
            return None;
        }
    }
    let Some(date) = bench.writer.mark(job.claimed.id).await else {
        if session.reset().await.is_err() {
            *slot = None;
        }
        return None;
    };
    let message = job.press.write(&job.claimed, &address, &rendered, date);
    match session.body(&message).await {
        Ok(reply) => {
            bench.trouble.clear();
            if reply.code == 421 {
                *slot = None;
            }
            Some(job.answered(&reply, true, bench))
        }
        Err(fault) => {
            *slot = None;
            bench.trouble.report(&fault).await;
            Some(job.interrupted(&fault, bench))
        }
    }
}

async fn store(bench: &Bench, folder: &Folder, job: &Job) -> Option<Outcome> {
    let Ok(address) = Address::parse(&job.claimed.address) else {
        return Some(job.skipped("skipped-address"));
    };
    let rendered = match job.press.render(&job.claimed) {
        Ok(rendered) => rendered,
        Err(reason) => return Some(job.skipped(reason.key)),
    };
    bench.throttle.pass().await;
    let date = bench.writer.mark(job.claimed.id).await?;
    let message = job.press.write(&job.claimed, &address, &rendered, date);
    let folder = folder.clone();
    let kept = tokio::task::spawn_blocking(move || folder.keep(&address, &message)).await;
    if let Ok(Ok(_)) = kept {
        bench.trouble.clear();
        return Some(job.outcome(State::Accepted, None, true));
    }
    bench.trouble.fail(Message::new("relay-folder"), false).await;
    // The file is renamed into place as the last step: what failed is not there.
    Some(Outcome { tried: false, due_at: bench.home.clock.now(), ..job.outcome(State::Pending, None, true) })
}

impl Job {
    fn outcome(&self, state: State, reason: Option<&str>, marked: bool) -> Outcome {
        Outcome {
            id: self.claimed.id,
            campaign: self.claimed.campaign,
            marked,
            state,
            reason: reason.map(str::to_owned),
            code: 0,
            reply: String::new(),
            due_at: 0,
            tried: true,
            snapshot: None,
        }
    }

    /// No letter can be made for this person, or the relay cannot carry it: not a bounce.
    fn skipped(&self, reason: &str) -> Outcome {
        self.outcome(State::Skipped, Some(reason), false)
    }

    /// What the relay's answer means: 2xx accepted, 4xx again later, 5xx a bounce of this delivery.
    fn answered(&self, reply: &Reply, marked: bool, bench: &Bench) -> Outcome {
        let mut outcome = self.outcome(State::Accepted, None, marked);
        (outcome.code, outcome.reply) = (i32::from(reply.code), reply.text.clone());
        match reply.code {
            200..=299 => {}
            400..=499 => match retry::delay(bench.retry_base, self.claimed.attempts + 1) {
                Some(delay) => {
                    (outcome.state, outcome.due_at) = (State::Pending, bench.home.clock.now() + delay);
                    outcome.reason = Some("deferred".to_owned());
                    outcome.snapshot = marked.then(|| self.claimed.fields.clone());
                }
                None => (outcome.state, outcome.reason) = (State::Rejected, Some("gave-up".to_owned())),
            },
            _ => (outcome.state, outcome.reason) = (State::Rejected, Some("bounce".to_owned())),
        }
        outcome
    }

    /// The connection broke after the mark. Uncertain only when the final dot may have been written;
    /// otherwise the relay has no message and the delivery goes on as it was.
    fn interrupted(&self, fault: &Fault, bench: &Bench) -> Outcome {
        if fault.is_uncertain() {
            return self.outcome(State::Uncertain, Some("answer-lost"), true);
        }
        let mut outcome = self.outcome(State::Pending, None, true);
        outcome.tried = false;
        outcome.due_at = bench.home.clock.now();
        outcome.snapshot = Some(self.claimed.fields.clone());
        outcome
    }
}
