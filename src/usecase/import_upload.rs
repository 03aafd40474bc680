//! Import of a file that was uploaded at the desk: the file and the answers to what it asks are kept in the data folder until
//! the import has ended, so that a page can be left and a program can be killed meanwhile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::import::{self as imports, Imported};
use super::{Action, Actor};
use crate::audience::consent::{self, Basis, Evidence};
use crate::audience::field::{self, Field};
use crate::audience::import::{Delimiter, ImportProgress, Reading, Request, StatusRule, added_range};
use crate::infra::clock::{DAY, Millis};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::{atomic_file, private_file};

/// How long a file that was not imported, and the rejected rows of one that was, are kept.
const KEPT: Millis = 7 * DAY;

/// The prefix of the answers that say what a column fills; the number of the column follows, from 1.
pub const COLUMN: &str = "map-";

/// An uploaded file with the answers to what it asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Upload {
    /// The workspace.
    pub workspace: Id,
    /// Its name on the user's computer.
    pub name: String,
    /// When it was uploaded.
    pub at: Millis,
    /// The answers, by their names.
    pub answers: BTreeMap<String, String>,
    /// Whether the import was begun; one that has no summary was interrupted or still runs.
    pub is_begun: bool,
    /// What the import did.
    pub summary: Option<Value>,
}

impl Upload {
    /// An answer; empty without one.
    pub fn answer(&self, name: &str) -> &str {
        self.answers.get(name).map_or("", String::as_str)
    }

    /// The request that the answers make.
    fn request(&self, path: PathBuf, dry_run: bool, rejects: Option<PathBuf>) -> Result<Request> {
        let given = |name| Some(self.answer(name)).filter(|text| !text.is_empty());
        let mut reading = Reading {
            no_header: given("no-header").is_some(),
            delimiter: given("delimiter").map(Delimiter::parse).transpose()?,
            numbers: given("numbers").map(str::parse).transpose()?,
            statuses: match self.answer("statuses") {
                "follow" => StatusRule::Follow,
                "ignore" => StatusRule::Ignore,
                _ => StatusRule::Ask,
            },
            ..Reading::default()
        };
        let dates: Vec<String> = self.answer("dates").split_whitespace().map(str::to_owned).collect();
        reading.set_dates(&dates)?;
        if let Some(years) = given("years") {
            let refused = || Message::new("import-years-wrong").invalid_field("years");
            reading.set_years(Some(years.parse().map_err(|_| refused())?))?;
        }
        let columns = self.answers.iter().filter_map(|(name, target)| Some((name.strip_prefix(COLUMN)?, target)));
        let mut map: Vec<_> = columns.map(|(number, target)| (format!("#{number}"), target.clone())).collect();
        // What nothing fills is left out.
        map.push(("*".to_owned(), "-".to_owned()));
        let text = |name| match (self.answer(name).trim(), dry_run) {
            ("", true) => "?".to_owned(),
            (text, _) => text.to_owned(),
        };
        Ok(Request {
            id: None,
            path,
            list: self.answer("list").to_owned(),
            source: text("source"),
            basis: given("basis").map_or(Ok(Basis::Consent), str::parse)?,
            proof: text("proof"),
            date: if dry_run { "2000-01-01".to_owned() } else { self.answer("date").to_owned() },
            map,
            encoding: given("encoding").map(str::to_owned),
            reading,
            dry_run,
            rejects,
        })
    }
}

/// A file that is being uploaded.
#[derive(Debug)]
pub struct NewUpload {
    /// Its key.
    pub id: Id,
    /// Where its bytes are written to.
    pub file: File,
}

/// Begins an upload, and removes those that were left behind.
pub async fn begin(installation: &Installation, actor: &Actor, name: &str, list: &str) -> Result<NewUpload> {
    let permit = actor.permit(installation, Action::ImportContacts).await?.begin(installation).await?;
    let folder = folder(installation);
    fs::create_dir_all(&folder).map_err(Error::io(folder.display()))?;
    private_file::restrict(&folder, 0o700).map_err(Error::io(folder.display()))?;
    remove_old(installation);
    let id = installation.ids.next()?;
    let mut answers = BTreeMap::from([("list".to_owned(), list.to_owned())]);
    if let Some(last) =
        consent::newest_evidence(&mut *installation.db.read().await?, permit.workspace, "import").await?
    {
        answers.extend(remembered(last));
    }
    let upload = Upload {
        workspace: permit.workspace,
        name: name.rsplit(['/', '\\']).next().unwrap_or_default().chars().take(200).collect(),
        at: installation.clock.now(),
        answers,
        is_begun: false,
        summary: None,
    };
    write(installation, id, &upload)?;
    let path = path(installation, id, "csv");
    let file = private_file::options().write(true).create_new(true).open(&path).map_err(Error::io(path.display()))?;
    permit.audit(id).await;
    Ok(NewUpload { id, file })
}

/// The consent block of the last import, for the next one.
fn remembered(last: Evidence) -> [(String, String); 3] {
    [("basis", last.basis.to_string()), ("source", last.source), ("proof", last.proof)]
        .map(|(name, value)| (name.to_owned(), value))
}

/// Reads an upload.
///
/// # Errors
/// `NotFound` for one of another workspace, or one that was removed.
pub async fn read(installation: &Installation, actor: &Actor, id: Id) -> Result<Upload> {
    let permit = actor.permit(installation, Action::ImportContacts).await?;
    permit.skip_audit();
    let unknown = || Message::new("import-upload-gone").not_found();
    let text = fs::read_to_string(path(installation, id, "json")).map_err(|_| unknown())?;
    let upload: Upload = serde_json::from_str(&text).map_err(|_| unknown())?;
    if upload.workspace == permit.workspace { Ok(upload) } else { Err(unknown()) }
}

/// Stores answers. A column may fill a new field, as `new:KIND:NAME`: it is declared.
pub async fn answer(
    installation: &Installation,
    actor: &Actor,
    id: Id,
    answers: impl IntoIterator<Item = (String, String)>,
) -> Result<Upload> {
    let permit = actor.permit(installation, Action::ImportContacts).await?.begin(installation).await?;
    let mut upload = read(installation, actor, id).await?;
    for (name, value) in answers {
        let mut value = value.trim().to_owned();
        if let Some((kind, field_name)) = value.strip_prefix("new:").and_then(|new| new.split_once(':')) {
            actor.permit(installation, Action::AddField).await?.audit(None).await;
            let declared = Field::declare(field_name, kind)?;
            super::field::refuse_special(field_name)?;
            field::add(installation, permit.workspace, &declared).await?;
            value = declared.name;
        }
        match value.is_empty() {
            true => drop(upload.answers.remove(&name)),
            false => drop(upload.answers.insert(name, value)),
        }
    }
    write(installation, id, &upload)?;
    permit.audit(id).await;
    Ok(upload)
}

/// Reads the file as the answers say and counts what an import would do, without writing anything.
pub async fn rehearse(
    installation: &Installation,
    actor: &Actor,
    id: Id,
    lang: Lang,
    progress: &mut (dyn FnMut(ImportProgress) + Send),
) -> Result<Imported> {
    let permit = actor.permit(installation, Action::ImportContacts).await?;
    let upload = read(installation, actor, id).await?;
    permit.skip_audit();
    let request = upload.request(path(installation, id, "csv"), true, None)?;
    match imports::run(installation, actor, &request, lang, progress).await {
        // Without a known column of addresses the columns are shown all the same.
        Err(error) if error.message().key == "import-no-address" => {
            let mut request = request;
            request.map.insert(0, ("#1".to_owned(), "email".to_owned()));
            imports::run(installation, actor, &request, lang, progress).await
        }
        done => done,
    }
}

/// Imports the file and removes it. One that was interrupted can be imported again: what is there already stays.
pub async fn run(
    installation: &Installation,
    actor: &Actor,
    id: Id,
    lang: Lang,
    progress: &mut (dyn FnMut(ImportProgress) + Send),
) -> Result<Imported> {
    let permit = actor.permit(installation, Action::ImportContacts).await?.begin(installation).await?;
    let mut upload = read(installation, actor, id).await?;
    let (file, rejects) = (path(installation, id, "csv"), path(installation, id, "rejects.csv"));
    // An import that was interrupted goes on under its number.
    let request = Request { id: Some(id), ..upload.request(file.clone(), false, Some(rejects))? };
    upload.is_begun = true;
    write(installation, id, &upload)?;
    let imported = imports::run(installation, actor, &request, lang, progress).await?;
    upload.summary = Some(imported.0.json());
    write(installation, id, &upload)?;
    // An erasure searches what cannot be removed now.
    let _ = fs::remove_file(&file);
    permit.audit(id).await;
    Ok(imported)
}

/// Whether the import brought people who can still be removed again.
pub fn can_be_undone(upload: &Upload, now: Millis) -> bool {
    let is_recent = upload.at > now - added_range::KEPT;
    is_recent && upload.summary.as_ref().is_some_and(|summary| summary.get("import").is_some())
}

/// Opens the rejected rows of an import; `None` when there are none.
pub async fn rejects(installation: &Installation, actor: &Actor, id: Id) -> Result<Option<File>> {
    let permit = actor.permit(installation, Action::ImportContacts).await?.begin(installation).await?;
    read(installation, actor, id).await?;
    permit.audit(id).await;
    Ok(File::open(path(installation, id, "rejects.csv")).ok())
}

/// The folder of uploads. An erasure searches it like every folder of the installation.
fn folder(installation: &Installation) -> PathBuf {
    installation.config.data.join("uploads")
}

fn path(installation: &Installation, id: Id, extension: &str) -> PathBuf {
    folder(installation).join(format!("{id}.{extension}"))
}

fn write(installation: &Installation, id: Id, upload: &Upload) -> Result<()> {
    let path = path(installation, id, "json");
    let text = serde_json::to_string(upload).map_err(|_| Message::new("import-stopped").internal())?;
    atomic_file::replace(&path, &text)
}

/// Removes files that were uploaded long ago. What cannot be removed is left for the next time.
fn remove_old(installation: &Installation) {
    let now = installation.clock.now();
    for entry in fs::read_dir(folder(installation)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let is_old = serde_json::from_str::<Upload>(&text).map_or(true, |upload| upload.at < now - KEPT);
        if is_old {
            for extension in ["csv", "rejects.csv", "json"] {
                let _ = fs::remove_file(folder(installation).join(format!("{id}.{extension}")));
            }
        }
    }
}
