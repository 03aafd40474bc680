//! `sendoff retention plan | run`: what is deleted because its time of storage has ended.

use clap::Subcommand;

use super::print::{Bar, Output, time};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::retention;

/// Commands for retention.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Say what would be deleted now, and list the runs so far
    Plan,
    /// Delete it now; `serve` does it by itself every night
    Run,
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Plan => {
            let plan = retention::plan(installation, actor).await?;
            if !plan.has_policy {
                return Ok(Output::new(&plan, lang, lang.tr("retention-no-policy")));
            }
            let mut lines = vec![lang.translate(&Message::new("retention-due").with("rows", plan.rows))];
            for one in &plan.due {
                let days = lang.translate(&Message::new("retention-days").with("days", one.days));
                let name = named(lang.tr(one.category.key()), &one.purpose);
                lines.push(format!("  {:>9}  {name}, {days}", one.rows));
            }
            if !plan.runs.is_empty() {
                lines.push(lang.tr("retention-runs"));
            }
            for run in &plan.runs {
                lines.push(format!(
                    "  {}  {:>9}  {}",
                    time(run.began_at),
                    run.rows,
                    named(run.category.clone(), &run.purpose)
                ));
            }
            Ok(Output::new(&plan, lang, lines.join("\n")))
        }
        Command::Run => {
            let mut bar = Bar::new(&lang.tr("retention-progress"), 0);
            let ran = retention::run(installation, actor, &mut |rows| bar.set(rows, 0)).await;
            bar.finish();
            let ran = ran?;
            let mut lines = vec![lang.translate(&Message::new("retention-ran").with("rows", ran.rows))];
            for one in &ran.done {
                lines.push(format!("  {:>9}  {}", one.rows, named(lang.tr(one.category.key()), &one.purpose)));
            }
            Ok(Output::new(&ran, lang, lines.join("\n")))
        }
    }
}

fn named(category: String, purpose: &str) -> String {
    if purpose.is_empty() { category } else { format!("{category} ({purpose})") }
}
