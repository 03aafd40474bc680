//! Rates of a campaign, each with the name of its denominator. All count messages or people once; totals are counts, never
//! rates.

use serde::Serialize;
use serde::ser::SerializeMap;

use super::summary::Summary;
use crate::infra::error::Message;
use crate::infra::i18n::Lang;

/// A rate: `numerator` of `denominator`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Its name, as in JSON and in exports: what is counted, per what.
    pub name: &'static str,
    /// Catalogue key of its description.
    pub key: &'static str,
    /// What is counted.
    pub numerator: i64,
    /// Of how many.
    pub denominator: i64,
    /// False when nothing was measured: then the rate is unknown, and not 0.
    pub known: bool,
}

impl Rate {
    /// The share from 0 to 1, with six decimals; `None` when nothing was measured or the denominator is 0.
    pub fn share(&self) -> Option<f64> {
        let share = self.numerator as f64 / self.denominator as f64;
        (self.known && self.denominator > 0).then(|| (share * 1e6).round() / 1e6)
    }

    /// The share in per cent with one decimal, for people; a dash when it is unknown.
    pub fn percent(&self, lang: Lang) -> String {
        let Some(share) = self.share() else { return "—".to_owned() };
        let number = format!("{:.1}", share * 100.0).replace('.', &lang.tr("rate-decimal-sign"));
        lang.translate(&Message::new("rate-percent").with("number", number))
    }

    /// One line for people: the share, what it is, and the numbers it is made from.
    pub fn line(&self, lang: Lang) -> String {
        format!("{:>10}  {} ({} / {})", self.percent(lang), lang.tr(self.key), self.numerator, self.denominator)
    }
}

/// The rates of a campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates([Rate; 6]);

impl Rates {
    /// The rates of these numbers.
    pub fn of(summary: &Summary, measured: bool) -> Self {
        let answered = summary.accepted + summary.rejected;
        let rate = |name, key, numerator, denominator| Rate { name, key, numerator, denominator, known: true };
        let measured = |rate: Rate| Rate { known: measured, ..rate };
        Self([
            rate("accepted_per_planned", "rate-accepted", summary.accepted, summary.planned),
            rate("rejected_per_answered", "rate-rejected", summary.rejected, answered),
            measured(rate("opens_per_accepted", "rate-opens", summary.opens, summary.accepted)),
            measured(rate("clicks_per_accepted", "rate-clicks", summary.clicks, summary.accepted)),
            measured(rate("clicks_per_open", "rate-clicks-of-opens", summary.clicks, summary.opens)),
            rate("unsubscribed_per_accepted", "rate-unsubscribed", summary.unsubscribed, summary.accepted),
        ])
    }

    /// The rates in the order of reports.
    pub fn iter(&self) -> impl Iterator<Item = &Rate> {
        self.0.iter()
    }
}

/// An object of shares by name; null where a rate is unknown.
impl Serialize for Rates {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for rate in self.iter() {
            map.serialize_entry(rate.name, &rate.share())?;
        }
        map.end()
    }
}
