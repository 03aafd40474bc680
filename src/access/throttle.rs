//! Table `sign_in_attempt`: throttle of sign-ins. It counts how often clients that nobody knows may fail for one account, and from
//! one network address, for all processes together. An account that does not exist is counted like any other. A client that
//! once signed in is not counted here (`known_client`), so that nobody can lock another out. What is counted stands there as a
//! keyed digest, and goes a quarter of an hour after it began.

use std::net::{IpAddr, Ipv6Addr};

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// How long attempts are counted.
pub const WINDOW: Millis = 15 * 60 * 1_000;
/// Failures in a window: of all unknown clients for one account, and of one address for all accounts.
const FOR_ACCOUNT: i64 = 10;
const FROM_ADDRESS: i64 = 50;

/// What is counted, and how often it may fail.
struct Key {
    digest: Vec<u8>,
    limit: i64,
}

impl Key {
    fn new(installation: &Installation, kind: &str, value: &[u8], limit: i64) -> Self {
        let parts = [b"sign-in attempt".as_slice(), kind.as_bytes(), value];
        Self { digest: installation.keys.tombstone.mac(&parts).to_vec(), limit }
    }
}

/// An attempt that was counted as a failure before it was made.
#[must_use = "an attempt that succeeds is taken back"]
pub struct CountedAttempt(Vec<Key>);

/// Counts a sign-in by an unknown client to an account. The inner error is the time in ms after which it may try again.
pub async fn begin(
    installation: &Installation,
    account: &str,
    address: Option<IpAddr>,
) -> Result<Result<CountedAttempt, Millis>> {
    let mut keys = vec![Key::new(installation, "account", account.as_bytes(), FOR_ACCOUNT)];
    if let Some(address) = address {
        keys.push(Key::new(installation, "network", network(address).to_string().as_bytes(), FROM_ADDRESS));
    }
    count(installation, keys).await
}

/// Counts a password typed by somebody who is signed in.
pub async fn begin_of_user(installation: &Installation, user: Id) -> Result<Result<CountedAttempt, Millis>> {
    count(installation, vec![Key::new(installation, "user", &user.to_be_bytes(), FOR_ACCOUNT)]).await
}

/// Takes a counted attempt back, because it succeeded.
pub async fn succeed(conn: &mut Conn, attempt: CountedAttempt) -> Result<()> {
    for key in attempt.0 {
        let query =
            Query::new("update sign_in_attempt set attempts = attempts - 1 where digest = :digest and attempts > 0");
        query.bind("digest", key.digest).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Counts an attempt under all keys, or under none when one of them has reached its limit.
async fn count(installation: &Installation, keys: Vec<Key>) -> Result<Result<CountedAttempt, Millis>> {
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    remove_old(&mut tx, now).await?;
    for key in &keys {
        if !add(&mut tx, key, now).await? {
            let since = Query::new("select since from sign_in_attempt where digest = :digest");
            let row = since.bind("digest", key.digest.clone()).fetch_optional(&mut tx).await?;
            let since: Millis = row.map_or(Ok(now), |row| row.cell(0))?;
            return Ok(Err((since + WINDOW - now).max(1)));
        }
    }
    tx.commit().await?;
    Ok(Ok(CountedAttempt(keys)))
}

/// Counts one more in the window, or the first of a new one; false when there were too many.
async fn add(conn: &mut Conn, key: &Key, now: Millis) -> Result<bool> {
    let counted = Query::new(
        "insert into sign_in_attempt (digest, attempts, since)
         values (:digest, 1, :now)
             on conflict (digest) do update
            set attempts = case when sign_in_attempt.since between :begin and :now
                                then sign_in_attempt.attempts + 1 else 1 end,
                since = case when sign_in_attempt.since between :begin and :now
                             then sign_in_attempt.since else :now end
          where sign_in_attempt.attempts < :limit
             or sign_in_attempt.since not between :begin and :now",
    )
    .bind("digest", key.digest.clone())
    .bind("begin", now - WINDOW + 1)
    .bind("now", now)
    .bind("limit", key.limit)
    .execute(conn)
    .await?;
    Ok(counted > 0)
}

/// Deletes what is counted no more. A few at a time, and none that another transaction holds: sign-ins do not wait for each other.
async fn remove_old(conn: &mut Conn, now: Millis) -> Result<()> {
    let query = Query::new(
        "delete from sign_in_attempt
          where digest in (select digest from sign_in_attempt where since <= :end
                            order by since limit 20{for_update_skip_locked})",
    );
    query.bind("end", now - WINDOW).execute(conn).await.map(drop)
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

    #[test]
    fn one_customer_has_a_64() {
        let of = |text: &str| network(text.parse().expect(text)).to_string();

        assert_eq!(of("2001:db8::ffff"), of("2001:db8::1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
