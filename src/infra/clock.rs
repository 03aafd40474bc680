//! The clock, passed as an argument: all code that needs the time takes a [`Clock`], so that a test can
//! schedule, let three days pass and click within milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC, the unit of every time in the database.
pub type Millis = i64;

/// One day in milliseconds.
pub const DAY: Millis = 86_400_000;

/// Differences to the database's clock below this are ignored: the round trip of the query is less exact.
const TOLERANCE: Millis = 1_000;

/// The system's time, the database's time, or a fixed time for tests.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    fixed: Option<Arc<AtomicI64>>,
    /// Offset of the shared clock from [`Clock::uptime`], in ms; 0 when not synchronised. Unlike the system's
    /// clock, the uptime never jumps.
    offset: Arc<AtomicI64>,
}

impl Clock {
    /// The wall clock of the machine.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock for tests that shows `now` until [`Clock::advance`] moves it.
    pub fn fixed(now: Millis) -> Self {
        Self { fixed: Some(Arc::new(AtomicI64::new(now))), ..Self::default() }
    }

    /// Moves a fixed clock forward by `by` ms; does nothing to the system's clock.
    pub fn advance(&self, by: Millis) {
        if let Some(now) = &self.fixed {
            now.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// Synchronises with a clock that shows `now` at this moment: machines that share a database must agree on
    /// what is due. Returns the error of this clock in ms if it was 1 s or more.
    pub fn synchronize(&self, now: Millis) -> Option<Millis> {
        let wrong = now - self.now();
        let is_new = wrong.abs() >= TOLERANCE;
        if self.fixed.is_some() || !is_new && self.offset.load(Ordering::SeqCst) != 0 {
            return None;
        }
        self.offset.store(now - Self::uptime(), Ordering::SeqCst);
        is_new.then_some(wrong)
    }

    /// Milliseconds since 1970 UTC.
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system's clock")]
    pub fn now(&self) -> Millis {
        if let Some(now) = &self.fixed {
            return now.load(Ordering::SeqCst);
        }
        match self.offset.load(Ordering::SeqCst) {
            0 => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            offset => Self::uptime().saturating_add(offset),
        }
    }

    /// Milliseconds since the machine started, including suspend (`CLOCK_BOOTTIME`). It never jumps.
    pub fn uptime() -> Millis {
        #[cfg(target_os = "linux")]
        {
            let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
            up.tv_sec * 1_000 + up.tv_nsec / 1_000_000
        }
        #[cfg(not(target_os = "linux"))]
        {
            static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
            let began = BEGAN.get_or_init(std::time::Instant::now);
            i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)
        }
    }

    /// Days since 1970-01-01 UTC, the resolution of times in tombstones.
    pub fn today(&self) -> i64 {
        self.now() / DAY
    }
}

/// Formats a time in the system's time zone, with the date only when it is not today.
pub fn format_local(at: Millis, now: Millis) -> String {
    let zoned = |at| jiff::Timestamp::from_millisecond(at).map(|at| at.to_zoned(jiff::tz::TimeZone::system()));
    let (Ok(at), Ok(now)) = (zoned(at), zoned(now)) else { return String::new() };
    let form = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
    at.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synchronized_clock_shows_the_shared_time() {
        let (here, same) = (Clock::system(), Clock::system());
        let copy = here.clone();
        let hour = same.now() + 3_600_000;

        assert!(here.synchronize(hour).is_some_and(|wrong| (3_599_000..=3_600_000).contains(&wrong)));
        assert!((copy.now() - hour).abs() < TOLERANCE);
        assert_eq!(here.synchronize(copy.now()), None);
        assert_eq!(Clock::fixed(5).synchronize(hour), None);
    }
}
