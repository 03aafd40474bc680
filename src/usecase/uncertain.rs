//! Uncertain deliveries: list, settle by hand or by the log of the relay.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::output::{time, utc};
use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::hard_bounce::{self, HardBounce};
use crate::campaign::delivery;
use crate::campaign::delivery::uncertain::{self, ANSWER_LOST, HELD, Resolution, Scope, UncertainDelivery};
use crate::campaign::model;
use crate::campaign::model::transition;
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::postfix_log::{self, LogSearch};
use crate::mailer::reconcile::{self, Findings};
use crate::mailer::smtp::reply_class;

/// An uncertain delivery: only the relay knows whether it took the message.
#[derive(Debug, Serialize)]
pub struct UncertainRow {
    /// The recipient, masked.
    pub to: String,
    /// The campaign.
    pub campaign: String,
    /// Since when.
    #[serde(serialize_with = "time")]
    pub since: Millis,
    /// The key of the reason.
    pub why: &'static str,
}

/// How to settle.
#[derive(Debug)]
pub enum Settlement {
    /// Leave them as they are: each recipient gets at most one message.
    Hold,
    /// Send them again with the same bytes and Message-ID: each recipient gets at least one message.
    Resend,
    /// Read the log of the Postfix that took the messages.
    FromLog(LogSettlement),
}

/// How to settle by the log of a Postfix.
#[derive(Debug)]
pub struct LogSettlement {
    /// The files; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// Send again the messages that the log should name and does not.
    pub resend_missing: bool,
    /// Seconds for which the log must continue after the mark of a delivery.
    pub margin: u32,
    /// The time zone of a log that names none; that of this machine by default.
    pub zone: Option<String>,
}

/// What a settlement did, in numbers of deliveries.
#[derive(Debug, Default, Serialize)]
pub struct Settled {
    /// Taken by the relay.
    pub accepted: u64,
    /// Refused by the relay.
    pub rejected: u64,
    /// To be sent again.
    pub resent: u64,
    /// Left as they are on purpose.
    pub held: u64,
    /// Not in the log, which covers their time.
    pub missing: u64,
    /// Outside the time of the log.
    pub outside: u64,
    /// Still uncertain.
    pub uncertain: i64,
}

/// Lists the uncertain deliveries, of one campaign or all.
pub async fn list(installation: &Installation, actor: &Actor, campaign: Option<&str>) -> Result<Vec<UncertainRow>> {
    let permit = actor.permit(installation, Action::ListUncertain).await?;
    let mut conn = installation.db.read().await?;
    let scope = scope(&mut conn, permit.workspace, campaign).await?;
    let campaigns = model::list(&mut conn, permit.workspace).await?;
    let names: BTreeMap<Id, String> = campaigns.into_iter().map(|campaign| (campaign.id, campaign.name)).collect();
    let row = |delivery: UncertainDelivery| {
        let address = delivery.address.as_deref().and_then(|text| Address::parse(text).ok());
        UncertainRow {
            to: address.map_or_else(|| "***".to_owned(), |address| address.to_string()),
            campaign: names.get(&delivery.campaign).cloned().unwrap_or_default(),
            since: delivery.since,
            why: match delivery.reason.as_deref() {
                Some(ANSWER_LOST) => "uncertain-answer-lost",
                Some(HELD) => "uncertain-held",
                _ => "uncertain-mailer-died",
            },
        }
    };
    let rows = uncertain::list(&mut conn, scope).await?.into_iter().map(row).collect();
    permit.audit(scope.campaign).await;
    Ok(rows)
}

/// Settles the uncertain deliveries, of one campaign or all.
pub async fn settle(
    installation: &Installation,
    actor: &Actor,
    campaign: Option<&str>,
    settlement: &Settlement,
) -> Result<Settled> {
    let permit = actor.permit(installation, Action::SettleUncertain).await?;
    let mut conn = installation.db.read().await?;
    let scope = scope(&mut conn, permit.workspace, campaign).await?;
    let deliveries = uncertain::list(&mut conn, scope).await?;
    drop(conn);
    let ids: Vec<Id> = deliveries.iter().map(|delivery| delivery.id).collect();
    let findings = match settlement {
        Settlement::FromLog(log) if !deliveries.is_empty() => search_log(installation, &deliveries, log).await?,
        _ => Findings::default(),
    };
    let mut settled = Settled::default();
    let mut tx = installation.db.write().await?;
    match settlement {
        Settlement::Hold => settled.held = uncertain::hold(&mut tx, &ids).await?,
        Settlement::Resend => settled.resent = resend(installation, &mut tx, &ids).await?,
        Settlement::FromLog(log) => {
            (settled.accepted, settled.rejected) =
                uncertain::resolve(&mut tx, &findings.answers, installation.clock.now()).await?;
            record_bounces(&mut tx, &findings.answers, installation.clock.now()).await?;
            (settled.missing, settled.outside) = (findings.missing.len() as u64, findings.outside.len() as u64);
            if log.resend_missing {
                settled.resent = resend(installation, &mut tx, &findings.missing).await?;
                settled.missing -= settled.resent;
            }
        }
    }
    settled.uncertain = uncertain::count(&mut tx, scope).await?;
    tx.commit().await?;
    hard_bounce::apply(&installation.db).await?;
    permit.audit(scope.campaign).await;
    Ok(settled)
}

/// Suppresses the contacts whose mailbox does not exist, as the log says.
async fn record_bounces(conn: &mut Conn, resolutions: &[Resolution], now: Millis) -> Result<()> {
    let bounced: HashMap<Id, &str> = resolutions
        .iter()
        .filter(|resolution| !resolution.accepted && reply_class::names_no_mailbox(&resolution.code))
        .map(|resolution| (resolution.id, resolution.code.as_str()))
        .collect();
    let ids: Vec<Id> = bounced.keys().copied().collect();
    let contacts = delivery::contacts_of(conn, &ids).await?;
    let bounces: Vec<_> =
        contacts.iter().map(|(id, contact)| HardBounce { contact: *contact, status: bounced[id].to_owned() }).collect();
    hard_bounce::record(conn, &bounces, now).await
}

async fn scope(conn: &mut Conn, workspace: Id, campaign: Option<&str>) -> Result<Scope> {
    let campaign = match campaign {
        Some(name) => Some(model::find_by_name(conn, workspace, name).await?.id),
        None => None,
    };
    Ok(Scope { workspace, campaign })
}

/// Sends again, and reopens finished campaigns for it.
async fn resend(installation: &Installation, conn: &mut Conn, ids: &[Id]) -> Result<u64> {
    let resent = uncertain::resend(conn, ids, installation.clock.now()).await?;
    for campaign in resent.keys() {
        transition::reopen(conn, *campaign).await?;
    }
    Ok(resent.values().sum())
}

/// Searches the log for the deliveries; refuses a log that cannot name them.
async fn search_log(
    installation: &Installation,
    deliveries: &[UncertainDelivery],
    log: &LogSettlement,
) -> Result<Findings> {
    let zone = match log.zone.as_deref() {
        Some(name) => {
            TimeZone::get(name).map_err(|_| Message::new("campaign-zone").with("zone", name).invalid_field("zone"))?
        }
        None => TimeZone::system(),
    };
    let ids = reconcile::message_ids(installation, &mut *installation.db.read().await?, deliveries).await?;
    let search = tokio::task::block_in_place(|| read(&ids, &log.files, &zone, installation.clock.now()))?;
    let files = || log.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let refused = |key| Message::new(key).with("files", files());
    let Some((first, last)) = search.span() else {
        return Err(refused("maillog-none").invalid_field("from_maillog"));
    };
    let margin = i64::from(log.margin) * 1_000;
    let findings = reconcile::compare(deliveries, &search, margin);
    if findings.answers.is_empty() && findings.missing.is_empty() {
        let from = deliveries.iter().map(|delivery| delivery.dated_at).min();
        let to = deliveries.iter().map(|delivery| delivery.since).max();
        let (Some(from), Some(to)) = (from, to) else { return Ok(findings) };
        return Err(refused("maillog-span")
            .with("first", utc(first))
            .with("last", utc(last))
            .with("from", utc(from))
            .with("to", utc(to + margin))
            .invalid_field("from_maillog"));
    }
    if !search.has_own_messages() {
        return Err(refused("maillog-foreign").invalid_field("from_maillog"));
    }
    Ok(findings)
}

/// Searches the files in the order of their first lines: a rotated log is several, and a shell names them in any
/// order.
fn read(ids: &HashMap<String, Id>, files: &[PathBuf], zone: &TimeZone, now: Millis) -> Result<LogSearch> {
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
