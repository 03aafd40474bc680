//! Import of contacts from a file.

use serde::{Serialize, Serializer};

use super::{Action, Actor};
use crate::audience::import::{self, ImportProgress, Request, Summary};
use crate::infra::error::Result;
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::privacy::{erasure_log, file_erasure};

/// What an import did.
#[derive(Debug)]
pub struct Imported(pub Summary);

impl Serialize for Imported {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.json().serialize(serializer)
    }
}

/// Imports the contacts of a file onto a list. Addresses under a tombstone are refused and counted. `lang` is the
/// language of the reasons in the file of rejects.
pub async fn run(
    installation: &Installation,
    actor: &Actor,
    request: &Request,
    lang: Lang,
    progress: &mut (dyn FnMut(ImportProgress) + Send),
) -> Result<Imported> {
    let permit = actor.permit(Action::ImportContacts)?;
    let log = erasure_log::length(installation);
    let summary = import::run(installation, permit.workspace, request, lang, progress).await;
    if let Some(rejects) = request.rejects.as_ref().filter(|rejects| rejects.is_file()) {
        // It may hold contacts erased since the import began.
        file_erasure::erase_from_file(installation, rejects, log).await?;
    }
    let summary = summary?;
    permit.audit(None);
    Ok(Imported(summary))
}
