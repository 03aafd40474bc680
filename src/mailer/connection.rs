//! Connection loop: one connection of a relay takes jobs, has them marked, sends them, and records the results.
//!
//! A delivery is marked before its envelope is sent. If the relay has pipelining and the connection may hold several
//! marked deliveries (`ahead`), a message and the envelope of the next go out together: one round trip per message.
//! With `ahead` 1 at most one delivery per connection can become uncertain, at the price of a second round trip and a
//! wait for the commit.

mod at_work;
mod marked_message;
mod outcome;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::Instant;

use super::begun_bodies::Ring;
use super::limits::relay_breaker;
use super::queue::job::Job;
use super::relay_context::RelayContext;
use super::shutdown::{drain_expired, or_stopped, stopped};
use super::smtp::error::{Cause, Phase};
use super::smtp::session::EnvelopeReply;
use super::smtp::session::pipeline::{Envelope, PipelineReplies};
use super::transport::{Channel, OutgoingMessage};
use crate::campaign::delivery::{self, Claimed, DeliveryResult, Marked, State};
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::STEP;
use crate::infra::panic;
use at_work::{AtWork, Stage};
use marked_message::{MarkedMessage, PendingMark};

/// A mark older than this is checked again before the message is sent: the recipient may have unsubscribed meanwhile.
const MARK_TTL: Duration = Duration::from_millis(250);

/// Runs until the queue is closed. After `round_over` no message is begun.
pub async fn run(
    context: Arc<RelayContext>,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    round_over: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
) {
    let drain_expired = Box::pin(drain_expired(stop.clone()));
    let ring = context.mailer.begun.as_ref().map(|begun| Arc::new(begun.ring(context.ahead)));
    let mut connection = Connection {
        context,
        ring: ring.clone(),
        queue,
        round_over,
        stop,
        drain_expired,
        pending: VecDeque::new(),
        channel: None,
        buffer: Vec::new(),
        failures: 0,
        at_work: AtWork::default(),
    };
    loop {
        let pause = match panic::catch_async(connection.send()).await {
            Ok(Some(pause)) => pause,
            Ok(None) => break,
            Err(_) => connection.replace_after_panic().await,
        };
        connection.return_pending().await;
        connection.pause(pause).await;
    }
    if let Some(channel) = connection.channel {
        channel.close().await;
    }
    // All results are recorded.
    if let Some(ring) = ring {
        ring.release();
    }
}

/// One connection and the deliveries that it holds.
struct Connection {
    context: Arc<RelayContext>,
    /// Names the deliveries whose body it has begun.
    ring: Option<Arc<Ring>>,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    round_over: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
    /// Ready when a message on the wire must not take any longer.
    drain_expired: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    /// Deliveries whose marks were requested, oldest first.
    pending: VecDeque<PendingMark>,
    channel: Option<Channel>,
    /// The buffer of the last message, for the next one.
    buffer: Vec<u8>,
    /// Failures in a row of this connection.
    failures: u32,
    /// The deliveries that it holds beside `pending`, for the case of a panic.
    at_work: AtWork,
}

/// What a connection finds when it looks for work.
enum Work {
    /// A marked message.
    Message(Box<MarkedMessage>),
    /// Nothing at this moment.
    Nothing,
    /// Nothing any more: the queue is closed.
    Closed,
    /// The relay cannot be reached; how long to pause.
    Failed(Duration),
}

impl Connection {
    /// Sends one message after another until something fails; returns how long to pause then. `None` when there is no
    /// more work.
    async fn send(&mut self) -> Option<Duration> {
        let mut current: Option<MarkedMessage> = None;
        loop {
            let next = match self.next_work(current.is_some()).await {
                Work::Message(message) => Some(*message),
                Work::Nothing => None,
                Work::Closed => return None,
                Work::Failed(pause) => return Some(pause),
            };
            if current.is_none() && next.is_none() {
                continue;
            }
            // If this process was suspended since the mark, another mailer may have recovered the deliveries.
            let expired = !self.context.mailer.freshness.is_fresh() && !failpoint::has_bug(Bug::SendWithoutLease);
            if expired || self.is_over() || !self.may_still_send(current.as_ref()).await {
                self.channel = None;
                self.record_untried(current).await;
                self.record_untried(next).await;
                return Some(if expired { MARK_TTL } else { Duration::ZERO });
            }
            self.panic_if_asked(current.as_ref(), next.as_ref());
            let envelope = next.as_ref().map(MarkedMessage::envelope);
            if let Some(message) = &current {
                self.at_work.set(&message.job.claimed, Stage::Body);
            }
            let replies = self.exchange(current.as_mut(), envelope.as_ref()).await;
            let mut failure = None;
            if let (Some(message), Some(reply)) = (current.take(), replies.message) {
                failure = self.record_message_reply(message, reply).await;
            }
            if let (Some(message), Some(reply)) = (next, replies.next) {
                match reply {
                    Ok(EnvelopeReply::Accepted) => current = Some(message),
                    Ok(refusal) => failure = self.record_refusal(message, &refusal).await.or(failure),
                    Err(error) => {
                        let pause = self.record_envelope_error(message, &error).await;
                        failure = failure.or(Some(pause));
                    }
                }
            }
            if let Some(pause) = failure {
                self.channel = None;
                self.record_untried(current).await;
                return Some(pause);
            }
        }
    }

    /// The next marked message. With a message under way, only what is ready at once.
    async fn next_work(&mut self, under_way: bool) -> Work {
        if let Err(work) = self.request_marks(under_way).await {
            return work;
        }
        loop {
            let Some(front) = self.pending.front_mut() else { return Work::Nothing };
            let marked = match front.marked.try_recv() {
                Err(TryRecvError::Empty) if under_way => return Work::Nothing,
                Err(TryRecvError::Empty) => (&mut front.marked).await.ok().flatten(),
                Ok(marked) => marked,
                Err(TryRecvError::Closed) => None,
            };
            let Some(pending) = self.pending.pop_front() else { return Work::Nothing };
            failpoint::hit("after-mark");
            let stage = if marked.is_some() { Stage::Marked } else { Stage::Dropped };
            self.at_work.set(&pending.job.claimed, stage);
            match marked.or_else(|| pending.job.unchecked.clone()) {
                Some(marked) => {
                    if let Some(message) = self.compose(pending, &marked).await {
                        return Work::Message(message);
                    }
                }
                None => self.drop_unmarked(&pending.job),
            }
        }
    }

    /// Composes the message of a marked delivery; `None` if it is not to be sent, with its result recorded.
    async fn compose(&mut self, mut pending: PendingMark, marked: &Marked) -> Option<Box<MarkedMessage>> {
        match pending.job.compose(marked, std::mem::take(&mut self.buffer)).await {
            Ok((to, text)) => {
                self.context.count_begun(&pending.job.claimed, marked.attempts);
                pending.guard.set_sending();
                if failpoint::has_bug(Bug::NameEveryMark)
                    && let Some(ring) = &self.ring
                {
                    ring.mark(pending.job.claimed.id, marked.attempts).set();
                }
                let PendingMark { job, requested, guard, .. } = pending;
                let requested = if failpoint::has_bug(Bug::MarkAgeFromRead) { Instant::now() } else { requested };
                let message =
                    MarkedMessage { job, to, text, attempts: marked.attempts, marked: requested, _guard: guard };
                if self.may_still_send(Some(&message)).await {
                    return Some(Box::new(message));
                }
                self.record_untried(Some(message)).await;
            }
            Err(skipped) => self.record(&pending.job, skipped).await,
        }
        None
    }

    /// Takes jobs and requests their marks, up to as many as the connection may hold. If it holds none it waits for a
    /// job and connects first.
    async fn request_marks(&mut self, under_way: bool) -> Result<(), Work> {
        let most = if self.has_pipelining() { self.context.ahead } else { 1 };
        while self.pending.len() + usize::from(under_way) < most {
            let idle = self.pending.is_empty() && !under_way;
            let job = match idle {
                true => self.queue.lock().await.recv().await.ok_or(Work::Closed)?,
                false => match self.queue.try_lock().map(|mut queue| queue.try_recv()) {
                    Ok(Ok(job)) => job,
                    _ => return Ok(()),
                },
            };
            self.context.held.fetch_add(1, Ordering::Relaxed);
            self.at_work.set(&job.claimed, Stage::Taken);
            let open = or_stopped(&self.round_over, self.context.wait_for_turn(&job.claimed)).await;
            // A relay that takes no session is left alone; the sessions that it has taken go on.
            let waits = self.channel.is_none() && self.context.breaker.busy_for().is_some();
            if open != Some(true) || waits || self.is_over() {
                self.release(&job).await;
                continue;
            }
            let guard = self.context.group_commit.guard();
            match or_stopped(&self.round_over, self.context.connect(&mut self.channel)).await {
                Some(Ok(())) => {}
                None => {
                    self.channel = None;
                    self.release(&job).await;
                    continue;
                }
                Some(Err(error)) => {
                    self.channel = None;
                    self.release(&job).await;
                    let breaker = &self.context.breaker;
                    return Err(Work::Failed(match error.is_busy() {
                        true => breaker.record_busy(&error, self.failures),
                        false => breaker.record_error(&error),
                    }));
                }
            }
            let requested = Instant::now();
            let marked = match self.read_without_mark(&job).await {
                Some(marked) => ready(marked),
                None => self.context.group_commit.mark(job.mark(self.context.relay)).await,
            };
            self.at_work.remove(job.claimed.id);
            self.pending.push_back(PendingMark { job, marked, requested, guard });
        }
        Ok(())
    }

    /// With the bug `MarkAfterBody`: what the message is made from, without a mark.
    async fn read_without_mark(&self, job: &Job) -> Option<Marked> {
        if !failpoint::has_bug(Bug::MarkAfterBody) {
            return None;
        }
        let mut conn = self.context.mailer.installation.db.read().await.ok()?;
        delivery::peek(&mut conn, job.claimed.id, self.context.now()).await.ok().flatten()
    }

    fn has_pipelining(&self) -> bool {
        self.channel.as_ref().is_some_and(Channel::has_pipelining)
    }

    /// True when no message may be begun.
    fn is_over(&self) -> bool {
        *self.round_over.borrow() || self.context.breaker.is_open() || !self.context.may_send()
    }

    /// Whether a message may still be sent: checked again if its mark is older than [`MARK_TTL`].
    async fn may_still_send(&self, message: Option<&MarkedMessage>) -> bool {
        let Some(message) = message.filter(|message| message.marked.elapsed() > MARK_TTL) else { return true };
        if failpoint::has_bug(Bug::SkipFinalCheck) {
            return true;
        }
        let (mailer, id) = (&self.context.mailer, message.job.claimed.id);
        match mailer.installation.db.read().await {
            Ok(mut conn) => delivery::may_send(&mut conn, mailer.lease, id, self.context.now()).await.unwrap_or(false),
            Err(_) => false,
        }
    }

    /// One exchange with the relay: a message, an envelope, or both.
    async fn exchange(&mut self, message: Option<&mut MarkedMessage>, next: Option<&Envelope<'_>>) -> PipelineReplies {
        let sends_message = message.is_some();
        let failed = |cause: Cause, message_phase: Phase| PipelineReplies {
            message: sends_message.then(|| Err(cause.clone().at(message_phase))),
            next: next.map(|_| Err(cause.clone().at(Phase::Envelope))),
        };
        let Some(channel) = self.channel.as_mut() else { return failed(Cause::Closed, Phase::Envelope) };
        let pipelined = channel.has_pipelining();
        let ring = self.ring.as_ref();
        let message = message.map(|message| OutgoingMessage {
            to: &message.to,
            mark: ring.map(|ring| ring.mark(message.job.claimed.id, message.attempts)),
            text: &mut message.text,
        });
        let replies = tokio::select! {
            biased;
            replies = channel.exchange(message, next) => replies,
            () = self.drain_expired.as_mut(), if sends_message => {
                self.drain_expired = Box::pin(drain_expired(self.stop.clone()));
                return failed(Cause::Timeout, Phase::Dot);
            }
            () = stopped(self.round_over.clone()), if !sends_message => return failed(Cause::Closed, Phase::Envelope),
        };
        if pipelined {
            let error = replies.message.as_ref().and_then(|reply| reply.as_ref().err());
            self.context.pipelining_trust.record(error, replies.next.as_ref());
        }
        replies
    }

    /// Gives back every delivery whose mark was requested and whose envelope was not sent.
    async fn return_pending(&mut self) {
        while let Some(pending) = self.pending.pop_front() {
            match pending.marked.await {
                Ok(Some(_)) => self.record_job_untried(&pending.job).await,
                Ok(None) | Err(_) => self.drop_unmarked(&pending.job),
            }
        }
    }

    /// Pauses after a failure, until the round is over at most.
    async fn pause(&mut self, pause: Duration) {
        // Other connections may work while this one is refused, so it also backs off by its own count.
        self.failures = if pause.is_zero() { 0 } else { self.failures + 1 };
        let pause = if pause.is_zero() { pause } else { pause.max(relay_breaker::backoff(self.failures)) };
        tokio::select! {
            biased;
            () = tokio::time::sleep(pause) => {}
            () = stopped(self.round_over.clone()) => {}
        }
    }

    async fn record_untried(&self, message: Option<MarkedMessage>) {
        if let Some(message) = message {
            self.record_job_untried(&message.job).await;
        }
    }

    async fn record_job_untried(&self, job: &Job) {
        self.context.refund(&job.claimed);
        self.record(job, job.untried(self.context.now())).await;
    }

    async fn record(&self, job: &Job, result: DeliveryResult) {
        let is_dropped = result.state == State::Accepted && result.id / STEP % 8 == 0;
        if failpoint::has_bug(Bug::DropResult) && is_dropped {
            return self.let_go(&job.claimed);
        }
        self.context.count_ended(&job.claimed, &result);
        self.context.group_commit.record(result).await;
        self.let_go(&job.claimed);
    }

    /// The final eligibility check refused the delivery.
    fn drop_unmarked(&self, job: &Job) {
        self.context.refund(&job.claimed);
        self.let_go(&job.claimed);
    }

    async fn release(&self, job: &Job) {
        self.context.release(&job.claimed).await;
        self.let_go(&job.claimed);
    }

    fn let_go(&self, claimed: &Claimed) {
        self.at_work.remove(claimed.id);
        self.context.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A mark that is there already.
fn ready(marked: Marked) -> oneshot::Receiver<Option<Marked>> {
    let (sender, receiver) = oneshot::channel();
    let _ = sender.send(Some(marked));
    receiver
}
