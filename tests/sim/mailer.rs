//! A mailer as it is in memory: its queue, its connections, and what its writer has not committed.
//! All of this is gone when it dies.

use std::collections::VecDeque;
use std::sync::Arc;

use sendoff::campaign::delivery::claim::InFlight;
use sendoff::campaign::delivery::{Claimed, DeliveryResult, Mark, Marked, State};
use sendoff::infra::clock::Millis;
use sendoff::infra::id::Id;
use sendoff::mailer::lease::Lease;
use sendoff::mailer::limits::token_reserve::TokenReserve;

/// A mailer between two steps.
pub struct Mailer {
    /// The lease of the one mailer of a folder.
    pub lease: Option<Lease>,
    /// Its number in the rows it holds.
    pub id: Id,
    /// Whether it believes that its lease holds: the pulse runs out before the lease does.
    pub fresh: bool,
    /// True while the process is stopped.
    pub asleep: bool,
    /// Its writer could not commit: nothing is begun any more.
    pub halted: bool,
    /// What it has claimed and not marked.
    pub hand: Arc<InFlight>,
    /// Claimed and not yet with a connection.
    pub queue: VecDeque<Claimed>,
    /// What the writer was told and has not committed.
    pub notes: VecDeque<Note>,
    /// Its connections.
    pub lines: Vec<Line>,
    /// The relay it sends through.
    pub relay: Id,
    /// What it has drawn from the limit and not used.
    pub purse: TokenReserve,
}

/// What a connection tells the writer.
#[derive(Debug, Clone)]
pub enum Note {
    /// May this one go out?
    Mark(Mark),
    /// This one is not begun.
    Release(Id),
    /// So a try ended.
    Result(DeliveryResult),
}

/// A connection.
#[derive(Debug, Default)]
pub struct Line {
    /// Letters whose mark was asked for, oldest first.
    pub asked: VecDeque<Asked>,
    /// The letter whose envelope was granted.
    pub current: Option<Letter>,
    /// What the relay has been told and not answered yet.
    pub wire: Option<Wire>,
}

/// A letter whose mark was asked for.
#[derive(Debug)]
pub struct Asked {
    /// The letter.
    pub claimed: Claimed,
    /// When it was asked for, by the uptime.
    pub since: Millis,
    /// What its message is made from, or that it must not go out; `None` while there is no answer.
    pub answer: Option<Option<Marked>>,
    /// True when it goes back whatever the answer is.
    pub returns: bool,
}

/// A letter that is marked.
#[derive(Debug)]
pub struct Letter {
    /// The letter.
    pub claimed: Claimed,
    /// What its message is made from.
    pub made: Marked,
    /// How old its mark is at most, as a moment of the uptime.
    pub marked: Millis,
}

/// One exchange with the relay.
#[derive(Debug)]
pub struct Wire {
    /// The text, and what becomes of it.
    pub text: Option<(Letter, Said)>,
    /// The envelope behind it, and what becomes of that.
    pub next: Option<(Letter, Verdict)>,
}

/// What a connection will know of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// 250.
    Accepted,
    /// 4xx.
    Later,
    /// 5xx.
    Never,
    /// The last dot may be out, and there was no answer.
    Lost,
    /// It broke before the last dot.
    Cut,
}

/// What a connection will know of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on with the text.
    Ready,
    /// 4xx.
    Later,
    /// 5xx.
    Never,
    /// The connection is gone.
    Broken,
}

impl Letter {
    /// What its message is made from: the same bytes if and only if this is the same.
    pub fn made_from(&self) -> String {
        let Marked { date, recipient, .. } = &self.made;
        format!("{} {} at {date}", recipient.address, recipient.fields)
    }
}

impl Line {
    /// True when it has nothing in hand.
    pub fn is_idle(&self) -> bool {
        self.asked.is_empty() && self.current.is_none() && self.wire.is_none()
    }
}

impl Mailer {
    /// True when nothing of it would be lost if it ended.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.notes.is_empty() && self.lines.iter().all(Line::is_idle)
    }
}

impl Mailer {
    /// Letters that may be marked on disk without an end there.
    pub fn marked(&self) -> Vec<Id> {
        let mut ids = Vec::new();
        for line in &self.lines {
            ids.extend(line.asked.iter().map(|asked| asked.claimed.id));
            ids.extend(line.current.iter().map(|letter| letter.claimed.id));
            if let Some(wire) = &line.wire {
                ids.extend(wire.text.iter().map(|(letter, _)| letter.claimed.id));
                ids.extend(wire.next.iter().map(|(letter, _)| letter.claimed.id));
            }
        }
        let ends = self.notes.iter().filter_map(|note| match note {
            Note::Result(outcome) => Some(outcome.id),
            Note::Mark(_) | Note::Release(_) => None,
        });
        ids.extend(ends);
        ids
    }
}

/// How a try ended, where nothing more is to be said.
pub fn outcome(claimed: &Claimed, state: State, reason: Option<&str>, due_at: Millis, tried: bool) -> DeliveryResult {
    DeliveryResult {
        id: claimed.id,
        campaign: claimed.campaign,
        marked: true,
        state,
        reason: reason.map(str::to_owned),
        code: 0,
        reply: String::new(),
        due_at,
        tried,
    }
}
