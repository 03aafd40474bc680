//! The switch. Every step can be repeated, and between any two of them at most one store is in use.

use super::ends::{Ends, is_same_folder};
use super::{luggage, progress};
use crate::ground::db::standing::{self, State};
use crate::ground::error::Result;
use crate::ground::place::Pointer;

/// Closes the source for good, opens the target, and tells the data folder.
pub async fn make(ends: &Ends) -> Result<()> {
    let (old, new) = (&ends.source.config, &ends.target.config);
    let same = is_same_folder(&old.data, &new.data);
    if !same {
        luggage::carry(old, new)?;
    }
    ends.stand(State::Moved).await?;
    let mut tx = ends.target.db.write_alone().await?;
    progress::clear(&mut tx).await?;
    standing::clear(&mut tx).await?;
    tx.commit().await?;
    let mut was = Pointer::read(&old.data)?.map(|pointer| pointer.was).unwrap_or_default();
    was.retain(|place| !place.is(&ends.from) && !place.is(&ends.to));
    was.push(ends.from.clone());
    let pointer = Pointer { now: ends.to.clone(), was };
    if !same {
        pointer.write(&new.data)?;
    }
    pointer.write(&old.data)
}
