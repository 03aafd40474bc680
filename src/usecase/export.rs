//! Export of rows and numbers to a file or to standard output.

use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::{Action, Actor};
use crate::campaign::model;
use crate::infra::error::Result;
use crate::infra::export_register;
use crate::infra::installation::Installation;
use crate::privacy::{erasure_log, file_erasure};
use crate::report::export::{self, Export, Format, Kind, OnProgress};

/// What to export, and where to.
#[derive(Debug)]
pub struct Request {
    /// Which rows.
    pub kind: Kind,
    /// How they are written.
    pub format: Format,
    /// Only those of this campaign; subscriptions are then those of its list.
    pub campaign: Option<String>,
    /// The file; `None` for standard output.
    pub file: Option<PathBuf>,
}

/// What an export wrote to a file.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// Which rows.
    #[serde(serialize_with = "kind")]
    pub exported: Kind,
    /// How many.
    pub rows: u64,
    /// The file.
    pub file: String,
}

fn kind<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

/// Exports. Contacts erased while a file was written are removed from it before this returns. `None` when the rows
/// went to standard output.
pub async fn run(
    installation: &Installation,
    actor: &Actor,
    request: &Request,
    progress: OnProgress<'_>,
) -> Result<Option<Exported>> {
    let permit = actor.permit(Action::Export)?;
    let campaign = match &request.campaign {
        Some(name) => Some(model::find_by_name(&mut *installation.db.read().await?, permit.workspace, name).await?),
        None => None,
    };
    permit.audit(campaign.as_ref().map(|campaign| campaign.id));
    let (kind, format) = (request.kind, request.format);
    let export = Export { kind, format, workspace: permit.workspace, campaign: campaign.as_ref() };
    let Some(path) = &request.file else {
        export::to_stdout(&installation.db, &export, progress).await?;
        return Ok(None);
    };
    let log = erasure_log::length(installation);
    export_register::forget(&installation.config, path)?;
    let rows = export::to_file(&installation.db, &export, path, progress).await?;
    if path.is_file() {
        export_register::record(&installation.config, path, permit.workspace)?;
        // The file may hold contacts erased since its rows were read.
        file_erasure::erase_from_file(installation, path, log).await?;
    }
    Ok(Some(Exported { exported: kind, rows, file: path.display().to_string() }))
}
