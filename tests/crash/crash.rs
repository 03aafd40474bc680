//! The harness that hunts for losses: `tests/run crash` builds it beside a program with fail points.
//!
//! ```text
//! crash all --program FILE --work DIR [--server URL]   everything that can be tried here, one table
//! crash truth --ledger FILE                            the relay alone, until it is told to stop
//! ```

mod clock;
mod disk;
mod event_spool;
mod goodbye;
mod installation;
mod kill;
mod launch;
mod ledger;
mod plan;
mod power;
mod reconcile;
mod relay;
mod resource_limits;
mod runner;
mod server;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use relay::{Act, Manner, Relay};

#[derive(Debug, Parser)]
#[command(about = "Hunts for letters that are lost or repeated")]
struct Line {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Try every fault and print one table
    All(runner::Args),
    /// A relay that tells the truth
    Truth(Truth),
}

#[derive(Debug, clap::Args)]
struct Truth {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:2525")]
    listen: String,
    /// The file of accepted letters
    #[arg(long)]
    ledger: PathBuf,
    /// Accept letters that only the page cache holds
    #[arg(long)]
    no_sync: bool,
    /// Take lone line feeds for line ends
    #[arg(long)]
    lenient: bool,
    /// Milliseconds before each answer
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Close the connection instead of accepting every n-th letter
    #[arg(long)]
    drop: Option<u64>,
    /// Accept every n-th letter and close the connection without saying so
    #[arg(long)]
    drop_answer: Option<u64>,
    /// Give this reply to every n-th letter instead, as in "10 451 later"
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
    let line = Line::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let done = runtime.block_on(async {
        match line.what {
            What::All(args) => runner::run(args).await,
            What::Truth(args) => truth(args).await.map(|()| true),
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

async fn truth(args: Truth) -> Result<(), String> {
    let counted = |text: Option<String>| {
        let (every, reply) = text.as_deref()?.split_once(' ')?;
        Some((every.parse().ok()?, Act::Say(reply.to_owned())))
    };
    let mut manner = Manner {
        delay: Duration::from_millis(args.delay),
        lenient: args.lenient,
        sync: !args.no_sync,
        connections: args.connections,
        at_rcpt: counted(args.refuse_recipient),
        at_dot: counted(args.refuse),
        ..Manner::default()
    };
    if let Some(every) = args.drop {
        manner.at_dot = Some((every, Act::Drop));
    }
    if let Some(every) = args.drop_answer {
        manner.at_dot = Some((every, Act::DropAnswer));
    }
    if args.plain {
        manner.extensions.retain(|name| name != "PIPELINING");
    }
    let relay = Relay::start(&args.listen, &args.ledger, manner).await.map_err(|error| error.to_string())?;
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
