//! The sandbox templates run in: the engine with nothing but our filters, a limit on steps, depth
//! and output, and plain data. A value of a person is data and never read as a template.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::value::{Object, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State};

use crate::content::brand::Brand;
use crate::content::template::filter;
use crate::content::template::tag_check::INNER;
use crate::infra::error::Message;

/// Steps one template may take.
pub const FUEL: u64 = 50_000;
/// Nesting of one template.
const DEPTH: usize = 50;
/// Bytes of one rendered part.
pub const OUTPUT: usize = 1 << 20;

/// The templates of one letter, by name. Names that begin with `html` escape for HTML, with `link`
/// for URLs, all others print as is.
pub struct Templates(Environment<'static>);

/// Why a template did not render.
#[derive(Debug)]
pub enum Failure {
    /// A limit stopped it.
    Limit,
    /// It asks for something impossible, on this line.
    Broken(usize),
}

impl Failure {
    /// The sentence for an author, still without a place.
    pub fn message(&self) -> Message {
        match self {
            Self::Limit => Message::new("template-limit"),
            Self::Broken(_) => Message::new("template-broken"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::OutOfFuel | ErrorKind::WriteFailure => Self::Limit,
            _ => Self::Broken(error.line().unwrap_or(1)),
        }
    }
}

impl Templates {
    /// An engine without templates.
    pub fn new() -> Self {
        let mut engine = Environment::empty();
        filter::offer(&mut engine);
        engine.add_filter("needed", needed);
        engine.set_fuel(Some(FUEL));
        engine.set_recursion_limit(DEPTH);
        engine.set_auto_escape_callback(|name| match name {
            name if name.starts_with("html") => AutoEscape::Html,
            name if name.starts_with("link") => AutoEscape::Custom("url".into()),
            _ => AutoEscape::None,
        });
        engine.set_formatter(print);
        engine.set_debug(false);
        Self(engine)
    }

    /// Adds a template; `Err` is the line it cannot be read at.
    pub fn add(&mut self, name: String, source: String) -> Result<(), Failure> {
        Ok(self.0.add_template_owned(name, source)?)
    }

    /// Renders a template for a reader.
    pub fn render(&self, name: &str, reading: &Arc<Reading>) -> Result<Pieces, Failure> {
        let mut out = Bounded::default();
        self.render_to(name, reading, &mut out)?;
        let text = String::from_utf8(out.bytes).expect("an engine of texts writes UTF-8");
        Ok(Pieces { text, ends: out.ends })
    }

    /// The same into a writer, which is handed the text between two tags, or the value of one, in a
    /// single call.
    pub fn render_to(&self, name: &str, reading: &Arc<Reading>, out: impl Write) -> Result<(), Failure> {
        let context = Value::from_object(Names(reading.clone()));
        self.0.get_template(name)?.render_captured_to(context, out)?;
        Ok(())
    }
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

/// Everything one person's templates can see.
#[derive(Debug, Default)]
pub struct Reading {
    /// Field values; what a person has no value for is not in it.
    pub values: BTreeMap<String, Value>,
    /// Their address as they spell it.
    pub email: String,
    /// Who signs.
    pub brand: Arc<Brand>,
    /// Where they leave, see what is held, and read in a browser.
    pub doors: Doors,
    /// Subject and preheader, once they have rendered.
    pub heads: OnceLock<[String; 2]>,
    /// Where each measured link leads.
    pub links: OnceLock<Vec<Target>>,
    /// Fields that were printed without a value.
    pub missing: Mutex<BTreeSet<String>>,
}

/// The pages of one delivery.
#[derive(Debug, Default)]
pub struct Doors {
    /// `{{ unsubscribe_url }}`.
    pub unsubscribe: String,
    /// `{{ preferences_url }}`.
    pub preferences: String,
    /// `{{ view_url }}`.
    pub view: String,
    /// The picture that tells of an opening; `None` where nothing is measured.
    pub pixel: Option<String>,
}

/// Where a link leads, for one person.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The URL that stands in the letter.
    pub url: String,
    /// Fields that it prints without a value.
    pub missing: BTreeSet<String>,
}

impl Reading {
    /// Notes that a field was printed without a value.
    pub fn note(&self, name: &str) {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    }

    /// Takes the notes out.
    pub fn take_notes(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.missing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where a link leads; what it prints without a value is noted.
    pub fn link(&self, position: usize) -> Option<&str> {
        let target = self.links.get()?.get(position)?;
        target.missing.iter().for_each(|name| self.note(name));
        Some(&target.url)
    }

    fn inner(&self, name: &str) -> Option<Value> {
        let part = |at: usize| self.heads.get().map(|heads| Value::from(heads[at].as_str()));
        match name {
            "subject" => part(0),
            "preheader" => part(1),
            "pixel" => self.doors.pixel.as_deref().map(|url| Value::from_safe_string(image(url))),
            _ => {
                let position: usize = name.strip_prefix("link_")?.parse().ok()?;
                self.link(position).map(Value::from)
            }
        }
    }
}

/// The names at the top of a template.
#[derive(Debug)]
struct Names(Arc<Reading>);

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let reading = &self.0;
        let brand = &reading.brand;
        match key.as_str()? {
            INNER => Some(Value::from_object(Inner(reading.clone()))),
            "email" => Some(Value::from(reading.email.as_str())),
            "unsubscribe_url" => Some(Value::from(reading.doors.unsubscribe.as_str())),
            "preferences_url" => Some(Value::from(reading.doors.preferences.as_str())),
            "view_url" => Some(Value::from(reading.doors.view.as_str())),
            "brand" => Some(Value::from_pairs([
                ("name", brand.name.as_str()),
                ("address", brand.address.as_str()),
                ("color", brand.color.as_str()),
                ("logo", brand.logo.as_str()),
            ])),
            name => reading.values.get(name).cloned(),
        }
    }
}

/// What the engine adds to a letter.
#[derive(Debug)]
struct Inner(Arc<Reading>);

impl Object for Inner {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.inner(key.as_str()?)
    }
}

/// Stands around every field that is printed without a fallback.
fn needed(state: &State<'_, '_>, value: &Value, name: &str) -> Value {
    if filter::is_missing(value)
        && let Some(inner) = state.lookup(INNER)
        && let Some(inner) = inner.downcast_object_ref::<Inner>()
    {
        inner.0.note(name);
    }
    value.clone()
}

/// Prints a value for the place it stands in; a missing one prints nothing.
fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if filter::is_missing(value) {
        return Ok(());
    }
    let text = value.to_string();
    let text = match state.auto_escape() {
        _ if value.is_safe() => text,
        AutoEscape::Html => escape(&text),
        AutoEscape::Custom(_) => filter::percent(&text),
        _ => text,
    };
    out.write_str(&text).map_err(Error::from)
}

/// Text for HTML, within elements and within double or single quotes.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

/// The picture that tells of an opening, as HTML.
pub fn image(url: &str) -> String {
    format!("<img src=\"{}\" width=\"1\" height=\"1\" alt=\"\" style=\"display:block;border:0\">", escape(url))
}

/// A rendered part, and the ends of its pieces in bytes: what the engine wrote in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pieces {
    /// The whole.
    pub text: String,
    /// Ascending.
    pub ends: Vec<usize>,
}

/// Output that refuses to grow beyond [`OUTPUT`].
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT {
            return Err(io::Error::other("the output limit is reached"));
        }
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
