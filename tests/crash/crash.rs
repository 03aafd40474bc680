//! Crash tests: `tests/run crash` builds this harness and a program with fail points, and checks that no message is lost or
//! sent twice, whatever fails.
//!
//! ```text
//! crash all --program FILE --work DIR [--server URL]   all faults that this system allows, in one table
//! crash truth --ledger FILE                            the relay alone, until it gets a stop signal
//! ```

mod accepted_log;
mod clock;
mod database_crash;
mod disk_faults;
mod event_spool;
mod installation;
mod kill;
mod launch;
mod plan;
mod power_loss;
mod reconcile;
mod relay;
mod resource_limits;
mod runner;
mod table;
mod unsubscribe;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use relay::{Act, Behaviour, Relay};

#[derive(Debug, Parser)]
#[command(about = "Looks for messages that are lost or sent twice")]
struct Cli {
    #[command(subcommand)]
    what: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try every fault and print one table
    All(runner::Args),
    /// Run the relay alone, with a log of what it accepted
    Truth(RelayArgs),
}

#[derive(Debug, clap::Args)]
struct RelayArgs {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:2525")]
    listen: String,
    /// Log of accepted messages
    #[arg(long)]
    ledger: PathBuf,
    /// Accept messages that only the page cache holds
    #[arg(long)]
    no_sync: bool,
    /// Accept lone line feeds as line ends
    #[arg(long)]
    lenient: bool,
    /// Milliseconds before each reply
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Close the connection instead of accepting every n-th message
    #[arg(long)]
    drop: Option<u64>,
    /// Accept every n-th message and close the connection without a reply
    #[arg(long)]
    drop_answer: Option<u64>,
    /// Give this reply to every n-th message instead, as in "10 451 later"
    #[arg(long)]
    refuse: Option<String>,
    /// Give this reply to every n-th recipient, as in "10 550 no such user"
    #[arg(long)]
    refuse_recipient: Option<String>,
    /// Connections at a time
    #[arg(long, default_value_t = usize::MAX)]
    connections: usize,
    /// Do not offer PIPELINING
    #[arg(long)]
    plain: bool,
}

fn main() -> ExitCode {
    let line = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let done = runtime.block_on(async {
        match line.what {
            Command::All(args) => runner::run(args).await,
            Command::Truth(args) => truth(args).await.map(|()| true),
        }
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("crash: {why}");
            ExitCode::from(2)
        }
    }
}

async fn truth(args: RelayArgs) -> Result<(), String> {
    let counted = |text: Option<String>| {
        let (every, reply) = text.as_deref()?.split_once(' ')?;
        Some((every.parse().ok()?, Act::Reply(reply.to_owned())))
    };
    let mut behaviour = Behaviour {
        delay: Duration::from_millis(args.delay),
        lenient: args.lenient,
        sync: !args.no_sync,
        connections: args.connections,
        at_rcpt: counted(args.refuse_recipient),
        at_dot: counted(args.refuse),
        ..Behaviour::default()
    };
    if let Some(every) = args.drop {
        behaviour.at_dot = Some((every, Act::HangUp));
    }
    if let Some(every) = args.drop_answer {
        behaviour.at_dot = Some((every, Act::AcceptAndHangUp));
    }
    if args.plain {
        behaviour.extensions.retain(|name| name != "PIPELINING");
    }
    let relay = Relay::start(&args.listen, &args.ledger, behaviour).await.map_err(|error| error.to_string())?;
    println!("{}", relay.address());
    sendoff::cli::shutdown::requested(sendoff::cli::shutdown::signal()).await;
    let seen = relay.seen();
    let number = |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::SeqCst);
    println!(
        "{}",
        serde_json::json!({
            "accepted": number(&seen.accepted), "texts": number(&seen.texts), "mails": number(&seen.mails),
            "connections": number(&seen.connections),
            "peak": seen.peak.load(std::sync::atomic::Ordering::SeqCst),
        })
    );
    Ok(())
}
