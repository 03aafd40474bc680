//! What a command hands back, and the bar it shows while it works.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use crate::infra::clock::Millis;
use crate::infra::error::Message;
use crate::infra::i18n::Lang;

/// The outcome of a command, once for programs and once for people.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One JSON value, printed with `--json`.
    pub json: serde_json::Value,
    /// Lines for a reader, printed without it.
    pub text: String,
    /// True when the command did its work and the answer is "no": exit code 1.
    pub failed: bool,
}

/// Prints what a command hands back.
pub fn report(report: &Report, json: bool) {
    if json {
        line(&report.json.to_string());
    } else if !report.text.is_empty() {
        line(report.text.trim_end());
    }
}

/// Prints why a command was not carried out: on standard error, and as JSON where that is read.
pub fn refusal(message: &Message, lang: Lang, json: bool) {
    let sentence = lang.translate(message);
    if json {
        line(&serde_json::json!({ "error": message.key, "message": sentence }).to_string());
    }
    let _ = writeln!(std::io::stderr(), "sendoff: {sentence}");
}

/// A moment as ISO 8601 in UTC.
pub fn time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map(|moment| moment.to_string()).unwrap_or_default()
}

/// A line on standard output; a reader who has gone away is no error.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// How many characters stand in a line of the terminal; 80 where it does not tell.
#[cfg(unix)]
pub fn columns() -> usize {
    let told = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| size.ws_col);
    if told == 0 { 80 } else { usize::from(told) }
}

/// How many characters stand in a line of a terminal.
#[cfg(not(unix))]
pub fn columns() -> usize {
    80
}

/// Whether someone watches who would rather see something soon.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// A line for whoever watches, until the answer comes.
pub fn passing(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A progress bar with a rate and an end time on standard error; silent when that is no terminal.
pub struct Bar {
    label: String,
    total: u64,
    began: Instant,
    shown: Option<Instant>,
    visible: bool,
}

impl Bar {
    /// A bar for work of `total` units.
    pub fn new(label: &str, total: u64) -> Self {
        Self {
            label: label.to_owned(),
            total,
            began: Instant::now(),
            shown: None,
            visible: std::io::stderr().is_terminal(),
        }
    }

    /// Shows how far the work is; draws at most ten times a second.
    pub fn set(&mut self, done: u64) {
        if !self.visible || self.shown.is_some_and(|at| at.elapsed().as_millis() < 100) {
            return;
        }
        self.shown = Some(Instant::now());
        self.draw(done);
    }

    /// The same where the size of the work is known only now.
    pub fn set_of(&mut self, done: u64, total: u64) {
        self.total = total;
        self.set(done);
    }

    /// Leaves the line clean for what is printed next.
    pub fn finish(self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }

    fn draw(&self, done: u64) {
        let share = if self.total == 0 { 0.0 } else { (done as f64 / self.total as f64).min(1.0) };
        let filled = (share * 30.0) as usize;
        let seconds = self.began.elapsed().as_secs_f64();
        let left = if share > 0.01 { seconds / share - seconds } else { f64::NAN };
        let left = if left.is_finite() {
            format!("{:02}:{:02}", left as u64 / 60, left as u64 % 60)
        } else {
            "--:--".to_owned()
        };
        let _ = write!(
            std::io::stderr(),
            "\r\x1b[2K{} [{}{}] {:3.0} %  {left}",
            self.label,
            "█".repeat(filled),
            "·".repeat(30 - filled),
            share * 100.0
        );
    }
}
