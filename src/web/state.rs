//! State of the web role, built in one place: a part for each group of handlers, which axum hands over by `State`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRef;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::desk::DeskState;
use super::entering::EnteringState;
use super::health::HealthState;
use super::page::within;
use super::public::campaign_cache::CampaignCache;
use super::public::state::{RecipientState, TrackingState};
use super::settings::SettingsCache;
use crate::feedback::recorder::Recorder;
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::privacy::request_journal::RequestJournal;
use crate::usecase::{link_mail, request_reminder, web_cache};

/// How often pending requests are executed, and how many times between two refreshes of the caches.
const REPLAY_INTERVAL: Duration = Duration::from_secs(1);
const REPLAYS_PER_REFRESH: u32 = 5;
/// Ticks of the same clock between two looks for links that have expired.
const TICKS_PER_EXPIRY: u32 = 3_600;

/// The state of a web role. Cheap to clone.
#[derive(Clone)]
pub struct WebState {
    /// Records opens and clicks.
    pub recorder: Recorder,
    /// Executes or records requests of recipients.
    pub journal: RequestJournal,
    /// Settings of every page.
    pub settings: Arc<SettingsCache>,
    /// For the pages of recipients.
    pub recipients: Arc<RecipientState>,
    /// For opens and clicks.
    pub tracking: Arc<TrackingState>,
    /// For the desk.
    pub desk: Arc<DeskState>,
    /// For the pages by which the staff enters the desk.
    pub entering: Arc<EnteringState>,
    /// For health and metrics.
    pub health: Arc<HealthState>,
    /// Database, keys, clock.
    pub installation: Installation,
    campaigns: Arc<CampaignCache>,
    /// The names of lists and brands when the campaigns were last read.
    names: Arc<Mutex<Vec<String>>>,
    erased: Arc<Notify>,
}

/// Lets handlers take a part of the state.
macro_rules! parts_of_the_state {
    ($($field:ident: $part:ty,)*) => {
        $(impl FromRef<WebState> for Arc<$part> {
            fn from_ref(state: &WebState) -> Self {
                state.$field.clone()
            }
        })*
    };
}

parts_of_the_state! {
    settings: SettingsCache,
    recipients: RecipientState,
    tracking: TrackingState,
    desk: DeskState,
    entering: EnteringState,
    health: HealthState,
}

impl WebState {
    /// Reads the caches, starts the recorder, and executes requests that are pending on disk. `erased` is notified after
    /// each erasure.
    pub async fn open(installation: Installation, erased: Arc<Notify>) -> Result<Self> {
        let settings = Arc::new(SettingsCache::new(web_cache::read_settings(&installation).await?));
        let names = Arc::new(Mutex::new(web_cache::read_names(&installation).await?));
        let campaigns = Arc::new(CampaignCache::new(web_cache::list_launched(&installation).await?));
        let (recorder, journal) = (Recorder::start(&installation), RequestJournal::new(&installation));
        let recipients = RecipientState::new(installation.clone(), journal.clone(), campaigns.clone(), erased.clone());
        let tracking = TrackingState {
            installation: installation.clone(),
            recorder: recorder.clone(),
            campaigns: campaigns.clone(),
            settings: settings.clone(),
        };
        let state = Self {
            recipients: Arc::new(recipients),
            tracking: Arc::new(tracking),
            entering: Arc::new(EnteringState::new(installation.clone(), settings.clone())),
            desk: Arc::new(DeskState::new(installation.clone(), erased.clone())),
            health: Arc::new(HealthState::new(installation.clone(), journal.clone(), recorder.clone())),
            recorder,
            journal,
            settings,
            installation,
            campaigns,
            names,
            erased,
        };
        state.replay_requests().await;
        Ok(state)
    }

    /// Executes pending requests and refreshes the caches, without end.
    pub async fn run_maintenance(&self) {
        let mut ticks = interval(REPLAY_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for count in 1_u32.. {
            ticks.tick().await;
            self.replay_requests().await;
            self.send_links(count).await;
            if count % REPLAYS_PER_REFRESH == 0
                && let Err(error) = panic::catch_async(self.refresh()).await.flatten()
            {
                tracing::warn!(error = error.message().key, "settings and campaigns could not be refreshed");
            }
        }
    }

    /// Sends messages with links that were asked for; once an hour, and at the beginning, deletes those that have expired.
    async fn send_links(&self, count: u32) {
        if count % TICKS_PER_EXPIRY == 1
            && let Err(error) = panic::catch_async(link_mail::expire(&self.installation)).await.flatten()
        {
            tracing::warn!(error = error.message().key, "links that have expired could not be deleted");
        }
        if count % TICKS_PER_EXPIRY == 2
            && let Err(error) = panic::catch_async(request_reminder::remind(&self.installation)).await.flatten()
        {
            tracing::warn!(error = error.message().key, "owners could not be reminded of requests");
        }
        if let Err(error) = panic::catch_async(link_mail::send_due(&self.installation)).await.flatten() {
            tracing::warn!(error = error.message().key, "messages with links could not be sent");
        }
    }

    /// Reads what may have changed in another process: settings, running campaigns, and the names that pages show.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refresh(&self) -> Result<()> {
        let is_known = |id| self.campaigns.get(id).is_some();
        let names = within(web_cache::read_names(&self.installation)).await?;
        let are_known = *self.names.lock().unwrap_or_else(PoisonError::into_inner) == names;
        if are_known {
            self.campaigns.add(within(web_cache::list_new_running(&self.installation, is_known)).await?);
        } else {
            self.campaigns.add(within(web_cache::list_launched(&self.installation)).await?);
            *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        }
        self.settings.set(within(web_cache::read_settings(&self.installation)).await?);
        Ok(())
    }

    async fn replay_requests(&self) {
        if self.journal.is_empty() {
            return;
        }
        let replayed = panic::catch_async(self.journal.replay()).await.flatten();
        if replayed.as_ref().is_err_and(panic::is_panic) {
            self.installation.panics.record("journal");
        }
        match replayed {
            Ok(requests) => {
                tracing::info!(requests, "pending unsubscribe requests were executed");
                self.erased.notify_one();
            }
            Err(error) => tracing::warn!(error = error.message().key, "unsubscribe requests stay pending on disk"),
        }
    }
}
