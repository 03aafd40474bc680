//! Throttle: spaces messages evenly, so that the messages that a limit allows are not sent in one burst.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Gives out slots at an even rate to all its users.
#[derive(Default)]
pub struct Throttle {
    next: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Waits for the next slot, with `rate` slots per second; `None` does not wait. The rate may differ between calls.
    pub async fn wait(&self, rate: Option<f64>) {
        let Some(rate) = rate.filter(|rate| *rate > 0.0) else { return };
        let slot = {
            let mut next = self.next.lock().await;
            let now = Instant::now();
            let slot = next.map_or(now, |next| next.max(now));
            *next = Some(slot + Duration::from_secs_f64(1.0 / rate));
            slot
        };
        sleep_until(slot).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_slots_at_five_per_second_take_two_seconds() {
        let throttle = Throttle::default();
        let began = Instant::now();

        for _ in 0..=10 {
            throttle.wait(Some(5.0)).await;
        }

        assert_eq!(began.elapsed().as_millis() / 10, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn without_rate_does_not_wait() {
        let throttle = Throttle::default();
        let began = Instant::now();

        throttle.wait(None).await;
        throttle.wait(Some(1.0)).await;

        assert!(began.elapsed().is_zero());
    }
}
