//! Hash chain of consent receipts: the digest of each receipt covers its content and the digest of the receipt before it, for
//! one contact on one list. A list has a chain of its own, since unsubscribing from one list deletes its receipts alone.
//!
//! Receipts that an import wrote store no digest. Theirs is computed from the row and its evidence when it is read, so that the
//! next single receipt covers them too.

use sha2::{Digest as _, Sha256};

use super::{Receipt, digest};
use crate::infra::id::Id;

/// The digest of a receipt.
pub type ReceiptDigest = [u8; 32];

/// The digest of a receipt that follows one with the digest `before`; `None` for the first.
pub fn link(contact: Id, before: Option<ReceiptDigest>, receipt: &Receipt) -> ReceiptDigest {
    let mut hash = Sha256::new();
    hash.update(before.unwrap_or_default());
    for number in [contact, receipt.list, receipt.recorded_at] {
        hash.update(number.to_be_bytes());
    }
    for text in [receipt.purpose.as_str(), receipt.kind.as_str(), &receipt.edition] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.update(digest(&receipt.evidence));
    hash.finalize().into()
}

/// The digest of the last receipt of a list; `None` without one. `receipts` are those of the contact, oldest first.
pub fn last(contact: Id, list: Id, receipts: &[Receipt]) -> Option<ReceiptDigest> {
    receipts
        .iter()
        .filter(|receipt| receipt.list == list)
        .fold(None, |before, receipt| Some(receipt.digest.unwrap_or_else(|| link(contact, before, receipt))))
}

/// The receipts that do not have the digest which their content and the one before give, or whose evidence was changed.
/// `receipts` are all of the contact, oldest first.
pub fn broken(contact: Id, receipts: &[Receipt]) -> Vec<Id> {
    let mut lists: Vec<Id> = receipts.iter().map(|receipt| receipt.list).collect();
    lists.sort_unstable();
    lists.dedup();
    let mut broken = Vec::new();
    for list in lists {
        let mut before = None;
        for receipt in receipts.iter().filter(|receipt| receipt.list == list) {
            let computed = link(contact, before, receipt);
            if receipt.digest.is_some_and(|stored| stored != computed) || !receipt.is_evidence_intact {
                broken.push(receipt.id);
            }
            before = Some(receipt.digest.unwrap_or(computed));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::super::{Basis, Evidence, Kind};
    use super::*;

    fn receipt(id: Id, list: Id, kind: Kind) -> Receipt {
        let evidence = Evidence {
            basis: Basis::Consent,
            channel: "form".to_owned(),
            source: "shop".to_owned(),
            wording: "I agree".to_owned(),
            proof: "row 7".to_owned(),
            given_at: id,
        };
        Receipt {
            id,
            list,
            purpose: "receive_marketing".to_owned(),
            kind,
            edition: String::new(),
            evidence,
            recorded_at: id,
            digest: None,
            is_evidence_intact: true,
        }
    }

    fn chained() -> Vec<Receipt> {
        let mut receipts = Vec::new();
        for (id, list, kind) in [(1, 7, Kind::Given), (2, 8, Kind::Given), (3, 7, Kind::Withdrawn), (4, 7, Kind::Given)]
        {
            let mut next = receipt(id, list, kind);
            if id != 1 {
                next.digest = Some(link(5, last(5, list, &receipts), &next));
            }
            receipts.push(next);
        }
        receipts
    }

    #[test]
    fn a_changed_or_removed_receipt_breaks_the_chain() {
        assert_eq!(broken(5, &chained()), Vec::<Id>::new());
        let mut changed = chained();
        changed[2].evidence.wording = "I agree to all".to_owned();
        assert_eq!(broken(5, &changed), [3]);
        let mut first = chained();
        first[0].recorded_at = 0;
        assert_eq!(broken(5, &first), [3], "one of an import is covered by the next");
        let mut removed = chained();
        removed.remove(2);
        assert_eq!(broken(5, &removed), [4]);
        let mut other_list = chained();
        other_list.remove(1);
        assert_eq!(broken(5, &other_list), Vec::<Id>::new(), "another list has its own chain");
    }
}
