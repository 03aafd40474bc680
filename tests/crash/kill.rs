//! Crashes of the sending process, and relays that close connections: the next process recovers the deliveries, and the
//! result is compared with the log of the relay.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::installation::{Installation, ProcessFaults, Running};
use crate::power_loss::Disk;
use crate::reconcile::compare;
use crate::relay::{Act, Behaviour, Relay};
use crate::table::Run;

/// The longest time that a process may take to die or to finish.
const TIMEOUT: Duration = Duration::from_secs(180);

/// The fail points of a delivery in their order, and about how often each is passed in a campaign of 300 recipients: once a
/// claim, once a commit, or once a message.
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
pub enum ProcessEnd {
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
    pub death: ProcessEnd,
    pub behaviour: Behaviour,
    pub bug: Option<&'static str>,
    /// Whether unsynced writes are lost with the process.
    pub power: bool,
}

impl Fault {
    /// A fault with a good relay.
    pub fn new(death: ProcessEnd) -> Self {
        Self { death, behaviour: Behaviour::default(), bug: None, power: false }
    }

    /// A relay that does this at every n-th message; nobody dies.
    pub fn of_relay(every: u64, act: Act) -> Self {
        let behaviour = Behaviour { at_dot: Some((every, act)), ..Behaviour::default() };
        Self { behaviour, ..Self::new(ProcessEnd::None) }
    }

    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.behaviour.delay = delay;
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
pub async fn run(installation: &Installation, relay: &Relay, fault: &Fault, seed: u64) -> Result<Run, String> {
    let mut random = StdRng::seed_from_u64(seed);
    relay
        .reset(&installation.accepted_log(), fault.behaviour.clone())
        .map_err(|error| format!("the log of accepted messages: {error}"))?;
    let mut run = Run { findings: Default::default(), bound: 0, again: Vec::new(), missed: false };
    let recipients = installation.settings.recipients;
    let deaths = match fault.death {
        ProcessEnd::None => 0,
        ProcessEnd::At(..) => 1,
        ProcessEnd::Random(times) => times,
    };
    let mut died_at = None;
    for _ in 0..deaths {
        let disk = if fault.power { Some(Disk::under(installation, random.random())?) } else { None };
        let mut faults = ProcessFaults { bug: fault.bug, ..ProcessFaults::default() };
        if let Some(disk) = &disk {
            faults.environment = disk.environment();
        }
        if let ProcessEnd::At(point, passages) = fault.death {
            faults.point = Some(format!("{point}:{}", random.random_range(1..=passages)));
        }
        let mut process = installation.start(&["mail", "--until-idle"], &faults)?;
        let died = match fault.death {
            ProcessEnd::At(..) => {
                process.ended(TIMEOUT).await.ok_or("a process neither died nor ended")?.code().is_none()
            }
            _ => kill_somewhere(&mut process, relay, &mut random, recipients).await,
        };
        let dead = Instant::now();
        if let Some(disk) = disk {
            disk.lose_power()?;
        }
        run.missed |= !died;
        run.bound += installation.settings.bound();
        died_at = Some(dead);
        relay.expect_mail();
    }
    finish(installation, relay).await?;
    if let (Some(dead), Some(mail)) = (died_at, relay.first_mail()) {
        run.again.push(mail.saturating_duration_since(dead));
    }
    if fault.death == ProcessEnd::None {
        run.bound = usize::try_from(relay.seen().dropped.load(Ordering::SeqCst)).unwrap_or(usize::MAX);
        run.missed = relay.seen().acts.load(Ordering::SeqCst) == 0;
    }
    run.findings = compare(installation, relay, &[]).await?;
    // A process may die between naming a body and its first byte, on a few connections at once. After a loss of power the
    // careful reading holds.
    let unseen = run.findings.unseen;
    if !fault.power && unseen > deaths.max(1) * installation.settings.connections / 4 {
        run.findings.add_wrong(unseen, "uncertain, and the relay has had nothing of the message");
    }
    // A message that is out when its process dies must be met a second time, or nothing was resent.
    let is_out = matches!(fault.death, ProcessEnd::At("after-body" | "after-body-reply", _));
    run.missed |= installation.settings.resend && is_out && run.findings.repeated == 0;
    Ok(run)
}

/// Kills at a random moment after a random message; false when the process had ended before.
async fn kill_somewhere(process: &mut Running, relay: &Relay, random: &mut StdRng, recipients: usize) -> bool {
    let before = relay.seen().texts.load(Ordering::SeqCst);
    let messages = before + random.random_range(0..recipients as u64 / 4);
    let until = Instant::now() + TIMEOUT;
    while relay.seen().texts.load(Ordering::SeqCst) <= messages && Instant::now() < until {
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
pub async fn finish(installation: &Installation, relay: &Relay) -> Result<(), String> {
    let until = Instant::now() + TIMEOUT;
    while Instant::now() < until {
        let mut process = installation.start(&["mail", "--until-idle"], &ProcessFaults::default())?;
        let status = process.ended(TIMEOUT).await.ok_or("a good process does not end")?;
        if installation.state().await? == "finished" {
            return Ok(());
        }
        if !status.success() && installation.state().await? == "paused" {
            // A relay that breaks off too often pauses the campaign; the operator goes on with a good one.
            relay.set_behaviour(Behaviour::default());
            installation.call(&["campaign", "resume", "autumn"])?;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
