//! `sendoff lane ls | set | rm | resume`: groups of recipient domains and their limits.

use clap::Subcommand;

use super::limit_options::{self, Limits, OrNone, round};
use super::print::Output;
use crate::campaign::lane::{ALL, REST};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::lane::{self, LaneChange, LaneView};

/// Commands for lanes.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the lanes with their limits, the messages sent today and their state
    #[command(visible_alias = "list")]
    Ls,
    /// Change a lane or add one; `all` limits every message of the workspace
    Set {
        /// The lane
        name: String,
        /// Its domains instead of those it has, separated by commas; `example.*` is any ending
        #[arg(long, value_name = "DOMAINS")]
        domains: Option<String>,
        /// Messages of the lane in flight at a time, or `none`
        #[arg(long, value_name = "N")]
        connections: Option<OrNone<u32>>,
        /// Its limits.
        #[command(flatten)]
        limits: Limits,
    },
    /// Reset a lane to its defaults; one that was added is removed
    #[command(visible_alias = "remove")]
    Rm {
        /// The lane
        name: String,
    },
    /// End the pause or back-off of a lane, when the cause is mended
    Resume {
        /// The lane
        name: String,
    },
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Ls => {
            let lanes = lane::list(installation, actor).await?;
            let lines: Vec<_> = lanes.iter().map(|lane| describe(lane, lang)).collect();
            Ok(Output::new(&lanes, lang, lines.join("\n")))
        }
        Command::Set { name, domains, connections, limits } => {
            let connections = limit_options::change(connections);
            let change = LaneChange { domains, connections, limits: limits.change() };
            let lane = lane::set(installation, actor, &name, &change).await?;
            let moved = lane.moved.filter(|moved| *moved > 0);
            let moved = moved.map(|moved| lang.translate(&Message::new("lane-moved").with("count", moved)));
            let lines: Vec<_> = [describe(&lane, lang)].into_iter().chain(moved).collect();
            Ok(Output::new(&lane, lang, lines.join("\n")))
        }
        Command::Rm { name } => {
            let reset = lane::reset(installation, actor, &name).await?;
            Ok(Output::new(&reset, lang, lang.translate(&Message::new("lane-removed").with("name", name))))
        }
        Command::Resume { name } => {
            let resumed = lane::resume(installation, actor, &name).await?;
            Ok(Output::new(&resumed, lang, lang.translate(&Message::new("lane-resumed").with("name", name))))
        }
    }
}

fn describe(view: &LaneView, lang: Lang) -> String {
    let domains = match view.name.as_str() {
        ALL => lang.tr("lane-all"),
        REST => lang.tr("lane-rest"),
        _ => view.domains.join(" "),
    };
    let connections = view
        .connections
        .map(|connections| lang.translate(&Message::new("limit-connections").with("connections", connections)));
    let limits = limit_options::text(&view.lane.rate_limit, view.today, lang);
    let limits: Vec<_> = [limits, connections].into_iter().flatten().collect();
    let limits = (!limits.is_empty()).then(|| limits.join(", "));
    let slowed = view.pace.map(|rate| lang.translate(&Message::new("lane-slowed").with("pace", round(rate))));
    let reason = view.reason.as_ref().map(|reason| reason.translate(lang));
    let more = [limits, slowed, reason].into_iter().flatten().map(|line| format!("           {line}"));
    [format!("{:<10} {domains}", view.name)].into_iter().chain(more).collect::<Vec<_>>().join("\n")
}
