//! Cache of launched campaigns: list name, brand and link destinations. The links are fixed at launch, so a redirect reads
//! no database and works for erased recipients.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderValue;
use url::Url;

use crate::infra::error::Result;
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::usecase::web_cache::{self, PublicCampaign};
use crate::web::page::PageBrand;

/// A campaign as its recipients need it.
#[derive(Debug, Clone)]
pub struct CachedCampaign {
    /// The name of its list.
    pub list_name: String,
    /// The language of its email; `None` for a campaign of an earlier version.
    pub language: Option<Lang>,
    /// The sender's brand.
    pub brand: PageBrand,
    destinations: HashMap<i32, HeaderValue>,
}

impl CachedCampaign {
    /// The `Location` of a link; `None` for a position that the email does not have, and for links that differ from
    /// recipient to recipient.
    pub fn destination(&self, position: i32) -> Option<&HeaderValue> {
        self.destinations.get(&position)
    }
}

impl From<PublicCampaign> for CachedCampaign {
    fn from(campaign: PublicCampaign) -> Self {
        let links = campaign.links.into_iter();
        let destinations = links.filter_map(|(position, to)| Some((position, location(&to)?))).collect();
        let brand = PageBrand { name: campaign.brand_name, logo: campaign.brand_logo, color: campaign.brand_color };
        Self { list_name: campaign.list_name, language: campaign.language, brand, destinations }
    }
}

/// The launched campaigns in memory, by id.
#[derive(Debug, Default)]
pub struct CampaignCache(RwLock<HashMap<Id, Arc<CachedCampaign>>>);

impl CampaignCache {
    /// A cache of these campaigns.
    pub fn new(campaigns: Vec<PublicCampaign>) -> Self {
        let cache = Self::default();
        cache.add(campaigns);
        cache
    }

    /// Adds or replaces campaigns.
    pub fn add(&self, campaigns: Vec<PublicCampaign>) {
        let campaigns = campaigns.into_iter().map(|campaign| (campaign.id, Arc::new(campaign.into())));
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(campaigns);
    }

    /// A campaign in memory.
    pub fn get(&self, id: Id) -> Option<Arc<CachedCampaign>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// A campaign, read from the database if it is not in memory. A draft is not cached, since its list and links may
    /// change.
    pub async fn get_or_read(&self, installation: &Installation, id: Id) -> Result<Option<Arc<CachedCampaign>>> {
        if let Some(cached) = self.get(id) {
            return Ok(Some(cached));
        }
        match web_cache::find(installation, id).await? {
            Some(campaign) if campaign.is_launched => {
                self.add(vec![campaign]);
                Ok(self.get(id))
            }
            draft => Ok(draft.map(|campaign| Arc::new(campaign.into()))),
        }
    }
}

/// The destination as a header: unchanged if it is ASCII, encoded otherwise. `None` unless it is `http` or `https`.
pub(super) fn location(destination: &str) -> Option<HeaderValue> {
    let url = Url::parse(destination).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    let plain = destination.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    HeaderValue::from_str(if plain { destination } else { url.as_str() }).ok()
}
