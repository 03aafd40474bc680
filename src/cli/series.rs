//! `sendoff campaign series ls | stop | resume`

use clap::Subcommand;
use serde_json::json;

use super::campaign::need;
use super::print::{Output, time};
use crate::campaign::model;
use crate::campaign::series::{self, Series, State};
use crate::campaign::zoned_time;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;

/// What to do with series.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List all series with their next slot
    Ls,
    /// Make no more campaigns; those that were made go on
    Stop {
        /// The draft that the series is made from
        name: String,
    },
    /// Go on from the next slot
    Resume {
        /// The draft that the series is made from
        name: String,
        /// Send the slot that was missed first
        #[arg(long)]
        send_missed: bool,
    },
}

/// Carries the command out.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Ls => ls(installation, actor, lang).await,
        Command::Stop { name } => {
            let pattern = need(installation, actor.workspace, &name).await?;
            let mut tx = installation.db.write().await?;
            let series = series::find(&mut tx, &pattern).await?;
            series::stop(&mut tx, series.id, State::Stopped, None).await?;
            tx.commit().await?;
            ls(installation, actor, lang).await
        }
        Command::Resume { name, send_missed } => {
            let pattern = need(installation, actor.workspace, &name).await?;
            let mut tx = installation.db.write().await?;
            let series = series::find(&mut tx, &pattern).await?;
            series::resume(installation, &mut tx, &series, send_missed).await?;
            tx.commit().await?;
            ls(installation, actor, lang).await
        }
    }
}

async fn ls(installation: &Installation, actor: &Actor, lang: Lang) -> Result<Output> {
    let mut conn = installation.db.read().await?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for series in series::list(&mut conn, actor.workspace).await? {
        let Some(pattern) = model::find(&mut conn, series.draft).await? else { continue };
        let next = next(installation, &mut conn, &series).await;
        let zone = pattern.file().map_or_else(|_| "UTC".to_owned(), |file| file.schedule.zone().to_owned());
        let reason = series.reason.as_deref().map(|reason| lang.translate_packed(reason));
        let said = match (series.state, next) {
            (State::Running, Some(at)) => {
                lang.translate(&Message::new("series-next").with("next", zoned_time::format_in_zone(at, &zone)))
            }
            (State::Asking, _) => lang.tr("series-asking"),
            _ => lang.tr("series-stopped"),
        };
        let reason_line = reason.as_ref().map(|reason| format!("\n  {reason}")).unwrap_or_default();
        lines.push(format!("{:<24} {said}{reason_line}", pattern.name));
        rows.push(
            json!({ "name": pattern.name, "state": series.state.as_str(), "next": next.map(time), "reason": reason }),
        );
    }
    let text = if lines.is_empty() { lang.tr("series-none") } else { lines.join("\n") };
    Ok(Output { json: rows.into(), text, failed: false })
}

/// The next slot of a series that runs; none when its draft no longer says.
async fn next(installation: &Installation, conn: &mut Conn, series: &Series) -> Option<i64> {
    if series.state != State::Running {
        return None;
    }
    series::next(conn, series, installation.clock.now()).await.ok().map(|slot| slot.at)
}
