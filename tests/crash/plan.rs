//! What there is to try: which faults, how often, on which database, with a campaign of which terms.

use std::time::Duration;

use crate::clock;
use crate::disk::Ill;
use crate::goodbye::Trial;
use crate::installation::{Kind, Terms};
use crate::kill::{Death, Fault, POINTS};
use crate::power;
use crate::relay::{Act, Manner};
use crate::resource_limits::Lack;
use crate::runner::Args;
use crate::server::Server;
use crate::table::{Hope, Table};

/// Recipients, and marked deliveries of a connection, in the runs that hold several.
const SEVERAL: (usize, usize) = (1_200, 8);

/// Recipients, and marked deliveries of a connection, in the runs at full speed.
const CROWD: (usize, usize) = (5_000, 20);

/// What is done in a run.
#[derive(Debug, Clone)]
pub enum Work {
    Kill(Fault),
    Launch(&'static str),
    Goodbye(Trial),
    Hits,
    Ill(Ill),
    Lack(Lack),
    Clock,
    Server(Server, Option<&'static str>),
}

/// One run.
#[derive(Debug, Clone)]
pub struct Job {
    pub name: String,
    pub kind: Kind,
    pub terms: Terms,
    pub hope: Hope,
    pub seed: u64,
    pub work: Work,
}

/// Every run there is to be. What cannot be tried here is said in the table.
pub fn plan(args: &Args, table: &mut Table) -> Vec<Job> {
    let mut kinds = vec![Kind::Sqlite];
    match args.server {
        Some(_) => kinds.push(Kind::Postgres),
        None => table.skip("PostgreSQL: no server is named"),
    }
    let mut plan = Plan { args, kinds, terms: args.terms(), jobs: Vec::new() };
    plan.deaths("", Hope::Clean, POINTS);
    for point in ["before-freeze-commit", "after-freeze-commit"] {
        plan.both(&format!("killed at {point}"), Hope::Clean, args.seeds, Work::Launch(point));
    }
    // What comes before a mark is the same whatever becomes of a letter.
    plan.terms = Terms { resend: true, ..args.terms() };
    plan.deaths("resend: ", Hope::Resent, &POINTS[2..]);
    plan.both("resend: answer lost", Hope::Resent, args.seeds, Work::Kill(Fault::of_relay(29, Act::DropAnswer)));
    let crowded = |(people, ahead)| Terms { people, ahead, ..args.terms() };
    plan.terms = crowded(SEVERAL);
    plan.deaths(&format!("ahead {}: ", SEVERAL.1), Hope::Clean, &POINTS[2..]);
    plan.terms = crowded(CROWD);
    let name = "full speed: killed";
    plan.both(name, Hope::Clean, args.seeds, Work::Kill(Fault::new(Death::Random(1))));
    plan.both(&format!("{name} three times"), Hope::Clean, args.seeds, Work::Kill(Fault::new(Death::Random(3))));
    plan.terms.resend = true;
    plan.both(&format!("{name}, resend"), Hope::Resent, args.seeds, Work::Kill(Fault::new(Death::Random(1))));
    plan.terms = args.terms();
    plan.relays();
    plan.goodbyes();
    match clock::obstacle() {
        None => plan.both("clock jumps by an hour", Hope::Clean, args.seeds, Work::Clock),
        Some(why) => table.skip(why),
    }
    match power::build(&args.work) {
        Ok(()) => plan.power(),
        Err(why) => table.skip(why),
    }
    for ill in Ill::ALL {
        match ill.obstacle() {
            None => plan.add(ill.name(), &[Kind::Sqlite], Hope::Clean, args.seeds, Work::Ill(*ill)),
            Some(why) => table.skip(why),
        }
    }
    match Lack::obstacle() {
        None => Lack::ALL.iter().for_each(|lack| plan.both(lack.name(), Hope::Clean, args.seeds, Work::Lack(*lack))),
        Some(why) => table.skip(why),
    }
    match (&args.postgres, &args.postgres_data) {
        (Some(control), Some(data)) => {
            plan.server(&Server { control: control.clone(), data: data.clone() });
        }
        _ => table.skip("death of the PostgreSQL server: none is named that may be stopped"),
    }
    for job in &plan.jobs {
        table.expect(&job.name, job.kind, job.hope);
    }
    plan.jobs
}

struct Plan<'a> {
    args: &'a Args,
    kinds: Vec<Kind>,
    /// Of the runs that are added next.
    terms: Terms,
    jobs: Vec<Job>,
}

impl Plan<'_> {
    fn add(&mut self, name: &str, kinds: &[Kind], hope: Hope, runs: u64, work: Work) {
        let Args { only, first, quick, .. } = self.args;
        // The short way passes each point once on SQLite, and sees every promise broken.
        let is_short = hope == Hope::Damage || work.is_at_point() && self.terms == self.args.terms();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) || *quick && !is_short {
            return;
        }
        let kinds = if *quick && hope != Hope::Damage { &[Kind::Sqlite] } else { kinds };
        for kind in kinds {
            for seed in *first..first + runs {
                let (name, work) = (name.to_owned(), work.clone());
                self.jobs.push(Job { name, kind: *kind, terms: self.terms, hope, seed, work });
            }
        }
    }

    fn both(&mut self, name: &str, hope: Hope, runs: u64, work: Work) {
        let kinds = self.kinds.clone();
        self.add(name, &kinds, hope, runs, work);
    }

    /// Deaths at these points, and at random moments.
    fn deaths(&mut self, word: &str, hope: Hope, points: &[(&'static str, u32)]) {
        let seeds = self.args.seeds;
        for (point, passages) in points {
            let fault = Fault::new(Death::At(point, *passages));
            self.both(&format!("{word}killed at {point}"), hope, seeds, Work::Kill(fault));
        }
        let random = |times| Work::Kill(Fault::new(Death::Random(times)));
        self.both(&format!("{word}killed at random"), hope, 3 * seeds, random(1));
        self.both(&format!("{word}killed three times"), hope, seeds, random(3));
    }

    /// Relays that break off or refuse; nobody dies.
    fn relays(&mut self) {
        let some = self.args.seeds.div_ceil(2);
        let acts = [
            ("relay hangs up before 250", 29, Act::Drop),
            ("relay accepts, answer lost", 29, Act::DropAnswer),
            ("relay says 451 to the text", 7, Act::Say("451 4.3.0 later".to_owned())),
            ("relay says 421 to the text", 23, Act::Say("421 4.3.0 closing".to_owned())),
            ("relay says 554 to the text", 7, Act::Say("554 5.6.0 no".to_owned())),
        ];
        for (name, every, act) in acts {
            self.both(name, Hope::Clean, some, Work::Kill(Fault::of_relay(every, act)));
        }
        let mut refusing = Fault::new(Death::Random(1));
        refusing.manner = Manner { at_rcpt: Some((5, Act::Say("450 4.2.0 later".to_owned()))), ..Manner::default() };
        self.both("450 to recipients, and killed", Hope::Clean, some, Work::Kill(refusing));
    }

    fn goodbyes(&mut self) {
        for point in ["before-erase-commit", "after-erase-commit"] {
            let trial = Trial { point: Some((point, 20)), ..Trial::default() };
            self.both(&format!("killed at {point}"), Hope::Clean, self.args.seeds, Work::Goodbye(trial));
        }
        let locked = Trial { locked: true, ..Trial::default() };
        self.both("database locked", Hope::Clean, 1, Work::Goodbye(locked));
        let noted = Trial { point: Some(("after-journal-write", 2)), locked: true, ..Trial::default() };
        self.both("killed at after-journal-write", Hope::Clean, 1, Work::Goodbye(noted));
        self.both("killed at after-spool-write", Hope::Clean, 1, Work::Hits);
        self.both("goodbyes while sending", Hope::Clean, 1, Work::Goodbye(Trial::default()));
        let late = Fault::new(Death::At("after-body-reply", 250)).with_bug("mark-after-body");
        self.both("control: mark after the body", Hope::Damage, 2, Work::Kill(late));
        let ungated = Trial { bug: Some("skip-final-check"), ..Trial::default() };
        self.both("control: no last question", Hope::Damage, 1, Work::Goodbye(ungated));
    }

    /// Deaths after which only what was synced is there.
    fn power(&mut self) {
        let (seeds, sqlite) = (self.args.seeds, &[Kind::Sqlite]);
        for point in ["before-mark-commit", "after-mark", "after-body", "after-body-reply", "after-result-commit"] {
            let passages = POINTS.iter().find(|(name, _)| *name == point).map_or(1, |(_, passages)| *passages);
            let fault = Fault::new(Death::At(point, passages)).with_power_loss();
            self.add(&format!("power lost at {point}"), sqlite, Hope::Clean, seeds, Work::Kill(fault));
        }
        let random = Fault::new(Death::Random(1)).with_power_loss();
        self.add("power lost at random", sqlite, Hope::Clean, 2 * seeds, Work::Kill(random));
        let goodbyes = Trial { power: true, ..Trial::default() };
        self.add("power lost after goodbyes", sqlite, Hope::Clean, seeds, Work::Goodbye(goodbyes));
        let noted = Trial { power: true, locked: true, ..Trial::default() };
        self.add("power lost, goodbyes on paper", sqlite, Hope::Clean, 1, Work::Goodbye(noted));
        let unsynced = Fault::new(Death::Random(1)).with_power_loss().with_delay(Duration::from_millis(2));
        let unsynced = Work::Kill(unsynced.with_bug("skip-sync"));
        self.add("control: power lost, no sync", sqlite, Hope::Damage, 3, unsynced);
    }

    fn server(&mut self, server: &Server) {
        let (seeds, postgres) = (self.args.seeds, &[Kind::Postgres]);
        let work = Work::Server(server.clone(), None);
        self.add("server dies and comes back", postgres, Hope::Clean, seeds, work);
        let unsynced = Work::Server(server.clone(), Some("skip-sync"));
        self.add("control: server dies, no sync", postgres, Hope::Damage, 2, unsynced);
    }
}

impl Work {
    /// Whether a fail point ends the process, and nothing else is wrong.
    fn is_at_point(&self) -> bool {
        match self {
            Self::Kill(fault) => matches!(fault.death, Death::At(..)) && !fault.power,
            Self::Launch(_) | Self::Hits => true,
            Self::Goodbye(trial) => trial.point.is_some(),
            Self::Ill(_) | Self::Lack(_) | Self::Clock | Self::Server(..) => false,
        }
    }
}
