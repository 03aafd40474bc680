//! Export of rows and numbers to a file or to standard output.

use std::fs::File;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::output::optional_time;
use super::{Action, Actor};
use crate::campaign::model;
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Message, Result};
use crate::infra::export_register;
use crate::infra::installation::Installation;
use crate::privacy::{erasure_log, file_erasure};
use crate::report::export::{self, Excel, Export, Format, Kind, OnProgress};

/// How far the next export reaches back before the start of this one, in ms: a transaction that is open now may add rows
/// with earlier times.
const OVERLAP: Millis = 10 * 60 * 1_000;

/// The kinds that can be limited to what is new.
const SINCE_KINDS: [Kind; 2] = [Kind::Deliveries, Kind::Events];

/// What to export, and where to.
#[derive(Debug)]
pub struct Request {
    /// Which rows.
    pub kind: Kind,
    /// How they are written.
    pub format: Format,
    /// What Excel expects of CSV, where it is wanted.
    pub excel: Option<Excel>,
    /// Only those of this campaign; subscriptions are then those of its list.
    pub campaign: Option<String>,
    /// Only rows that were added or changed at this time or later: the cursor of an earlier export.
    pub since: Option<String>,
    /// The file; `None` for standard output.
    pub file: Option<PathBuf>,
}

/// What an export wrote.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// Which rows.
    #[serde(serialize_with = "kind")]
    pub exported: Kind,
    /// Name and version of the columns.
    pub schema: &'static str,
    /// How many.
    pub rows: u64,
    /// How many rows count what has no row of its own, because its person was erased or is restricted.
    pub remainder_rows: u64,
    /// The file; `None` for standard output.
    pub file: Option<String>,
    /// The cursor: what the next export is given as `since`, where the kind has one.
    #[serde(serialize_with = "optional_time")]
    pub next_since: Option<Millis>,
}

fn kind<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

/// The kind of an export that is limited to a profile.
///
/// # Errors
/// Invalid for another kind than subscriptions, and for a profile that is not known.
pub fn kind_of_profile(kind: Kind, profile: &str) -> Result<Kind> {
    match (kind, profile) {
        (Kind::Subscriptions | Kind::Processor, "processor") => Ok(Kind::Processor),
        _ => Err(Message::new("export-profile").with("profile", profile).with("kind", kind).invalid_field("profile")),
    }
}

/// What an export of this kind is: numbers are for more roles than rows that name people.
pub fn action_of(kind: Kind) -> Action {
    if kind.names_people() { Action::ExportContacts } else { Action::Export }
}

/// Exports. Contacts erased while a file was written are removed from it before this returns.
///
/// # Errors
/// Invalid for options that do not fit each other.
pub async fn run(
    installation: &Installation,
    actor: &Actor,
    request: &Request,
    progress: OnProgress<'_>,
) -> Result<Exported> {
    let permit = actor.permit(installation, action_of(request.kind)).await?.begin(installation).await?;
    let (kind, format, excel) = (request.kind, request.format, request.excel);
    if !format.is_available() {
        return Err(Message::new("export-parquet").invalid_field("format"));
    }
    if excel.is_some() && format != Format::Csv {
        return Err(Message::new("export-excel-format").with("format", format).invalid_field("excel"));
    }
    let since = request.since.as_deref().map(|text| read_since(kind, text)).transpose()?;
    let campaign = match &request.campaign {
        Some(name) => Some(model::find_by_name(&mut *installation.db.read().await?, permit.workspace, name).await?),
        None => None,
    };
    let next_since = SINCE_KINDS.contains(&kind).then(|| installation.clock.now() - OVERLAP);
    let export = Export { kind, format, excel, workspace: permit.workspace, campaign: campaign.as_ref(), since };
    let written = match &request.file {
        None => export::to_stdout(installation, &export, progress).await?,
        Some(path) => {
            let log = erasure_log::length(installation);
            export_register::forget(&installation.config, path)?;
            let written = export::to_file(installation, &export, path, progress).await?;
            if path.is_file() {
                export_register::record(&installation.config, path, permit.workspace)?;
                // The file may hold contacts erased since its rows were read.
                file_erasure::erase_from_file(installation, path, log).await?;
            }
            written
        }
    };
    permit.audit(campaign.as_ref().map(|campaign| campaign.id)).await;
    Ok(Exported {
        exported: kind,
        schema: kind.schema(),
        rows: written.rows,
        remainder_rows: written.remainder,
        file: request.file.as_ref().map(|path| path.display().to_string()),
        next_since,
    })
}

/// Exports to a file without a name, for a download: it is gone once it was read. Contacts erased meanwhile are removed.
///
/// # Errors
/// As [`run`].
pub async fn to_download(installation: &Installation, actor: &Actor, request: Request) -> Result<File> {
    let permit = actor.permit(installation, action_of(request.kind)).await?;
    // The export is audited.
    permit.skip_audit();
    let name = format!(".download-{}", installation.ids.next()?);
    let path = installation.config.data.join("export").join(name);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(folder.display()))?;
    }
    let request = Request { file: Some(path.clone()), ..request };
    let exported = run(installation, actor, &request, &mut |_, _| {}).await;
    let opened = exported.and_then(|_| File::open(&path).map_err(Error::io(path.display())));
    // What cannot be removed now is searched by erasures like any export.
    let _ = std::fs::remove_file(&path);
    opened
}

fn read_since(kind: Kind, text: &str) -> Result<Millis> {
    if !SINCE_KINDS.contains(&kind) {
        let kinds = SINCE_KINDS.map(Kind::as_str).join(", ");
        return Err(Message::new("export-since-kind").with("kind", kind).with("kinds", kinds).invalid_field("since"));
    }
    let at: Option<jiff::Timestamp> = text.trim().parse().ok();
    let at = at.ok_or_else(|| Message::new("export-since").with("text", text).invalid_field("since"))?;
    Ok(at.as_millisecond())
}
