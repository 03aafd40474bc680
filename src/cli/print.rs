//! Output of a command: JSON or text on standard output, errors and progress bars on standard error.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use serde::Serialize;

use crate::infra::clock::Millis;
use crate::infra::error::Message;
use crate::infra::i18n::Lang;
use crate::usecase::localize::to_json;

/// What a command prints: JSON for programs, text for people.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// One JSON value, printed with `--json`.
    pub json: serde_json::Value,
    /// Lines for people, printed without it.
    pub text: String,
    /// True when the command did its work and the answer is "no": exit code 1.
    pub failed: bool,
}

impl Output {
    /// The JSON of what a use case returned, with its messages in this language, and `text`.
    pub fn new(returned: &impl Serialize, lang: Lang, text: String) -> Self {
        Self { json: to_json(returned, lang), text, failed: false }
    }
}

/// Prints the output of a command.
pub fn output(output: &Output, json: bool) {
    if json {
        line(&output.json.to_string());
    } else if !output.text.is_empty() {
        line(output.text.trim_end());
    }
}

/// Prints an error on standard error, and as JSON on standard output when asked for.
pub fn error(message: &Message, lang: Lang, json: bool) {
    let sentence = without_credentials(&lang.translate(message));
    if json {
        line(&serde_json::json!({ "error": message.key, "message": sentence }).to_string());
    }
    let _ = writeln!(std::io::stderr(), "sendoff: {sentence}");
}

/// The text without the user and password of any URL in it, as one that was typed in the wrong place.
fn without_credentials(text: &str) -> String {
    let hide = |word: &str| {
        let Some((before, rest)) = word.split_once(':') else { return word.to_owned() };
        let start = if rest.starts_with("//") { before.len() + 3 } else { 0 };
        let end = word.rfind('@').filter(|end| *end > start && (start > 0 || rest.contains('@')));
        end.map_or_else(|| word.to_owned(), |end| format!("{}***{}", &word[..start], &word[end..]))
    };
    text.split_inclusive(char::is_whitespace).map(hide).collect()
}

/// A time as ISO 8601 in UTC.
pub fn time(at: Millis) -> String {
    crate::usecase::output::utc(at)
}

/// Prints a line on standard output; a closed pipe is no error.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The columns of the terminal; 80 where it reports none.
#[cfg(unix)]
pub fn columns() -> usize {
    let reported = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| size.ws_col);
    if reported == 0 { 80 } else { usize::from(reported) }
}

/// The columns of the terminal.
#[cfg(not(unix))]
pub fn columns() -> usize {
    80
}

/// True when standard error is a terminal.
pub fn is_interactive() -> bool {
    std::io::stderr().is_terminal()
}

/// Prints a line on standard error, for a result that is not final.
pub fn interim(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A progress bar with its end time, on standard error; hidden when that is no terminal.
pub struct Bar {
    label: String,
    total: u64,
    began: Instant,
    drawn: Option<Instant>,
    visible: bool,
}

impl Bar {
    /// A bar for work of `total` units.
    pub fn new(label: &str, total: u64) -> Self {
        Self { label: label.to_owned(), total, began: Instant::now(), drawn: None, visible: is_interactive() }
    }

    /// Shows `done` units of `total`; draws at most ten times a second.
    pub fn set(&mut self, done: u64, total: u64) {
        self.total = total;
        if !self.visible || self.drawn.is_some_and(|at| at.elapsed().as_millis() < 100) {
            return;
        }
        self.drawn = Some(Instant::now());
        self.draw(done);
    }

    /// Clears the line of the bar.
    pub fn finish(self) {
        if self.drawn.is_some() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_an_error_are_hidden() {
        for (text, shown) in [
            (
                "There is no command smtp://user:pa@ss@mail.example.org:25.",
                "There is no command smtp://***@mail.example.org:25.",
            ),
            ("no relay “postgres://u:p@h/x”\nrelay ls", "no relay “postgres://***@h/x”\nrelay ls"),
            ("user:secret@host is unknown", "***@host is unknown"),
            ("a***@example.org: https://example.org/a b", "a***@example.org: https://example.org/a b"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
