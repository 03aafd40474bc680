//! State of the handlers for recipients: one part for pages, one for opens and clicks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::campaign_cache::{CachedCampaign, CampaignCache};
use crate::campaign::composer_cache::ComposerCache;
use crate::feedback::recorder::Recorder;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::token::{DeliveryRef, TokenPurpose};
use crate::privacy::request_journal::{self, RecipientRequest, RequestJournal, RequestStatus};
use crate::usecase::Actor;
use crate::usecase::recipient::{self, Requested};
use crate::web::page::within;
use crate::web::page::{Frame, PageBrand};
use crate::web::settings::SettingsCache;

/// How long an unsubscribe request waits for the name of its list.
const NAME_TIMEOUT: Duration = Duration::from_millis(300);
/// Mailbox providers give up early: an unsubscribe request is answered within a second.
const _: () = assert!(NAME_TIMEOUT.as_millis() + request_journal::EXECUTION_TIMEOUT.as_millis() < 1_000);

/// State for the pages of recipients.
pub struct RecipientState {
    /// Database, keys, clock.
    pub installation: Installation,
    /// Compiled campaigns whose messages were viewed last.
    pub composers: ComposerCache,
    journal: RequestJournal,
    campaigns: Arc<CampaignCache>,
    erased: Arc<Notify>,
}

/// State for opens and clicks.
pub struct TrackingState {
    /// Database, keys, clock.
    pub installation: Installation,
    /// Records opens and clicks.
    pub recorder: Recorder,
    /// Campaigns with the destinations of their links.
    pub campaigns: Arc<CampaignCache>,
    /// Settings of every page.
    pub settings: Arc<SettingsCache>,
}

/// What a page takes from the email that led to it.
#[derive(Debug, Clone)]
pub struct PageContext {
    /// In the language of the email.
    pub frame: Frame,
    /// The name of the list.
    pub list: String,
    /// The sender's brand.
    pub brand: PageBrand,
}

impl RecipientState {
    /// State over these services. `erased` is notified after each erasure.
    pub fn new(
        installation: Installation,
        journal: RequestJournal,
        campaigns: Arc<CampaignCache>,
        erased: Arc<Notify>,
    ) -> Self {
        Self { installation, composers: ComposerCache::default(), journal, campaigns, erased }
    }

    /// The delivery that a token of this purpose names; `None` for an invalid token.
    pub fn verify(&self, purpose: TokenPurpose, token: &str) -> Option<DeliveryRef> {
        self.installation.signer.verify(purpose, token)
    }

    /// The path of the preferences page of a delivery, as seen from a page.
    pub fn preferences_path(&self, frame: Frame, delivery: DeliveryRef) -> String {
        let token = self.installation.signer.message_secret(delivery).token(TokenPurpose::Preferences);
        frame.at(&format!("/p/{token}"))
    }

    /// Language, list and brand of the email that led to a page; a general word for the list, and no brand, while the
    /// database does not answer.
    pub async fn context(&self, frame: Frame, delivery: DeliveryRef) -> PageContext {
        match timeout(NAME_TIMEOUT, self.campaigns.get_or_read(&self.installation, delivery.campaign)).await {
            Ok(Ok(Some(campaign))) => PageContext {
                frame: frame.in_language(campaign.language),
                list: campaign.list_name.clone(),
                brand: campaign.brand.clone(),
            },
            _ => PageContext { frame, list: frame.tr("list-unnamed"), brand: PageBrand::default() },
        }
    }

    /// Lets the bytes of what was erased be removed.
    pub fn notify_erased(&self) {
        self.erased.notify_one();
    }

    /// Executes or records a request. It runs to its end even when the client disconnects.
    pub async fn submit(self: &Arc<Self>, delivery: DeliveryRef, request: RecipientRequest) -> Result<Requested> {
        let state = self.clone();
        let submitting = tokio::spawn(async move {
            let requested =
                recipient::request(&state.installation, &state.journal, &Actor::recipient(), delivery, request).await?;
            state.erased.notify_one();
            Ok(requested)
        });
        match submitting.await {
            Ok(requested) => requested,
            Err(_) => {
                let status: RequestStatus = self.journal.record(delivery, request).await?;
                Ok(Requested { status, contact: None })
            }
        }
    }
}

impl TrackingState {
    /// A campaign, read from the database only if it is not cached.
    pub async fn campaign(&self, id: Id) -> Result<Option<Arc<CachedCampaign>>> {
        within(self.campaigns.get_or_read(&self.installation, id)).await
    }
}
