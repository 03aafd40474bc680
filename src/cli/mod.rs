//! The command line: one file a command group, which parses, calls a use case and prints its output.

pub mod args;
pub mod audit;
pub mod backup;
pub mod bounce;
pub mod brand;
pub mod campaign;
pub mod campaign_draft;
pub mod comparison;
pub mod consent;
pub mod contact;
pub mod demo;
pub mod destruction;
pub mod export;
pub mod field;
pub mod form;
pub mod import;
mod import_undo;
pub mod lane;
pub mod limit_options;
pub mod list;
pub mod log;
pub mod machine;
pub mod mail;
pub mod mailer_supervisor;
pub mod policy;
pub mod preflight_bar;
pub mod print;
pub mod relay;
pub mod request;
pub mod retention;
pub mod schedule;
pub mod segment;
pub mod series;
pub mod serve;
pub mod set_aside;
pub mod setting;
pub mod shutdown;
pub mod store_migration;
pub mod subscription;
pub mod trace_search;
pub mod uncertain;
pub mod usage_error;
pub mod user;
mod user_oidc;
pub mod watch;
mod word;
mod workspace;

use std::process::ExitCode;

use args::{Cli, Command};
use print::Output;

use crate::infra::config::Config;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::usecase::startup::{self, Opened};
use crate::usecase::{Actor, NO_WORKSPACE, workspace as workspaces};

/// Runs one command line and prints its output. The exit code is 0, 1 for a failure, 2 for what the user can mend.
pub async fn run(cli: Cli) -> ExitCode {
    let (lang, json) = (cli.lang(), cli.json);
    match panic::catch_async(Box::pin(run_command_line(cli, lang))).await.flatten() {
        Ok(output) => {
            print::output(&output, json);
            ExitCode::from(u8::from(output.failed))
        }
        Err(error) => {
            error.log_causes();
            print::error(&error.message(), lang, json);
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run_command_line(cli: Cli, lang: Lang) -> Result<Output> {
    let config = Config { data: cli.data.clone(), database: cli.database.clone() };
    if let Command::Demo(args) = cli.command {
        return Box::pin(demo::run(args, cli.data_given().then_some(config), lang, cli.json)).await;
    }
    if let Command::Move(args) = cli.command {
        return store_migration::run(config, &Actor::operator(NO_WORKSPACE), args, lang).await;
    }
    if let Command::Restore(args) = cli.command {
        return backup::restore(config, &Actor::operator(NO_WORKSPACE), args, lang).await;
    }
    let installation = match cli.command {
        Command::Init => startup::create(config).await?,
        _ => startup::open(config).await?,
    };
    let must_end = matches!(cli.command, Command::Serve(_) | Command::Mail(_));
    let work = async {
        let output = Box::pin(run_command(&installation, cli, lang)).await;
        let closed = startup::close(&installation).await;
        let mut output = output?;
        if let Some(notice) = closed {
            output.text = format!("{}\n\n{}", output.text, lang.translate(&notice));
        }
        Ok(output)
    };
    tokio::select! {
        ended = work => ended,
        () = shutdown::overdue(), if must_end => Err(Message::new("stop-overdue").unavailable()),
    }
}

async fn run_command(installation: &Installation, cli: Cli, lang: Lang) -> Result<Output> {
    let found = workspaces::find(installation, &cli.workspace).await;
    let actor = found.map(|workspace| Actor::operator(workspace.id));
    let operator = Actor::operator(NO_WORKSPACE);
    match cli.command {
        Command::Init => Ok(init(&startup::describe(installation), lang)),
        Command::Workspace { command } => {
            // The end is that of the workspace to work in.
            let actor = if command.needs_workspace() { actor? } else { operator };
            workspace::run(installation, &actor, command, lang).await
        }
        Command::User { command } => {
            // Most commands concern the whole installation; a role is one in the workspace.
            let actor = if command.needs_workspace() { actor? } else { operator };
            user::run(installation, &actor, command, lang).await
        }
        Command::Backup(args) => backup::make(installation, &operator, args, lang).await,
        Command::Machine { command } => machine::run(installation, &operator, command, lang).await,
        Command::Serve(args) => Box::pin(serve::run(installation, args, lang, cli.json)).await,
        Command::Mail(args) => mail::run(installation, &operator, args, lang).await,
        Command::Field { command } => field::run(installation, &actor?, command, lang).await,
        Command::List { command } => list::run(installation, &actor?, command, lang).await,
        Command::Form { command } => form::run(installation, &actor?, command, lang).await,
        Command::Import(args) => import::run(installation, &actor?, args, lang, cli.json).await,
        Command::Segment { command } => segment::run(installation, &actor?, command, lang).await,
        Command::Relay { command } => relay::run(installation, &actor?, command, lang).await,
        Command::Lane { command } => lane::run(installation, &actor?, command, lang).await,
        Command::Brand { command } => brand::run(installation, &actor?, command, lang).await,
        Command::Policy { command } => Box::pin(policy::run(installation, &actor?, command, lang)).await,
        Command::Campaign { command: campaign::Command::Show { name, watch: true } } => {
            watch::run(installation, &actor?, &name, lang, cli.json).await
        }
        Command::Campaign { command } => campaign::run(installation, &actor?, command, lang).await,
        Command::Uncertain { command } => uncertain::run(installation, &actor?, command, lang).await,
        Command::Subscription { command } => subscription::run(installation, &actor?, command, lang).await,
        Command::Consent { command } => consent::run(installation, &actor?, command, lang).await,
        Command::Request { command } => request::run(installation, &actor?, command, lang).await,
        Command::Contact { command } => contact::run(installation, &actor?, command, lang).await,
        Command::Export(args) => export::run(installation, &actor?, args, lang).await,
        Command::Trace { command: trace_search::Trace::Search(args) } | Command::Residue(args) => {
            trace_search::run(installation, &operator, args, lang).await
        }
        Command::Bounce { command } => bounce::run(installation, &operator, &actor?, command, lang).await,
        Command::SetAside { command } => set_aside::run(installation, &operator, command, lang).await,
        Command::Retention { command } => retention::run(installation, &actor?, command, lang).await,
        Command::Destruction { command } => destruction::run(installation, &actor?, command, lang).await,
        Command::Audit { command } => audit::run(installation, &operator, command, lang).await,
        Command::Settings { command } => setting::run(installation, &operator, command, lang).await,
        Command::Demo(_) | Command::Move(_) | Command::Restore(_) => {
            unreachable!("handled before an installation is opened")
        }
    }
}

fn init(opened: &Opened, lang: Lang) -> Output {
    Output::new(opened, lang, lang.translate(&Message::new("init-done").with("data", &opened.data)))
}
