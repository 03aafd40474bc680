//! The deliveries that a connection works on, so that none is lost when it panics: each gets a result, and the connection
//! goes on with a new channel.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Connection, MarkedMessage};
use crate::campaign::delivery::{Claimed, State};
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::Id;
use crate::mailer::limits::relay_breaker;
use crate::mailer::queue::compose::PANICKED;
use crate::mailer::queue::job;

/// How far a connection is with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its mark is not requested yet.
    Taken,
    /// It must not be sent, and its tokens are to be returned.
    Dropped,
    /// It is marked; nothing of its body is written.
    Marked,
    /// Its body is being written, or the reply to it is waited for.
    Body,
}

/// The deliveries that a connection works on. The lock is never held for long and never waited for.
#[derive(Debug, Default)]
pub(super) struct AtWork(Mutex<Vec<(Claimed, Stage)>>);

impl AtWork {
    /// Adds a delivery or sets its stage.
    pub(super) fn set(&self, claimed: &Claimed, stage: Stage) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|(known, _)| known.id == claimed.id) {
            Some((_, known)) => *known = stage,
            None => all.push((claimed.clone(), stage)),
        }
    }

    /// Removes a delivery, which has its result or is pending.
    pub(super) fn remove(&self, id: Id) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| known.id != id);
    }

    fn take(&self) -> Vec<(Claimed, Stage)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connection {
    /// Gives a result to every delivery that was worked on when the connection panicked. One whose body may have been
    /// written is uncertain; any other marked one is skipped, since trying it again would panic again. Returns how long
    /// to pause before the next channel is opened.
    pub(super) async fn replace_after_panic(&mut self) -> Duration {
        self.context.mailer.installation.panics.record("connection");
        self.channel = None;
        self.buffer = Vec::new();
        for (claimed, stage) in self.at_work.take() {
            let result = match stage {
                Stage::Taken => {
                    self.context.release(&claimed).await;
                    None
                }
                Stage::Dropped => {
                    self.context.refund(&claimed);
                    None
                }
                Stage::Marked => Some(job::result(&claimed, State::Skipped, Some(PANICKED))),
                Stage::Body => Some(job::result(&claimed, State::Uncertain, Some("answer-lost"))),
            };
            if let Some(result) = result {
                self.context.count_ended(&claimed, &result);
                self.context.group_commit.record(result).await;
            }
            self.let_go(&claimed);
        }
        relay_breaker::backoff(1)
    }

    /// Panics if a test asks for it.
    pub(super) fn panic_if_asked(&self, body: Option<&MarkedMessage>, envelope: Option<&MarkedMessage>) {
        for (bug, message) in [(Bug::PanicBeforeBody, body), (Bug::PanicBeforeEnvelope, envelope)] {
            if let Some(message) = message {
                failpoint::panic_if(bug, message.to.local());
            }
        }
    }
}
