//! Unsubscribe requests during sending: a contact whose request was answered with 200 gets no more messages, whatever fails.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sendoff::infra::secret::Keyring;
use sendoff::infra::token::{DeliveryRef, Signer, TokenPurpose};
use sqlx::Row;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::installation::{Installation, ProcessFaults, Running, Store};
use crate::power_loss::Disk;
use crate::reconcile::{UnsubscribeRequest, compare};
use crate::relay::{Behaviour, Relay};
use crate::table::Run;

/// The fail point of the removal of bytes from the pages of SQLite.
pub const PAGES: &str = "between-page-chunks";

/// How long another process may take to remove the bytes that a killed one has left.
const CLEAN_LIMIT: Duration = Duration::from_secs(30);

/// Unsubscribe requests in a run.
const REQUESTS: usize = 24;

/// The faults of a run with unsubscribe requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct UnsubscribeRun {
    /// Where `serve` dies, at one of its first so many passages.
    pub point: Option<(&'static str, u32)>,
    pub bug: Option<&'static str>,
    /// Whether `serve` is killed after the last request, and unsynced writes are lost with it.
    pub power: bool,
    /// Whether the database is locked.
    pub locked: bool,
}

/// A recipient and the unsubscribe path of their message.
pub struct Subscriber {
    pub address: String,
    /// The path of the one-click POST (RFC 8058).
    pub path: String,
}

impl Subscriber {
    /// Sends the unsubscribe request.
    pub async fn unsubscribe(&self, pages: &str) -> UnsubscribeRequest {
        let granted = post(pages, &self.path).await == Some(200);
        UnsubscribeRequest { address: self.address.clone(), confirmed: granted.then(Instant::now) }
    }
}

/// Asks again for those who were not told that they have left, as mailbox providers do. Returns how
/// many are still not told so.
pub async fn retry_unconfirmed(pages: &str, subscribers: &[Subscriber], requests: &mut [UnsubscribeRequest]) -> usize {
    let unconfirmed = |request: &&mut UnsubscribeRequest| request.confirmed.is_none();
    for (subscriber, request) in subscribers.iter().zip(requests.iter_mut()).filter(|(_, request)| unconfirmed(request))
    {
        *request = subscriber.unsubscribe(pages).await;
    }
    requests.iter_mut().filter(unconfirmed).count()
}

/// Carries out one run in a fresh copy of an installation whose campaign has begun.
pub async fn run(installation: &Installation, relay: &Relay, trial: UnsubscribeRun, seed: u64) -> Result<Run, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let slow = Behaviour { delay: Duration::from_millis(40), ..Behaviour::default() };
    relay
        .reset(&installation.accepted_log(), slow)
        .map_err(|error| format!("the log of accepted messages: {error}"))?;
    let subscribers = subscribers(installation, seed).await?;
    let mut faults = ProcessFaults { bug: trial.bug, ..ProcessFaults::default() };
    if let Some((point, passages)) = trial.point {
        faults.point = Some(format!("{point}:{}", random.random_range(1..=passages)));
    }
    let disk = if trial.power { Some(Disk::under(installation, random.random())?) } else { None };
    faults.environment = disk.as_ref().map(Disk::environment).unwrap_or_default();
    let mut serve = open(installation, &faults)?;
    let pages = installation.public_address().await?;
    wait_for_messages(relay, 10).await?;
    let lock = if trial.locked { Some(lock_database(installation).await?) } else { None };
    let mut requests = Vec::new();
    // Each waits for seconds where the database keeps everybody waiting.
    let some = if trial.locked { 4 } else { REQUESTS };
    for subscriber in subscribers.iter().take(some) {
        requests.push(subscriber.unsubscribe(&pages).await);
        tokio::time::sleep(Duration::from_millis(random.random_range(0..20))).await;
    }
    drop(lock);
    let cleans = trial.point.is_some_and(|(point, _)| point == PAGES);
    if cleans {
        // The bytes are removed some seconds after the last request.
        let _ = serve.ended(CLEAN_LIMIT).await;
    } else if trial.power || trial.point.is_some() {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
    } else {
        // Nobody dies: this process sends to the end.
        wait_until_finished(installation, Duration::from_secs(60)).await?;
    }
    let died = serve.ended(Duration::ZERO).await.is_some();
    serve.kill();
    let dead = Instant::now();
    if let Some(disk) = disk {
        disk.lose_power()?;
    }
    relay.set_behaviour(Behaviour::default());
    relay.expect_mail();
    let mut serve = open(installation, &ProcessFaults::default())?;
    let _ = installation.public_address().await?;
    wait_until_finished(installation, Duration::from_secs(60)).await?;
    let again = relay.first_mail().map(|mail| mail.saturating_duration_since(dead)).into_iter().collect();
    if cleans {
        wait_until_clean(installation).await?;
    }
    serve.stop().await.ok_or("serve does not stop")?;
    let mut findings = compare(installation, relay, &requests).await?;
    if cleans {
        findings
            .add_wrong(copies(installation, &requests)?, "addresses of people who had left are in the database file");
        let checked = installation.rows("pragma integrity_check").await?;
        let broken = checked.iter().filter(|row| row.get::<String, _>(0) != "ok").count();
        findings.add_wrong(broken, "faults of the database file");
    }
    if !died {
        let unconfirmed = requests.iter().filter(|request| request.confirmed.is_none()).count();
        findings.add_wrong(unconfirmed, "unsubscribe requests were not confirmed although nobody had died");
    }
    Ok(Run { findings, bound: installation.settings.bound(), again, missed: trial.point.is_some() && !died })
}

/// Waits until nothing is pending of the erasures in the log.
async fn wait_until_clean(installation: &Installation) -> Result<(), String> {
    let journal = installation.data().join("journal");
    let until = Instant::now() + CLEAN_LIMIT;
    loop {
        let recorded = std::fs::metadata(journal.join("erasures.log")).map_or(0, |log| log.len());
        let cleaned = std::fs::read_to_string(journal.join("erasures.scrubbed")).unwrap_or_default();
        if cleaned.split_whitespace().next().and_then(|length| length.parse().ok()) == Some(recorded) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err("the bytes of people who have left were not removed".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many of those who were told that they have left stand in the file of the database.
fn copies(installation: &Installation, requests: &[UnsubscribeRequest]) -> Result<usize, String> {
    let file =
        std::fs::read(installation.data().join("sendoff.db")).map_err(|error| format!("the database: {error}"))?;
    let text = String::from_utf8_lossy(&file);
    let left = requests.iter().filter(|request| request.confirmed.is_some());
    Ok(left.filter(|request| text.contains(&request.address)).count())
}

/// Waits until the campaign has its end, or the limit has passed.
pub async fn wait_until_finished(installation: &Installation, limit: Duration) -> Result<(), String> {
    let until = Instant::now() + limit;
    while installation.state().await? != "finished" && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Starts pages and mailer.
pub fn open(installation: &Installation, faults: &ProcessFaults) -> Result<Running, String> {
    installation.start(&["serve", "--json", "--listen", "127.0.0.1:0"], faults)
}

/// Some of those whose messages come late, with the addresses of their one-click posts.
pub async fn subscribers(installation: &Installation, seed: u64) -> Result<Vec<Subscriber>, String> {
    pick_recipients(installation, seed, "/u/", TokenPurpose::Unsubscribe).await
}

/// The same recipients with a door of their messages, whose path begins like this.
pub async fn pick_recipients(
    installation: &Installation,
    seed: u64,
    path: &str,
    door: TokenPurpose,
) -> Result<Vec<Subscriber>, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let keys = Keyring::load(&installation.data().join("keys")).map_err(|error| format!("the keys: {error}"))?;
    let signer = Signer::new(&keys);
    let rows = installation
        .rows(
            "select d.id, d.campaign_id, c.address from delivery d join contact c on c.id = d.contact_id order by d.id",
        )
        .await?;
    let late = &rows[rows.len() / 3..];
    let step = late.len() / REQUESTS;
    let chosen = (0..REQUESTS).map(|number| &late[number * step + random.random_range(0..step)]);
    Ok(chosen
        .map(|row| {
            let claim = DeliveryRef { campaign: row.get(1), delivery: row.get(0) };
            Subscriber { address: row.get(2), path: format!("{path}{}", signer.message_secret(claim).token(door)) }
        })
        .collect())
}

/// Waits until so many messages were begun.
pub async fn wait_for_messages(relay: &Relay, count: u64) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(30);
    while relay.seen().mails.load(Ordering::SeqCst) < count {
        if Instant::now() > until {
            return Err("no messages arrive".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// A one-click post; the status, or `None` when no answer came.
async fn post(pages: &str, path: &str) -> Option<u16> {
    let body = "List-Unsubscribe=One-Click";
    let text = format!(
        "POST {path} HTTP/1.1\r\nHost: news.example.org\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    ask(pages, &text).await
}

/// Looks at a page; the status, or `None` when no answer came.
pub async fn get(pages: &str, path: &str) -> Option<u16> {
    ask(pages, &format!("GET {path} HTTP/1.1\r\nHost: news.example.org\r\nConnection: close\r\n\r\n")).await
}

async fn ask(pages: &str, text: &str) -> Option<u16> {
    let ask = async {
        let mut stream = TcpStream::connect(pages).await.ok()?;
        stream.write_all(text.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        // An answer that breaks off after its status was an answer.
        let _ = stream.read_to_end(&mut answer).await;
        let line = String::from_utf8_lossy(&answer);
        line.split(' ').nth(1)?.parse().ok()
    };
    timeout(Duration::from_secs(15), ask).await.ok().flatten()
}

/// Keeps everybody else from writing until it is dropped.
pub async fn lock_database(installation: &Installation) -> Result<sqlx::AnyConnection, String> {
    let mut conn = installation.connect().await?;
    let lock = match installation.kind {
        Store::Sqlite => "begin immediate",
        Store::Postgres => "begin; lock table subscription, delivery, event in exclusive mode",
    };
    sqlx::raw_sql(lock).execute(&mut conn).await.map_err(|error| error.to_string())?;
    Ok(conn)
}
