//! Entry point of the program `sendoff`: parses the command line, runs the command and sets the exit code.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sendoff::cli::{self, args::Cli};
use sendoff::infra::{open_files, private_file};

/// How long an idle blocking thread is kept. While one exists, file operations queue for it when the system has
/// no memory for another thread; without any they would fail.
const BLOCKING_THREAD_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(cli::usage_error::report(&error, &args)),
    };
    cli::log::start(cli.log, cli.log_level);
    private_file::restrict_new_files();
    open_files::raise_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(BLOCKING_THREAD_LIFETIME)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sendoff: {error}");
            return ExitCode::FAILURE;
        }
    };
    drop(runtime.spawn_blocking(|| ()));
    let code = runtime.block_on(cli::run(cli));
    // A blocking thread that hangs ends with the process.
    runtime.shutdown_timeout(Duration::from_millis(500));
    code
}
