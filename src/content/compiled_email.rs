//! A compiled email: checked and prepared once for a campaign, then rendered for each recipient. Compiling finds every
//! mistake of the marketer (see `content::compile`).

use super::encoded_parts::EncodedParts;
pub use super::encoded_parts::RenderSummary;
use super::link::Link;
use super::mime::message::RenderedEmail;
use super::renderer::{EmailRenderer, MergeData, RenderError};
use crate::infra::error::Message;
use crate::infra::token::MessageSecret;

/// A compiled email. Shared between threads.
pub struct CompiledEmail {
    pub(super) renderer: EmailRenderer,
    /// `None` if the email must be rendered for each recipient.
    pub(super) parts: Option<EncodedParts>,
    /// What was left out or changed.
    pub(super) changes: Vec<Message>,
}

impl CompiledEmail {
    /// The measured links in the order of the email.
    pub fn links(&self) -> &[Link] {
        &self.renderer.links
    }

    /// What was left out of the email or changed in it, for the preflight.
    pub fn changes(&self) -> &[Message] {
        &self.changes
    }

    /// The declared fields that any part of the email uses.
    pub fn fields(&self) -> &[String] {
        &self.renderer.fields
    }

    /// Renders the email for one recipient. The same merge data always gives the same bytes.
    ///
    /// # Errors
    /// A template that needs a missing value, calculates with texts, or exceeds a limit.
    pub fn render(&self, data: &MergeData<'_>) -> Result<RenderedEmail, RenderError> {
        self.renderer.render(data)
    }

    /// The size and missing fields of a message, in a fraction of the time that rendering takes. `None` if the email
    /// must be rendered to know, or cannot be rendered. `fields` are the values as JSON; `scratch` is overwritten.
    pub fn summarize(
        &self,
        address: &str,
        fields: &str,
        secret: &MessageSecret,
        scratch: &mut Vec<u8>,
    ) -> Option<RenderSummary> {
        self.parts.as_ref()?.summarize(&self.renderer, address, fields, secret, scratch)
    }

    /// The secret of the placeholder tokens in the encoded parts.
    pub fn placeholder_secret(&self) -> &MessageSecret {
        &self.renderer.placeholder_secret
    }

    /// True if messages are put together from parts that were encoded once. Any other email is rendered for each
    /// recipient, which takes some fifty times as long.
    pub fn is_pre_encoded(&self) -> bool {
        self.parts.is_some()
    }
}
