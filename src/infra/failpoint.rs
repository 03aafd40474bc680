//! Places where a process dies on demand, and promises that it breaks on demand, for the harness
//! that hunts for losses (`tests/run crash`). Without the feature `failpoints` every question here
//! is answered with no at compile time, and nothing of it is in the program.
//!
//! `SENDOFF_FAILPOINT=name:N` ends the process at the N-th passage of a point, at once and without
//! a word, as a SIGKILL would. `SENDOFF_SABOTAGE=name` breaks one promise, to see the harness notice.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const ON: bool = cfg!(feature = "failpoints");

/// A point and how many passages are left until the end.
struct Point {
    name: String,
    left: AtomicU32,
}

/// A promise that can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The `sending` mark is set after the message instead of before.
    MarkLate,
    /// Nobody asks for the last time whether the person may be written to.
    NoGate,
    /// Nothing is synced to disk.
    NoSync,
}

impl Sabotage {
    const fn name(self) -> &'static str {
        match self {
            Self::MarkLate => "mark-late",
            Self::NoGate => "no-gate",
            Self::NoSync => "no-sync",
        }
    }
}

/// Ends the process here when this is the passage that was asked for.
pub fn reach(name: &str) {
    if is_last(name) {
        die();
    }
}

/// True when this is the passage that was asked for: for who still has something to do before [`die`].
pub fn is_last(name: &str) -> bool {
    ON && armed().is_some_and(|point| point.name == name && point.left.fetch_sub(1, Ordering::SeqCst) == 1)
}

/// Ends the process. Nothing is flushed, closed or given back.
pub fn die() {
    if ON {
        std::process::abort();
    }
}

/// True when this promise is to be broken.
pub fn is_broken(promise: Sabotage) -> bool {
    ON && read("SENDOFF_SABOTAGE").is_some_and(|name| name == promise.name())
}

fn armed() -> Option<&'static Point> {
    static POINT: OnceLock<Option<Point>> = OnceLock::new();
    POINT.get_or_init(|| parse(&read("SENDOFF_FAILPOINT")?)).as_ref()
}

fn parse(text: &str) -> Option<Point> {
    let (name, passage) = text.split_once(':')?;
    let left = passage.parse().ok().filter(|passage| *passage > 0)?;
    Some(Point { name: name.to_owned(), left: AtomicU32::new(left) })
}

#[expect(clippy::disallowed_methods, reason = "reached from everywhere and never shipped: no command line carries it")]
fn read(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_named_with_its_passage() {
        let point = parse("marked:17").expect("a point");

        assert_eq!((point.name.as_str(), point.left.into_inner()), ("marked", 17));
        for bad in ["marked", "marked:", "marked:0", "marked:x"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
