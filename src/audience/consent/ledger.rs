//! Ledger of consent: adds single receipts, given or withdrawn, and reconstructs what a contact had agreed to at any moment.

use rand::RngExt;

use super::chain::{self, ReceiptDigest};
use super::{Basis, Evidence, Kind, Receipt, journal};
use crate::audience::contact;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The list number of a receipt that concerns no list but the person.
pub const NO_LIST: Id = 0;

/// A receipt to add.
#[derive(Debug)]
pub struct NewReceipt<'a> {
    /// The workspace.
    pub workspace: Id,
    /// The contact.
    pub contact: Id,
    /// The list, or [`NO_LIST`].
    pub list: Id,
    /// What the data may be used for.
    pub purpose: &'a str,
    /// Given or withdrawn.
    pub kind: Kind,
    /// The edition of the policy in force; empty without a policy.
    pub edition: &'a str,
    /// The proof.
    pub evidence: &'a Evidence,
}

/// Adds a receipt to the chain of its contact and list; the same one again is left as it is. Returns the digest of the last
/// receipt of the chain.
pub async fn append(
    conn: &mut Conn,
    installation: &Installation,
    new: &NewReceipt<'_>,
    now: Millis,
) -> Result<ReceiptDigest> {
    // Two that append at the same moment would both follow the same receipt.
    contact::lock(conn, &[new.contact]).await?;
    let evidence = super::ensure_evidence(conn, installation, new.workspace, new.evidence).await?;
    let receipts = super::of_contact(conn, new.contact).await?;
    let receipt = Receipt {
        id: installation.ids.next()?,
        list: new.list,
        purpose: new.purpose.to_owned(),
        kind: new.kind,
        edition: new.edition.to_owned(),
        evidence: new.evidence.clone(),
        recorded_at: now,
        digest: None,
        is_evidence_intact: true,
    };
    let before = chain::last(new.contact, new.list, &receipts);
    let digest = chain::link(new.contact, before, &receipt);
    let salt: [u8; 16] = rand::rng().random();
    let query = Query::new(
        "insert into consent (id, workspace_id, contact_id, list_id, purpose, evidence_id, recorded_at, kind, edition,
                              digest, salt)
         values (:id, :workspace, :contact, :list, :purpose, :evidence, :now, :kind, :edition, :digest, :salt)
             on conflict (contact_id, list_id, purpose, evidence_id) do nothing",
    );
    let added = query
        .bind("id", receipt.id)
        .bind("workspace", new.workspace)
        .bind("contact", new.contact)
        .bind("list", new.list)
        .bind("purpose", new.purpose)
        .bind("evidence", evidence)
        .bind("now", now)
        .bind("kind", new.kind.as_str())
        .bind("edition", new.edition)
        .bind("digest", digest.to_vec())
        .bind("salt", salt.to_vec())
        .execute(conn)
        .await?;
    if added == 0 {
        return Ok(before.unwrap_or(digest));
    }
    journal::commit(installation, &salt, &digest).await?;
    Ok(digest)
}

/// What a contact had agreed to for one purpose on one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The list, or [`NO_LIST`].
    pub list: Id,
    /// The purpose.
    pub purpose: String,
    /// The legal basis of the last receipt.
    pub basis: Basis,
    /// What the last receipt says.
    pub kind: Kind,
    /// Since when.
    pub since: Millis,
}

/// The agreements at a moment, from all receipts of a contact: for each list and purpose what was given or withdrawn last.
pub fn at(receipts: &[Receipt], moment: Millis) -> Vec<Agreement> {
    let mut order: Vec<&Receipt> = receipts.iter().filter(|receipt| receipt.evidence.given_at <= moment).collect();
    order.sort_by_key(|receipt| (receipt.evidence.given_at, receipt.id));
    let mut found: Vec<Agreement> = Vec::new();
    for receipt in order {
        found.retain(|one| one.list != receipt.list || one.purpose != receipt.purpose);
        found.push(Agreement {
            list: receipt.list,
            purpose: receipt.purpose.clone(),
            basis: receipt.evidence.basis,
            kind: receipt.kind,
            since: receipt.evidence.given_at,
        });
    }
    found
}
