//! One connection of a relay. It takes a delivery, opens the envelope, has the delivery marked, and
//! only then writes the message; what the relay answers becomes the outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};

use super::dispatch::Job;
use super::fault::{Cause, Fault, Phase};
use super::folder::Folder;
use super::lease::Pulse;
use super::retry;
use super::session::{Session, Verdict};
use super::shift::Gate;
use super::target::Target;
use super::throttle::Throttle;
use super::timer::Timers;
use super::trouble::{self, Trouble};
use super::way::{End, Way};
use super::wire::Reply;
use super::writer::Writer;
use crate::audience::address::Address;
use crate::campaign::delivery::{self, Claimed, Outcome, State};
use crate::content::letter::Rendered;
use crate::ground::clock::Millis;
use crate::ground::error::Message;
use crate::ground::id::Id;
use crate::ground::installation::Installation;

/// What the workers of one relay share.
pub struct Bench {
    /// The installation.
    pub home: Installation,
    /// The mailer whose connections these are.
    pub mailer: Id,
    /// Whether its lease holds.
    pub pulse: Pulse,
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
    pub trouble: Arc<Trouble>,
    /// Letters that its connections have in hand.
    pub in_hand: AtomicUsize,
}

/// How long a letter that is on the wire may take to end once the program is asked to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// How a try ended, or `None` when nothing was sent and the delivery goes back untried; and how
/// long the connection rests after it.
type Tried = (Option<Outcome>, Duration);

/// Works until the queue is closed. Once it is `over` no letter is begun.
pub async fn work(
    bench: Arc<Bench>,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    over: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
) {
    let mut session = None;
    let mut misses = 0;
    loop {
        let Some(job) = queue.lock().await.recv().await else { break };
        if *over.borrow() || bench.trouble.is_serious() || !(bench.gate)() {
            bench.writer.release(job.claimed.id).await;
            continue;
        }
        bench.in_hand.fetch_add(1, Ordering::Relaxed);
        let busy = bench.writer.busy();
        let (outcome, rest) = match bench.way.end() {
            End::Smtp(target) => send(&bench, target, &mut session, &job, &over, &stop).await,
            End::Folder(folder) => store(&bench, folder, &job).await,
        };
        match outcome {
            Some(outcome) => bench.writer.record(outcome).await,
            None => bench.writer.release(job.claimed.id).await,
        }
        drop(busy);
        bench.in_hand.fetch_sub(1, Ordering::Relaxed);
        // Others may go on where this one is not let in, so it rests longer by its own count.
        misses = if rest.is_zero() { 0 } else { misses + 1 };
        tokio::select! {
            () = tokio::time::sleep(if rest.is_zero() { rest } else { rest.max(trouble::rest(misses)) }) => {}
            () = told(over.clone()) => {}
        }
    }
    if let Some(session) = session {
        Session::quit(session).await;
    }
}

/// Waits until the word is given.
pub async fn told(mut word: watch::Receiver<bool>) {
    if word.wait_for(|word| *word).await.is_err() {
        std::future::pending().await
    }
}

/// Sends one message.
async fn send(
    bench: &Bench,
    target: &Target,
    slot: &mut Option<Session>,
    job: &Job,
    over: &watch::Receiver<bool>,
    stop: &watch::Receiver<bool>,
) -> Tried {
    let (address, rendered) = match job.make() {
        Ok(made) => made,
        Err(skipped) => return (Some(skipped), Duration::ZERO),
    };
    let approached = tokio::select! {
        approached = approach(bench, target, slot, job, &address) => approached,
        () = told(over.clone()) => {
            *slot = None;
            return (None, Duration::ZERO);
        }
    };
    match approached {
        Ok(Some(Verdict::Ready)) => {}
        Ok(Some(verdict)) => return refused(bench, job, &verdict),
        Ok(None) => return (None, Duration::ZERO),
        Err(fault) => {
            *slot = None;
            return (None, bench.trouble.report(&fault));
        }
    }
    let (Some(session), Some(date)) = (slot.as_mut(), bench.writer.mark(job.claimed.id).await) else {
        if let Some(session) = slot
            && session.reset().await.is_err()
        {
            *slot = None;
        }
        return (None, Duration::ZERO);
    };
    let message = job.press.write(&job.claimed, &address, &rendered, date);
    // A process that was stopped since the mark may find its letter settled by others.
    if !bench.pulse.is_fresh() {
        *slot = None;
        return (Some(job.untried(bench)), Duration::ZERO);
    }
    let answer = tokio::select! {
        answer = session.body(&message) => answer,
        () = too_late(stop.clone()) => Err(Cause::Timeout.at(Phase::Dot)),
    };
    match answer {
        Ok(reply) => {
            if reply.is_positive() {
                bench.trouble.accepted()
            } else {
                bench.trouble.refused(&reply)
            }
            if reply.code == 421 {
                *slot = None;
            }
            (Some(job.answered(&reply, true, bench)), Duration::ZERO)
        }
        Err(fault) => {
            *slot = None;
            (Some(job.interrupted(&fault, bench)), bench.trouble.report(&fault))
        }
    }
}

/// Everything up to the answer to the recipient; `None` when this letter must not be begun.
async fn approach(
    bench: &Bench,
    target: &Target,
    slot: &mut Option<Session>,
    job: &Job,
    address: &Address,
) -> Result<Option<Verdict>, Fault> {
    bench.throttle.pass().await;
    let session = match slot {
        Some(session) => session,
        None => slot.insert(Session::open(target, &bench.timers).await?),
    };
    if !bench.may_begin(&job.claimed).await {
        return Ok(None);
    }
    let utf8 = job.press.needs_smtputf8(address);
    session.envelope(&job.press.sender(), &address.envelope(), utf8).await.map(Some)
}

/// What a refusal of the envelope means.
fn refused(bench: &Bench, job: &Job, verdict: &Verdict) -> Tried {
    match verdict {
        Verdict::Ready | Verdict::Undeliverable => (Some(job.skipped("skipped-smtputf8")), Duration::ZERO),
        // It wants to know us or to encrypt, whoever the recipient is.
        Verdict::Refused(reply) if reply.code == 530 => {
            (None, bench.trouble.fail(Message::new("relay-locked").with("code", reply.code), true))
        }
        Verdict::Refused(reply) => {
            bench.trouble.refused(reply);
            (Some(job.answered(reply, false, bench)), Duration::ZERO)
        }
        // A refused sender is no fault of the recipient's: for now is for later, for good stops us.
        Verdict::SenderRefused(reply) if reply.is_transient() => {
            (Some(job.answered(reply, false, bench)), Duration::ZERO)
        }
        Verdict::SenderRefused(reply) => {
            (None, bench.trouble.fail(Message::new("relay-sender").with("code", reply.code), true))
        }
    }
}

async fn too_late(stop: watch::Receiver<bool>) {
    told(stop).await;
    tokio::time::sleep(DRAIN).await;
}

async fn store(bench: &Bench, folder: &Folder, job: &Job) -> Tried {
    let (address, rendered) = match job.make() {
        Ok(made) => made,
        Err(skipped) => return (Some(skipped), Duration::ZERO),
    };
    bench.throttle.pass().await;
    let Some(date) = bench.writer.mark(job.claimed.id).await else { return (None, Duration::ZERO) };
    let message = job.press.write(&job.claimed, &address, &rendered, date);
    let folder = folder.clone();
    let kept = tokio::task::spawn_blocking(move || folder.keep(&address, &message)).await;
    if let Ok(Ok(_)) = kept {
        bench.trouble.clear();
        return (Some(job.outcome(State::Accepted, None, true)), Duration::ZERO);
    }
    // The file is renamed into place as the last step: what failed is not there.
    (Some(job.untried(bench)), bench.trouble.fail(Message::new("relay-folder"), false))
}

impl Bench {
    /// True when no connection has a letter in hand.
    pub fn is_idle(&self) -> bool {
        self.in_hand.load(Ordering::Relaxed) == 0
    }

    /// Asked before the person is named to the relay; when the database does not tell, no.
    async fn may_begin(&self, claimed: &Claimed) -> bool {
        match self.home.db.read().await {
            Ok(mut conn) => delivery::may_begin(&mut conn, self.mailer, claimed.id).await.unwrap_or(false),
            Err(_) => false,
        }
    }
}

impl Job {
    /// Address and letter, or why there is none.
    fn make(&self) -> Result<(Address, Rendered), Outcome> {
        let address = Address::parse(&self.claimed.address).map_err(|_| self.skipped("skipped-address"))?;
        let rendered = self.press.render(&self.claimed).map_err(|reason| self.skipped(reason.key))?;
        Ok((address, rendered))
    }

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
    /// 552 to a recipient is "too many", by the book of old (RFC 5321 §4.5.3.1.10).
    fn answered(&self, reply: &Reply, marked: bool, bench: &Bench) -> Outcome {
        let mut outcome = self.outcome(State::Accepted, None, marked);
        (outcome.code, outcome.reply) = (i32::from(reply.code), reply.text.clone());
        match reply.code {
            200..=299 => {}
            code if reply.is_transient() || (code == 552 && !marked) => {
                match retry::delay(bench.retry_base, self.claimed.attempts + 1) {
                    Some(delay) => {
                        (outcome.state, outcome.due_at) = (State::Pending, bench.home.clock.now() + delay);
                        outcome.reason = Some("deferred".to_owned());
                        outcome.snapshot = marked.then(|| self.claimed.fields.clone());
                    }
                    None => (outcome.state, outcome.reason) = (State::Rejected, Some("gave-up".to_owned())),
                }
            }
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
        self.untried(bench)
    }

    /// Marked, and the relay certainly has nothing of it: as it was before.
    fn untried(&self, bench: &Bench) -> Outcome {
        let mut outcome = self.outcome(State::Pending, None, true);
        outcome.tried = false;
        outcome.due_at = bench.home.clock.now();
        outcome.snapshot = Some(self.claimed.fields.clone());
        outcome
    }
}
