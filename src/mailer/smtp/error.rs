//! SMTP errors: the phase in which a session failed and the cause.
//!
//! The phase decides what happens to the delivery: only after the final dot was written may the server have accepted
//! the message without this side knowing.

use std::fmt;
use std::io::ErrorKind;

use rustix::io::Errno;

use crate::infra::error::Message;
use crate::mailer::smtp::reply::{Malformed, Reply};

crate::text_enum! {
    /// The phase of a session.
    Phase {
        /// Host name lookup and TCP connect.
        Connect = "connect",
        /// The server's greeting and EHLO.
        Greeting = "greeting",
        /// STARTTLS and the TLS handshake.
        Tls = "tls",
        /// AUTH.
        Auth = "auth",
        /// MAIL and RCPT.
        Envelope = "envelope",
        /// DATA was sent, nothing of the message.
        Data = "data",
        /// Part of the message may be sent, its final dot is not.
        Body = "body",
        /// The final dot may be sent and has no reply.
        Dot = "dot",
    }
}

crate::text_enum! {
    /// Why a server's certificate is not trusted.
    CertificateProblem {
        /// Expired, or not valid yet.
        Expired = "expired",
        /// Issued for another host name.
        Name = "name",
        /// Signed by an unknown authority.
        Issuer = "issuer",
        /// Another reason.
        Other = "other",
    }
}

/// Why a session failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The host name cannot be resolved.
    Lookup,
    /// No reply within the time limit of the phase.
    Timeout,
    /// The server closed the connection.
    Closed,
    /// An I/O error of the system.
    Io(ErrorKind),
    /// This process or the machine has no file descriptor left; the server is not to blame.
    NoFileHandles,
    /// The server sent something that is not SMTP, or spoke out of turn.
    ProtocolViolation,
    /// The server refused a step that must succeed, or replied with a code that has no meaning here.
    UnexpectedReply(Reply),
    /// The certificate is not trusted.
    Certificate(CertificateProblem),
    /// The CA file of the endpoint cannot be read.
    CaFile,
    /// The TLS handshake failed.
    Handshake,
    /// The server offers no STARTTLS, and the endpoint requires it or has credentials.
    NoStartTls,
    /// The server offers no supported AUTH mechanism.
    NoAuth,
    /// The message has a lone CR or LF or a NUL, or an address has a control character.
    UnsafeText,
    /// The message could not be written to the folder of the relay.
    Folder,
}

/// A failed session. It is closed; the caller may open a new one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{phase}: {cause}")]
pub struct SmtpError {
    /// The phase in which it failed.
    pub phase: Phase,
    /// The cause.
    pub cause: Cause,
}

impl SmtpError {
    /// True when the server may have accepted the message: its final dot was handed to the system and no reply came. In
    /// every other phase it certainly has not.
    pub fn is_uncertain(&self) -> bool {
        self.phase == Phase::Dot
    }

    /// True when a setting must change before another attempt can succeed.
    pub fn is_configuration(&self) -> bool {
        match &self.cause {
            Cause::Certificate(_) | Cause::CaFile | Cause::NoStartTls | Cause::NoAuth => true,
            Cause::UnexpectedReply(reply) => self.phase == Phase::Auth && reply.is_permanent(),
            _ => false,
        }
    }

    /// True when the server takes no further session at the moment: a temporary refusal instead of a greeting or of a
    /// sign-in. That is how servers limit connections (421).
    pub fn is_busy(&self) -> bool {
        let is_early = matches!(self.phase, Phase::Connect | Phase::Greeting | Phase::Auth);
        is_early && matches!(&self.cause, Cause::UnexpectedReply(reply) if reply.is_transient())
    }

    /// The message for the operator. It has reply codes, never the text of a reply: that may repeat an address.
    pub fn message(&self) -> Message {
        let message = Message::new(self.key()).with("phase", self.phase);
        match &self.cause {
            Cause::Io(kind) => message.with("why", kind),
            Cause::UnexpectedReply(reply) => message.with("reply", reply),
            _ => message,
        }
    }

    fn key(&self) -> &'static str {
        match &self.cause {
            Cause::Lookup => "smtp-lookup",
            Cause::Io(_) if self.phase == Phase::Connect => "smtp-unreachable",
            Cause::NoFileHandles => "smtp-files",
            Cause::Timeout => "smtp-timeout",
            Cause::Closed => "smtp-closed",
            Cause::Io(_) => "smtp-broken",
            Cause::ProtocolViolation => "smtp-nonsense",
            Cause::UnexpectedReply(_) if self.is_configuration() => "smtp-auth",
            Cause::UnexpectedReply(_) => "smtp-answer",
            Cause::Certificate(CertificateProblem::Expired) => "smtp-certificate-expired",
            Cause::Certificate(CertificateProblem::Name) => "smtp-certificate-name",
            Cause::Certificate(CertificateProblem::Issuer) => "smtp-certificate-issuer",
            Cause::Certificate(CertificateProblem::Other) => "smtp-certificate",
            Cause::CaFile => "smtp-authority",
            Cause::Handshake => "smtp-handshake",
            Cause::NoStartTls => "smtp-starttls",
            Cause::NoAuth => "smtp-mechanism",
            Cause::UnsafeText => "smtp-unsafe",
            Cause::Folder => "relay-folder",
        }
    }
}

impl Cause {
    /// The cause of a failed connect.
    pub fn of_connect(error: &std::io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE) => Self::NoFileHandles,
            _ => Self::Io(error.kind()),
        }
    }

    /// The error of this cause in a phase.
    pub fn at(self, phase: Phase) -> SmtpError {
        SmtpError { phase, cause: self }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup => f.write_str("unknown host name"),
            Self::Timeout => f.write_str("timeout"),
            Self::Closed => f.write_str("connection closed"),
            Self::Io(kind) => write!(f, "{kind}"),
            Self::NoFileHandles => f.write_str("no file descriptor left"),
            Self::ProtocolViolation => f.write_str("protocol violation"),
            Self::UnexpectedReply(reply) => write!(f, "unexpected reply {reply}"),
            Self::Certificate(distrust) => write!(f, "certificate: {distrust}"),
            Self::CaFile => f.write_str("unreadable CA file"),
            Self::Handshake => f.write_str("TLS handshake failed"),
            Self::NoStartTls => f.write_str("no STARTTLS"),
            Self::NoAuth => f.write_str("no AUTH PLAIN or LOGIN"),
            Self::UnsafeText => f.write_str("unsafe text"),
            Self::Folder => f.write_str("folder not writable"),
        }
    }
}

impl From<Malformed> for Cause {
    fn from(Malformed: Malformed) -> Self {
        Self::ProtocolViolation
    }
}

impl From<std::io::Error> for Cause {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Self::Closed,
            kind => Self::Io(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::i18n::Lang;

    #[test]
    fn missing_file_descriptors_are_not_blamed_on_the_relay() {
        let none = std::io::Error::from_raw_os_error(Errno::MFILE.raw_os_error());
        let refused = std::io::Error::from(ErrorKind::ConnectionRefused);

        assert_eq!(Cause::of_connect(&none).at(Phase::Connect).message().key, "smtp-files");
        assert_eq!(Cause::of_connect(&refused).at(Phase::Connect).message().key, "smtp-unreachable");
    }

    #[test]
    fn only_a_final_dot_without_reply_is_uncertain() {
        let uncertain: Vec<_> =
            Phase::ALL.iter().filter(|phase| Cause::Closed.at(**phase).is_uncertain()).copied().collect();

        assert_eq!(uncertain, [Phase::Dot]);
    }

    #[test]
    fn refused_password_is_a_configuration_error_and_busy_server_is_not() {
        let refused = |code| Cause::UnexpectedReply(Reply { code, enhanced: None, text: String::new() });

        assert!(refused(535).at(Phase::Auth).is_configuration());
        assert!(!refused(454).at(Phase::Auth).is_configuration());
        assert!(!refused(554).at(Phase::Greeting).is_configuration());
        assert!(Cause::Certificate(CertificateProblem::Name).at(Phase::Tls).is_configuration());
        assert!(!Cause::Timeout.at(Phase::Connect).is_configuration());
    }

    #[test]
    fn message_for_the_operator_has_no_reply_text() {
        let reply = Reply { code: 550, enhanced: None, text: "no anna@example.org here".to_owned() };
        let error = Cause::UnexpectedReply(reply).at(Phase::Greeting);

        for lang in [Lang::EN, Lang::RU] {
            let message = lang.translate(&error.message());
            assert!(message.contains("550") && !message.contains("anna"), "{message}");
        }
        assert!(!format!("{error} {error:?}").contains("anna"));
    }
}
