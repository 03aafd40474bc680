//! Replaces `campaign` for the included files of the mailer.

pub mod rate_limit {
    /// A daily quota, or no limit.
    #[derive(Debug, Clone, Copy, PartialEq, Default)]
    pub struct RateLimit(pub Option<i64>);

    impl RateLimit {
        pub fn is_unlimited(&self) -> bool {
            self.0.is_none()
        }
    }
}

#[path = "../../src/campaign/delivery/in_flight.rs"]
pub mod in_flight;

pub mod delivery {
    use crate::infra::id::Id;

    pub mod claim {
        pub use crate::campaign::in_flight::InFlight;
    }

    #[derive(Clone, Copy)]
    pub struct Mark {
        pub id: Id,
    }

    /// What the message of a delivery is made from: its id.
    pub struct Marked(pub Id);

    pub struct DeliveryResult {
        pub id: Id,
    }
}
