//! Crashes of the database server: PostgreSQL is stopped immediately during sending and recovers from its log. What it has
//! confirmed is there afterwards.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::Row;

use crate::installation::{Installation, ProcessFaults};
use crate::reconcile::compare;
use crate::relay::{Behaviour, Relay};
use crate::table::Run;
use crate::unsubscribe::{open, wait_until_finished};

/// A PostgreSQL that may be killed.
#[derive(Debug, Clone)]
pub struct PostgresServer {
    /// Its `pg_ctl`.
    pub control: String,
    /// Its data folder.
    pub data: String,
}

impl PostgresServer {
    /// Stops it without warning, and starts it again.
    fn crash(&self) -> Result<(), String> {
        let Self { control, data } = self;
        let line = format!("{control} -D {data} -m immediate -w stop && {control} -D {data} -l {data}.log -w start");
        let mut command = Command::new("sh");
        // PostgreSQL refuses to run as root; its folder says whose it is.
        command.args(["-c", "if [ \"$(id -u)\" = 0 ]; then exec su \"$(stat -c %U \"$2\")\" -s /bin/sh -c \"$1\"; else exec sh -c \"$1\"; fi"]);
        let done = command.args(["sh", &line, data]).stdout(std::process::Stdio::null()).status();
        if done.is_ok_and(|status| status.success()) { Ok(()) } else { Err("the server did not come back".to_owned()) }
    }
}

/// Stops the processes that write the log behind the back of those who do not wait for it: what is not
/// synced on purpose is then lost for certain. They die with the server, which gives them five seconds.
async fn stop_wal_writers(installation: &Installation) -> Result<(), String> {
    let rows = installation
        .rows(
            "select cast(pid as text) from pg_stat_activity \
             where backend_type in ('walwriter', 'background writer', 'autovacuum launcher')",
        )
        .await?;
    let writers = rows.iter().map(|row| row.get::<String, _>(0));
    let done = Command::new("kill").arg("-STOP").args(writers).status();
    if done.is_ok_and(|status| status.success()) { Ok(()) } else { Err("the log goes on".to_owned()) }
}

/// A database that has forgotten what its folder remembers pauses its campaigns. The operator of this
/// run does not listen: what was forgotten shall show.
async fn resume_if_paused(installation: &Installation) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(10);
    while installation.state().await? == "running" && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if installation.state().await? == "paused" {
        installation.call(&["campaign", "resume", "autumn"]).map(drop)
    } else {
        Ok(())
    }
}

/// Carries out one run in a fresh copy of an installation whose campaign has begun. With a `bug`
/// the process dies with the server, so that nothing it remembers hides what the server forgot.
pub async fn run(
    installation: &Installation,
    relay: &Relay,
    server: &PostgresServer,
    bug: Option<&'static str>,
    seed: u64,
) -> Result<Run, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let slow = Behaviour { delay: Duration::from_millis(8), ..Behaviour::default() };
    relay
        .reset(&installation.accepted_log(), slow)
        .map_err(|error| format!("the log of accepted messages: {error}"))?;
    if bug.is_some() {
        stop_wal_writers(installation).await?;
    }
    let mut serve = open(installation, &ProcessFaults { bug, ..ProcessFaults::default() })?;
    installation.public_address().await?;
    let messages = random.random_range(40..installation.settings.recipients as u64 / 2);
    let until = Instant::now() + Duration::from_secs(30);
    while relay.seen().accepted.load(Ordering::SeqCst) < messages && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let missed = relay.seen().accepted.load(Ordering::SeqCst) as usize >= installation.settings.recipients;
    if bug.is_some() {
        serve.kill();
    }
    tokio::task::block_in_place(|| server.crash())?;
    let back = Instant::now();
    relay.expect_mail();
    if bug.is_some() {
        serve = open(installation, &ProcessFaults::default())?;
        installation.public_address().await?;
        resume_if_paused(installation).await?;
    }
    wait_until_finished(installation, Duration::from_secs(90)).await?;
    let again = relay.first_mail().map(|mail| mail.saturating_duration_since(back)).into_iter().collect();
    serve.stop().await.ok_or("serve does not stop")?;
    let findings = compare(installation, relay, &[]).await?;
    Ok(Run { findings, bound: installation.settings.bound(), again, missed })
}
