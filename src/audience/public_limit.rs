//! Table `public_limit`: how often something may be done on public pages within a period, counted in the database so that several
//! processes share it. What is counted (an address, a network, a form) stands there as a keyed digest.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::hex;
use crate::infra::secret::Keyring;

/// A count higher than any limit.
const BLOCKED: i64 = 1_000_000_000;

/// The key of what is counted.
pub fn key(keys: &Keyring, scope: &str, parts: &[&[u8]]) -> String {
    let all: Vec<&[u8]> = [b"public limit".as_slice(), scope.as_bytes()].iter().chain(parts).copied().collect();
    hex::encode(&keys.tombstone.mac(&all))
}

/// The network of an address: /24 of IPv4, /64 of IPv6. Unknown addresses count as one network.
pub fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(v4)) => Ipv4Addr::from_bits(v4.to_bits() >> 8 << 8).to_string(),
        Some(IpAddr::V6(v6)) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).to_string(),
        None => "unknown".to_owned(),
    }
}

/// Counts one more under a key, in a period that begins with the first and is `length` long. Returns whether it is within the
/// limit.
pub async fn take(conn: &mut Conn, key: &str, limit: i64, length: Millis, now: Millis) -> Result<bool> {
    add(conn, key, 1, limit, length, now).await
}

/// [`take`], or the same statement that counts nothing.
pub async fn take_if(
    is_counted: bool,
    conn: &mut Conn,
    key: &str,
    limit: i64,
    length: Millis,
    now: Millis,
) -> Result<bool> {
    Ok(add(conn, key, i64::from(is_counted), limit, length, now).await? && is_counted)
}

async fn add(conn: &mut Conn, key: &str, one: i64, limit: i64, length: Millis, now: Millis) -> Result<bool> {
    let query = Query::new(
        "insert into public_limit (key, count, ends_at)
         values (:key, :one, :ends_at)
             on conflict (key) do update
            set count = case when public_limit.ends_at <= :now then :one else public_limit.count + :one end,
                ends_at = case when public_limit.ends_at <= :now then excluded.ends_at else public_limit.ends_at end
         returning count",
    );
    let query = query.bind("one", one);
    let row = query.bind("key", key).bind("ends_at", now + length).bind("now", now).fetch_optional(conn).await?;
    Ok(row.map_or(Ok(0), |row| row.cell::<i64>(0))? <= limit)
}

/// Lets nothing more through under a key for this long.
pub async fn block(conn: &mut Conn, key: &str, length: Millis, now: Millis) -> Result<()> {
    let query = Query::new(
        "insert into public_limit (key, count, ends_at)
         values (:key, :blocked, :ends_at)
             on conflict (key) do update set count = excluded.count, ends_at = excluded.ends_at",
    );
    query.bind("key", key).bind("blocked", BLOCKED).bind("ends_at", now + length).execute(conn).await.map(drop)
}

/// Deletes counts whose period is over. Returns their number.
pub async fn expire(conn: &mut Conn, now: Millis) -> Result<u64> {
    Query::new("delete from public_limit where ends_at <= :now").bind("now", now).execute(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_a_24_or_a_64() {
        let of = |text: &str| network(Some(text.parse().expect(text)));
        assert_eq!(of("192.0.2.77"), of("192.0.2.1"));
        assert_eq!(of("::ffff:192.0.2.77"), "192.0.2.0");
        assert_ne!(of("192.0.2.77"), of("192.0.3.77"));
        assert_eq!(of("2001:db8:0:1:2:3:4:5"), of("2001:db8:0:1::9"));
        assert_ne!(of("2001:db8:0:1::9"), of("2001:db8:0:2::9"));
        assert_eq!(network(None), "unknown");
    }
}
