//! The receipt of an erasure that a person takes along from the page that says they are erased. Its number is the keyed digest of the
//! tombstone, encrypted with a key of the installation: it holds no address, and only the installation can read it. The operator
//! compares it with the log of destruction.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::output::{time, utc};
use super::preference::Subject;
use super::{Action, Actor};
use crate::audience::{contact, tombstone};
use crate::content::brand;
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::destruction::report::{self, ErasureReceipt};
use crate::privacy::destruction::{CONTACT, MANNER};

/// Begins the text that is encrypted.
const PURPOSE: &str = "erasure receipt";

/// Who will be erased, as the receipt names them; read before the erasure, since nothing is left after it.
#[derive(Debug, Clone)]
pub struct Draft {
    workspace: Id,
    subject: String,
}

/// What a number says.
struct Opened {
    workspace: Id,
    at: Millis,
    subject: String,
}

/// What the log of destruction says about a receipt.
#[derive(Debug, Serialize)]
pub struct CheckedReceipt {
    /// When the receipt was given out.
    #[serde(serialize_with = "time")]
    pub issued_at: Millis,
    /// The erasures of that person since shortly before, the oldest first.
    pub erasures: Vec<ErasureReceipt>,
}

/// How long before its receipt an erasure may have been logged, in ms.
const BEFORE: Millis = 10 * 60 * 1_000;

/// Prepares the receipt of a recipient who is about to be erased; `None` for one who is not there.
pub async fn draft(installation: &Installation, actor: &Actor, subject: Subject) -> Result<Option<Draft>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    permit.skip_audit();
    let found = contact::get(&mut *installation.db.read().await?, subject.contact).await?;
    let key = &installation.keys.tombstone;
    Ok(found.map(|contact| Draft {
        workspace: subject.workspace,
        subject: tombstone::hex(&tombstone::digest(key, subject.workspace, &contact.address)),
    }))
}

/// The number of the receipt, given out now.
pub fn number(installation: &Installation, draft: &Draft) -> String {
    let text = format!("{PURPOSE} {} {} {}", draft.workspace, installation.clock.now(), draft.subject);
    URL_SAFE_NO_PAD.encode(installation.keys.seal(&text))
}

fn open(installation: &Installation, number: &str) -> Option<Opened> {
    let text = URL_SAFE_NO_PAD.decode(number.trim()).ok().and_then(|bytes| installation.keys.open(&bytes))?;
    let mut words = text.strip_prefix(PURPOSE)?.split_whitespace();
    let mut next = || words.next();
    Some(Opened { workspace: next()?.parse().ok()?, at: next()?.parse().ok()?, subject: next()?.to_owned() })
}

/// The receipt as a text to keep; `None` for a number that this installation did not give out.
pub async fn read(installation: &Installation, actor: &Actor, number: &str, lang: Lang) -> Result<Option<String>> {
    let permit = actor.permit(installation, Action::ReadSelf).await?;
    permit.skip_audit();
    let Some(opened) = open(installation, number) else { return Ok(None) };
    let sender = brand::get(&mut *installation.db.read().await?, opened.workspace).await?.name;
    let message = Message::new("erasure-receipt-text")
        .with("sender", if sender.is_empty() { "—".to_owned() } else { sender })
        .with("at", utc(opened.at))
        .with("categories", CONTACT.join(", "))
        .with("manner", MANNER)
        .with("number", number);
    Ok(Some(lang.translate(&message)))
}

/// Compares the number of a receipt with the log of destruction.
///
/// # Errors
///
/// Invalid for a number that this installation did not give out for the workspace.
pub async fn check(installation: &Installation, actor: &Actor, number: &str) -> Result<CheckedReceipt> {
    let permit = actor.permit(installation, Action::ReadDestructionLog).await?;
    let opened = open(installation, number).filter(|opened| opened.workspace == permit.workspace);
    let opened = opened.ok_or_else(|| Message::new("act-receipt-forged").invalid_field("number"))?;
    let (log, workspace, subject) = (installation.destruction_log.clone(), opened.workspace, opened.subject);
    let found = spawn_blocking(move || report::find_subject(&log, workspace, &subject)).await;
    let mut erasures = found.unwrap_or_else(|_| Err(Message::new("spool-stopped").unavailable()))?;
    let from = opened.at - BEFORE;
    erasures.retain(|one| one.at.parse::<jiff::Timestamp>().is_ok_and(|at| at.as_millisecond() >= from));
    permit.audit(None).await;
    Ok(CheckedReceipt { issued_at: opened.at, erasures })
}
