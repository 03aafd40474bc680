//! The program: parse, run, print, exit code.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sendoff::cli::{self, args::Cli};

/// How long a thread for files is kept. With one there, work for files waits its turn when the system
/// has no memory for another; with none it could not be begun at all.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(cli::usage_error::refuse(&error, &words)),
    };
    cli::log::start(cli.log, cli.log_level);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_keep_alive(KEPT).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sendoff: {error}");
            return ExitCode::FAILURE;
        }
    };
    drop(runtime.spawn_blocking(|| ()));
    let code = runtime.block_on(cli::run(cli));
    // What hangs in a thread of its own ends with the process.
    runtime.shutdown_timeout(Duration::from_millis(500));
    code
}
