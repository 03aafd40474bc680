//! The doors on the command line, one file a command.

pub mod args;
pub mod brand;
pub mod campaign;
pub mod contact;
pub mod demo;
pub mod export;
pub mod field;
pub mod import;
pub mod lane;
pub mod limit_options;
pub mod list;
pub mod log;
pub mod mail;
pub mod mailer_supervisor;
pub mod print;
pub mod relay;
pub mod schedule;
pub mod segment;
pub mod series;
pub mod serve;
pub mod setting;
pub mod store_migration;
pub mod trace_search;
pub mod uncertain;
pub mod usage_error;
pub mod watch;
pub mod workspace;

use std::process::ExitCode;

use args::{Cli, Command};
use print::Report;

use crate::audience::workspace::{ensure_first, need};
use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::privacy::erasure_log;

/// Carries out one command line and prints what came of it. Exit code 0, 1 failed, 2 misused.
pub async fn run(cli: Cli) -> ExitCode {
    let (lang, json) = (cli.lang(), cli.json);
    match carry_out(cli, lang).await {
        Ok(report) => {
            print::report(&report, json);
            ExitCode::from(u8::from(report.failed))
        }
        Err(error) => {
            log(&error);
            print::refusal(&error.message(), lang, json);
            ExitCode::from(error.exit_code())
        }
    }
}

async fn carry_out(cli: Cli, lang: Lang) -> Result<Report> {
    let config = Config { data: cli.data.clone(), database: cli.database.clone() };
    if let Command::Demo(args) = cli.command {
        return demo::run(args, cli.data_given().then_some(config), lang, cli.json).await;
    }
    if let Command::Move(args) = cli.command {
        return store_migration::run(config, args, lang).await;
    }
    let installation = Installation::open(config, Clock::system()).await?;
    // An older copy of the database may have been put back: what it missed comes before all else.
    erasure_log::replay(&installation).await?;
    ensure_first(&installation).await?;
    let ends_late = matches!(cli.command, Command::Serve(_) | Command::Mail(_));
    let whole = async {
        let report = command(&installation, cli, lang).await;
        let standing = installation.db.store_status().await;
        installation.db.close().await;
        let mut report = report?;
        if let Ok(Some(standing)) = standing {
            report.text = format!("{}\n\n{}", report.text, lang.translate(&standing.refusal().message()));
        }
        Ok(report)
    };
    tokio::select! {
        ended = whole => ended,
        () = serve::overdue(), if ends_late => Err(Message::new("stop-overdue").unavailable()),
    }
}

async fn command(installation: &Installation, cli: Cli, lang: Lang) -> Result<Report> {
    let workspace = need(&mut *installation.db.read().await?, &cli.workspace).await;
    match cli.command {
        Command::Init => Ok(init(installation, lang)),
        Command::Workspace { command } => workspace::run(installation, command, lang).await,
        Command::Serve(args) => serve::run(installation, args, lang, cli.json).await,
        Command::Mail(args) => mail::run(installation, args, lang).await,
        Command::Field { command } => field::run(installation, &workspace?, command, lang).await,
        Command::List { command } => list::run(installation, &workspace?, command, lang).await,
        Command::Import(args) => import::run(installation, &workspace?, args, lang, cli.json).await,
        Command::Segment { command } => segment::run(installation, &workspace?, command, lang).await,
        Command::Relay { command } => relay::run(installation, &workspace?, command).await,
        Command::Lane { command } => lane::run(installation, &workspace?, command, lang).await,
        Command::Brand { command } => brand::run(installation, &workspace?, command).await,
        Command::Campaign { command: campaign::Command::Show { name, watch: true } } => {
            watch::run(installation, &workspace?, &name, lang, cli.json).await
        }
        Command::Campaign { command } => campaign::run(installation, &workspace?, command, lang).await,
        Command::Uncertain { command } => uncertain::run(installation, &workspace?, command, lang).await,
        Command::Contact { command } => contact::run(installation, &workspace?, command, lang).await,
        Command::Export(args) => export::run(installation, &workspace?, args, lang).await,
        Command::Residue(args) => trace_search::run(installation, args, lang).await,
        Command::Settings { command } => setting::run(installation, command, lang).await,
        Command::Demo(_) | Command::Move(_) => unreachable!("handled before an installation is opened"),
    }
}

fn init(installation: &Installation, lang: Lang) -> Report {
    let data = installation.config.data.display().to_string();
    Report {
        json: serde_json::json!({ "data": data, "shared": installation.db.is_shared() }),
        text: lang.translate(&Message::new("init-done").with("data", data)),
        failed: false,
    }
}

/// Whoever shows an error logs its causes, once; the user sees the sentence.
fn log(error: &Error) {
    use std::error::Error as _;
    let mut cause = error.source();
    let unexplained = error.message().key == "database-refused";
    while let Some(inner) = cause {
        match unexplained {
            true => tracing::warn!(cause = %inner, "the reason beneath"),
            false => tracing::debug!(cause = %inner, "the reason beneath"),
        }
        cause = inner.source();
    }
}
