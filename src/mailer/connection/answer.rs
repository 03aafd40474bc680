//! What the answers of a relay mean for a letter and for the connection.

use std::time::Duration;

use crate::infra::error::Message;
use crate::infra::failpoint::{self, Bug};
use crate::mailer::connection::{Connection, MarkedMessage};
use crate::mailer::smtp::error::{Cause, SmtpError};
use crate::mailer::smtp::reply_class;
use crate::mailer::smtp::session::EnvelopeReply;
use crate::mailer::smtp::wire::Reply;

impl Connection {
    /// What the answer to a text means; how long to rest when the connection is of no more use.
    pub(super) async fn answered(
        &mut self,
        mut letter: MarkedMessage,
        said: Result<Reply, SmtpError>,
    ) -> Option<Duration> {
        let bench = self.bench.clone();
        self.spare = std::mem::take(&mut letter.text);
        if failpoint::has_bug(Bug::MarkAfterBody) {
            let _ = bench.writer.mark(letter.job.mark(bench.relay)).await.await;
        }
        match said {
            Ok(reply) => {
                bench.limits.heard(&letter.job.claimed, &reply).await;
                if reply.is_positive() {
                    bench.trouble.accepted();
                    self.misses = 0;
                } else {
                    bench.trouble.refused(&reply);
                }
                self.record(&letter.job, letter.answered(&reply, true, &bench)).await;
                (reply.code == 421).then_some(Duration::ZERO)
            }
            Err(fault) => {
                self.record(&letter.job, letter.job.interrupted(&fault, &bench)).await;
                Some(bench.trouble.report(&fault))
            }
        }
    }

    /// What a refusal of the envelope means; how long to rest when it stops us.
    pub(super) async fn refused(&mut self, letter: MarkedMessage, verdict: &EnvelopeReply) -> Option<Duration> {
        let bench = self.bench.clone();
        let (outcome, rest) = match verdict {
            EnvelopeReply::Accepted | EnvelopeReply::NeedsSmtpUtf8 => (letter.job.skipped("skipped-smtputf8"), None),
            // It wants to know us or to encrypt, whoever the recipient is.
            EnvelopeReply::RecipientRefused(reply) if reply.code == 530 => {
                let why = Message::new("relay-locked").with("code", reply.code);
                (letter.job.untried(&bench), Some(bench.trouble.fail(why, true)))
            }
            EnvelopeReply::RecipientRefused(reply) => {
                bench.limits.heard(&letter.job.claimed, reply).await;
                bench.trouble.refused(reply);
                (letter.answered(reply, false, &bench), None)
            }
            EnvelopeReply::DataRefused(reply) => {
                bench.limits.heard(&letter.job.claimed, reply).await;
                bench.trouble.refused(reply);
                (letter.answered(reply, true, &bench), None)
            }
            // A refused sender is no fault of the recipient's: for now is for later, for good stops us.
            EnvelopeReply::SenderRefused(reply)
                if reply.is_transient() || reply_class::sender_fault(reply).is_some() =>
            {
                bench.limits.heard(&letter.job.claimed, reply).await;
                (letter.answered(reply, false, &bench), None)
            }
            EnvelopeReply::SenderRefused(reply) => {
                let why = Message::new("relay-sender").with("code", reply.code);
                (letter.job.untried(&bench), Some(bench.trouble.fail(why, true)))
            }
        };
        self.record(&letter.job, outcome).await;
        rest
    }

    /// The connection broke over an envelope: its text was not written, the relay has nothing of it.
    /// One that hangs up because its lane is too fast, or because of our settings, is not in trouble.
    pub(super) async fn cut_off(&mut self, letter: MarkedMessage, fault: &SmtpError) -> Duration {
        match &fault.cause {
            Cause::UnexpectedReply(reply)
                if reply_class::is_too_fast(reply) || reply_class::sender_fault(reply).is_some() =>
            {
                self.bench.limits.heard(&letter.job.claimed, reply).await;
                self.record(&letter.job, letter.answered(reply, false, &self.bench)).await;
                Duration::ZERO
            }
            _ => {
                self.untried(Some(letter)).await;
                // Where the round is over it was we who hung up.
                if *self.over.borrow() { Duration::ZERO } else { self.bench.trouble.report(fault) }
            }
        }
    }
}
