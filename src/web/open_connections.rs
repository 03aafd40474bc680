//! The open connections of a listener: at most so many in all and from each peer. A new connection takes the place of
//! the one that has been idle longest.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How many connections may be open at a time.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// In all.
    pub total: usize,
    /// From one IPv4 address or one IPv6 network of 64 bits.
    pub per_peer: usize,
    /// Whether the cap of a peer holds for loopback too, where a reverse proxy brings everyone's requests.
    pub limit_loopback: bool,
}

/// The open connections of a listener. Clones share them.
#[derive(Debug, Clone)]
pub struct OpenConnections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    caps: Caps,
    open: Mutex<HashMap<u64, Arc<Connection>>>,
    /// Orders connections by their last request.
    sequence: AtomicU64,
    ended: Notify,
}

#[derive(Debug)]
struct Connection {
    peer: IpAddr,
    is_busy: AtomicBool,
    last_active: AtomicU64,
    close: Notify,
}

/// A connection among the open ones until it is dropped.
#[derive(Debug)]
pub struct Slot {
    all: OpenConnections,
    id: u64,
    connection: Arc<Connection>,
}

/// Marks a connection as answering a request until it is dropped.
#[derive(Debug)]
pub struct Busy {
    all: OpenConnections,
    connection: Arc<Connection>,
}

impl OpenConnections {
    /// No connection yet.
    pub fn new(caps: Caps) -> Self {
        let (open, ended) = (Mutex::default(), Notify::new());
        Self(Arc::new(Shared { caps, open, sequence: AtomicU64::new(1), ended }))
    }

    /// Makes room for a connection of this peer. While every connection is answering a request it waits; `None` when
    /// the peer alone has as many as it may.
    pub async fn admit(&self, peer: IpAddr) -> Option<Slot> {
        let peer = network(peer);
        loop {
            let ended = self.0.ended.notified();
            match self.try_admit(peer) {
                Admission::Admitted(slot) => return Some(slot),
                Admission::Refused => return None,
                Admission::Full => ended.await,
            }
        }
    }

    fn try_admit(&self, peer: IpAddr) -> Admission {
        let caps = &self.0.caps;
        let mut open = self.lock();
        let is_capped = caps.limit_loopback || !peer.is_loopback();
        if is_capped
            && open.values().filter(|one| one.peer == peer).count() >= caps.per_peer
            && !close_longest_idle(&mut open, |one| one.peer == peer)
        {
            return Admission::Refused;
        }
        if open.len() >= caps.total && !close_longest_idle(&mut open, |_| true) {
            return Admission::Full;
        }
        let id = self.next();
        let connection = Arc::new(Connection {
            peer,
            is_busy: AtomicBool::new(false),
            last_active: AtomicU64::new(id),
            close: Notify::new(),
        });
        open.insert(id, connection.clone());
        Admission::Admitted(Slot { all: self.clone(), id, connection })
    }

    /// Closes the connection that has been idle longest, for example when the process has no file left.
    pub fn close_one_idle(&self) -> bool {
        close_longest_idle(&mut self.lock(), |_| true)
    }

    /// Waits until no connection is open.
    pub async fn all_ended(&self) {
        loop {
            let ended = self.0.ended.notified();
            if self.lock().is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn next(&self) -> u64 {
        self.0.sequence.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Admission {
    Admitted(Slot),
    Full,
    Refused,
}

impl Slot {
    /// Marks the connection as answering a request.
    pub fn busy(&self) -> Busy {
        self.connection.is_busy.store(true, Ordering::Relaxed);
        Busy { all: self.all.clone(), connection: self.connection.clone() }
    }

    /// Waits until the connection has to make room for another.
    pub async fn closed(&self) {
        self.connection.close.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
        self.all.0.ended.notify_waiters();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.connection.last_active.store(self.all.next(), Ordering::Relaxed);
        self.connection.is_busy.store(false, Ordering::Relaxed);
        self.all.0.ended.notify_waiters();
    }
}

fn close_longest_idle(open: &mut HashMap<u64, Arc<Connection>>, which: impl Fn(&Connection) -> bool) -> bool {
    let idle = open.iter().filter(|(_, one)| which(one) && !one.is_busy.load(Ordering::Relaxed));
    let Some(id) = idle.min_by_key(|(_, one)| one.last_active.load(Ordering::Relaxed)).map(|(id, _)| *id) else {
        return false;
    };
    if let Some(connection) = open.remove(&id) {
        connection.close.notify_one();
    }
    true
}

/// A whole network of 64 bits belongs to one user of IPv6.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps { total: 3, per_peer: 2, limit_loopback: false };

    fn peer(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn is_closed(slot: &Slot) -> bool {
        !slot.all.lock().contains_key(&slot.id)
    }

    #[tokio::test]
    async fn the_longest_idle_connection_makes_room() {
        let all = OpenConnections::new(CAPS);
        let first = all.admit(peer("192.0.2.1")).await.expect("room");
        let second = all.admit(peer("192.0.2.2")).await.expect("room");
        let third = all.admit(peer("192.0.2.3")).await.expect("room");
        drop(first.busy());

        let fourth = all.admit(peer("192.0.2.4")).await.expect("room");

        assert_eq!([&first, &second, &third, &fourth].map(is_closed), [false, true, false, false]);
        second.closed().await;
    }

    #[tokio::test]
    async fn a_peer_with_busy_connections_is_refused_and_others_are_not() {
        let all = OpenConnections::new(CAPS);
        let first = all.admit(peer("2001:db8::1")).await.expect("room");
        let second = all.admit(peer("2001:db8::2")).await.expect("room");
        let _busy = (first.busy(), second.busy());

        assert!(all.admit(peer("2001:db8::3")).await.is_none(), "the same network of 64 bits");
        assert!(all.admit(peer("2001:db8:0:1::1")).await.is_some());
        let local = [all.admit(peer("127.0.0.1")).await, all.admit(peer("::1")).await];
        assert!(local.iter().all(Option::is_some), "a reverse proxy has no cap of its own");
    }

    #[tokio::test]
    async fn a_new_connection_waits_while_all_are_busy() {
        let all = OpenConnections::new(CAPS);
        let mut slots = Vec::new();
        for last in 1..=3 {
            slots.push(all.admit(IpAddr::from([192, 0, 2, last])).await.expect("room"));
        }
        let busy: Vec<_> = slots.iter().map(Slot::busy).collect();
        let waiting = tokio::spawn({
            let all = all.clone();
            async move { all.admit(peer("192.0.2.9")).await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());

        drop(busy);
        assert!(waiting.await.expect("no panic"));
        drop(slots);
        all.all_ended().await;
    }
}
