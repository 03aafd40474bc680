//! A letter: compiled once for a campaign, rendered for each reader. Compiling finds every mistake
//! an author can make; what is left to rendering is what differs from person to person.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};

use minijinja::value::Value;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::brand::Brand;
use super::encoded_parts::Forms;
pub use super::encoded_parts::RenderSummary;
pub use super::layout::Layout;
use super::link::{self, Link};
use super::mime::header::HeaderText;
use super::mime::quoted_printable::Gaps;
use super::template::engine::{Doors, Failure, Pieces, Reading, Target, Templates};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::token::{MessageSecret, TokenPurpose};

crate::text_enum! {
    /// How the body is written.
    Format {
        /// Markdown.
        Md = "md",
        /// HTML: a fragment that goes into the layout, or a whole page that stands for itself.
        Html = "html",
    }
}

crate::text_enum! {
    /// What is measured.
    Tracking {
        /// Nothing: links are plain and there is no pixel.
        None = "none",
        /// Openings and clicks of each person.
        Individual = "individual",
    }
}

/// A letter as an author writes it. Lines are counted from the beginning of each text; a body that
/// stands lower in its file keeps its line numbers when it is padded with empty lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailSource {
    /// A template of one line.
    pub subject: String,
    /// A template of one line; may be empty.
    pub preheader: String,
    /// The frame around the body.
    #[serde(with = "word")]
    pub layout: Layout,
    /// How the body is written.
    #[serde(with = "word")]
    pub format: Format,
    /// The content.
    pub body: String,
    /// What is measured.
    #[serde(with = "word")]
    pub tracking: Tracking,
}

/// What surrounds every letter of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailContext {
    /// Who signs.
    pub brand: Brand,
    /// The language of the footer.
    #[serde(with = "word")]
    pub lang: Lang,
    /// Where readers reach this installation, without a slash at the end.
    pub public_url: String,
    /// The declared fields of the workspace.
    pub fields: Vec<String>,
    /// The list the letter goes to.
    pub list_name: String,
}

/// Who a letter is rendered for.
pub struct MergeData<'a> {
    /// Their address as they spell it.
    pub address: &'a str,
    /// Their field values.
    pub values: &'a Map<String, serde_json::Value>,
    /// What the tokens of this delivery are made from.
    pub secret: &'a MessageSecret,
    /// Whether this person is measured at all.
    pub tracked: bool,
    /// True for a test letter: nothing is measured.
    pub inert: bool,
}

/// A letter for one reader. Line ends are `\n`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedEmail {
    /// One line, fit for a header.
    pub subject: HeaderText,
    /// One line; may be empty.
    pub preheader: HeaderText,
    /// A whole HTML document.
    pub html: String,
    /// The same in plain text.
    pub text: String,
    /// Fields that were printed although this reader has no value for them.
    pub missing: Vec<String>,
    /// Where the pieces end that each part was written in.
    pub piece_ends: PieceEnds,
}

/// The ends of the pieces of both parts, in bytes, ascending. In the message each piece stands on
/// lines of its own (see module `quoted`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PieceEnds {
    /// Of the HTML.
    pub html: Vec<usize>,
    /// Of the text.
    pub text: Vec<usize>,
}

/// Why a letter cannot be made for one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderError {
    /// A calculation needs this field, and the reader has no value for it.
    Missing(String),
    /// Anything else, as a sentence.
    Broken(Message),
}

impl RenderError {
    /// The sentence for an author.
    pub fn message(&self) -> Message {
        match self {
            Self::Missing(field) => Message::new("letter-missing").with("field", field),
            Self::Broken(message) => message.clone(),
        }
    }
}

impl From<RenderError> for Error {
    fn from(fault: RenderError) -> Self {
        fault.message().invalid()
    }
}

/// A compiled letter. Sharing it between threads is what it is for.
pub struct CompiledEmail {
    pub(super) templates: Templates,
    pub(super) links: Vec<Link>,
    pub(super) fields: Vec<String>,
    pub(super) brand: Arc<Brand>,
    pub(super) public_url: String,
    pub(super) tracking: Tracking,
    /// `None` for a letter that must be rendered for each reader.
    pub(super) forms: Option<Forms>,
    /// What the tokens are made from that stand in the forms until a reader's are known.
    pub(super) placeholder_secret: MessageSecret,
}

impl CompiledEmail {
    /// The measured links in the order of the letter.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The declared fields that the letter uses, in any of its parts, by name.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// The letter for one reader. The same reader twice gives the same bytes.
    pub fn render(&self, reader: &MergeData<'_>) -> Result<RenderedEmail, RenderError> {
        let reading = Arc::new(self.reading(reader, true));
        let mut missing = BTreeSet::new();
        let mut part = |name: &str| {
            let rendered = self.templates.render(name, &reading);
            let notes = reading.take_notes();
            let rendered = rendered.map_err(|failure| fault(&failure, &notes))?;
            missing.extend(notes);
            Ok(rendered)
        };
        let subject = HeaderText::clean(&part("subject")?.text);
        let preheader = HeaderText::clean(&part("preheader")?.text);
        let _ = reading.heads.set([subject.to_string(), preheader.to_string()]);
        self.lead(reader, &reading, |_| true)?;
        let html = part("html")?;
        let text = join_gaps(&part("text")?);
        let piece_ends = PieceEnds { html: html.ends, text: text.ends };
        let missing = missing.into_iter().collect();
        Ok(RenderedEmail { subject, preheader, html: html.text, text: text.text, missing, piece_ends })
    }

    /// What can be told of a letter before it is written, in a fraction of the time that rendering
    /// takes; `None` when it must be rendered to know, or cannot be made. `fields` are the values as
    /// JSON, `scratch` is written over.
    pub fn summarize(
        &self,
        email: &str,
        fields: &str,
        secret: &MessageSecret,
        scratch: &mut Vec<u8>,
    ) -> Option<RenderSummary> {
        self.forms.as_ref()?.summarize(self, email, fields, secret, scratch)
    }

    /// What the tokens of a mime_template's heading must be made from.
    pub fn placeholder_secret(&self) -> &MessageSecret {
        &self.placeholder_secret
    }

    /// True when the letter is put together from parts that were encoded once; any other is rendered
    /// for each reader, which takes some fifty times as long.
    pub fn is_pre_encoded(&self) -> bool {
        self.forms.is_some()
    }

    /// Settles where those links lead for a reader that are printed.
    pub(super) fn lead(
        &self,
        reader: &MergeData<'_>,
        reading: &Arc<Reading>,
        printed: impl Fn(&Link) -> bool,
    ) -> Result<(), RenderError> {
        let target = |link| if printed(link) { self.target(link, reader, reading) } else { Ok(Target::default()) };
        let links = self.links.iter().map(target).collect::<Result<_, _>>()?;
        let _ = reading.links.set(links);
        Ok(())
    }

    /// What the engine sees of a reader; `pages` when it may print the pages of the delivery.
    pub(super) fn reading(&self, reader: &MergeData<'_>, pages: bool) -> Reading {
        let page = |door| link::page_url(&self.public_url, reader.secret, door);
        let doors = || Doors {
            unsubscribe: page(TokenPurpose::Unsubscribe),
            preferences: page(TokenPurpose::Preferences),
            view: page(TokenPurpose::View),
            pixel: self.measures(reader).then(|| page(TokenPurpose::Open)),
        };
        Reading {
            values: reader.values.iter().filter_map(|(name, value)| Some((name.clone(), plain(value)?))).collect(),
            email: reader.address.to_owned(),
            brand: self.brand.clone(),
            doors: if pages { doors() } else { Doors::default() },
            heads: OnceLock::new(),
            links: OnceLock::new(),
            missing: Mutex::default(),
        }
    }

    fn measures(&self, reader: &MergeData<'_>) -> bool {
        self.tracking == Tracking::Individual && reader.tracked && !reader.inert
    }

    /// Where a link leads for this reader.
    fn target(&self, link: &Link, reader: &MergeData<'_>, reading: &Arc<Reading>) -> Result<Target, RenderError> {
        let (destination, missing) = match link.personal {
            false => (link.destination.clone(), BTreeSet::new()),
            true => {
                let rendered = self.templates.render(&link_name(link.position), reading);
                let notes = reading.take_notes();
                (settle(&rendered.map_err(|failure| fault(&failure, &notes))?.text)?, notes)
            }
        };
        let url = match (self.measures(reader), link.personal) {
            (false, _) => destination,
            (true, false) => link::click_url(&self.public_url, reader.secret, link.position),
            (true, true) => link::personal_click_url(&self.public_url, reader.secret, link.position, &destination),
        };
        Ok(Target { url, missing })
    }
}

/// The name of the template of a personal destination.
pub(super) fn link_name(position: usize) -> String {
    format!("link-{position}")
}

fn settle(destination: &str) -> Result<String, RenderError> {
    let refused =
        |key| RenderError::Broken(Message::new(key).with("link", destination.chars().take(200).collect::<String>()));
    link::check(destination).map(String::from).map_err(refused)
}

fn fault(failure: &Failure, notes: &BTreeSet<String>) -> RenderError {
    match (failure, notes.first()) {
        (Failure::Broken(_), Some(field)) => RenderError::Missing(field.clone()),
        _ => RenderError::Broken(failure.message()),
    }
}

/// A field value as plain data; what is empty counts as missing.
pub(super) fn plain(value: &serde_json::Value) -> Option<Value> {
    match value {
        serde_json::Value::Bool(flag) => Some(Value::from(*flag)),
        serde_json::Value::Number(number) => {
            number.as_i64().map(Value::from).or_else(|| number.as_f64().map(Value::from))
        }
        serde_json::Value::String(text) => {
            let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
            Some(text).filter(|text| !text.trim().is_empty()).map(Value::from)
        }
        _ => None,
    }
}

/// The text without the gaps that conditions leave, cut where it was cut.
fn join_gaps(written: &Pieces) -> Pieces {
    let (mut gaps, mut joined) = (Gaps::default(), Pieces::default());
    let mut start = 0;
    for end in &written.ends {
        joined.text.push_str(&gaps.join(&written.text[start..*end]));
        joined.ends.push(joined.text.len());
        start = *end;
    }
    joined
}

/// Words of our enums in JSON.
mod word {
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
