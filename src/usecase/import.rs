//! Import of contacts from a file, and suppression of people who left elsewhere.

use serde::{Serialize, Serializer};

use super::{Action, Actor};
use crate::audience::import::{self, ImportProgress, ImportRow, Phase, Purpose, Request, StatusRule, Summary};
use crate::audience::list;
use crate::infra::error::Result;
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::physical_erasure::Urgency;
use crate::privacy::{erasure_log, file_erasure, physical_erasure, suppression};

/// What an import did.
#[derive(Debug)]
pub struct Imported(pub Summary);

impl Serialize for Imported {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.json().serialize(serializer)
    }
}

/// Imports the contacts of a file onto a list. Addresses under a tombstone are refused and counted. People who may not be
/// mailed, as the file says, are suppressed where the request follows it. `lang` is the language of the reasons in the
/// file of rejects.
pub async fn run(
    installation: &Installation,
    actor: &Actor,
    request: &Request,
    lang: Lang,
    progress: &mut (dyn FnMut(ImportProgress) + Send),
) -> Result<Imported> {
    let permit = actor.permit(installation, Action::ImportContacts).await?.begin(installation).await?;
    let id = match (request.dry_run, request.id) {
        (false, None) => Some(installation.ids.next()?),
        (_, id) => id,
    };
    let request = &Request { id, ..request.clone() };
    let follows = request.reading.statuses == StatusRule::Follow;
    let suppressing = match follows {
        true => Some(actor.permit(installation, Action::SuppressContacts).await?),
        false => None,
    };
    let workspace = permit.workspace;
    let log = erasure_log::length(installation);
    let list = list::find(&mut *installation.db.read().await?, workspace, &request.list).await?.map(|list| list.id);
    let edition =
        super::policy::edition_in_force(&mut *installation.db.read().await?, workspace, installation.clock.now())
            .await?;
    let summary =
        import::run_with(installation, workspace, request, &edition, lang, progress, &mut |people: Vec<ImportRow>| {
            Box::pin(async move { suppression::suppress(installation, workspace, list, &people).await })
        })
        .await;
    if let Some(rejects) = request.rejects.as_ref().filter(|rejects| rejects.is_file()) {
        // It may hold contacts erased since the import began.
        file_erasure::erase_from_file(installation, rejects, log).await?;
    }
    let mut summary = summary?;
    if summary.suppressed.unsubscribed > 0 {
        summary.notices.extend(physical_erasure::run_for_command(installation, Urgency::Usual).await?);
    }
    permit.audit(None).await;
    if let Some(suppressing) = suppressing {
        suppressing.audit(None).await;
    }
    Ok(Imported(summary))
}

/// Suppresses the people of a file, who left elsewhere: on the list of the request, or on every list when it names none.
/// Those whose mailbox does not exist, as the file says, are suppressed on every list.
pub async fn suppress(
    installation: &Installation,
    actor: &Actor,
    request: &Request,
    lang: Lang,
    progress: &mut (dyn FnMut(ImportProgress) + Send),
) -> Result<Imported> {
    let permit = actor.permit(installation, Action::SuppressContacts).await?.begin(installation).await?;
    let list: Option<Id> = match request.list.trim() {
        "" => None,
        name => Some(list::need(&mut *installation.db.read().await?, permit.workspace, name).await?.id),
    };
    let (mut summary, mut rows) =
        import::read_rows(installation, permit.workspace, Purpose::Suppress, request, lang, progress).await?;
    let rows_total = rows.valid_rows;
    loop {
        let (rest, people) = import::next_rows(rows, suppression::SLICE).await?;
        rows = rest;
        if people.is_empty() {
            break;
        }
        summary.suppressed.count(&people);
        if !request.dry_run {
            summary.suppressed.unsubscribed +=
                suppression::suppress(installation, permit.workspace, list, &people).await?;
        }
        let done = summary.suppressed.total().unsigned_abs();
        progress(ImportProgress { phase: Phase::Merging, bytes_read: 0, bytes_total: 0, rows: done, rows_total });
    }
    summary.duplicates = rows.duplicates;
    if summary.suppressed.unsubscribed > 0 {
        summary.notices.extend(physical_erasure::run_for_command(installation, Urgency::Usual).await?);
    }
    permit.audit(None).await;
    Ok(Imported(summary))
}
