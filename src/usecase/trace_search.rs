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
    /// The address; prints masked.
    #[serde(skip)]
    pub address: Address,
}

/// Searches every table and file of the installation for an address. Physical erasures that are pending are carried
/// out first. `progress` is called with the bytes of files read so far and all of them.
pub async fn search(
    installation: &Installation,
    actor: &Actor,
    address: &str,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<Searched> {
    let permit = actor.permit(Action::SearchTraces)?;
    let parsed = Address::parse(address).map_err(|fault| {
        Message::new("trace-address").with("why", Message::new(fault.key()).pack()).invalid_field("address")
    })?;
    physical_erasure::run_if_pending(installation).await?;
    let report = trace_search::search(installation, address, &parsed, progress).await?;
    permit.audit(None);
    Ok(Searched { report, address: parsed })
}
