//! `sendoff uncertain ls | settle`: letters whose fate the relay alone knows.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use jiff::tz::TimeZone;
use serde_json::json;

use super::print::{Output, time};
use crate::audience::address::Address;
use crate::campaign::delivery::uncertain::{self, ANSWER_LOST, HELD, Scope, UncertainDelivery};
use crate::campaign::model;
use crate::infra::db::Conn;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::postfix_log::{self, LogSearch};
use crate::mailer::reconcile::{self, Findings};
use crate::usecase::Actor;

/// What to do with uncertain letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them: to whom, of which campaign, since when, why
    Ls {
        /// Of this campaign only
        #[arg(long, value_name = "NAME")]
        campaign: Option<String>,
    },
    /// Decide what becomes of them
    Settle(Settle),
}

/// How to settle.
#[derive(Debug, clap::Args)]
pub struct Settle {
    #[command(flatten)]
    way: Way,
    /// With --from-maillog: send again what the log would name and does not
    #[arg(long, requires = "from_maillog")]
    resend_missing: bool,
    /// With --from-maillog: seconds for which the log must go on after a letter was lost
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "from_maillog")]
    margin: u32,
    /// With --from-maillog: time zone of a log that names none; this machine's by default
    #[arg(long, value_name = "ZONE", requires = "from_maillog")]
    zone: Option<String>,
    /// Of this campaign only
    #[arg(long, value_name = "NAME")]
    campaign: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Way {
    /// They stay as they are: at most one letter to anyone
    #[arg(long)]
    hold: bool,
    /// Send them again, with the same bytes and Message-ID: at least one letter to everyone
    #[arg(long)]
    resend: bool,
    /// Ask the log of the Postfix that the letters were handed to; - reads standard input
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from_maillog: Vec<PathBuf>,
}

/// What came of it, by number.
#[derive(Debug, Default, serde::Serialize)]
struct Outcome {
    accepted: u64,
    rejected: u64,
    resent: u64,
    held: u64,
    missing: u64,
    outside: u64,
    uncertain: i64,
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    let mut conn = installation.db.read().await?;
    let names: BTreeMap<Id, String> = model::list(&mut conn, actor.workspace)
        .await?
        .into_iter()
        .map(|campaign| (campaign.id, campaign.name))
        .collect();
    let named = match &command {
        Command::Ls { campaign } => campaign,
        Command::Settle(Settle { campaign, .. }) => campaign,
    };
    let campaign = match named {
        Some(name) => Some(model::find_by_name(&mut conn, actor.workspace, name).await?.id),
        None => None,
    };
    let scope = Scope { workspace: actor.workspace, campaign };
    let doubts = uncertain::list(&mut conn, scope).await?;
    drop(conn);
    match command {
        Command::Ls { .. } => Ok(ls(&doubts, &names, lang)),
        Command::Settle(how) => settle(installation, scope, &doubts, how, lang).await,
    }
}

fn ls(doubts: &[UncertainDelivery], names: &BTreeMap<Id, String>, lang: Lang) -> Output {
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for doubt in doubts {
        let to = doubt.address.as_deref().and_then(|text| Address::parse(text).ok());
        let to = to.map_or_else(|| "***".to_owned(), |address| address.to_string());
        let name = names.get(&doubt.campaign).map_or("", String::as_str);
        let why = why(doubt);
        let since = time(doubt.since);
        lines.push(format!("{to:<24} {name:<24} {since}  {}", lang.tr(why)));
        rows.push(json!({ "to": to, "campaign": name, "since": since, "why": why }));
    }
    let text = if lines.is_empty() { lang.tr("uncertain-none") } else { lines.join("\n") };
    Output { json: rows.into(), text, failed: false }
}

fn why(doubt: &UncertainDelivery) -> &'static str {
    match doubt.reason.as_deref() {
        Some(ANSWER_LOST) => "uncertain-answer-lost",
        Some(HELD) => "uncertain-held",
        _ => "uncertain-mailer-died",
    }
}

async fn settle(
    installation: &Installation,
    scope: Scope,
    doubts: &[UncertainDelivery],
    how: Settle,
    lang: Lang,
) -> Result<Output> {
    let ids: Vec<Id> = doubts.iter().map(|doubt| doubt.id).collect();
    let mut outcome = Outcome::default();
    let findings = match how.way.from_maillog.is_empty() || doubts.is_empty() {
        true => Findings::default(),
        false => ask(installation, doubts, &how).await?,
    };
    let mut tx = installation.db.write().await?;
    if how.way.hold {
        outcome.held = uncertain::hold(&mut tx, &ids).await?;
    } else if how.way.resend {
        outcome.resent = resend(installation, &mut tx, &ids).await?;
    } else {
        (outcome.accepted, outcome.rejected) =
            uncertain::resolve(&mut tx, &findings.answers, installation.clock.now()).await?;
        (outcome.missing, outcome.outside) = (findings.missing.len() as u64, findings.outside.len() as u64);
        if how.resend_missing {
            outcome.resent = resend(installation, &mut tx, &findings.missing).await?;
            outcome.missing -= outcome.resent;
        }
    }
    outcome.uncertain = uncertain::count(&mut tx, scope).await?;
    tx.commit().await?;
    Ok(Output { json: json!(outcome), text: told(&outcome, lang), failed: false })
}

/// Sends again, and lets campaigns that were finished go on for it.
async fn resend(installation: &Installation, conn: &mut Conn, ids: &[Id]) -> Result<u64> {
    let resent = uncertain::resend(conn, ids, installation.clock.now()).await?;
    for campaign in resent.keys() {
        model::reopen(conn, *campaign).await?;
    }
    Ok(resent.values().sum())
}

/// Reads the log, oldest file first, and refuses one that cannot know these letters.
async fn ask(installation: &Installation, doubts: &[UncertainDelivery], how: &Settle) -> Result<Findings> {
    let zone = match how.zone.as_deref() {
        Some(name) => {
            TimeZone::get(name).map_err(|_| Message::new("campaign-zone").with("zone", name).invalid_field("zone"))?
        }
        None => TimeZone::system(),
    };
    let ids = reconcile::message_ids(installation, &mut *installation.db.read().await?, doubts).await?;
    let files = &how.way.from_maillog;
    let search = tokio::task::block_in_place(|| read(&ids, files, &zone, installation.clock.now()))?;
    let Some((first, last)) = search.span() else {
        return Err(Message::new("maillog-none").with("files", list(files)).invalid_field("from_maillog"));
    };
    let findings = reconcile::compare(doubts, &search, i64::from(how.margin) * 1_000);
    if findings.answers.is_empty() && findings.missing.is_empty() {
        let needed = (doubts.iter().map(|doubt| doubt.dated_at).min(), doubts.iter().map(|doubt| doubt.since).max());
        let (Some(from), Some(to)) = needed else { return Ok(findings) };
        let to = to + i64::from(how.margin) * 1_000;
        let refusal = Message::new("maillog-span").with("files", list(files));
        let refusal = refusal.with("first", time(first)).with("last", time(last));
        return Err(refusal.with("from", time(from)).with("to", time(to)).invalid_field("from_maillog"));
    }
    if !search.is_ours() {
        return Err(Message::new("maillog-foreign").with("files", list(files)).invalid_field("from_maillog"));
    }
    Ok(findings)
}

/// Searches the files. A rotated log lies in several, and a shell names them in any order.
fn read(ids: &HashMap<String, Id>, files: &[PathBuf], zone: &TimeZone, now: i64) -> Result<LogSearch> {
    let mut logs = Vec::with_capacity(files.len());
    for path in files {
        let mut log = open(path)?;
        let first = postfix_log::first_time(&mut log, zone, now).map_err(Error::io(path.display()))?;
        logs.push((first, log, path));
    }
    logs.sort_by_key(|(first, ..)| *first);
    let mut search = LogSearch::new(ids.clone(), zone.clone(), now);
    for (_, log, path) in logs {
        search.read(log).map_err(Error::io(path.display()))?;
    }
    Ok(search)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(stdin().lock()));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 18, File::open(path).map_err(Error::io(path.display()))?)))
}

fn list(files: &[PathBuf]) -> String {
    files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn told(outcome: &Outcome, lang: Lang) -> String {
    let counts = [
        ("settled-accepted", outcome.accepted),
        ("settled-rejected", outcome.rejected),
        ("settled-resent", outcome.resent),
        ("settled-held", outcome.held),
        ("settled-missing", outcome.missing),
        ("settled-outside", outcome.outside),
    ];
    let mut lines: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(key, count)| lang.translate(&Message::new(key).with("count", count)))
        .collect();
    lines.push(lang.translate(&Message::new("settled-uncertain").with("count", outcome.uncertain)));
    lines.join("\n")
}
