//! What mailers do by themselves: one step of one of them, of those that make sense at the moment.

use crate::duty::Commit;
use crate::observations::Kept;
use crate::world::World;

/// A step of a mailer, with the number of its connection where it is one of a connection.
#[derive(Debug, Clone, Copy)]
enum Step {
    Tick,
    Claim,
    Settle,
    Commit,
    GoHome,
    Fill(usize),
    Send(usize),
    Hear(usize),
}

impl World {
    /// A mailer does something.
    pub async fn work(&mut self) -> Kept {
        let m = self.dice.below(self.mailers.len());
        if self.mailers[m].asleep {
            self.mailers[m].asleep = self.dice.chance(80);
            return Ok(());
        }
        let steps = self.steps(m);
        match self.dice.weighed(&steps) {
            Step::Tick => self.tick().await,
            Step::Claim => self.claim(m).await,
            Step::Settle => self.settle().await,
            Step::Commit => self.commit(m, Commit::Whole).await,
            Step::GoHome => self.go_home(m).await.map(drop),
            Step::Fill(l) => {
                self.fill(m, l).await?;
                Ok(())
            }
            Step::Send(l) => self.send(m, l).await,
            Step::Hear(l) => {
                self.hear(m, l);
                Ok(())
            }
        }
    }

    /// What makes sense, by how often it happens.
    fn steps(&self, m: usize) -> Vec<(usize, Step)> {
        let mailer = &self.mailers[m];
        let mut steps = vec![(2, Step::Tick)];
        match mailer.halted {
            true => steps.push((3, Step::GoHome)),
            false if mailer.queue.len() < 4 => steps.push((4, Step::Claim)),
            false => {}
        }
        if self.plan.shared {
            steps.push((1, Step::Settle));
        }
        if !mailer.notes.is_empty() {
            steps.push((6, Step::Commit));
        }
        for (l, line) in mailer.lines.iter().enumerate() {
            if line.wire.is_some() {
                steps.push((6, Step::Hear(l)));
                continue;
            }
            if !mailer.queue.is_empty() && line.asked.len() + usize::from(line.current.is_some()) < self.plan.ahead {
                steps.push((6, Step::Fill(l)));
            }
            if line.current.is_some() || line.asked.front().is_some_and(|front| front.answer.is_some()) {
                steps.push((6, Step::Send(l)));
            }
        }
        steps
    }
}
