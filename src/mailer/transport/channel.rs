//! Channel: an open connection of a transport. Sends one message and the envelope of the next in one exchange.

use std::sync::Arc;

use crate::audience::address::Address;
use crate::mailer::begun_bodies::BodyMark;
use crate::mailer::smtp::dot_stuffing;
use crate::mailer::smtp::error::{Cause, Phase, SmtpError};
use crate::mailer::smtp::extension::Extensions;
use crate::mailer::smtp::reply::{EnhancedCode, Reply};
use crate::mailer::smtp::session::pipeline::{Envelope, PipelineReplies};
use crate::mailer::smtp::session::{EnvelopeReply, Session};
use crate::mailer::transport::eml_store::EmlStore;

/// An open connection of a transport.
pub struct Channel {
    kind: Kind,
    /// Counts the channel as open for as long as it lives.
    _counted: Option<Arc<()>>,
}

enum Kind {
    Smtp(Box<Session>),
    Folder(EmlStore),
}

/// A message whose envelope was accepted.
pub struct OutgoingMessage<'m> {
    /// The recipient.
    pub to: &'m Address,
    /// To be set before the first byte of the message goes out.
    pub mark: Option<BodyMark>,
    /// The message: dot-stuffed, with its final dot. The buffer is used for the write; its content is lost.
    pub text: &'m mut Vec<u8>,
}

impl Channel {
    pub(super) fn smtp(session: Session) -> Self {
        Self { kind: Kind::Smtp(Box::new(session)), _counted: None }
    }

    pub(super) fn folder(store: EmlStore) -> Self {
        Self { kind: Kind::Folder(store), _counted: None }
    }

    /// True when a message and the envelope of the next may go in one exchange.
    pub fn has_pipelining(&self) -> bool {
        matches!(&self.kind, Kind::Smtp(session) if session.has_pipelining())
    }

    /// The same channel, counted as open by a value that it holds.
    pub fn counted(self, by: Arc<()>) -> Self {
        Self { _counted: Some(by), ..self }
    }

    /// The same channel, which sends one command at a time.
    pub fn without_pipelining(self) -> Self {
        let kind = match self.kind {
            Kind::Smtp(session) => Kind::Smtp(Box::new(session.without_pipelining())),
            folder => folder,
        };
        Self { kind, ..self }
    }

    /// Sends a message, the envelope of the next one, or both if the channel has pipelining. The message belongs to the
    /// envelope that was accepted last.
    pub async fn exchange(
        &mut self,
        message: Option<OutgoingMessage<'_>>,
        next: Option<&Envelope<'_>>,
    ) -> PipelineReplies {
        match (&mut self.kind, message, next) {
            (Kind::Smtp(session), Some(message), None) if !session.has_pipelining() => {
                session.set_body_mark(message.mark);
                PipelineReplies { message: Some(session.send_stuffed(message.text).await), next: None }
            }
            (Kind::Smtp(session), None, Some(next)) if !session.has_pipelining() => {
                PipelineReplies { message: None, next: Some(session.envelope(next).await) }
            }
            (Kind::Smtp(session), message, next) => {
                let text = message.map(|message| {
                    session.set_body_mark(message.mark);
                    message.text
                });
                session.pipeline(text, next).await
            }
            (Kind::Folder(store), message, next) => {
                let message = match message {
                    Some(message) => Some(write_file(store.clone(), message).await),
                    None => None,
                };
                PipelineReplies { message, next: next.map(|_| Ok(EnvelopeReply::Accepted)) }
            }
        }
    }

    /// The extensions that the SMTP server offered; `None` for a folder.
    pub fn extensions(&self) -> Option<Extensions> {
        match &self.kind {
            Kind::Smtp(session) => Some(session.extensions()),
            Kind::Folder(_) => None,
        }
    }

    /// True when the other side still replies.
    pub async fn is_alive(&mut self) -> bool {
        match &mut self.kind {
            Kind::Smtp(session) => session.noop().await.is_ok(),
            Kind::Folder(_) => true,
        }
    }

    /// Closes the channel in order.
    pub async fn close(self) {
        if let Kind::Smtp(session) = self.kind {
            session.quit().await;
        }
    }
}

/// Writes a message to a file. The last step renames the file into place, so that a failed write leaves no message.
async fn write_file(store: EmlStore, message: OutgoingMessage<'_>) -> Result<Reply, SmtpError> {
    if let Some(mark) = &message.mark {
        mark.set();
    }
    let bytes = dot_stuffing::unstuff(message.text.strip_suffix(b".\r\n").unwrap_or(message.text));
    let to = message.to.clone();
    match tokio::task::spawn_blocking(move || store.store(&to, &bytes)).await {
        Ok(Ok(file)) => {
            Ok(Reply { code: 250, enhanced: Some(EnhancedCode(2, 0, 0)), text: format!("2.0.0 stored as {file}") })
        }
        Ok(Err(_)) | Err(_) => Err(Cause::Folder.at(Phase::Body)),
    }
}
