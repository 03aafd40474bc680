//! `sendoff lane`: groups of recipient domains and their limits.

use clap::Subcommand;
use serde_json::{Value, json};

use super::limit_options::{self, Limits, OrNone, round};
use super::print::{Output, time};
use crate::campaign::delivery;
use crate::campaign::lane::{self, ALL, Lane};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::limits::lane_backoff::{self, LaneBackoff};
use crate::mailer::limits::rate_account::{self, LimitKey};
use crate::report::lanes::LaneStatus;
use crate::usecase::Actor;

/// What to do with lanes.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the lanes with their limits, today's letters and their state
    Ls,
    /// Change a lane or add one; `all` stands for every letter of the workspace
    Set {
        /// The lane
        name: String,
        /// Its domains instead of those it has, separated by commas; `example.*` is any ending
        #[arg(long, value_name = "DOMAINS")]
        domains: Option<String>,
        /// Letters of the lane on the wire at a time, or `none`
        #[arg(long, value_name = "N")]
        connections: Option<OrNone<u32>>,
        /// What may leave.
        #[command(flatten)]
        limits: Limits,
    },
    /// Take back what was set for a lane
    Rm {
        /// The lane
        name: String,
    },
    /// Let a paused or slowed lane go on as before, when the cause is mended
    Resume {
        /// The lane
        name: String,
    },
}

/// Does it.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Ls => list(installation, actor.workspace, lang).await,
        Command::Set { name, domains, connections, limits } => {
            set(installation, actor.workspace, &name, domains.as_deref(), connections, &limits, lang).await
        }
        Command::Rm { name } => remove(installation, actor.workspace, &name, lang).await,
        Command::Resume { name } => resume(installation, actor.workspace, &name, lang).await,
    }
}

async fn list(installation: &Installation, workspace: Id, lang: Lang) -> Result<Output> {
    let mut conn = installation.db.read().await?;
    let receptions = lane_backoff::list(&mut conn, workspace).await?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for lane in lane::list(&mut conn, workspace).await? {
        let reception = receptions.iter().find(|(name, _)| *name == lane.name).map(|(_, reception)| reception);
        let shown = Shown::of(installation, &mut conn, workspace, &lane, reception).await?;
        rows.push(shown.json(&lane, lang));
        lines.push(shown.text(&lane, lang));
    }
    Ok(Output { json: Value::Array(rows), text: lines.join("\n"), failed: false })
}

async fn set(
    installation: &Installation,
    workspace: Id,
    name: &str,
    domains: Option<&str>,
    connections: Option<OrNone<u32>>,
    limits: &Limits,
    lang: Lang,
) -> Result<Output> {
    let mut tx = installation.db.write().await?;
    let before = lane::list(&mut tx, workspace).await?.into_iter().find(|lane| lane.name == name);
    if before.is_none() && domains.is_none() && name != ALL {
        return Err(Message::new("lane-unknown").with("name", name).not_found());
    }
    let before = before.unwrap_or_else(|| Lane::new(name, ""));
    let lane = Lane {
        domains: domains.map_or(Ok(before.domains), lane::parse_domains)?,
        connections: connections.map_or(before.connections, |connections| connections.0),
        rate_limit: limits.apply(before.rate_limit),
        name: before.name,
    };
    lane::set(&mut tx, workspace, &lane).await?;
    let moved = regroup(&mut tx, workspace, domains.is_some()).await?;
    tx.commit().await?;
    let shown = Shown::of(installation, &mut *installation.db.read().await?, workspace, &lane, None).await?;
    let mut text = shown.text(&lane, lang);
    if moved > 0 {
        text = format!("{text}\n{}", lang.translate(&Message::new("lane-moved").with("count", moved)));
    }
    let mut json = shown.json(&lane, lang);
    json["moved"] = moved.into();
    Ok(Output { json, text, failed: false })
}

async fn remove(installation: &Installation, workspace: Id, name: &str, lang: Lang) -> Result<Output> {
    let mut tx = installation.db.write().await?;
    if !lane::reset(&mut tx, workspace, name).await? {
        return Err(Message::new("lane-not-set").with("name", name).not_found());
    }
    let moved = regroup(&mut tx, workspace, true).await?;
    tx.commit().await?;
    Ok(Output {
        json: json!({ "lane": name, "removed": true, "moved": moved }),
        text: lang.translate(&Message::new("lane-removed").with("name", name)),
        failed: false,
    })
}

async fn resume(installation: &Installation, workspace: Id, name: &str, lang: Lang) -> Result<Output> {
    let mut tx = installation.db.write().await?;
    if !lane_backoff::reset(&mut tx, workspace, name).await? {
        return Err(Message::new("lane-at-ease").with("name", name).conflict());
    }
    tx.commit().await?;
    Ok(Output {
        json: json!({ "lane": name, "state": "open" }),
        text: lang.translate(&Message::new("lane-resumed").with("name", name)),
        failed: false,
    })
}

async fn regroup(conn: &mut Conn, workspace: Id, changed: bool) -> Result<u64> {
    if !changed {
        return Ok(0);
    }
    let lanes = lane::list(conn, workspace).await?;
    delivery::reassign_lanes(conn, workspace, &lanes).await
}

/// The lanes in which letters of a campaign wait, for programs.
pub fn waiting(lanes: &[LaneStatus], lang: Lang) -> Value {
    let row = |waiting: &LaneStatus| {
        json!({
            "lane": waiting.lane,
            "pending": waiting.pending,
            "state": waiting.state(),
            "pace": waiting.pace,
            "opens_at": waiting.opens_at.map(time),
            "reason": waiting.paused.as_deref().map(|reason| lang.translate_packed(reason)),
        })
    };
    lanes.iter().map(row).collect()
}

/// What there is to say of a lane beyond what was set.
struct Shown {
    today: (i64, Option<i64>),
    pace: Option<f64>,
    reason: Option<String>,
}

impl Shown {
    async fn of(
        installation: &Installation,
        conn: &mut Conn,
        workspace: Id,
        lane: &Lane,
        reception: Option<&LaneBackoff>,
    ) -> Result<Self> {
        let now = installation.clock.now();
        let account = rate_account::load(conn, workspace, &LimitKey::Lane(lane.name.clone())).await?;
        Ok(Self {
            today: account.today(&lane.rate_limit, now),
            pace: reception.and_then(|reception| reception.rate(now)),
            reason: reception.and_then(|reception| reception.reason.clone()),
        })
    }

    fn json(&self, lane: &Lane, lang: Lang) -> Value {
        let mut json = limit_options::json(&lane.rate_limit);
        json["name"] = lane.name.as_str().into();
        json["domains"] = lane.domains.clone().into();
        json["connections"] = lane.connections.into();
        json["today"] = json!({ "sent": self.today.0, "quota": self.today.1 });
        json["pace"] = self.pace.into();
        json["state"] = if self.reason.is_some() { "paused" } else { "open" }.into();
        json["reason"] = self.reason.as_deref().map(|reason| lang.translate_packed(reason)).into();
        json
    }

    fn text(&self, lane: &Lane, lang: Lang) -> String {
        let domains = match lane.name.as_str() {
            ALL => lang.tr("lane-all"),
            lane::REST => lang.tr("lane-rest"),
            _ => lane.domains.join(" "),
        };
        let mut lines = vec![format!("{:<10} {domains}", lane.name)];
        let connections = lane
            .connections
            .map(|connections| lang.translate(&Message::new("cap-connections").with("connections", connections)));
        let limits = [
            Some(limit_options::text(&lane.rate_limit, self.today, lang)).filter(|text| !text.is_empty()),
            connections,
        ];
        let limits = limits.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let pace = self.pace.map(|pace| lang.translate(&Message::new("lane-slowed").with("pace", round(pace))));
        let reason = self.reason.as_deref().map(|reason| lang.translate_packed(reason));
        let more = [Some(limits).filter(|limits| !limits.is_empty()), pace, reason];
        lines.extend(more.into_iter().flatten().map(|line| format!("           {line}")));
        lines.join("\n")
    }
}
