//! Deaths of the sending process, and relays that break off: what is left is settled by the next
//! process, and compared.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::installation::{Harm, Running, Site};
use crate::power::Disk;
use crate::reconcile::compare;
use crate::relay::{Act, Manner, Relay};
use crate::table::Run;

/// The most that a process may take to die or to finish.
const PATIENCE: Duration = Duration::from_secs(180);

/// Where a sending process dies, in the order of one delivery, and about how often the point is
/// passed in a campaign of 300: once a claim, once a commit, or once a letter.
pub const POINTS: &[(&str, u32)] = &[
    ("after-claim", 1),
    ("after-connect", 20),
    ("before-mark-commit", 8),
    ("after-mark", 250),
    ("after-mail-reply", 250),
    ("after-rcpt-reply", 250),
    ("after-data-reply", 250),
    ("mid-body", 250),
    ("before-final-dot", 250),
    ("after-body", 250),
    ("after-body-reply", 250),
    ("after-result-commit", 8),
];

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// At a fail point, at one of its first so many passages.
    At(&'static str, u32),
    /// By SIGKILL at a random moment, so many times in a row.
    Random(usize),
    /// Not at all: it is the relay that breaks off.
    None,
}

/// One class of faults.
#[derive(Debug, Clone)]
pub struct Fault {
    pub death: Death,
    pub manner: Manner,
    pub bug: Option<&'static str>,
    /// Whether unsynced writes are lost with the process.
    pub power: bool,
}

impl Fault {
    /// A fault with a good relay.
    pub fn new(death: Death) -> Self {
        Self { death, manner: Manner::default(), bug: None, power: false }
    }

    /// A relay that does this at every n-th letter; nobody dies.
    pub fn of_relay(every: u64, act: Act) -> Self {
        let manner = Manner { at_dot: Some((every, act)), ..Manner::default() };
        Self { manner, ..Self::new(Death::None) }
    }

    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.manner.delay = delay;
        self
    }

    pub fn with_bug(mut self, promise: &'static str) -> Self {
        self.bug = Some(promise);
        self
    }

    pub fn with_power_loss(mut self) -> Self {
        self.power = true;
        self
    }
}

/// Carries out one run in a fresh copy of an installation whose campaign has begun.
pub async fn run(site: &Site, relay: &Relay, fault: &Fault, seed: u64) -> Result<Run, String> {
    let mut random = StdRng::seed_from_u64(seed);
    relay.begin(&site.ledger(), fault.manner.clone()).map_err(|error| format!("the ledger: {error}"))?;
    let mut run = Run { verdict: Default::default(), bound: 0, again: Vec::new(), missed: false };
    let people = site.terms.people;
    let deaths = match fault.death {
        Death::None => 0,
        Death::At(..) => 1,
        Death::Random(times) => times,
    };
    let mut died_at = None;
    for _ in 0..deaths {
        let disk = if fault.power { Some(Disk::under(site, random.random())?) } else { None };
        let mut harm = Harm { bug: fault.bug, ..Harm::default() };
        if let Some(disk) = &disk {
            harm.environment = disk.environment();
        }
        if let Death::At(point, passages) = fault.death {
            harm.point = Some(format!("{point}:{}", random.random_range(1..=passages)));
        }
        let mut process = site.start(&["mail", "--until-idle"], &harm)?;
        let died = match fault.death {
            Death::At(..) => process.ended(PATIENCE).await.ok_or("a process neither died nor ended")?.code().is_none(),
            _ => kill_somewhere(&mut process, relay, &mut random, people).await,
        };
        let dead = Instant::now();
        if let Some(disk) = disk {
            disk.lose_power()?;
        }
        run.missed |= !died;
        run.bound += site.terms.bound();
        died_at = Some(dead);
        relay.expect_mail();
    }
    finish(site, relay).await?;
    if let (Some(dead), Some(mail)) = (died_at, relay.first_mail()) {
        run.again.push(mail.saturating_duration_since(dead));
    }
    if fault.death == Death::None {
        run.bound = usize::try_from(relay.seen().dropped.load(Ordering::SeqCst)).unwrap_or(usize::MAX);
        run.missed = relay.seen().acts.load(Ordering::SeqCst) == 0;
    }
    run.verdict = compare(site, relay, &[]).await?;
    // A letter that is out when its process dies must be met a second time, or nothing was resent.
    let is_out = matches!(fault.death, Death::At("after-body" | "after-body-reply", _));
    run.missed |= site.terms.resend && is_out && run.verdict.repeated == 0;
    Ok(run)
}

/// Kills at a random moment after a random letter; false when the process had ended before.
async fn kill_somewhere(process: &mut Running, relay: &Relay, random: &mut StdRng, people: usize) -> bool {
    let before = relay.seen().texts.load(Ordering::SeqCst);
    let letters = before + random.random_range(0..people as u64 / 4);
    let until = Instant::now() + PATIENCE;
    while relay.seen().texts.load(Ordering::SeqCst) <= letters && Instant::now() < until {
        if process.ended(Duration::ZERO).await.is_some() {
            return false;
        }
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
    tokio::time::sleep(Duration::from_micros(random.random_range(0..15_000))).await;
    let alive = process.ended(Duration::ZERO).await.is_none();
    process.kill();
    alive
}

/// Lets good processes do what is left, until the campaign has its end.
pub async fn finish(site: &Site, relay: &Relay) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let mut process = site.start(&["mail", "--until-idle"], &Harm::default())?;
        let status = process.ended(PATIENCE).await.ok_or("a good process does not end")?;
        if site.state().await? == "finished" {
            return Ok(());
        }
        if !status.success() && site.state().await? == "paused" {
            // A relay that breaks off too often pauses the campaign; the operator goes on with a good one.
            relay.behave(Manner::default());
            site.call(&["campaign", "resume", "autumn"])?;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
