//! Deaths of the database server: PostgreSQL is stopped at once, as by a power cut it survives by its
//! own log, while letters go out. What it confirmed is there when it is back.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::Row;

use crate::goodbye::{open, settled};
use crate::installation::{Harm, Site};
use crate::reconcile::compare;
use crate::relay::{Manner, Relay};
use crate::table::Run;

/// A PostgreSQL that may be killed.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its `pg_ctl`.
    pub control: String,
    /// Its data folder.
    pub data: String,
}

impl Server {
    /// Stops it without a word to anyone, and starts it again.
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
async fn freeze_log(site: &Site) -> Result<(), String> {
    let rows = site
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
async fn go_on(site: &Site) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(10);
    while site.state().await? == "running" && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if site.state().await? == "paused" { site.call(&["campaign", "resume", "autumn"]).map(drop) } else { Ok(()) }
}

/// Carries out one run in a fresh copy of an installation whose campaign has begun. With a `bug`
/// the process dies with the server, so that nothing it remembers hides what the server forgot.
pub async fn run(
    site: &Site,
    relay: &Relay,
    server: &Server,
    bug: Option<&'static str>,
    seed: u64,
) -> Result<Run, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let slow = Manner { delay: Duration::from_millis(8), ..Manner::default() };
    relay.begin(&site.ledger(), slow).map_err(|error| format!("the ledger: {error}"))?;
    if bug.is_some() {
        freeze_log(site).await?;
    }
    let mut serve = open(site, &Harm { bug, ..Harm::default() })?;
    site.doors().await?;
    let letters = random.random_range(40..site.terms.people as u64 / 2);
    let until = Instant::now() + Duration::from_secs(30);
    while relay.seen().accepted.load(Ordering::SeqCst) < letters && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let missed = relay.seen().accepted.load(Ordering::SeqCst) as usize >= site.terms.people;
    if bug.is_some() {
        serve.kill();
    }
    tokio::task::block_in_place(|| server.crash())?;
    let back = Instant::now();
    relay.expect_mail();
    if bug.is_some() {
        serve = open(site, &Harm::default())?;
        site.doors().await?;
        go_on(site).await?;
    }
    settled(site, Duration::from_secs(90)).await?;
    let again = relay.first_mail().map(|mail| mail.saturating_duration_since(back)).into_iter().collect();
    serve.stop().await.ok_or("serve does not stop")?;
    let verdict = compare(site, relay, &[]).await?;
    Ok(Run { verdict, bound: site.terms.bound(), again, missed })
}
