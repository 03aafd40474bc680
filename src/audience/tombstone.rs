//! Table `tombstone`: what remains of an erased address, so that it cannot come back.
//!
//! A row holds `HMAC(key, workspace ‖ canonical address)`, whose key is kept outside the database, the list it blocks
//! (0 = all), the reason and the day. It answers "may this address come in?" and nothing else.

use std::collections::HashSet;
use std::fmt::Write;

use sqlx::any::AnyRow;

use super::address::Address;
use crate::infra::db::fixed_width::{bytes, number, words_after};
use crate::infra::db::{Cells, Conn, Query, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::secret::Key;

/// The list number that stands for every list of the workspace.
pub const EVERY_LIST: Id = 0;

/// The reason of a tombstone that its owner's return has lifted: it blocks nothing.
pub const LIFTED: &str = "lifted";

/// Rows per statement.
const ROWS: usize = 1_000;

/// The keyed digest of an address in a workspace.
pub type Digest = [u8; 32];

/// The digest under which a tombstone of this address is stored.
pub fn digest(key: &Key, workspace: Id, address: &Address) -> Digest {
    digest_canonical(key, workspace, &address.canonical())
}

/// Every digest under which a tombstone of this address may be stored: [`digest`] and, where it differs, that of the form
/// of earlier versions.
pub fn digests(key: &Key, workspace: Id, address: &Address) -> Vec<Digest> {
    let earlier = address.earlier_canonical().map(|earlier| digest_canonical(key, workspace, &earlier));
    [digest(key, workspace, address)].into_iter().chain(earlier).collect()
}

/// The same for an address whose canonical form is at hand.
pub fn digest_canonical(key: &Key, workspace: Id, canonical: &str) -> Digest {
    key.mac(&[b"tombstone", &workspace.to_be_bytes(), canonical.as_bytes()])
}

/// Sets a tombstone; one that exists is left as it is unless it was lifted.
pub async fn set(conn: &mut Conn, workspace: Id, list: Id, digest: Digest, reason: &str, day: i64) -> Result<()> {
    set_many(conn, &[(workspace, list, digest, reason, day)]).await
}

/// The hexadecimal digits of a digest.
pub fn hex(digest: &Digest) -> String {
    let (halves, _) = digest.as_chunks();
    halves.iter().fold(String::with_capacity(64), |mut digits, half| {
        write!(digits, "{:032x}", u128::from_be_bytes(*half)).expect("a string takes all");
        digits
    })
}

/// Sets many tombstones, each given as workspace, list, digest, reason and day (days since 1970 UTC).
pub async fn set_many(conn: &mut Conn, tombstones: &[(Id, Id, Digest, &str, i64)]) -> Result<()> {
    // PostgreSQL refuses a statement that would write one row twice.
    let mut seen = HashSet::new();
    let is_first =
        |(workspace, list, digest, ..): &&(Id, Id, Digest, &str, i64)| seen.insert((*workspace, *list, *digest));
    let unique: Vec<_> = tombstones.iter().filter(is_first).collect();
    for some in unique.chunks(ROWS) {
        let texts: Vec<String> = some.iter().map(|(_, _, digest, reason, _)| hex(digest) + reason).collect();
        let rows =
            some.iter().zip(&texts).map(|((workspace, list, _, _, day), text)| ([*workspace, *list, *day], &**text));
        let query = Query::new(
            "insert into tombstone (workspace_id, list_id, day, digest, reason)
             select {workspace}, {list}, {day}, {digest}, {reason}
               from :rows as given
              where true
                 on conflict (workspace_id, digest, list_id) do update
                set day = excluded.day, reason = excluded.reason
              where tombstone.reason = 'lifted'",
        );
        query
            .bind_strips("rows", rows)
            .fragment("workspace", number(0))
            .fragment("list", number(1))
            .fragment("day", number(2))
            .fragment("digest", bytes(conn, 3, 32))
            .fragment("reason", words_after(3, 64))
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Those of the given digests whose addresses may not join this list. At most 30,000 per call.
pub async fn find_blocking(conn: &mut Conn, workspace: Id, list: Id, digests: &[Digest]) -> Result<HashSet<Digest>> {
    if digests.is_empty() {
        return Ok(HashSet::new());
    }
    // There is no portable array of bytes: each digest is a parameter of its own.
    let mut set = Sql::default();
    set.bind_all(digests.iter().map(|digest| digest.to_vec()));
    let query = Query::new(
        "select digest
           from tombstone
          where workspace_id = :workspace and list_id in (:every_list, :list) and digest in ({digests})
            and reason <> 'lifted'",
    );
    let query = query.bind("workspace", workspace).bind("every_list", EVERY_LIST).bind("list", list);
    let rows = query.fragment("digests", set).fetch_all(conn).await?;
    Ok(rows.iter().filter_map(|row| row.cell::<Vec<u8>>(0).ok()?.try_into().ok()).collect())
}

/// The tombstones that keep an address off a list, as list, digest and day.
pub async fn of_address(
    conn: &mut Conn,
    workspace: Id,
    list: Id,
    digests: &[Digest],
) -> Result<Vec<(Id, Digest, i64)>> {
    let mut set = Sql::default();
    set.bind_all(digests.iter().map(|digest| digest.to_vec()));
    let query = Query::new(
        "select list_id, digest, day
           from tombstone
          where workspace_id = :workspace and list_id in (:every_list, :list) and digest in ({digests})
            and reason <> 'lifted'",
    );
    let query = query.bind("workspace", workspace).bind("every_list", EVERY_LIST).bind("list", list);
    let rows = query.fragment("digests", set).fetch_all(conn).await?;
    let read =
        |row: &AnyRow| Some((row.cell(0).ok()?, row.cell::<Vec<u8>>(1).ok()?.try_into().ok()?, row.cell(2).ok()?));
    Ok(rows.iter().filter_map(read).collect())
}

/// Lifts the tombstones that keep an address off a list.
pub async fn lift(conn: &mut Conn, workspace: Id, list: Id, digests: &[Digest]) -> Result<()> {
    let mut set = Sql::default();
    set.bind_all(digests.iter().map(|digest| digest.to_vec()));
    let query = Query::new(
        "update tombstone
            set reason = 'lifted'
          where workspace_id = :workspace and list_id in (:every_list, :list) and digest in ({digests})",
    );
    let query = query.bind("workspace", workspace).bind("every_list", EVERY_LIST).bind("list", list);
    query.fragment("digests", set).execute(conn).await.map(drop)
}

/// Whether a workspace has any tombstone. Without one, no address needs to be looked up.
pub async fn is_any(conn: &mut Conn, workspace: Id) -> Result<bool> {
    let query = Query::new("select 1 from tombstone where workspace_id = :workspace limit 1");
    Ok(query.bind("workspace", workspace).fetch_optional(conn).await?.is_some())
}

/// Number of tombstones that were set on `day` (since 1970 UTC) or later, in all workspaces.
pub async fn count_since(conn: &mut Conn, day: i64) -> Result<i64> {
    let row = Query::new("select count(*) from tombstone where day >= :day and reason <> 'lifted'")
        .bind("day", day)
        .fetch_optional(conn)
        .await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// Number of addresses of a workspace that are kept out, by the word of the reason.
pub async fn count_by_reason(conn: &mut Conn, workspace: Id) -> Result<Vec<(String, i64)>> {
    let query = Query::new(
        "select reason, count(*)
           from tombstone
          where workspace_id = :workspace and reason <> 'lifted'
          group by reason
          order by reason{bytewise}",
    );
    let rows = query.bind("workspace", workspace).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.cell(0)?, row.cell(1)?))).collect()
}

/// Number of tombstones of a workspace.
pub async fn count(conn: &mut Conn, workspace: Id) -> Result<i64> {
    let query = Query::new("select count(*) from tombstone where workspace_id = :workspace and reason <> 'lifted'");
    let row = query.bind("workspace", workspace).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell(0))
}
