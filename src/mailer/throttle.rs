//! How fast messages may leave: one slot after another, `rate` a second, shared by all connections
//! of a relay.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Hands out slots at an even pace.
pub struct Throttle {
    gap: Option<Duration>,
    next: Mutex<Instant>,
}

impl Throttle {
    /// At most `rate` slots a second; `None` means as fast as the relay takes them.
    pub fn new(rate: Option<f64>) -> Self {
        let gap = rate.filter(|rate| *rate > 0.0).map(|rate| Duration::from_secs_f64(1.0 / rate));
        Self { gap, next: Mutex::new(Instant::now()) }
    }

    /// Waits for the next slot.
    pub async fn pass(&self) {
        let Some(gap) = self.gap else { return };
        let slot = {
            let mut next = self.next.lock().await;
            let slot = (*next).max(Instant::now());
            *next = slot + gap;
            slot
        };
        sleep_until(slot).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_slots_at_five_a_second_take_two_seconds() {
        let throttle = Throttle::new(Some(5.0));
        let began = Instant::now();

        for _ in 0..=10 {
            throttle.pass().await;
        }

        assert_eq!(began.elapsed().as_millis() / 10, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nothing_waits() {
        let throttle = Throttle::new(None);
        let began = Instant::now();

        throttle.pass().await;

        assert!(began.elapsed().is_zero());
    }
}
