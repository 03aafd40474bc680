//! One letter outside any campaign: a test letter. It has no delivery row; the caller hears what
//! the relay said.

use super::relay::Relay;
use super::smtp::endpoint::Target;
use super::smtp::error::Fault;
use super::smtp::session::{Session, Verdict};
use super::smtp::timeouts::Timers;
use super::smtp::wire::Reply;
use super::transport::{End, Way};
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
    match Way::open(installation, relay).await?.end() {
        End::Folder(folder) => folder.keep(to, message),
        End::Smtp(target) => {
            deliver(target, &Timers::hasty(&mut *installation.db.read().await?).await?, from, to, message).await
        }
    }
}

async fn deliver(target: &Target, timers: &Timers, from: &str, to: &Address, message: &[u8]) -> Result<String> {
    let failed = |fault: Fault| fault.message().unavailable();
    let mut session = Session::open(target, timers).await.map_err(failed)?;
    match session.envelope(from, &to.envelope(), to.needs_smtputf8()).await.map_err(failed)? {
        Verdict::Ready => {}
        Verdict::Undeliverable => return Err(Message::new("post-smtputf8").internal()),
        Verdict::Refused(reply) | Verdict::SenderRefused(reply) | Verdict::TextRefused(reply) => {
            return Err(refused(&reply));
        }
    }
    let reply = session.body(message).await.map_err(failed)?;
    session.quit().await;
    if reply.is_positive() { Ok(format!("{} {}", reply.code, reply.text)) } else { Err(refused(&reply)) }
}

fn refused(reply: &Reply) -> Error {
    Message::new("post-refused").with("code", reply.code).with("reply", &reply.text).unavailable()
}
