//! What all doors share. Everything a recipient needs while the database is away is in memory here:
//! the settings, the campaigns with their links, and the two journals that take what comes in.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::campaign_cache::{CachedCampaign, CampaignCache};
use super::health_snapshot::HealthSnapshot;
use crate::feedback::recorder::Recorder;
use crate::infra::db::Conn;
use crate::infra::error::{Error, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::infra::token::DeliveryRef;
use crate::privacy::request_journal::{self, RecipientRequest, RequestJournal, RequestStatus};
use crate::report::progress::RateEstimator;

/// How long a page waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long someone who leaves waits for what is only nice to know.
pub const BRIEFLY: Duration = Duration::from_millis(300);
/// Mailbox providers give up early: who leaves has an answer within a second, whatever hangs.
const _: () = assert!(BRIEFLY.as_millis() + request_journal::EXECUTION_TIMEOUT.as_millis() < 1_000);
/// How often the journal is looked at, and how many looks pass between two readings of the settings.
const LOOK: Duration = Duration::from_secs(1);
const LOOKS: u32 = 5;

/// The settings that pages need.
#[derive(Debug, Clone)]
pub struct WebSettings {
    /// Where recipients reach this installation, without a slash at the end.
    pub public_url: String,
    /// The language of readers whose browser asks for none of ours.
    pub language: Lang,
}

impl WebSettings {
    /// Whether recipients come by TLS.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https:")
    }
}

/// One running web role.
pub struct WebState {
    /// Database, keys, clock.
    pub installation: Installation,
    /// Takes opens and clicks.
    pub recorder: Recorder,
    /// Takes requests to leave.
    pub journal: RequestJournal,
    campaigns: CampaignCache,
    told: RwLock<Arc<WebSettings>>,
    erased: Arc<Notify>,
    /// Where the public doors listen; the desk's one-click button posts there.
    pub(super) public: OnceLock<SocketAddr>,
    paces: std::sync::Mutex<HashMap<Id, RateEstimator>>,
    /// How things stood when someone last asked.
    pub(super) look: Mutex<Option<Arc<HealthSnapshot>>>,
}

impl WebState {
    /// Opens the doors' shared state and carries out what waited on disk. `erased` is told after
    /// each erasure.
    pub async fn open(installation: Installation, erased: Arc<Notify>) -> Result<Arc<Self>> {
        let mut conn = installation.db.read().await?;
        let told = tell(&mut conn).await?;
        let campaigns = CampaignCache::load(&mut conn).await?;
        drop(conn);
        let (recorder, journal) = (Recorder::start(&installation), RequestJournal::new(&installation));
        let app = Arc::new(Self {
            installation,
            recorder,
            journal,
            campaigns,
            told: RwLock::new(Arc::new(told)),
            erased,
            public: OnceLock::new(),
            look: Mutex::default(),
            paces: std::sync::Mutex::default(),
        });
        app.carry_out().await;
        Ok(app)
    }

    /// The settings as last read.
    pub fn told(&self) -> Arc<WebSettings> {
        self.told.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the doors know of a campaign; asks the database only about one it has not met.
    pub async fn campaign(&self, id: Id) -> Result<Option<Arc<CachedCampaign>>> {
        match self.campaigns.recall(id) {
            Some(known) => Ok(Some(known)),
            None => self.ask(async |conn| self.campaigns.find(conn, id).await).await,
        }
    }

    /// What the doors know of a campaign without asking the database.
    pub fn recall(&self, id: Id) -> Option<Arc<CachedCampaign>> {
        self.campaigns.recall(id)
    }

    /// Asks the database, and gives up early enough for a reader to get an answer.
    pub async fn ask<T>(&self, question: impl AsyncFnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        self.wait(async { question(&mut *self.installation.db.read().await?).await }).await
    }

    /// Waits for an answer of the database as long as a reader would.
    pub async fn wait<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        timeout(PATIENCE, answer).await.unwrap_or(Err(Error::Db(sqlx::Error::PoolTimedOut)))
    }

    /// Lends out how fast a campaign was when it was looked at before.
    pub fn pace<T>(&self, campaign: Id, look: impl FnOnce(&mut RateEstimator) -> T) -> T {
        look(self.paces.lock().unwrap_or_else(PoisonError::into_inner).entry(campaign).or_default())
    }

    /// Grants what the reader of a letter asks for, and says who that is while the database knows. From
    /// the first poll on it is carried out even when the caller stops waiting.
    pub async fn grant(
        self: &Arc<Self>,
        claim: DeliveryRef,
        wish: RecipientRequest,
    ) -> Result<(RequestStatus, Option<Id>)> {
        let app = self.clone();
        let granting = tokio::spawn(async move {
            let granted = app.journal.submit(claim, wish).await?;
            app.erased.notify_one();
            Ok(granted)
        });
        match granting.await {
            Ok(granted) => granted,
            Err(_) => Ok((self.journal.record(claim, wish).await?, None)),
        }
    }

    /// Keeps what is in memory fresh and carries out what waits on disk, for ever.
    pub async fn keep(&self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for count in 1_u32.. {
            looks.tick().await;
            self.carry_out().await;
            if count % LOOKS == 0
                && let Err(error) = self.refresh().await
            {
                tracing::warn!(error = error.message().key, "pages go by what was known before");
            }
        }
    }

    async fn refresh(&self) -> Result<()> {
        let told = self
            .ask(async |conn| {
                self.campaigns.meet_running(conn).await?;
                tell(conn).await
            })
            .await?;
        *self.told.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(told);
        Ok(())
    }

    async fn carry_out(&self) {
        if self.journal.is_empty() {
            return;
        }
        match self.journal.replay().await {
            Ok(requests) => {
                tracing::info!(requests, "requests to leave that waited on disk are carried out");
                self.erased.notify_one();
            }
            Err(error) => tracing::warn!(error = error.message().key, "requests to leave wait on disk"),
        }
    }
}

async fn tell(conn: &mut Conn) -> Result<WebSettings> {
    Ok(WebSettings {
        public_url: setting::get(conn, Setting::PublicUrl).await?,
        language: setting::get(conn, Setting::Language).await?.parse()?,
    })
}
