//! Table `tombstone`: what stays of a person who left. `HMAC(key, workspace ‖ canonical address)`
//! with a key that lies outside the database, the list it holds for (0 = all), why and on which day.
//! It can answer "may this address come in?" and nothing else.

use std::collections::HashSet;
use std::fmt::Write;

use sqlx::Row;

use super::address::Address;
use crate::infra::db::json_rows::{bytes, number, words_after};
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::secret::Key;

/// The list number that stands for every list of the workspace.
pub const EVERY_LIST: Id = 0;

/// Rows a statement.
const ROWS: usize = 1_000;

/// The digest of an address in a workspace.
pub type Digest = [u8; 32];

/// The digest that a tombstone of this address would have.
pub fn digest(key: &Key, workspace: Id, address: &Address) -> Digest {
    digest_canonical(key, workspace, &address.canonical())
}

/// The same for an address whose canonical form is at hand.
pub fn digest_canonical(key: &Key, workspace: Id, canonical: &str) -> Digest {
    key.mac(&[b"tombstone", &workspace.to_be_bytes(), canonical.as_bytes()])
}

/// Sets a tombstone; one that stands already is left alone.
pub async fn set(conn: &mut Conn, workspace: Id, list: Id, mark: Digest, reason: &str, day: i64) -> Result<()> {
    set_many(conn, &[(workspace, list, mark, reason, day)]).await
}

/// The hexadecimal digits of a digest.
pub fn hex(mark: &Digest) -> String {
    let (halves, _) = mark.as_chunks();
    halves.iter().fold(String::with_capacity(64), |mut digits, half| {
        write!(digits, "{:032x}", u128::from_be_bytes(*half)).expect("a string takes all");
        digits
    })
}

/// Sets many tombstones, each as workspace, list, digest, reason and day.
pub async fn set_many(conn: &mut Conn, graves: &[(Id, Id, Digest, &str, i64)]) -> Result<()> {
    for some in graves.chunks(ROWS) {
        let words: Vec<String> = some.iter().map(|(_, _, mark, reason, _)| hex(mark) + reason).collect();
        let rows =
            some.iter().zip(&words).map(|((workspace, list, _, _, day), words)| ([*workspace, *list, *day], &**words));
        let mut sql = Sql::new("insert into tombstone (workspace_id, list_id, day, digest, reason) select ");
        sql.push(&[0, 1, 2].map(number).join(", ")).push(", ").push(&bytes(conn, 3, 32)).push(", ");
        sql.push(&words_after(3, 64)).push(" from ").strips(conn, rows);
        sql.push(" where true on conflict (workspace_id, digest, list_id) do nothing").run(conn).await?;
    }
    Ok(())
}

/// Of the given digests, those that may not come onto this list. At most 30,000 a call.
pub async fn find_blocking(conn: &mut Conn, workspace: Id, list: Id, marks: &[Digest]) -> Result<HashSet<Digest>> {
    if marks.is_empty() {
        return Ok(HashSet::new());
    }
    let mut sql = Sql::new("select digest from tombstone where workspace_id = ");
    sql.bind(workspace).push(" and list_id in (").bind_all([EVERY_LIST, list]).push(") and digest in (");
    sql.bind_all(marks.iter().map(|mark| mark.to_vec())).push(")");
    let rows = sql.all(conn).await?;
    Ok(rows.iter().filter_map(|row| row.get::<Vec<u8>, _>(0).try_into().ok()).collect())
}

/// Whether a workspace has any tombstone: where nobody ever left, nobody need be looked up.
pub async fn is_any(conn: &mut Conn, workspace: Id) -> Result<bool> {
    let row = sqlx::query("select 1 from tombstone where workspace_id = $1 limit 1").bind(workspace);
    Ok(row.fetch_optional(conn).await?.is_some())
}

/// How many tombstones a workspace has.
pub async fn count(conn: &mut Conn, workspace: Id) -> Result<i64> {
    let row =
        sqlx::query("select count(*) from tombstone where workspace_id = $1").bind(workspace).fetch_one(conn).await?;
    Ok(row.get(0))
}
