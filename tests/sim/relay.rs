//! The relay, and the oaths that hold at the moment it is spoken to.

use sendoff::campaign::model::State;

use crate::mailer::{Letter, Said, Verdict};
use crate::mailer_model::FRESH;
use crate::observations::{Kept, need};
use crate::plan::Manner;
use crate::world::World;

/// What the relay does with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Takes,
    Swallows,
    Drops,
    Cuts,
    PutsOff,
    Refuses,
}

impl World {
    /// The text of a letter goes out. Returns what its connection will know of it.
    pub async fn say(&mut self, m: usize, letter: &Letter) -> Kept<Said> {
        self.may_begin(m, letter, "text")?;
        let Manner { later, never, swallowed, dropped, cut } = self.plan.manner;
        let does = self.dice.weighed(&[
            (100 - later - never - swallowed - dropped - cut, Does::Takes),
            (later, Does::PutsOff),
            (never, Does::Refuses),
            (swallowed, Does::Swallows),
            (dropped, Does::Drops),
            (cut, Does::Cuts),
        ]);
        let name = self.facts.name(letter.claimed.id);
        self.note(format!("mailer {m} sends the text of {name}: the relay {does:?}"));
        if does != Does::Cuts {
            self.facts.left += 1;
            let made = letter.made_from();
            let first = self.facts.texts.entry(letter.claimed.id).or_insert_with(|| made.clone());
            need(*first == made, || format!("{name} is repeated with other bytes"))?;
        }
        if matches!(does, Does::Takes | Does::Swallows) {
            self.take(letter).await?;
        }
        self.facts.lost += i64::from(matches!(does, Does::Swallows | Does::Drops));
        Ok(match does {
            Does::Takes => Said::Accepted,
            Does::Swallows | Does::Drops => Said::Lost,
            Does::Cuts => Said::Cut,
            Does::PutsOff => Said::Later,
            Does::Refuses => Said::Never,
        })
    }

    /// The envelope of a letter goes out.
    pub fn weigh(&mut self, m: usize, letter: &Letter) -> Kept<Verdict> {
        self.may_begin(m, letter, "envelope")?;
        let Manner { later, never, cut, .. } = self.plan.manner;
        let verdict = self.dice.weighed(&[
            (100 - (later + never + cut) / 2, Verdict::Ready),
            (later / 2, Verdict::Later),
            (never / 2, Verdict::Never),
            (cut / 2, Verdict::Broken),
        ]);
        let name = self.facts.name(letter.claimed.id);
        self.note(format!("mailer {m} names {name} to the relay: {verdict:?}"));
        Ok(verdict)
    }

    /// The relay takes responsibility for a letter.
    async fn take(&mut self, letter: &Letter) -> Kept {
        let id = letter.claimed.id;
        let taken = self.facts.taken.entry(id).or_default();
        taken.push(letter.made_from());
        let times = i64::try_from(taken.len()).expect("a few");
        if times < 2 {
            return Ok(());
        }
        let name = self.facts.name(id);
        need(self.facts.repeats(letter.claimed.campaign), || format!("{name} is sent {times} times"))?;
        let row = sqlx::query("select resent from delivery where id = $1")
            .bind(id)
            .fetch_optional(&mut *self.site.installation.db.read().await?)
            .await?;
        let resent: i64 = row.map_or(times, |row| i64::from(sqlx::Row::get::<i32, _>(&row, 0)));
        need(times <= 1 + resent, || format!("{name} is sent {times} times and was in doubt {resent} times"))
    }

    /// Nothing of a letter goes out to who has left, or of a campaign that stands still, once the news
    /// is older than a mark may be.
    fn may_begin(&self, m: usize, letter: &Letter, what: &str) -> Kept {
        let id = letter.claimed.id;
        let name = self.facts.name(id);
        let (campaign, person) = self.facts.deliveries.get(&id).copied().unwrap_or_default();
        let since = |at: Option<i64>| at.map_or(0, |at| self.uptime - at);
        let gone = since(self.facts.gone.get(&person).copied());
        need(gone <= FRESH, || {
            format!("mailer {m} begins the {what} of {name} {gone} ms after the person may not be written to")
        })?;
        let seen = self.facts.campaigns.get(&campaign);
        let stopped = since(seen.and_then(|seen| seen.stopped));
        let state = seen.map_or(State::Draft, |seen| seen.state);
        need(stopped <= FRESH, || {
            format!("mailer {m} begins the {what} of {name} {stopped} ms after its campaign was {state}")
        })?;
        let (now, holds) = (self.site.installation.clock.now(), seen.and_then(|seen| seen.holds_until).unwrap_or(0));
        need(now >= holds || self.facts.clock_fell, || {
            format!("mailer {m} begins the {what} of {name} {} ms before its hold ends", holds - now)
        })
    }
}
