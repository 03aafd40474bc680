//! How an SMTP session breaks: where it was and why. The place decides what may be done about the
//! message on the way; only after its last dot may it have arrived without our knowing.

use std::fmt;
use std::io::ErrorKind;

use rustix::io::Errno;

use crate::infra::error::Message;
use crate::mailer::smtp::wire::Reply;

crate::text_enum! {
    /// Where a session was when it broke.
    Phase {
        /// Finding and reaching the server.
        Connect = "connect",
        /// Its greeting and EHLO.
        Greeting = "greeting",
        /// STARTTLS or the handshake.
        Tls = "tls",
        /// Signing in.
        Auth = "auth",
        /// Sender and recipient.
        Envelope = "envelope",
        /// DATA was sent, nothing of the text.
        Data = "data",
        /// Some of the text may be out, its last dot is not.
        Body = "body",
        /// The last dot may be out and was not answered.
        Dot = "dot",
    }
}

crate::text_enum! {
    /// What is wrong with a server's certificate.
    CertificateProblem {
        /// Its days are over, or have not begun.
        Expired = "expired",
        /// It names another server.
        Name = "name",
        /// Nobody we trust signed it.
        Issuer = "issuer",
        /// Anything else.
        Other = "other",
    }
}

/// Why a session broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The name of the server is not known.
    Lookup,
    /// No answer within the limit of the phase.
    Timeout,
    /// The server hung up.
    Closed,
    /// The system refused a socket or a read.
    Io(ErrorKind),
    /// This process or the machine has no file left for a socket: the server has no part in it.
    NoFileHandles,
    /// The server said what is no SMTP, or spoke out of turn.
    ProtocolViolation,
    /// The server refused what it must grant, or answered with a code that has no meaning here.
    UnexpectedReply(Reply),
    /// The certificate is not to be trusted.
    Certificate(CertificateProblem),
    /// The file of trusted certificates cannot be read.
    CaFile,
    /// The handshake failed.
    Handshake,
    /// The server offers no STARTTLS and the target demands it, or has credentials to protect.
    NoStartTls,
    /// The server offers neither PLAIN nor LOGIN.
    NoAuth,
    /// The message has a lone CR or LF or a NUL, or an address has a control character.
    UnsafeText,
}

/// A session that broke. It is closed; a new one may be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{phase}: {cause}")]
pub struct SmtpError {
    /// Where it was.
    pub phase: Phase,
    /// Why.
    pub cause: Cause,
}

impl SmtpError {
    /// True when the message may have been accepted: its last dot was handed to the system and no
    /// answer came. In every other phase it certainly was not.
    pub fn is_uncertain(&self) -> bool {
        self.phase == Phase::Dot
    }

    /// True when someone must change a setting before a new try can succeed.
    pub fn is_configuration(&self) -> bool {
        match &self.cause {
            Cause::Certificate(_) | Cause::CaFile | Cause::NoStartTls | Cause::NoAuth => true,
            Cause::UnexpectedReply(reply) => self.phase == Phase::Auth && reply.is_permanent(),
            _ => false,
        }
    }

    /// The sentence for the operator. It holds reply codes, never a server's words: those may
    /// repeat an address.
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
        }
    }
}

impl Cause {
    /// Why no connection came about.
    pub fn of_connect(error: &std::io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE) => Self::NoFileHandles,
            _ => Self::Io(error.kind()),
        }
    }

    /// This cause in a phase.
    pub fn at(self, phase: Phase) -> SmtpError {
        SmtpError { phase, cause: self }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup => f.write_str("unknown name"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Closed => f.write_str("the server hung up"),
            Self::Io(kind) => write!(f, "{kind}"),
            Self::NoFileHandles => f.write_str("no file left"),
            Self::ProtocolViolation => f.write_str("no SMTP"),
            Self::UnexpectedReply(reply) => write!(f, "answer {reply}"),
            Self::Certificate(distrust) => write!(f, "certificate: {distrust}"),
            Self::CaFile => f.write_str("unreadable file of certificates"),
            Self::Handshake => f.write_str("handshake failed"),
            Self::NoStartTls => f.write_str("no STARTTLS"),
            Self::NoAuth => f.write_str("no AUTH PLAIN or LOGIN"),
            Self::UnsafeText => f.write_str("unsafe text"),
        }
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

    #[test]
    fn who_has_no_file_left_does_not_blame_the_relay() {
        let none = std::io::Error::from_raw_os_error(Errno::MFILE.raw_os_error());
        let nobody = std::io::Error::from(ErrorKind::ConnectionRefused);

        assert_eq!(Cause::of_connect(&none).at(Phase::Connect).message().key, "smtp-files");
        assert_eq!(Cause::of_connect(&nobody).at(Phase::Connect).message().key, "smtp-unreachable");
    }
    use crate::infra::i18n::Lang;

    #[test]
    fn only_a_dot_without_an_answer_is_uncertain() {
        let uncertain: Vec<_> =
            Phase::ALL.iter().filter(|phase| Cause::Closed.at(**phase).is_uncertain()).copied().collect();

        assert_eq!(uncertain, [Phase::Dot]);
    }

    #[test]
    fn a_refused_password_needs_the_operator_and_a_busy_server_does_not() {
        let refused = |code| Cause::UnexpectedReply(Reply { code, enhanced: None, text: String::new() });

        assert!(refused(535).at(Phase::Auth).is_configuration());
        assert!(!refused(454).at(Phase::Auth).is_configuration());
        assert!(!refused(554).at(Phase::Greeting).is_configuration());
        assert!(Cause::Certificate(CertificateProblem::Name).at(Phase::Tls).is_configuration());
        assert!(!Cause::Timeout.at(Phase::Connect).is_configuration());
    }

    #[test]
    fn the_sentence_repeats_no_word_of_the_server() {
        let reply = Reply { code: 550, enhanced: None, text: "no anna@example.org here".to_owned() };
        let fault = Cause::UnexpectedReply(reply).at(Phase::Greeting);

        for lang in [Lang::EN, Lang::RU] {
            let sentence = lang.translate(&fault.message());
            assert!(sentence.contains("550") && !sentence.contains("anna"), "{sentence}");
        }
        assert!(!format!("{fault} {fault:?}").contains("anna"));
    }
}
