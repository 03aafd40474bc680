//! What a policy file says, as types: controller, editions, purposes, measurement, age rule, contract, retention.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::jurisdiction::Jurisdiction;
use crate::audience::consent::Basis;
use crate::infra::clock::Millis;

crate::text_enum! {
    /// What is recorded of opens and clicks.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    MeasurementMode {
        /// Nothing: no pixel, plain links.
        None = "none",
        /// Counts of a campaign: one pixel for all its recipients, plain links, no row that names a person.
        Campaign = "campaign",
        /// Opens and clicks of each person whom the rule of consent allows to measure.
        Individual = "individual",
    }
}

crate::text_enum! {
    /// Whether somebody who said nothing is measured.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    MeasurementConsent {
        /// Measured are those who agreed.
        OptIn = "opt-in",
        /// Measured is everyone who did not refuse.
        OptOut = "opt-out",
    }
}

/// The facts on a subscription that a mailing processor may get and report: address, date of subscription, open and its time,
/// click and its time, whether the address can be reached.
pub const FIVE_FACTS: &[&str] = &["email", "subscribed_at", "opened_at", "clicked_at", "reachable"];

/// A day of the calendar, as `YYYY-MM-DD`. It begins at midnight UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(jiff::civil::Date);

impl Day {
    /// The day of a moment in UTC.
    pub fn of(at: Millis) -> Self {
        let at = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self(at.to_zoned(jiff::tz::TimeZone::UTC).date())
    }

    /// When the day begins.
    pub fn start(self) -> Millis {
        let start = self.0.to_zoned(jiff::tz::TimeZone::UTC);
        start.map_or(0, |start| start.timestamp().as_millisecond())
    }
}

impl FromStr for Day {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The privacy policy of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The country whose rules set what the file leaves out.
    pub jurisdiction: Jurisdiction,
    /// Who answers for the data.
    pub controller: Controller,
    /// The published texts, oldest first.
    pub editions: Vec<Edition>,
    /// What the data are used for.
    pub purposes: Vec<Purpose>,
    /// The categories of fields, where the file names them.
    pub fields: Vec<FieldCategory>,
    /// What is recorded of opens and clicks.
    pub measurement: Measurement,
    /// Who is too young.
    pub age: Option<AgeRule>,
    /// When the contract with the workspace ends, and what follows.
    pub contract: Option<Contract>,
    /// Whether support staff may look in.
    pub support: Support,
    /// How long each kind of data is kept.
    pub retention: Retention,
    /// The promises that the company makes; empty for all.
    pub promises: Vec<String>,
}

impl Policy {
    /// The purpose of a name.
    pub fn purpose(&self, name: &str) -> Option<&Purpose> {
        self.purposes.iter().find(|purpose| purpose.name == name)
    }

    /// The purpose that a list serves.
    pub fn purpose_of_list(&self, list: &str) -> Option<&Purpose> {
        self.purposes.iter().find(|purpose| purpose.lists.iter().any(|name| name == list))
    }

    /// The edition in force at a time: the newest that has taken effect.
    pub fn edition_at(&self, now: Millis) -> Option<&Edition> {
        self.editions.iter().rev().find(|edition| edition.effective.start() <= now)
    }

    /// The edition that is published and not in force yet.
    pub fn coming_edition(&self, now: Millis) -> Option<&Edition> {
        self.editions.last().filter(|edition| edition.effective.start() > now)
    }

    /// The least age of a person, where there is a rule.
    pub fn minimum_age(&self) -> Option<u32> {
        self.age.as_ref().map(|age| age.minimum)
    }
}

/// Who answers for the data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Controller {
    /// Name of the company.
    pub name: String,
    /// Postal address.
    pub address: String,
    /// Mail address for questions about data.
    pub email: String,
    /// Telephone.
    pub phone: String,
    /// Who is responsible for data protection.
    pub officer: String,
}

/// One published text of the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// Its number, rising.
    pub number: u32,
    /// The day it bears.
    pub dated: Day,
    /// The day from which it applies.
    pub effective: Day,
    /// Its text by tag of a language.
    pub texts: BTreeMap<String, String>,
}

impl Edition {
    /// The text in a language, else in the first there is.
    pub fn text(&self, lang: &str) -> &str {
        by_language(&self.texts, lang)
    }
}

/// What data are used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// Its name in consent receipts and commands.
    pub name: String,
    /// The legal basis.
    pub basis: Basis,
    /// The lists that serve it.
    pub lists: Vec<String>,
    /// The fields that it needs; the address always belongs to it.
    pub fields: Vec<String>,
    /// What the person is told, by tag of a language.
    pub texts: BTreeMap<String, String>,
    /// Days after the last activity for which the data are kept for this purpose.
    pub retention: Option<u32>,
    /// Who else gets data.
    pub processors: Vec<Processor>,
}

impl Purpose {
    /// What the person is told, in a language, else in the first there is.
    pub fn text(&self, lang: &str) -> &str {
        by_language(&self.texts, lang)
    }

    /// Whether the purpose needs a field.
    pub fn has_field(&self, name: &str) -> bool {
        name == "email" || self.fields.iter().any(|field| field == name)
    }
}

/// Somebody who gets data for a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processor {
    /// Name of the company.
    pub name: String,
    /// The facts it gets: [`FIVE_FACTS`] or fields of the purpose.
    pub facts: Vec<String>,
}

/// The category of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldCategory {
    /// Name of the field.
    pub name: String,
    /// Its category, such as `name`, `contact` or `device`; never a special one.
    pub category: String,
}

/// What is recorded of opens and clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// Of whom.
    pub mode: MeasurementMode,
    /// Whether somebody who said nothing is measured; matters in mode `individual`.
    pub consent: MeasurementConsent,
    /// Days after a message for which its opens and clicks are needed.
    pub days: u32,
}

impl Measurement {
    /// Whether a person is measured who agreed, refused, or said nothing.
    pub fn allows(&self, answer: Option<bool>) -> bool {
        self.mode == MeasurementMode::Individual && answer.unwrap_or(self.consent == MeasurementConsent::OptOut)
    }
}

/// Who is too young.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgeRule {
    /// The least age in years.
    pub minimum: u32,
    /// The field with the date of birth.
    pub field: String,
}

/// The end of the contract with a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// The day it ends; from then on nothing is sent.
    pub ends: Day,
    /// Days after the end by which all personal data are erased.
    pub erase_after_days: u32,
    /// Days after the end by which no backup holds them.
    pub backups_expire_after_days: u32,
}

/// Whether support staff may look into the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// True when an owner may let them in.
    pub allowed: bool,
    /// Hours after which a grant ends.
    pub hours: u32,
}

/// Days for which each kind of data is kept; `None` for as long as the person stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retention {
    /// Opens and clicks.
    pub events: Option<u32>,
    /// Deliveries.
    pub deliveries: Option<u32>,
    /// Contacts since their last activity.
    pub contacts_without_activity: Option<u32>,
    /// Sealed receipts of people who are gone.
    pub consents: Option<u32>,
    /// Exports in the data folder.
    pub exports: Option<u32>,
}

fn by_language<'t>(texts: &'t BTreeMap<String, String>, lang: &str) -> &'t str {
    texts.get(lang).or_else(|| texts.values().next()).map_or("", String::as_str)
}
