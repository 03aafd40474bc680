//! The template sandbox: minijinja with the filters of [`filter`] only, limits on steps, nesting and
//! output, and plain data. A contact's value is data and is never parsed as a template.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use minijinja::value::{Object, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State};

use crate::content::template::bounds::{MAX_OUTPUT, MAX_STEPS, RenderLimit};
use crate::content::template::escape::escape_html;
use crate::content::template::filter;
use crate::content::template::render_context::{INTERNAL, InternalValues, spend};
pub use crate::content::template::render_context::{LinkTarget, PageUrls, RenderContext};
use crate::infra::error::Message;
use crate::infra::i18n::Lang;

/// Nesting of calls while a template runs.
const MAX_DEPTH: usize = 50;

/// The templates of one email, by name. A name that begins with `html` escapes values for HTML, one with `link` for
/// URLs, any other prints them as they are.
pub struct Templates(Environment<'static>);

/// Why a template cannot be parsed or rendered.
#[derive(Debug)]
pub enum EngineError {
    /// It exceeds a limit on this line.
    Limit(RenderLimit, usize),
    /// It does something impossible on this line.
    Invalid(usize),
}

impl EngineError {
    /// The message for the marketer, without a place.
    pub fn message(&self) -> Message {
        match self {
            Self::Limit(..) => Message::new("template-limit"),
            Self::Invalid(_) => Message::new("template-broken"),
        }
    }
}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        let line = error.line().unwrap_or(1);
        RenderLimit::of(&error).map_or(Self::Invalid(line), |limit| Self::Limit(limit, line))
    }
}

impl Templates {
    /// An engine without templates, in the default language.
    pub fn new() -> Self {
        Self::for_language(Lang::default())
    }

    /// An engine without templates that writes dates and numbers in this language.
    pub fn for_language(lang: Lang) -> Self {
        let mut engine = Environment::empty();
        filter::register(&mut engine, filter::Locale::of(lang));
        engine.add_filter("needed", needed);
        engine.add_filter("counted", counted);
        engine.set_fuel(Some(MAX_STEPS));
        engine.set_recursion_limit(MAX_DEPTH);
        engine.set_auto_escape_callback(|name| match name {
            name if name.starts_with("html") => AutoEscape::Html,
            name if name.starts_with("link") => AutoEscape::Custom("url".into()),
            _ => AutoEscape::None,
        });
        engine.set_formatter(print_value);
        engine.set_debug(false);
        Self(engine)
    }

    /// Parses and adds a template.
    pub fn add(&mut self, name: String, source: String) -> Result<(), EngineError> {
        Ok(self.0.add_template_owned(name, source)?)
    }

    /// Renders a template.
    pub fn render(&self, name: &str, context: &Arc<RenderContext>) -> Result<RenderedPart, EngineError> {
        let mut out = BoundedOutput::default();
        self.render_to(name, context, &mut out)?;
        let text = String::from_utf8(out.bytes).expect("an engine of texts writes UTF-8");
        Ok(RenderedPart { text, ends: out.ends })
    }

    /// Renders a template into a writer. Each call of `write` gets the text between two tags or the value of one tag.
    pub fn render_to(&self, name: &str, context: &Arc<RenderContext>, out: impl Write) -> Result<(), EngineError> {
        let names = Value::from_object(TopLevelNames(context.clone()));
        context.value_bytes.store(0, Ordering::Relaxed);
        self.0.get_template(name)?.render_captured_to(names, out)?;
        // A condition reads values and prints nothing.
        if context.has_spent() { Err(RenderLimit::Values.error().into()) } else { Ok(()) }
    }
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

/// The names that a template can use.
#[derive(Debug)]
struct TopLevelNames(Arc<RenderContext>);

impl Object for TopLevelNames {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let context = &self.0;
        let brand = &context.brand;
        match key.as_str()? {
            INTERNAL => Some(Value::from_object(InternalValues(context.clone()))),
            "email" => Some(Value::from(context.address.as_str())),
            "unsubscribe_url" => Some(Value::from(context.pages.unsubscribe.as_str())),
            "preferences_url" => Some(Value::from(context.pages.preferences.as_str())),
            "view_url" => Some(Value::from(context.pages.view.as_str())),
            "brand" => Some(Value::from_pairs([
                ("name", brand.name.as_str()),
                ("address", brand.address.as_str()),
                ("color", brand.color.as_str()),
                ("logo", brand.logo.as_str()),
            ])),
            // A field of an earlier version may have this name.
            "today" if !context.values.contains_key("today") => Some(Value::from(context.today.as_str())),
            name => {
                let value = context.values.get(name)?;
                context.spend(value.as_str().map_or(0, str::len)).ok()?;
                Some(value.clone())
            }
        }
    }
}

/// Filter around every field that is printed without a fallback: records it if it has no value.
fn needed(state: &State<'_, '_>, value: &Value, name: &str) -> Value {
    if filter::is_missing(value)
        && let Some(internal) = state.lookup(INTERNAL)
        && let Some(internal) = internal.downcast_object_ref::<InternalValues>()
    {
        internal.0.record_missing(name);
    }
    value.clone()
}

/// Filter around every variable that is read: counts the bytes of its value.
fn counted(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    spend(state, value.as_str().map_or(0, str::len))?;
    Ok(value.clone())
}

/// Prints a value, escaped for its place. A missing value prints nothing.
fn print_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if filter::is_missing(value) {
        return Ok(());
    }
    if filter::weight(value) > MAX_OUTPUT {
        return Err(RenderLimit::Output.error());
    }
    spend(state, 0)?;
    let text = value.to_string();
    let text = match state.auto_escape() {
        _ if value.is_safe() => text,
        AutoEscape::Html => escape_html(&text),
        AutoEscape::Custom(_) => filter::percent_encode(&text),
        _ => text,
    };
    out.write_str(&text).map_err(Error::from)
}

/// A field value as template data; `None` for an empty value, which counts as missing.
pub fn field_value(value: &serde_json::Value) -> Option<Value> {
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

/// A rendered part, and where its pieces end: the text between two tags, or the value of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RenderedPart {
    /// The whole text.
    pub text: String,
    /// Byte offsets, ascending.
    pub ends: Vec<usize>,
}

/// Output of at most [`MAX_OUTPUT`] bytes.
#[derive(Default)]
struct BoundedOutput {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Write for BoundedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT {
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
