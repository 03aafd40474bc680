//! The steps of a seed: time goes on, mailers work, and every now and then a fault or a user interferes.

use std::sync::Arc;
use std::time::Duration;

use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::subscription;
use sendoff::campaign::delivery::uncertain::{self, Resolution, Scope};
use sendoff::campaign::model::transition;
use sendoff::campaign::{lifecycle, recall};
use sendoff::infra::clock::Millis;
use sendoff::infra::id::Id;
use sendoff::mailer::lease;
use sendoff::privacy::erasure::{self, Reason};
use sqlx::Row;
use tokio::sync::Notify;
use tokio::time::{advance, sleep, timeout};

use crate::driver::{self, Moment};
use crate::observations::{Checked, whole};
use crate::simulation::Simulation;

/// A fault, or what a user does.
#[derive(Debug, Clone, Copy)]
enum Event {
    MailerDies,
    AllDieInACommit,
    CommitRefused,
    LeaseExpires,
    MachinesStall,
    MailerRestarts,
    RelayChanged,
    Unsubscribe,
    Restrict,
    ContactChanges,
    Pause,
    Resume,
    EndCampaign,
    ClockIsSet,
    OperatorResolves,
}

const EVENTS: &[(usize, Event)] = &[
    (6, Event::MailerDies),
    (4, Event::AllDieInACommit),
    (2, Event::CommitRefused),
    (5, Event::LeaseExpires),
    (4, Event::MachinesStall),
    (1, Event::MailerRestarts),
    (2, Event::RelayChanged),
    (7, Event::Unsubscribe),
    (1, Event::Restrict),
    (5, Event::ContactChanges),
    (2, Event::Pause),
    (6, Event::Resume),
    (1, Event::EndCampaign),
    (2, Event::ClockIsSet),
    (3, Event::OperatorResolves),
];

/// How long a message may be under way at the relay, in ms.
const RELAY_MARGIN: Millis = 30_000;

impl Simulation {
    /// Time goes on, and something happens.
    pub async fn step(&mut self) -> Checked {
        let pause = self.rng.weighted(&[(10, 4), (8, 40), (4, 300), (1, 1_500)]);
        sleep(millis(self.rng.below(pause + 1))).await;
        if self.rng.chance(4) {
            // Long, and cheap: the mailers see one long moment instead of many short ones.
            let stall = self.rng.below(70_000);
            self.stall(stall).await;
        }
        if self.plan.shared && self.rng.chance(10) {
            lease::recover(&self.seed.installation).await?;
        }
        if self.rng.chance(self.plan.faults) {
            let event = self.rng.weighted(EVENTS);
            self.happen(event).await?;
        } else if self.rng.chance(10) {
            self.happen(Event::Resume).await?;
        }
        self.check_limit().await?;
        self.check_mailers()?;
        self.observe().await
    }

    async fn happen(&mut self, event: Event) -> Checked {
        let m = self.rng.below(self.mailers.len());
        match event {
            Event::MailerDies => self.kill(m).await,
            Event::AllDieInACommit => self.kill_in_commit().await,
            Event::CommitRefused => {
                self.observations.lock().note("the next commit is refused");
                driver::set(|conditions| conditions.refuse = 1);
                Ok(())
            }
            Event::LeaseExpires => self.expire_lease(m).await,
            Event::MachinesStall => {
                let stall = self.rng.below(4_000);
                self.observations.lock().note(format!("all machines stall for {stall} ms"));
                self.stall(stall).await;
                Ok(())
            }
            Event::MailerRestarts => self.restart(m).await,
            Event::RelayChanged => {
                self.observations.lock().note("the relay is changed");
                let version = u16::try_from(self.rng.below(1_000)).expect("a port");
                self.set_relay(version).await
            }
            Event::Unsubscribe => self.unsubscribe().await,
            Event::Restrict => self.restrict().await,
            Event::ContactChanges => self.change_contact().await,
            Event::Pause | Event::Resume | Event::EndCampaign => self.change_campaign(event).await,
            Event::ClockIsSet => {
                self.set_clock();
                Ok(())
            }
            Event::OperatorResolves => self.resolve_uncertain().await,
        }
    }

    /// All machines stand still for so many ms.
    async fn stall(&self, stall: usize) {
        advance(millis(stall)).await;
        let mut observations = self.observations.lock();
        observations.stalled_at = observations.uptime();
    }

    /// All mailers die while one of them commits: before everything is on disk, or after.
    async fn kill_in_commit(&mut self) -> Checked {
        let moment = if self.rng.chance(50) { Moment::Before } else { Moment::After };
        let reached = Arc::new(Notify::new());
        driver::set(|conditions| conditions.stop = Some((moment, reached.clone())));
        let is_reached = timeout(Duration::from_secs(2), reached.notified()).await.is_ok();
        driver::set(|conditions| conditions.stop = None);
        if is_reached {
            self.observations.lock().note(format!("all mailers die: {moment:?} a commit"));
            self.kill_all().await?;
        }
        Ok(())
    }

    /// A contact; often one whose message is being sent.
    async fn some_contact(&mut self) -> Checked<(usize, Id)> {
        let mut at = self.rng.below(self.contacts.len());
        if self.rng.chance(60) {
            let rows = sqlx::query("select contact_id from delivery where state = 'sending' order by id")
                .fetch_all(&mut *self.seed.installation.db.read().await?)
                .await?;
            let sending: Vec<Id> = rows.iter().map(|row| row.get(0)).collect();
            if let Some(contact) = sending.get(self.rng.below(sending.len())) {
                at = self.contacts.iter().position(|other| other == contact).unwrap_or(at);
            }
        }
        Ok((at, self.contacts[at]))
    }

    async fn unsubscribe(&mut self) -> Checked {
        let (at, contact) = self.some_contact().await?;
        let (installation, workspace, list) = (self.seed.installation.clone(), self.seed.workspace, self.list);
        if self.rng.chance(50) {
            erasure::unsubscribe(&installation, workspace, contact, list, Reason::Unsubscribed, None).await?;
        } else {
            let found = contact::get(&mut *installation.db.read().await?, contact).await?;
            let Some(found) = found else { return Ok(()) };
            erasure::erase(&installation, workspace, &found.address, Reason::Erased, None).await?;
        }
        let mut observations = self.observations.lock();
        observations.note(format!("contact {at} unsubscribes"));
        observations.contact_gone(contact);
        Ok(())
    }

    async fn restrict(&mut self) -> Checked {
        let (at, contact) = self.some_contact().await?;
        let mut tx = self.seed.installation.db.write().await?;
        subscription::restrict(&mut tx, contact).await?;
        tx.commit().await?;
        let mut observations = self.observations.lock();
        observations.note(format!("contact {at} is restricted"));
        observations.contact_gone(contact);
        Ok(())
    }

    /// The data of a contact change. A message that was once begun must not.
    async fn change_contact(&mut self) -> Checked {
        let (at, id) = self.some_contact().await?;
        let installation = self.seed.installation.clone();
        let mut tx = installation.db.write().await?;
        if let Some(found) = contact::get(&mut tx, id).await? {
            let city = self.rng.below(1_000);
            let values = Values::from_iter([("city".to_owned(), city.to_string().into())]);
            let changed = NewContact { id, address: found.address, values };
            contact::update(&mut tx, self.seed.workspace, &[changed], installation.clock.now()).await?;
            self.observations.lock().note(format!("contact {at} moves to city {city}"));
        }
        tx.commit().await?;
        Ok(())
    }

    async fn change_campaign(&mut self, event: Event) -> Checked {
        let campaigns = self.campaigns().await?;
        let at = self.rng.below(campaigns.len());
        let Some(campaign) = campaigns.get(at) else { return Ok(()) };
        let now = self.seed.installation.clock.now();
        let mut tx = self.seed.installation.db.write().await?;
        let (word, done) = match event {
            Event::Pause => ("paused", transition::pause(&mut tx, campaign, "enough").await),
            Event::Resume => ("resumed", transition::resume(&mut tx, campaign).await),
            _ if self.rng.chance(50) => ("recalled", recall::recall(&mut tx, campaign, now).await),
            _ => ("cancelled", lifecycle::cancel(&mut tx, campaign, now).await.map(drop)),
        };
        match done {
            Ok(()) => tx.commit().await?,
            // The campaign was in a state in which that cannot be done.
            Err(error) if error.is_user_error() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.observations.lock().note(format!("campaign {at} is {word}"));
        Ok(())
    }

    /// The wall clock is set, by minutes or by days, forth or back.
    fn set_clock(&mut self) {
        let by = Millis::try_from(self.rng.between(1, 90)).expect("minutes") * 60_000;
        let by = if self.rng.chance(15) { by * 48 } else { by };
        let by = if self.rng.chance(40) { -by } else { by };
        self.seed.installation.clock.advance(by);
        let mut observations = self.observations.lock();
        observations.clock_put_back |= by < 0;
        observations.draws.clear();
        observations.note(format!("the clock is set by {} min", by / 60_000));
    }

    /// An operator decides about uncertain deliveries: holds them, sends them again, or resolves them by the relay's log.
    async fn resolve_uncertain(&mut self) -> Checked {
        let installation = self.seed.installation.clone();
        let scope = Scope { workspace: self.seed.workspace, campaign: None };
        let uncertain = uncertain::list(&mut *installation.db.read().await?, scope).await?;
        let mut ids: Vec<Id> = uncertain.iter().map(|delivery| delivery.id).collect();
        let (now, choice) = (installation.clock.now(), self.rng.below(3));
        if choice == 2 {
            // The log says nothing of a message that may still be on the wire.
            let observations = self.observations.lock();
            let is_over = |id: &Id| {
                let contact = observations.deliveries.get(id).map(|of| of.0).unwrap_or_default();
                observations.offered.get(&contact).is_none_or(|at| observations.uptime() - at > RELAY_MARGIN)
            };
            ids.retain(is_over);
        }
        if ids.is_empty() {
            return Ok(());
        }
        let mut tx = installation.db.write().await?;
        match choice {
            0 => drop(uncertain::hold(&mut tx, &ids).await?),
            1 => {
                for campaign in uncertain::resend(&mut tx, &ids, now).await?.into_keys() {
                    transition::reopen(&mut tx, campaign).await?;
                    if let Some(seen) = self.observations.lock().campaigns.get_mut(&campaign) {
                        seen.repeats = true;
                    }
                }
            }
            _ => {
                let log = |id: &Id| {
                    let accepted = self.observations.lock().accepted.contains_key(id);
                    Resolution { id: *id, accepted, reply: String::new(), code: String::new() }
                };
                let resolutions: Vec<Resolution> = ids.iter().map(log).collect();
                let (accepted, rejected) = uncertain::resolve(&mut tx, &resolutions, now).await?;
                let mut observations = self.observations.lock();
                observations.resolved += whole(usize::try_from(accepted + rejected).expect("a few"));
                let rejected = resolutions.iter().filter(|resolution| !resolution.accepted);
                observations.rejected.extend(rejected.map(|resolution| resolution.id));
            }
        }
        tx.commit().await?;
        self.observations.lock().note(format!("an operator decides about {} uncertain messages: {choice}", ids.len()));
        Ok(())
    }
}

fn millis(count: usize) -> Duration {
    Duration::from_millis(u64::try_from(count).expect("seconds"))
}
