//! Table `picture`: the pictures of the emails of a workspace, as they are served to recipients. One content is stored once in
//! a workspace; its path is random, so that nobody who has the picture can tell who else uses it.

use rand::RngExt;
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::{Message, Result};
use crate::infra::hex;
use crate::infra::id::Id;

pub mod prepare;

use self::prepare::{Kind, Prepared};

/// Pictures of a workspace.
const MAX_PICTURES: i64 = 5_000;
/// Characters of a name and of a description.
const MAX_TEXT: usize = 300;

/// A picture without its bytes.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Its key.
    pub id: Id,
    /// The last part of its public address.
    pub path: String,
    /// The name of the file that was uploaded.
    pub name: String,
    /// The alternative text: `None` until it is described, empty for a decorative picture.
    pub alt: Option<String>,
    /// Its format.
    pub kind: Kind,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// Bytes.
    pub size: i64,
    /// When it was added.
    pub added_at: Millis,
}

const COLUMNS: &str = "id, path, name, alt, kind, width, height, size, added_at";

fn from_row(row: &AnyRow) -> Result<Picture> {
    Ok(Picture {
        id: row.cell(0)?,
        path: row.cell(1)?,
        name: row.cell(2)?,
        alt: row.cell(3)?,
        kind: row.cell::<String>(4)?.parse()?,
        width: row.cell(5)?,
        height: row.cell(6)?,
        size: row.cell(7)?,
        added_at: row.cell(8)?,
    })
}

/// The pictures of a workspace, newest first.
pub async fn list(conn: &mut Conn, workspace: Id) -> Result<Vec<Picture>> {
    let rows = Query::new("select {columns} from picture where workspace_id = :workspace order by id desc")
        .fragment("columns", COLUMNS)
        .bind("workspace", workspace)
        .fetch_all(conn)
        .await?;
    Ok(read_each("picture", &rows, from_row))
}

/// A picture of a workspace.
pub async fn find(conn: &mut Conn, workspace: Id, id: Id) -> Result<Option<Picture>> {
    let row = Query::new("select {columns} from picture where workspace_id = :workspace and id = :id")
        .fragment("columns", COLUMNS)
        .bind("workspace", workspace)
        .bind("id", id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The format and the bytes of the picture with this path, of any workspace: what recipients load.
pub async fn read(conn: &mut Conn, path: &str) -> Result<Option<(Kind, Vec<u8>)>> {
    let query = Query::new("select kind, content from picture where path = :path");
    let row = query.bind("path", path).fetch_optional(conn).await?;
    row.map(|row| Ok((row.cell::<String>(0)?.parse()?, row.cell(1)?))).transpose()
}

/// Adds a picture, and returns the key of the one with the same content where there is one. `alt` is kept of a known one that
/// is described.
///
/// # Errors
/// A conflict when the workspace has too many.
pub async fn add(
    conn: &mut Conn,
    workspace: Id,
    id: Id,
    name: &str,
    alt: Option<&str>,
    new: &Prepared,
    now: Millis,
) -> Result<Id> {
    let digest = hex::encode(&Sha256::digest(&new.bytes));
    let query = Query::new("select id from picture where workspace_id = :workspace and digest = :digest");
    let known = query.bind("workspace", workspace).bind("digest", digest.as_str()).fetch_optional(&mut *conn).await?;
    if let Some(known) = known {
        return known.cell(0);
    }
    let query = Query::new("select count(*) from picture where workspace_id = :workspace");
    let count = query.bind("workspace", workspace).fetch_optional(&mut *conn).await?;
    if count.map_or(Ok(0), |row| row.cell::<i64>(0))? >= MAX_PICTURES {
        return Err(Message::new("picture-many").with("limit", MAX_PICTURES).conflict());
    }
    let random: [u8; 16] = rand::rng().random();
    let path = hex::encode(&random);
    Query::new(
        "insert into picture (id, workspace_id, path, digest, name, alt, kind, width, height, size, added_at, content)
         values (:id, :workspace, :path, :digest, :name, :alt, :kind, :width, :height, :size, :now, :content)",
    )
    .bind("id", id)
    .bind("workspace", workspace)
    .bind("path", format!("{path}.{}", new.kind.as_str()))
    .bind("digest", digest)
    .bind("name", shown_name(name))
    .bind("alt", alt.map(shown_text))
    .bind("kind", new.kind.as_str())
    .bind("width", i64::from(new.width))
    .bind("height", i64::from(new.height))
    .bind("size", new.bytes.len() as i64)
    .bind("now", now)
    .bind("content", new.bytes.clone())
    .execute(conn)
    .await?;
    Ok(id)
}

/// Describes a picture.
pub async fn describe(conn: &mut Conn, workspace: Id, id: Id, alt: &str) -> Result<()> {
    let query = Query::new("update picture set alt = :alt where workspace_id = :workspace and id = :id");
    query.bind("alt", shown_text(alt)).bind("workspace", workspace).bind("id", id).execute(conn).await.map(drop)
}

/// Removes a picture. Emails that show it show its alternative text from then on.
pub async fn remove(conn: &mut Conn, workspace: Id, id: Id) -> Result<()> {
    let query = Query::new("delete from picture where workspace_id = :workspace and id = :id");
    query.bind("workspace", workspace).bind("id", id).execute(conn).await.map(drop)
}

/// The name of a file without folders.
fn shown_name(name: &str) -> String {
    shown_text(name.rsplit(['/', '\\']).next().unwrap_or_default())
}

/// A text of one line.
fn shown_text(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}
