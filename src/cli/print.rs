//! What a command hands back, and the bar it shows while it works.

use std::io::{IsTerminal, Write};
use std::time::Instant;

/// The outcome of a command, once for programs and once for people.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One JSON value, printed with `--json`.
    pub json: serde_json::Value,
    /// Lines for a reader, printed without it.
    pub text: String,
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
