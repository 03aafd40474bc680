//! When to try again (RFC 5321 §4.5.4.1): twice within the first hour by default, then at growing
//! distances, and not for more than five days.

use crate::infra::clock::{DAY, Millis};

/// After this long a delivery that is still put off is given up.
pub const GIVE_UP: Millis = 5 * DAY;

const LONGEST: Millis = 6 * 3_600_000;

/// How long to wait after `attempts` tries (1 = after the first), beginning at `base`, or `None`
/// when it is time to give up.
pub fn delay(base: Millis, attempts: i32) -> Option<Millis> {
    let step = |n: i32| base.saturating_mul(1 << n.clamp(0, 20)).min(LONGEST.max(base));
    let waited: Millis = (0..attempts - 1).map(step).fold(0, Millis::saturating_add);
    (waited < GIVE_UP).then(|| step(attempts - 1))
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
        assert_eq!(delay(15 * MINUTE, 9), Some(LONGEST));

        let tries = (1..1_000).take_while(|n| delay(15 * MINUTE, *n).is_some()).count() as i32;
        let total: Millis = (1..=tries).filter_map(|n| delay(15 * MINUTE, n)).sum();
        assert!((GIVE_UP..GIVE_UP + 2 * LONGEST).contains(&total), "{tries} tries over {total} ms");
    }

    #[test]
    fn two_tries_fall_into_the_first_hour() {
        let second = delay(15 * MINUTE, 1).expect("a delay");
        let third = second + delay(15 * MINUTE, 2).expect("a delay");

        assert!(third <= 60 * MINUTE);
    }
}
