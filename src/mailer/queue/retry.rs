//! Retry schedule (RFC 5321 §4.5.4.1): two retries within the first hour by default, then growing delays, for five
//! days at most.

use crate::infra::clock::{DAY, Millis};

/// How long a deferred delivery is retried, in ms.
pub const MAX_AGE: Millis = 5 * DAY;

/// The longest delay between two attempts, in ms.
const MAX_DELAY: Millis = 6 * 3_600_000;

/// The delay after `attempts` attempts (1 = after the first), in ms, starting with `base`; `None` when the delivery is
/// given up.
pub fn delay(base: Millis, attempts: i32) -> Option<Millis> {
    // A number of attempts that only a corrupt row has.
    let attempts = attempts.min(100_000);
    let step = |n: i32| base.saturating_mul(1 << n.clamp(0, 20)).min(MAX_DELAY.max(base));
    let waited: Millis = (0..attempts - 1).map(step).fold(0, Millis::saturating_add);
    (waited < MAX_AGE).then(|| step(attempts - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = 60_000;

    #[test]
    fn delays_grow_and_end_after_five_days() {
        assert_eq!(delay(15 * MINUTE, 1), Some(15 * MINUTE));
        assert_eq!(delay(15 * MINUTE, 2), Some(30 * MINUTE));
        assert_eq!(delay(15 * MINUTE, 3), Some(60 * MINUTE));
        assert_eq!(delay(15 * MINUTE, 9), Some(MAX_DELAY));
        assert_eq!((delay(15 * MINUTE, i32::MAX), delay(15 * MINUTE, i32::MIN + 1)), (None, Some(15 * MINUTE)));

        let attempts = (1..1_000).take_while(|n| delay(15 * MINUTE, *n).is_some()).count() as i32;
        let total: Millis = (1..=attempts).filter_map(|n| delay(15 * MINUTE, n)).sum();
        assert!((MAX_AGE..MAX_AGE + 2 * MAX_DELAY).contains(&total), "{attempts} attempts over {total} ms");
    }

    #[test]
    fn two_retries_happen_in_the_first_hour() {
        let second = delay(15 * MINUTE, 1).expect("a delay");
        let third = second + delay(15 * MINUTE, 2).expect("a delay");

        assert!(third <= 60 * MINUTE);
    }
}
