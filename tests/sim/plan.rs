//! What a seed decides before anything happens.

use sendoff::campaign::delivery::uncertain::UncertainPolicy;
use sendoff::campaign::rate_limit::RateLimit;

use crate::rng::Dice;

/// A promise that is broken on purpose, to see that the simulation finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// A letter is marked after its text instead of before.
    MarkLate,
    /// A mark that is refused is taken for one that was given.
    NoGate,
    /// After a crash marked letters are pending again instead of uncertain.
    MarksForgotten,
    /// A lost answer is taken for a text that was not sent.
    LostIsUntried,
    /// The age of a mark counts from when its connection looks at it.
    FreshWhenSeen,
    /// A mailer goes on with a lease that others have taken away.
    NoFence,
    /// A campaign is called finished when nothing of it is due at the moment.
    FinishedEarly,
    /// Now and then an answer is heard and not written down.
    ResultForgotten,
    /// A repeated letter is made from what the person is now.
    MadeAfresh,
    /// Letters are claimed that were not drawn from the limit.
    NotDrawn,
}

/// What the campaign of a seed is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// "Send", now.
    Now,
    /// "Send", with a hold before the first letter.
    Hold,
    /// At a time.
    Scheduled,
    /// Every day.
    Daily,
}

/// How often in a hundred turns a relay does what.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Puts a letter or a recipient off.
    pub later: usize,
    /// Refuses one.
    pub never: usize,
    /// Takes a text, and its answer is lost.
    pub swallowed: usize,
    /// Hangs up after the last dot and has taken nothing.
    pub dropped: usize,
    /// Hangs up before the last dot.
    pub cut: usize,
}

/// What a seed decides.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Several mailers under leases, which claim in the rows mostly; otherwise one, which claims in memory.
    pub shared: bool,
    /// How many mailers.
    pub mailers: usize,
    /// Connections of each.
    pub lines: usize,
    /// Marked deliveries that a connection may hold.
    pub ahead: usize,
    /// People on the list, one of [`crate::site::SIZES`].
    pub size: usize,
    /// What becomes of letters whose answer is lost.
    pub fate: UncertainPolicy,
    /// How it begins.
    pub start: Start,
    /// What may leave.
    pub cap: RateLimit,
    /// Whether it has a latest time.
    pub until: bool,
    /// The relay.
    pub manner: Manner,
    /// Faults in a hundred steps.
    pub storm: usize,
    /// Steps before the weather clears.
    pub steps: usize,
}

/// Mostly no limit; else so many a day, or a second.
fn cap(dice: &mut Dice) -> RateLimit {
    let (daily, rate) = (dice.between(3, 9), dice.between(1, 20));
    match dice.below(8) {
        0 => RateLimit { daily: i64::try_from(daily).ok(), ..RateLimit::default() },
        1 => RateLimit { rate: Some(rate as f64 / 4.0), ..RateLimit::default() },
        _ => RateLimit::default(),
    }
}

impl Plan {
    /// The plan of a seed.
    pub fn of(dice: &mut Dice) -> Self {
        let shared = dice.chance(60);
        let rough = dice.chance(70);
        let mut often = |most: usize| if rough && dice.chance(60) { dice.below(most + 1) } else { 0 };
        let manner =
            Manner { later: often(20), never: often(15), swallowed: often(15), dropped: often(15), cut: often(15) };
        Self {
            shared,
            mailers: if shared { dice.between(1, 3) } else { 1 },
            lines: dice.between(1, 3),
            ahead: dice.between(1, 4),
            size: dice.below(crate::site::SIZES.len()),
            fate: if dice.chance(50) { UncertainPolicy::Hold } else { UncertainPolicy::Resend },
            start: dice.weighed(&[(6, Start::Now), (2, Start::Hold), (2, Start::Scheduled), (1, Start::Daily)]),
            cap: cap(dice),
            until: dice.chance(15),
            manner,
            storm: dice.weighed(&[(1, 0), (3, 10), (3, 25), (1, 45)]),
            steps: dice.between(60, 220),
        }
    }

    /// Letters that one mailer may have marked and unanswered at most.
    pub fn exposed(&self) -> i64 {
        i64::try_from(self.lines * self.ahead).expect("a few")
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
        if self.fate == UncertainPolicy::Resend {
            lines.push_str("uncertain = \"resend\"\n");
        }
        let list = crate::site::SIZES[self.size];
        format!(
            "+++\nname = \"news\"\nlist = \"of {list}\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"News\"\n{lines}+++\nHello\n"
        )
    }
}
