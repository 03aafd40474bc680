//! Trace search: every place that still holds an address.

use serde::Serialize;

use super::{Action, Actor};
use crate::audience::address::Address;
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;
use crate::privacy::physical_erasure;
use crate::privacy::trace_search::{self, TraceReport};

/// What a search found.
#[derive(Debug, Serialize)]
pub struct Searched {
    /// The places.
    #[serde(flatten)]
    pub report: TraceReport,
    /// True while bytes of contacts that were erased, or of values that were corrected, may still be stored.
    pub pending: bool,
    /// The address; prints masked.
    #[serde(skip)]
    pub address: Address,
}

/// Searches every table and file of the installation for an address, and changes nothing. `progress` is called with the
/// bytes read so far and all of them.
pub async fn search(
    installation: &Installation,
    actor: &Actor,
    address: &str,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<Searched> {
    let permit = actor.permit(installation, Action::SearchTraces).await?;
    let parsed = Address::parse(address).map_err(|fault| {
        Message::new("trace-address").with_message("why", Message::new(fault.key())).invalid_field("address")
    })?;
    let report = trace_search::search(installation, address, &parsed, progress).await?;
    let pending = physical_erasure::is_pending(installation);
    permit.audit(None).await;
    Ok(Searched { report, pending, address: parsed })
}

/// Removes the bytes of contacts that were erased and of values that were corrected, where any are pending. Returns what
/// is to be said when some remain.
pub async fn clean(installation: &Installation, actor: &Actor) -> Result<Option<Message>> {
    let permit = actor.permit(installation, Action::SearchTraces).await?;
    let is_complete = physical_erasure::run_if_pending(installation).await?;
    permit.audit(None).await;
    Ok((!is_complete).then(|| physical_erasure::pending_notice(installation)))
}
