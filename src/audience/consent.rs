//! Tables `evidence` and `consent`: consent receipts. A receipt says who agreed to what, on which text, when, by
//! which channel and with what proof.
//!
//! Receipts are only added, never changed, also when consent is withdrawn ([`ledger`]), and each is linked to the one before
//! ([`chain`]). They are deleted with the subscription they prove; what remains then is sealed
//! ([`sealed_receipt`](super::sealed_receipt)). All receipts of one import share one evidence row, which is deleted with the
//! last of them.

pub mod chain;
pub mod journal;
pub mod ledger;

use rand::RngExt;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::contact::NewContactIds;
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{AnyInteger, delete_returning, whole};
use crate::infra::db::pg_copy::{CopyRows, CopyTransaction};
use crate::infra::db::value::Value::{Bytes, Integer, Text};
use crate::infra::db::{Cells, Conn, Query, has_row_locks};
use crate::infra::error::Result;
use crate::infra::id::{Id, Ids, STEP};
use crate::infra::installation::Installation;

crate::text_enum! {
    /// The legal basis of processing (GDPR Art. 6).
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    Basis {
        /// The person agreed.
        Consent = "consent",
        /// Needed for a contract with the person.
        Contract = "contract",
        /// Legitimate interest of the sender.
        Interest = "interest",
        /// A law demands it.
        LegalDuty = "legal_duty",
    }
}

crate::text_enum! {
    /// What a receipt says.
    Kind {
        /// The person agreed.
        Given = "given",
        /// The person took the consent back.
        Withdrawn = "withdrawn",
    }
}

/// The purpose that every subscription serves.
pub const MAILING: &str = "receive_marketing";

/// The purpose of recording opens and clicks.
pub const MEASUREMENT: &str = "measurement";

/// What the receipts of an import or of many contacts are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The list.
    pub list: Id,
    /// The purpose.
    pub purpose: String,
    /// The edition of the policy in force; empty without a policy.
    pub edition: String,
}

impl Terms {
    /// Those of a list without a policy.
    pub fn mailing(list: Id) -> Self {
        Self { list, purpose: MAILING.to_owned(), edition: String::new() }
    }

    /// The terms of a list: the purpose that it serves under the policy, or [`MAILING`].
    pub async fn of_list(conn: &mut Conn, list: Id, edition: &str) -> Result<Self> {
        Ok(Self { list, purpose: purpose_of_list(conn, list).await?, edition: edition.to_owned() })
    }
}

/// The purpose that a subscription to the list serves: that of the policy, or [`MAILING`].
pub async fn purpose_of_list(conn: &mut Conn, list: Id) -> Result<String> {
    Ok(super::list::purpose(conn, list).await?.unwrap_or_else(|| MAILING.to_owned()))
}

/// What proves a consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The legal basis.
    pub basis: Basis,
    /// How it was given, e.g. `import` or `form`.
    pub channel: String,
    /// Where it was collected, e.g. "checkout form of shop.example".
    pub source: String,
    /// The text that was agreed to, or its name; empty when unknown.
    pub wording: String,
    /// The proof, e.g. "export of form answers, file 17".
    pub proof: String,
    /// When it was given.
    pub given_at: Millis,
}

/// A consent receipt as shown to the person or an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Primary key.
    pub id: Id,
    /// The list, or [`ledger::NO_LIST`].
    pub list: Id,
    /// The purpose.
    pub purpose: String,
    /// Given or withdrawn.
    pub kind: Kind,
    /// The edition of the policy that was in force; empty without a policy.
    pub edition: String,
    /// The proof.
    pub evidence: Evidence,
    /// When the receipt was written.
    pub recorded_at: Millis,
    /// The stored digest ([`chain`]); `None` for a receipt of an import.
    pub digest: Option<chain::ReceiptDigest>,
    /// False when the evidence is not what it was when it was stored.
    pub is_evidence_intact: bool,
}

/// The evidence that was stored last for a workspace through this channel.
pub async fn newest_evidence(conn: &mut Conn, workspace: Id, channel: &str) -> Result<Option<Evidence>> {
    let query = Query::new(
        "select basis, channel, source, wording, proof, given_at
           from evidence
          where workspace_id = :workspace and channel = :channel
          order by id desc
          limit 1",
    );
    let row = query.bind("workspace", workspace).bind("channel", channel).fetch_optional(conn).await?;
    let read = |row: sqlx::any::AnyRow| {
        Ok(Evidence {
            basis: row.cell::<String>(0)?.parse()?,
            channel: row.cell(1)?,
            source: row.cell(2)?,
            wording: row.cell(3)?,
            proof: row.cell(4)?,
            given_at: row.cell(5)?,
        })
    };
    row.map(read).transpose()
}

/// The key of this evidence, which is inserted when it is new. The row is kept until the transaction ends.
pub async fn ensure_evidence(
    conn: &mut Conn,
    installation: &Installation,
    workspace: Id,
    evidence: &Evidence,
) -> Result<Id> {
    let (salt, digest) = (salt(), digest(evidence));
    loop {
        let insert = Query::new(
            "insert into evidence (id, workspace_id, digest, basis, channel, source, wording, proof, given_at, salt)
             values (:id, :workspace, :digest, :basis, :channel, :source, :wording, :proof, :given_at, :salt)
                 on conflict (workspace_id, digest) do nothing",
        );
        let added = insert
            .bind("id", installation.ids.next()?)
            .bind("workspace", workspace)
            .bind("digest", digest.clone())
            .bind("basis", evidence.basis.as_str())
            .bind("channel", &evidence.channel)
            .bind("source", &evidence.source)
            .bind("wording", &evidence.wording)
            .bind("proof", &evidence.proof)
            .bind("given_at", evidence.given_at)
            .bind("salt", salt.clone())
            .execute(conn)
            .await?;
        if added > 0 {
            journal::commit(installation, &salt, &digest).await?;
        }
        // It may have been deleted with its last receipt in between.
        if let Some(id) = find_evidence(conn, workspace, evidence).await? {
            return Ok(id);
        }
    }
}

/// The key of this evidence, if it exists. The row is kept until the transaction ends.
pub async fn find_evidence(conn: &mut Conn, workspace: Id, evidence: &Evidence) -> Result<Option<Id>> {
    let query = Query::new(
        "select id
           from evidence
          where workspace_id = :workspace and digest = :digest{for_share}",
    );
    let row = query.bind("workspace", workspace).bind("digest", digest(evidence)).fetch_optional(conn).await?;
    row.map(|row| row.cell(0)).transpose()
}

/// Writes a receipt for each contact; a receipt that exists is left as it is.
pub async fn record(
    conn: &mut Conn,
    ids: &Ids,
    workspace: Id,
    contacts: &[Id],
    evidence: Id,
    terms: &Terms,
    now: Millis,
) -> Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = contacts.iter().map(|contact| Ok(json!([ids.next()?, contact]))).collect::<Result<_>>()?;
    let query = Query::new(
        "insert into consent (id, workspace_id, contact_id, list_id, purpose, edition, evidence_id, recorded_at)
         select {id}, :workspace, {contact}, :list, :purpose, :edition, :evidence, :now
           from :rows as given
          where true
             on conflict (contact_id, list_id, purpose, evidence_id) do nothing",
    );
    query
        .bind("workspace", workspace)
        .bind("list", terms.list)
        .bind("purpose", &terms.purpose)
        .bind("edition", &terms.edition)
        .bind("evidence", evidence)
        .bind("now", now)
        .bind_rows("rows", &rows)
        .fragment("id", whole(0))
        .fragment("contact", whole(1))
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes a receipt for each contact that was inserted and put on the list in the same transaction.
pub async fn insert_new(
    conn: &mut Conn,
    contacts: NewContactIds,
    evidence: Id,
    terms: &Terms,
    now: Millis,
) -> Result<()> {
    let query = Query::new(
        "insert into consent (id, workspace_id, contact_id, list_id, purpose, edition, evidence_id, recorded_at)
         select c.id + {two_steps}, c.workspace_id, c.id, :list, :purpose, :edition, :evidence, :now
           from contact c
          where {new_contacts}",
    );
    query
        .fragment("two_steps", (2 * STEP).to_string())
        .bind("list", terms.list)
        .bind("purpose", &terms.purpose)
        .bind("edition", &terms.edition)
        .bind("evidence", evidence)
        .bind("now", now)
        .fragment("new_contacts", contacts.condition())
        .execute(conn)
        .await?;
    Ok(())
}

/// Copies in evidence that does not exist yet and returns its key.
pub async fn copy_in_evidence(
    copy: &mut CopyTransaction<'_>,
    installation: &Installation,
    workspace: Id,
    evidence: &Evidence,
) -> Result<Id> {
    let (id, salt, digest) = (installation.ids.next()?, salt(), digest(evidence));
    journal::commit(installation, &salt, &digest).await?;
    let Evidence { basis, channel, source, wording, proof, given_at } = evidence;
    let mut row = vec![Integer(id), Integer(workspace), Bytes(digest)];
    row.extend([basis.as_str(), channel, source, wording, proof].map(|text| Text(text.to_owned())));
    row.extend([Integer(*given_at), Bytes(salt)]);
    let columns =
        ["id", "workspace_id", "digest", "basis", "channel", "source", "wording", "proof", "given_at", "salt"];
    copy.copy_in(&CopyRows::new("evidence", &columns, [row])?).await?;
    Ok(id)
}

/// Copies in a receipt for each contact that is copied in and put on the list.
pub async fn copy_in(
    copy: &mut CopyTransaction<'_>,
    contacts: NewContactIds,
    evidence: Id,
    terms: &Terms,
    now: Millis,
) -> Result<()> {
    let row = |contact: Id| {
        let keys = [contact + 2 * STEP, contacts.workspace(), contact, terms.list].map(Integer);
        let texts = [&terms.purpose, &terms.edition].map(|text| Text(text.clone()));
        keys.into_iter().chain(texts).chain([Integer(evidence), Integer(now)]).collect()
    };
    let columns = ["id", "workspace_id", "contact_id", "list_id", "purpose", "edition", "evidence_id", "recorded_at"];
    copy.copy_in(&CopyRows::new("consent", &columns, contacts.keys().map(row))?).await
}

/// All receipts of a contact, oldest first.
pub async fn of_contact(conn: &mut Conn, contact: Id) -> Result<Vec<Receipt>> {
    let query = Query::new(
        "select c.id, c.list_id, c.purpose, c.kind, c.edition, c.recorded_at, c.digest,
                e.basis, e.channel, e.source, e.wording, e.proof, e.given_at, e.digest
           from consent c
           join evidence e on e.id = c.evidence_id
          where c.contact_id = :contact
          order by c.id",
    );
    let rows = query.bind("contact", contact).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let evidence = Evidence {
                basis: row.cell::<String>(7)?.parse()?,
                channel: row.cell(8)?,
                source: row.cell(9)?,
                wording: row.cell(10)?,
                proof: row.cell(11)?,
                given_at: row.cell(12)?,
            };
            let stored: Option<Vec<u8>> = row.cell(6)?;
            Ok(Receipt {
                id: row.cell(0)?,
                list: row.cell(1)?,
                purpose: row.cell(2)?,
                kind: row.cell::<String>(3)?.parse()?,
                edition: row.cell(4)?,
                recorded_at: row.cell(5)?,
                digest: stored.map(|bytes| bytes.try_into().unwrap_or_default()),
                is_evidence_intact: row.cell::<Vec<u8>>(13)? == digest(&evidence),
                evidence,
            })
        })
        .collect()
}

/// Deletes the receipts of contacts for one list, or for all, and evidence that no receipt refers to any more.
pub async fn forget(conn: &mut Conn, contacts: &[Id], list: Option<Id>) -> Result<()> {
    // `+ 0` keeps SQLite from scanning the whole list instead of looking up the contacts.
    let condition = match list {
        Some(list) => Query::new("contact_id in :contacts and list_id + 0 = :list").bind("list", list),
        None => Query::new("contact_id in :contacts"),
    };
    let condition = condition.bind_ids("contacts", contacts);
    let deleted: Vec<(AnyInteger,)> = delete_returning(conn, "consent", "evidence_id", condition).await?;
    let unreferenced =
        lock_unreferenced(conn, deleted.into_iter().map(|(AnyInteger(evidence),)| evidence).collect()).await?;
    if unreferenced.is_empty() {
        return Ok(());
    }
    let query = Query::new("delete from evidence where id in :ids and {unreferenced}");
    query.bind_ids("ids", &unreferenced).fragment("unreferenced", UNREFERENCED).execute(conn).await.map(drop)
}

const UNREFERENCED: &str = "not exists (select 1 from consent c where c.evidence_id = evidence.id)";

/// Those of this evidence that no receipt refers to and no other transaction is about to use. PostgreSQL locks them
/// before the final look, since a receipt may have been written since the first.
async fn lock_unreferenced(conn: &mut Conn, ids: Vec<Id>) -> Result<Vec<Id>> {
    if !has_row_locks(conn) || ids.is_empty() {
        return Ok(ids);
    }
    let query = Query::new(
        "select id
           from evidence
          where id in :ids and {unreferenced}{for_update_skip_locked}",
    );
    let rows = query.bind_ids("ids", &ids).fragment("unreferenced", UNREFERENCED).fetch_all(conn).await?;
    rows.iter().map(|row| row.cell(0)).collect()
}

fn salt() -> Vec<u8> {
    rand::rng().random::<[u8; 16]>().to_vec()
}

/// SHA-256 over all parts, each with its length before it.
fn digest(evidence: &Evidence) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [evidence.basis.as_str(), &evidence.channel, &evidence.source, &evidence.wording, &evidence.proof] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(evidence.given_at.to_be_bytes());
    hash.finalize().to_vec()
}
