//! Cutover of a move: closes the source, opens the target, and writes the new location into the data folder. Each step can
//! be repeated, and at no time are both stores in use.

use crate::infra::db::store_status::{self, StoreState};
use crate::infra::error::Result;
use crate::infra::store_location::StorePointer;
use crate::store_migration::endpoints::{Endpoints, is_same_folder};
use crate::store_migration::{data_files, progress};

/// Closes the source for good, opens the target, and updates the pointer in the data folder.
pub async fn run(endpoints: &Endpoints) -> Result<()> {
    let (old, new) = (&endpoints.source.config, &endpoints.target.config);
    let same_folder = is_same_folder(&old.data, &new.data);
    if !same_folder {
        data_files::copy_all(old, new)?;
    }
    endpoints.set_source_state(StoreState::Moved).await?;
    let mut tx = endpoints.target.db.write_exclusively().await?;
    progress::clear(&mut tx).await?;
    store_status::clear(&mut tx).await?;
    tx.commit().await?;
    let mut was = StorePointer::read(&old.data)?.map(|pointer| pointer.was).unwrap_or_default();
    was.retain(|location| !location.is_same(&endpoints.from) && !location.is_same(&endpoints.to));
    was.push(endpoints.from.clone());
    let pointer = StorePointer { now: endpoints.to.clone(), was };
    if !same_folder {
        pointer.write(&new.data)?;
    }
    pointer.write(&old.data)
}
