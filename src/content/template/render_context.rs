//! What a template can read for one recipient: values, URLs of the delivery's pages and links, and the limit on the bytes of
//! values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::value::{Object, Value};
use minijinja::{Error, State};

use crate::content::brand::Brand;
use crate::content::template::bounds::{MAX_VALUES, RenderLimit};
use crate::content::template::escape::pixel_html;

/// The name under which templates read values of the engine itself; refused in tags of the marketer.
pub const INTERNAL: &str = "sendoff";

/// The values that templates can read for one recipient.
#[derive(Debug, Default)]
pub struct RenderContext {
    /// Field values; fields without a value are absent.
    pub values: BTreeMap<String, Value>,
    /// The address as the recipient spells it.
    pub address: String,
    /// The brand.
    pub brand: Arc<Brand>,
    /// `{{ today }}`: the day of the launch, `YYYY-MM-DD`.
    pub today: String,
    /// The pages of the delivery.
    pub pages: PageUrls,
    /// Subject and preheader, set once they are rendered.
    pub headers: OnceLock<[String; 2]>,
    /// Where each measured link leads, by position.
    pub links: OnceLock<Vec<LinkTarget>>,
    /// Fields printed without a value since the last [`RenderContext::take_missing`].
    pub missing: Mutex<BTreeSet<String>>,
    /// Bytes of the values that the tags of the part have read and made.
    pub value_bytes: AtomicUsize,
}

/// The URLs of the pages of one delivery.
#[derive(Debug, Default)]
pub struct PageUrls {
    /// `{{ unsubscribe_url }}`.
    pub unsubscribe: String,
    /// `{{ preferences_url }}`.
    pub preferences: String,
    /// `{{ view_url }}`.
    pub view: String,
    /// The tracking pixel; `None` if nothing is measured.
    pub pixel: Option<String>,
}

/// Where a link leads for one recipient.
#[derive(Debug, Clone, Default)]
pub struct LinkTarget {
    /// The URL in the message.
    pub url: String,
    /// Fields that the URL prints without a value.
    pub missing: BTreeSet<String>,
}

impl RenderContext {
    /// Counts the bytes of a value that a tag reads or makes.
    pub fn spend(&self, bytes: usize) -> Result<(), Error> {
        self.value_bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.has_spent() { Err(RenderLimit::Values.error()) } else { Ok(()) }
    }

    pub(super) fn has_spent(&self) -> bool {
        self.value_bytes.load(Ordering::Relaxed) > MAX_VALUES
    }

    /// Records that a field was printed without a value.
    pub fn record_missing(&self, name: &str) {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    }

    /// Takes the recorded fields.
    pub fn take_missing(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.missing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The URL of a link. Fields that it prints without a value are recorded.
    pub fn link_url(&self, position: usize) -> Option<&str> {
        let target = self.links.get()?.get(position)?;
        target.missing.iter().for_each(|name| self.record_missing(name));
        Some(&target.url)
    }

    fn internal_value(&self, name: &str) -> Option<Value> {
        let header = |number: usize| self.headers.get().map(|headers| Value::from(headers[number].as_str()));
        match name {
            "subject" => header(0),
            "preheader" => header(1),
            "pixel" => self.pages.pixel.as_deref().map(|url| Value::from_safe_string(pixel_html(url))),
            _ => {
                let position: usize = name.strip_prefix("link_")?.parse().ok()?;
                self.link_url(position).map(Value::from)
            }
        }
    }
}

/// The values under [`INTERNAL`].
#[derive(Debug)]
pub(super) struct InternalValues(pub(super) Arc<RenderContext>);

impl Object for InternalValues {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.internal_value(key.as_str()?)
    }
}

/// Counts the bytes of a value that a filter has made.
pub fn spend(state: &State<'_, '_>, bytes: usize) -> Result<(), Error> {
    match state.lookup(INTERNAL) {
        Some(internal) => match internal.downcast_object_ref::<InternalValues>() {
            Some(internal) => internal.0.spend(bytes),
            None => Ok(()),
        },
        None => Ok(()),
    }
}
