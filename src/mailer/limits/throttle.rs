//! How fast messages may leave: one slot after another, so that what a limit allows does not leave
//! in one burst.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Hands out slots at an even pace, shared by all who ask.
#[derive(Default)]
pub struct Throttle {
    next: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Waits for the next slot, `rate` of them a second; `None` means at once. The rate may be
    /// another one each time.
    pub async fn pass(&self, rate: Option<f64>) {
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
    async fn ten_slots_at_five_a_second_take_two_seconds() {
        let throttle = Throttle::default();
        let began = Instant::now();

        for _ in 0..=10 {
            throttle.pass(Some(5.0)).await;
        }

        assert_eq!(began.elapsed().as_millis() / 10, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nothing_waits() {
        let throttle = Throttle::default();
        let began = Instant::now();

        throttle.pass(None).await;
        throttle.pass(Some(1.0)).await;

        assert!(began.elapsed().is_zero());
    }
}
