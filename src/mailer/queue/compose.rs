//! Composes the messages of one campaign: inline when that is cheap, on a bounded pool of threads when it is not.
//!
//! A connection loop that composes for longer than [`INLINE_LIMIT`] delays the other connections of its thread. The
//! cost of the first messages decides for the whole campaign, so that cheap campaigns never pay for a change of
//! threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::audience::address::Address;
use crate::campaign::composer::Composer;
use crate::campaign::delivery::Marked;
use crate::infra::error::Message;
use crate::infra::failpoint::{self, Bug};
use crate::infra::panic::{self, PanicCounter};

/// The longest time that composing one message may take on the thread of a connection.
pub const INLINE_LIMIT: Duration = Duration::from_micros(100);

/// Messages that are measured. The fastest of them counts: the others may have been interrupted.
const MEASURED_MESSAGES: u64 = 8;

/// Threads that compose messages: one per CPU, shared by the connections of a mailer.
#[derive(Debug, Clone)]
pub struct ComposePool {
    threads: Arc<Semaphore>,
    panics: PanicCounter,
}

impl Default for ComposePool {
    fn default() -> Self {
        Self::new(PanicCounter::default())
    }
}

impl ComposePool {
    /// A pool that counts its panics there.
    pub fn new(panics: PanicCounter) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { threads: Arc::new(Semaphore::new(threads)), panics }
    }
}

/// The composer of a campaign and the way its messages are composed.
pub struct CampaignComposer {
    composer: Arc<Composer>,
    pool: ComposePool,
    cost: CostMeter,
}

/// The cost of the first messages of a campaign.
struct CostMeter {
    measured: AtomicU64,
    /// The cost of the fastest message, in ns.
    lowest: AtomicU64,
}

impl CostMeter {
    fn new() -> Self {
        Self { measured: AtomicU64::new(0), lowest: AtomicU64::new(u64::MAX) }
    }

    /// A meter whose decision is made.
    fn decided(expensive: bool) -> Self {
        let lowest = AtomicU64::new(if expensive { u64::MAX } else { 0 });
        Self { measured: AtomicU64::new(MEASURED_MESSAGES), lowest }
    }

    fn is_decided(&self) -> bool {
        self.measured.load(Ordering::Relaxed) >= MEASURED_MESSAGES
    }

    fn is_expensive(&self) -> bool {
        self.is_decided() && u128::from(self.lowest.load(Ordering::Relaxed)) > INLINE_LIMIT.as_nanos()
    }

    fn record(&self, cost: Duration) {
        self.lowest.fetch_min(u64::try_from(cost.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.measured.fetch_add(1, Ordering::Relaxed);
    }
}

impl CampaignComposer {
    /// A composer whose cost is still to be measured.
    pub fn new(composer: Composer, pool: ComposePool) -> Self {
        Self { composer: Arc::new(composer), pool, cost: CostMeter::new() }
    }

    /// A composer that always, or never, uses the pool.
    pub fn fixed(composer: Composer, pool: ComposePool, pooled: bool) -> Self {
        Self { composer: Arc::new(composer), pool, cost: CostMeter::decided(pooled) }
    }

    /// The composer itself.
    pub fn composer(&self) -> &Composer {
        &self.composer
    }

    /// True when messages are composed on the pool.
    pub fn uses_pool(&self) -> bool {
        self.cost.is_expensive()
    }

    /// Composes the message of a delivery in `buffer`, ready to be sent: dot-stuffed, with its final dot. The error is
    /// the reason why no message can be made; a panic is one.
    pub async fn compose(&self, marked: &Marked, to: &Address, buffer: Vec<u8>) -> Result<Vec<u8>, Message> {
        if self.cost.is_expensive() {
            return self.compose_on_pool(marked, to, buffer).await;
        }
        if self.cost.is_decided() {
            return self.counted(compose(&self.composer, marked, to, buffer));
        }
        let began = Instant::now();
        let message = compose(&self.composer, marked, to, buffer);
        self.cost.record(began.elapsed());
        self.counted(message)
    }

    /// Counts a message that was not made because of a panic.
    fn counted(&self, message: Result<Vec<u8>, Message>) -> Result<Vec<u8>, Message> {
        if message.as_ref().is_err_and(|reason| reason.key == PANICKED) {
            self.pool.panics.record("composer");
        }
        message
    }

    async fn compose_on_pool(&self, marked: &Marked, to: &Address, buffer: Vec<u8>) -> Result<Vec<u8>, Message> {
        let permit = self.pool.threads.clone().acquire_owned().await;
        let (composer, marked, to) = (self.composer.clone(), marked.clone(), to.clone());
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            compose(&composer, &marked, &to, buffer)
        });
        match task.await {
            Ok(message) => self.counted(message),
            // The runtime is shutting down; this task goes with it.
            Err(_) => std::future::pending().await,
        }
    }
}

/// The reason of a delivery whose message could not be made because of a bug.
pub const PANICKED: &str = "skipped-panic";

/// The buffer is lost with a panic.
fn compose(composer: &Composer, marked: &Marked, to: &Address, mut buffer: Vec<u8>) -> Result<Vec<u8>, Message> {
    let work = || {
        failpoint::panic_if(Bug::PanicInComposer, to.local());
        composer.compose(&marked.recipient, to, marked.date, &mut buffer)?;
        buffer.extend_from_slice(b".\r\n");
        Ok(buffer)
    };
    panic::catch(work).unwrap_or_else(|_| Err(Message::new(PANICKED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_expensive(costs: impl IntoIterator<Item = u64>) -> bool {
        let meter = CostMeter::new();
        for cost in costs {
            meter.record(Duration::from_micros(cost));
        }
        meter.is_expensive()
    }

    #[test]
    fn fastest_of_the_first_messages_decides() {
        let count = MEASURED_MESSAGES as usize;

        assert!(is_expensive(vec![500; count]));
        assert!(!is_expensive(vec![500; count - 1]), "not decided yet");
        assert!(!is_expensive([vec![500; count - 1], vec![20]].concat()), "one message was not interrupted");
        assert!(!is_expensive(vec![20; count]));
    }
}
