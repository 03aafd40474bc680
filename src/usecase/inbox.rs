//! The capture inbox: lists and reads the messages that were captured instead of sent.

use tokio::task::spawn_blocking;

use super::received_message::{self, ReceivedMessage};
use super::{Action, Actor};
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;
use crate::mailer::transport::eml_store::{EmlStore, StoredMessage};

/// A captured message in the list.
#[derive(Debug)]
pub struct CapturedMessage {
    /// The name of its file.
    pub file: String,
    /// The address of the recipient.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// When it was captured.
    pub at: Millis,
}

/// Lists the newest captured messages, at most `limit`.
pub async fn list(installation: &Installation, actor: &Actor, limit: usize) -> Result<Vec<CapturedMessage>> {
    let permit = actor.permit(installation, Action::ReadCapturedMessage).await?;
    let store = EmlStore::of_capture(installation);
    let messages = run_blocking(move || {
        // A message may be erased after it was listed.
        let read = |stored: StoredMessage| {
            let (_, to, subject) = received_message::read_envelope(&store.read(&stored.file).ok()?)?;
            Some(CapturedMessage { to, subject, at: stored.at, file: stored.file })
        };
        Ok(store.list(limit)?.into_iter().filter_map(read).collect())
    })
    .await?;
    permit.skip_audit();
    Ok(messages)
}

/// Reads a captured message; `None` when there is no such file or it is no message.
pub async fn read(installation: &Installation, actor: &Actor, file: &str) -> Result<Option<ReceivedMessage>> {
    let permit = actor.permit(installation, Action::ReadCapturedMessage).await?;
    let (store, file) = (EmlStore::of_capture(installation), file.to_owned());
    let bytes = run_blocking(move || store.read(&file)).await;
    permit.skip_audit();
    match bytes {
        Ok(bytes) => Ok(ReceivedMessage::parse(&bytes)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(Message::new("refusal-internal").internal()))
}
