//! The switch. Every step can be repeated, and between any two of them at most one store is in use.

use crate::infra::db::store_status::{self, StoreState};
use crate::infra::error::Result;
use crate::infra::store_location::StorePointer;
use crate::store_migration::endpoints::{Endpoints, is_same_folder};
use crate::store_migration::{data_files, progress};

/// Closes the source for good, opens the target, and tells the data folder.
pub async fn make(ends: &Endpoints) -> Result<()> {
    let (old, new) = (&ends.source.config, &ends.target.config);
    let same = is_same_folder(&old.data, &new.data);
    if !same {
        data_files::carry(old, new)?;
    }
    ends.stand(StoreState::Moved).await?;
    let mut tx = ends.target.db.write_exclusively().await?;
    progress::clear(&mut tx).await?;
    store_status::clear(&mut tx).await?;
    tx.commit().await?;
    let mut was = StorePointer::read(&old.data)?.map(|pointer| pointer.was).unwrap_or_default();
    was.retain(|place| !place.is_same(&ends.from) && !place.is_same(&ends.to));
    was.push(ends.from.clone());
    let pointer = StorePointer { now: ends.to.clone(), was };
    if !same {
        pointer.write(&new.data)?;
    }
    pointer.write(&old.data)
}
