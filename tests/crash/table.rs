//! The table of results: one row for each fault and database.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::installation::Store;
use crate::reconcile::Findings;

/// The expected result of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing lost, nothing sent twice, uncertain within the bound.
    NothingLost,
    /// Nothing lost; uncertain messages are sent again, within the bound.
    Resent,
    /// The program has a deliberate bug, which the harness must detect.
    Detected,
    /// The same for a bug that shows only at some moments of death: one run of the row must detect it.
    DetectedOnce,
}

impl Expectation {
    /// Whether the program has a deliberate bug.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Detected | Self::DetectedOnce)
    }
}

#[derive(Debug, Default)]
struct Row {
    runs: usize,
    lost: usize,
    repeated: usize,
    wrong: usize,
    uncertain: usize,
    bound: usize,
    /// Runs with more uncertain or repeated than that run's bound.
    beyond: usize,
    /// Runs in which something was lost, repeated or wrong.
    damaged: usize,
    again: Vec<Duration>,
    missed: usize,
    errors: usize,
}

/// Results by fault and database.
#[derive(Default)]
pub struct Table {
    lines: BTreeMap<(usize, String, Store), (Option<Expectation>, Row)>,
    order: Vec<String>,
    skipped: Vec<String>,
}

/// The result of one run.
pub struct Run {
    pub findings: Findings,
    /// Messages that may be uncertain after this run.
    pub bound: usize,
    /// From the end of a process to the next MAIL.
    pub again: Vec<Duration>,
    /// True when the fault did not happen.
    pub missed: bool,
}

impl Table {
    fn line(&mut self, fault: &str, kind: Store, expectation: Expectation) -> &mut Row {
        let place = self.order.iter().position(|known| known == fault).unwrap_or_else(|| {
            self.order.push(fault.to_owned());
            self.order.len() - 1
        });
        let (kept, line) = self.lines.entry((place, fault.to_owned(), kind)).or_default();
        *kept = Some(expectation);
        line
    }

    /// Makes room for a fault; the table has the order of these calls.
    pub fn expect(&mut self, fault: &str, kind: Store, expectation: Expectation) {
        self.line(fault, kind, expectation);
    }

    /// Adds a run.
    pub fn add(&mut self, fault: &str, kind: Store, expectation: Expectation, run: &Run) {
        let line = self.line(fault, kind, expectation);
        let findings = &run.findings;
        line.runs += 1;
        line.lost += findings.lost;
        line.repeated = line.repeated.max(findings.repeated);
        line.wrong += findings.wrong;
        line.uncertain = line.uncertain.max(findings.uncertain);
        line.beyond += usize::from(findings.uncertain > run.bound);
        line.beyond += usize::from(expectation == Expectation::Resent && findings.repeated > run.bound);
        line.damaged += usize::from(!findings.is_clean());
        line.bound = line.bound.max(run.bound);
        line.again.extend(&run.again);
        line.missed += usize::from(run.missed);
    }

    /// Adds a run that ended with an error.
    pub fn fail(&mut self, fault: &str, kind: Store, expectation: Expectation) {
        let line = self.line(fault, kind, expectation);
        line.runs += 1;
        line.errors += 1;
    }

    /// Records what could not be tried here, and why.
    pub fn skip(&mut self, sentence: impl Into<String>) {
        self.skipped.push(sentence.into());
    }

    /// Prints the table; true when every line is as hoped.
    pub fn print(&self) -> bool {
        let mut good = true;
        println!(
            "\n{:<34} {:<10} {:>5} {:>5} {:>8} {:>6} {:>9} {:>6} {:>13}  ",
            "fault", "database", "runs", "lost", "repeated", "wrong", "uncertain", "bound", "again, s"
        );
        for ((_, fault, kind), (expectation, line)) in &self.lines {
            let findings = line.judge(expectation.unwrap_or(Expectation::NothingLost));
            good &= findings.is_ok();
            println!(
                "{fault:<34} {kind:<10} {:>5} {:>5} {:>8} {:>6} {:>9} {:>6} {:>13}  {}",
                line.runs,
                line.lost,
                line.repeated,
                line.wrong,
                line.uncertain,
                line.bound,
                seconds(&line.again),
                findings.unwrap_or_else(|why| why)
            );
        }
        for sentence in &self.skipped {
            println!("not tried: {sentence}");
        }
        println!(
            "\n`again` is the median and the longest time from the end of a process to the next MAIL of its successor.\n\
             `repeated` and `uncertain` are the most of any run, `bound` what may be uncertain, or be repeated by \
             `resend`.\nLines with a control must detect the bug in every run, or in one where\nthe moment of death decides."
        );
        good
    }
}

impl Row {
    fn judge(&self, expectation: Expectation) -> Result<String, String> {
        if self.errors > 0 {
            return Err(format!("FAILED: {} runs ended with an error", self.errors));
        }
        if self.missed == self.runs {
            return Err("FAILED: the fault never happened".to_owned());
        }
        if !expectation.is_control() && self.beyond > 0 {
            return Err("FAILED: more than the bound".to_owned());
        }
        match expectation {
            Expectation::Detected if self.damaged < self.runs => {
                Err(format!("FAILED: the bug was detected in {} of {}", self.damaged, self.runs))
            }
            Expectation::DetectedOnce if self.damaged == 0 => Err("FAILED: the bug was not detected".to_owned()),
            Expectation::Detected | Expectation::DetectedOnce => {
                Ok(format!("detected in {} of {}", self.damaged, self.runs))
            }
            Expectation::NothingLost if self.damaged > 0 => Err("FAILED".to_owned()),
            Expectation::Resent if self.lost + self.wrong > 0 => Err("FAILED".to_owned()),
            Expectation::NothingLost | Expectation::Resent => Ok("ok".to_owned()),
        }
    }
}

fn seconds(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort();
    match sorted.last() {
        Some(longest) => format!("{:.2} / {:.2}", sorted[sorted.len() / 2].as_secs_f64(), longest.as_secs_f64()),
        None => "-".to_owned(),
    }
}
