//! One connection of a relay. It takes deliveries, has them marked, and only then names them to the
//! relay; what the relay answers becomes the outcome. Where the relay takes several commands at
//! once and the connection may hold several marked deliveries (`ahead`), the text of one and the
//! envelope of the next go out together: one round trip a message. With `ahead` 1 a connection has
//! one delivery of unknown fate at most, at the price of a second round trip and a wait for the disk.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::Instant;

mod answer;
mod outgoing;

use outgoing::{MarkedMessage, PendingMark};

use super::limits::relay_breaker;
use super::queue::job::Job;
use super::relay_context::RelayContext;
use super::shutdown::{drain_expired, or_stopped, stopped};
use super::smtp::dot_stuffing;
use super::smtp::error::{Cause, Phase, SmtpError};
use super::smtp::session::pipeline::Envelope;
use super::smtp::session::{EnvelopeReply, Session};
use super::smtp::wire::Reply;
use super::transport::End;
use crate::campaign::delivery::{self, DeliveryResult, Marked, State};
use crate::infra::error::Message;
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::STEP;

/// A mark older than this is asked about again before the text goes out: the person may have left
/// while the relay took its time.
const FRESH: Duration = Duration::from_millis(250);

/// Works until the queue is closed. Once it is `over` no letter is begun.
pub async fn work(
    bench: Arc<RelayContext>,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    over: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
) {
    let late = Box::pin(drain_expired(stop.clone()));
    let mut line = Connection {
        bench,
        queue,
        over,
        stop,
        late,
        asked: VecDeque::new(),
        session: None,
        spare: Vec::new(),
        misses: 0,
    };
    loop {
        let rest = match line.bench.way.end() {
            End::Smtp(_) => line.send().await,
            End::Folder(_) => line.store().await,
        };
        let Some(rest) = rest else { break };
        line.give_back().await;
        line.rest(rest).await;
    }
    if let Some(session) = line.session {
        Session::quit(session).await;
    }
}

/// One connection and what it has in hand.
struct Connection {
    bench: Arc<RelayContext>,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    over: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
    /// Ends when a text that is on the wire has had its time.
    late: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    asked: VecDeque<PendingMark>,
    session: Option<Session>,
    /// The buffer of a text that was answered, for the next one.
    spare: Vec<u8>,
    misses: u32,
}

impl Connection {
    /// Sends one letter after another until something goes wrong; returns how long to rest then.
    /// `None` when there is no more work.
    async fn send(&mut self) -> Option<Duration> {
        let mut current: Option<MarkedMessage> = None;
        loop {
            let next = match self.next(current.is_some()).await {
                Work::Message(letter) => Some(*letter),
                Work::Nothing => None,
                Work::Closed => return None,
                Work::Failed(rest) => return Some(rest),
            };
            if current.is_none() && next.is_none() {
                continue;
            }
            // A process that was stopped since the mark may find its letter settled by others.
            if !self.bench.pulse.is_fresh() && !failpoint::has_bug(Bug::SendWithoutLease) {
                self.session = None;
                self.untried(current).await;
                self.untried(next).await;
                return Some(FRESH);
            }
            if self.is_over() || !self.is_still_wanted(current.as_ref()).await {
                self.session = None;
                self.untried(current).await;
                self.untried(next).await;
                return Some(Duration::ZERO);
            }
            let envelope = next.as_ref().map(|letter| letter.envelope());
            let (said, verdict) = self.pipeline(current.as_mut(), envelope.as_ref()).await;
            let mut broken = None;
            if let (Some(letter), Some(said)) = (current.take(), said) {
                broken = self.answered(letter, said).await;
            }
            if let (Some(letter), Some(verdict)) = (next, verdict) {
                match verdict {
                    Ok(EnvelopeReply::Accepted) => current = Some(letter),
                    Ok(verdict) => broken = self.refused(letter, &verdict).await.or(broken),
                    Err(fault) => {
                        let rest = self.cut_off(letter, &fault).await;
                        broken = broken.or(Some(rest));
                    }
                }
            }
            if let Some(rest) = broken {
                self.session = None;
                self.untried(current).await;
                return Some(rest);
            }
        }
    }

    /// The next marked letter. While one is on its way only what is ready at once.
    async fn next(&mut self, under_way: bool) -> Work {
        if let Err(rest) = self.fill(under_way).await {
            return rest;
        }
        loop {
            let Some(front) = self.asked.front_mut() else { return Work::Nothing };
            let marked = match front.answer.try_recv() {
                Err(TryRecvError::Empty) if under_way => return Work::Nothing,
                Err(TryRecvError::Empty) => (&mut front.answer).await.ok().flatten(),
                Ok(marked) => marked,
                Err(TryRecvError::Closed) => None,
            };
            let Some(mut asked) = self.asked.pop_front() else { return Work::Nothing };
            let marked = marked.or_else(|| asked.job.known.clone());
            failpoint::hit("after-mark");
            match marked {
                Some(marked) => {
                    let mut text = std::mem::take(&mut self.spare);
                    match asked.job.compose(&marked, &mut text) {
                        Ok(address) => {
                            let Marked { attempts, .. } = marked;
                            self.bench.begun(&asked.job.claimed, attempts);
                            asked.busy.begin();
                            let PendingMark { job, since, busy: _busy, .. } = asked;
                            let marked = if failpoint::has_bug(Bug::MarkAgeFromRead) { Instant::now() } else { since };
                            let letter = MarkedMessage { job, address, attempts, text, marked, _busy };
                            if self.is_still_wanted(Some(&letter)).await {
                                return Work::Message(Box::new(letter));
                            }
                            self.untried(Some(letter)).await;
                        }
                        Err(skipped) => self.record(&asked.job, skipped).await,
                    }
                }
                None => self.drop_unmarked(&asked.job),
            }
        }
    }

    /// Takes letters in hand and asks for their marks, up to as many as a connection may hold. With
    /// none in hand it waits for one, and connects first.
    async fn fill(&mut self, under_way: bool) -> Result<(), Work> {
        let most = if self.has_pipelining() { self.bench.ahead } else { 1 };
        while self.asked.len() + usize::from(under_way) < most {
            let idle = self.asked.is_empty() && !under_way;
            let job = match idle {
                true => self.queue.lock().await.recv().await.ok_or(Work::Closed)?,
                false => match self.queue.try_lock().map(|mut queue| queue.try_recv()) {
                    Ok(Ok(job)) => job,
                    _ => return Ok(()),
                },
            };
            self.bench.in_hand.fetch_add(1, Ordering::Relaxed);
            let open = or_stopped(&self.over, self.bench.pass(&job.claimed)).await;
            if open != Some(true) || self.is_over() {
                self.release(&job).await;
                continue;
            }
            let busy = self.bench.writer.busy();
            match or_stopped(&self.over, self.bench.connect(&mut self.session)).await {
                Some(Ok(())) => {}
                None => {
                    self.session = None;
                    self.release(&job).await;
                    continue;
                }
                Some(Err(fault)) => {
                    self.session = None;
                    self.release(&job).await;
                    return Err(Work::Failed(self.bench.trouble.report(&fault)));
                }
            }
            let since = Instant::now();
            let answer = match self.without_asking(&job).await {
                Some(marked) => given(marked),
                None => self.bench.writer.mark(job.mark(self.bench.relay)).await,
            };
            self.asked.push_back(PendingMark { job, answer, since, busy });
        }
        Ok(())
    }

    /// What a letter is made from that is marked later: only where that promise is broken on purpose.
    async fn without_asking(&self, job: &Job) -> Option<Marked> {
        if !failpoint::has_bug(Bug::MarkAfterBody) {
            return None;
        }
        let mut conn = self.bench.installation.db.read().await.ok()?;
        delivery::peek(&mut conn, job.claimed.id, self.bench.installation.clock.now()).await.ok().flatten()
    }

    fn has_pipelining(&self) -> bool {
        self.session.as_ref().is_some_and(Session::has_pipelining)
    }

    fn is_over(&self) -> bool {
        *self.over.borrow() || self.bench.trouble.is_serious() || !self.bench.may_send()
    }

    /// Whether a letter may still go out, asked again when its mark is no longer fresh.
    async fn is_still_wanted(&self, letter: Option<&MarkedMessage>) -> bool {
        let Some(letter) = letter.filter(|letter| letter.marked.elapsed() > FRESH) else { return true };
        if failpoint::has_bug(Bug::SkipFinalCheck) {
            return true;
        }
        let (mailer, id, now) = (self.bench.mailer, letter.job.claimed.id, self.bench.installation.clock.now());
        match self.bench.installation.db.read().await {
            Ok(mut conn) => delivery::may_send(&mut conn, mailer, id, now).await.unwrap_or(false),
            Err(_) => false,
        }
    }

    /// One exchange with the relay: a text, an envelope, or both.
    async fn pipeline(
        &mut self,
        text: Option<&mut MarkedMessage>,
        next: Option<&Envelope<'_>>,
    ) -> (Option<Result<Reply, SmtpError>>, Option<Result<EnvelopeReply, SmtpError>>) {
        let plain = !self.has_pipelining();
        let Some(session) = self.session.as_mut() else {
            let lost = || Cause::Closed.at(Phase::Envelope);
            return (text.map(|_| Err(lost())), next.map(|_| Err(lost())));
        };
        let sends_text = text.is_some();
        let over = self.over.clone();
        let turn = async {
            match (text, next) {
                (Some(letter), None) if plain => (Some(session.send_stuffed(&letter.text).await), None),
                (None, Some(next)) if plain => (None, Some(session.envelope(next.from, &next.to, next.utf8).await)),
                (text, next) => {
                    let turned = session.pipeline(text.map(|letter| &mut letter.text), next).await;
                    (turned.text, turned.next)
                }
            }
        };
        let turned = tokio::select! {
            biased;
            turned = turn => turned,
            () = self.late.as_mut(), if sends_text => {
                self.late = Box::pin(drain_expired(self.stop.clone()));
                return (Some(Err(Cause::Timeout.at(Phase::Dot))), next.map(|_| Err(Cause::Timeout.at(Phase::Envelope))));
            }
            () = stopped(over), if !sends_text => return (None, Some(Err(Cause::Closed.at(Phase::Envelope)))),
        };
        if !plain {
            self.bench.grouping.weigh(turned.0.as_ref().and_then(|said| said.as_ref().err()), turned.1.as_ref());
        }
        turned
    }

    /// Puts one message into a folder.
    async fn store(&mut self) -> Option<Duration> {
        loop {
            let letter = match self.next(false).await {
                Work::Message(letter) => *letter,
                Work::Nothing => continue,
                Work::Closed => return None,
                Work::Failed(rest) => return Some(rest),
            };
            let End::Folder(folder) = self.bench.way.end() else { return None };
            let (folder, address) = (folder.clone(), letter.address.clone());
            let message = dot_stuffing::unstuff(letter.text.strip_suffix(b".\r\n").unwrap_or(&letter.text));
            let kept = tokio::task::spawn_blocking(move || folder.store(&address, &message)).await;
            if let Ok(Ok(_)) = kept {
                self.bench.trouble.clear();
                self.record(&letter.job, letter.job.outcome(State::Accepted, None, true)).await;
                continue;
            }
            // The file is renamed into place as the last step: what failed is not there.
            self.untried(Some(letter)).await;
            return Some(self.bench.trouble.fail(Message::new("relay-folder"), false));
        }
    }

    /// Everything that was marked ahead and has not been named to the relay goes back.
    async fn give_back(&mut self) {
        while let Some(asked) = self.asked.pop_front() {
            match asked.answer.await {
                Ok(Some(_)) => self.record(&asked.job, asked.job.untried(&self.bench)).await,
                Ok(None) | Err(_) => self.drop_unmarked(&asked.job),
            }
        }
    }

    /// Rests, unless there is no more to do.
    async fn rest(&mut self, rest: Duration) {
        // Others may go on where this one is not let in, so it rests longer by its own count.
        self.misses = if rest.is_zero() { 0 } else { self.misses + 1 };
        let pause = if rest.is_zero() { rest } else { rest.max(relay_breaker::rest(self.misses)) };
        tokio::select! {
            biased;
            () = stopped(self.over.clone()) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    async fn untried(&self, letter: Option<MarkedMessage>) {
        if let Some(letter) = letter {
            self.record(&letter.job, letter.job.untried(&self.bench)).await;
        }
    }

    async fn record(&self, job: &Job, outcome: DeliveryResult) {
        if failpoint::has_bug(Bug::DropResult) && outcome.state == State::Accepted && outcome.id / STEP % 8 == 0 {
            return self.put_down();
        }
        self.bench.ended(&job.claimed, &outcome);
        self.bench.writer.record(outcome).await;
        self.put_down();
    }

    /// The last word was no.
    fn drop_unmarked(&self, job: &Job) {
        self.bench.put_back(&job.claimed);
        self.put_down();
    }

    async fn release(&self, job: &Job) {
        self.bench.put_back(&job.claimed);
        self.bench.writer.release(job.claimed.id).await;
        self.put_down();
    }

    fn put_down(&self) {
        self.bench.in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a connection finds when it looks for work.
enum Work {
    Message(Box<MarkedMessage>),
    /// None at this moment.
    Nothing,
    /// None any more.
    Closed,
    /// The relay cannot be reached.
    Failed(Duration),
}

/// An answer that nobody had to be asked for.
fn given(marked: Marked) -> oneshot::Receiver<Option<Marked>> {
    let (answer, asked) = oneshot::channel();
    let _ = answer.send(Some(marked));
    asked
}
