//! Test message: sends one message outside campaigns and returns the relay's reply. There is no delivery row.

use super::relay::Relay;
use super::smtp::dot_stuffing;
use super::smtp::error::{Cause, Phase, SmtpError};
use super::smtp::reply::Reply;
use super::smtp::session::EnvelopeReply;
use super::smtp::session::pipeline::Envelope;
use super::smtp::timeouts::Timeouts;
use super::transport::{OutgoingMessage, Transport};
use crate::audience::address::Address;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;

/// Sends one message through the relay and returns the relay's reply.
pub async fn send(
    installation: &Installation,
    relay: &Relay,
    from: &str,
    to: &Address,
    message: &[u8],
) -> Result<String> {
    let failed = |error: SmtpError| error.message().unavailable();
    if !dot_stuffing::is_canonical(message) {
        return Err(failed(Cause::UnsafeText.at(Phase::Data)));
    }
    let timeouts = Timeouts::interactive(&mut *installation.db.read().await?).await?;
    let transport = Transport::open(installation, relay).await?;
    let mut channel = transport.connect(&timeouts).await.map_err(failed)?;

    let size = message.len() as u64;
    let envelope = Envelope { from: from.into(), to: to.envelope(), utf8: to.needs_smtputf8(), size, notify: false };
    match channel.exchange(None, Some(&envelope)).await.next.unwrap_or_else(no_reply).map_err(failed)? {
        EnvelopeReply::Accepted => {}
        EnvelopeReply::NeedsSmtpUtf8 => return Err(Message::new("test-send-smtputf8").unavailable()),
        EnvelopeReply::TooLarge { limit } => {
            return Err(too_large(&relay.name, size, limit).unavailable());
        }
        EnvelopeReply::RecipientRefused(reply)
        | EnvelopeReply::SenderRefused(reply)
        | EnvelopeReply::DataRefused(reply) => return Err(refused(&reply)),
    }
    let mut text = dot_stuffing::stuff(message);
    let message = OutgoingMessage { to, mark: None, text: &mut text };
    let reply = channel.exchange(Some(message), None).await.message.unwrap_or_else(no_reply).map_err(failed)?;
    channel.close().await;
    if reply.is_positive() { Ok(format!("{} {}", reply.code, reply.text)) } else { Err(refused(&reply)) }
}

/// The message about an email that is larger than a relay takes.
pub fn too_large(relay: &str, size: u64, limit: u64) -> Message {
    Message::new("relay-too-large").with("relay", relay).with("size", size).with("limit", limit)
}

fn no_reply<T>() -> std::result::Result<T, SmtpError> {
    Err(Cause::Closed.at(Phase::Envelope))
}

fn refused(reply: &Reply) -> Error {
    Message::new("test-send-refused").with("code", reply.code).with("reply", &reply.text).unavailable()
}
