//! The links of an email: which are measured, where they lead, and the URLs of the pages of a delivery.
//!
//! Every `http(s)` link of the body is measured and has a position, counted from 0 in the order of the email. The same
//! destination twice has two positions, so that a report can tell the image from the button. Links of the footer and
//! links to the pages of the delivery are never measured.

mod destination;
mod numbering;
mod settings;
mod url;

use self::destination::authority;
pub use self::destination::{MAX_BYTES, is_valid_destination, parse_destination};
pub use self::numbering::LinkNumbering;
pub use self::settings::LinkSettings;
pub use self::url::{click_url, decode_destination, page_url, personal_click_url};
use crate::infra::error::Message;

/// A measured link of an email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Counted from 0.
    pub position: usize,
    /// A URL, or the template of one if the link is personal.
    pub destination: String,
    /// The destination as the marketer wrote it, for reports.
    pub shown: String,
    /// True if the destination differs from recipient to recipient.
    pub is_personal: bool,
}

impl Link {
    /// True if the host of the destination comes from a value.
    pub fn has_open_host(&self) -> bool {
        self.is_personal && (self.destination.starts_with("{{") || authority(&self.destination).contains("{{"))
    }
}

/// A refused link: the reason, and the link as the marketer wrote it.
pub type RefusedLink = (Message, String);
