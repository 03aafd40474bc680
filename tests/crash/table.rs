//! The one table that a run of the harness prints.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::installation::Kind;
use crate::reconcile::Verdict;

/// What is expected of a class of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hope {
    /// Nothing lost, nothing repeated, uncertain within the bound.
    Clean,
    /// Nothing lost; what was uncertain is sent again: repeated within the bound.
    Resent,
    /// A promise was broken on purpose: the harness must see it.
    Damage,
}

#[derive(Debug, Default)]
struct Line {
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
    lines: BTreeMap<(usize, String, Kind), (Option<Hope>, Line)>,
    order: Vec<String>,
    skipped: Vec<String>,
}

/// What one run came to.
pub struct Run {
    pub verdict: Verdict,
    /// Letters whose fate may be unknown after this run.
    pub bound: usize,
    /// From the end of a process to the next MAIL.
    pub again: Vec<Duration>,
    /// True when the fault did not come to pass.
    pub missed: bool,
}

impl Table {
    fn line(&mut self, fault: &str, kind: Kind, hope: Hope) -> &mut Line {
        let place = self.order.iter().position(|known| known == fault).unwrap_or_else(|| {
            self.order.push(fault.to_owned());
            self.order.len() - 1
        });
        let (kept, line) = self.lines.entry((place, fault.to_owned(), kind)).or_default();
        *kept = Some(hope);
        line
    }

    /// Makes room for a fault; the table has the order of these calls.
    pub fn expect(&mut self, fault: &str, kind: Kind, hope: Hope) {
        self.line(fault, kind, hope);
    }

    /// Adds a run.
    pub fn add(&mut self, fault: &str, kind: Kind, hope: Hope, run: &Run) {
        let line = self.line(fault, kind, hope);
        let verdict = &run.verdict;
        line.runs += 1;
        line.lost += verdict.lost;
        line.repeated = line.repeated.max(verdict.repeated);
        line.wrong += verdict.wrong;
        line.uncertain = line.uncertain.max(verdict.uncertain);
        line.beyond += usize::from(verdict.uncertain > run.bound);
        line.beyond += usize::from(hope == Hope::Resent && verdict.repeated > run.bound);
        line.damaged += usize::from(!verdict.is_clean());
        line.bound = line.bound.max(run.bound);
        line.again.extend(&run.again);
        line.missed += usize::from(run.missed);
    }

    /// Adds a run that could not be judged.
    pub fn fail(&mut self, fault: &str, kind: Kind, hope: Hope) {
        let line = self.line(fault, kind, hope);
        line.runs += 1;
        line.errors += 1;
    }

    /// Says what could not be tried here, and why.
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
        for ((_, fault, kind), (hope, line)) in &self.lines {
            let verdict = line.judge(hope.unwrap_or(Hope::Clean));
            good &= verdict.is_ok();
            println!(
                "{fault:<34} {kind:<10} {:>5} {:>5} {:>8} {:>6} {:>9} {:>6} {:>13}  {}",
                line.runs,
                line.lost,
                line.repeated,
                line.wrong,
                line.uncertain,
                line.bound,
                seconds(&line.again),
                verdict.unwrap_or_else(|why| why)
            );
        }
        for sentence in &self.skipped {
            println!("not tried: {sentence}");
        }
        println!(
            "\n`again` is the median and the longest time from the end of a process to the next MAIL of its successor.\n\
             `repeated` and `uncertain` are the most of any run, `bound` what may be uncertain, or be repeated by \
             `resend`.\nLines with a control must show damage in every run."
        );
        good
    }
}

impl Line {
    fn judge(&self, hope: Hope) -> Result<String, String> {
        if self.errors > 0 {
            return Err(format!("FAILED: {} runs could not be judged", self.errors));
        }
        if self.missed == self.runs {
            return Err("FAILED: the fault never came to pass".to_owned());
        }
        if hope != Hope::Damage && self.beyond > 0 {
            return Err("FAILED: more than the bound".to_owned());
        }
        match hope {
            Hope::Damage if self.damaged < self.runs => {
                Err(format!("FAILED: the harness saw the damage in {} of {}", self.damaged, self.runs))
            }
            Hope::Damage => Ok(format!("caught in {} of {}", self.damaged, self.runs)),
            Hope::Clean if self.damaged > 0 => Err("FAILED".to_owned()),
            Hope::Resent if self.lost + self.wrong > 0 => Err("FAILED".to_owned()),
            Hope::Clean | Hope::Resent => Ok("ok".to_owned()),
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
