//! The log on standard error: one line or one JSON object an event.
//!
//! Our events hold no addresses. The text of a driver or a relay may, so addresses are replaced here, before output.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;

use clap::ValueEnum;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::infra::clock::{Clock, Millis};
use crate::infra::panic;

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line of text for each event.
    Text,
    /// A JSON object for each event.
    Json,
}

/// Log level; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// The operator must act.
    Error,
    /// A failure that was handled.
    Warn,
    /// Actions and state changes.
    Info,
    /// Causes and decisions.
    Debug,
    /// Every step.
    Trace,
}

impl Level {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

/// The replacement of an address.
const HIDDEN: &str = "[hidden]";

/// Starts the log of this process. Libraries are logged from level `warn` only.
pub fn start(format: Format, level: Level) {
    let targets =
        Targets::new().with_target("sendoff", level.filter()).with_default(level.filter().min(LevelFilter::WARN));
    let log = Log { format, clock: Clock::system() };
    // A process has one subscriber; an earlier one stays.
    let _ = tracing_subscriber::registry().with(log.with_filter(targets)).try_init();
    panic::set_hook();
}

struct Log {
    format: Format,
    clock: Clock,
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (time, level) = (timestamp(self.clock.now()), event.metadata().level().as_str());
        let line = match self.format {
            Format::Text => text(&time, level, &fields),
            Format::Json => json(&time, level, event.metadata().target(), fields),
        };
        // A closed standard error is ignored.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// A time as ISO 8601 in UTC, with milliseconds.
fn timestamp(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map(|at| format!("{at:.3}")).unwrap_or_default()
}

/// The message and the fields of an event, without addresses.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        self.others.push((field.name(), value));
    }

    fn add_text(&mut self, field: &Field, text: &str) {
        let text = hide(text);
        if field.name() == "message" { self.message = text } else { self.add(field, text.into()) }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add_text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add_text(field, &format!("{value:?}"));
    }
}

fn text(time: &str, level: &str, fields: &Fields) -> String {
    let mut line = format!("{time} {level:>5} {}", fields.message.replace('\n', "\\n"));
    for (name, value) in &fields.others {
        let _ = match value {
            Value::String(text) if !text.contains([' ', '"', '\n']) => write!(line, " {name}={text}"),
            other => write!(line, " {name}={other}"),
        };
    }
    line.push('\n');
    line
}

fn json(time: &str, level: &str, target: &str, fields: Fields) -> String {
    let mut object = Map::new();
    object.insert("time".to_owned(), time.into());
    object.insert("level".to_owned(), level.to_ascii_lowercase().into());
    object.insert("target".to_owned(), target.into());
    object.insert("message".to_owned(), fields.message.into());
    for (name, value) in fields.others {
        object.entry(name).or_insert(value);
    }
    format!("{}\n", Value::Object(object))
}

/// The text with every word replaced that may be an address, plain or percent-encoded.
fn hide(text: &str) -> String {
    let is_edge = |c: char| c.is_whitespace() || "<>()[]{}\"'`,;=".contains(c);
    let mut hidden = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_edge) {
        let word = piece.trim_end_matches(is_edge);
        let is_address = word.contains(['@', '＠']) || word.contains("%40");
        hidden.push_str(if is_address { HIDDEN } else { word });
        hidden.push_str(&piece[word.len()..]);
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_replaced_in_any_position() {
        for (text, expected) in [
            ("550 5.1.1 <anna@example.org>: unknown", "550 5.1.1 <[hidden]>: unknown"),
            ("key (canonical)=(1, anna@example.org) exists", "key (canonical)=(1, [hidden]) exists"),
            ("smtp://user:secret@host:25 is away", "[hidden] is away"),
            ("[\"relay\",[[\"reply\",\"иван@почта.рф\"]]]", "[\"relay\",[[\"reply\",\"[hidden]\"]]]"),
            ("/residue?a=anna%40example.org", "/residue?a=[hidden]"),
            ("hits wait on disk", "hits wait on disk"),
            ("", ""),
        ] {
            assert_eq!(hide(text), expected);
        }
    }

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(timestamp(1_795_255_200_000), "2026-11-21T10:00:00.000Z");
        assert_eq!(timestamp(1_795_255_200_150), "2026-11-21T10:00:00.150Z");
    }

    #[test]
    fn an_event_is_one_line_in_both_formats() {
        let fields = || Fields {
            message: "the relay failed".to_owned(),
            others: vec![("phase", "dot".into()), ("campaign.id", 7.into()), ("why", "it\nhung up".into())],
        };

        let text = text("2026-11-21T10:00:00Z", "WARN", &fields());
        assert_eq!(text, "2026-11-21T10:00:00Z  WARN the relay failed phase=dot campaign.id=7 why=\"it\\nhung up\"\n");
        let json: Value =
            serde_json::from_str(&json("2026-11-21T10:00:00Z", "WARN", "sendoff", fields())).expect("JSON");
        assert_eq!(json["level"], "warn");
        assert_eq!((&json["campaign.id"], &json["why"]), (&7.into(), &"it\nhung up".into()));
    }
}
