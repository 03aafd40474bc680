//! What a seed decides before anything happens.

use sendoff::campaign::delivery::uncertain::UncertainPolicy;
use sendoff::campaign::rate_limit::RateLimit;
use sendoff::infra::failpoint::Bug;

use crate::installation::LIST_SIZES;
use crate::rng::Rng;

/// A deliberate mistake, to prove that the simulation finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// A bug of the program.
    Of(Bug),
    /// After a crash marked deliveries become pending again instead of uncertain.
    MarksForgotten,
    /// A campaign is finished when nothing of it is due at the moment.
    FinishedEarly,
    /// A repeated message is made from the contact as it is now.
    SnapshotForgotten,
}

impl Mistake {
    /// The bug that the program has with it.
    pub fn bug(self) -> Option<Bug> {
        match self {
            Self::Of(bug) => Some(bug),
            Self::MarksForgotten | Self::FinishedEarly | Self::SnapshotForgotten => None,
        }
    }
}

/// How the campaign of a seed starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At once.
    Now,
    /// At once, with a hold before the first message.
    Hold,
    /// At a time.
    Scheduled,
    /// Every day.
    Daily,
}

/// Faults of the relay, in a hundred messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct RelayFaults {
    /// A message or a recipient is deferred (4xx).
    pub deferred: usize,
    /// It is rejected (5xx).
    pub rejected: usize,
    /// A body is accepted, and the reply is lost.
    pub reply_lost: usize,
    /// The relay hangs up after the final dot and has accepted nothing.
    pub dropped: usize,
    /// It hangs up before the final dot.
    pub cut: usize,
    /// A reply takes its time.
    pub slow: usize,
}

/// What a seed decides.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Several mailers under leases, as with PostgreSQL; otherwise one, which claims in memory.
    pub shared: bool,
    /// Number of mailers.
    pub mailers: usize,
    /// Connections of each.
    pub connections: u32,
    /// Marked deliveries that a connection may hold.
    pub ahead: u32,
    /// Whether the relay offers PIPELINING.
    pub pipelining: bool,
    /// The list, one of [`LIST_SIZES`].
    pub list: usize,
    /// What becomes of uncertain deliveries.
    pub uncertain: UncertainPolicy,
    /// How it starts.
    pub start: Start,
    /// The rate limit of the lane.
    pub limit: RateLimit,
    /// Whether it has a deadline.
    pub until: bool,
    /// The relay.
    pub relay: RelayFaults,
    /// Faults in a hundred steps.
    pub faults: usize,
    /// Steps before the faults end.
    pub steps: usize,
}

/// Mostly no limit; else so many a day, or a second.
fn limit(rng: &mut Rng) -> RateLimit {
    let (daily, rate) = (rng.between(3, 9), rng.between(1, 20));
    match rng.below(8) {
        0 => RateLimit { daily: i64::try_from(daily).ok(), ..RateLimit::default() },
        1 => RateLimit { rate: Some(rate as f64 / 4.0), ..RateLimit::default() },
        _ => RateLimit::default(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a few")
}

impl Plan {
    /// The plan of a seed.
    pub fn new(rng: &mut Rng) -> Self {
        let shared = rng.chance(60);
        let faulty = rng.chance(70);
        let mut percent = |most: usize| if faulty && rng.chance(60) { rng.below(most + 1) } else { 0 };
        let relay = RelayFaults {
            deferred: percent(20),
            rejected: percent(15),
            reply_lost: percent(15),
            dropped: percent(15),
            cut: percent(15),
            slow: percent(60),
        };
        Self {
            shared,
            mailers: if shared { rng.between(1, 3) } else { 1 },
            connections: count(rng.between(1, 3)),
            ahead: count(rng.between(1, 4)),
            pipelining: rng.chance(80),
            list: rng.below(LIST_SIZES.len()),
            uncertain: if rng.chance(50) { UncertainPolicy::Hold } else { UncertainPolicy::Resend },
            start: rng.weighted(&[(6, Start::Now), (2, Start::Hold), (2, Start::Scheduled), (1, Start::Daily)]),
            limit: limit(rng),
            until: rng.chance(15),
            relay,
            faults: rng.weighted(&[(1, 0), (3, 10), (3, 25), (1, 45)]),
            steps: rng.between(20, 50),
        }
    }

    /// Deliveries that one mailer may have marked without a result on disk, at most.
    pub fn exposed(&self) -> i64 {
        i64::from(self.connections * if self.pipelining { self.ahead } else { 1 })
    }

    /// The campaign file.
    pub fn file(&self) -> String {
        let mut lines = String::new();
        match self.start {
            Start::Now => {}
            Start::Hold => lines.push_str("hold = 30\n"),
            Start::Scheduled => lines.push_str("at = \"2026-11-21 10:01\"\nzone = \"UTC\"\n"),
            Start::Daily => lines.push_str("every = \"day\"\nat = \"10:01\"\nzone = \"UTC\"\n"),
        }
        if self.until && matches!(self.start, Start::Now | Start::Hold) {
            lines.push_str("until = \"2026-11-21 10:10\"\nzone = \"UTC\"\n");
        }
        if self.uncertain == UncertainPolicy::Resend {
            lines.push_str("uncertain = \"resend\"\n");
        }
        let list = LIST_SIZES[self.list];
        format!(
            "+++\nname = \"news\"\nlist = \"of {list}\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"News\"\n{lines}+++\nHello from {{{{ city | d('nowhere') }}}}\n"
        )
    }
}
