//! Tables `evidence` and `consent`: who agreed to what, on which text, when, by which channel and
//! with what proof. Receipts are only ever added; they go when the subscription they prove goes.
//! An evidence row is shared by all receipts of one import and goes with the last of them.

use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::contact::NewContactIds;
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{take, whole};
use crate::infra::db::pg_copy::{CopyRows, CopyTransaction};
use crate::infra::db::value::Value::{Bytes, Integer, Text};
use crate::infra::db::{Conn, Sql, for_share, for_update};
use crate::infra::error::Result;
use crate::infra::id::{Id, Ids, STEP};

crate::text_enum! {
    /// The legal ground that data is processed on.
    Basis {
        /// The person agreed.
        Consent = "consent",
        /// Needed for a contract with the person.
        Contract = "contract",
        /// Legitimate interest of the sender.
        Interest = "interest",
    }
}

/// The purpose that every subscription serves.
pub const MAILING: &str = "receive_marketing";

/// What can be shown when someone asks for proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The legal ground.
    pub basis: Basis,
    /// How it was given: `import`, `form`, `letter`.
    pub channel: String,
    /// Where it was collected, e.g. "checkout form of shop.example".
    pub source: String,
    /// The text that was agreed to, or its name; empty when unknown.
    pub wording: String,
    /// What proves it, e.g. "export of form answers, file 17".
    pub proof: String,
    /// When it was given.
    pub given_at: Millis,
}

/// A receipt as shown to the person or an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// For which list.
    pub list: Id,
    /// What for.
    pub purpose: String,
    /// What proves it.
    pub evidence: Evidence,
    /// When the receipt was written.
    pub recorded_at: Millis,
}

/// The key of this evidence, writing it when it is new. It stays until the transaction ends.
pub async fn ensure_evidence(conn: &mut Conn, ids: &Ids, workspace: Id, evidence: &Evidence) -> Result<Id> {
    loop {
        sqlx::query(
            "insert into evidence (id, workspace_id, digest, basis, channel, source, wording, proof, given_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (workspace_id, digest) do nothing",
        )
        .bind(ids.next())
        .bind(workspace)
        .bind(digest(evidence))
        .bind(evidence.basis.as_str())
        .bind(evidence.channel.as_str())
        .bind(evidence.source.as_str())
        .bind(evidence.wording.as_str())
        .bind(evidence.proof.as_str())
        .bind(evidence.given_at)
        .execute(&mut *conn)
        .await?;
        // It may have gone with its last receipt in between.
        if let Some(id) = find_evidence(conn, workspace, evidence).await? {
            return Ok(id);
        }
    }
}

/// The key of this evidence, if it is there. It stays until the transaction ends.
pub async fn find_evidence(conn: &mut Conn, workspace: Id, evidence: &Evidence) -> Result<Option<Id>> {
    let share = for_share(conn);
    let mut sql = Sql::new("select id from evidence where workspace_id = ");
    sql.bind(workspace).push(" and digest = ").bind(digest(evidence)).push(share);
    Ok(sql.first(conn).await?.map(|row| row.get(0)))
}

/// Writes a receipt for each person; the same receipt again changes nothing.
pub async fn record(
    conn: &mut Conn,
    ids: &Ids,
    workspace: Id,
    list: Id,
    contacts: &[Id],
    evidence: Id,
    now: Millis,
) -> Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = contacts.iter().map(|contact| json!([ids.next(), contact])).collect();
    let mut sql = Sql::new(
        "insert into consent (id, workspace_id, contact_id, list_id, purpose, evidence_id, recorded_at) select ",
    );
    sql.push(&whole(0)).push(", ").bind(workspace).push(", ").push(&whole(1)).push(", ").bind(list).push(", ");
    sql.bind(MAILING.to_owned()).push(", ").bind(evidence).push(", ").bind(now).push(" from ").table(conn, &rows);
    sql.push(" where true on conflict (contact_id, list_id, purpose, evidence_id) do nothing").run(conn).await?;
    Ok(())
}

/// Writes a receipt for each of the people who have just been added and put on the list.
pub async fn insert_new(conn: &mut Conn, list: Id, newcomers: NewContactIds, evidence: Id, now: Millis) -> Result<()> {
    let mut sql = Sql::new(
        "insert into consent (id, workspace_id, contact_id, list_id, purpose, evidence_id, recorded_at) select c.id + ",
    );
    sql.push(&(2 * STEP).to_string()).push(", c.workspace_id, c.id, ").bind(list).push(", ");
    sql.bind(MAILING.to_owned()).push(", ").bind(evidence).push(", ").bind(now);
    newcomers.only(sql.push(" from contact c where "));
    sql.run(conn).await?;
    Ok(())
}

/// Loads evidence that is not there yet and returns its key.
pub async fn copy_in_evidence(
    load: &mut CopyTransaction<'_>,
    ids: &Ids,
    workspace: Id,
    evidence: &Evidence,
) -> Result<Id> {
    let id = ids.next();
    let Evidence { basis, channel, source, wording, proof, given_at } = evidence;
    let mut row = vec![Integer(id), Integer(workspace), Bytes(digest(evidence))];
    row.extend([basis.as_str(), channel, source, wording, proof].map(|text| Text(text.to_owned())));
    row.push(Integer(*given_at));
    let columns = ["id", "workspace_id", "digest", "basis", "channel", "source", "wording", "proof", "given_at"];
    load.copy_in(&CopyRows::new("evidence", &columns, [row])?).await?;
    Ok(id)
}

/// Loads a receipt for each of the people who are loaded and put on the list.
pub async fn copy_in(
    load: &mut CopyTransaction<'_>,
    list: Id,
    newcomers: NewContactIds,
    evidence: Id,
    now: Millis,
) -> Result<()> {
    let row = |contact: Id| {
        let keys = [contact + 2 * STEP, newcomers.workspace(), contact, list].map(Integer);
        keys.into_iter().chain([Text(MAILING.to_owned()), Integer(evidence), Integer(now)]).collect()
    };
    let columns = ["id", "workspace_id", "contact_id", "list_id", "purpose", "evidence_id", "recorded_at"];
    load.copy_in(&CopyRows::new("consent", &columns, newcomers.keys().map(row))?).await
}

/// All receipts of a person, oldest first.
pub async fn of_contact(conn: &mut Conn, contact: Id) -> Result<Vec<Receipt>> {
    let rows = sqlx::query(
        "select c.list_id, c.purpose, e.basis, e.channel, e.source, e.wording, e.proof, e.given_at, c.recorded_at \
         from consent c join evidence e on e.id = c.evidence_id where c.contact_id = $1 order by c.id",
    )
    .bind(contact)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let evidence = Evidence {
                basis: row.get::<String, _>(2).parse()?,
                channel: row.get(3),
                source: row.get(4),
                wording: row.get(5),
                proof: row.get(6),
                given_at: row.get(7),
            };
            Ok(Receipt { list: row.get(0), purpose: row.get(1), evidence, recorded_at: row.get(8) })
        })
        .collect()
}

/// Removes the receipts of people for one list, or all, and evidence that nothing refers to any more.
pub async fn forget(conn: &mut Conn, people: &[Id], list: Option<Id>) -> Result<()> {
    let touched: Vec<(Id,)> = take(conn, "consent", "evidence_id", |sql, conn| {
        sql.push("contact_id").among(conn, people);
        if let Some(list) = list {
            sql.push(" and list_id + 0 = ").bind(list);
        }
    })
    .await?;
    let touched: Vec<Id> = touched.into_iter().map(|(id,)| id).collect();
    let bare = bare(conn, touched).await?;
    if bare.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("delete from evidence where id");
    sql.among(conn, &bare).push(UNREFERRED).run(conn).await.map(drop)
}

const UNREFERRED: &str = " and not exists (select 1 from consent c where c.evidence_id = evidence.id)";

/// Of this evidence, what nothing refers to and nobody is about to: it is held before it is looked at
/// for the last time, since a receipt may have been written while it was looked at first.
async fn bare(conn: &mut Conn, ids: Vec<Id>) -> Result<Vec<Id>> {
    let hold = for_update(conn);
    if hold.is_empty() || ids.is_empty() {
        return Ok(ids);
    }
    let mut sql = Sql::new("select id from evidence where id");
    sql.among(conn, &ids).push(UNREFERRED).push(hold).push(" skip locked");
    Ok(sql.all(conn).await?.iter().map(|row| row.get(0)).collect())
}

fn digest(evidence: &Evidence) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [evidence.basis.as_str(), &evidence.channel, &evidence.source, &evidence.wording, &evidence.proof] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(evidence.given_at.to_be_bytes());
    hash.finalize().to_vec()
}
