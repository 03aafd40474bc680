//! One letter outside any campaign: a test letter. It has no delivery row; the caller hears what
//! the relay said.

use super::relay::Relay;
use super::smtp::endpoint::Endpoint;
use super::smtp::error::SmtpError;
use super::smtp::session::{EnvelopeReply, Session};
use super::smtp::timeouts::Timeouts;
use super::smtp::wire::Reply;
use super::transport::{End, Transport};
use crate::audience::address::Address;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;

/// Hands one message to the relay and returns its answer.
pub async fn send(
    installation: &Installation,
    relay: &Relay,
    from: &str,
    to: &Address,
    message: &[u8],
) -> Result<String> {
    match Transport::open(installation, relay).await?.end() {
        End::Folder(folder) => folder.store(to, message),
        End::Smtp(target) => {
            deliver(target, &Timeouts::interactive(&mut *installation.db.read().await?).await?, from, to, message).await
        }
    }
}

async fn deliver(target: &Endpoint, timers: &Timeouts, from: &str, to: &Address, message: &[u8]) -> Result<String> {
    let failed = |fault: SmtpError| fault.message().unavailable();
    let mut session = Session::open(target, timers).await.map_err(failed)?;
    match session.envelope(from, &to.envelope(), to.needs_smtputf8()).await.map_err(failed)? {
        EnvelopeReply::Accepted => {}
        EnvelopeReply::NeedsSmtpUtf8 => return Err(Message::new("post-smtputf8").internal()),
        EnvelopeReply::RecipientRefused(reply)
        | EnvelopeReply::SenderRefused(reply)
        | EnvelopeReply::DataRefused(reply) => {
            return Err(refused(&reply));
        }
    }
    let reply = session.send_message(message).await.map_err(failed)?;
    session.quit().await;
    if reply.is_positive() { Ok(format!("{} {}", reply.code, reply.text)) } else { Err(refused(&reply)) }
}

fn refused(reply: &Reply) -> Error {
    Message::new("post-refused").with("code", reply.code).with("reply", &reply.text).unavailable()
}
