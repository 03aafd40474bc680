//! Goodbyes while letters go out: who was told 200 is written to no more, whatever dies.

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

use crate::installation::{Harm, Kind, Running, Site};
use crate::power::Disk;
use crate::reconcile::{Goodbye, compare};
use crate::relay::{Manner, Relay};
use crate::table::Run;

/// Goodbyes in a run.
const GOODBYES: usize = 24;

/// What a run of goodbyes goes through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trial {
    /// Where `serve` dies, at one of its first so many passages.
    pub point: Option<(&'static str, u32)>,
    pub bug: Option<&'static str>,
    /// Whether `serve` is killed after the last goodbye, and unsynced writes are lost with it.
    pub power: bool,
    /// Whether the database keeps everybody waiting.
    pub locked: bool,
}

/// One letter's way out.
pub struct Leaver {
    pub address: String,
    /// What is posted to.
    pub path: String,
}

impl Leaver {
    /// Asks to leave.
    pub async fn leave(&self, doors: &str) -> Goodbye {
        let granted = post(doors, &self.path).await == Some(200);
        Goodbye { address: self.address.clone(), confirmed: granted.then(Instant::now) }
    }
}

/// Asks again for those who were not told that they have left, as mailbox providers do. Returns how
/// many are still not told so.
pub async fn insist(doors: &str, leavers: &[Leaver], goodbyes: &mut [Goodbye]) -> usize {
    let unheard = |goodbye: &&mut Goodbye| goodbye.confirmed.is_none();
    for (leaver, goodbye) in leavers.iter().zip(goodbyes.iter_mut()).filter(|(_, goodbye)| unheard(goodbye)) {
        *goodbye = leaver.leave(doors).await;
    }
    goodbyes.iter_mut().filter(unheard).count()
}

/// Carries out one run in a fresh copy of an installation whose campaign has begun.
pub async fn run(site: &Site, relay: &Relay, trial: Trial, seed: u64) -> Result<Run, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let slow = Manner { delay: Duration::from_millis(40), ..Manner::default() };
    relay.begin(&site.ledger(), slow).map_err(|error| format!("the ledger: {error}"))?;
    let leavers = leavers(site, seed).await?;
    let mut harm = Harm { bug: trial.bug, ..Harm::default() };
    if let Some((point, passages)) = trial.point {
        harm.point = Some(format!("{point}:{}", random.random_range(1..=passages)));
    }
    let disk = if trial.power { Some(Disk::under(site, random.random())?) } else { None };
    harm.environment = disk.as_ref().map(Disk::environment).unwrap_or_default();
    let mut serve = open(site, &harm)?;
    let doors = site.doors().await?;
    wait_for_letters(relay, 10).await?;
    let lock = if trial.locked { Some(hold(site).await?) } else { None };
    let mut goodbyes = Vec::new();
    // Each waits for seconds where the database keeps everybody waiting.
    let some = if trial.locked { 4 } else { GOODBYES };
    for leaver in leavers.iter().take(some) {
        goodbyes.push(leaver.leave(&doors).await);
        tokio::time::sleep(Duration::from_millis(random.random_range(0..20))).await;
    }
    drop(lock);
    if trial.power || trial.point.is_some() {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
    } else {
        // Nobody dies: this process sends to the end.
        settled(site, Duration::from_secs(60)).await?;
    }
    let died = serve.ended(Duration::ZERO).await.is_some();
    serve.kill();
    let dead = Instant::now();
    if let Some(disk) = disk {
        disk.lose_power()?;
    }
    relay.behave(Manner::default());
    relay.expect_mail();
    let mut serve = open(site, &Harm::default())?;
    let _ = site.doors().await?;
    settled(site, Duration::from_secs(60)).await?;
    let again = relay.first_mail().map(|mail| mail.saturating_duration_since(dead)).into_iter().collect();
    serve.stop().await.ok_or("serve does not stop")?;
    let mut verdict = compare(site, relay, &goodbyes).await?;
    if !died {
        let unheard = goodbyes.iter().filter(|goodbye| goodbye.confirmed.is_none()).count();
        verdict.blame(unheard, "goodbyes were not confirmed although nobody had died");
    }
    Ok(Run { verdict, bound: site.terms.bound(), again, missed: trial.point.is_some() && !died })
}

/// Waits until the campaign has its end, or the limit has passed.
pub async fn settled(site: &Site, limit: Duration) -> Result<(), String> {
    let until = Instant::now() + limit;
    while site.state().await? != "finished" && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Starts pages and mailer.
pub fn open(site: &Site, harm: &Harm) -> Result<Running, String> {
    site.start(&["serve", "--json", "--listen", "127.0.0.1:0"], harm)
}

/// Some of those whose letters come late, with the addresses of their one-click posts.
pub async fn leavers(site: &Site, seed: u64) -> Result<Vec<Leaver>, String> {
    doors_of(site, seed, "/u/", TokenPurpose::Unsubscribe).await
}

/// The same people with a door of their letters, whose path begins like this.
pub async fn doors_of(site: &Site, seed: u64, path: &str, door: TokenPurpose) -> Result<Vec<Leaver>, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let keys = Keyring::load(&site.data().join("keys")).map_err(|error| format!("the keys: {error}"))?;
    let signer = Signer::new(&keys);
    let rows = site
        .rows(
            "select d.id, d.campaign_id, c.address from delivery d join contact c on c.id = d.contact_id order by d.id",
        )
        .await?;
    let late = &rows[rows.len() / 3..];
    let step = late.len() / GOODBYES;
    let chosen = (0..GOODBYES).map(|number| &late[number * step + random.random_range(0..step)]);
    Ok(chosen
        .map(|row| {
            let claim = DeliveryRef { campaign: row.get(1), delivery: row.get(0) };
            Leaver { address: row.get(2), path: format!("{path}{}", signer.message_secret(claim).token(door)) }
        })
        .collect())
}

/// Waits until so many letters were begun.
pub async fn wait_for_letters(relay: &Relay, count: u64) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(30);
    while relay.seen().mails.load(Ordering::SeqCst) < count {
        if Instant::now() > until {
            return Err("no letters come".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// A one-click post; the status, or `None` when no answer came.
async fn post(doors: &str, path: &str) -> Option<u16> {
    let body = "List-Unsubscribe=One-Click";
    let text = format!(
        "POST {path} HTTP/1.1\r\nHost: news.example.org\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    ask(doors, &text).await
}

/// Looks at a page; the status, or `None` when no answer came.
pub async fn get(doors: &str, path: &str) -> Option<u16> {
    ask(doors, &format!("GET {path} HTTP/1.1\r\nHost: news.example.org\r\nConnection: close\r\n\r\n")).await
}

async fn ask(doors: &str, text: &str) -> Option<u16> {
    let ask = async {
        let mut stream = TcpStream::connect(doors).await.ok()?;
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
pub async fn hold(site: &Site) -> Result<sqlx::AnyConnection, String> {
    let mut conn = site.connect().await?;
    let lock = match site.kind {
        Kind::Sqlite => "begin immediate",
        Kind::Postgres => "begin; lock table subscription, delivery, event in exclusive mode",
    };
    sqlx::raw_sql(lock).execute(&mut conn).await.map_err(|error| error.to_string())?;
    Ok(conn)
}
