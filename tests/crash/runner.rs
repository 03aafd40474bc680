//! Executes the planned runs, several at a time, each in its own installation.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::installation::{CampaignSettings, Environment, Installation, Store};
use crate::plan::{Job, Scenario, plan};
use crate::relay::{Behaviour, Relay};
use crate::table::{Run, Table};
use crate::{clock, database_crash, disk_faults, event_spool, kill, launch, resource_limits, unsubscribe};

/// Options of `crash all`.
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
    #[arg(long, alias = "people", default_value_t = 300)]
    recipients: usize,
    /// Connections of the relay
    #[arg(long, default_value_t = 20)]
    connections: usize,
    /// Marked deliveries that one connection may hold
    #[arg(long, default_value_t = 1)]
    ahead: usize,
    /// Keep the folders of successful runs too
    #[arg(long)]
    keep: bool,
    /// Runs at a time
    #[arg(long, default_value_t = 4)]
    slots: usize,
}

impl Args {
    /// The default campaign settings of a run.
    pub fn settings(&self) -> CampaignSettings {
        CampaignSettings {
            recipients: self.recipients,
            connections: self.connections,
            ahead: self.ahead,
            resend: false,
        }
    }
}

/// Carries everything out and prints the table; true when all is as hoped.
pub async fn run(args: Args) -> Result<bool, String> {
    sqlx::any::install_default_drivers();
    let began = Instant::now();
    let mut table = Table::default();
    let environment =
        Environment { program: args.program.clone(), work: args.work.clone(), server: args.server.clone() };
    let jobs = plan(&args, &mut table);
    println!("{} runs, {} at a time", jobs.len(), args.slots);
    let table = Arc::new(Mutex::new(table));
    // A crash of the server would disturb other runs: these run alone.
    let (alone, together): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| matches!(job.work, Scenario::PostgresServer(..)));
    for (count, jobs) in [(args.slots, together), (1, alone)] {
        let queue = Arc::new(Mutex::new(VecDeque::from(jobs)));
        let mut slots = tokio::task::JoinSet::new();
        for number in 0..count {
            let slot = Worker::open(number, environment.clone(), args.keep).await?;
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

/// Executes one run at a time, with its own relay.
struct Worker {
    number: usize,
    environment: Environment,
    relay: Relay,
    keep: bool,
    /// Installations before the start of the campaign and after it.
    models: HashMap<(Store, CampaignSettings), (Installation, Installation)>,
}

impl Worker {
    async fn open(number: usize, environment: Environment, keep: bool) -> Result<Self, String> {
        let path = environment.work.join(format!("accepted-{number}.log"));
        let relay =
            Relay::start("127.0.0.1:0", &path, Behaviour::default()).await.map_err(|error| error.to_string())?;
        Ok(Self { number, environment, relay, keep, models: HashMap::new() })
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
                    if !run.findings.notes.is_empty() && !job.expectation.is_control() {
                        println!("{} on {}, seed {}: {}", job.name, job.kind, job.seed, run.findings.notes.join("; "));
                    }
                    table.add(&job.name, job.kind, job.expectation, &run);
                }
                Err(why) => {
                    println!("{} on {}, seed {}: {why}", job.name, job.kind, job.seed);
                    table.fail(&job.name, job.kind, job.expectation);
                }
            }
        }
        for (_, (draft, started)) in self.models {
            draft.delete().await;
            started.delete().await;
        }
    }

    async fn carry_out(&mut self, job: &Job, name: &str) -> Result<Run, String> {
        let (draft, started) = self.model(job.kind, job.settings).await?;
        let model = if matches!(job.work, Scenario::Launch(_)) { draft } else { started };
        let (installation, relay, seed) = (model.copy(name).await?, &self.relay, job.seed);
        let run = match &job.work {
            Scenario::Kill(fault) => kill::run(&installation, relay, fault, seed).await,
            Scenario::Launch(point) => launch::run(&installation, relay, point).await,
            Scenario::UnsubscribeRequest(trial) => unsubscribe::run(&installation, relay, *trial, seed).await,
            Scenario::ResourceLimit(lack) => resource_limits::run(&installation, relay, *lack, seed).await,
            Scenario::Hits => event_spool::run(&installation, relay, seed).await,
            Scenario::Clock => clock::run(&installation, relay, seed).await,
            Scenario::PostgresServer(server, bug) => {
                database_crash::run(&installation, relay, server, *bug, seed).await
            }
            Scenario::DiskFault(ill) => disk_faults::run(&installation, relay, *ill, seed).await,
        };
        // What failed stays for a look.
        let is_good = |run: &Run| job.expectation.is_control() || run.findings.lost + run.findings.wrong == 0;
        if !self.keep && run.as_ref().is_ok_and(is_good) {
            installation.delete().await;
        }
        run
    }

    async fn model(&mut self, kind: Store, settings: CampaignSettings) -> Result<(Installation, Installation), String> {
        if let Some(models) = self.models.get(&(kind, settings)) {
            return Ok(models.clone());
        }
        let name = format!("model-{kind}-{}-{}", self.number, self.models.len()).to_lowercase();
        let draft = Installation::create(&self.environment, kind, &name, self.relay.address(), settings).await?;
        let started = draft.copy(&format!("{name}-started")).await?;
        started.call(&["campaign", "start", "autumn"])?;
        self.models.insert((kind, settings), (draft.clone(), started.clone()));
        Ok((draft, started))
    }
}
