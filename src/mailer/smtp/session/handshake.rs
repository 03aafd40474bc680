//! Opens an SMTP session: connect, greeting, EHLO, STARTTLS, AUTH.

use std::net::IpAddr;

use lettre::transport::smtp::commands::Starttls;
use tokio::time::timeout;

use super::{Session, State, at, expect_code};
use crate::infra::metric;
use crate::infra::network::{ConnectError, Link, Network};
use crate::mailer::smtp::auth::Step;
use crate::mailer::smtp::endpoint::{Endpoint, Security, is_helo};
use crate::mailer::smtp::error::{Cause, Phase, SmtpError};
use crate::mailer::smtp::extension::Extensions;
use crate::mailer::smtp::reply::Reply;
use crate::mailer::smtp::timeouts::Timeouts;
use crate::mailer::smtp::wire::Wire;
use crate::mailer::smtp::{auth, tls};

impl Session {
    /// Opens a session over TCP: connects, greets, encrypts and signs in as the endpoint demands.
    pub async fn open(endpoint: &Endpoint, timeouts: &Timeouts) -> Result<Self, SmtpError> {
        Self::open_over(&Network::tcp(), endpoint, timeouts).await
    }

    /// Opens a session over another network than this machine's.
    pub async fn open_over(network: &Network, endpoint: &Endpoint, timeouts: &Timeouts) -> Result<Self, SmtpError> {
        let link = connect(network, endpoint, timeouts).await.map_err(at(Phase::Connect))?;
        let name = ehlo_name(&endpoint.helo, link.local);

        let mut session = Self {
            wire: Wire::new(link.stream),
            timeouts: *timeouts,
            extensions: Extensions::default(),
            encrypted: false,
            pipelining_proven: false,
            state: State::Closed,
            body_mark: None,
            _counted: metric::connection_opened(),
        };
        if endpoint.security == Security::Implicit {
            session = session.encrypt(endpoint).await?;
        }
        expect_code(session.read_reply(timeouts.banner, Phase::Greeting).await?, 220, Phase::Greeting)?;
        session.ehlo(&name).await?;

        if let Security::StartTls { required } = endpoint.security {
            if session.extensions.starttls {
                expect_code(session.command(Starttls, timeouts.command, Phase::Tls).await?, 220, Phase::Tls)?;
                session = session.encrypt(endpoint).await?;
                session.ehlo(&name).await?;
            } else if required {
                return Err(Cause::NoStartTls.at(Phase::Tls));
            }
        }
        if let Some((user, password)) = &endpoint.credentials {
            let stays_local = endpoint.security == Security::Plain && link.remote.is_loopback();
            if !session.encrypted && !stays_local {
                return Err(Cause::NoStartTls.at(Phase::Auth));
            }
            session.authenticate(user, password).await?;
        }
        session.state = State::Idle;
        Ok(session)
    }

    /// Sends EHLO and reads the extensions; falls back to HELO.
    async fn ehlo(&mut self, name: &str) -> Result<(), SmtpError> {
        let (phase, limit) = (Phase::Greeting, self.timeouts.command);
        let lines = self.command_lines(format!("EHLO {name}\r\n"), limit, phase).await?;
        self.extensions = Extensions::read(lines.lines());
        let reply = lines.finish();
        if matches!(reply.code, 500 | 502) {
            self.extensions = Extensions::default();
            return expect_code(self.command(format!("HELO {name}\r\n"), limit, phase).await?, 250, phase);
        }
        expect_code(reply, 250, phase)
    }

    /// Starts TLS. Bytes that arrived before it in clear may be injected by a third party: any of them ends the
    /// session.
    async fn encrypt(mut self, endpoint: &Endpoint) -> Result<Self, SmtpError> {
        if !self.wire.is_drained() {
            return Err(Cause::ProtocolViolation.at(Phase::Tls));
        }
        let handshake = tls::connect(self.wire.into_stream(), &endpoint.host, endpoint.authority.as_deref());
        let stream = timeout(self.timeouts.connect, handshake).await.map_err(|_| Cause::Timeout.at(Phase::Tls))?;
        self.wire = Wire::new(Box::new(stream.map_err(at(Phase::Tls))?));
        self.encrypted = true;
        Ok(self)
    }

    async fn authenticate(&mut self, user: &str, password: &str) -> Result<(), SmtpError> {
        let mut refused = None;
        for steps in auth::exchanges(&self.extensions, user, password).map_err(at(Phase::Auth))? {
            match self.sign_in(steps).await {
                Ok(None) => return Ok(()),
                Ok(Some(reply)) if auth::may_try_another(&reply) => {
                    refused.get_or_insert(reply);
                }
                Ok(Some(reply)) => return Err(Cause::UnexpectedReply(reply).at(Phase::Auth)),
                // A server that hangs up after a refusal has refused.
                Err(error) if refused.is_none() => return Err(error),
                Err(_) => break,
            }
        }
        match refused {
            Some(reply) => Err(Cause::UnexpectedReply(reply).at(Phase::Auth)),
            None => Err(Cause::NoAuth.at(Phase::Auth)),
        }
    }

    /// One exchange. Returns the reply that refuses it.
    async fn sign_in(&mut self, steps: Vec<Step>) -> Result<Option<Reply>, SmtpError> {
        for step in steps {
            let reply = self.command(step.line, self.timeouts.command, Phase::Auth).await?;
            if reply.code != step.expected {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }
}

async fn connect(network: &Network, endpoint: &Endpoint, timeouts: &Timeouts) -> Result<Link, Cause> {
    let connected = timeout(timeouts.connect, network.connect(&endpoint.host, endpoint.port)).await;
    connected.map_err(|_| Cause::Timeout)?.map_err(|error| match error {
        ConnectError::Lookup => Cause::Lookup,
        ConnectError::Io(error) => Cause::of_connect(&error),
    })
}

/// The configured host name, or the local address as a literal (RFC 5321 §4.1.3).
fn ehlo_name(configured: &str, local: IpAddr) -> String {
    match local {
        _ if is_helo(configured) => configured.to_owned(),
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}
