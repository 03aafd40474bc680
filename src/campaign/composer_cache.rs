//! Compiled campaigns in memory, for pages that show a message again: the content of a launched campaign changes only when a
//! field is renamed, and compiling it takes as long as composing a thousand messages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::composer::Composer;
use super::model::Campaign;
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Campaigns in memory at most; an email and its compiled form take up to some MiB.
const MAX_CAMPAIGNS: usize = 8;

/// The campaigns that were asked for last.
#[derive(Default)]
pub struct ComposerCache(Mutex<VecDeque<(Id, Arc<Composer>)>>);

impl ComposerCache {
    /// The compiled form of a launched campaign, read and compiled if it is not in memory.
    ///
    /// # Errors
    /// As [`Composer::load`].
    pub async fn get_or_load(
        &self,
        installation: &Installation,
        conn: &mut Conn,
        campaign: &Campaign,
    ) -> Result<Arc<Composer>> {
        if let Some(known) = self.find(campaign.id) {
            return Ok(known);
        }
        let composer = Arc::new(Composer::load(installation, conn, campaign).await?);
        self.put(campaign.id, composer.clone());
        Ok(composer)
    }

    /// Forgets a campaign, so that it is compiled again.
    pub fn forget(&self, id: Id) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| *known != id);
    }

    /// How many campaigns are in memory.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(&self, id: Id) -> Option<Arc<Composer>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|(known, _)| *known == id)?;
        let found = all.remove(at)?;
        let composer = found.1.clone();
        all.push_front(found);
        Some(composer)
    }

    fn put(&self, id: Id, composer: Arc<Composer>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(known, _)| *known != id);
        all.push_front((id, composer));
        all.truncate(MAX_CAMPAIGNS);
    }
}
