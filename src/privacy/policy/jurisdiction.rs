//! Jurisdictions: what a policy file leaves out is set by the rules of the country it names.

use serde::{Deserialize, Serialize};

use super::model::{Measurement, MeasurementConsent, MeasurementMode, Retention};

crate::text_enum! {
    /// The country whose rules a workspace follows.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    Jurisdiction {
        /// Russia.
        Ru = "ru",
        /// The European Union.
        Eu = "eu",
        /// The United Kingdom.
        Uk = "uk",
        /// The United States.
        Us = "us",
        /// Canada.
        Ca = "ca",
    }
}

/// Days for which the opens and clicks of a message are needed.
const MEASUREMENT_DAYS: u32 = 30;

impl Jurisdiction {
    /// Measurement without a section `[measurement]`: by consent of the person where the law asks for it.
    pub const fn measurement(self) -> Measurement {
        let consent = match self {
            Self::Ru | Self::Eu | Self::Uk => MeasurementConsent::OptIn,
            Self::Us | Self::Ca => MeasurementConsent::OptOut,
        };
        Measurement { mode: MeasurementMode::Individual, consent, days: MEASUREMENT_DAYS }
    }

    /// The least age where the section `[age]` names none.
    pub const fn minimum_age(self) -> u32 {
        match self {
            Self::Ru => 18,
            Self::Eu => 16,
            Self::Ca => 14,
            Self::Uk | Self::Us => 13,
        }
    }

    /// Days for which data are kept where the section `[retention]` says nothing.
    pub const fn retention(self) -> Retention {
        let (events, idle, consents) = match self {
            Self::Ru => (365, Some(1095), 1095),
            Self::Eu => (395, Some(1095), 1825),
            Self::Uk => (395, Some(1095), 2190),
            Self::Us => (730, None, 1825),
            Self::Ca => (730, None, 1095),
        };
        Retention {
            events: Some(events),
            deliveries: Some(1095),
            contacts_without_activity: idle,
            consents: Some(consents),
            exports: Some(30),
        }
    }
}
