//! Runs that were planned go on some at a time, each in an installation of its own.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::installation::{Ground, Kind, Site, Terms};
use crate::plan::{Job, Work, plan};
use crate::relay::{Manner, Relay};
use crate::table::{Hope, Run, Table};
use crate::{clock, disk, event_spool, goodbye, kill, launch, resource_limits, server};

/// What to hunt with.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The program, built with the feature `failpoints`
    #[arg(long)]
    program: PathBuf,
    /// Folder for everything that is made
    #[arg(long)]
    pub work: PathBuf,
    /// PostgreSQL server where databases may be made, as `postgres://…/postgres`
    #[arg(long)]
    pub server: Option<String>,
    /// `pg_ctl` of that server, when it may be stopped and started
    #[arg(long, requires = "postgres_data")]
    pub postgres: Option<String>,
    /// Its data folder
    #[arg(long)]
    pub postgres_data: Option<String>,
    /// Runs of each fault on each database
    #[arg(long, default_value_t = 2)]
    pub seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub first: u64,
    /// Only faults whose name holds this
    #[arg(long)]
    pub only: Option<String>,
    /// Each fail point once on SQLite, and every control
    #[arg(long)]
    pub quick: bool,
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

impl Args {
    /// The terms of a run that asks for no others.
    pub fn terms(&self) -> Terms {
        Terms { people: self.people, connections: self.connections, ahead: self.ahead, resend: false }
    }
}

/// Carries everything out and prints the table; true when all is as hoped.
pub async fn run(args: Args) -> Result<bool, String> {
    sqlx::any::install_default_drivers();
    let began = Instant::now();
    let mut table = Table::default();
    let ground = Ground { program: args.program.clone(), work: args.work.clone(), server: args.server.clone() };
    let jobs = plan(&args, &mut table);
    println!("{} runs, {} at a time", jobs.len(), args.slots);
    let table = Arc::new(Mutex::new(table));
    // A server that dies takes all runs with it: those go alone.
    let (alone, together): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| matches!(job.work, Work::Server(..)));
    for (count, jobs) in [(args.slots, together), (1, alone)] {
        let queue = Arc::new(Mutex::new(VecDeque::from(jobs)));
        let mut slots = tokio::task::JoinSet::new();
        for number in 0..count {
            let slot = Slot::open(number, ground.clone(), args.keep).await?;
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

/// A place where one run at a time goes on, with a relay of its own.
struct Slot {
    number: usize,
    ground: Ground,
    relay: Relay,
    keep: bool,
    /// Installations before the start of the campaign and after it.
    models: HashMap<(Kind, Terms), (Site, Site)>,
}

impl Slot {
    async fn open(number: usize, ground: Ground, keep: bool) -> Result<Self, String> {
        let path = ground.work.join(format!("ledger-{number}"));
        let relay = Relay::start("127.0.0.1:0", &path, Manner::default()).await.map_err(|error| error.to_string())?;
        Ok(Self { number, ground, relay, keep, models: HashMap::new() })
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
        let (draft, started) = self.model(job.kind, job.terms).await?;
        let model = if matches!(job.work, Work::Launch(_)) { draft } else { started };
        let (site, relay, seed) = (model.copy(name).await?, &self.relay, job.seed);
        let run = match &job.work {
            Work::Kill(fault) => kill::run(&site, relay, fault, seed).await,
            Work::Launch(point) => launch::run(&site, relay, point).await,
            Work::Goodbye(trial) => goodbye::run(&site, relay, *trial, seed).await,
            Work::Lack(lack) => resource_limits::run(&site, relay, *lack, seed).await,
            Work::Hits => event_spool::run(&site, relay, seed).await,
            Work::Clock => clock::run(&site, relay, seed).await,
            Work::Server(server, bug) => server::run(&site, relay, server, *bug, seed).await,
            Work::Ill(ill) => disk::run(&site, relay, *ill, seed).await,
        };
        // What failed stays for a look.
        let is_good = |run: &Run| job.hope == Hope::Damage || run.verdict.lost + run.verdict.wrong == 0;
        if !self.keep && run.as_ref().is_ok_and(is_good) {
            site.raze().await;
        }
        run
    }

    async fn model(&mut self, kind: Kind, terms: Terms) -> Result<(Site, Site), String> {
        if let Some(models) = self.models.get(&(kind, terms)) {
            return Ok(models.clone());
        }
        let name = format!("model-{kind}-{}-{}", self.number, self.models.len()).to_lowercase();
        let draft = Site::found(&self.ground, kind, &name, self.relay.address(), terms).await?;
        let started = draft.copy(&format!("{name}-started")).await?;
        started.call(&["campaign", "start", "autumn"])?;
        self.models.insert((kind, terms), (draft.clone(), started.clone()));
        Ok((draft, started))
    }
}
