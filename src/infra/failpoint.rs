//! Fail points: places where the process ends on demand, and bugs that it has on demand.
//!
//! The crash tests (`tests/run crash`) end a process at every step of a delivery and check that nothing is lost or
//! sent twice. They and the simulation (`tests/sim`) also run with deliberate bugs, to prove that they would notice.
//!
//! With the feature `failpoints`, `SENDOFF_FAILPOINT=name:N` ends the process at the N-th passage of a fail point, as
//! SIGKILL would, and `SENDOFF_BUG=name` puts a bug in. Without the feature both are compiled out. [`inject`] puts a
//! bug into one thread and works in debug builds only.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const ENABLED: bool = cfg!(feature = "failpoints");

/// A fail point from the environment, and the passages left before the process ends.
struct FailPoint {
    name: String,
    passages_left: AtomicU32,
}

/// A deliberate bug that the tests must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A delivery is marked `sending` after its body instead of before.
    MarkAfterBody,
    /// The final eligibility check is skipped.
    SkipFinalCheck,
    /// Nothing is synced to disk.
    SkipSync,
    /// A lost reply to a body is recorded as "not tried" instead of uncertain.
    LostReplyIsUntried,
    /// The age of a mark is counted from when the connection reads it, not from when it was asked for.
    MarkAgeFromRead,
    /// A mailer goes on sending after its lease has expired.
    SendWithoutLease,
    /// Some results are never recorded.
    DropResult,
    /// No body is named when it begins, so that the next process takes every marked delivery for unsent.
    NameNoBodies,
    /// Every body is named when its delivery is marked, long before it begins.
    NameEveryMark,
    /// Deliveries are claimed without drawing tokens from the rate limit.
    SkipTokenDraw,
    /// Composing the message to [`PANICKING`] panics.
    PanicInComposer,
    /// A connection panics before the envelope to [`PANICKING`].
    PanicBeforeEnvelope,
    /// A connection panics when the body to [`PANICKING`] is due.
    PanicBeforeBody,
    /// The task of the lane [`PANICKING`] panics.
    PanicInLane,
}

/// The local part of the recipients, and the lane, that the panics of [`Bug`] are for.
pub const PANICKING: &str = "panic";

impl Bug {
    const fn name(self) -> &'static str {
        match self {
            Self::MarkAfterBody => "mark-after-body",
            Self::SkipFinalCheck => "skip-final-check",
            Self::SkipSync => "skip-sync",
            Self::LostReplyIsUntried => "lost-reply-is-untried",
            Self::MarkAgeFromRead => "mark-age-from-read",
            Self::SendWithoutLease => "send-without-lease",
            Self::DropResult => "drop-result",
            Self::NameNoBodies => "name-no-bodies",
            Self::NameEveryMark => "name-every-mark",
            Self::SkipTokenDraw => "skip-token-draw",
            Self::PanicInComposer => "panic-in-composer",
            Self::PanicBeforeEnvelope => "panic-before-envelope",
            Self::PanicBeforeBody => "panic-before-body",
            Self::PanicInLane => "panic-in-lane",
        }
    }
}

thread_local! {
    static INJECTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Puts a bug into everything that runs on this thread; `None` removes it. Does nothing in release builds.
pub fn inject(bug: Option<Bug>) {
    if cfg!(debug_assertions) {
        INJECTED.set(bug);
    }
}

/// True when the program is to have this bug.
pub fn has_bug(bug: Bug) -> bool {
    cfg!(debug_assertions) && INJECTED.get() == Some(bug)
        || ENABLED && read("SENDOFF_BUG").is_some_and(|name| name == bug.name())
}

/// Panics when the program is to have this bug and the local part or lane is [`PANICKING`].
pub fn panic_if(bug: Bug, name: &str) {
    assert!(name != PANICKING || !has_bug(bug), "the bug {} was asked for", bug.name());
}

/// Passes a fail point; ends the process when this is the passage asked for.
pub fn hit(name: &str) {
    if is_armed(name) {
        abort();
    }
}

/// Passes a fail point; true when the process is to end at this passage. The caller then calls [`abort`].
pub fn is_armed(name: &str) -> bool {
    ENABLED
        && from_environment()
            .is_some_and(|point| point.name == name && point.passages_left.fetch_sub(1, Ordering::SeqCst) == 1)
}

/// Ends the process at once. Nothing is flushed, closed or released.
pub fn abort() {
    if ENABLED {
        std::process::abort();
    }
}

fn from_environment() -> Option<&'static FailPoint> {
    static POINT: OnceLock<Option<FailPoint>> = OnceLock::new();
    POINT.get_or_init(|| parse(&read("SENDOFF_FAILPOINT")?)).as_ref()
}

/// Parses `name:passage`.
fn parse(text: &str) -> Option<FailPoint> {
    let (name, passage) = text.split_once(':')?;
    let passages_left = passage.parse().ok().filter(|passage| *passage > 0)?;
    Some(FailPoint { name: name.to_owned(), passages_left: AtomicU32::new(passages_left) })
}

#[expect(clippy::disallowed_methods, reason = "called from every module, never shipped: no command line carries it")]
fn read(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fail_point_is_parsed_with_its_passage() {
        let point = parse("after-mark:17").expect("a fail point");

        assert_eq!((point.name.as_str(), point.passages_left.into_inner()), ("after-mark", 17));
        for bad in ["after-mark", "after-mark:", "after-mark:0", "after-mark:x"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_injected_bug_stays_in_its_thread() {
        inject(Some(Bug::DropResult));
        let elsewhere = std::thread::spawn(|| has_bug(Bug::DropResult)).join().expect("the thread ends");

        assert_eq!((has_bug(Bug::DropResult), elsewhere), (cfg!(debug_assertions), false));
        inject(None);
        assert!(!has_bug(Bug::DropResult));
    }
}
