//! The source of an email: what the marketer writes, and the workspace's settings around it.

use serde::{Deserialize, Serialize};

use super::brand::Brand;
pub use super::layout::Layout;
use super::link::LinkSettings;
use crate::infra::i18n::Lang;

crate::text_enum! {
    /// How the body is written.
    Format {
        /// Markdown.
        Md = "md",
        /// HTML: a fragment for the layout, or a whole page that needs no layout.
        Html = "html",
        /// MJML, which becomes a whole HTML page.
        Mjml = "mjml",
    }
}

crate::text_enum! {
    /// What is measured.
    Tracking {
        /// Nothing: links are plain and there is no pixel.
        None = "none",
        /// The opens and clicks of each recipient.
        Individual = "individual",
        /// Opens by one pixel that is the same for all recipients; links are plain.
        Campaign = "campaign",
    }
}

/// An email as the marketer writes it. Line numbers in messages are counted from the beginning of each text; for a body
/// that begins further down in its file, pad it with empty lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailSource {
    /// A template of one line.
    pub subject: String,
    /// A template of one line; may be empty.
    pub preheader: String,
    /// The layout around the body.
    #[serde(with = "enum_as_text")]
    pub layout: Layout,
    /// How the body is written.
    #[serde(with = "enum_as_text")]
    pub format: Format,
    /// The body, a template.
    pub body: String,
    /// What is measured.
    #[serde(with = "enum_as_text")]
    pub tracking: Tracking,
    /// What is set for all links.
    #[serde(default)]
    pub links: LinkSettings,
}

/// The settings that an email is compiled with, the same for all messages of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailContext {
    /// The brand.
    pub brand: Brand,
    /// The language of the footer.
    #[serde(with = "enum_as_text")]
    pub lang: Lang,
    /// The public URL of this installation, without a slash at the end.
    pub public_url: String,
    /// The declared fields of the workspace.
    pub fields: Vec<String>,
    /// The name of the list that the email goes to.
    pub list_name: String,
    /// `{{ today }}`: the day of the launch in the zone of the campaign, `YYYY-MM-DD`.
    #[serde(default)]
    pub today: String,
}

/// Serialises an enum as its text.
mod enum_as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::infra::error::Error;

    pub fn serialize<T: Display, S: Serializer>(value: &T, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(value)
    }

    pub fn deserialize<'de, T: FromStr<Err = Error>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        String::deserialize(from)?.parse().map_err(|error: Error| de::Error::custom(error.message().key))
    }
}
