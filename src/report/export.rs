//! Exports deliveries, events, links, subscriptions and campaign summaries of a workspace as CSV or NDJSON, streamed in
//! constant memory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tokio::sync::mpsc;

use self::page::{BOUNCES, DELIVERIES, EVENTS, SUBSCRIPTIONS, Scope, TableScan};
pub use self::table_writer::Format;
use self::table_writer::{Cell, TableWriter};
use super::summary::{self, Summary};
use crate::audience::field::{self, Field};
use crate::campaign::model::{self, Campaign};
use crate::infra::atomic_file::AtomicFile;
use crate::infra::db::Db;
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;

pub mod page;
pub mod table_writer;

crate::text_enum! {
    /// Rows of an export.
    Kind {
        /// One row per delivery with its result.
        Deliveries = "deliveries",
        /// One row per open, click or bounce.
        Events = "events",
        /// One row per link of a campaign with its clicks.
        Links = "links",
        /// One row per subscription with its consent and last activity.
        Subscriptions = "subscriptions",
        /// One row per campaign with its numbers.
        Summary = "summary",
    }
}

/// Options of an export.
pub struct Export<'a> {
    /// Which rows.
    pub kind: Kind,
    /// File format.
    pub format: Format,
    /// Workspace of the rows.
    pub workspace: Id,
    /// One campaign, or all. The subscriptions of a campaign are those of its list.
    pub campaign: Option<&'a Campaign>,
}

/// Called with the number of rows written and their total.
pub type OnProgress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

const SUMMARY: &[&str] = &[
    "campaign",
    "state",
    "planned",
    "accepted",
    "rejected",
    "uncertain",
    "suppressed",
    "skipped",
    "pending",
    "sending",
    "deferred",
    "opens",
    "clicks",
    "unsubscribed",
    "lost",
    "launched_at",
    "finished_at",
];
const LINK: &[&str] = &["campaign", "position", "destination", "clicks"];

/// Size of the buffer for a pipe or device, in bytes.
const BUFFER_SIZE: usize = 1 << 16;

/// Exports to a file. It appears when it is complete and replaces an older one. Returns the number of rows.
pub async fn to_file(db: &Db, export: &Export<'_>, path: &Path, progress: OnProgress<'_>) -> Result<u64> {
    // A pipe or a device cannot be replaced by renaming a file.
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let device = OpenOptions::new().write(true).open(path).map_err(Error::io(path.display()))?;
        return Ok(to(db, export, io::BufWriter::with_capacity(BUFFER_SIZE, device), path, progress).await?.1);
    }
    let file = AtomicFile::create(path).map_err(Error::io(path.display()))?;
    let (file, rows) = to(db, export, file, path, progress).await?;
    file.persist().map_err(Error::io(path.display()))?;
    Ok(rows)
}

/// Exports to standard output. Returns the number of rows.
pub async fn to_stdout(db: &Db, export: &Export<'_>, progress: OnProgress<'_>) -> Result<u64> {
    let out = io::BufWriter::with_capacity(BUFFER_SIZE, io::stdout());
    Ok(to(db, export, out, Path::new("-"), progress).await?.1)
}

async fn to<W: Write + Send>(
    db: &Db,
    export: &Export<'_>,
    out: W,
    path: &Path,
    progress: OnProgress<'_>,
) -> Result<(W, u64)> {
    let fields = match export.kind {
        Kind::Subscriptions => field::all(&mut *db.read().await?, export.workspace).await?,
        _ => Vec::new(),
    };
    let writer = TableWriter::new(export.format, export.columns(&fields), out).map_err(Error::io(path.display()))?;
    let mut writing = Writing { db, export, fields, path, writer, done: 0, progress };
    match export.kind {
        Kind::Deliveries => writing.write_scans(&[DELIVERIES]).await?,
        Kind::Events => writing.write_scans(&[EVENTS, BOUNCES]).await?,
        Kind::Subscriptions => writing.write_scans(&[SUBSCRIPTIONS]).await?,
        Kind::Links | Kind::Summary => writing.write_campaigns().await?,
    }
    let out = writing.writer.finish().map_err(Error::io(path.display()))?;
    Ok((out, writing.done))
}

impl Export<'_> {
    fn columns(&self, fields: &[Field]) -> Vec<String> {
        let own = match self.kind {
            Kind::Deliveries => page::DELIVERY,
            Kind::Events => page::EVENT,
            Kind::Links => LINK,
            Kind::Subscriptions => page::SUBSCRIPTION,
            Kind::Summary => SUMMARY,
        };
        // A field can have the name of one of our columns.
        let named = |field: &Field| match own.contains(&field.name.as_str()) {
            true => format!("field_{}", field.name),
            false => field.name.clone(),
        };
        own.iter().map(|name| (*name).to_owned()).chain(fields.iter().map(named)).collect()
    }
}

/// An export in progress.
struct Writing<'a, W: Write> {
    db: &'a Db,
    export: &'a Export<'a>,
    fields: Vec<Field>,
    path: &'a Path,
    writer: TableWriter<W>,
    done: u64,
    progress: OnProgress<'a>,
}

impl<W: Write> Writing<'_, W> {
    /// Writes one page while the next is read.
    async fn write_scans(&mut self, scans: &'static [TableScan]) -> Result<()> {
        let campaign = self.export.campaign.map(|campaign| (campaign.id, campaign.list));
        let scope = Scope { workspace: self.export.workspace, campaign };
        let mut conn = self.db.read().await?;
        let mut total = 0;
        for scan in scans {
            total += scan.count(&mut conn, scope).await?;
        }
        let (pages, mut read) = mpsc::channel(2);
        let reading = tokio::spawn(async move {
            for scan in scans {
                let (mut after, last) = scan.range(&mut conn, scope).await?;
                while let Some((page, next)) = scan.page(&mut conn, scope, (after, last)).await? {
                    after = next;
                    if pages.send((scan, page)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        while let Some((scan, page)) = read.recv().await {
            let (writer, done) = (&mut self.writer, &mut self.done);
            let row = |cells: &[Cell<'_>]| writer.row(cells).map(|()| *done += 1);
            scan.rows(&page, &self.fields, row).map_err(Error::io(self.path.display()))?;
            (self.progress)(self.done, total.max(self.done));
        }
        (self.progress)(self.done, self.done);
        reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    async fn write_campaigns(&mut self) -> Result<()> {
        let mut conn = self.db.read().await?;
        let campaigns = match self.export.campaign {
            Some(campaign) => vec![campaign.clone()],
            None => model::list(&mut conn, self.export.workspace).await?,
        };
        let total = campaigns.len() as u64;
        for campaign in &campaigns {
            let summary = summary::read(&mut conn, campaign).await?;
            match self.export.kind {
                Kind::Links => self.rows(&link_rows(&summary), total)?,
                _ => self.rows(&[summary_row(campaign, &summary)], total)?,
            }
        }
        Ok(())
    }

    fn rows(&mut self, rows: &[Vec<Cell<'_>>], total: u64) -> Result<()> {
        for row in rows {
            self.writer.row(row).map_err(Error::io(self.path.display()))?;
            self.done += 1;
        }
        (self.progress)(self.done, total.max(self.done));
        Ok(())
    }
}

fn link_rows(summary: &Summary) -> Vec<Vec<Cell<'_>>> {
    let name = summary.name.as_str();
    let links = summary.links.iter();
    let cells = links.map(|link| {
        [name.into(), i64::from(link.position).into(), link.destination.as_str().into(), link.clicks.into()]
    });
    cells.map(Vec::from).collect()
}

fn summary_row<'a>(campaign: &Campaign, summary: &'a Summary) -> Vec<Cell<'a>> {
    let numbers = [
        summary.planned,
        summary.accepted,
        summary.rejected,
        summary.uncertain,
        summary.suppressed,
        summary.skipped,
        summary.pending,
        summary.sending,
        summary.deferred,
        summary.opens,
        summary.clicks,
        summary.unsubscribed,
        summary.lost,
    ];
    let mut cells: Vec<Cell<'_>> = vec![summary.name.as_str().into(), summary.state.into()];
    cells.extend(numbers.map(Cell::from));
    cells.extend([table_writer::time(campaign.launched_at), table_writer::time(campaign.finished_at)]);
    cells
}
