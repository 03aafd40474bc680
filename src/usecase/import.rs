//! Import of contacts from a file.

use serde::{Serialize, Serializer};

use super::{Action, Actor};
use crate::audience::import::{self, ImportProgress, Request, Summary};
use crate::infra::error::Result;
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;

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
    let summary = import::run(installation, permit.workspace, request, lang, progress).await?;
    permit.audit(None);
    Ok(Imported(summary))
}
