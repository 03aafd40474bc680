//! The parts of a letter as forms to be filled in: what is the same for every reader is encoded
//! once, what differs stands in slots. A part that decides or calculates runs on the engine, which
//! then meets only its tags and writes a number in place of each text; so a branch costs nothing
//! but the tags on it, and its pieces are encoded once like all others.

mod part_encoder;
pub mod run;
pub mod slot_values;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use super::email::{CompiledEmail, MergeData};
use super::encoded_parts::run::{Run, Tokens, Wanted};
use super::encoded_parts::slot_values::{Fill, Slot, pick};
use super::mime::header::HeaderText;
use super::mime::quoted_printable::{Body, Gaps};
use super::template::engine::{self, OUTPUT};
use crate::infra::token::MessageSecret;

pub use part_encoder::{Masked, make};

/// What stands before the number of a run in a template. No value holds it.
const MARK: char = '\0';

/// A piece of a form.
#[derive(Debug)]
pub enum Piece<T> {
    /// The same for every reader.
    Still(T),
    /// Differs.
    Slot(Slot),
}

/// Subject or preheader.
enum Line {
    Still(HeaderText),
    Filled(Vec<Piece<String>>),
    /// A template of this name.
    Engine(&'static str),
}

/// The HTML or the text.
enum Form {
    Filled(Vec<Piece<Run>>),
    /// A template of this name writes the numbers of these runs.
    Engine(&'static str, Vec<Run>),
}

/// A letter in forms.
pub struct Forms {
    /// Subject and preheader.
    heads: [Line; 2],
    html: Form,
    text: Form,
    /// The fields that slots use.
    fields: Vec<String>,
    /// Those without which there is no letter.
    needed: Vec<usize>,
    /// True when some part needs the engine.
    engine: bool,
    /// True when the engine may print the pages of a delivery.
    pages: bool,
}

impl Forms {
    /// The subject where all readers have the same.
    pub fn subject(&self) -> Option<&HeaderText> {
        if let Line::Still(subject) = &self.heads[0] { Some(subject) } else { None }
    }

    /// The tokens that the parts hold.
    pub fn wanted(&self) -> Wanted {
        let of_piece = |piece: &Piece<Run>| match piece {
            Piece::Still(run) => run.wanted(),
            Piece::Slot(_) => Wanted::default(),
        };
        let of_form = |form: &Form| match form {
            Form::Filled(pieces) => pieces.iter().map(of_piece).fold(Wanted::default(), Wanted::and),
            Form::Engine(_, runs) => runs.iter().map(Run::wanted).fold(Wanted::default(), Wanted::and),
        };
        of_form(&self.html).and(of_form(&self.text))
    }

    /// What a reader fills them with; `None` when there is no letter for them. Who wants to know why
    /// renders it.
    pub fn fill<'a>(
        &'a self,
        letter: &CompiledEmail,
        email: &'a str,
        fields: &'a str,
        secret: &MessageSecret,
    ) -> Option<Fill<'a>> {
        let values = pick(fields, &self.fields)?;
        let lacking = self.needed.iter().filter(|at| values[**at].is_none());
        let missing = lacking.map(|at| self.fields[*at].clone()).collect();
        let heads = [const { Cow::Owned(HeaderText::EMPTY) }; 2];
        let mut fill = Fill { values, email, heads, reading: None, missing };
        if !self.engine {
            fill.heads = [self.heads[0].fill(&mut fill, letter)?, self.heads[1].fill(&mut fill, letter)?];
            return Some(fill);
        }
        let values = serde_json::from_str(fields).ok()?;
        let reader = MergeData { address: email, values: &values, secret, tracked: true, inert: false };
        let reading = Arc::new(letter.reading(&reader, self.pages));
        fill.reading = Some(reading.clone());
        fill.heads = [self.heads[0].fill(&mut fill, letter)?, self.heads[1].fill(&mut fill, letter)?];
        let _ = reading.heads.set([0, 1].map(|at: usize| fill.heads[at].to_string()));
        letter.lead(&reader, &reading, |link| link.personal).ok()?;
        Some(fill)
    }

    /// Appends the text; `None` when there is no letter. Returns its bytes before encoding.
    pub fn text(
        &self,
        letter: &CompiledEmail,
        fill: &mut Fill<'_>,
        tokens: &Tokens,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        self.text.write(letter, fill, tokens, Body::joining(out, Gaps::default()), false)
    }

    /// The same for the HTML.
    pub fn html(
        &self,
        letter: &CompiledEmail,
        fill: &mut Fill<'_>,
        tokens: &Tokens,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        self.html.write(letter, fill, tokens, Body::new(out), true)
    }

    /// What can be told of a letter before it is written; `scratch` is written over.
    pub fn summarize(
        &self,
        letter: &CompiledEmail,
        email: &str,
        fields: &str,
        secret: &MessageSecret,
        scratch: &mut Vec<u8>,
    ) -> Option<RenderSummary> {
        let mut fill = self.fill(letter, email, fields, secret)?;
        if let (Form::Filled(text), Form::Filled(html)) = (&self.text, &self.html) {
            let (text, html) = (length(text, &fill, false), length(html, &fill, true));
            fill.take_notes();
            return (text.max(html) <= OUTPUT).then_some(RenderSummary { html, missing: fill.missing });
        }
        let tokens = Tokens::of(secret, Wanted::default());
        scratch.clear();
        self.text(letter, &mut fill, &tokens, scratch)?;
        let html = self.html(letter, &mut fill, &tokens, scratch)?;
        Some(RenderSummary { html, missing: fill.missing })
    }
}

/// Bytes of a part before encoding.
fn length(pieces: &[Piece<Run>], fill: &Fill<'_>, is_html: bool) -> usize {
    let length = |piece: &Piece<Run>| match piece {
        Piece::Still(run) => run.length(),
        Piece::Slot(slot) if is_html => escape(fill.text(slot)).len(),
        Piece::Slot(slot) => fill.text(slot).len(),
    };
    pieces.iter().map(length).sum()
}

/// What can be told of a letter before it is written.
#[derive(Debug, PartialEq, Eq)]
pub struct RenderSummary {
    /// Bytes of its HTML.
    pub html: usize,
    /// Fields that it prints without a value.
    pub missing: BTreeSet<String>,
}

impl Line {
    fn fill<'a>(&'a self, fill: &mut Fill<'_>, letter: &CompiledEmail) -> Option<Cow<'a, HeaderText>> {
        let text = match self {
            Self::Still(text) => return Some(Cow::Borrowed(text)),
            Self::Filled(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    text.push_str(match piece {
                        Piece::Still(text) => text,
                        Piece::Slot(slot) => fill.text(slot),
                    });
                }
                text
            }
            Self::Engine(template) => letter.templates.render(template, fill.reading.as_ref()?).ok()?.text,
        };
        fill.take_notes();
        Some(Cow::Owned(HeaderText::clean(&text)))
    }
}

impl Form {
    fn write(
        &self,
        letter: &CompiledEmail,
        fill: &mut Fill<'_>,
        tokens: &Tokens,
        mut body: Body<'_>,
        is_html: bool,
    ) -> Option<usize> {
        match self {
            Self::Filled(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Still(run) => body.run(run, tokens),
                        Piece::Slot(slot) if is_html => body.piece(&escape(fill.text(slot))),
                        Piece::Slot(slot) => body.piece(fill.text(slot)),
                    }
                }
            }
            Self::Engine(template, runs) => {
                let mut feed = Feed { body, runs, tokens };
                letter.templates.render_to(template, fill.reading.as_ref()?, &mut feed).ok()?;
                body = feed.body;
            }
        }
        fill.take_notes();
        let length = body.length();
        body.finish();
        (length <= OUTPUT).then_some(length)
    }
}

/// What the engine writes into: values, and the numbers of runs.
struct Feed<'f, 'o> {
    body: Body<'o>,
    runs: &'f [Run],
    tokens: &'f Tokens,
}

impl Write for Feed<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        match text.strip_prefix(MARK).map(|number| number.parse().ok().and_then(|at: usize| self.runs.get(at))) {
            Some(Some(run)) => self.body.run(run, self.tokens),
            Some(None) => return Err(io::Error::other("no such run")),
            None => self.body.piece(text),
        }
        if self.body.length() > OUTPUT {
            return Err(io::Error::other("the output limit is reached"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn escape(text: &str) -> Cow<'_, str> {
    match text.contains(['&', '<', '>', '"', '\'']) {
        true => Cow::Owned(engine::escape(text)),
        false => Cow::Borrowed(text),
    }
}
