//! Whether a relay that offers PIPELINING (RFC 2920) can do it. Some lose what they read too early,
//! hang up at it or call it an error. Two conversations that broke over a group, with none that went
//! well between them, are proof enough: from then on the relay is talked to a command at a time.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::mailer::smtp::error::{Cause, Phase, SmtpError};
use crate::mailer::smtp::session::EnvelopeReply;

/// Broken groups in a row that end the trust.
const DOUBTS: u32 = 2;

/// What is known of a relay's pipelining.
#[derive(Debug, Default)]
pub struct PipeliningTrust {
    doubts: AtomicU32,
}

impl PipeliningTrust {
    /// False once the relay has shown that it cannot.
    pub fn is_trusted(&self) -> bool {
        self.doubts.load(Ordering::Relaxed) < DOUBTS
    }

    /// Takes in how a group ended: the fault of its text, and what was said to its envelope.
    pub fn weigh(&self, text: Option<&SmtpError>, next: Option<&Result<EnvelopeReply, SmtpError>>) {
        let fault = text.or_else(|| next.and_then(|next| next.as_ref().err()));
        let doubt = match fault {
            None if next.is_some() => return self.doubts.store(0, Ordering::Relaxed),
            fault => fault.is_some_and(is_doubtful),
        };
        if doubt && self.doubts.fetch_add(1, Ordering::Relaxed) + 1 == DOUBTS {
            tracing::warn!("the relay offers PIPELINING and loses its place in a group; one command at a time now");
        }
    }
}

/// Whether a conversation broke in a way that a misread group would break it.
fn is_doubtful(fault: &SmtpError) -> bool {
    let place = matches!(fault.phase, Phase::Envelope | Phase::Data | Phase::Dot);
    let manner = match &fault.cause {
        Cause::Timeout | Cause::Closed | Cause::ProtocolViolation | Cause::Io(_) => true,
        // 503 bad sequence, 500 and 554 as "synchronization error".
        Cause::UnexpectedReply(reply) => matches!(reply.code, 500..=503 | 554),
        _ => false,
    };
    place && manner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_broken_groups_in_a_row_end_the_trust_and_a_good_one_restores_it() {
        let grouping = PipeliningTrust::default();
        let broken: Result<EnvelopeReply, SmtpError> = Err(Cause::Timeout.at(Phase::Envelope));

        grouping.weigh(None, Some(&broken));
        grouping.weigh(None, Some(&Ok(EnvelopeReply::Accepted)));
        grouping.weigh(None, Some(&broken));
        assert!(grouping.is_trusted());

        grouping.weigh(Some(&Cause::Closed.at(Phase::Dot)), Some(&broken));
        assert!(!grouping.is_trusted());
    }

    #[test]
    fn a_wrong_password_is_no_sign() {
        let grouping = PipeliningTrust::default();
        for _ in 0..5 {
            grouping.weigh(None, Some(&Err(Cause::NoAuth.at(Phase::Auth))));
        }
        assert!(grouping.is_trusted());
    }
}
