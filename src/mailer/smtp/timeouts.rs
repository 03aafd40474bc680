//! Time limits of an SMTP session, one per phase (RFC 5321 §4.5.3.2).
//!
//! A single limit would either give up on a message that the server is about to accept, or wait ten minutes for a
//! greeting.

use std::time::Duration;

use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::setting::{self, Setting};

/// The time limit of each phase; the defaults are those of RFC 5321 §4.5.3.2.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// TCP connect, and each TLS handshake.
    pub connect: Duration,
    /// The greeting.
    pub banner: Duration,
    /// EHLO, AUTH, RSET, NOOP.
    pub command: Duration,
    /// MAIL FROM.
    pub mail: Duration,
    /// RCPT TO.
    pub rcpt: Duration,
    /// DATA.
    pub data: Duration,
    /// Each block of the message.
    pub block: Duration,
    /// The reply to the final dot.
    pub dot: Duration,
    /// QUIT.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            connect: Duration::from_secs(30),
            banner: minutes(5),
            command: minutes(5),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            dot: minutes(10),
            quit: Duration::from_secs(5),
        }
    }
}

impl Timeouts {
    /// A tenth of a mailer's limits, for a user who waits at a terminal.
    pub async fn interactive(conn: &mut Conn) -> Result<Self> {
        let percent: f64 = setting::get(conn, Setting::SmtpTimers).await?.parse().unwrap_or(100.0);
        Ok(Self::scaled(percent / 1_000.0))
    }

    /// The default limits, each multiplied by `factor`.
    pub fn scaled(factor: f64) -> Self {
        let full = Self::default();
        Self {
            connect: full.connect.mul_f64(factor),
            banner: full.banner.mul_f64(factor),
            command: full.command.mul_f64(factor),
            mail: full.mail.mul_f64(factor),
            rcpt: full.rcpt.mul_f64(factor),
            data: full.data.mul_f64(factor),
            block: full.block.mul_f64(factor),
            dot: full.dot.mul_f64(factor),
            quit: full.quit.mul_f64(factor),
        }
    }
}
