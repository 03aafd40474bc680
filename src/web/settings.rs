//! Settings that every page needs, cached in memory so that pages work while the database does not answer.

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::header::{HOST, HeaderMap};

use super::session_cookie::is_https;
use crate::infra::i18n::Lang;
use crate::usecase::web_cache::PageSettings;

/// The settings as last read from the database.
pub struct SettingsCache(RwLock<Arc<PageSettings>>);

impl SettingsCache {
    /// A cache of these settings.
    pub fn new(settings: PageSettings) -> Self {
        Self(RwLock::new(Arc::new(settings)))
    }

    /// Replaces the settings.
    pub fn set(&self, settings: PageSettings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// The settings as last read.
    pub fn get(&self) -> Arc<PageSettings> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The language of readers whose browser asks for none of ours.
    pub fn language(&self) -> Lang {
        self.get().language
    }

    /// The base of links to the desk, without a slash at the end: the setting, or where a page with these headers was asked for.
    pub fn desk_base(&self, headers: &HeaderMap) -> String {
        let settings = self.get();
        if !settings.desk_url.is_empty() {
            return settings.desk_url.clone();
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let scheme = if is_https(headers, &settings.public_url) { "https" } else { "http" };
        format!("{scheme}://{host}")
    }

    /// Whether recipients connect by HTTPS.
    pub fn is_https(&self) -> bool {
        self.get().public_url.starts_with("https:")
    }
}
