//! Exports rows and numbers of a workspace as CSV, NDJSON or Parquet, streamed in constant memory. [`schema`] lists the columns.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tokio::sync::mpsc;

use self::campaigns::CampaignRows;
use self::completion::{Completion, PersonLists};
use self::page::{Scope, TableScan};
use self::scans::{BOUNCES, DELIVERIES, EVENTS, PEOPLE, PROCESSOR, SUBSCRIPTIONS};
use self::schema::ColumnType;
pub use self::schema::Kind;
use self::table_writer::{Cell, Heading, TableWriter};
pub use self::table_writer::{Excel, Format};
use crate::audience::field::{self, Field};
use crate::audience::people_file::{FIELD_PREFIX, SCHEMA_COLUMN};
use crate::campaign::model::{self, Campaign};
use crate::infra::atomic_file::AtomicFile;
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

mod by_day;
mod campaigns;
mod completion;
pub mod page;
#[cfg(feature = "parquet")]
mod parquet_table;
mod remainder;
mod scans;
pub mod schema;
pub mod table_writer;
mod text_table;

/// Options of an export.
pub struct Export<'a> {
    /// Which rows.
    pub kind: Kind,
    /// File format.
    pub format: Format,
    /// What Excel expects of CSV, where it is wanted.
    pub excel: Option<Excel>,
    /// Workspace of the rows.
    pub workspace: Id,
    /// One campaign, or all. The subscriptions and people of a campaign are those of its list.
    pub campaign: Option<&'a Campaign>,
    /// Only rows that were added or changed at this time or later; for deliveries and events.
    pub since: Option<Millis>,
}

impl<'a> Export<'a> {
    /// All rows of a kind.
    pub fn new(kind: Kind, format: Format, workspace: Id) -> Self {
        Self { kind, format, excel: None, workspace, campaign: None, since: None }
    }

    /// The same, only of one campaign.
    #[must_use]
    pub fn of(self, campaign: Option<&'a Campaign>) -> Self {
        Self { campaign, ..self }
    }
}

/// How many rows were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Rows of people, events or campaigns.
    pub rows: u64,
    /// Rows of what has no row of its own: erased and restricted contacts.
    pub remainder: u64,
}

/// Called with the number of rows written and their total.
pub type OnProgress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

/// Size of the buffer for a pipe or device, in bytes.
const BUFFER_SIZE: usize = 1 << 16;

/// Exports to a file. It appears when it is complete and replaces an older one.
pub async fn to_file(
    installation: &Installation,
    export: &Export<'_>,
    path: &Path,
    progress: OnProgress<'_>,
) -> Result<Written> {
    // A pipe or a device cannot be replaced by renaming a file.
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let device = OpenOptions::new().write(true).open(path).map_err(Error::io(path.display()))?;
        let device = io::BufWriter::with_capacity(BUFFER_SIZE, device);
        return Ok(to(installation, export, device, path, progress).await?.1);
    }
    let file = AtomicFile::create(path).map_err(Error::io(path.display()))?;
    let (file, written) = to(installation, export, file, path, progress).await?;
    file.persist().map_err(Error::io(path.display()))?;
    Ok(written)
}

/// Exports to standard output.
pub async fn to_stdout(installation: &Installation, export: &Export<'_>, progress: OnProgress<'_>) -> Result<Written> {
    let out = io::BufWriter::with_capacity(BUFFER_SIZE, io::stdout());
    Ok(to(installation, export, out, Path::new("-"), progress).await?.1)
}

async fn to<W: Write + Send>(
    installation: &Installation,
    export: &Export<'_>,
    out: W,
    path: &Path,
    progress: OnProgress<'_>,
) -> Result<(W, Written)> {
    let fields = match export.kind.has_fields() {
        true => field::all(&mut *installation.db.read().await?, export.workspace).await?,
        false => Vec::new(),
    };
    let columns = export.columns(&fields);
    let writer = TableWriter::new(export.format, export.excel, columns, out).map_err(Error::io(path.display()))?;
    let done = Written::default();
    let mut writing = Writing { installation, export, fields, path, writer, done, progress };
    match export.kind {
        Kind::Deliveries => writing.write_scans(&[DELIVERIES]).await?,
        Kind::Events => writing.write_scans(&[EVENTS, BOUNCES]).await?,
        Kind::Subscriptions => writing.write_scans(&[SUBSCRIPTIONS]).await?,
        Kind::Processor => writing.write_scans(&[PROCESSOR]).await?,
        Kind::People => writing.write_scans(&[PEOPLE]).await?,
        Kind::Changes | Kind::Lists => writing.write_days().await?,
        Kind::Links | Kind::Summary | Kind::Audience => writing.write_campaigns().await?,
    }
    let out = writing.writer.finish().map_err(Error::io(path.display()))?;
    Ok((out, writing.done))
}

impl Export<'_> {
    fn columns(&self, fields: &[Field]) -> Vec<Heading> {
        // A field can have the name of one of our columns.
        let named = |field: &Field| match self.kind.has_column(&field.name) {
            true => format!("{FIELD_PREFIX}{}", field.name),
            false => field.name.clone(),
        };
        let own = self.kind.columns().iter().map(|column| Heading { name: column.name.to_owned(), kind: column.kind });
        let fields = fields.iter().map(|field| Heading { name: named(field), kind: field.kind.into() });
        own.chain(fields).chain([Heading { name: SCHEMA_COLUMN.to_owned(), kind: ColumnType::Text }]).collect()
    }

    fn scope(&self) -> Scope {
        let campaign = self.campaign.map(|campaign| (campaign.id, campaign.list));
        Scope { workspace: self.workspace, campaign, since: self.since }
    }

    async fn campaigns(&self, installation: &Installation) -> Result<Vec<Campaign>> {
        match self.campaign {
            Some(campaign) => Ok(vec![campaign.clone()]),
            None => model::list(&mut *installation.db.read().await?, self.workspace).await,
        }
    }
}

/// An export in progress.
struct Writing<'a, W: Write + Send> {
    installation: &'a Installation,
    export: &'a Export<'a>,
    fields: Vec<Field>,
    path: &'a Path,
    writer: TableWriter<W>,
    done: Written,
    progress: OnProgress<'a>,
}

impl<W: Write + Send> Writing<'_, W> {
    /// Writes one page while the next is read.
    async fn write_scans(&mut self, scans: &'static [TableScan]) -> Result<()> {
        let (kind, scope) = (self.export.kind, self.export.scope());
        let campaigns = self.export.campaigns(self.installation).await?;
        let mut completion = Completion::read(self.installation, kind, &campaigns).await?;
        let mut conn = self.installation.db.read().await?;
        let mut total = 0;
        for scan in scans {
            total += scan.count(&mut conn, scope).await?;
        }
        let (pages, mut read) = mpsc::channel(2);
        let reading = tokio::spawn(async move {
            for scan in scans {
                let (mut after, last) = scan.range(&mut conn, scope).await?;
                while let Some((page, next)) = scan.page(&mut conn, scope, (after, last)).await? {
                    let lists = PersonLists::read(&mut conn, kind, (after, next)).await?;
                    after = next;
                    if pages.send((scan, page, lists)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            Ok::<_, Error>(())
        });
        while let Some((scan, page, lists)) = read.recv().await {
            completion.lists = lists;
            let (writer, done) = (&mut self.writer, &mut self.done.rows);
            let row = |cells: &mut Vec<Cell<'_>>| {
                completion.complete(cells);
                write(kind, writer, cells).map(|()| *done += 1)
            };
            scan.rows(&page, &self.fields, row).map_err(Error::io(self.path.display()))?;
            (self.progress)(self.done.rows, total.max(self.done.rows));
        }
        reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        let remainder = remainder::read(&mut *self.installation.db.read().await?, kind, scope).await?;
        for mut cells in remainder {
            write(kind, &mut self.writer, &mut cells).map_err(Error::io(self.path.display()))?;
            self.done.remainder += 1;
        }
        (self.progress)(self.done.rows, self.done.rows);
        Ok(())
    }

    async fn write_campaigns(&mut self) -> Result<()> {
        let campaigns = self.export.campaigns(self.installation).await?;
        let mut conn = self.installation.db.read().await?;
        let total = campaigns.len() as u64;
        for campaign in &campaigns {
            let read = CampaignRows::read(&mut conn, campaign).await?;
            match self.export.kind {
                Kind::Links => self.rows(read.links(), total)?,
                Kind::Audience => self.rows(read.audience(), total)?,
                _ => self.rows(vec![read.summary()], total)?,
            }
        }
        Ok(())
    }

    async fn write_days(&mut self) -> Result<()> {
        let mut conn = self.installation.db.read().await?;
        let rows = match self.export.kind {
            Kind::Lists => by_day::lists(&mut conn, self.export.scope(), self.installation.clock.now()).await?,
            _ => by_day::changes(&mut conn, self.export.scope()).await?,
        };
        let total = rows.len() as u64;
        self.rows(rows, total)
    }

    fn rows(&mut self, rows: Vec<Vec<Cell<'_>>>, total: u64) -> Result<()> {
        for mut cells in rows {
            write(self.export.kind, &mut self.writer, &mut cells).map_err(Error::io(self.path.display()))?;
            self.done.rows += 1;
        }
        (self.progress)(self.done.rows, total.max(self.done.rows));
        Ok(())
    }
}

/// Writes a row with its types and the schema.
fn write<W: Write + Send>(kind: Kind, writer: &mut TableWriter<W>, cells: &mut Vec<Cell<'_>>) -> io::Result<()> {
    kind.convert(cells);
    cells.push(kind.schema().into());
    writer.row(cells)
}
