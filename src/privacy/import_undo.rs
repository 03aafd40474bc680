//! Undo of an import: removes the contacts that it alone brought and to which nothing has happened since, as if they had never
//! been imported. No tombstone is set: nobody has asked to be kept out.

use super::{correction_log, subject_request};
use crate::audience::import::added_range::{self, AddedRange};
use crate::audience::{consent, contact, preference, subscription};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Contacts removed in one transaction.
const BATCH: i64 = 500;

/// Removes the contacts of these ranges. Returns their number; `progress` is called with the number so far.
pub async fn undo(installation: &Installation, ranges: &[AddedRange], mut progress: impl FnMut(u64)) -> Result<u64> {
    let mut removed = 0;
    for range in ranges {
        let mut after = 0;
        loop {
            let (found, last) = remove_some(installation, range, after).await?;
            removed += found;
            progress(removed);
            let Some(last) = last else { break };
            after = last;
        }
    }
    Ok(removed)
}

/// Removes some contacts behind a key. Returns their number and the last key that was looked at; none at the end.
async fn remove_some(installation: &Installation, range: &AddedRange, after: Id) -> Result<(u64, Option<Id>)> {
    let mut tx = installation.db.write().await?;
    let found = added_range::list_untouched(&mut tx, range, after, BATCH).await?;
    contact::lock(&mut tx, &found).await?;
    // A launch or another import may have got hold of some before they were locked.
    let mine = added_range::keep_untouched(&mut tx, range, &found).await?;
    if !mine.is_empty() {
        consent::forget(&mut tx, &mine, None).await?;
        subscription::forget(&mut tx, &mine, None).await?;
        preference::forget(&mut tx, &mine).await?;
        subject_request::forget(&mut tx, &mine).await?;
        contact::forget(&mut tx, &mine).await?;
        // The bytes are removed like those of erased people.
        correction_log::record(installation, &mut tx, range.workspace, None).await?;
    }
    tx.commit().await?;
    Ok((mine.len() as u64, found.last().copied()))
}
