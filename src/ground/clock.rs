//! Time is an argument: everything that asks for the hour gets a [`Clock`], so that a test can
//! schedule, wait three days and click within milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC, as every time in the database is kept.
pub type Millis = i64;

/// One day in milliseconds.
pub const DAY: Millis = 86_400_000;

/// Tells the time: the system's, or a test's own.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The wall clock of the machine.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `now` until [`Clock::advance`] moves it.
    pub fn fixed(now: Millis) -> Self {
        Self(Some(Arc::new(AtomicI64::new(now))))
    }

    /// Moves a fixed clock; the system's clock is left alone.
    pub fn advance(&self, by: Millis) {
        if let Some(now) = &self.0 {
            now.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// Milliseconds since 1970 UTC.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
    pub fn now(&self) -> Millis {
        match &self.0 {
            Some(now) => now.load(Ordering::SeqCst),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// Days since 1970 UTC: the finest time that a tombstone keeps.
    pub fn today(&self) -> i64 {
        self.now() / DAY
    }
}

/// A moment as the clock on the wall shows it here: the day only where it is another one.
pub fn local(at: Millis, now: Millis) -> String {
    let zoned = |at| jiff::Timestamp::from_millisecond(at).map(|at| at.to_zoned(jiff::tz::TimeZone::system()));
    let (Ok(at), Ok(now)) = (zoned(at), zoned(now)) else { return String::new() };
    let form = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
    at.strftime(form).to_string()
}
