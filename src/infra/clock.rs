//! The clock, passed as an argument: all code that needs the time takes a [`Clock`], so that a test can
//! schedule, let three days pass and click within milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Milliseconds since 1970-01-01 UTC, the unit of every time in the database.
pub type Millis = i64;

/// One day in milliseconds.
pub const DAY: Millis = 86_400_000;

/// Differences to the database's clock below this are ignored: the round trip of the query is less exact.
const TOLERANCE: Millis = 1_000;

/// The system's time, the database's time, or a fixed time for tests.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    source: Source,
    /// Offset of the shared clock from [`Clock::uptime`], in ms; 0 when not synchronised. Unlike the system's
    /// clock, the uptime never jumps.
    offset: Arc<AtomicI64>,
}

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    System,
    /// Stands still until it is advanced.
    Fixed(Arc<AtomicI64>),
    Virtual(Virtual),
}

/// The clocks of one machine in virtual time: they go with tokio's clock, which a test pauses.
#[derive(Debug, Clone)]
struct Virtual {
    began: Instant,
    /// What the wall clock shows more than the time since `began`; all machines share it.
    wall: Arc<AtomicI64>,
    /// What [`Clock::uptime`] of this machine shows more.
    suspended: Arc<AtomicI64>,
}

impl Virtual {
    fn elapsed(&self) -> Millis {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

impl Clock {
    /// The wall clock of the machine.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock for tests that shows `now` until [`Clock::advance`] moves it.
    pub fn fixed(now: Millis) -> Self {
        Self { source: Source::Fixed(Arc::new(AtomicI64::new(now))), ..Self::default() }
    }

    /// A clock that shows `now` and goes on with tokio's clock, which a test pauses and advances.
    pub fn virtual_time(now: Millis) -> Self {
        let (wall, suspended) = (Arc::new(AtomicI64::new(now)), Arc::default());
        Self { source: Source::Virtual(Virtual { began: Instant::now(), wall, suspended }), ..Self::default() }
    }

    /// The clock of another machine in the same virtual time: one wall clock, an uptime of its own.
    pub fn another_machine(&self) -> Self {
        let source = match self.source.clone() {
            Source::Virtual(clock) => Source::Virtual(Virtual { suspended: Arc::default(), ..clock }),
            source => source,
        };
        Self { source, offset: self.offset.clone() }
    }

    /// Sets the wall clock of a test by so much; the system's clock is left alone.
    pub fn advance(&self, by: Millis) {
        match &self.source {
            Source::System => {}
            Source::Fixed(now) => {
                now.fetch_add(by, Ordering::SeqCst);
            }
            Source::Virtual(clock) => {
                clock.wall.fetch_add(by, Ordering::SeqCst);
            }
        }
    }

    /// Moves the uptime of a machine in virtual time, as if it had been suspended for so long.
    pub fn suspend(&self, by: Millis) {
        if let Source::Virtual(clock) = &self.source {
            clock.suspended.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// Synchronises with a clock that shows `now` at this moment: machines that share a database must agree on
    /// what is due. Returns the error of this clock in ms if it was 1 s or more.
    pub fn synchronize(&self, now: Millis) -> Option<Millis> {
        let wrong = now - self.now();
        let is_new = wrong.abs() >= TOLERANCE;
        if !matches!(self.source, Source::System) || !is_new && self.offset.load(Ordering::SeqCst) != 0 {
            return None;
        }
        self.offset.store(now - self.uptime(), Ordering::SeqCst);
        is_new.then_some(wrong)
    }

    /// Milliseconds since 1970 UTC.
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system's clock")]
    pub fn now(&self) -> Millis {
        match &self.source {
            Source::Fixed(now) => return now.load(Ordering::SeqCst),
            Source::Virtual(clock) => return clock.wall.load(Ordering::SeqCst) + clock.elapsed(),
            Source::System => {}
        }
        match self.offset.load(Ordering::SeqCst) {
            0 => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            offset => self.uptime().saturating_add(offset),
        }
    }

    /// Milliseconds since the machine started, including suspend (`CLOCK_BOOTTIME`). It never jumps.
    pub fn uptime(&self) -> Millis {
        if let Source::Virtual(clock) = &self.source {
            return clock.elapsed() + clock.suspended.load(Ordering::SeqCst);
        }
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

    #[tokio::test(start_paused = true)]
    async fn machines_in_virtual_time_share_the_wall_clock_and_not_the_uptime() {
        let here = Clock::virtual_time(1_000_000);
        let there = here.another_machine();
        tokio::time::advance(std::time::Duration::from_secs(5)).await;
        here.suspend(60_000);
        there.advance(-1_000);

        assert_eq!((here.now(), there.now()), (1_004_000, 1_004_000));
        assert_eq!((here.uptime(), there.uptime()), (65_000, 5_000));
    }

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
