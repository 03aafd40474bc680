//! The parts of an email prepared for all recipients: text that all get is encoded once, values go into slots.
//!
//! A part with conditions or calculations is run by the template engine, but its template holds the tags alone: each
//! text between them is replaced by the number of its encoded run. So such a text costs nothing but a copy either.

mod base64_run;
pub mod delivery_tokens;
mod part_encoder;
pub mod run;
pub mod slot_values;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use self::delivery_tokens::{DeliveryTokens, TokenSet};
use self::run::EncodedRun;
use self::slot_values::{Slot, SlotValues, pick_values};
use super::mime::body::{BlankLines, BodyWriter};
use super::mime::header::HeaderText;
use super::renderer::{EmailRenderer, MergeData};
use super::template::bounds::MAX_OUTPUT;
use super::template::escape::escape_html;
use crate::infra::token::MessageSecret;

pub use part_encoder::{PartSources, encode};

/// Stands before the number of a run in a template. Parts and values that hold it are not encoded ahead.
const RUN_MARK: char = '\0';

/// A piece of a prepared part.
#[derive(Debug)]
pub enum Piece<T> {
    /// The same for all recipients.
    Fixed(T),
    /// Differs.
    Slot(Slot),
}

/// A prepared subject or preheader.
enum PreparedHeader {
    Fixed(HeaderText),
    Filled(Vec<Piece<String>>),
    /// Rendered from the template of this name.
    Rendered(&'static str),
}

/// A prepared HTML or plain-text body.
enum PreparedBody {
    Filled(Vec<Piece<EncodedRun>>),
    /// Rendered from the template of this name, which names the runs by number.
    Rendered(&'static str, Vec<EncodedRun>),
}

/// The prepared parts of an email.
pub struct EncodedParts {
    /// Subject and preheader.
    headers: [PreparedHeader; 2],
    html: PreparedBody,
    text: PreparedBody,
    /// The fields that slots use.
    fields: Vec<String>,
    /// Indexes into `fields` of those without a fallback.
    required: Vec<usize>,
    /// True if any part needs the template engine.
    needs_engine: bool,
    /// True if the engine may print a page of the delivery.
    needs_pages: bool,
}

/// The size and missing fields of a message, known without composing it.
#[derive(Debug, PartialEq, Eq)]
pub struct RenderSummary {
    /// Bytes of its HTML before encoding.
    pub html: usize,
    /// Fields that it prints without a value.
    pub missing: BTreeSet<String>,
}

impl EncodedParts {
    /// The subject, if all recipients get the same.
    pub fn fixed_subject(&self) -> Option<&HeaderText> {
        if let PreparedHeader::Fixed(subject) = &self.headers[0] { Some(subject) } else { None }
    }

    /// The tokens that the bodies hold.
    pub fn tokens(&self) -> TokenSet {
        let of_piece = |piece: &Piece<EncodedRun>| match piece {
            Piece::Fixed(run) => run.tokens(),
            Piece::Slot(_) => TokenSet::default(),
        };
        let of_body = |body: &PreparedBody| match body {
            PreparedBody::Filled(pieces) => pieces.iter().map(of_piece).fold(TokenSet::default(), TokenSet::union),
            PreparedBody::Rendered(_, runs) => {
                runs.iter().map(EncodedRun::tokens).fold(TokenSet::default(), TokenSet::union)
            }
        };
        of_body(&self.html).union(of_body(&self.text))
    }

    /// A recipient's values for the slots; `None` if the email cannot be rendered for them. `fields` are the values as
    /// JSON.
    pub fn slot_values<'a>(
        &'a self,
        renderer: &EmailRenderer,
        address: &'a str,
        fields: &'a str,
        secret: &MessageSecret,
    ) -> Option<SlotValues<'a>> {
        let picked = pick_values(fields, &self.fields)?;
        let unset = self.required.iter().filter(|at| picked[**at].is_none());
        let missing = unset.map(|at| self.fields[*at].clone()).collect();
        let headers = [const { Cow::Owned(HeaderText::EMPTY) }; 2];
        let mut values = SlotValues { fields: picked, address, headers, context: None, missing };
        if !self.needs_engine {
            values.headers =
                [self.headers[0].fill(&mut values, renderer)?, self.headers[1].fill(&mut values, renderer)?];
            return Some(values);
        }
        let parsed = serde_json::from_str(fields).ok()?;
        let data = MergeData { address, values: &parsed, secret, tracked: true, inert: false };
        let context = Arc::new(renderer.context(&data, self.needs_pages));
        values.context = Some(context.clone());
        values.headers = [self.headers[0].fill(&mut values, renderer)?, self.headers[1].fill(&mut values, renderer)?];
        let _ = context.headers.set([0, 1].map(|at: usize| values.headers[at].to_string()));
        renderer.set_link_targets(&data, &context, |link| link.is_personal).ok()?;
        Some(values)
    }

    /// Appends the encoded plain text and returns its bytes before encoding; `None` if it cannot be rendered.
    pub fn write_text(
        &self,
        renderer: &EmailRenderer,
        values: &mut SlotValues<'_>,
        tokens: &DeliveryTokens,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let body = BodyWriter::collapsing(out, renderer.encodings.text, BlankLines::default());
        self.text.write(renderer, values, tokens, body, false)
    }

    /// Appends the encoded HTML and returns its bytes before encoding; `None` if it cannot be rendered.
    pub fn write_html(
        &self,
        renderer: &EmailRenderer,
        values: &mut SlotValues<'_>,
        tokens: &DeliveryTokens,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        self.html.write(renderer, values, tokens, BodyWriter::new(out, renderer.encodings.html), true)
    }

    /// The size and missing fields of a message; `None` if the email cannot be rendered. `scratch` is overwritten.
    pub fn summarize(
        &self,
        renderer: &EmailRenderer,
        address: &str,
        fields: &str,
        secret: &MessageSecret,
        scratch: &mut Vec<u8>,
    ) -> Option<RenderSummary> {
        let mut values = self.slot_values(renderer, address, fields, secret)?;
        if let (PreparedBody::Filled(text), PreparedBody::Filled(html)) = (&self.text, &self.html) {
            let (text, html) = (length(text, &values, false), length(html, &values, true));
            values.take_missing();
            return (text.max(html) <= MAX_OUTPUT).then_some(RenderSummary { html, missing: values.missing });
        }
        let tokens = DeliveryTokens::new(secret, TokenSet::default());
        scratch.clear();
        self.write_text(renderer, &mut values, &tokens, scratch)?;
        let html = self.write_html(renderer, &mut values, &tokens, scratch)?;
        Some(RenderSummary { html, missing: values.missing })
    }
}

/// Bytes of a body before encoding.
fn length(pieces: &[Piece<EncodedRun>], values: &SlotValues<'_>, is_html: bool) -> usize {
    let length = |piece: &Piece<EncodedRun>| match piece {
        Piece::Fixed(run) => run.length(),
        Piece::Slot(slot) if is_html => escape_if_needed(values.get(slot)).len(),
        Piece::Slot(slot) => values.get(slot).len(),
    };
    pieces.iter().map(length).sum()
}

impl PreparedHeader {
    fn fill<'a>(&'a self, values: &mut SlotValues<'_>, renderer: &EmailRenderer) -> Option<Cow<'a, HeaderText>> {
        let text = match self {
            Self::Fixed(text) => return Some(Cow::Borrowed(text)),
            Self::Filled(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    text.push_str(match piece {
                        Piece::Fixed(text) => text,
                        Piece::Slot(slot) => values.get(slot),
                    });
                }
                text
            }
            Self::Rendered(template) => renderer.templates.render(template, values.context.as_ref()?).ok()?.text,
        };
        values.take_missing();
        Some(Cow::Owned(HeaderText::clean(&text)))
    }
}

impl PreparedBody {
    fn write(
        &self,
        renderer: &EmailRenderer,
        values: &mut SlotValues<'_>,
        tokens: &DeliveryTokens,
        mut body: BodyWriter<'_>,
        is_html: bool,
    ) -> Option<usize> {
        match self {
            Self::Filled(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Fixed(run) => run.push_to(&mut body, tokens),
                        Piece::Slot(slot) if is_html => body.push(&escape_if_needed(values.get(slot))),
                        Piece::Slot(slot) => body.push(values.get(slot)),
                    }
                }
            }
            Self::Rendered(template, runs) => {
                let mut output = EngineOutput { body, runs, tokens };
                renderer.templates.render_to(template, values.context.as_ref()?, &mut output).ok()?;
                body = output.body;
            }
        }
        values.take_missing();
        let length = body.length();
        body.finish();
        (length <= MAX_OUTPUT).then_some(length)
    }
}

/// Receives what the engine writes: values, and the numbers of runs.
struct EngineOutput<'f, 'o> {
    body: BodyWriter<'o>,
    runs: &'f [EncodedRun],
    tokens: &'f DeliveryTokens,
}

impl Write for EngineOutput<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        match text.strip_prefix(RUN_MARK).map(|number| number.parse().ok().and_then(|at: usize| self.runs.get(at))) {
            Some(Some(run)) => run.push_to(&mut self.body, self.tokens),
            Some(None) => return Err(io::Error::other("no run has this number")),
            None => self.body.push(text),
        }
        if self.body.length() > MAX_OUTPUT {
            return Err(io::Error::other("the output limit is reached"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn escape_if_needed(text: &str) -> Cow<'_, str> {
    match text.contains(['&', '<', '>', '"', '\'']) {
        true => Cow::Owned(escape_html(text)),
        false => Cow::Borrowed(text),
    }
}
