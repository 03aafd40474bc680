//! Table `policy`: the policy files that were applied to a workspace. The newest counts.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;

use super::model::Policy;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::hex;
use crate::infra::id::{Id, Ids};

/// A policy that was applied.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Its number in the workspace, from 1.
    pub number: i64,
    /// The file as it came.
    pub source: String,
    /// The texts that the file names, by their names.
    pub files: BTreeMap<String, String>,
    /// What was read from both.
    pub policy: Policy,
    /// SHA-256 of file and texts, in hexadecimal digits.
    pub digest: String,
    /// When it was applied.
    pub applied_at: Millis,
}

/// The policy that counts; `None` for a workspace without one.
pub async fn current(conn: &mut Conn, workspace: Id) -> Result<Option<Policy>> {
    Ok(newest(conn, workspace).await?.map(|applied| applied.policy))
}

/// The policy that counts, with its file.
pub async fn newest(conn: &mut Conn, workspace: Id) -> Result<Option<Applied>> {
    let query = Query::new(
        "select number, source, files, content, digest, applied_at
           from policy
          where workspace_id = :workspace
          order by number desc
          limit 1",
    );
    query.bind("workspace", workspace).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// All policies of a workspace, newest first.
pub async fn all(conn: &mut Conn, workspace: Id) -> Result<Vec<Applied>> {
    let query = Query::new(
        "select number, source, files, content, digest, applied_at
           from policy
          where workspace_id = :workspace
          order by number desc",
    );
    query.bind("workspace", workspace).fetch_all(conn).await?.iter().map(read).collect()
}

/// Stores a policy as the newest. Returns its number, and false when the newest is the same already.
pub async fn apply(
    conn: &mut Conn,
    ids: &Ids,
    workspace: Id,
    (source, files): (&str, &BTreeMap<String, String>),
    policy: &Policy,
    now: Millis,
) -> Result<(i64, bool)> {
    let digest = digest(source, files);
    let newest = newest(conn, workspace).await?;
    if let Some(same) = newest.as_ref().filter(|newest| newest.digest == digest) {
        return Ok((same.number, false));
    }
    let number = newest.map_or(1, |newest| newest.number + 1);
    let insert = Query::new(
        "insert into policy (id, workspace_id, number, source, files, content, digest, applied_at)
         values (:id, :workspace, :number, :source, :files, :content, :digest, :now)",
    );
    insert
        .bind("id", ids.next()?)
        .bind("workspace", workspace)
        .bind("number", number)
        .bind("source", source)
        .bind("files", serde_json::to_string(files).expect("texts always serialise"))
        .bind("content", serde_json::to_string(policy).expect("a policy always serialises"))
        .bind("digest", &digest)
        .bind("now", now)
        .execute(conn)
        .await?;
    Ok((number, true))
}

/// SHA-256 over the file and the texts it names, each with its length before it.
fn digest(source: &str, files: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    let texts = files.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    for part in [source].into_iter().chain(texts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize())
}

fn read(row: &AnyRow) -> Result<Applied> {
    let number = row.cell(0)?;
    let broken = |column: &'static str| {
        Message::new("row-broken").with("table", "policy").with("column", column).with("id", number).internal()
    };
    Ok(Applied {
        number,
        source: row.cell(1)?,
        files: serde_json::from_str(row.cell(2)?).map_err(|_| broken("files"))?,
        policy: serde_json::from_str(row.cell(3)?).map_err(|_| broken("content"))?,
        digest: row.cell(4)?,
        applied_at: row.cell(5)?,
    })
}
