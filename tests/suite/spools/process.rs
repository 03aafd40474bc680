//! A process that is killed while it works off a spool.

use std::fs;
use std::io::{BufWriter, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sendoff::infra::config::Config;

use super::events;
use crate::canary;
use crate::fixture::{Fixture, Kind, NOW};
use crate::public::fixture::WebFixture;

/// `serve`, killed when it is dropped.
struct Serve(Child);

impl Serve {
    fn start(config: &Config) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
        command.arg("--data").arg(&config.data);
        if let Some(database) = &config.database {
            command.arg("--database").arg(database);
        }
        command.args(["serve", "--role", "web", "--listen", "127.0.0.1:0", "--desk", "127.0.0.1:0"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("the program starts"))
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Works off a spool of `lines` events with a process that is killed `kills` times in the middle. Every event is counted once.
async fn work_off(kind: Kind, lines: usize, kills: u32) {
    let fixture = Fixture::new(kind).await;
    let site = WebFixture::new(&fixture).await;
    let journal = fixture.installation.config.journal_dir();
    let people: Vec<i64> = site.people.iter().map(|(_, delivery)| *delivery).collect();
    // The recorder of the fixture would take the lines too.
    drop(site);
    tokio::time::sleep(Duration::from_millis(300)).await;
    {
        let mut file = BufWriter::new(fs::File::create(journal.join("events.log")).expect("a spool"));
        for at in 0..lines {
            writeln!(file, "{} open 0 {} .", people[at % 3], NOW + at as i64).expect("written");
        }
    }
    let taken = journal.join("events.taken");
    let began = Instant::now();
    let mut seen = 0;
    for kill in 0..kills {
        let serve = Serve::start(&fixture.installation.config);
        let until = Instant::now() + Duration::from_secs(120);
        // Each process gets some way before it is killed, at another moment.
        while events(&fixture).await == seen && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(u64::from(kill) * 37 % 200)).await;
        drop(serve);
        seen = events(&fixture).await;
        assert!(seen > 0 && seen < lines as i64 && taken.exists(), "killed in the middle: {seen} of {lines}");
    }
    let serve = Serve::start(&fixture.installation.config);
    while taken.exists() || journal.join("events.log").exists() {
        assert!(began.elapsed() < Duration::from_secs(7_200), "{} of {lines}", events(&fixture).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(serve);

    println!("{kind:?}: {lines} lines, {kills} kills, {:?}", began.elapsed());
    assert_eq!(events(&fixture).await, lines as i64);
    assert_eq!(canary::number(&fixture, "select count(distinct at) from event").await, lines as i64);
    assert_eq!(canary::number(&fixture, "select count(*) from set_aside").await, 0);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spool_is_counted_once_when_the_process_is_killed_sqlite() {
    work_off(Kind::Sqlite, 60_000, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spool_is_counted_once_when_the_process_is_killed_postgres() {
    if crate::fixture::postgres_url().is_some() {
        work_off(Kind::Postgres, 60_000, 3).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/run spool"]
async fn spool_of_five_million_lines() {
    work_off(Kind::Sqlite, 5_000_000, 10).await;
    if crate::fixture::postgres_url().is_some() {
        work_off(Kind::Postgres, 5_000_000, 10).await;
    }
}
