//! Time is an argument: everything that asks for the hour gets a [`Clock`], so that a test can
//! schedule, wait three days and click within milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC, as every time in the database is kept.
pub type Millis = i64;

/// One day in milliseconds.
pub const DAY: Millis = 86_400_000;

/// A clock that follows another is set right from this distance on; below it the way to the database
/// and back matters more.
const TOLERANCE: Millis = 1_000;

/// Tells the time: the system's, or a test's own.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    fixed: Option<Arc<AtomicI64>>,
    /// What the clock that several machines go by shows more than [`Clock::uptime`]; 0 while none is
    /// followed. The system's clock may jump meanwhile, this one does not.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// The wall clock of the machine.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `now` until [`Clock::advance`] moves it.
    pub fn fixed(now: Millis) -> Self {
        Self { fixed: Some(Arc::new(AtomicI64::new(now))), ..Self::default() }
    }

    /// Moves a fixed clock; the system's clock is left alone.
    pub fn advance(&self, by: Millis) {
        if let Some(now) = &self.fixed {
            now.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// From here on goes by a clock that shows `now` at this moment: machines that share a database
    /// must agree on what is due. Returns by how much this one was wrong, in ms, when that is new.
    pub fn synchronize(&self, now: Millis) -> Option<Millis> {
        let wrong = now - self.now();
        let is_new = wrong.abs() >= TOLERANCE;
        if self.fixed.is_some() || !is_new && self.ahead.load(Ordering::SeqCst) != 0 {
            return None;
        }
        self.ahead.store(now - Self::uptime(), Ordering::SeqCst);
        is_new.then_some(wrong)
    }

    /// Milliseconds since 1970 UTC.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
    pub fn now(&self) -> Millis {
        if let Some(now) = &self.fixed {
            return now.load(Ordering::SeqCst);
        }
        match self.ahead.load(Ordering::SeqCst) {
            0 => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            ahead => Self::uptime().saturating_add(ahead),
        }
    }

    /// Milliseconds since the machine started, with the time it slept. It never jumps.
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

    /// Days since 1970 UTC: the finest time that a tombstone keeps.
    pub fn today(&self) -> i64 {
        self.now() / DAY
    }
}

/// A moment as the clock on the wall shows it here: the day only where it is another one.
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
    fn machines_that_share_a_clock_agree_on_the_hour() {
        let (here, same) = (Clock::system(), Clock::system());
        let copy = here.clone();
        let hour = same.now() + 3_600_000;

        assert!(here.synchronize(hour).is_some_and(|wrong| (3_599_000..=3_600_000).contains(&wrong)));
        assert!((copy.now() - hour).abs() < TOLERANCE);
        assert_eq!(here.synchronize(copy.now()), None);
        assert_eq!(Clock::fixed(5).synchronize(hour), None);
    }
}
