//! Send round of one workspace: opens the connections of its relays and feeds them with due deliveries.
//!
//! The round ends when nothing can be sent, when the mailer stops, or when a relay or setting has changed; the next
//! round then starts with the new values.

mod claim;
pub mod feeder;
mod relay_queue;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection;
use super::limits::Limits;
use super::mailer_context::{Mailer, MailerContext};
use super::queue::job::Job;
use super::relay::{self, Relay};
use super::relay_context::RelayContext;
use super::smtp::timeouts::Timeouts;
use crate::infra::clock::Millis;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::setting::{self, Setting};
use feeder::{Feeder, REFRESH_INTERVAL};
use relay_queue::RelayQueue;

/// How long a round that is over waits for messages on the wire before it leaves them to themselves.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Settings and relays of a workspace that stay the same during a round.
#[derive(PartialEq)]
struct RoundSettings {
    relays: Vec<Relay>,
    /// How long a relay may fail before its breaker opens.
    max_failure_time: Duration,
    /// The delay before the first retry, in ms.
    retry_base: Millis,
    /// SMTP time limits, in per cent of the standard ones.
    timeouts_percent: f64,
}

impl RoundSettings {
    async fn load(mailer: &MailerContext, workspace: Id) -> Result<Self> {
        let mut conn = mailer.installation.db.read().await?;
        let seconds = setting::get(&mut conn, Setting::RelayPatience).await?;
        let base: Millis = setting::get(&mut conn, Setting::RetryAfter).await?.parse().unwrap_or(900);
        Ok(Self {
            relays: relay::list(&mailer.installation, &mut conn, workspace).await?,
            max_failure_time: Duration::from_secs(seconds.parse().unwrap_or(30)),
            retry_base: base * 1_000,
            timeouts_percent: setting::get(&mut conn, Setting::SmtpTimers).await?.parse().unwrap_or(100.0),
        })
    }

    fn timeouts(&self) -> Timeouts {
        Timeouts::scaled(self.timeouts_percent / 100.0)
    }
}

/// Sends for one workspace until nothing can be sent.
pub async fn run(mailer: &Mailer, workspace: Id, stop: &watch::Receiver<bool>) -> Result<()> {
    let Mailer { context: mailer, group_commit, draining } = mailer;
    if mailer.running_campaigns(workspace).await?.is_empty() {
        return Ok(());
    }
    let settings = RoundSettings::load(mailer, workspace).await?;
    let installation = &mailer.installation;
    let limits = Arc::new(Limits::open(installation, &mut *installation.db.read().await?, workspace).await?);
    let (end, round_over) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut relays = Vec::with_capacity(settings.relays.len());
    let mut receivers = Vec::with_capacity(settings.relays.len());
    for relay in &settings.relays {
        let (timeouts, retry_base) = (settings.timeouts(), settings.retry_base);
        let context = RelayContext::open(mailer, group_commit, relay, (timeouts, retry_base), limits.clone());
        let context = Arc::new(context.await?);
        context.breaker.configure(settings.max_failure_time, relay.connections);
        let (sender, receiver) = mpsc::channel(queue_length(relay));
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..relay.connections {
            let run = connection::run(context.clone(), receiver.clone(), round_over.clone(), stop.clone());
            connections.spawn(run);
        }
        receivers.push((receiver, context.clone()));
        relays.push(RelayQueue::new(relay.clone(), context, sender));
    }
    let fed = {
        let feeder = Feeder::new(mailer.clone(), workspace, relays, limits.clone(), round_over.clone());
        let feed = pin!(feeder::run(Arc::new(feeder)));
        let round_ends = pin!(until_over(mailer, workspace, &settings, stop.clone()));
        run_connections(feed, round_ends, &end, &mut connections).await
    };
    // A message on the wire may take minutes to end; its connection records the result whenever it does.
    let _ = timeout(END_TIMEOUT, join_all(&mut connections)).await;
    draining.add(connections);
    for (receiver, context) in receivers {
        release_queued(&context, &mut *receiver.lock().await).await;
        context.tokens.close().await?;
    }
    limits.close().await?;
    fed
}

/// Runs the feeder, then waits for the connections. As soon as `round_ends` returns, all of them stop.
async fn run_connections<T>(
    mut feed: impl Future<Output = T> + Unpin,
    mut round_ends: impl Future<Output = ()> + Unpin,
    end: &watch::Sender<bool>,
    connections: &mut JoinSet<()>,
) -> T {
    tokio::select! {
        biased;
        fed = &mut feed => {
            tokio::select! {
                biased;
                () = join_all(connections) => {}
                () = &mut round_ends => drop(end.send_replace(true)),
            }
            fed
        }
        () = &mut round_ends => {
            end.send_replace(true);
            feed.await
        }
    }
}

async fn join_all(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

async fn release_queued(context: &RelayContext, receiver: &mut mpsc::Receiver<Job>) {
    while let Ok(job) = receiver.try_recv() {
        context.release(&job.claimed).await;
    }
}

/// Returns when no message may be begun any more: the mailer stops, a relay or setting has changed, or no campaign of
/// the workspace runs.
async fn until_over(mailer: &MailerContext, workspace: Id, settings: &RoundSettings, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(REFRESH_INTERVAL) => {}
        }
        // The feeder reports a database that does not answer.
        let idle = mailer.running_campaigns(workspace).await.is_ok_and(|running| running.is_empty());
        let changed = RoundSettings::load(mailer, workspace).await.is_ok_and(|now| now != *settings);
        if idle || changed {
            return;
        }
    }
}

/// Jobs that wait for the connections of a relay at most: about what they send while the next are claimed. A short
/// queue makes pauses and unsubscribes take effect early.
fn queue_length(relay: &Relay) -> usize {
    let most = (16 * relay.connections as usize).clamp(64, 500).max(relay.connections as usize);
    relay.rate_limit.rate.map_or(most, |rate| ((rate * 2.0) as usize).clamp(1, most))
}
