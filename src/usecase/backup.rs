//! Backups: make one, make a key for them, restore one, rehearse a restore.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Action, Actor, startup};
use crate::audience::import::staging::Staging;
use crate::backup::restore::{self, LaterErasures};
use crate::backup::{keys, make, register, rotation};
use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;
use crate::privacy::physical_erasure;
use crate::store_migration::{Step, wipe};

/// What to back up, and where to.
#[derive(Debug)]
pub struct Request {
    /// The file; or a folder, where the backup gets a name with its time.
    pub to: PathBuf,
    /// The public keys, `age1…`.
    pub recipients: Vec<String>,
    /// Backups of the same folder that are older than this many days are deleted afterwards.
    pub keep_days: Option<u32>,
}

/// A backup that was made.
#[derive(Debug, Serialize)]
pub struct BackedUp {
    /// The file.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// People in it.
    pub people: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Older backups that were deleted.
    pub deleted: Vec<String>,
}

/// A key pair that was made.
#[derive(Debug, Serialize)]
pub struct KeyMade {
    /// The public key, for `--recipient`.
    pub recipient: String,
    /// The file with the private key.
    pub identity: String,
}

/// What to restore.
#[derive(Debug)]
pub struct RestoreRequest {
    /// The backup.
    pub file: PathBuf,
    /// The file with the private key.
    pub identity: PathBuf,
    /// True to replace the database that the data folder has now.
    pub replace: bool,
    /// The journal folder of the lost installation, with its erasure log.
    pub journal: Option<PathBuf>,
}

/// A backup that was restored.
#[derive(Debug, Serialize)]
pub struct Restored {
    /// When it was made, in ms.
    pub made_at: i64,
    /// People in it.
    pub people: i64,
    /// People of it who have left since and were erased again.
    pub erased: u64,
    /// Campaigns that were paused or returned to drafts.
    pub halted: u64,
    /// False while nobody sends, because erasures after the backup are not known.
    pub sends: bool,
    /// Where the data are.
    pub place: String,
}

/// A rehearsal of a restore.
#[derive(Debug, Serialize)]
pub struct Rehearsed {
    /// When the backup was made, in ms.
    pub made_at: i64,
    /// People who would be there.
    pub people: i64,
    /// People of the backup who have left since and would be erased again.
    pub erased: u64,
    /// Tables whose rows were read.
    pub tables: usize,
    /// Rows of all tables.
    pub rows: u64,
    /// True when the backup was made for this rehearsal.
    pub made_now: bool,
}

/// Makes a backup.
///
/// # Errors
/// Invalid for a key that is not public, and for `keep_days` with a file.
pub async fn run(
    installation: &Installation,
    actor: &Actor,
    request: &Request,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<BackedUp> {
    let permit = actor.permit(installation, Action::MakeBackup).await?.begin(installation).await?;
    let recipients = keys::recipients(&request.recipients)?;
    let is_folder = request.to.is_dir();
    if request.keep_days.is_some() && !is_folder {
        return Err(Message::new("backup-keep").with("to", request.to.display()).invalid_field("keep_days"));
    }
    let to = match is_folder {
        true => request.to.join(rotation::name(installation.clock.now())),
        false => request.to.clone(),
    };
    let made = make::to_file(installation, &to, recipients, progress).await?;
    let path = std::path::absolute(&to).unwrap_or_else(|_| to.clone());
    let mut tx = installation.db.write().await?;
    register::add(&mut tx, installation.ids.next()?, &path.display().to_string(), made.manifest.made_at).await?;
    tx.commit().await?;
    let deleted = match request.keep_days {
        Some(days) => rotation::remove_old(&request.to, days, installation.clock.now())?,
        None => Vec::new(),
    };
    permit.audit(None).await;
    Ok(BackedUp {
        file: to.display().to_string(),
        bytes: made.bytes,
        people: made.manifest.rows("contact"),
        rows: made.manifest.tables.iter().map(|table| table.rows).sum(),
        deleted: deleted.iter().map(|path| path.display().to_string()).collect(),
    })
}

/// Makes a key pair for backups. The private key belongs on another machine.
pub async fn make_key(installation: &Installation, actor: &Actor, file: &Path) -> Result<KeyMade> {
    let permit = actor.permit(installation, Action::MakeBackup).await?.begin(installation).await?;
    let recipient = keys::generate(file, &installation.config.data)?;
    permit.audit(None).await;
    Ok(KeyMade { recipient, identity: file.display().to_string() })
}

/// Restores a backup into the data folder and database of the configuration. Nothing is changed before the backup is
/// checked and brought up to date aside.
///
/// # Errors
/// Conflict when there is an installation already that is not to be replaced, or another one; unavailable while it is
/// used; invalid for a wrong key or a damaged file.
pub async fn restore(
    config: Config,
    actor: &Actor,
    request: &RestoreRequest,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Restored> {
    let permit = actor.permit_outside(Action::RestoreBackup)?;
    let config = config.resolve()?;
    let identities = keys::identities(&request.identity)?;
    let is_there = config.is_initialized();
    if is_there && !request.replace {
        return Err(Message::new("restore-occupied").with("data", config.data.display()).conflict());
    }
    if let Some(journal) = &request.journal {
        restore::check_journal(journal)?;
    }
    let data = config.data.clone();
    std::fs::create_dir_all(config.staging_dir()).map_err(Error::io(data.display()))?;
    let _locks = wipe::lock_unused(&data)?;
    let later = match (&request.journal, is_there) {
        (Some(journal), _) => LaterErasures::Journal(journal.clone()),
        (None, true) => LaterErasures::Journal(config.journal_dir()),
        (None, false) => LaterErasures::Unknown,
    };
    let staging = Staging::claim(&config.staging_dir())?;
    let folder = staging.folder().join("data");
    std::fs::create_dir(&folder).map_err(Error::io(folder.display()))?;
    let prepared = restore::prepare(&request.file, identities, &folder, &later, Clock::system()).await?;
    if is_there && !restore::is_same_installation(&Config { data: folder.clone(), database: None }, &config) {
        return Err(Message::new("restore-other").with("data", data.display()).conflict());
    }
    match &config.database {
        None => restore::put_in_place(&folder, &config)?,
        Some(_) => restore::copy_into_server(&folder, &config, progress).await?,
    }
    drop(staging);
    let installation = startup::create(config).await?;
    physical_erasure::mark_all_pending(&installation)?;
    let place = installation.config.store_location()?.redacted();
    installation.db.close().await;
    permit.audit_at(&installation.config, None).await;
    Ok(Restored {
        made_at: prepared.manifest.made_at,
        people: prepared.people,
        erased: prepared.erased,
        halted: prepared.halted,
        sends: later != LaterErasures::Unknown,
        place,
    })
}

/// Repeats the erasures of the journal of the lost installation in one that was restored without it. Returns how many
/// people were erased.
pub async fn repeat_erasures(config: Config, actor: &Actor, journal: &Path) -> Result<u64> {
    let permit = actor.permit_outside(Action::RestoreBackup)?;
    let installation = startup::open(config).await?;
    let erased = restore::repeat_erasures(&installation, journal).await;
    installation.db.close().await;
    permit.audit_at(&installation.config, None).await;
    erased
}

/// Rehearses a restore: unpacks a backup aside, repeats the erasures since, reads every table, and removes the copy. Without
/// a file, a backup is made for it.
pub async fn rehearse(
    config: Config,
    actor: &Actor,
    backup: Option<(&Path, &Path)>,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Rehearsed> {
    let permit = actor.permit_outside(Action::RestoreBackup)?;
    let installation = startup::open(config).await?;
    let staging = Staging::claim(&installation.config.staging_dir())?;
    let folder = staging.folder().join("data");
    std::fs::create_dir(&folder).map_err(Error::io(folder.display()))?;
    let (file, identities) = match backup {
        Some((file, identity)) => (file.to_owned(), keys::identities(identity)?),
        None => {
            let (identity, recipient) = keys::ephemeral();
            let file = staging.folder().join("rehearsal.backup.age");
            make::to_file(&installation, &file, vec![recipient], progress).await?;
            (file, vec![identity])
        }
    };
    let later = LaterErasures::Journal(installation.config.journal_dir());
    let prepared = restore::prepare(&file, identities, &folder, &later, installation.clock.clone()).await?;
    drop(staging);
    installation.db.close().await;
    permit.audit_at(&installation.config, None).await;
    Ok(Rehearsed {
        made_at: prepared.manifest.made_at,
        people: prepared.people,
        erased: prepared.erased,
        tables: prepared.manifest.tables.len(),
        rows: prepared.manifest.tables.iter().map(|table| table.rows).sum(),
        made_now: backup.is_none(),
    })
}
