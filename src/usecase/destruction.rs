//! Acts and log of destruction of a workspace, and the receipt of one erasure.

use std::io::{BufWriter, Seek, Write};
use std::path::Path;

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{Action, Actor};
use crate::audience::address::Address;
use crate::content::brand;
use crate::infra::db::PhysicalErasure;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;
use crate::infra::private_file;
use crate::privacy::destruction::report::{self, DestroyedRow, ErasureReceipt, MonthSums};
use crate::privacy::policy::{self, Policy};

/// An act of destruction: what was destroyed in a month, with the facts that the act names.
#[derive(Debug, Clone, Serialize)]
pub struct Act {
    /// The operator of the data: the name.
    pub operator: String,
    /// The operator's postal address.
    pub operator_address: String,
    /// The workspace.
    pub workspace: String,
    /// Where the data was stored: the catalogue key of the database and its journals.
    #[serde(skip)]
    pub medium: &'static str,
    /// The sums.
    #[serde(flatten)]
    pub sums: MonthSums,
}

/// What was written of the log.
#[derive(Debug, Serialize)]
pub struct LogExported {
    /// The month.
    pub month: String,
    /// Lines about people and rows.
    pub rows: u64,
    /// The file.
    pub file: String,
}

/// What the log says about an address.
#[derive(Debug, Serialize)]
pub struct Receipts {
    /// The erasures, the oldest first.
    pub erasures: Vec<ErasureReceipt>,
    /// The address; prints masked.
    #[serde(skip)]
    pub address: Address,
}

/// The months in which data of the workspace was destroyed, the newest first.
pub async fn months(installation: &Installation, actor: &Actor) -> Result<Vec<MonthSums>> {
    let permit = actor.permit(installation, Action::ReadDestructionLog).await?;
    let months = read_months(installation, permit.workspace).await?;
    permit.audit(None).await;
    Ok(months)
}

/// The act of a month.
///
/// # Errors
///
/// `NotFound` for a month in which nothing was destroyed.
pub async fn act(installation: &Installation, actor: &Actor, month: &str) -> Result<Act> {
    let permit = actor.permit(installation, Action::ReadDestructionLog).await?;
    let months = read_months(installation, permit.workspace).await?;
    let sums = months.into_iter().find(|one| one.month == month).ok_or_else(|| no_month(month))?;
    let mut conn = installation.db.read().await?;
    let policy = policy::current(&mut conn, permit.workspace).await?;
    let brand = brand::get(&mut conn, permit.workspace).await?;
    let workspaces = crate::audience::workspace::all(&mut conn).await?;
    let workspace = workspaces.into_iter().find(|one| one.id == permit.workspace).map(|one| one.name);
    let workspace = workspace.unwrap_or_default();
    let medium = match installation.db.physical_erasure() {
        PhysicalErasure::Tables => "act-medium-server",
        PhysicalErasure::Pages | PhysicalErasure::File => "act-medium-file",
    };
    permit.audit(None).await;
    let (operator, operator_address) = match policy {
        Some(Policy { controller, .. }) => (controller.name, controller.address),
        None if brand.name.is_empty() => (workspace.clone(), brand.address),
        None => (brand.name, brand.address),
    };
    Ok(Act { operator, operator_address, workspace, medium, sums })
}

/// Writes the log of a month as CSV: one row a person (as a pseudonym), with categories, system, reason and date.
///
/// # Errors
///
/// `NotFound` for a month in which nothing was destroyed; `Conflict` when the file exists.
pub async fn export(installation: &Installation, actor: &Actor, month: &str, to: &Path) -> Result<LogExported> {
    let permit = actor.permit(installation, Action::ReadDestructionLog).await?;
    let file = match private_file::options().write(true).create_new(true).open(to) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Message::new("audit-to-exists").with("to", to.display()).conflict());
        }
        Err(error) => return Err(Error::io(to.display())(error)),
    };
    let written = write(installation, permit.workspace, month, file).await;
    if written.is_err() {
        // Nothing was destroyed in that month: no empty file stays.
        drop(std::fs::remove_file(to));
    }
    let (_, rows) = written?;
    permit.audit(None).await;
    Ok(LogExported { month: month.to_owned(), rows, file: to.display().to_string() })
}

/// [`export`] into a file without a name, for a download.
///
/// # Errors
///
/// As for [`export`].
pub async fn to_download(installation: &Installation, actor: &Actor, month: &str) -> Result<std::fs::File> {
    let permit = actor.permit(installation, Action::ReadDestructionLog).await?;
    let path = installation.config.export_dir().join(format!(".download-{}", installation.ids.next()?));
    let file = private_file::options().read(true).write(true).create_new(true).open(&path);
    let file = file.map_err(Error::io(path.display()))?;
    // The open file is read on; what cannot be removed now is searched by erasures like any export.
    let _ = std::fs::remove_file(&path);
    let (mut file, _) = write(installation, permit.workspace, month, file).await?;
    permit.audit(None).await;
    file.rewind().map_err(Error::io("export"))?;
    Ok(file)
}

/// The erasures of an address, for the person who asks whether and when they were erased. The address is compared by its keyed
/// digest.
///
/// # Errors
///
/// `Invalid` for the field `address`.
pub async fn receipt(installation: &Installation, actor: &Actor, address: &str) -> Result<Receipts> {
    let permit = actor.permit(installation, Action::ReadDestructionLog).await?;
    let address = Address::parse(address).map_err(|fault| {
        Message::new("trace-address").with_message("why", Message::new(fault.key())).invalid_field("address")
    })?;
    let (of, workspace, asked) = (installation.clone(), permit.workspace, address.clone());
    let erasures = spawn_blocking(move || report::find(&of, workspace, &asked)).await.map_err(|_| stopped())??;
    permit.audit(None).await;
    Ok(Receipts { erasures, address })
}

async fn read_months(installation: &Installation, workspace: i64) -> Result<Vec<MonthSums>> {
    let log = installation.destruction_log.clone();
    spawn_blocking(move || report::months(&log, workspace)).await.map_err(|_| stopped())?
}

async fn write(
    installation: &Installation,
    workspace: i64,
    month: &str,
    file: std::fs::File,
) -> Result<(std::fs::File, u64)> {
    let (log, of) = (installation.destruction_log.clone(), month.to_owned());
    let writing = spawn_blocking(move || {
        let mut out = BufWriter::new(file);
        let mut rows = 0;
        writeln!(out, "line,at,subject,categories,reason,manner,system,rows").map_err(Error::io("export"))?;
        report::rows(&log, workspace, &of, |row| {
            rows += 1;
            let DestroyedRow { line, at, subject, categories, reason, manner, system, rows } = row;
            let rows = rows.map(|rows| rows.to_string()).unwrap_or_default();
            writeln!(out, "{line},{at},{subject},\"{categories}\",{reason},\"{manner}\",{system},{rows}")
                .map_err(Error::io("export"))
        })?;
        let file = out.into_inner().map_err(|error| Error::io("export")(error.into_error()))?;
        if rows == 0 { Err(no_month(&of)) } else { Ok((file, rows)) }
    });
    writing.await.map_err(|_| stopped())?
}

fn no_month(month: &str) -> Error {
    Message::new("act-no-month").with("month", month).not_found()
}

fn stopped() -> Error {
    Message::new("spool-stopped").unavailable()
}
