//! The desk: pages of the staff. Each is of a workspace and below `/w/{workspace}`; [`routes`] lists them with the action
//! that each needs.

pub mod audit;
mod calendar;
pub mod campaign;
pub mod campaigns;
pub mod chart;
pub mod chosen;
pub mod clicks;
pub mod command;
pub mod compare;
pub mod destruction;
mod draft;
pub mod events;
pub mod exports;
pub mod fields;
pub mod forms;
pub mod gallery;
pub mod growth;
pub mod help;
pub mod home;
pub mod import_undo;
pub mod imports;
pub mod inbox;
pub mod installation;
pub mod job;
pub mod link_check;
pub mod listing;
pub mod lists;
pub mod mailed_reports;
pub mod media;
pub mod people;
pub mod person;
pub mod policy;
pub mod privacy;
pub mod recipients;
pub mod relays;
pub mod requests;
pub mod retention;
mod revisions;
pub mod routes;
pub mod segment;
pub mod segment_form;
pub mod segments;
pub mod sender;
pub mod series;
pub mod table;
pub mod team;
pub mod users;
pub mod visit;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use self::job::{Counts, Jobs};
use self::visit::Visit;

use crate::audience::import::Summary;
use crate::infra::clock::Millis;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::report::list_growth::Growth;
use crate::report::progress::{Progress as CampaignProgress, ProgressSnapshot, RateEstimator};
use crate::report::slow_counts::SlowCounts;
use crate::report::summary::EventNumbers;
use crate::usecase::campaign::Started;
use crate::usecase::field::FieldRow;
use crate::usecase::field_change::FieldUsage;
use crate::usecase::import_undo::{Undoable, Undone};
use crate::usecase::list::Closed;
use crate::usecase::localize::StoredMessage;
use crate::usecase::preflight::PreflightView;
use crate::usecase::trace_search::Searched;
use crate::web::page::Frame;

/// The policy of an email in a frame: its own styles, pictures of the web and of an installation that is tried, no script, no form.
const EMAIL_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data: \
                            http://localhost:* http://127.0.0.1:*; \
                            frame-ancestors 'self'; base-uri 'none'; form-action 'none'";

/// The policy of an email whose pictures are not loaded.
const EMAIL_WITHOUT_IMAGES: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; \
                                    base-uri 'none'; form-action 'none'";

/// State of the handlers of the desk.
pub struct DeskState {
    /// Database, keys, clock.
    pub installation: Installation,
    /// Counts of the overview that take long.
    pub counts: SlowCounts,
    /// Checks of campaigns, by campaign.
    pub checks: Jobs<PreflightView>,
    /// Starts of campaigns, by campaign.
    pub starts: Jobs<Started>,
    /// Readings of uploaded files, by upload.
    pub rehearsals: Jobs<Summary>,
    /// Imports of uploaded files, by upload.
    pub imports: Jobs<Summary>,
    /// Counts of whom the undo of an import would remove, by import.
    pub undo_counts: Jobs<Undoable>,
    /// Undos of imports, by import.
    pub undos: Jobs<Undone>,
    /// Growths of lists, by list.
    pub growths: Counts<Growth>,
    /// Opens and clicks of large campaigns, by campaign.
    pub events: Counts<EventNumbers>,
    /// Who uses a field, by a digest of its workspace and name.
    pub field_uses: Counts<FieldUsage>,
    /// Searches for the traces of an address, by a number of their own.
    pub searches: Jobs<Searched>,
    /// Closings of lists, by list.
    pub closings: Jobs<Closed>,
    erased: Arc<Notify>,
    public_address: OnceLock<SocketAddr>,
    rates: Mutex<HashMap<Id, RateEstimator>>,
}

impl DeskState {
    /// The state at start. `erased` is notified after each erasure.
    pub fn new(installation: Installation, erased: Arc<Notify>) -> Self {
        Self {
            installation,
            counts: SlowCounts::default(),
            checks: Jobs::default(),
            starts: Jobs::default(),
            rehearsals: Jobs::default(),
            imports: Jobs::default(),
            undo_counts: Jobs::default(),
            undos: Jobs::default(),
            growths: Counts::default(),
            events: Counts::default(),
            field_uses: Counts::default(),
            searches: Jobs::default(),
            closings: Jobs::default(),
            erased,
            public_address: OnceLock::new(),
            rates: Mutex::default(),
        }
    }

    /// Says that somebody was erased, so that the bytes are removed soon.
    pub fn notify_erased(&self) {
        self.erased.notify_one();
    }

    /// The address of the public listener, where the one-click button of the inbox posts to.
    pub fn public_address(&self) -> Option<SocketAddr> {
        self.public_address.get().copied()
    }

    /// Sets the address of the public listener, of which a process has one.
    pub fn set_public_address(&self, address: SocketAddr) {
        // A second call keeps the first address.
        let _ = self.public_address.set(address);
    }

    /// The progress of a campaign, with its rate since earlier calls.
    pub fn with_rate(&self, campaign: Id, snapshot: ProgressSnapshot) -> CampaignProgress {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot.with_rate(rates.entry(campaign).or_default(), self.installation.clock.now())
    }
}

/// Rate, end time and reasons of a campaign.
fn notes(frame: Frame, reason: Option<&StoredMessage>, progress: &CampaignProgress, now: Millis) -> Vec<String> {
    let messages = [progress.speed(now), progress.uncertain_note()].into_iter().flatten();
    let mut notes: Vec<String> = messages.map(|message| frame.lang.translate(&message)).collect();
    notes.extend(progress.numbers.notes().iter().map(|message| frame.lang.translate(message)));
    notes.extend(progress.by_lane(now, frame.lang));
    notes.extend(reason.map(|reason| reason.translate(frame.lang)));
    notes
}

/// How far work in the background is.
pub struct Progress {
    /// What is done.
    pub done: u64,
    /// All there is; 0 while that is unknown.
    pub total: u64,
}

impl Progress {
    /// The progress of a job.
    pub fn of((done, total): (u64, u64)) -> Self {
        Self { done, total }
    }
}

/// The value of a field as it is shown and typed; empty without one.
fn shown_value(visit: &Visit, field: &FieldRow, value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(value) if field.kind == "flag" => visit.tr(if *value == 1 { "desk-yes" } else { "desk-no" }),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
