//! What the doors know of launched campaigns, in memory: of whose list they are and where their
//! links lead. Both are fixed at launch, so a redirect asks no database and works for people who
//! are gone.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderValue;
use sqlx::Row;

use super::track::location;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// A campaign as recipients meet it.
#[derive(Debug, Clone, Default)]
pub struct CachedCampaign {
    /// The customer it belongs to.
    pub workspace: Id,
    /// The name of the list it went to.
    pub list_name: String,
    launched: bool,
    destinations: HashMap<i32, HeaderValue>,
}

impl CachedCampaign {
    /// Where a link leads, as the header that says so; `None` for a position that the letter does not have, and for links that
    /// differ from person to person.
    pub fn destination(&self, position: i32) -> Option<&HeaderValue> {
        self.destinations.get(&position)
    }
}

/// The campaigns met so far.
#[derive(Debug, Default)]
pub struct CampaignCache(RwLock<HashMap<Id, Arc<CachedCampaign>>>);

const SELECT: &str = "select k.id, k.workspace_id, l.name, k.launched_at, n.position, n.destination \
                      from campaign k join list l on l.id = k.list_id \
                      left join link n on n.campaign_id = k.id and n.personal = 0 where ";

impl CampaignCache {
    /// All that were ever launched.
    pub async fn load(conn: &mut Conn) -> Result<Self> {
        let campaigns = Self::default();
        campaigns.keep(read(Sql::new(SELECT).push("k.launched_at is not null"), conn).await?);
        Ok(campaigns)
    }

    /// Those that have begun to run elsewhere, before their first click comes.
    pub async fn meet_running(&self, conn: &mut Conn) -> Result<()> {
        self.keep(read(Sql::new(SELECT).push("k.state = 'running'"), conn).await?);
        Ok(())
    }

    /// A campaign that is in memory.
    pub fn recall(&self, id: Id) -> Option<Arc<CachedCampaign>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// A campaign from the database. A draft is not kept, since its list and links may change.
    pub async fn find(&self, conn: &mut Conn, id: Id) -> Result<Option<Arc<CachedCampaign>>> {
        let mut found = read(Sql::new(SELECT).push("k.id = ").bind(id), conn).await?;
        match found.remove(&id) {
            Some(known) if known.launched => {
                self.keep(HashMap::from([(id, known)]));
                Ok(self.recall(id))
            }
            draft => Ok(draft.map(Arc::new)),
        }
    }

    fn keep(&self, found: HashMap<Id, CachedCampaign>) {
        let found = found.into_iter().map(|(id, known)| (id, Arc::new(known)));
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(found);
    }
}

async fn read(sql: &mut Sql, conn: &mut Conn) -> Result<HashMap<Id, CachedCampaign>> {
    let mut found: HashMap<Id, CachedCampaign> = HashMap::new();
    for row in sql.all(conn).await? {
        let known = found.entry(row.get(0)).or_insert_with(|| CachedCampaign {
            workspace: row.get(1),
            list_name: row.get(2),
            launched: row.get::<Option<i64>, _>(3).is_some(),
            destinations: HashMap::new(),
        });
        let destination: Option<String> = row.get(5);
        if let (Some(position), Some(to)) = (row.get::<Option<i32>, _>(4), destination.and_then(|to| location(&to))) {
            known.destinations.insert(position, to);
        }
    }
    Ok(found)
}
