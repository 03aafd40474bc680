//! Our side of an SMTP conversation (RFC 5321, 2920, 6531): one connection, one recipient a
//! message, each step with its own timer. Envelope and body are two calls, so that a caller can
//! put its mark between them; every failure says where it happened. After a failure, or when a
//! call is dropped half-way, the session is closed and nothing of it reaches the next message.

use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::{Auth, Data, Noop, Quit, Rset, Starttls};
use tokio::time::timeout;

use crate::infra::failpoint;
use crate::infra::metric::{self, GaugeGuard};
use crate::infra::network::{ConnectError, Link, Network};
use crate::mailer::smtp::endpoint::{Endpoint, Security, is_helo};
use crate::mailer::smtp::error::{Cause, Phase, SmtpError};
use crate::mailer::smtp::extension::Extensions;
use crate::mailer::smtp::timeouts::Timeouts;
use crate::mailer::smtp::wire::{Reply, ReplyParser, Wire};
use crate::mailer::{smtp::dot_stuffing, smtp::tls};

pub mod pipeline;

/// Octets handed to the system at once.
const CHUNK: usize = 64 * 1024;

/// What the server says to an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopeReply {
    /// The body may follow.
    Accepted,
    /// The recipient was refused.
    RecipientRefused(Reply),
    /// The sender was refused: no fault of the recipient's.
    SenderRefused(Reply),
    /// The recipient was accepted and the text refused before a byte of it.
    DataRefused(Reply),
    /// The recipient needs SMTPUTF8 and the server lacks it. Nothing was sent.
    NeedsSmtpUtf8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between messages.
    Idle,
    /// An envelope was accepted.
    Ready,
    /// DATA was answered: the text comes next.
    Granted,
    /// DATA was answered although the recipient was not accepted: a lone dot is owed.
    Orphan,
    /// An envelope or DATA was refused; RSET goes before the next.
    Spoiled,
    Closed,
}

/// A conversation with a server that greeted, and was signed in to where the target says so.
pub struct Session {
    wire: Wire,
    timers: Timeouts,
    extensions: Extensions,
    encrypted: bool,
    /// True once an envelope behind a text was answered.
    proven: bool,
    state: State,
    _counted: GaugeGuard,
}

impl Session {
    /// Connects, greets, encrypts and signs in as the target demands.
    pub async fn open(target: &Endpoint, timers: &Timeouts) -> Result<Self, SmtpError> {
        Self::open_over(&Network::tcp(), target, timers).await
    }

    /// The same over another network than this machine's.
    pub async fn open_over(network: &Network, target: &Endpoint, timers: &Timeouts) -> Result<Self, SmtpError> {
        let link = connect(network, target, timers).await.map_err(at(Phase::Connect))?;
        let hello = greeting_name(&target.helo, link.local);

        let mut session = Self {
            wire: Wire::new(link.stream),
            timers: *timers,
            extensions: Extensions::default(),
            encrypted: false,
            proven: false,
            state: State::Closed,
            _counted: metric::connection_opened(),
        };
        if target.security == Security::Implicit {
            session = session.encrypt(target).await?;
        }
        need(session.hear(timers.banner, Phase::Greeting).await?, 220, Phase::Greeting)?;
        session.greet(&hello).await?;

        if let Security::StartTls { required } = target.security {
            if session.extensions.starttls {
                need(session.ask(Starttls, timers.command, Phase::Tls).await?, 220, Phase::Tls)?;
                session = session.encrypt(target).await?;
                session.greet(&hello).await?;
            } else if required {
                return Err(Cause::NoStartTls.at(Phase::Tls));
            }
        }
        if let Some((user, password)) = &target.credentials {
            let private = target.security == Security::Plain && link.remote.is_loopback();
            if !session.encrypted && !private {
                return Err(Cause::NoStartTls.at(Phase::Auth));
            }
            session.sign_in(user, password).await?;
        }
        session.state = State::Idle;
        Ok(session)
    }

    /// What the server offered.
    pub fn extensions(&self) -> Extensions {
        self.extensions
    }

    /// True when nobody between here and the server can read along.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// False after a fault or a 421: the next message needs a new session.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// Offers sender and recipient, both in their wire form ([`envelope`] of an address). `utf8`
    /// says that the text itself has header fields in UTF-8; non-ASCII addresses say so themselves.
    ///
    /// [`envelope`]: crate::audience::address::Address::envelope
    pub async fn envelope(&mut self, from: &str, to: &str, utf8: bool) -> Result<EnvelopeReply, SmtpError> {
        let utf8 = utf8 || !from.is_ascii() || !to.is_ascii();
        if utf8 && !self.extensions.smtputf8 {
            return Ok(EnvelopeReply::NeedsSmtpUtf8);
        }
        if from.contains(char::is_control) || to.contains(char::is_control) {
            return Err(Cause::UnsafeText.at(Phase::Envelope));
        }
        let (mail, rcpt) = (self.mail(from, utf8).concat(), rcpt(to).concat());
        let before = self.begin(Phase::Envelope)?;
        let verdict = if self.extensions.pipelining {
            self.offer_at_once(before, &mail, &rcpt).await?
        } else {
            self.offer_in_turn(before, &mail, &rcpt).await?
        };
        self.state = if verdict == EnvelopeReply::Accepted { State::Ready } else { State::Spoiled };
        Ok(verdict)
    }

    /// The pieces of MAIL.
    fn mail<'e>(&self, from: &'e str, utf8: bool) -> [&'e str; 3] {
        let rest = match (utf8, self.extensions.eightbitmime) {
            (true, true) => "> SMTPUTF8 BODY=8BITMIME\r\n",
            (true, false) => "> SMTPUTF8\r\n",
            (false, _) => ">\r\n",
        };
        ["MAIL FROM:<", from, rest]
    }

    /// One write, then one reply for each command in it.
    async fn offer_at_once(&mut self, before: State, mail: &str, rcpt: &str) -> Result<EnvelopeReply, SmtpError> {
        let reset = if before == State::Idle { String::new() } else { Rset.to_string() };
        let group = [&reset, mail, rcpt].concat();
        self.wire.send(group.as_bytes(), self.timers.mail).await.map_err(at(Phase::Envelope))?;
        if !reset.is_empty() {
            need(self.hear(self.timers.command, Phase::Envelope).await?, 250, Phase::Envelope)?;
        }
        let sender = weigh(self.hear(self.timers.mail, Phase::Envelope).await?)?;
        failpoint::hit("after-mail-reply");
        let recipient = weigh(self.hear(self.timers.rcpt, Phase::Envelope).await?)?;
        failpoint::hit("after-rcpt-reply");
        Ok(match (sender, recipient) {
            (sender, _) if sender.is_refusal() => EnvelopeReply::SenderRefused(sender),
            (_, recipient) if recipient.is_refusal() => EnvelopeReply::RecipientRefused(recipient),
            _ => EnvelopeReply::Accepted,
        })
    }

    /// A command at a time, for servers that did not offer PIPELINING.
    async fn offer_in_turn(&mut self, before: State, mail: &str, rcpt: &str) -> Result<EnvelopeReply, SmtpError> {
        if before != State::Idle {
            need(self.ask(Rset, self.timers.command, Phase::Envelope).await?, 250, Phase::Envelope)?;
        }
        let sender = weigh(self.ask(mail, self.timers.mail, Phase::Envelope).await?)?;
        failpoint::hit("after-mail-reply");
        if sender.is_refusal() {
            return Ok(EnvelopeReply::SenderRefused(sender));
        }
        let recipient = weigh(self.ask(rcpt, self.timers.rcpt, Phase::Envelope).await?)?;
        failpoint::hit("after-rcpt-reply");
        Ok(if recipient.is_refusal() { EnvelopeReply::RecipientRefused(recipient) } else { EnvelopeReply::Accepted })
    }

    /// Sends the text of the message whose envelope was accepted and returns what the server says
    /// to it: 2xx, 4xx or 5xx. The text may have no lone CR or LF and no NUL; dots are doubled here.
    pub async fn send_message(&mut self, message: &[u8]) -> Result<Reply, SmtpError> {
        if !dot_stuffing::is_canonical(message) {
            return Err(Cause::UnsafeText.at(Phase::Data));
        }
        self.send_stuffed(&dot_stuffing::stuff(message)).await
    }

    /// The same for a text in wire form, its last dot included.
    pub async fn send_stuffed(&mut self, text: &[u8]) -> Result<Reply, SmtpError> {
        if self.begin(Phase::Data)? != State::Ready {
            return Err(Cause::Closed.at(Phase::Data));
        }
        let go = self.ask(Data, self.timers.data, Phase::Data).await?;
        if go.is_refusal() && go.code != 421 {
            self.state = State::Spoiled;
            return Ok(go);
        }
        need(go, 354, Phase::Data)?;
        failpoint::hit("after-data-reply");

        // The end of the text and its dot go in one write: a second small one would wait for the
        // acknowledgement of the first.
        let (head, tail) = text.split_at(text.len().saturating_sub(CHUNK));
        for block in head.chunks(CHUNK) {
            self.wire.send(block, self.timers.block).await.map_err(at(Phase::Body))?;
        }
        if self.wire.is_interrupted().await {
            let reply = self.hear(self.timers.data, Phase::Body).await?;
            return Err(Cause::UnexpectedReply(reply).at(Phase::Body));
        }
        self.die_within(tail).await;
        self.wire.send(tail, self.timers.block).await.map_err(at(Phase::Dot))?;
        failpoint::hit("after-body");
        let reply = self.hear(self.timers.dot, Phase::Dot).await?;
        failpoint::hit("after-body-reply");
        if !reply.is_positive() && !reply.is_refusal() {
            return Err(Cause::UnexpectedReply(reply).at(Phase::Dot));
        }
        if reply.code != 421 {
            self.state = State::Idle;
        }
        Ok(reply)
    }

    /// Where the process is to die with part of a text written, writes that part and dies. With
    /// passages left it writes nothing: the text goes out whole.
    async fn die_within(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        let points = [("mid-body", text.len() / 2), ("before-final-dot", text.len().saturating_sub(".\r\n".len()))];
        for (point, part) in points {
            if failpoint::is_armed(point) {
                // The process ends here; what the wire said matters to no one.
                let _ = self.wire.send(&text[..part], self.timers.block).await;
                failpoint::abort();
            }
        }
    }

    /// Forgets an envelope that was accepted.
    pub async fn reset(&mut self) -> Result<(), SmtpError> {
        self.begin(Phase::Envelope)?;
        need(self.ask(Rset, self.timers.command, Phase::Envelope).await?, 250, Phase::Envelope)?;
        self.state = State::Idle;
        Ok(())
    }

    /// Asks whether the server is still there.
    pub async fn noop(&mut self) -> Result<(), SmtpError> {
        let before = self.begin(Phase::Envelope)?;
        need(self.ask(Noop, self.timers.command, Phase::Envelope).await?, 250, Phase::Envelope)?;
        self.state = before;
        Ok(())
    }

    /// Says goodbye and does not mind being ignored.
    pub async fn quit(mut self) {
        // Where a text is awaited QUIT would be taken for its first line: hanging up is the way out.
        if !matches!(self.state, State::Closed | State::Granted | State::Orphan) {
            // Whatever comes back, this connection is done.
            let _ = self.ask(Quit, self.timers.quit, Phase::Envelope).await;
        }
    }

    /// Takes the session for one step. It stays closed unless the step ends well.
    fn begin(&mut self, phase: Phase) -> Result<State, SmtpError> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => Err(Cause::Closed.at(phase)),
            _ if !self.wire.is_quiet() => Err(Cause::ProtocolViolation.at(phase)),
            before => Ok(before),
        }
    }

    /// One command, one reply.
    async fn ask(&mut self, command: impl Display, limit: Duration, phase: Phase) -> Result<Reply, SmtpError> {
        Ok(self.exchange(command, limit, phase).await?.reply())
    }

    /// The same with every line of the reply. Whatever lies unread before would be taken for it.
    async fn exchange(
        &mut self,
        command: impl Display,
        limit: Duration,
        phase: Phase,
    ) -> Result<ReplyParser, SmtpError> {
        if !self.wire.is_quiet() {
            return Err(Cause::ProtocolViolation.at(phase));
        }
        self.wire.send(command.to_string().as_bytes(), limit).await.map_err(at(phase))?;
        self.wire.answer(limit).await.map_err(at(phase))
    }

    async fn hear(&mut self, limit: Duration, phase: Phase) -> Result<Reply, SmtpError> {
        Ok(self.wire.answer(limit).await.map_err(at(phase))?.reply())
    }

    async fn greet(&mut self, name: &str) -> Result<(), SmtpError> {
        let (phase, limit) = (Phase::Greeting, self.timers.command);
        let answer = self.exchange(format!("EHLO {name}\r\n"), limit, phase).await?;
        self.extensions = Extensions::read(answer.lines());
        let reply = answer.reply();
        if matches!(reply.code, 500 | 502) {
            self.extensions = Extensions::default();
            return need(self.ask(format!("HELO {name}\r\n"), limit, phase).await?, 250, phase);
        }
        need(reply, 250, phase)
    }

    /// Changes over to TLS. What arrived in clear before it may come from anyone on the way, so
    /// one byte of it is reason enough to leave.
    async fn encrypt(mut self, target: &Endpoint) -> Result<Self, SmtpError> {
        if !self.wire.is_quiet() {
            return Err(Cause::ProtocolViolation.at(Phase::Tls));
        }
        let handshake = tls::wrap(self.wire.into_stream(), &target.host, target.authority.as_deref());
        let stream = timeout(self.timers.connect, handshake).await.map_err(|_| Cause::Timeout.at(Phase::Tls))?;
        self.wire = Wire::new(Box::new(stream.map_err(at(Phase::Tls))?));
        self.encrypted = true;
        Ok(self)
    }

    async fn sign_in(&mut self, user: &str, password: &str) -> Result<(), SmtpError> {
        let credentials = Credentials::new(user.to_owned(), password.to_owned());
        let (mechanism, steps) = match self.extensions {
            Extensions { plain: true, .. } => (Mechanism::Plain, &[None][..]),
            Extensions { login: true, .. } => (Mechanism::Login, &[None, Some("Username"), Some("Password")][..]),
            _ => return Err(Cause::NoAuth.at(Phase::Auth)),
        };
        for (index, step) in steps.iter().enumerate() {
            let line = Auth::new(mechanism, credentials.clone(), step.map(str::to_owned));
            let line = line.expect("each mechanism knows its own questions");
            let reply = self.ask(line, self.timers.command, Phase::Auth).await?;
            need(reply, if index + 1 == steps.len() { 235 } else { 334 }, Phase::Auth)?;
        }
        Ok(())
    }
}

/// The pieces of RCPT.
fn rcpt(to: &str) -> [&str; 3] {
    ["RCPT TO:<", to, ">\r\n"]
}

fn at(phase: Phase) -> impl FnOnce(Cause) -> SmtpError {
    move |cause| cause.at(phase)
}

fn need(reply: Reply, code: u16, phase: Phase) -> Result<(), SmtpError> {
    if reply.code == code { Ok(()) } else { Err(Cause::UnexpectedReply(reply).at(phase)) }
}

/// A reply to a command of the envelope must say yes or no, and the server must stay.
fn weigh(reply: Reply) -> Result<Reply, SmtpError> {
    let clear = reply.is_positive() || reply.is_refusal();
    if clear && reply.code != 421 { Ok(reply) } else { Err(Cause::UnexpectedReply(reply).at(Phase::Envelope)) }
}

async fn connect(network: &Network, target: &Endpoint, timers: &Timeouts) -> Result<Link, Cause> {
    let connected = timeout(timers.connect, network.connect(&target.host, target.port)).await;
    connected.map_err(|_| Cause::Timeout)?.map_err(|error| match error {
        ConnectError::Lookup => Cause::Lookup,
        ConnectError::Io(error) => Cause::of_connect(&error),
    })
}

fn greeting_name(wanted: &str, here: IpAddr) -> String {
    match here {
        _ if is_helo(wanted) => wanted.to_owned(),
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}
