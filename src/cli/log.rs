//! What the program writes on standard error while it works: a line for a reader, or a JSON object
//! for a program. Events hold no addresses by their making; should a driver or a relay put one into
//! its words, it is blanked here, on the last step out.

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

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For a reader.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is worth a line; each takes in those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Someone must act.
    Error,
    /// Something failed and was dealt with.
    Warn,
    /// What was done.
    Info,
    /// Why.
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

/// What stands in the place of an address.
const HIDDEN: &str = "[hidden]";

/// Begins to write the log of this process. Of the libraries, whose words are not ours, only
/// warnings are written.
pub fn start(form: Form, level: Level) {
    let wanted =
        Targets::new().with_target("sendoff", level.filter()).with_default(level.filter().min(LevelFilter::WARN));
    let log = Log { form, clock: Clock::system() };
    // An earlier subscriber stays: there is one in a process.
    let _ = tracing_subscriber::registry().with(log.with_filter(wanted)).try_init();
}

struct Log {
    form: Form,
    clock: Clock,
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (time, level) = (moment(self.clock.now()), event.metadata().level().as_str());
        let line = match self.form {
            Form::Text => text(&time, level, &fields),
            Form::Json => json(&time, level, event.metadata().target(), fields),
        };
        // Where standard error is closed there is nobody to tell.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// ISO 8601 in UTC, each as long as the others.
fn moment(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map(|at| format!("{at:.3}")).unwrap_or_default()
}

/// The message and the other fields of an event, with addresses blanked.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn keep(&mut self, field: &Field, value: Value) {
        self.others.push((field.name(), value));
    }

    fn keep_text(&mut self, field: &Field, text: &str) {
        let text = hide(text);
        if field.name() == "message" { self.message = text } else { self.keep(field, text.into()) }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep_text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.keep_text(field, &format!("{value:?}"));
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

/// The text without the words that could be an address, spelt out or as in a URL.
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
    fn an_address_is_blanked_wherever_it_stands() {
        for (text, left) in [
            ("550 5.1.1 <anna@example.org>: unknown", "550 5.1.1 <[hidden]>: unknown"),
            ("key (canonical)=(1, anna@example.org) exists", "key (canonical)=(1, [hidden]) exists"),
            ("smtp://user:secret@host:25 is away", "[hidden] is away"),
            ("[\"relay\",[[\"reply\",\"иван@почта.рф\"]]]", "[\"relay\",[[\"reply\",\"[hidden]\"]]]"),
            ("/residue?a=anna%40example.org", "/residue?a=[hidden]"),
            ("hits wait on disk", "hits wait on disk"),
            ("", ""),
        ] {
            assert_eq!(hide(text), left);
        }
    }

    #[test]
    fn every_moment_is_written_to_the_millisecond() {
        assert_eq!(moment(1_795_255_200_000), "2026-11-21T10:00:00.000Z");
        assert_eq!(moment(1_795_255_200_150), "2026-11-21T10:00:00.150Z");
    }

    #[test]
    fn a_line_is_one_line_for_both_readers() {
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
