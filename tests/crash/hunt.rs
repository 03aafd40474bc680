//! The plan of a run: which faults, how often, on which database; some at a time, each in an
//! installation of its own.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::disk::{self, Ill};
use crate::goodbye::{self, Trial};
use crate::kill::{self, Death, Fault, POINTS};
use crate::launch;
use crate::power;
use crate::relay::{Act, Manner, Relay};
use crate::server::{self, Server};
use crate::site::{Ground, Kind, Site};
use crate::table::{Hope, Run, Table};

/// What to hunt with.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The program, built with the feature `failpoints`
    #[arg(long)]
    program: PathBuf,
    /// Folder for everything that is made
    #[arg(long)]
    work: PathBuf,
    /// PostgreSQL server where databases may be made, as `postgres://…/postgres`
    #[arg(long)]
    server: Option<String>,
    /// `pg_ctl` of that server, when it may be stopped and started
    #[arg(long, requires = "postgres_data")]
    postgres: Option<String>,
    /// Its data folder
    #[arg(long)]
    postgres_data: Option<String>,
    /// Runs of each fault on each database
    #[arg(long, default_value_t = 2)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Only faults whose name holds this
    #[arg(long)]
    only: Option<String>,
    /// Recipients of a campaign
    #[arg(long, default_value_t = 300)]
    people: usize,
    /// Connections of the relay
    #[arg(long, default_value_t = 20)]
    connections: usize,
    /// Marked deliveries that one connection may hold
    #[arg(long, default_value_t = 1)]
    ahead: usize,
    /// Keep the folders of runs that went well, too
    #[arg(long)]
    keep: bool,
    /// Runs at a time
    #[arg(long, default_value_t = 4)]
    slots: usize,
}

#[derive(Debug, Clone)]
enum Work {
    Kill(Fault),
    Launch(&'static str),
    Goodbye(Trial),
    Ill(Ill),
    Server(Server, Option<&'static str>),
}

#[derive(Debug, Clone)]
struct Job {
    name: String,
    kind: Kind,
    hope: Hope,
    seed: u64,
    work: Work,
}

/// Carries everything out and prints the table; true when all is as hoped.
pub async fn run(args: Args) -> Result<bool, String> {
    sqlx::any::install_default_drivers();
    let began = Instant::now();
    let mut table = Table::default();
    let ground = Ground {
        program: args.program.clone(),
        work: args.work.clone(),
        server: args.server.clone(),
        people: args.people,
        connections: args.connections,
    };
    let jobs = plan(&args, &mut table);
    println!("{} runs, {} at a time", jobs.len(), args.slots);
    let table = Arc::new(Mutex::new(table));
    // A server that dies takes all runs with it: those go alone.
    let (alone, together): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| matches!(job.work, Work::Server(..)));
    for (count, jobs) in [(args.slots, together), (1, alone)] {
        let queue = Arc::new(Mutex::new(VecDeque::from(jobs)));
        let mut slots = tokio::task::JoinSet::new();
        for number in 0..count {
            let bound = args.connections * args.ahead;
            let slot = Slot::open(number, ground.clone(), bound, args.keep).await?;
            slots.spawn(slot.work(queue.clone(), table.clone()));
        }
        while let Some(ended) = slots.join_next().await {
            ended.map_err(|error| format!("a slot broke: {error}"))?;
        }
    }
    let table = table.lock().unwrap_or_else(PoisonError::into_inner);
    let good = table.print();
    println!("{:.0} s", began.elapsed().as_secs_f64());
    Ok(good)
}

/// Every run there is to be.
fn plan(args: &Args, table: &mut Table) -> Vec<Job> {
    let mut kinds = vec![Kind::Sqlite];
    match args.server {
        Some(_) => kinds.push(Kind::Postgres),
        None => table.skip("PostgreSQL: no server is named"),
    }
    table.skip("letters sent again where their fate is unknown (`resend`): every run here holds them");
    let mut jobs = Vec::new();
    let mut add = |name: &str, kinds: &[Kind], hope: Hope, runs: u64, work: Work| {
        if args.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        for kind in kinds {
            for seed in args.first..args.first + runs {
                jobs.push(Job { name: name.to_owned(), kind: *kind, hope, seed, work: work.clone() });
            }
        }
    };
    let seeds = args.seeds;
    for (point, passages) in POINTS {
        let name = format!("killed at {point}");
        add(&name, &kinds, Hope::Clean, seeds, Work::Kill(Fault::new(Death::At(point, *passages))));
    }
    add("killed at random", &kinds, Hope::Clean, 3 * seeds, Work::Kill(Fault::new(Death::Random(1))));
    add("killed three times", &kinds, Hope::Clean, seeds, Work::Kill(Fault::new(Death::Random(3))));
    for point in ["freezing", "frozen"] {
        add(&format!("killed at {point}"), &kinds, Hope::Clean, seeds, Work::Launch(point));
    }
    relay_faults(&mut add, &kinds, seeds);
    for point in ["erasing", "erased"] {
        let trial = Trial { point: Some((point, 20)), ..Trial::default() };
        add(&format!("killed at {point}"), &kinds, Hope::Clean, seeds, Work::Goodbye(trial));
    }
    let locked = Trial { locked: true, ..Trial::default() };
    add("database locked", &kinds, Hope::Clean, 1, Work::Goodbye(locked));
    let noted = Trial { point: Some(("noted", 2)), locked: true, ..Trial::default() };
    add("killed at noted", &kinds, Hope::Clean, 1, Work::Goodbye(noted));

    add(
        "control: mark after the body",
        &kinds,
        Hope::Damage,
        2,
        Work::Kill(Fault::new(Death::At("answered", 250)).sabotaged("mark-late")),
    );
    let ungated = Trial { sabotage: Some("no-gate"), ..Trial::default() };
    add("control: no last question", &kinds, Hope::Damage, 1, Work::Goodbye(ungated));
    add("goodbyes while sending", &kinds, Hope::Clean, 1, Work::Goodbye(Trial::default()));
    match power::build(&args.work) {
        Ok(()) => power_faults(&mut add, seeds),
        Err(why) => table.skip(why),
    }
    match (&args.postgres, &args.postgres_data) {
        (Some(control), Some(data)) => {
            let server = Server { control: control.clone(), data: data.clone() };
            let postgres = &[Kind::Postgres];
            add("server dies and comes back", postgres, Hope::Clean, seeds, Work::Server(server.clone(), None));
            let unsynced = Work::Server(server, Some("no-sync"));
            add("control: server dies, no sync", postgres, Hope::Damage, 3, unsynced);
        }
        _ => table.skip("death of the PostgreSQL server: none is named that may be stopped"),
    }
    for ill in Ill::ALL {
        match ill.obstacle() {
            None => add(ill.name(), &[Kind::Sqlite], Hope::Clean, seeds, Work::Ill(*ill)),
            Some(why) => table.skip(why),
        }
    }
    jobs
}

type Add<'a> = &'a mut dyn FnMut(&str, &[Kind], Hope, u64, Work);

/// Relays that break off or refuse; nobody dies.
fn relay_faults(add: Add<'_>, kinds: &[Kind], seeds: u64) {
    let some = seeds.div_ceil(2);
    let acts = [
        ("relay hangs up before 250", 29, Act::Drop),
        ("relay accepts, answer lost", 29, Act::DropAnswer),
        ("relay says 451 to the text", 7, Act::Say("451 4.3.0 later".to_owned())),
        ("relay says 421 to the text", 23, Act::Say("421 4.3.0 closing".to_owned())),
        ("relay says 554 to the text", 7, Act::Say("554 5.6.0 no".to_owned())),
    ];
    for (name, every, act) in acts {
        add(name, kinds, Hope::Clean, some, Work::Kill(Fault::of_relay(every, act)));
    }
    let mut refusing = Fault::new(Death::Random(1));
    refusing.manner = Manner { at_rcpt: Some((5, Act::Say("450 4.2.0 later".to_owned()))), ..Manner::default() };
    add("450 to recipients, and killed", kinds, Hope::Clean, some, Work::Kill(refusing));
}

/// Deaths after which only what was synced is there.
fn power_faults(add: Add<'_>, seeds: u64) {
    let sqlite = &[Kind::Sqlite];
    for point in ["marking", "marked", "dot-after", "answered", "recorded"] {
        let passages = POINTS.iter().find(|(name, _)| *name == point).map_or(1, |(_, passages)| *passages);
        let name = format!("power lost at {point}");
        let fault = Fault::new(Death::At(point, passages)).with_power_loss();
        add(&name, sqlite, Hope::Clean, seeds, Work::Kill(fault));
    }
    let random = Fault::new(Death::Random(1)).with_power_loss();
    add("power lost at random", sqlite, Hope::Clean, 2 * seeds, Work::Kill(random));
    let goodbyes = Trial { power: true, ..Trial::default() };
    add("power lost after goodbyes", sqlite, Hope::Clean, seeds, Work::Goodbye(goodbyes));
    let noted = Trial { power: true, locked: true, ..Trial::default() };
    add("power lost, goodbyes on paper", sqlite, Hope::Clean, 1, Work::Goodbye(noted));
    let unsynced = Fault::new(Death::Random(1)).with_power_loss().with_delay(Duration::from_millis(2));
    add("control: power lost, no sync", sqlite, Hope::Damage, 3, Work::Kill(unsynced.sabotaged("no-sync")));
}

/// A place where one run at a time goes on, with a relay of its own.
struct Slot {
    number: usize,
    ground: Ground,
    relay: Relay,
    bound: usize,
    keep: bool,
    /// Installations before the start of the campaign and after it.
    models: HashMap<Kind, (Site, Site)>,
}

impl Slot {
    async fn open(number: usize, ground: Ground, bound: usize, keep: bool) -> Result<Self, String> {
        let path = ground.work.join(format!("ledger-{number}"));
        let relay = Relay::start("127.0.0.1:0", &path, Manner::default()).await.map_err(|error| error.to_string())?;
        Ok(Self { number, ground, relay, bound, keep, models: HashMap::new() })
    }

    async fn work(mut self, queue: Arc<Mutex<VecDeque<Job>>>, table: Arc<Mutex<Table>>) {
        loop {
            let job = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(job) = job else { break };
            let name = format!("{}-{}-{}-{}", self.number, job.name.replace([' ', ':', ','], "_"), job.kind, job.seed);
            let done = self.carry_out(&job, &name.to_lowercase()).await;
            let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
            match done {
                Ok(run) => {
                    if !run.verdict.notes.is_empty() && job.hope != Hope::Damage {
                        println!("{} on {}, seed {}: {}", job.name, job.kind, job.seed, run.verdict.notes.join("; "));
                    }
                    table.add(&job.name, job.kind, job.hope, &run);
                }
                Err(why) => {
                    println!("{} on {}, seed {}: {why}", job.name, job.kind, job.seed);
                    table.fail(&job.name, job.kind, job.hope);
                }
            }
        }
        for (_, (draft, started)) in self.models {
            draft.raze().await;
            started.raze().await;
        }
    }

    async fn carry_out(&mut self, job: &Job, name: &str) -> Result<Run, String> {
        let (draft, started) = self.model(job.kind).await?;
        let model = if matches!(job.work, Work::Launch(_)) { draft } else { started };
        let site = model.copy(name).await?;
        let (relay, bound, people) = (&self.relay, self.bound, self.ground.people);
        let run = match &job.work {
            Work::Kill(fault) => kill::run(&site, relay, fault, job.seed, bound, people).await,
            Work::Launch(point) => launch::run(&site, relay, point, people).await,
            Work::Goodbye(trial) => goodbye::run(&site, relay, *trial, job.seed, bound, people).await,
            Work::Server(server, sabotage) => {
                server::run(&site, relay, server, *sabotage, job.seed, bound, people).await
            }
            Work::Ill(ill) => disk::run(&site, relay, *ill, job.seed, bound, people).await,
        };
        // What failed stays for a look.
        if !self.keep && run.as_ref().is_ok_and(|run| run.verdict.is_clean() || job.hope == Hope::Damage) {
            site.raze().await;
        }
        run
    }

    async fn model(&mut self, kind: Kind) -> Result<(Site, Site), String> {
        if let Some(models) = self.models.get(&kind) {
            return Ok(models.clone());
        }
        let name = format!("model-{kind}-{}", self.number).to_lowercase();
        let draft = Site::found(&self.ground, kind, &name, self.relay.address()).await?;
        let started = draft.copy(&format!("{name}-started")).await?;
        started.call(&["campaign", "start", "autumn"])?;
        self.models.insert(kind, (draft.clone(), started.clone()));
        Ok((draft, started))
    }
}
