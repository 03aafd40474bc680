//! The planned runs: which faults, how often, on which database, with which campaign settings.

use std::time::Duration;

use crate::clock;
use crate::database_crash::PostgresServer;
use crate::disk_faults::DiskFault;
use crate::installation::{CampaignSettings, Store};
use crate::kill::{Fault, POINTS, ProcessEnd};
use crate::power_loss;
use crate::relay::{Act, Behaviour};
use crate::resource_limits::ResourceLimit;
use crate::runner::Args;
use crate::table::{Expectation, Table};
use crate::unsubscribe::{PAGES, UnsubscribeRun};

/// Recipients, and marked deliveries of a connection, in the runs that hold several.
const SEVERAL: (usize, usize) = (1_200, 8);

/// Recipients, and marked deliveries of a connection, in the runs at full speed.
const CROWD: (usize, usize) = (5_000, 20);

/// What is done in a run.
#[derive(Debug, Clone)]
pub enum Scenario {
    Kill(Fault),
    Launch(&'static str),
    UnsubscribeRequest(UnsubscribeRun),
    Hits,
    DiskFault(DiskFault),
    ResourceLimit(ResourceLimit),
    Clock,
    PostgresServer(PostgresServer, Option<&'static str>),
}

/// One run.
#[derive(Debug, Clone)]
pub struct Job {
    pub name: String,
    pub kind: Store,
    pub settings: CampaignSettings,
    pub expectation: Expectation,
    pub seed: u64,
    pub work: Scenario,
}

/// Every run there is to be. What cannot be tried here is said in the table.
pub fn plan(args: &Args, table: &mut Table) -> Vec<Job> {
    let mut kinds = vec![Store::Sqlite];
    match args.server {
        Some(_) => kinds.push(Store::Postgres),
        None => table.skip("PostgreSQL: no server is named"),
    }
    let mut plan = Plan { args, kinds, settings: args.settings(), jobs: Vec::new() };
    plan.deaths("", Expectation::NothingLost, POINTS);
    for point in ["before-freeze-commit", "after-freeze-commit"] {
        plan.both(&format!("killed at {point}"), Expectation::NothingLost, args.seeds, Scenario::Launch(point));
    }
    // What comes before a mark is the same whatever becomes of a message.
    plan.settings = CampaignSettings { resend: true, ..args.settings() };
    plan.deaths("resend: ", Expectation::Resent, &POINTS[2..]);
    plan.both(
        "resend: reply lost",
        Expectation::Resent,
        args.seeds,
        Scenario::Kill(Fault::of_relay(29, Act::AcceptAndHangUp)),
    );
    let crowded = |(recipients, ahead)| CampaignSettings { recipients, ahead, ..args.settings() };
    plan.settings = crowded(SEVERAL);
    plan.deaths(&format!("ahead {}: ", SEVERAL.1), Expectation::NothingLost, &POINTS[2..]);
    plan.settings = crowded(CROWD);
    let name = "full speed: killed";
    plan.both(name, Expectation::NothingLost, args.seeds, Scenario::Kill(Fault::new(ProcessEnd::Random(1))));
    plan.both(
        &format!("{name} three times"),
        Expectation::NothingLost,
        args.seeds,
        Scenario::Kill(Fault::new(ProcessEnd::Random(3))),
    );
    plan.settings.resend = true;
    plan.both(
        &format!("{name}, resend"),
        Expectation::Resent,
        args.seeds,
        Scenario::Kill(Fault::new(ProcessEnd::Random(1))),
    );
    plan.settings = args.settings();
    plan.relays();
    plan.requests();
    match clock::obstacle() {
        None => plan.both("clock jumps by an hour", Expectation::NothingLost, args.seeds, Scenario::Clock),
        Some(why) => table.skip(why),
    }
    match power_loss::build(&args.work) {
        Ok(()) => plan.power(),
        Err(why) => table.skip(why),
    }
    for ill in DiskFault::ALL {
        match ill.obstacle() {
            None => {
                plan.add(ill.name(), &[Store::Sqlite], Expectation::NothingLost, args.seeds, Scenario::DiskFault(*ill))
            }
            Some(why) => table.skip(why),
        }
    }
    match ResourceLimit::obstacle() {
        None => ResourceLimit::ALL.iter().for_each(|lack| {
            plan.both(lack.name(), Expectation::NothingLost, args.seeds, Scenario::ResourceLimit(*lack))
        }),
        Some(why) => table.skip(why),
    }
    match (&args.postgres, &args.postgres_data) {
        (Some(control), Some(data)) => {
            plan.server(&PostgresServer { control: control.clone(), data: data.clone() });
        }
        _ => table.skip("death of the PostgreSQL server: none is named that may be stopped"),
    }
    for job in &plan.jobs {
        table.expect(&job.name, job.kind, job.expectation);
    }
    plan.jobs
}

struct Plan<'a> {
    args: &'a Args,
    kinds: Vec<Store>,
    /// Of the runs that are added next.
    settings: CampaignSettings,
    jobs: Vec<Job>,
}

impl Plan<'_> {
    fn add(&mut self, name: &str, kinds: &[Store], expectation: Expectation, runs: u64, work: Scenario) {
        let Args { only, first, quick, .. } = self.args;
        // The short way passes each point once on SQLite, and sees every promise broken.
        let is_short = expectation.is_control() || work.is_at_point() && self.settings == self.args.settings();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) || *quick && !is_short {
            return;
        }
        let kinds = if *quick && !expectation.is_control() { &[Store::Sqlite] } else { kinds };
        for kind in kinds {
            for seed in *first..first + runs {
                let (name, work) = (name.to_owned(), work.clone());
                self.jobs.push(Job { name, kind: *kind, settings: self.settings, expectation, seed, work });
            }
        }
    }

    fn both(&mut self, name: &str, expectation: Expectation, runs: u64, work: Scenario) {
        let kinds = self.kinds.clone();
        self.add(name, &kinds, expectation, runs, work);
    }

    /// Deaths at these points, and at random moments.
    fn deaths(&mut self, word: &str, expectation: Expectation, points: &[(&'static str, u32)]) {
        let seeds = self.args.seeds;
        for (point, passages) in points {
            let fault = Fault::new(ProcessEnd::At(point, *passages));
            self.both(&format!("{word}killed at {point}"), expectation, seeds, Scenario::Kill(fault));
        }
        let random = |times| Scenario::Kill(Fault::new(ProcessEnd::Random(times)));
        self.both(&format!("{word}killed at random"), expectation, 3 * seeds, random(1));
        self.both(&format!("{word}killed three times"), expectation, seeds, random(3));
    }

    /// Relays that break off or refuse; nobody dies.
    fn relays(&mut self) {
        let some = self.args.seeds.div_ceil(2);
        let acts = [
            ("relay hangs up before 250", 29, Act::HangUp),
            ("relay accepts, reply lost", 29, Act::AcceptAndHangUp),
            ("relay says 451 to the text", 7, Act::Reply("451 4.3.0 later".to_owned())),
            ("relay says 421 to the text", 23, Act::Reply("421 4.3.0 closing".to_owned())),
            ("relay says 554 to the text", 7, Act::Reply("554 5.6.0 no".to_owned())),
        ];
        for (name, every, act) in acts {
            self.both(name, Expectation::NothingLost, some, Scenario::Kill(Fault::of_relay(every, act)));
        }
        let mut refusing = Fault::new(ProcessEnd::Random(1));
        refusing.behaviour =
            Behaviour { at_rcpt: Some((5, Act::Reply("450 4.2.0 later".to_owned()))), ..Behaviour::default() };
        self.both("450 to recipients, and killed", Expectation::NothingLost, some, Scenario::Kill(refusing));
    }

    fn requests(&mut self) {
        for point in ["before-erase-commit", "after-erase-commit"] {
            let trial = UnsubscribeRun { point: Some((point, 20)), ..UnsubscribeRun::default() };
            self.both(
                &format!("killed at {point}"),
                Expectation::NothingLost,
                self.args.seeds,
                Scenario::UnsubscribeRequest(trial),
            );
        }
        // Between two transactions of the removal of bytes from pages.
        let cleaning = UnsubscribeRun { point: Some((PAGES, 1)), ..UnsubscribeRun::default() };
        self.add(
            &format!("killed at {PAGES}"),
            &[Store::Sqlite],
            Expectation::NothingLost,
            self.args.seeds,
            Scenario::UnsubscribeRequest(cleaning),
        );
        let locked = UnsubscribeRun { locked: true, ..UnsubscribeRun::default() };
        self.both("database locked", Expectation::NothingLost, 1, Scenario::UnsubscribeRequest(locked));
        let noted =
            UnsubscribeRun { point: Some(("after-journal-write", 2)), locked: true, ..UnsubscribeRun::default() };
        self.both("killed at after-journal-write", Expectation::NothingLost, 1, Scenario::UnsubscribeRequest(noted));
        self.both("killed at after-spool-write", Expectation::NothingLost, 1, Scenario::Hits);
        self.both(
            "unsubscribe requests while sending",
            Expectation::NothingLost,
            1,
            Scenario::UnsubscribeRequest(UnsubscribeRun::default()),
        );
        let late = Fault::new(ProcessEnd::At("after-body-reply", 250)).with_bug("mark-after-body");
        self.both("control: mark after the body", Expectation::Detected, 2, Scenario::Kill(late));
        let unnamed = Fault::new(ProcessEnd::At("after-body-reply", 250)).with_bug("name-no-bodies");
        self.both("control: begun bodies are not named", Expectation::Detected, 2, Scenario::Kill(unnamed));
        let early = Fault::new(ProcessEnd::At("after-data-reply", 250)).with_delay(Duration::from_millis(4));
        let early = early.with_bug("name-every-mark");
        self.both("control: bodies are named at the mark", Expectation::DetectedOnce, 3, Scenario::Kill(early));
        let ungated = UnsubscribeRun { bug: Some("skip-final-check"), ..UnsubscribeRun::default() };
        self.both(
            "control: no final eligibility check",
            Expectation::Detected,
            1,
            Scenario::UnsubscribeRequest(ungated),
        );
    }

    /// Deaths after which only what was synced is there.
    fn power(&mut self) {
        let (seeds, sqlite) = (self.args.seeds, &[Store::Sqlite]);
        for point in ["before-mark-commit", "after-mark", "after-body", "after-body-reply", "after-result-commit"] {
            let passages = POINTS.iter().find(|(name, _)| *name == point).map_or(1, |(_, passages)| *passages);
            let fault = Fault::new(ProcessEnd::At(point, passages)).with_power_loss();
            self.add(&format!("power lost at {point}"), sqlite, Expectation::NothingLost, seeds, Scenario::Kill(fault));
        }
        let random = Fault::new(ProcessEnd::Random(1)).with_power_loss();
        self.add("power lost at random", sqlite, Expectation::NothingLost, 2 * seeds, Scenario::Kill(random));
        let requests = UnsubscribeRun { power: true, ..UnsubscribeRun::default() };
        self.add(
            "power lost after unsubscribe requests",
            sqlite,
            Expectation::NothingLost,
            seeds,
            Scenario::UnsubscribeRequest(requests),
        );
        let noted = UnsubscribeRun { power: true, locked: true, ..UnsubscribeRun::default() };
        self.add(
            "power lost, requests in the journal",
            sqlite,
            Expectation::NothingLost,
            1,
            Scenario::UnsubscribeRequest(noted),
        );
        let unsynced = Fault::new(ProcessEnd::Random(1)).with_power_loss().with_delay(Duration::from_millis(2));
        let unsynced = Scenario::Kill(unsynced.with_bug("skip-sync"));
        self.add("control: power lost, no sync", sqlite, Expectation::Detected, 3, unsynced);
    }

    fn server(&mut self, server: &PostgresServer) {
        let (seeds, postgres) = (self.args.seeds, &[Store::Postgres]);
        let work = Scenario::PostgresServer(server.clone(), None);
        self.add("server dies and comes back", postgres, Expectation::NothingLost, seeds, work);
        let unsynced = Scenario::PostgresServer(server.clone(), Some("skip-sync"));
        self.add("control: server dies, no sync", postgres, Expectation::Detected, 2, unsynced);
    }
}

impl Scenario {
    /// Whether a fail point ends the process, and nothing else is wrong.
    fn is_at_point(&self) -> bool {
        match self {
            Self::Kill(fault) => matches!(fault.death, ProcessEnd::At(..)) && !fault.power,
            Self::Launch(_) | Self::Hits => true,
            Self::UnsubscribeRequest(trial) => trial.point.is_some(),
            Self::DiskFault(_) | Self::ResourceLimit(_) | Self::Clock | Self::PostgresServer(..) => false,
        }
    }
}
