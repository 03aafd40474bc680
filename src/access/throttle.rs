//! Throttle of sign-ins, in memory: how often clients that nobody knows may fail for one account, and from one network address.
//! An account that does not exist is counted like any other. A client that once signed in is not counted here
//! (`known_client`), so that nobody can lock another out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use crate::infra::clock::Millis;
use crate::infra::id::Id;

/// How long attempts are counted.
const WINDOW: Millis = 15 * 60 * 1_000;
/// Failures in a window: of all unknown clients for one account, and of one address for all accounts.
const FOR_ACCOUNT: u32 = 10;
const FROM_ADDRESS: u32 = 50;
/// Counters from which on old ones are removed, and how many there are at most.
const MANY: usize = 10_000;
const MOST: usize = 100_000;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// Sign-ins to the account of an address in canonical form.
    Account(String),
    /// Sign-ins from a network address.
    Address(IpAddr),
    /// Passwords typed by somebody who is signed in as this user.
    User(Id),
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    since: Millis,
    attempts: u32,
}

/// The counters of a process.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<Key, Counter>>);

/// An attempt that was counted as a failure before it was made.
#[derive(Debug)]
#[must_use = "an attempt that succeeds is taken back"]
pub struct CountedAttempt(Vec<Key>);

impl Throttle {
    /// Counts a sign-in by an unknown client. The error is the time in ms after which it may try again.
    pub fn begin(&self, now: Millis, account: &str, address: Option<IpAddr>) -> Result<CountedAttempt, Millis> {
        let address = address.map(|address| (Key::Address(network(address)), FROM_ADDRESS));
        self.count(
            now,
            [Some((Key::Account(account.to_owned()), FOR_ACCOUNT)), address].into_iter().flatten().collect(),
        )
    }

    /// Counts a password typed by somebody who is signed in.
    pub fn begin_of_user(&self, now: Millis, user: Id) -> Result<CountedAttempt, Millis> {
        self.count(now, vec![(Key::User(user), FOR_ACCOUNT)])
    }

    /// Takes a counted attempt back, because it succeeded.
    pub fn succeed(&self, attempt: CountedAttempt) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in attempt.0 {
            if let Some(counter) = counters.get_mut(&key) {
                counter.attempts = counter.attempts.saturating_sub(1);
            }
        }
    }

    fn count(&self, now: Millis, keys: Vec<(Key, u32)>) -> Result<CountedAttempt, Millis> {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() > MANY {
            counters.retain(|_, counter| now < counter.since + WINDOW);
            if counters.len() > MOST {
                counters.clear();
            }
        }
        let is_old = |counter: &Counter| now >= counter.since + WINDOW || now < counter.since;
        for (key, limit) in &keys {
            if let Some(counter) = counters.get(key)
                && counter.attempts >= *limit
                && !is_old(counter)
            {
                return Err(counter.since + WINDOW - now);
            }
        }
        for (key, _) in &keys {
            let counter = counters.entry(key.clone()).or_insert(Counter { since: now, attempts: 0 });
            if is_old(counter) {
                *counter = Counter { since: now, attempts: 0 };
            }
            counter.attempts += 1;
        }
        Ok(CountedAttempt(keys.into_iter().map(|(key, _)| key).collect()))
    }
}

/// The network of an address: one customer has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_255_200_000;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect(text))
    }

    #[test]
    fn account_is_closed_to_unknown_clients_for_a_while() {
        let throttle = Throttle::default();
        for index in 0..FOR_ACCOUNT {
            let from = address(&format!("192.0.2.{index}"));
            assert!(throttle.begin(NOW + Millis::from(index), "anna@example.org", from).is_ok());
        }

        let refused = throttle.begin(NOW + 60_000, "anna@example.org", address("192.0.2.200"));
        assert_eq!(refused.err(), Some(WINDOW - 60_000));
        assert!(throttle.begin(NOW + 60_000, "boris@example.org", address("192.0.2.1")).is_ok(), "another account");
        assert!(throttle.begin(NOW + WINDOW, "anna@example.org", address("192.0.2.1")).is_ok(), "later");
    }

    #[test]
    fn address_is_refused_whatever_the_account() {
        let throttle = Throttle::default();
        for index in 0..FROM_ADDRESS {
            let from = address(&format!("2001:db8::{index:x}"));
            assert!(throttle.begin(NOW, &format!("{index}@example.org"), from).is_ok());
        }

        assert!(throttle.begin(NOW, "anna@example.org", address("2001:db8::ffff")).is_err(), "the same /64");
        assert!(throttle.begin(NOW, "anna@example.org", address("2001:db8:0:1::1")).is_ok());
        assert!(throttle.begin(NOW, "anna@example.org", None).is_ok());
    }

    #[test]
    fn attempts_that_succeed_are_not_counted() {
        let throttle = Throttle::default();
        for _ in 0..100 {
            let attempt = throttle.begin(NOW, "anna@example.org", address("192.0.2.1")).expect("not refused");
            throttle.succeed(attempt);
            let attempt = throttle.begin_of_user(NOW, 7).expect("not refused");
            throttle.succeed(attempt);
        }
        for _ in 0..FOR_ACCOUNT {
            assert!(throttle.begin_of_user(NOW, 7).is_ok());
        }
        assert!(throttle.begin_of_user(NOW, 7).is_err());
    }
}
