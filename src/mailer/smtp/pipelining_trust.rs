//! Whether the PIPELINING (RFC 2920) of a relay works.
//!
//! Some servers lose commands that arrive early, close the connection or report an error. After two sessions in a row
//! that broke over a group of commands, the relay gets one command at a time.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::mailer::smtp::error::{Cause, Phase, SmtpError};
use crate::mailer::smtp::session::EnvelopeReply;

/// Broken groups in a row after which pipelining is not used any more.
const MAX_BROKEN: u32 = 2;

/// The experience with one relay's pipelining.
#[derive(Debug, Default)]
pub struct PipeliningTrust {
    broken: AtomicU32,
}

impl PipeliningTrust {
    /// False once pipelining has failed too often.
    pub fn is_trusted(&self) -> bool {
        self.broken.load(Ordering::Relaxed) < MAX_BROKEN
    }

    /// Records the end of a group: the error of its message and the reply to its envelope.
    pub fn record(&self, message: Option<&SmtpError>, next: Option<&Result<EnvelopeReply, SmtpError>>) {
        let error = message.or_else(|| next.and_then(|next| next.as_ref().err()));
        let broken = match error {
            None if next.is_some() => return self.broken.store(0, Ordering::Relaxed),
            error => error.is_some_and(is_suspicious),
        };
        if broken && self.broken.fetch_add(1, Ordering::Relaxed) + 1 == MAX_BROKEN {
            tracing::warn!("the relay offers PIPELINING but fails at it; sending one command at a time from now on");
        }
    }
}

/// True for errors that a server that mishandles a group of commands would cause.
fn is_suspicious(error: &SmtpError) -> bool {
    let phase = matches!(error.phase, Phase::Envelope | Phase::Data | Phase::Dot);
    let cause = match &error.cause {
        Cause::Timeout | Cause::Closed | Cause::ProtocolViolation | Cause::Io(_) => true,
        // 503 bad sequence, 500 and 554 as "synchronization error".
        Cause::UnexpectedReply(reply) => matches!(reply.code, 500..=503 | 554),
        _ => false,
    };
    phase && cause
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_broken_groups_in_a_row_end_pipelining_and_a_good_one_resets_the_count() {
        let trust = PipeliningTrust::default();
        let broken: Result<EnvelopeReply, SmtpError> = Err(Cause::Timeout.at(Phase::Envelope));

        trust.record(None, Some(&broken));
        trust.record(None, Some(&Ok(EnvelopeReply::Accepted)));
        trust.record(None, Some(&broken));
        assert!(trust.is_trusted());

        trust.record(Some(&Cause::Closed.at(Phase::Dot)), Some(&broken));
        assert!(!trust.is_trusted());
    }

    #[test]
    fn wrong_password_does_not_count() {
        let trust = PipeliningTrust::default();
        for _ in 0..5 {
            trust.record(None, Some(&Err(Cause::NoAuth.at(Phase::Auth))));
        }
        assert!(trust.is_trusted());
    }
}
