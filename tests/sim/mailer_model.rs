//! What a connection does: it takes letters in hand, asks for their marks, tells the relay, and hears.

use std::collections::VecDeque;

use sendoff::campaign::delivery::{self, Claimed, Mark, Marked, State};
use sendoff::infra::clock::Millis;
use sendoff::infra::id::Id;
use sendoff::mailer::queue::retry;

use crate::mailer::{Asked, Letter, Note, Said, Verdict, Wire, outcome};
use crate::observations::Kept;
use crate::plan::Breach;
use crate::world::World;

/// A mark older than this is asked about again.
pub const FRESH: Millis = 250;

/// Distance of the first repeat.
const RETRY: Millis = 60_000;

/// What a connection finds when it looks for the next letter.
enum Next {
    /// This one may go out.
    Letter(Letter),
    /// None at this moment.
    Nothing,
}

impl World {
    /// Takes a letter in hand and asks for its mark, if the connection may hold another.
    pub async fn fill(&mut self, m: usize, l: usize) -> Kept {
        let mailer = &mut self.mailers[m];
        let line = &mut mailer.lines[l];
        let held = line.asked.len() + usize::from(line.current.is_some());
        if line.wire.is_some() || held >= self.plan.ahead {
            return Ok(());
        }
        let Some(claimed) = mailer.queue.pop_front() else { return Ok(()) };
        if mailer.halted {
            mailer.purse.refund(1);
            mailer.notes.push_back(Note::Release(claimed.id));
            return Ok(());
        }
        let answer = if self.breach == Some(Breach::MarkLate) {
            Some(self.peek(claimed.id).await?)
        } else {
            mailer.notes.push_back(Note::Mark(mark(&claimed, mailer.relay)));
            None
        };
        let asked = Asked { claimed, since: self.uptime, answer, returns: false };
        self.mailers[m].lines[l].asked.push_back(asked);
        Ok(())
    }

    /// What the message of a delivery is made from, without a word to anyone.
    pub async fn peek(&self, delivery: Id) -> Kept<Option<Marked>> {
        let mut conn = self.site.installation.db.read().await?;
        Ok(delivery::peek(&mut conn, delivery, self.site.installation.clock.now()).await?)
    }

    /// One exchange with the relay begins: the text of the letter under way, the envelope of the next.
    pub async fn send(&mut self, m: usize, l: usize) -> Kept {
        if self.mailers[m].lines[l].wire.is_some() {
            return Ok(());
        }
        let mut next = match self.next(m, l).await? {
            Next::Letter(letter) => Some(letter),
            Next::Nothing => None,
        };
        let current = self.mailers[m].lines[l].current.take();
        if current.is_none() && next.is_none() {
            return Ok(());
        }
        let stale = !self.mailers[m].fresh && self.breach != Some(Breach::NoFence);
        let unwanted = match &current {
            Some(letter) => !self.is_wanted(m, letter).await?,
            None => false,
        };
        if stale || self.mailers[m].halted || unwanted {
            self.untried(m, current);
            self.untried(m, next);
            self.return_asked(m, l);
            return Ok(());
        }
        let mut wire = Wire { text: None, next: None };
        if let Some(letter) = current {
            let said = self.say(m, &letter).await?;
            if matches!(said, Said::Lost | Said::Cut)
                && let Some(letter) = next.take()
            {
                wire.next = Some((letter, Verdict::Broken));
            }
            wire.text = Some((letter, said));
        }
        if let Some(letter) = next {
            let verdict = self.weigh(m, &letter)?;
            wire.next = Some((letter, verdict));
        }
        self.mailers[m].lines[l].wire = Some(wire);
        Ok(())
    }

    /// The next letter that is marked and still wanted.
    async fn next(&mut self, m: usize, l: usize) -> Kept<Next> {
        loop {
            let line = &mut self.mailers[m].lines[l];
            if line.asked.front().is_none_or(|front| front.answer.is_none()) {
                return Ok(Next::Nothing);
            }
            let Some(asked) = line.asked.pop_front() else { return Ok(Next::Nothing) };
            let Some(made) = asked.answer.flatten() else { continue };
            let marked = if self.breach == Some(Breach::FreshWhenSeen) { self.uptime } else { asked.since };
            let letter = Letter { claimed: asked.claimed, made, marked };
            if self.is_wanted(m, &letter).await? {
                return Ok(Next::Letter(letter));
            }
            self.untried(m, Some(letter));
        }
    }

    /// Whether a letter may still go out, asked again when its mark is no longer fresh.
    async fn is_wanted(&self, m: usize, letter: &Letter) -> Kept<bool> {
        let blind = matches!(self.breach, Some(Breach::NoGate | Breach::MarkLate));
        if blind || self.uptime - letter.marked <= FRESH {
            return Ok(true);
        }
        let installation = &self.site.installation;
        Ok(delivery::may_send(
            &mut *installation.db.read().await?,
            self.mailers[m].id,
            letter.claimed.id,
            installation.clock.now(),
        )
        .await?)
    }

    /// What the relay has said arrives.
    pub fn hear(&mut self, m: usize, l: usize) {
        let Some(Wire { text, next }) = self.mailers[m].lines[l].wire.take() else { return };
        let mut broken = false;
        if let Some((letter, said)) = text {
            broken = matches!(said, Said::Lost | Said::Cut);
            self.heard(m, letter, said);
        }
        if let Some((letter, verdict)) = next {
            match verdict {
                Verdict::Ready => self.mailers[m].lines[l].current = Some(letter),
                Verdict::Later => self.put_off(m, &letter),
                Verdict::Never => self.refuse(m, &letter.claimed),
                Verdict::Broken => {
                    broken = true;
                    self.untried(m, Some(letter));
                }
            }
        }
        if broken {
            let current = self.mailers[m].lines[l].current.take();
            self.untried(m, current);
            self.return_asked(m, l);
        }
    }

    fn heard(&mut self, m: usize, letter: Letter, said: Said) {
        let claimed = &letter.claimed;
        if self.breach == Some(Breach::MarkLate) {
            let relay = self.mailers[m].relay;
            self.mailers[m].notes.push_back(Note::Mark(mark(claimed, relay)));
        }
        if self.breach == Some(Breach::ResultForgotten) && self.dice.chance(5) {
            return;
        }
        let untried = self.breach == Some(Breach::LostIsUntried);
        match said {
            Said::Accepted => self.record(m, claimed, State::Accepted, None),
            Said::Later => self.put_off(m, &letter),
            Said::Never => self.refuse(m, claimed),
            Said::Lost if !untried => self.record(m, claimed, State::Uncertain, Some("answer-lost")),
            Said::Lost | Said::Cut => self.untried(m, Some(letter)),
        }
    }

    fn record(&mut self, m: usize, claimed: &Claimed, state: State, reason: Option<&str>) {
        self.mailers[m].notes.push_back(Note::Result(outcome(claimed, state, reason, 0, true)));
    }

    fn put_off(&mut self, m: usize, letter: &Letter) {
        let claimed = &letter.claimed;
        let now = self.site.installation.clock.now();
        match retry::delay(RETRY, letter.made.attempts + 1) {
            Some(delay) => {
                let later = outcome(claimed, State::Pending, Some("deferred"), now + delay, true);
                self.mailers[m].notes.push_back(Note::Result(later));
            }
            None => self.refuse(m, claimed),
        }
    }

    fn refuse(&mut self, m: usize, claimed: &Claimed) {
        self.facts.refused.insert(claimed.id);
        self.record(m, claimed, State::Rejected, Some("bounce"));
    }

    /// Marked, and the relay certainly has nothing of it.
    fn untried(&mut self, m: usize, letter: Option<Letter>) {
        if let Some(letter) = letter {
            let now = self.site.installation.clock.now();
            self.mailers[m].purse.refund(1);
            let back = outcome(&letter.claimed, State::Pending, None, now, false);
            self.mailers[m].notes.push_back(Note::Result(back));
        }
    }

    /// Everything that a connection was to send and has not named to the relay goes back.
    fn return_asked(&mut self, m: usize, l: usize) {
        for asked in &mut self.mailers[m].lines[l].asked {
            asked.returns = true;
        }
        self.give_back(m);
    }

    /// Gives back what is to go back and has its answer.
    pub fn give_back(&mut self, m: usize) {
        let mut back = Vec::new();
        for line in &mut self.mailers[m].lines {
            let (ready, left) = line.asked.drain(..).partition(|asked: &Asked| asked.returns && asked.answer.is_some());
            line.asked = left;
            back.push(ready);
        }
        let back: Vec<Asked> = back.into_iter().flat_map(|ready: VecDeque<Asked>| ready).collect();
        for asked in back {
            if let Some(made) = asked.answer.flatten() {
                self.untried(m, Some(Letter { claimed: asked.claimed, made, marked: asked.since }));
            }
        }
    }

    /// A round of sending is over: the relay was changed, or the mailer goes home.
    pub fn put_down_everything(&mut self, m: usize) {
        for l in 0..self.mailers[m].lines.len() {
            if self.mailers[m].lines[l].wire.is_none() {
                let current = self.mailers[m].lines[l].current.take();
                self.untried(m, current);
            }
            self.return_asked(m, l);
        }
        let mailer = &mut self.mailers[m];
        mailer.purse.refund(i64::try_from(mailer.queue.len()).expect("a few"));
        let released = mailer.queue.drain(..).map(|claimed| Note::Release(claimed.id));
        mailer.notes.extend(released);
        mailer.relay = self.relay;
    }
}

fn mark(claimed: &Claimed, relay: i64) -> Mark {
    Mark { id: claimed.id, campaign: claimed.campaign, relay }
}
